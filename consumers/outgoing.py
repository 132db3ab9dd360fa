"""What each event of the feed becomes on the wire: the full record, a publication, a receipt, new topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from consumers import wire
from consumers.log import Entry, TopicSettings
from domain.catalogue import DISCLOSURES
from domain.disclosure.kept import told_to
from domain.disclosure.pseudonyms import Pseudonyms
from domain.events import Erased, Event, OrganisationJoined
from domain.log_ids import note_ids
from domain.receipts import receipt_of
from domain.record import Record
from domain.store import Acknowledged, EventStore

Senders = dict[tuple[str, str], tuple[int, str]]
"""By (organisation, task): the position of the joining, and the recipient's short name."""
EVERY_ORGANISATION = 1_000_000
NEVER = 1 << 62


class Outgoing(NamedTuple):
    """One record on its way. `position` is that of the event it comes from; `epoch` is that of its line (`wire.line_of`)."""

    position: int
    topic: str
    epoch: int
    entry: Entry


class Packing:
    """Turns events of one ledger into outgoing records: what becomes of one depends on what stands before it in the feed,
    never on when or beside what it is packed. `pseudonyms` gives those of a recipient by its short name; `schemas` is the
    address that a receipt names its schema at."""

    def __init__(self, store: EventStore, pseudonyms: Callable[[str], Pseudonyms], schemas: str = "") -> None:
        self._store = store
        self._pseudonyms = pseudonyms
        self._schemas = schemas
        self._ledger = store.ledger
        self._events_topic = wire.events_topic(store.ledger)
        self._up_to = 0
        self._left_at: dict[tuple[str, int], int] = {}
        self._senders: Senders | None = None
        self._organiser_org = ""

    def topics_of(self, recipients: Iterable[str]) -> dict[str, TopicSettings]:
        """The events topic, and the topics of the recipients by their short names."""
        wanted = {self._events_topic: wire.EVENTS}
        for recipient in recipients:
            wanted |= wire.recipient_topics(self._ledger, recipient)
        return wanted

    def pack(self, records: Sequence[Record]) -> tuple[list[Outgoing], dict[str, TopicSettings]]:
        """The outgoing records in feed order, and the topics of the recipients that join among them. The records are a part
        of the feed without a hole."""
        self._come_to(records)
        senders = self._known_senders()
        outgoing: list[Outgoing] = []
        topics: dict[str, TopicSettings] = {}
        sealed = [record for record in records if self._is_opened(record)]
        events = dict(zip((r.position for r in sealed), self._store.opened_all(sealed), strict=True))
        for record in records:
            line = wire.ledger_line(record.epoch)
            outgoing.append(Outgoing(record.position, self._events_topic, line, wire.full_record(record)))
            if record.position not in events:
                continue
            event = events[record.position]
            try:
                if record.header.name in DISCLOSURES:
                    recipient, epoch = told_to(record)
                    if self._is_left(record, recipient, epoch):
                        continue
                    topic = wire.out_topic(self._ledger, recipient)
                    entry = wire.publication_entry(wire.publication_of(record, event))
                    outgoing.append(Outgoing(record.position, topic, epoch, entry))
                    continue
                if isinstance(event, OrganisationJoined):
                    _enter(senders, event, record.position)
                    topics |= self.topics_of(task.short_name for task in event.tasks)
                outgoing += self._receipt(record, event, senders)
            except Exception as error:
                note_ids(error, {"event_id": record.header.event_id, "position": record.position})
                raise
        self._up_to = max(self._up_to, records[-1].position if records else 0)
        return outgoing, topics

    def sent_as(self, row: Acknowledged) -> Outgoing | None:
        """What is sent where the broker has acknowledged a record; none where nothing is any more: an opening of the ledger
        may have given it up. Raises `Damaged`, `KeysLost`."""
        outgoing, _ = self.pack(self._event_of(row))
        place = (row.topic, row.epoch, row.sequence)
        return next((out for out in outgoing if (out.topic, out.epoch, out.entry.sequence) == place), None)

    def _event_of(self, row: Acknowledged) -> Sequence[Record]:
        """The event by its number in the topic: the position that was kept may be an earlier one's."""
        position, recipient = row.position, wire.whose(row.topic)
        match wire.kind_of(row.topic):
            case "out":
                return self._store.stream(f"recipient/{recipient}/{row.epoch}", row.sequence - 1, 1)
            case "events":
                position = row.sequence
            case "receipts":
                senders = [sender for sender, (_, name) in self._known_senders().items() if name == recipient]
                for sender in senders:
                    position = self._store.position_of(sender, row.sequence) or position
        return self._store.records(position - 1, 1)

    def _come_to(self, records: Sequence[Record]) -> None:
        """What is remembered is true of the feed up to a position. These records say what they add to it; where others have
        sent what stands between, it is forgotten."""
        if not records:
            return
        if records[0].position > self._up_to + 1:
            self._left_at, self._senders = {}, None
            self._up_to = self._store.head()
        for record in records:
            if record.header.name in DISCLOSURES and record.header.stream_version == 1:
                recipient, epoch = told_to(record)
                for earlier in range(1, epoch):
                    self._left_at.pop((recipient, earlier), None)

    def _is_opened(self, record: Record) -> bool:
        header = record.header
        return header.answer_number is not None or header.name in DISCLOSURES or header.name == OrganisationJoined.NAME

    def _receipt(self, record: Record, event: Event | Erased, senders: Senders) -> list[Outgoing]:
        """The answer in the line of the sender, where the sender had joined by then (the clerk, for one, never does)."""
        receipt = receipt_of(record, event)
        joined_at, sender = senders.get((record.header.actor_org, record.header.actor_task), (record.position + 1, ""))
        if receipt is None or joined_at > record.position:
            return []
        named = receipt.named(self._pseudonyms(sender))
        entry = wire.receipt_entry(named, self._organiser(), self._schemas)
        line = wire.ledger_line(record.epoch)
        return [Outgoing(record.position, wire.receipts_topic(self._ledger, sender), line, entry)]

    def _organiser(self) -> str:
        """Whose ledger it is, for life."""
        if not self._organiser_org:
            self._organiser_org = self._store.directory.organiser
        return self._organiser_org

    def _known_senders(self) -> Senders:
        """Who joined at which position: what is sent about an event depends on what stood before it, never on when."""
        if self._senders is None:
            self._senders = {}
            records = self._store.records(0, EVERY_ORGANISATION, (OrganisationJoined.NAME,))
            for record, event in zip(records, self._store.opened_all(records), strict=True):
                if isinstance(event, OrganisationJoined):
                    _enter(self._senders, event, record.position)
        return self._senders

    def _is_left(self, record: Record, recipient: str, epoch: int) -> bool:
        """Whether the recipient is told in a later epoch by then: what stands in this one after that is repeated there, and
        none of it may stand behind the beginning of the next one (proof-of-delivery.md)."""
        if not self._store.epochs.goes_out(recipient, epoch, record.position):
            return True
        line = (recipient, epoch)
        if line not in self._left_at:
            self._left_at[line] = self._next_begins_at(*line)
        return record.position > self._left_at[line]

    def _next_begins_at(self, recipient: str, epoch: int) -> int:
        # One after the other, but for where an opening of the ledger began the line anew.
        for later in range(epoch + 1, max(epoch + 1, self._store.epochs.line_begins(recipient)) + 1):
            if first := self._store.stream(f"recipient/{recipient}/{later}", 0, 1):
                return first[0].position
        return NEVER


def _enter(senders: Senders, event: OrganisationJoined, position: int) -> None:
    for task in event.tasks:
        senders.setdefault((event.org_id, task.task), (position, task.short_name))


def within_epochs(outgoing: list[Outgoing], end: int) -> tuple[list[Outgoing], int]:
    """The records up to where a topic goes over to another epoch, and the position up to there, else up to `end`. An epoch
    begins when the broker has all of the one before: whatever it loses, none of that comes to stand behind the beginning."""
    epochs: dict[str, int] = {}
    for out in outgoing:
        if epochs.setdefault(out.topic, out.epoch) != out.epoch:
            return [one for one in outgoing if one.position < out.position], out.position - 1
    return outgoing, end
