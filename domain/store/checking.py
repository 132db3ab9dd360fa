"""Whether the tables say what the events say: the columns beside each record, and the answers that were kept.

A chain is of what stands in the records; whoever changes a column or an answer leaves every chain whole. Nothing is
repaired. An answer without effect stands in the table alone: whether one of those is gone nothing says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from domain.record import Damaged, Header, Record, read_record
from domain.store.deciding.kept_answers import answer_of
from domain.store.rebuild import FollowerOf, Rebuilding
from domain.store.sealed.sealing import Sealer
from domain.store.tables.recorders import AnswerRow, Recorder, Row, Sender

PAGE = 2_000


class Amiss(NamedTuple):
    """What is not as the events say, and at which position."""

    position: int
    stream: str
    what: str


def amiss(recorder: Recorder, sealer: Sealer, follower_of: FollowerOf) -> Iterator[Amiss]:
    """Everything in the tables that differs from what the events say, in one pass over the feed and one over the answers."""
    rebuilding = Rebuilding(sealer, follower_of)
    expected: dict[Sender, dict[int, AnswerRow]] = {}

    def expect(answers: Iterator[AnswerRow]) -> None:
        for answer in answers:
            expected.setdefault((answer.sender_org, answer.sender_task), {})[answer.number or 0] = answer

    after = 0
    while rows := recorder.rows(after, PAGE):
        records: list[Record] = []
        for row in rows:
            try:
                record = read_record(row.state, row.position, recorder.epoch)
            except Damaged:
                continue  # the chains say so
            records.append(record)
            for what in _columns(row, record.header):
                yield Amiss(row.position, record.header.stream, what)
        for record, event in zip(records, sealer.open_all(records), strict=True):
            expect(rebuilding.answers_before(record, event))
        after = rows[-1].position
    expect(rebuilding.last_answer())
    for sender in sorted(expected.keys() | set(recorder.senders())):
        yield from _answers(recorder, sender, expected.get(sender, {}))


def _columns(row: Row, header: Header) -> Iterator[str]:
    for name, kept, said in (
        ("stream", row.stream, header.stream),
        ("version", row.version, header.stream_version),
        ("type", row.topic, header.type),
        ("matter", row.matter, header.matter),
    ):
        if kept != said:
            yield f"the column of its {name} says {kept}, the event {said}"


def _answers(recorder: Recorder, sender: Sender, expected: dict[int, AnswerRow]) -> Iterator[Amiss]:
    line, after, found = "/".join(sender), 0, set[int]()
    while rows := recorder.answer_rows(sender, after, PAGE):
        for row in rows:
            number = after = row.number or 0
            wanted = expected.get(number)
            if wanted is None:
                yield Amiss(row.position, line, f"answer {number} is of no event")
            elif differing := sorted(_differing(row, wanted)):
                yield Amiss(wanted.position, line, f"answer {number} is not what its event says: {', '.join(differing)}")
            found.add(number)
    for number in sorted(expected.keys() - found):
        yield Amiss(expected[number].position, line, f"answer {number} is missing")


def _differing(row: AnswerRow, wanted: AnswerRow) -> Iterator[str]:
    """The columns that differ, and `answer` where it names other events or codes. A person was not always kept."""
    for name in ("command_id", "final", "content_hash", "status", "position"):
        if getattr(row, name) != getattr(wanted, name):
            yield name
    if row.person not in ("", wanted.person):
        yield "person"
    kept, said = answer_of(row), answer_of(wanted)
    if (kept.events, kept.codes, kept.client) != (said.events, said.codes, said.client):
        yield "answer"
