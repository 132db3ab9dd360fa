"""Waiting for something to be told, or to be seen: one look at the store for all who wait, however many there are."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from math import ceil
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from api.limits import WAITING_READERS
from api.problems import Problem
from domain.disclosure.kept import recipient_of
from domain.refusals import Reason
from domain.store import EventStore

T = TypeVar("T")
LONGEST_LOOK_S = 1.0
MOST_READERS = WAITING_READERS.quota
"""Readers of one recipient that wait at a time in one process."""
LOOK_AGAIN_S = 0.005
"""How long after a look the next one begins where no commit says that there is something to see, seconds."""


class Lines:
    """The lines of one ledger's recipients, as far as somebody waits for them. Belongs to one event loop.

    One task looks for all of them: which streams the events behind its position stand in, once for each commit that it is
    woken by. A reader enters before it looks what there is, so that what comes behind its look is behind the position, too.
    """

    def __init__(self, store: EventStore, closing: threading.Event) -> None:
        self._store = store
        self.closing = closing
        self._readers: dict[str, set[Reader]] = {}
        self._position: int | None = None  # as long as nobody is there
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reader(self, recipient: str, receive: Receive) -> AsyncIterator[Reader]:
        """Somebody who is about to look at a recipient's line, and to wait for it. `receive` says when he has gone. Raises
        `StoreUnavailable`."""
        reader = Reader(self, recipient, receive)
        self._readers.setdefault(recipient, set()).add(reader)
        try:
            if self._position is None:
                head = await run_in_threadpool(self._store.head)
                if self._position is None:
                    self._position = head
            yield reader
        finally:
            reader.leave()
            self._readers[recipient].discard(reader)
            if not self._readers[recipient]:
                del self._readers[recipient]
            if not self._readers:
                self._position = None

    def waiting(self, recipient: str) -> list[float]:
        """Until when each of a recipient's readers waits at the latest, in seconds of the monotonic clock."""
        return [reader.until for reader in self._readers.get(recipient, ()) if reader.until is not None]

    def look(self) -> None:
        """See to it that somebody looks."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Look as long as anybody is there. Whatever goes wrong is told to those who wait."""
        try:
            while (after := self._position) is not None:
                grown = await run_in_threadpool(self._store.grown, after)
                if self._position is None:
                    break
                self._position = max(grown.values(), default=after)
                told = {found[0] for found in map(recipient_of, grown) if found is not None}
                self._wake(reader for name in told for reader in self._readers.get(name, ()))
                await run_in_threadpool(self._store.wait_for_commit, LONGEST_LOOK_S, self._position)
                if self.closing.is_set():
                    self._wake(self._everybody())
        except Exception as error:
            for reader in self._everybody():
                reader.fail(error)

    def _everybody(self) -> list[Reader]:
        return [reader for readers in self._readers.values() for reader in readers]

    @staticmethod
    def _wake(readers: Iterable[Reader]) -> None:
        for reader in readers:
            reader.woken.set()


class Reader:
    """Somebody who reads a recipient's line. `until`: how long he waits, none before he does; between two waits he keeps his
    place."""

    def __init__(self, lines: Lines, recipient: str, receive: Receive) -> None:
        self.woken = asyncio.Event()
        self.until: float | None = None
        self._lines = lines
        self._recipient = recipient
        self._receive = receive
        self._error: Exception | None = None
        self._waits = False
        self._going: asyncio.Task[None] | None = None

    async def waits(self, until: float) -> bool:
        """Wait until the line may have grown since he entered, or since this returned: whether to look once more. Not when
        the server stops, nor when it is `until`, in seconds of the monotonic clock.

        Raises Problem (`E_TOO_MANY_READERS`) where enough of the recipient's readers wait already, `ClientDisconnect` when
        he has gone, and whatever the look raises (`StoreUnavailable`).
        """
        if self._lines.closing.is_set() or time.monotonic() >= until:
            return False
        others = self._lines.waiting(self._recipient) if self.until is None else []
        if len(others) >= MOST_READERS:
            free_in = timedelta(seconds=max(1, ceil(min(others) - time.monotonic())))
            told = {"Retry-After": f"{free_in.total_seconds():.0f}", **WAITING_READERS.headers(0, free_in)}
            raise Problem(Reason("E_TOO_MANY_READERS"), headers=told)
        if self._going is None:
            self._going = asyncio.create_task(self._gone())
        self.until, self._waits = until, True
        self._lines.look()
        woken = False
        try:
            with suppress(TimeoutError):
                woken = await asyncio.wait_for(self.woken.wait(), until - time.monotonic())
        finally:
            self._waits = False
        self.woken.clear()
        if self._error is not None:
            raise self._error
        if self._going.done():
            raise ClientDisconnect
        return woken

    def fail(self, error: Exception) -> None:
        """The look that he waits for has failed. Whoever does not wait yet looks for himself."""
        if self._waits:
            self._error = error
            self.woken.set()

    def leave(self) -> None:
        """Nobody listens any more whether he goes."""
        self.until = None
        if self._going is not None:
            self._going.cancel()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.woken.set()


class Looks:
    """Looks that many would take at the same time: whoever asks while one is coming gets what that one finds, and the next
    one begins `LOOK_AGAIN_S` later. For what only grows: who gets something older looks once more. Belongs to one event
    loop."""

    def __init__(self) -> None:
        self._coming: dict[Hashable, asyncio.Task[Any]] = {}

    async def at(self, what: Hashable, ask: Callable[[], T], *, again: bool) -> T:
        """What a question is answered; `again` by who has asked it before."""
        named = (what, again)
        coming: asyncio.Task[T] | None = self._coming.get(named)
        if coming is None:
            coming = self._coming[named] = asyncio.create_task(_answer(ask, LOOK_AGAIN_S if again else 0.0))
            coming.add_done_callback(lambda done: self._come(named, done))
        return await asyncio.shield(coming)

    def _come(self, named: Hashable, done: asyncio.Task[Any]) -> None:
        del self._coming[named]
        if not done.cancelled():
            done.exception()  # nobody may be there any more to hear of it

    async def until(
        self, what: Hashable, ask: Callable[[], T], enough: Callable[[T], bool], over: Callable[[], bool]
    ) -> T | None:
        """The first answer that is enough; none where it is `over` before."""
        again = False
        while not over():
            found = await self.at(what, ask, again=again)
            if enough(found):
                return found
            again = True
        return None


async def _answer(ask: Callable[[], T], pause: float) -> T:
    await asyncio.sleep(pause)
    return await run_in_threadpool(ask)
