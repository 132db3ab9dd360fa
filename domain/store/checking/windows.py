"""A window of the feed beside its tables: columns and answers, and what its events say of keys and of the vault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, TypeAlias

from domain.disclosure.kept import recipient_of
from domain.events import (
    EpochOpened,
    Erased,
    Event,
    MessageHeld,
    PayloadKeyDestroyed,
    PublicationsAcknowledged,
    SubjectIdentifierChanged,
    SubjectRegistered,
)
from domain.record import Damaged, Header, Record, read_record
from domain.store.checking.amiss import Amiss
from domain.store.checking.answers import differing_answers
from domain.store.rebuild import FollowerOf, Rebuilding
from domain.store.sealed.sealing import Sealer
from domain.store.tables.recorders import AnswerRow, Recorder, Row, Sender
from domain.streams import is_client_stream

Command: TypeAlias = tuple[str, str, str, str]
"""By what an answer is known: (organisation, task, id, person). A key is each person's own."""
REST = 200
"""So many rows are read at a time for the end of an answer whose events go on behind the window."""


class Registered(NamedTuple):
    """A client as the record knows it. `identity_kind` is none where it cannot be read any more."""

    client: str
    position: int
    matter: str
    identity_kind: str | None


class Destroyed(NamedTuple):
    """What a `payload_key.destroyed` says."""

    matter: str
    position: int
    stream: str
    key_id: str
    digest: str


class Unreadable(NamedTuple):
    """Events whose key is not there: the first of a window, and how many."""

    key_id: str
    matter: str
    position: int
    stream: str
    events: int


class Waiting(NamedTuple):
    """A message that was held: its row in the vault says the same time (UTC, ISO 8601)."""

    sender_org: str
    sender_task: str
    message_id: str
    position: int
    until_at: str
    person: str

    @property
    def command(self) -> Command:
        """What its last answer is given to."""
        return self.sender_org, self.sender_task, self.message_id, self.person


class Taken(NamedTuple):
    """What a `publications.acknowledged` says: the broker took a recipient's publications up to a sequence between two times
    (ms since 1970 UTC)."""

    recipient: str
    epoch: int
    until_sequence: int
    first_at: int
    last_at: int
    position: int


class Said(NamedTuple):
    """What the events of a window say of answers, keys and the vault. `coded` are the clients whose code was changed, `told`
    the recipients that were told something, `openings` how many epochs were opened."""

    last_answers: dict[Sender, int]
    keys: frozenset[str]
    unreadable: tuple[Unreadable, ...]
    destroyed: tuple[Destroyed, ...]
    registered: tuple[Registered, ...]
    coded: tuple[str, ...]
    held: tuple[Waiting, ...]
    answered: tuple[Command, ...]
    told: frozenset[str]
    taken: tuple[Taken, ...]
    openings: int


class Examined(NamedTuple):
    """A window: its records, each with its event or with what is wrong with it, and what is amiss in the tables."""

    records: list[Record]
    events: list[Event | Erased | Damaged]
    amiss: list[Amiss]
    said: Said


def examine(recorder: Recorder, sealer: Sealer, follower_of: FollowerOf, after: int, upto: int) -> Examined:
    """The events behind position `after` up to `upto`. An answer belongs to the window in which its first event lies."""
    rows = [row for row in recorder.rows(after, upto - after) if row.position <= upto]
    found: list[Amiss] = []
    records = list(_records(recorder, rows, found))
    events = opened_each(sealer, records)
    rebuilding = Rebuilding(sealer, follower_of)
    answers: list[AnswerRow] = []
    unread = set[str]()
    for record, event in zip(records, events, strict=True):
        answers += rebuilding.answers_before(record, _content(record, event, unread))
    answers += _last_answer(recorder, sealer, rebuilding, upto, unread)
    expected: dict[Sender, dict[int, AnswerRow]] = {}
    for answer in answers:
        expected.setdefault((answer.sender_org, answer.sender_task), {})[answer.number or 0] = answer
    for sender, wanted in sorted(expected.items()):
        found += differing_answers(recorder, sender, wanted, unread)
    last = {sender: max(each) for sender, each in expected.items()}
    return Examined(records, events, found, said_by(records, events, last))


