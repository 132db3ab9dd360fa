"""When the broker took a recipient's publications, as a fact of the record: so that "told on" rests on the record, and not
on a table beside it that is in no topic (domain/pathway.md 4.7).

The table knows it to the millisecond. A fact says that everything up to a sequence was taken between two times of the broker
within one minute, and comes when that minute is over: at most one a recipient and minute. What is recorded here is published
on the events topic alone, which is nobody's: nothing follows from it that would have to be recorded again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby, islice

from consumers.wire import out_topic
from domain.context import HELSINKI, Caller, Draft
from domain.events import PublicationsAcknowledged
from domain.record import Record
from domain.store import Conflict, EventStore
from domain.streams import LEDGER_MATTER, LEDGER_STREAM

NAME = "acknowledging"
"""The follower's name in the store's table of positions. It has none of its own: what is recorded says how far it is."""
MINUTE_MS = 60_000
LOOK_S = 2.0
"""How often it is looked whether a minute is over, at most, in seconds: asking the store for its time is a question to the
database."""
AT_ONCE = 200
"""Facts of one transaction: a ledger that is older than they are has all its acknowledgements to record."""


class Acknowledging:
    """Records what has been taken in the minutes that are over. Only in a live ledger: in a simulated one "told on" is the
    disclosure's own time (design D5), and the broker's belongs to another calendar.

    `note` has to be given every `publications.acknowledged` of the feed, its own as well; of two that run, the slower one
    records nothing and learns it from the feed.
    """

    def __init__(self, store: EventStore, look_s: float = LOOK_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._look_s = look_s
        self._clock = clock
        self._look_at = 0.0
        self._until: dict[tuple[str, int], int] = {}
        self._minute = 0

    def note(self, event: PublicationsAcknowledged) -> None:
        """What the record says already."""
        line = event.recipient, event.recipient_epoch
        self._until[line] = max(event.until_sequence, self._until.get(line, 0))

    def step(self) -> int:
        """Once a minute: record what is not recorded of the minutes before; how many facts. Raises `StoreUnavailable`."""
        moment = self._clock()
        if moment < self._look_at or self._store.mode != "live":
            return 0
        self._look_at = moment + self._look_s
        now = self._store.now()
        minute = int(now.timestamp()) // 60
        if minute <= self._minute:
            return 0
        facts = list(islice(self._facts(minute * MINUTE_MS), AT_ONCE))
        if facts:
            try:
                self._record(facts, now)
            except Conflict:
                return 0  # something else was recorded in between, maybe this: it is read first
        if len(facts) < AT_ONCE:
            self._minute = minute
        else:
            self._look_at = moment
        return len(facts)

    def _facts(self, before_ms: int) -> Iterator[PublicationsAcknowledged]:
        ends = self._store.acknowledged_ends()
        for recipient in self._store.directory.recipients:
            topic = out_topic(self._store.ledger, recipient)
            end = ends.get(topic)
            if end is None or self._until.get((recipient, end.epoch), 0) >= end.sequence:
                continue
            # One epoch follows the other on a topic: what is not recorded begins in the last one that is.
            begun = max((epoch for name, epoch in self._until if name == recipient), default=1)
            for epoch in range(begun, end.epoch + 1):
                moments = self._store.acknowledged_at(topic, epoch, self._until.get((recipient, epoch), 0))
                yield from _by_minute(recipient, epoch, moments, before_ms)

    def _record(self, facts: list[PublicationsAcknowledged], now: datetime) -> None:
        directory = self._store.directory
        caller = Caller(directory.organiser, "organiser", "system", "system", "administration")
        version, previous = self._store.stream_end(LEDGER_STREAM)
        (last,) = self._store.stream(LEDGER_STREAM, version - 1, 1)
        now = max(now, last.header.recorded_at)  # the clock may have gone back since
        sealed: list[Record] = []
        for fact in facts:
            draft = Draft(fact, uuid.uuid4().hex, now.astimezone(HELSINKI).date(), LEDGER_MATTER)
            version += 1
            record = self._store.build(
                LEDGER_STREAM, version, previous, draft, caller, draft.event_id, recorded_at=now, directory=directory
            )
            previous = record.hash
            sealed.append(record)
        position = self._store.tracking(NAME)
        # The end of the ledger's stream is what holds two of us apart: only one can be recorded behind it.
        self._store.append(sealed, tracking=(NAME, position, position))
        for fact in facts:
            self.note(fact)


def _by_minute(
    recipient: str, epoch: int, moments: Mapping[int, int], before_ms: int
) -> Iterator[PublicationsAcknowledged]:
    """A fact for each minute in which publications were taken; none for the minute that is not over, nor for what came
    behind it."""
    for minute, taken in groupby(sorted(moments.items()), key=lambda one: one[1] // MINUTE_MS):
        if (minute + 1) * MINUTE_MS > before_ms:
            return
        some = list(taken)
        times = [at for _, at in some]
        yield PublicationsAcknowledged(
            recipient=recipient,
            recipient_epoch=epoch,
            until_sequence=some[-1][0],
            first_at=_time(min(times)),
            last_at=_time(max(times)),
        )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
