"""Those who wait until a recipient is told something: who asks the database for them, and who is woken."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from store.small_ledger import PROVIDER, SYSTEM, WORKER, Ground, RecordDay, Register

from api.problems import Problem
from api.waiting import MOST_READERS, Lines
from domain.context import Draft
from domain.events import DisclosureMade
from domain.record import Record
from domain.store import EventStore, StoreUnavailable

LATE_S = 60.0
HEAD = "SELECT coalesce(max(notification_id), 0) FROM events"
NAMES = [f"provider-s{number:02}" for number in range(1, 7)]


class Scene:
    """A ledger with one client, at whose door recipients' readers wait; `other` is another process."""

    def __init__(self, store: EventStore, other: EventStore) -> None:
        self.store, self.other = store, other
        self.client = other.execute(Register(), WORKER, "client").client
        self.closing = threading.Event()
        self.lines = Lines(store, self.closing)
        self.days = 0

    def record(self) -> int:
        """Somebody records something that tells no recipient anything; the position of it."""
        self.days += 1
        command = RecordDay(on=date.fromordinal(date(2025, 1, 1).toordinal() + self.days))
        return self.other.execute(command, PROVIDER, f"day-{self.days}", client=self.client).position

    def tell(self, recipient: str, epoch: int = 1) -> None:
        """A recipient is told something, as the first thing in an epoch."""
        self.other.append([self._telling(recipient, epoch)], tracking=(recipient, 0, epoch))

    def _telling(self, recipient: str, epoch: int) -> Record:
        event = DisclosureMade(
            publication_id=uuid.uuid4().hex, source_event_id=uuid.uuid4().hex, commitment="c", commitment_salt="s", cell="F",
            field_set_version="1", legal_basis="LB-OUTSOURCE", previous_publication_hash="-", publication={},
        )  # fmt: skip
        assert self.client
        draft = Draft(event, uuid.uuid4().hex, date(2025, 1, 1), self.other.stream(self.client)[0].header.matter)
        stream = f"recipient/{recipient}/{epoch}"
        return self.other.build(stream, 1, "", draft, SYSTEM, "d", directory=self.other.directory, policy_version="p1")

    async def read(self, recipient: str, receive: Callable[[], Awaitable[Any]] | None = None, wait: float = LATE_S) -> bool:
        """One who waits as `GET /out` does; whether he was woken."""
        async with self.lines.reader(recipient, receive or nothing) as reader:
            return await reader.waits(time.monotonic() + wait)

    async def waiting(self, recipient: str, readers: int = 1) -> list[asyncio.Task[bool]]:
        """Readers of a recipient that have come to wait."""
        come = [asyncio.create_task(self.read(recipient)) for _ in range(readers)]
        await until(lambda: len(self.lines.waiting(recipient)) == readers)
        return come

    async def seen(self, position: int) -> None:
        """Whoever looks has come so far."""
        await until(lambda: (self.lines._position or 0) >= position)


async def nothing() -> Any:
    """Nobody goes away."""
    await asyncio.Event().wait()


async def until(there: Callable[[], object]) -> None:
    """Wait for a condition."""
    give_up_at = time.monotonic() + LATE_S
    while not there():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.001)


@pytest.fixture
def scene(ground: Ground, store: EventStore) -> Iterator[Scene]:
    other = ground.open()
    yield Scene(store, other)
    other.close()


