"""A store from its topic alone: the same bytes at the same positions, answers and followers' positions rebuilt.

What no topic holds comes from its own backup: keys, vault, use log, the broker's acknowledgements (design D1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from domain.answers import Answer, Status
from domain.events import (
    AnswerWithdrawn,
    CommandRefused,
    Erased,
    Event,
    FactInTheWay,
    GroupAnswered,
    MessageHeld,
    MessageQuarantined,
    MessageSettled,
)
from domain.folding import Commands, counted, version_for
from domain.receipts import answer_of_group, answer_of_refusal, parts_begun
from domain.record import Damaged, Header, Record, read_record
from domain.refusals import Reason
from domain.store.deciding.kept_answers import kept
from domain.store.deciding.known import NOTHING, End
from domain.store.sealed.sealing import Sealer
from domain.store.tables.recorders import AnswerRow, Conflict, Recorder, Row, Writing
from domain.streams import is_client_stream

FollowerOf = Callable[[Header], str | None]
"""The name under which the follower that wrote an event keeps its position; none for an event of a command. Its position
is that of the event named as causation: everything up to there was settled in the same transaction."""

WINDOW = 2_000
BEGUN, DONE = "rebuild/begun", "rebuild/done"
"""Marks among the positions of followers: a rebuild that was broken off goes on, and no other store is written over."""

PositionsAt = Callable[[int], Mapping[str, int]]
"""Where followers go on that no event tells of, by the position of the last event."""


def is_broken_off(recorder: Recorder) -> bool:
    """Whether the store is one whose rebuild has not come to its end."""
    return bool(recorder.tracking(BEGUN)) and not recorder.tracking(DONE)


def append_raw(
    recorder: Recorder, sealer: Sealer, records: Iterable[Record], follower_of: FollowerOf, positions_at: PositionsAt
) -> int:
    """Append a ledger's records in the order of their positions, from the one after the head on; returns how many there are.

    Each window is one transaction. After a rebuild that was broken off the records begin again at the first; those that
    are there have to be the same. Raises `Damaged` when positions or chains do not follow, `Conflict` when the store is
    not where the records begin.
    """
    rebuilding = Rebuilding(sealer, follower_of)
    count = 0
    there = recorder.head() if is_broken_off(recorder) else 0
    for window in _windows(records, there):
        with _writing(recorder) as writing:
            rows, answers, tracking = rebuilding.take(window, writing)
            if rows[-1].position <= there:
                _check_same(rows, recorder.rows(rows[0].position - 1, len(rows)))
                writing.rollback()
            else:
                head = writing.head()
                if rows[0].position != head + 1:
                    raise Conflict(f"the store ends at {head}, the records begin at {rows[0].position}")
                writing.write(rows, answers, {**tracking, BEGUN: 1})
                writing.commit(rows[-1].position)
        count += len(window)
    positions = positions_at(recorder.head())
    with _writing(recorder) as writing:
        writing.write((), list(rebuilding.last_answer()), {**positions, DONE: 1})
        writing.commit(writing.head())
    return count


def _windows(records: Iterable[Record], there: int) -> Iterator[list[Record]]:
    """The records in their order, none of the windows across the end of what is there."""
    source = iter(records)
    while there > 0 and (window := list(islice(source, min(WINDOW, there)))):
        there -= len(window)
        yield window
    while window := list(islice(source, WINDOW)):
        yield window


def _check_same(rows: Sequence[Row], there: Sequence[Row]) -> None:
    """Raises `Conflict`."""
    for row, stands in zip(rows, there, strict=True):
        if (row.position, row.state) != (stands.position, stands.state):
            raise Conflict(f"position {row.position} is not the same in the store whose rebuild was broken off")


@contextmanager
def _writing(recorder: Recorder) -> Iterator[Writing]:
    writing = recorder.begin()
    try:
        yield writing
    except BaseException:
        writing.rollback()
        raise


class Rebuilding:
    """What the tables hold beside the events, made again from a feed in its order."""

    def __init__(self, sealer: Sealer, follower_of: FollowerOf) -> None:
        self._sealer = sealer
        self._follower_of = follower_of
        self._ends: dict[str, End] = {}
        self._positions: dict[str, int] = {}
        self._open: list[tuple[Record, Event | Erased]] = []
        self._commands: dict[str, Commands] = {}

    def take(self, window: list[Record], writing: Writing) -> tuple[list[Row], list[AnswerRow], dict[str, int]]:
        rows: list[Row] = []
        answers: list[AnswerRow] = []
        tracking: dict[str, int] = {}
        expected = window[0].position
        for record, event in zip(window, self._sealer.open_all(window), strict=True):
            h = record.header
            if record.position != expected:
                raise Damaged(f"position {record.position} stands where {expected} should")
            expected += 1
            self._follow(record, writing)
            rows.append(Row(record.position, h.stream, h.stream_version, h.type, record.state, h.matter))
            self._positions[h.event_id] = record.position
            follower = self._follower_of(h)
            if follower is not None and h.causation in self._positions:
                tracking[follower] = max(tracking.get(follower, 0), self._positions[h.causation])
            answers += self.answers_before(record, event)
            if is_client_stream(h.stream):
                self._count(h, writing)
        return rows, answers, tracking

    def answers_before(self, record: Record, event: Event | Erased) -> Iterator[AnswerRow]:
        """The answer that ends before this event, where one does. Take all that it yields before the next event."""
        h = record.header
        if self._follower_of(h) is not None:
            return
        if h.answer_number is None and self._open and _of_one(self._open[0][0].header, h):
            self._open.append((record, event))
        else:
            yield from self.last_answer()
            self._open = [(record, event)] if h.answer_number is not None else []

    @property
    def in_an_answer(self) -> bool:
        """Whether an answer has begun whose last event may not have come yet."""
        return bool(self._open)

    def last_answer(self) -> Iterator[AnswerRow]:
        """The answer whose last event may not have come yet."""
        if self._open:
            yield _answer_row(self._open, self._commands)

    def _count(self, h: Header, writing: Writing) -> None:
        commands = self._commands.get(h.stream)
        before = [] if commands is not None or h.stream_version == 1 else writing.events({h.stream: 0})
        for each in (*(read_record(row.state, 0, 0).header for row in before), h):
            commands = counted(
                commands or {}, each.actor_task, each.actor_org, each.actor_role, each.actor_person, each.command_id
            )  # fmt: skip
        self._commands[h.stream] = commands or {}

    def end(self, stream: str, writing: Writing) -> End:
        """The end of a stream as it was rebuilt, else as it stands."""
        known = self._ends.get(stream)
        if known is None:
            last = writing.ends((stream,))
            known = End(last[0].version, read_record(last[0].state, 0, 0).hash) if last else NOTHING
        return known

    def _follow(self, record: Record, writing: Writing) -> None:
        h = record.header
        known = NOTHING if h.stream_version == 1 and h.stream not in self._ends else self.end(h.stream, writing)
        if (h.stream_version, h.previous_hash) != (known.version + 1, known.hash):
            raise Damaged(f"{h.event_id} does not follow the end of its stream")
        self._ends[h.stream] = End(h.stream_version, record.hash)


def _of_one(first: Header, later: Header) -> bool:
    return (first.command_id, first.actor_org, first.actor_task) == (later.command_id, later.actor_org, later.actor_task)


def _answer_row(group: list[tuple[Record, Event | Erased]], commands: Mapping[str, Commands]) -> AnswerRow:
    records = [record for record, _ in group]
    first, last = records[0], records[-1]
    h = first.header
    status: Status = "recorded"
    codes: tuple[Reason, ...] = ()
    facts: tuple[FactInTheWay, ...] = ()
    client, more = h.stream if is_client_stream(h.stream) else None, 0
    entries: tuple[Status, ...] = ()
    own = commands.get(h.stream, {})
    match group[0][1]:
        case CommandRefused() as refused:
            status = "refused"
            told = answer_of_refusal(refused)
            codes, client, more, facts = told.codes, told.client, told.more, told.facts
        case GroupAnswered() as group_answered:
            of_all = answer_of_group(group_answered)
            status, codes, more, entries = of_all.status, of_all.codes, of_all.more, of_all.entries
        case MessageHeld():
            status = "waiting"
        case MessageSettled():
            status = "already_recorded"
        case MessageQuarantined():
            status = "quarantined"
        case AnswerWithdrawn():
            status = "withdrawn"
    answer = Answer(
        status,
        h.answer_number,
        tuple((record.header.event_id, record.header.name, record.position) for record in records),
        codes,
        parts_begun(event for _, event in group if not isinstance(event, Erased)) if status == "recorded" else {},
        tuple(dict.fromkeys(warning for record in records for warning in record.header.warnings)),
        last.position,
        last.header.stream_version,
        client,
        facts=facts,
        more=more,
        entries=entries,
        own_version=(
            version_for(own, last.header.stream_version, h.actor_task, h.actor_org, h.actor_role)
            if own and status == "recorded"
            else 0
        ),
    )
    final = not isinstance(group[0][1], MessageHeld)
    return AnswerRow(
        h.actor_org, h.actor_task, h.command_id, final, h.content_hash or "", h.answer_number or 0, status,
        first.position, kept(answer, h.message_hash or ""), h.actor_person,
    )  # fmt: skip
