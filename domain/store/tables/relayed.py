"""What the relay has kept for it in the store: the broker's acknowledgements, and the topics that it had to park.

An acknowledgement is kept in a range with those before it: one row for up to `LONGEST` records that follow each other in a
topic, with the time of each to the millisecond. A row for each record took a tenth of the store.

What a topic has lost keeps its times, under offsets below 0, where nothing stands (docs/decisions/0023).
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from domain.store.tables.database import Ask
from domain.varints import varint, varints

LONGEST = 256
"""Records of one range: it is written anew with each that is added, and read as a whole."""
ENDLESS = (1 << 63) - 1
"""More than any sequence."""


class Acknowledged(NamedTuple):
    """The broker has the record. `position` is that of the event it comes from, or an earlier one behind which nothing is
    left out (of a record in the middle of a range no more is known); `epoch` is the recipient's on an out topic, else the
    ledger's, 0 for its first; `sequence` the record's own (0: none); `timestamp` the broker's, ms since 1970 UTC: in a live
    ledger "told on" means that (design D11)."""

    topic: str
    position: int
    epoch: int
    sequence: int
    offset: int
    timestamp: int


class Parked(NamedTuple):
    """The broker will never take the topic's record of this position, or cannot give back what stands before it (`code` says
    why): the relay goes on without it."""

    topic: str
    position: int
    code: str


class Range(NamedTuple):
    """Records that follow each other in a topic, by offset and by sequence, in one epoch.

    `times` are the milliseconds from each record's time to the next one's, in zigzag and base 128; none where all were taken
    at once. Times are the broker's, ms since 1970 UTC.
    """

    topic: str
    epoch: int
    first_sequence: int
    last_sequence: int
    first_offset: int
    last_offset: int
    first_position: int
    last_position: int
    first_at: int
    last_at: int
    times: bytes = b""

    def moments(self) -> list[int]:
        """When the broker took each record."""
        moments = [self.first_at]
        for step in varints(self.times or bytes(self.last_offset - self.first_offset)):
            moments.append(moments[-1] + step)
        return moments

    def at(self, offset: int) -> Acknowledged:
        """The record at an offset of it."""
        place = offset - self.first_offset
        position = self.first_position
        if self.last_position - position == self.last_offset - self.first_offset:
            position += place
        elif offset == self.last_offset:
            position = self.last_position
        return Acknowledged(
            self.topic, position, self.epoch, self.first_sequence + place, offset, self.moments()[place]
        )  # fmt: skip

    def divided(self, offset: int) -> tuple[Range, Range]:
        """What stands below an offset in the middle of it, and the rest."""
        rows = [self.at(place) for place in range(self.first_offset, self.last_offset + 1)]
        place = offset - self.first_offset
        (below,), (rest,) = joined(None, rows[:place]), joined(None, rows[place:])
        return below, rest

    @property
    def last(self) -> Acknowledged:
        """Its last record."""
        return Acknowledged(
            self.topic, self.last_position, self.epoch, self.last_sequence, self.last_offset, self.last_at
        )  # fmt: skip


COLUMNS = Range._fields
IN_A_TOPIC = f"SELECT {', '.join(COLUMNS)} FROM acknowledged WHERE topic = %s"
STANDING = f"{IN_A_TOPIC} AND first_offset >= 0"
# From topic to topic along the index, instead of through every row.
ENDS = (
    "WITH RECURSIVE t(topic) AS (SELECT min(topic) FROM acknowledged UNION ALL"
    " SELECT (SELECT min(topic) FROM acknowledged WHERE topic > t.topic) FROM t WHERE t.topic IS NOT NULL)"
    f" SELECT {', '.join(COLUMNS)} FROM t JOIN acknowledged AS a USING (topic) WHERE first_offset ="
    " (SELECT max(first_offset) FROM acknowledged AS b WHERE b.topic = t.topic) AND first_offset >= 0"
)
LOWEST = "SELECT coalesce(min(first_offset), 0) FROM acknowledged WHERE topic = %s"
REST = f"INSERT INTO acknowledged VALUES ({', '.join(['%s'] * len(COLUMNS))}) ON CONFLICT DO NOTHING"
CUT_OFF = (
    "UPDATE acknowledged SET last_sequence = %s, last_offset = %s, last_position = %s, last_at = %s, times = %s"
    " WHERE topic = %s AND first_offset = %s"
)
LOST = (
    "UPDATE acknowledged SET first_offset = first_offset - %s, last_offset = last_offset - %s"
    " WHERE topic = %s AND first_offset >= %s"
)


GROWN = (
    " ON CONFLICT (topic, first_offset) DO UPDATE SET last_sequence = excluded.last_sequence,"
    " last_offset = excluded.last_offset, last_position = excluded.last_position, last_at = excluded.last_at,"
    " times = excluded.times WHERE excluded.last_offset > acknowledged.last_offset"
)
"""How a range that is there grows; who comes late with less of it changes nothing."""
PARK = (
    "INSERT INTO parked VALUES (%s, %s, %s) ON CONFLICT (topic)"
    " DO UPDATE SET position = excluded.position, code = excluded.code"
)
"""One that was taken up, and is refused at another record, is parked there."""


class Book:
    """What is read of the ranges, and which of them are written anew when the broker has taken more. `ask` reads the
    tables; `write` puts ranges there and moves a follower's position, in one transaction. Safe for several threads."""

    def __init__(self, ask: Ask, write: Callable[[str, int, Sequence[Range]], None]) -> None:
        self._ask = ask
        self._write = write
        self._last: dict[str, Range] | None = None
        self._lock = threading.Lock()

    def acknowledge(self, name: str, position: int, rows: Sequence[Acknowledged]) -> None:
        """Move a follower's position and keep acknowledgements; those that are kept already stay as they are."""
        with self._lock:
            last = self._last if self._last is not None else self._ends()
            self._last = None  # until what was written is known to be
            changed: list[Range] = []
            for topic, some in groupby(sorted(rows, key=_place), key=lambda row: row.topic):
                end = last.get(topic)
                behind, later = _divided(some, end)
                changed += joined(None, self._not_kept(topic, behind))
                ranges = joined(end, later)
                if ranges:
                    changed += ranges
                    last[topic] = ranges[-1]
            self._write(name, position, changed)
            self._last = last

    def cut(self, topic: str, offset: int) -> None:
        """The topic has lost what stood at an offset and behind it: of that the times alone are kept."""
        with self._lock:
            self._last = None
            behind = f"{STANDING} AND last_offset >= %s ORDER BY first_offset"
            lost = [Range(*row) for row in self._ask(behind, (topic, offset))]
            if not lost:
                return
            # Broken off between any two of these it can be done once more.
            if lost[0].first_offset < offset:
                kept, rest = lost[0].divided(offset)
                self._ask(REST, rest)
                ends = (kept.last_sequence, kept.last_offset, kept.last_position, kept.last_at, kept.times)
                self._ask(CUT_OFF, (*ends, topic, kept.first_offset))
            # Below 0, and below what was lost before.
            by = max(one.last_offset for one in lost) + 1 - min(0, self._ask(LOWEST, (topic,))[0][0])
            self._ask(LOST, (by, by, topic, offset))

    def before(self, topic: str, offset: int) -> Acknowledged | None:
        """The last acknowledgement of a topic below an offset."""
        rows = self._ask(f"{STANDING} AND first_offset < %s ORDER BY first_offset DESC LIMIT 1", (topic, offset))
        found = Range(*rows[0]) if rows else None
        return found.at(min(found.last_offset, offset - 1)) if found else None

    def ends(self) -> dict[str, Acknowledged]:
        """By topic, the acknowledgement with the highest offset."""
        return {topic: end.last for topic, end in self._ends().items()}

    def moments(self, topic: str, epoch: int, after: int = 0, until: int = ENDLESS) -> dict[int, int]:
        """By sequence of an epoch behind one and up to another, when the broker first took it (ms since 1970 UTC)."""
        found: dict[int, int] = {}
        among = f"{IN_A_TOPIC} AND epoch = %s AND last_sequence > %s AND first_sequence <= %s"
        for row in self._ask(among, (topic, epoch, after, until)):
            kept = Range(*row)
            for sequence, at in enumerate(kept.moments(), kept.first_sequence):
                if after < sequence <= until:
                    found[sequence] = min(at, found.get(sequence, at))
        return found

    def _ends(self) -> dict[str, Range]:
        return {row[0]: Range(*row) for row in self._ask(ENDS, ())}

    def _not_kept(self, topic: str, rows: Sequence[Acknowledged]) -> list[Acknowledged]:
        """The records, in order of offset, in whose places none is kept."""
        if not rows:
            return []
        among = f"{STANDING} AND last_offset >= %s AND first_offset <= %s ORDER BY first_offset"
        kept = [Range(*row) for row in self._ask(among, (topic, rows[0].offset, rows[-1].offset))]
        begins = [one.first_offset for one in kept]
        missing: list[Acknowledged] = []
        for row in rows:
            place = bisect_right(begins, row.offset) - 1
            if place < 0 or kept[place].last_offset < row.offset:
                missing.append(row)
        return missing


