"""Where each topic ends, and which topics have lost their end.

A broker that was killed, lost a disk or was deleted gives offsets anew: what was acknowledged stands up to somewhere, and
behind that nothing of it does. Where that is, is looked up in the topics: the last record that stands where the broker
acknowledged it. Such a topic is behind until all that it lacks was sent again, and remembered as that in the store, so that
a relay that is killed meanwhile goes on there. Where somebody else's record stands instead of ours, ours does not stand.
A topic of which the broker says nothing, while it answers otherwise, is behind too, and compared when it answers again; so
is one that takes nothing while others do. Everybody else waits for both ever more rarely.

source: design D11, D21
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TypeVar

from consumers import wire
from consumers.doubts import is_ours
from consumers.log import Broker, BrokerUnavailable, Read, answers_of
from consumers.outgoing import Packing
from domain.record import Damaged
from domain.store import Acknowledged, EventStore, KeysLost

log = logging.getLogger("kuty.relay")

T = TypeVar("T")
V = TypeVar("V")

LOOK_AGAIN_S = 30.0
LONGEST_PAUSE_S = 600.0
"""A topic that does not answer is looked at again after so many seconds, then after twice as many, up to these, until it
takes something, or any topic does after a time when none did."""
REST = 20
"""After a look or an attempt that came to nothing there is none for so many times as long: everybody waits for them."""
SECOND_LOOK_S = 0.5
"""Who did not answer is asked once more after so many seconds: within them a topic has another leader."""


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
        self.silent: dict[str, float] = {}
        """Those of them that do not answer, with when they are looked at again, in seconds that only grow."""
        self._pauses: dict[str, float] = {}
        """How long the last pause was, in seconds, of those that have taken nothing since they did not answer."""
        self._rest_until = 0.0
        self._nothing_taken = False

    def compare(self, topics: Iterable[str]) -> None:
        """Compare the topics with what was acknowledged; those that lack something of it, or do not answer, are behind from
        here on. Raises `TopicGone`, and `BrokerUnavailable` where the events topic does not answer."""
        topics, ends = list(topics), self._store.acknowledged_ends()
        for topic, position in behind_by_notes(self._name, self._store, topics).items():
            acknowledged = ends[topic].position if topic in ends else 0
            self.behind.setdefault(topic, position or acknowledged)
        present, failed = self._answers(self._broker.end_offsets, dict.fromkeys(topics))
        self._next |= present
        for topic in present:
            self.silent.pop(topic, None)
        self._fall_silent(failed)
        self._find({topic: offset for topic, offset in present.items() if topic in ends}, ends)

    def leave(self, topics: Iterable[str]) -> None:
        """The topics do not answer, or take nothing: they are left alone for a while. What the feed was sent up to, they
        have."""
        now = time.monotonic()
        positions: dict[str, int] = {}
        for topic in topics:
            pause = self._pauses.get(topic)
            if pause is None:
                log.error(
                    "topic %s does not answer: it is left out, and gets what it lacks when it does; "
                    "docs/runbooks/a-broker-that-does-not-answer.md says what to do",
                    topic, extra={"topic": topic},
                )  # fmt: skip
            self._pauses[topic] = LOOK_AGAIN_S if pause is None else min(2 * pause, LONGEST_PAUSE_S)
            self.silent[topic] = now + self._pauses[topic]
            positions[topic] = self._so_far(topic)
        if positions:
            self._fall_behind(positions)

    def look_again(self) -> None:
        """Compare the topics whose pause is over: one of them, and the others together if that one answers."""
        now = time.monotonic()
        due = sorted((topic for topic, at in self.silent.items() if at <= now), key=self.silent.__getitem__)
        if not due or now < self._rest_until:
            return
        self.compare(due[:1])
        if due[1:] and due[0] not in self.silent:
            self.compare(due[1:])
        if self.silent.keys() & set(due):
            self.rest(now)

    def nothing_taken(self, topics: Set[str]) -> None:
        """The topics were tried, and no topic took anything. Of those that are left out ever again it is known."""
        self._nothing_taken |= not topics <= self._pauses.keys()

    def taken(self) -> None:
        """A topic has taken something. If none did before it was the broker, and whoever was left out is looked at now."""
        if self._nothing_taken:
            self.silent = dict.fromkeys(self.silent, 0.0)
            self._nothing_taken, self._rest_until = False, 0.0

    def rest(self, began: float) -> None:
        """What was begun at a moment (seconds that only grow) has come to nothing: it was waited for long enough."""
        now = time.monotonic()
        self._rest_until = now + REST * (now - began)

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
            self._pauses.pop(topic, None)

    def forget(self, topics: Iterable[str]) -> None:
        """These are nobody's to fill."""
        for topic in topics:
            self.behind.pop(topic, None)
            self.silent.pop(topic, None)

    def filled(self, topics: Iterable[str], up_to: int) -> None:
        """What the topics lacked up to a position has been sent again."""
        for topic in topics:
            self.behind[topic] = max(self.behind[topic], up_to)
        self._store.place({note_of(self._name, topic): self.behind[topic] + 1 for topic in topics})

    def has_everything(self, topic: str) -> None:
        """All that the topic lacked has been sent again."""
        del self.behind[topic]
        self._store.place({note_of(self._name, topic): 0})
        log.info("topic %s has everything again", topic)

    def _find(self, below: Mapping[str, int], ends: Mapping[str, Acknowledged], surely: Container[str] = ()) -> set[str]:
        """Which of the topics have lost their end or do not answer; below an offset of each it is looked for what stands."""
        if not below:
            return set()
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
            self._fall_behind({topic: position})
            if not whole:
                self._store.cut_acknowledged(topic, offset)
            self._next[topic] = offset
            log.error("topic %s lost its end: it is sent again from behind position %d", topic, position)
            lost.add(topic)
        return lost

    def _so_far(self, topic: str) -> int:
        """Up to which position a topic has everything, as far as was acknowledged."""
        return self.behind.get(topic, self._store.tracking(self._name))

    def _fall_behind(self, positions: Mapping[str, int]) -> None:
        """From behind these positions on the topics are sent again, or from farther back where they were behind already."""
        for topic, position in positions.items():
            self.behind[topic] = min(position, self.behind.get(topic, position))
        self._store.place({note_of(self._name, topic): self.behind[topic] + 1 for topic in positions})

    def _answers(
        self, ask: Callable[[dict[str, V]], Mapping[str, T]], asked: Mapping[str, V]
    ) -> tuple[dict[str, T], dict[str, BrokerUnavailable]]:
        """As `answers_of`; those that do not answer, and did the last time, are asked once more a moment later."""
        found, failed = answers_of(ask, asked)
        if again := {topic: asked[topic] for topic in failed if topic not in self._pauses}:
            time.sleep(SECOND_LOOK_S)
            more, still = answers_of(ask, again)
            found |= more
            failed = {topic: error for topic, error in failed.items() if topic not in again} | still
        return found, failed

    def _fall_silent(self, failed: Mapping[str, BrokerUnavailable]) -> None:
        if self._events_topic in failed:
            raise failed[self._events_topic]
        self.leave(failed)

    def _last_standing(
        self, below: Mapping[str, int], ends: Mapping[str, Acknowledged]
    ) -> dict[str, Acknowledged | None]:
        """By topic, the last record below an offset that stands where the broker acknowledged it, or that retention took.
        Each that is looked at is compared with its bytes: who wrote over our end may have taken our numbers, too. Those that
        do not answer are left."""
        begins, failed = self._answers(self._broker.begin_offsets, below)
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
            reads, failed = self._answers(self._broker.at, {topic: row.offset for topic, row in asked.items()})
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


def note_of(name: str, topic: str) -> str:
    """Under what name in the store's table of positions it is kept that a topic is behind: with the position up to which it
    has everything, and one more; 0 for not. 1 stands for what was acknowledged: so older versions kept it."""
    return f"{name}/behind/{topic}"


def behind_by_notes(name: str, store: EventStore, topics: Iterable[str]) -> dict[str, int]:
    """Up to which position the topics have everything that are behind; 0 where what was acknowledged says it. Reads the
    store alone."""
    noted = {topic: note_of(name, topic) for topic in topics}
    found = store.trackings(list(noted.values()))
    return {topic: found[note] - 1 for topic, note in noted.items() if found.get(note)}
