"""Signs of life on quiet out topics, so that a follower can tell silence from loss (integration.md 3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from consumers import wire
from consumers.log import Entry
from domain.disclosure.publish import source_of
from domain.epochs import FIRST
from domain.store import Acknowledged, EventStore

LOOK_S = 1.0
"""How often it is looked for quiet topics, at most, in seconds."""


class Last(NamedTuple):
    """When an out topic got its last record (monotonic seconds), and which publication was its last."""

    at: float
    epoch: int
    sequence: int


class Heartbeats:
    """What the relay has to send on topics that have been quiet for `quiet_s` seconds."""

    def __init__(
        self, store: EventStore, quiet_s: float, clock: Callable[[], float] = time.monotonic, *, schemas: str = ""
    ) -> None:
        self._store = store
        self._quiet_s = quiet_s
        self._clock = clock
        self._schemas = schemas
        self._last: dict[str, Last] = {}
        self._look_at = 0.0

    def note(self, rows: Iterable[Acknowledged]) -> None:
        """Publications that the broker has taken, in any order: what is filled up later was told before."""
        moment = self._clock()
        for row in rows:
            if row.epoch:
                before = self._last.get(row.topic, Last(moment, FIRST, 0))
                self._last[row.topic] = Last(moment, *max(before[1:], (row.epoch, row.sequence)))

    def due(self) -> list[tuple[str, Entry]]:
        """A heartbeat for each quiet topic, once; one that does not get through is not repeated."""
        moment = self._clock()
        if moment < self._look_at:
            return []
        self._look_at = moment + min(LOOK_S, self._quiet_s)
        directory, now = self._store.directory, None
        due: list[tuple[str, Entry]] = []
        for recipient in directory.recipients:
            topic = wire.out_topic(self._store.ledger, recipient)
            last = self._last.setdefault(topic, Last(moment, FIRST, 0))
            if moment - last.at >= self._quiet_s:
                now = now or self._store.now()  # which is a question to the database
                beat = wire.heartbeat(last.epoch, last.sequence, source_of(directory), now, self._schemas)
                due.append((topic, beat))
                self._last[topic] = last._replace(at=moment)
        return due