@pytest.fixture
def asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that this process asks the tables of events."""
    statements: list[str] = []
    recorder: Any = scene.store._recorder
    ask = recorder._ask

    def counting(statement: str, parameters: Any = ()) -> Any:
        statements.append(statement)
        return ask(statement, parameters)

    monkeypatch.setattr(recorder, "_ask", counting)
    return statements


def test_one_question_a_commit_is_asked_for_all_who_wait_and_only_those_who_are_told_something_wake(
    scene: Scene, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    wait_for_commit = scene.store.wait_for_commit
    monkeypatch.setattr(scene.store, "wait_for_commit", lambda *given: (waits.append(given[0]), wait_for_commit(*given)))

    async def play() -> None:
        readers = {name: await scene.waiting(name, MOST_READERS) for name in NAMES}
        # when others record things that are told to none of them
        for _ in range(5):
            await scene.seen(await asyncio.to_thread(scene.record))
        # then nobody woke, and one question was asked for each time that something had come
        assert not any(task.done() for tasks in readers.values() for task in tasks)
        looks = [statement for statement in asked if statement != HEAD]
        assert len(set(looks)) == 1
        assert len(looks) <= len(waits) + 1
        # when one of them is told something, then its readers alone wake
        told = readers.pop(NAMES[2])
        await asyncio.to_thread(scene.tell, NAMES[2])
        assert await asyncio.gather(*told) == [True] * MOST_READERS
        assert not any(task.done() for tasks in readers.values() for task in tasks)
        # and so do those of a recipient whose fresh epoch begins
        again = readers.pop(NAMES[3])
        await asyncio.to_thread(scene.tell, NAMES[3], 2)
        assert await asyncio.gather(*again) == [True] * MOST_READERS
        for tasks in readers.values():
            for task in tasks:
                task.cancel()

    asyncio.run(play())
    assert scene.lines._readers == {}


def test_what_is_told_between_the_first_look_and_the_waiting_wakes(scene: Scene) -> None:
    async def play() -> bool:
        async with scene.lines.reader(NAMES[0], nothing) as reader:
            assert scene.store.stream_version(f"recipient/{NAMES[0]}/1") == 0
            await asyncio.to_thread(scene.tell, NAMES[0])
            return await reader.waits(time.monotonic() + LATE_S)

    assert asyncio.run(play())


def test_what_is_told_while_a_look_for_others_is_on_its_way_wakes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    grown, looking, told = scene.store.grown, threading.Event(), threading.Event()

    def slow(after: int) -> Any:
        found = grown(after)
        looking.set()
        assert told.wait(LATE_S)
        return found

    async def play() -> bool:
        before = await scene.waiting(NAMES[0])
        monkeypatch.setattr(scene.store, "grown", slow)
        scene.record()
        assert await asyncio.to_thread(looking.wait, LATE_S)
        # when somebody enters and looks after that question was answered, and is told something before it is gone through
        async with scene.lines.reader(NAMES[1], nothing) as reader:
            await asyncio.to_thread(scene.tell, NAMES[1])
            told.set()
            woken = await reader.waits(time.monotonic() + LATE_S)
        before[0].cancel()
        return woken

    assert asyncio.run(play())


@pytest.mark.parametrize("how", ["gone", "cancelled", "time over"])
def test_a_reader_that_goes_leaves_nothing_behind(scene: Scene, how: str) -> None:
    async def play() -> None:
        gone = asyncio.Event()
        said: list[dict[str, Any]] = [{"type": "http.request"}]

        async def receive() -> Any:
            if not said:
                await gone.wait()
            return said.pop() if said else {"type": "http.disconnect"}

        wait = 0.05 if how == "time over" else LATE_S
        task = asyncio.create_task(scene.read(NAMES[0], receive, wait))
        if how == "time over":
            assert await task is False
        else:
            await until(lambda: scene.lines.waiting(NAMES[0]))
            gone.set() if how == "gone" else task.cancel()
            with pytest.raises(ClientDisconnect if how == "gone" else asyncio.CancelledError):
                await task
        assert (scene.lines._readers, scene.lines._position) == ({}, None)
        # and nobody looks any more, nor listens
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    asyncio.run(play())


def test_a_recipient_has_as_many_readers_waiting_as_are_read_for(scene: Scene) -> None:
    async def play() -> None:
        waiting = await scene.waiting(NAMES[0], MOST_READERS)
        with pytest.raises(Problem) as refused:
            await scene.read(NAMES[0])
        assert [reason.code for reason in refused.value.reasons] == ["E_TOO_MANY_READERS"]
        assert 1 <= int(refused.value.headers["Retry-After"]) <= LATE_S
        # others are not concerned
        waiting += await scene.waiting(NAMES[1])
        # and where one of them goes, the next one waits
        waiting[0].cancel()
        await until(lambda: len(scene.lines.waiting(NAMES[0])) == MOST_READERS - 1)
        waiting.append(asyncio.create_task(scene.read(NAMES[0])))
        await until(lambda: len(scene.lines.waiting(NAMES[0])) == MOST_READERS)
        for task in waiting:
            task.cancel()

    asyncio.run(play())


def test_a_look_that_fails_is_told_to_those_who_wait_and_the_next_one_misses_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(after: int) -> Any:
        raise StoreUnavailable("no answer")

    async def play() -> bool:
        async with scene.lines.reader(NAMES[1], nothing) as looking:
            waiting = await scene.waiting(NAMES[0], 2)
            with monkeypatch.context() as patched:
                patched.setattr(scene.store, "grown", gone)
                scene.record()
                failed = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(error) for error in failed] == [StoreUnavailable] * 2
            await asyncio.to_thread(scene.tell, NAMES[1])
            return await looking.waits(time.monotonic() + LATE_S)

    assert asyncio.run(play())


def test_who_waits_looks_no_more_when_the_server_stops(scene: Scene) -> None:
    async def play() -> bool:
        async with scene.lines.reader(NAMES[0], nothing) as reader:
            waiting = asyncio.create_task(reader.waits(time.monotonic() + LATE_S))
            await until(lambda: scene.lines.waiting(NAMES[0]))
            scene.closing.set()
            await waiting
            return await reader.waits(time.monotonic() + LATE_S)

    assert not asyncio.run(play())
