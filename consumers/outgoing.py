"""What each event of the feed becomes on the wire: the full record, a publication, a receipt, new topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from consumers import wire
from consumers.log import Entry, TopicSettings
from domain.directory import Directory
from domain.disclosure.pseudonyms import Pseudonyms
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased, Event, OrganisationJoined
from domain.receipts import receipt_of
from domain.store.record import Record

DISCLOSURES = frozenset({"disclosure.made", "disclosure.revised", "disclosure.withdrawn"})


class Outgoing(NamedTuple):
    """One record on its way. `position` is that of the event it comes from; `epoch` counts only on out topics, else 0."""

    position: int
    topic: str
    epoch: int
    entry: Entry


class Unsealing(Protocol):
    """What Packing asks of the store: `domain.store.event_store.EventStore`."""

    @property
    def ledger(self) -> str:
        """The ledger's name."""
        ...

    @property
    def directory(self) -> Directory:
        """The register at the head of the feed."""
        ...

    def opened_all(self, records: Sequence[Record]) -> list[Event | Erased]:
        """The events in the records, in their order; `Erased` where the matter's key is gone."""
        ...


class Packing:
    """Turns events of one ledger into outgoing records. `pseudonyms` gives those of a recipient by its short name."""

    def __init__(self, store: Unsealing, pseudonyms: Callable[[str], Pseudonyms]) -> None:
        self._store = store
        self._pseudonyms = pseudonyms
        self._ledger = store.ledger
        self._events_topic = wire.events_topic(store.ledger)
        self._out_topics: dict[str, tuple[str, int]] = {}
        self._senders: dict[tuple[str, str], str | None] = {}

    def topics_of(self, recipients: Iterable[str]) -> dict[str, TopicSettings]:
        """The events topic, and the topics of the recipients by their short names."""
        wanted = {self._events_topic: wire.EVENTS}
        for recipient in recipients:
            wanted |= wire.recipient_topics(self._ledger, recipient)
        return wanted

    def pack(self, records: Sequence[Record]) -> tuple[list[Outgoing], dict[str, TopicSettings]]:
        """The outgoing records in feed order, and the topics of the recipients that join among them."""
        outgoing: list[Outgoing] = []
        topics: dict[str, TopicSettings] = {}
        sealed = [record for record in records if self._is_opened(record)]
        events = dict(zip((r.position for r in sealed), self._store.opened_all(sealed), strict=True))
        for record in records:
            outgoing.append(Outgoing(record.position, self._events_topic, 0, wire.full_record(record)))
            if record.position not in events:
                continue
            event = events[record.position]
            if record.header.name in DISCLOSURES:
                assert isinstance(event, DisclosureMade | DisclosureWithdrawn | Erased)
                topic, epoch = self._out_topic(record.header.stream)
                entry = wire.publication_entry(wire.publication_of(record, event))
                outgoing.append(Outgoing(record.position, topic, epoch, entry))
                continue
            if isinstance(event, OrganisationJoined):
                self._senders.clear()
                topics |= self.topics_of(task.short_name for task in event.tasks)
            outgoing += self._receipt(record, event)
        return outgoing, topics

    def _is_opened(self, record: Record) -> bool:
        header = record.header
        return header.answer_number is not None or header.name in DISCLOSURES or header.name == OrganisationJoined.NAME

    def _receipt(self, record: Record, event: Event | Erased) -> list[Outgoing]:
        """The answer in the line of the sender, where the sender is a recipient (the clerk, for one, is not)."""
        receipt = receipt_of(record, event)
        sender = self._sender(record.header.actor_org, record.header.actor_task) if receipt else None
        if receipt is None or sender is None:
            return []
        named = receipt.named(self._pseudonyms(sender))
        entry = wire.receipt_entry(named, self._store.directory.organiser)
        return [Outgoing(record.position, wire.receipts_topic(self._ledger, sender), 0, entry)]

    def _sender(self, org: str, task: str) -> str | None:
        if (org, task) not in self._senders:
            recipient = self._store.directory.recipient(org, task)
            self._senders[org, task] = recipient.short_name if recipient else None
        return self._senders[org, task]

    def _out_topic(self, stream: str) -> tuple[str, int]:
        place = self._out_topics.get(stream)
        if place is None:
            found = wire.recipient_of(stream)
            assert found is not None
            place = self._out_topics[stream] = (wire.out_topic(self._ledger, found[0]), found[1])
        return place
