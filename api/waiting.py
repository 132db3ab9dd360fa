"""Waiting for something to be recorded: one look at the store for all who wait, however many there are."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from domain.store import EventStore

LONGEST_LOOK_S = 1.0


class CommitWait:
    """Those who wait at one ledger's door. Belongs to one event loop."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._looking: asyncio.Task[None] | None = None

    async def next(self, timeout: float) -> None:
        """Return when something may have been recorded, after `timeout` seconds at the latest."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._looking), timeout)

    async def _look(self) -> None:
        head = await run_in_threadpool(self._store.head)
        await run_in_threadpool(self._store.wait_for_commit, LONGEST_LOOK_S, head)
