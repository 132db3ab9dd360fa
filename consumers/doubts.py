"""What stands in the topics, after any doubt: which records need not be sent again, because the broker has them.

A number is not enough: somebody else may have written under the one that comes next. Such a record is said once, and ours is
sent behind it, so that whoever is told has it; where the two differ, every follower halts by itself. The full feed halts the
relay: another event there is another history (design D21).

source: design D11, D21
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from consumers import wire
from consumers.log import Broker, Read
from consumers.outgoing import Outgoing
from domain.events import DisclosureMade, Erased
from domain.store import Acknowledged, EventStore

log = logging.getLogger("kuty.relay")

MARGIN = 100
"""Records beyond two windows that a tail reaches back, for heartbeats among them."""

Places = Mapping[tuple[str, int, int], Sequence[Read]]
"""By topic, epoch and sequence the records of a tail, the first one first."""


class StoreBehindTopic(Exception):
    """The events topic holds what the store does not: an older backup was restored. Nothing is sent; an operator chooses
    which of the two holds (`kuty ledger adopt`, `kuty ledger new-epoch`)."""


class Doubts:
    """Says after a doubt what stands. `window` is the relay's, in positions of the feed."""

    def __init__(self, store: EventStore, broker: Broker, window: int) -> None:
        self._store = store
        self._broker = broker
        self._window = window
        self._events_topic = wire.events_topic(store.ledger)
        self._said: dict[str, int] = {}

    def settled(self, left: Sequence[Outgoing]) -> tuple[list[Acknowledged], list[Outgoing]]:
        """Of records on their way those that stand in their topics without a hole before them, and those that are to be
        sent. Raises `StoreBehindTopic`, `TopicGone`, `BrokerUnavailable`."""
        topics = {out.topic for out in left}
        back = 2 * max([self._window, *Counter(out.topic for out in left).values()]) + MARGIN
        places = _places(self._broker.tail(sorted(topics & self._broker.topics().keys()), back))
        rows: list[Acknowledged] = []
        missing: list[Outgoing] = []
        broken: set[tuple[str, int]] = set()
        for out in left:
            line = (out.topic, out.epoch)
            read = self._ours(out, places.get((*line, out.entry.sequence), ())) if line not in broken else None
            if read is None:
                broken.add(line)
                missing.append(out)
            else:
                rows.append(acknowledged(out, read.offset, read.timestamp))
        log.info("after a doubt: %d records stand in their topics, %d do not", len(rows), len(missing))
        return rows, missing

    def _ours(self, out: Outgoing, reads: Sequence[Read]) -> Read | None:
        """The first of the records in a place that is ours. Raises `StoreBehindTopic`."""
        found = next((read for read in reads if is_ours(self._store, out, read)), None)
        if found is None and reads:
            if out.topic == self._events_topic:
                raise StoreBehindTopic(f"position {out.position} of {out.topic} is another event than the store's")
            self._say_foreign(out, reads[-1].offset)
        return found

    def _say_foreign(self, out: Outgoing, offset: int) -> None:
        if offset > self._said.get(out.topic, -1):
            self._said[out.topic] = offset
            log.error(
                "topic %s has a record at offset %d that is not ours, under sequence %d of epoch %d: ours is sent behind "
                "it; docs/runbooks/a-topic-made-again.md says what to do",
                out.topic, offset, out.entry.sequence, out.epoch, extra={"topic": out.topic, "position": out.position},
            )  # fmt: skip


def is_ours(store: EventStore, out: Outgoing, read: Read) -> bool:
    """Whether a record in a topic is the one that we sent in its place, or would. One that is erased by now was sent while
    it had content; and what we sent without content, when its key was gone, says what follows from the header of its event,
    which nobody else could know."""
    if wire.says_the_same(read, out.entry):
        return True
    if wire.kind_of(out.topic) != "out":
        return False
    if wire.is_erased(dict(out.entry.headers), out.entry.value):
        return True
    if not wire.is_erased(dict(read.headers), read.value):
        return False
    [record] = store.records(out.position - 1, 1)
    return wire.says_the_same(read, wire.publication_entry(wire.publication_of(record, Erased(DisclosureMade.NAME))))


def acknowledged(out: Outgoing, offset: int, timestamp: int) -> Acknowledged:
    """That the broker has a record at an offset, since a time (ms since 1970 UTC)."""
    return Acknowledged(out.topic, out.position, out.epoch, out.entry.sequence, offset, timestamp)


def _places(tails: Mapping[str, Sequence[Read]]) -> Places:
    places: dict[tuple[str, int, int], list[Read]] = {}
    for reads in tails.values():
        for read in reads:
            sequence = wire.sequence_of(read)
            if sequence is not None:
                places.setdefault((*wire.line_of(read), sequence), []).append(read)
    return places
