"""Where each topic ends, and which topics have lost their end.

A broker that was killed, lost a disk or was deleted gives offsets anew: what was acknowledged stands up to somewhere, and
behind that nothing of it does. Where that is, is looked up in the topics: the last record that stands where the broker
acknowledged it. Such a topic is behind until all that it lacks was sent again, and remembered as that in the store, so that
a relay that is killed meanwhile goes on there. Where somebody else's record stands instead of ours, ours does not stand.
A topic of which the broker says nothing, while it answers otherwise, is behind too, and compared when it answers again.

source: design D11, D21
"""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from consumers import wire
from consumers.doubts import is_ours
from consumers.log import Broker, BrokerUnavailable, Read, answers_of
from consumers.outgoing import Packing
from domain.record import Damaged
from domain.store import Acknowledged, EventStore, KeysLost

log = logging.getLogger("kuty.relay")

LOOK_AGAIN_S = 30.0
"""How long topics that do not answer wait for the next look, in seconds."""


@dataclass(slots=True)
class _Search:
    """Between two offsets of a topic (the second one excluded) stands the end of what was not lost. `row` is to be looked at
    next, `found` stands."""

    low: int
    high: int
    row: Acknowledged | None
    found: Acknowledged | None = None


class LostEnds:
    """`behind` says, by topic, behind which position it has to be sent again, 0 for all of it. `name` is the relay's in the
    store's table of positions; `packing` says what was sent."""

    def __init__(self, name: str, store: EventStore, broker: Broker, packing: Packing) -> None:
        self._name = name
        self._store = store
        self._broker = broker
        self._packing = packing
        self._events_topic = wire.events_topic(store.ledger)
        self._next: dict[str, int] = {}
        self.behind: dict[str, int] = {}
        self.silent: dict[str, None] = {}
        """Those of them that do not answer, who was asked last at the end."""
        self._look_again_at = 0.0

    def compare(self, topics: Iterable[str]) -> None:
        """Compare the topics with what was acknowledged; those that lack something of it, or do not answer, are behind from
        here on. Raises `TopicGone`, and `BrokerUnavailable` where the events topic does not answer."""
        topics, ends = list(topics), self._store.acknowledged_ends()
        noted = self._store.trackings([self._noted(topic) for topic in topics])
        for topic in topics:
            if noted.get(self._noted(topic)):
                self.behind.setdefault(topic, ends[topic].position if topic in ends else 0)
        present, failed = answers_of(self._broker.end_offsets, dict.fromkeys(topics))
        self._next |= present
        for topic in present:
            self.silent.pop(topic, None)
        self._fall_silent(failed)
        self._find({topic: offset for topic, offset in present.items() if topic in ends}, ends)

    def leave(self, topic: str) -> None:
        """The topic does not answer: it is left alone until it does. What the feed was sent up to, it has."""
        if topic not in self.silent:
            log.error(
                "topic %s does not answer: it is left out, and gets what it lacks when it does; "
                "docs/runbooks/a-broker-that-does-not-answer.md says what to do",
                topic, extra={"topic": topic},
            )  # fmt: skip
        self._fall_behind(topic, self._so_far(topic))
        self.silent.pop(topic, None)
        self.silent[topic] = None
        self._look_again_at = time.monotonic() + LOOK_AGAIN_S

    def look_again(self) -> None:
        """Compare the topics that did not answer, one by one up to one that still does not: to find out may take long."""
        if time.monotonic() < self._look_again_at:
            return
        for topic in list(self.silent):
            self.compare([topic])
            if topic in self.silent:
                return

    def given(self, taken: Iterable[tuple[str, int]]) -> set[str]:
        """The broker has just given records these offsets: which topics have lost their end. One whose offset was given
        before has; where some were passed over, somebody else has written there, unless what was before them is gone."""
        following = dict(self._next)
        below: dict[str, int] = {}
        again: set[str] = set()
        for topic, offset in sorted(taken):
            expected = following.get(topic, offset)
            if offset != expected:
                below[topic] = min(below.get(topic, expected), expected, offset)
            if offset < expected:
                again.add(topic)
            following[topic] = offset + 1
        if not below:
            return set()
        ends = dict(self._store.acknowledged_ends())
        for topic in below.keys() & ends.keys() - again:
            # What another relay wrote there since, and was acknowledged, stands; in question is what was before it.
            end = ends.pop(topic)
            before = end if end.offset < below[topic] else self._store.acknowledgement_before(topic, below[topic])
            if before is not None:
                ends[topic] = before
        return self._find(below, ends, again)

    def note(self, taken: Iterable[tuple[str, int]]) -> None:
        """These offsets have been given, and what stands there is kept."""
        for topic, offset in taken:
            self._next[topic] = max(offset + 1, self._next.get(topic, 0))

    def forget(self, topics: Iterable[str]) -> None:
        """These are nobody's to fill."""
        for topic in topics:
            self.behind.pop(topic, None)
            self.silent.pop(topic, None)

    def filled(self, topic: str) -> None:
        """All that the topic lacked has been sent again."""
        del self.behind[topic]
        self._store.place({self._noted(topic): 0})
        log.info("topic %s has everything again", topic)

    def _noted(self, topic: str) -> str:
        """Under what name it is kept that a topic is behind (1)."""
        return f"{self._name}/behind/{topic}"

    def _find(self, below: Mapping[str, int], ends: Mapping[str, Acknowledged], surely: Container[str] = ()) -> set[str]:
        """Which of the topics have lost their end or do not answer; below an offset of each it is looked for what stands."""
        standing = self._last_standing(below, ends)
        lost = set(below) - standing.keys()
        for topic, row in standing.items():
            end = ends.get(topic)
            whole = end is None or (row is not None and row.offset == end.offset)
            if whole and topic not in surely:
                continue
            position, offset = (row.position, row.offset + 1) if row is not None else (0, 0)
            if whole:
                # Something was lost that nobody needs, or of what is on its way just now.
                position = self._so_far(topic)
            # In this order: broken off anywhere, the next look finds the topic behind.
            self._fall_behind(topic, position)
            if not whole:
                self._store.cut_acknowledged(topic, offset)
            self._next[topic] = offset
            log.error("topic %s lost its end: it is sent again from behind position %d", topic, position)
            lost.add(topic)
        return lost

    def _so_far(self, topic: str) -> int:
        """Up to which position a topic has everything, as far as was acknowledged."""
        return self.behind.get(topic, self._store.tracking(self._name))

    def _fall_behind(self, topic: str, position: int) -> None:
        self.behind[topic] = min(position, self.behind.get(topic, position))
        self._store.place({self._noted(topic): 1})

    def _fall_silent(self, failed: Mapping[str, BrokerUnavailable]) -> None:
        if self._events_topic in failed:
            raise failed[self._events_topic]
        for topic in failed:
            self.leave(topic)

    def _last_standing(
        self, below: Mapping[str, int], ends: Mapping[str, Acknowledged]
    ) -> dict[str, Acknowledged | None]:
        """By topic, the last record below an offset that stands where the broker acknowledged it, or that retention took.
        Each that is looked at is compared with its bytes: who wrote over our end may have taken our numbers, too. Those that
        do not answer are left."""
        begins, failed = answers_of(self._broker.begin_offsets, below)
        self._fall_silent(failed)
        searches: dict[str, _Search] = {}
        for topic in begins:
            offset, row = below[topic], ends.get(topic)
            if row is not None and row.offset >= offset:
                row = self._store.acknowledgement_before(topic, offset)
            there = row if row is not None and row.offset >= begins[topic] else None
            searches[topic] = _Search(begins[topic], there.offset + 1 if there else 0, there)
        # All topics at a time: the whole cluster may have lost something.
        while asked := {topic: one.row for topic, one in searches.items() if one.row is not None}:
            reads, failed = answers_of(self._broker.at, {topic: row.offset for topic, row in asked.items()})
            self._fall_silent(failed)
            for topic, row in asked.items():
                if topic in failed:
                    del searches[topic]
                    continue
                one = searches[topic]
                read = reads.get(topic)
                if read is not None and _stands(row, read) and self._is_ours(row, read):
                    one.found, one.low = row, row.offset + 1
                else:
                    one.high = row.offset
                one.row = self._between(topic, one.low, one.high)
        return {
            topic: one.found or (self._store.acknowledgement_before(topic, begins[topic]) if begins[topic] else None)
            for topic, one in searches.items()
        }

    def _between(self, topic: str, low: int, high: int) -> Acknowledged | None:
        """An acknowledged record in the middle of a part of a topic, none where there is none in it."""
        while low < high:
            middle = (low + high + 1) // 2
            row = self._store.acknowledgement_before(topic, middle)
            if row is not None and row.offset >= low:
                return row
            low = middle
        return None

    def _is_ours(self, row: Acknowledged, read: Read) -> bool:
        """Whether a record is what was sent there, as far as the store says it: where its position is not known, where
        nobody can read it any more, or an opening of the ledger has given it up, the numbers are all there is."""
        try:
            sent = self._packing.sent_as(row)
        except (Damaged, KeysLost):
            return True
        return sent is None or is_ours(self._store, sent, read)


def _stands(row: Acknowledged, read: Read) -> bool:
    found = (read.offset, wire.sequence_of(read) or 0, wire.line_of(read)[1])
    return (row.offset, row.sequence, row.epoch) == found
