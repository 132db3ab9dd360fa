"""Answers beside the events that gave them: those that differ, those that are gone, and those that were made up."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

import orjson

from domain.store.checking.amiss import Amiss
from domain.store.deciding.kept_answers import answer_of, hashes_of
from domain.store.tables.recorders import BEFORE_ANSWERS, AnswerRow, Recorder, Sender

PAGE = 2_000


def differing_answers(
    recorder: Recorder, sender: Sender, expected: dict[int, AnswerRow], unread: Container[str]
) -> Iterator[Amiss]:
    """The answers in a sender's line that are not what their events say, by number. `unread` are the events whose content
    cannot be read."""
    line, found = "/".join(sender), set[int]()
    for row in _numbered(recorder, sender, min(expected) - 1, max(expected)):
        number: Any = row.number
        wanted = expected.get(number)
        if wanted is not None:
            found.add(number)
            if differing := sorted(_differing(row, wanted, unread)):
                yield Amiss(wanted.position, line, f"answer {number} is not what its event says: {', '.join(differing)}")
        elif not isinstance(number, int):  # SQLite takes a fraction, too, which no feed counts
            yield Amiss(row.position, line, f"answer {number} is of no event")
    for number in sorted(expected.keys() - found):
        yield Amiss(expected[number].position, line, f"answer {number} is missing")


def _numbered(recorder: Recorder, sender: Sender, after: Any, upto: int) -> Iterator[AnswerRow]:
    """The answers in a sender's line behind a number, up to another one."""
    limit = upto - after + 1
    while rows := recorder.answer_rows(sender, after, limit):
        for row in rows:
            after = row.number
            if not isinstance(after, int | float) or after > upto:
                return
            yield row


def _differing(row: AnswerRow, wanted: AnswerRow, unread: Container[str]) -> Iterator[str]:
    """The columns that differ, and the parts of what it keeps. A person was not always kept; of the version as the sender
    counts it a part of a feed says nothing."""
    for name in ("command_id", "final", "content_hash", "status", "position"):
        if getattr(row, name) != getattr(wanted, name):
            yield name
    if row.person not in ("", wanted.person):
        yield "person"
    said = answer_of(wanted)
    try:
        kept, hashes = answer_of(row), set(hashes_of(row))
    except (ValueError, TypeError, AttributeError, KeyError):
        yield "answer"
        return
    of_parts = any(event_id in unread for event_id, _, _ in said.events)
    for name in ("events", "codes", "facts", "references", "warnings", "stream_version", "client", "more", "entries"):
        if getattr(kept, name) != getattr(said, name) and not (name == "references" and of_parts):
            yield name
    if hashes - {row.content_hash} != set(hashes_of(wanted)) - {wanted.content_hash}:
        yield "message_hash"


def made_up_answers(recorder: Recorder, last_of: Mapping[Sender, int], upto: int) -> Iterator[Amiss]:
    """The answers that no event gave, the feed being known up to a position, and of each sender the last number up to it."""
    for sender in sorted(last_of.keys() | set(recorder.inquiry.senders())):
        after = last_of.get(sender, 0)
        while rows := recorder.answer_rows(sender, after, PAGE):
            after, head = rows[-1].number or 0, recorder.head()  # behind the rows: an answer comes with its event
            for row in rows:
                if not upto < row.position <= head:
                    yield Amiss(max(row.position, 0), "/".join(sender), f"answer {row.number} is of no event")
    row = BEFORE_ANSWERS
    while rows := recorder.inquiry.answers_in_no_line(row, PAGE):
        head = recorder.head()
        for row in rows:
            if row.number is not None or not _says_nothing(row, head):
                what = f"what the command {row.command_id} was answered without a number is of no event"
                yield Amiss(max(row.position, 0), f"{row.sender_org}/{row.sender_task}", what)


def _says_nothing(row: AnswerRow, head: int) -> bool:
    """Whether it is the answer to a command without effect, which says where the client stood and nothing else."""
    try:
        told = orjson.loads(row.answer).keys() <= {"client", "version", "own", "message", "type"}
    except (ValueError, AttributeError):
        return False
    return told and row.final and row.status == "already_recorded" and 0 <= row.position <= head
