"""What stands in the topics, after any doubt: which records need not be sent again, because the broker has them.

A number is not enough: somebody else may have written under the one that comes next. Such a record is said once, and ours is
sent behind it, so that whoever is told has it; where the two differ, every follower halts by itself. The full feed halts the
relay: another event there is another history (design D21).

source: design D11, D21
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from consumers import wire
from consumers.log import Broker, BrokerUnavailable, OffsetOutOfRange, Read, answers_of
from consumers.outgoing import Outgoing
from domain.events import DisclosureMade, Erased
from domain.store import Acknowledged, EventStore

log = logging.getLogger("kuty.relay")

MARGIN = 100
"""Records beyond what may have been sent that a tail reaches back, for heartbeats among them."""
HELD = 10_000
"""Records of tails that are held at once, where no topic alone has more."""

PART = 500
"""Records of the full record that are asked for at once: two windows of large ones are more than memory holds, or the broker
gives within its deadline."""
PART_S = 30.0
"""So many seconds each part is waited for."""

Place = tuple[str, int, int]
"""Topic, epoch and sequence."""


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

    def settled(self, left: Sequence[Outgoing]) -> tuple[list[Acknowledged], list[Outgoing], set[str]]:
        """Of records on their way those that stand in their topics without a hole before them, and those that are not known
        to; and the topics that do not answer, of which nothing is known. Raises `StoreBehindTopic`, `TopicGone`, and
        `BrokerUnavailable` where the events topic does not answer."""
        places, silent = self._places(left)
        rows: list[Acknowledged] = []
        missing: list[Outgoing] = []
        broken: set[tuple[str, int]] = set()
        for out in left:
            line = (out.topic, out.epoch)
            read = self._ours(out, places.get(_place(out), ())) if line not in broken else None
            if read is None:
                broken.add(line)
                missing.append(out)
            else:
                rows.append(acknowledged(out, read.offset, read.timestamp))
        log.info("after a doubt: %d records stand in their topics, %d do not", len(rows), len(missing))
        return rows, missing, silent

    def _places(self, left: Sequence[Outgoing]) -> tuple[Mapping[Place, Sequence[Read]], set[str]]:
        """What stands in the places of these records, the first one first, and the topics that do not answer."""
        asked = {_place(out) for out in left}
        places: dict[Place, list[Read]] = {}

        def look(reads: Iterable[Read]) -> None:
            for read in reads:
                sequence = wire.sequence_of(read)
                if sequence is not None and (place := (*wire.line_of(read), sequence)) in asked:
                    places.setdefault(place, []).append(read)

        counts = Counter(out.topic for out in left)
        if counts.pop(self._events_topic, 0):
            look(self.full_record(left[0].position - 1))
        silent: set[str] = set()
        for back in self._backs(counts):
            tails, failed = answers_of(self._broker.tail, back)
            silent |= failed.keys()
            for reads in tails.values():
                look(reads)
        return places, silent

    def _backs(self, counts: Mapping[str, int]) -> Iterator[Mapping[str, int]]:
        """How far back each topic but the full record is read, in parts that are read one after the other.

        One window was on its way, so of a topic no more than the window has of it, and twice where it was sent again. What
        stands further back is sent once more, which does no harm. Of the full record it would: there another history may
        stand."""
        there = self._broker.topics()
        back = {topic: 2 * count + MARGIN for topic, count in counts.items() if topic in there}
        part: dict[str, int] = {}
        for topic, count in sorted(back.items()):
            if part and sum(part.values()) + count > HELD:
                yield part
                part = {}
            part[topic] = count
        if part:
            yield part

    def full_record(self, position: int) -> Iterator[Read]:
        """The records at the end of the events topic, in order, that what was sent behind a position stands among. Raises
        `TopicGone`, `TopicDamaged`, and `BrokerUnavailable`, also where the topic loses its end meanwhile."""
        topic = self._events_topic
        end = self._broker.end_offsets([topic])[topic]
        offset = max(self._broker.begin_offsets([topic])[topic], end - self._look_back(position, end))
        with closing(self._broker.reader()) as reader:
            reader.follow({topic: offset})
            while offset < end:
                try:
                    reads = reader.poll(PART, PART_S).get(topic, ())
                except OffsetOutOfRange as error:
                    raise BrokerUnavailable(str(error), [topic]) from error
                yield from reads
                goes_on = reader.positions().get(topic, offset)
                if goes_on == offset:
                    raise BrokerUnavailable(f"topic {topic} gives nothing from offset {offset} on", [topic])
                offset = goes_on

    def _look_back(self, position: int, end: int) -> int:
        """How many records of the events topic before its end that is: all that stand behind its last acknowledged one, two
        whole windows at most; and two where that was acknowledged behind the position, or where the topic does not reach."""
        widest = 2 * self._window + MARGIN
        last = self._store.acknowledged_ends().get(self._events_topic)
        if last is None or last.position > position or end <= last.offset:
            return widest
        return min(end - last.offset - 1 + MARGIN, widest)

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


def _place(out: Outgoing) -> Place:
    return out.topic, out.epoch, out.entry.sequence