def joined(end: Range | None, rows: Iterable[Acknowledged]) -> list[Range]:
    """The ranges that are changed or begun by a topic's next records, in order of offset, where it ended with `end`."""
    ranges: list[Range] = []
    for row in rows:
        if end is not None and _follows(end, row):
            step = row.timestamp - end.last_at
            # What was all taken at once has said nothing of times so far.
            times = end.times or (bytes(end.last_offset - end.first_offset) if step else b"")
            end = end._replace(
                last_sequence=row.sequence, last_offset=row.offset, last_position=row.position, last_at=row.timestamp,
                times=times + varint(step) if step or times else b"",
            )  # fmt: skip
            if ranges:
                ranges[-1] = end
                continue
        else:
            end = _begun(row)
        ranges.append(end)
    return ranges


def _follows(end: Range, row: Acknowledged) -> bool:
    return (
        (row.offset, row.sequence, row.epoch) == (end.last_offset + 1, end.last_sequence + 1, end.epoch)
        and row.position >= end.last_position
        and row.offset - end.first_offset < LONGEST
    )


def _begun(row: Acknowledged) -> Range:
    topic, position, epoch, sequence, offset, at = row
    return Range(topic, epoch, sequence, sequence, offset, offset, position, position, at, at)


def _divided(rows: Iterable[Acknowledged], end: Range | None) -> tuple[list[Acknowledged], list[Acknowledged]]:
    """The records up to where the topic ended, given again or anew, and those behind."""
    behind: list[Acknowledged] = []
    later: list[Acknowledged] = []
    for row in rows:
        (behind if end is not None and row.offset <= end.last_offset else later).append(row)
    return behind, later


def _place(row: Acknowledged) -> tuple[str, int]:
    return row.topic, row.offset