def opened_each(sealer: Sealer, records: list[Record]) -> list[Event | Erased | Damaged]:
    """The event of each record, or what is wrong with it."""
    try:
        return list(sealer.open_all(records))
    except Damaged:
        return [_opened(sealer, record) for record in records]


def _opened(sealer: Sealer, record: Record) -> Event | Erased | Damaged:
    try:
        return sealer.open(record)
    except Damaged as damaged:
        return damaged


def _content(record: Record, event: Event | Erased | Damaged, unread: set[str]) -> Event | Erased:
    """What an answer is made of; of what is damaged no more than of what is erased. Either is added to what is `unread`."""
    if isinstance(event, Damaged | Erased):
        unread.add(record.header.event_id)
    return Erased(record.header.name) if isinstance(event, Damaged) else event


def _records(recorder: Recorder, rows: list[Row], found: list[Amiss]) -> Iterator[Record]:
    for row in rows:
        try:
            record = read_record(row.state, row.position, recorder.epoch)
        except Damaged as damaged:
            found.append(Amiss(row.position, row.stream, str(damaged)))
            continue
        found += [Amiss(row.position, record.header.stream, what) for what in _columns(row, record.header)]
        yield record


def _columns(row: Row, header: Header) -> Iterator[str]:
    for name, kept, said in (
        ("stream", row.stream, header.stream),
        ("version", row.version, header.stream_version),
        ("type", row.topic, header.type),
        ("matter", row.matter, header.matter),
    ):
        if kept != said:
            yield f"the column of its {name} says {kept}, the event {said}"


def _last_answer(
    recorder: Recorder, sealer: Sealer, rebuilding: Rebuilding, after: int, unread: set[str]
) -> Iterator[AnswerRow]:
    """The answer that the window ends in, with its events behind the window."""
    while rebuilding.in_an_answer and (rows := recorder.rows(after, REST)):
        records = list(_records(recorder, rows, []))
        for record, event in zip(records, opened_each(sealer, records), strict=True):
            ended = list(rebuilding.answers_before(record, _content(record, event, unread)))
            if ended:
                yield from ended
                return
        after = rows[-1].position
    yield from rebuilding.last_answer()


def said_by(records: list[Record], events: list[Event | Erased | Damaged], last_answers: dict[Sender, int]) -> Said:
    """What some records say of keys and of the vault."""
    unreadable: dict[str, Unreadable] = {}
    destroyed: list[Destroyed] = []
    registered: list[Registered] = []
    coded: list[str] = []
    held: list[Waiting] = []
    answered: list[Command] = []
    taken: list[Taken] = []
    for record, event in zip(records, events, strict=True):
        h = record.header
        if isinstance(event, Erased):
            known = unreadable.get(h.key_id) or Unreadable(h.key_id, h.matter, record.position, h.stream, 0)
            unreadable[h.key_id] = known._replace(events=known.events + 1)
        match event:
            case PayloadKeyDestroyed():
                told = (event.destroyed_matter, record.position, h.stream, event.destroyed_key_id, event.destruction_digest)
                destroyed.append(Destroyed(*told))
            case SubjectRegistered():
                registered.append(Registered(h.stream, record.position, h.matter, event.identity_kind))
            case SubjectIdentifierChanged() if event.identifier_change.startswith("identity_code"):
                coded.append(h.stream)
            case MessageHeld():
                until_at = event.held_until_at.isoformat()
                held.append(Waiting(h.actor_org, h.actor_task, h.command_id, record.position, until_at, h.actor_person))
            case PublicationsAcknowledged():
                line = event.recipient, event.recipient_epoch, event.until_sequence
                taken.append(Taken(*line, _ms(event.first_at), _ms(event.last_at), record.position))
        if not isinstance(event, SubjectRegistered) and h.name == SubjectRegistered.NAME and is_client_stream(h.stream):
            registered.append(Registered(h.stream, record.position, h.matter, None))
        if h.answer_number is not None and h.name != MessageHeld.NAME:
            answered.append((h.actor_org, h.actor_task, h.command_id, h.actor_person))
    return Said(
        last_answers, frozenset(record.header.key_id for record in records), tuple(unreadable.values()), tuple(destroyed),
        tuple(registered), tuple(coded), tuple(held), tuple(answered),
        frozenset(found[0] for record in records if (found := recipient_of(record.header.stream))), tuple(taken),
        sum(record.header.name == EpochOpened.NAME for record in records),
    )  # fmt: skip


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
