"""What the disclosure follower remembers, and how it is read back from the store after a restart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from consumers.wire import publication_of
from domain.catalogue import DISCLOSURES
from domain.disclosure.desired import view_of
from domain.disclosure.kept import recipient_of
from domain.disclosure.kinds import Kind, Kinds
from domain.disclosure.publish import Line
from domain.disclosure.reconcile import Client, Disclosed, Disclosures
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased
from domain.pathway import Pathway, evolve
from domain.record import Record, fact_of
from domain.store import EventStore
from domain.streams import LEDGER_MATTER

CLIENTS_KEPT = 2_000
"""Clients remembered between batches, about 200 kilobytes each."""


@dataclass(slots=True)
class Followed:
    """One client with the hashes of its events, by event id: what commitments are made of."""

    client: Client
    hashes: dict[str, str] = field(default_factory=dict)


class Memory:
    """The follower's state at its position. Forgotten whole after any doubt, and read back when asked for."""

    def __init__(self, store: EventStore, position: int, kinds: Kinds[Kind]) -> None:
        self.erasures = store.erasures
        """How many keys were destroyed before anything was read."""
        self.position = position
        self.directory = store.directory_at(position)
        self.told_of_register = _disclosed(store, store.of_matter((LEDGER_MATTER,), DISCLOSURES))
        self._store = store
        self._kinds = kinds
        self._told_before = store.head()
        self._clients: OrderedDict[str, Followed] = OrderedDict()
        self._lines: dict[str, Line] = {}

    def client(self, reference: str, first: Record | None = None) -> Followed:
        """A client as known at the position; `first` is the event being read, when it may be the client's first."""
        known = self._clients.get(reference)
        if known is None:
            new = first is not None and first.header.stream_version == 1 and first.position > self._told_before
            known = self._clients[reference] = self._fresh(reference) if new else self._read(reference, first)
        self._clients.move_to_end(reference)
        return known

    def line(self, recipient: str) -> Line:
        """Where the recipient's newest epoch has come to."""
        known = self._lines.get(recipient)
        if known is None:
            known = self._lines[recipient] = line_of(self._store, recipient)
        return known

    def trim(self) -> None:
        """Let go of the clients needed longest ago. Only between batches: the store must have what they were told."""
        while len(self._clients) > CLIENTS_KEPT:
            self._clients.popitem(last=False)

    def _fresh(self, reference: str) -> Followed:
        return Followed(Client(view_of(Pathway(reference), self.directory, self._kinds)))

    def _read(self, reference: str, first: Record | None) -> Followed:
        records = [record for record in self._store.stream(reference) if record.position <= self.position]
        pathway = Pathway(reference)
        for record, event in zip(records, self._store.opened_all(records), strict=True):
            pathway = evolve(pathway, fact_of(record, event))
        # What stands in the ledger's matter is told of once, and never taken back.
        matters = sorted({record.header.matter for record in (*records, *((first,) if first else ()))} - {LEDGER_MATTER})
        tellings = self._store.of_matter(matters, DISCLOSURES) if matters else []
        hashes = {record.header.event_id: record.hash for record in records}
        view = view_of(pathway, self.directory, self._kinds)
        return Followed(Client(view, _disclosed(self._store, tellings), _told_in(tellings)), hashes)


def _told_in(records: Sequence[Record]) -> dict[str, set[str]]:
    """By matter, who was ever told something of it."""
    told: dict[str, set[str]] = {}
    for record in records:
        if found := recipient_of(record.header.stream):
            told.setdefault(record.header.matter, set()).add(found[0])
    return told


def _disclosed(store: EventStore, records: Sequence[Record]) -> Disclosures:
    """What every recipient was told by these and still holds."""
    told: Disclosures = {}
    for record, event in zip(records, store.opened_all(records), strict=True):
        found = recipient_of(record.header.stream)
        if found is None or isinstance(event, Erased):
            continue
        known = told.setdefault(found[0], {})
        if isinstance(event, DisclosureWithdrawn):
            known.pop(event.source_event_id, None)
        elif isinstance(event, DisclosureMade):
            cause = record.header.causation or ""
            known[event.source_event_id] = Disclosed(event.publication_id, event.legal_basis, cause)
    return told


def line_of(store: EventStore, recipient: str) -> Line:
    """The end of a recipient's newest epoch, read from its stream."""
    epoch = store.epochs.line_begins(recipient)
    while store.stream_version(Line(recipient, epoch + 1).stream):
        epoch += 1
    return _end_of(store, Line(recipient, epoch))


def line_before(store: EventStore, line: Line) -> Line:
    """The last line of the recipient's before this one in which something was told; an empty one where there is none."""
    before = range(line.epoch - 1, 0, -1)
    found = next((epoch for epoch in before if store.stream_version(Line(line.recipient, epoch).stream)), line.epoch)
    return _end_of(store, Line(line.recipient, found))


def _end_of(store: EventStore, line: Line) -> Line:
    version = store.stream_version(line.stream)
    if version:
        last = store.stream(line.stream, version - 1)[-1]
        (event,) = store.opened_all([last])
        publication = publication_of(last, event)
        line.sequence = version
        line.record_hash = last.hash
        line.previous_hash = publication.previous_hash if isinstance(event, Erased) else publication.hash
    return line
