"""When the broker took a publication: what "told on" means in a live ledger (design D11)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from consumers.wire import out_topic
from domain.events import PublicationsAcknowledged
from domain.store import EventStore
from projections.tellings import Recorded

SPAN = 1_024
"""Publications whose times are asked for together: those of one question mostly lie beside each other."""
KEPT = 64
"""So many spans are remembered."""
LOOK_AGAIN_S = 1.0
"""How long it is believed that the broker has not taken a publication yet, in seconds."""
PAGE = 2_000

Place = tuple[str, int, int]
"""(short name, epoch, number of the span)."""


class _Span(NamedTuple):
    moments: Mapping[int, int]
    read_at: float


class ToldOn:
    """To the millisecond where the table of acknowledgements has it, else to the minute from the record. Safe for several
    threads. Raises `StoreUnavailable`."""

    def __init__(self, store: EventStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._spans: OrderedDict[Place, _Span] = OrderedDict()
        self._recorded, self._upto, self._record_read_at = Recorded(), 0, float("-inf")

    def __call__(self, short_name: str, epoch: int, sequence: int) -> datetime | None:
        """The time (UTC), none while the broker has not taken the publication."""
        with self._lock:
            at = self._moment((short_name, epoch, (sequence - 1) // SPAN), sequence)
            if at is not None:
                return datetime.fromtimestamp(at / 1000, UTC)
            return self._from_the_record(short_name, epoch, sequence)

    def _moment(self, place: Place, sequence: int) -> int | None:
        span, now = self._spans.get(place), self._clock()
        if span is None or (sequence not in span.moments and now >= span.read_at + LOOK_AGAIN_S):
            short_name, epoch, number = place
            topic, after = out_topic(self._store.ledger, short_name), number * SPAN
            span = self._spans[place] = _Span(self._store.acknowledged_at(topic, epoch, after, after + SPAN), now)
        self._spans.move_to_end(place)
        if len(self._spans) > KEPT:
            self._spans.popitem(last=False)
        return span.moments.get(sequence)

    def _from_the_record(self, short_name: str, epoch: int, sequence: int) -> datetime | None:
        if self._clock() >= self._record_read_at + LOOK_AGAIN_S:
            while records := self._store.records(self._upto, PAGE, (PublicationsAcknowledged.NAME,)):
                self._recorded.take(records, self._store.opened)
                self._upto = records[-1].position
            self._record_read_at = self._clock()
        return self._recorded.acknowledged(short_name, epoch, sequence)
