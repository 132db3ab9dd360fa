"""What else in the ledger's tables follows from the events: where the feed begins, the epoch, acknowledgements."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from domain.store.checking.amiss import Amiss
from domain.store.checking.windows import Taken
from domain.store.tables.recorders import BEFORE_RANGES, Recorder
from domain.store.tables.relayed import Range

PAGE = 2_000


def rows_before_the_first(recorder: Recorder) -> Iterator[Amiss]:
    """The events that count in their streams, and that no feed comes by."""
    for row in recorder.inquiry.rows_before_the_first():
        yield Amiss(0, row.stream, f"version {row.version} stands at position {row.position}, and the feed begins at 1")


def another_epoch(recorder: Recorder, openings: int) -> Iterator[Amiss]:
    """The ledger is in the epoch that was opened last."""
    said = recorder.inquiry.epoch()
    if said != openings + 1:
        yield Amiss(0, "epochs", f"the ledger says that it is in epoch {said}, and its events that it is in {openings + 1}")


def taken_otherwise(recorder: Recorder, taken: Sequence[Taken], topic_of: Callable[[str], str]) -> Iterator[Amiss]:
    """Acknowledgements whose time is not within the minute that the record says: whoever asks when something was told is
    answered by the table where it has the time. `topic_of` names a recipient's topic."""
    facts: dict[tuple[str, int], list[Taken]] = {}
    for one in sorted(taken, key=lambda one: one.until_sequence):
        facts.setdefault((topic_of(one.recipient), one.epoch), []).append(one)
    # Of what was sent again the first time counts, as who asks is answered.
    first: dict[tuple[str, int], dict[int, int]] = {}
    after, head = BEFORE_RANGES, recorder.head()
    while ranges := recorder.inquiry.acknowledged(after, PAGE):
        for kept in ranges:
            after = kept.topic, kept.first_offset
            if not _adds_up(kept, head):
                yield Amiss(0, kept.topic, f"the acknowledgements from offset {kept.first_offset} on do not add up")
                continue
            if (kept.topic, kept.epoch) in facts:
                times = first.setdefault((kept.topic, kept.epoch), {})
                for sequence, at in enumerate(kept.moments(), kept.first_sequence):
                    times[sequence] = min(at, times.get(sequence, at))
    for line, times in sorted(first.items()):
        said = facts[line]
        until = [one.until_sequence for one in said]
        wrong: dict[Taken, list[tuple[int, int]]] = {}
        for sequence, at in sorted(times.items()):
            place = bisect_left(until, sequence)
            if place < len(said) and not said[place].first_at <= at <= said[place].last_at:
                wrong.setdefault(said[place], []).append((sequence, at))
        for fact, some in wrong.items():
            sequence, at = some[0]
            yield Amiss(
                fact.position, line[0],
                f"by the table of acknowledgements publication {sequence} of epoch {line[1]} was taken at {_time(at)}, by"
                f" the record between {_time(fact.first_at)} and {_time(fact.last_at)} ({len(some)} of its minute)",
            )  # fmt: skip


def _adds_up(kept: Range, head: int) -> bool:
    """Looked at before it is unpacked: no topic has more records than there are events in an epoch."""
    many = kept.last_offset - kept.first_offset
    if not 0 <= many == kept.last_sequence - kept.first_sequence <= head:
        return False
    moments = kept.moments()
    return len(moments) == many + 1 and moments[-1] == kept.last_at


def _time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
