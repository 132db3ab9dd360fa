"""What the disclosure follower remembers, and how it is read back from the store after a restart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consumers.late import late_of
from consumers.lawful import pages, tellings
from consumers.wire import publication_of
from domain.catalogue import DIRECTORY_EVENTS, DISCLOSURES, EVENTS, SYSTEM_EVENTS
from domain.disclosure.desired import view_of
from domain.disclosure.kept import held_of, recipient_of
from domain.disclosure.kinds import Kind, Kinds
from domain.disclosure.publish import Line
from domain.disclosure.reconcile import Client, Disclosed, Disclosures
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased
from domain.pathway import Pathway, evolve
from domain.record import Record, fact_of
from domain.store import EventStore
from domain.streams import LEDGER_MATTER

NAME = "disclosure"
"""The follower's name in the store's table of positions."""
LINES = f"{NAME}/lines"
"""Counts the redeliveries that have begun and ended: whoever tells on a line that is another one by now tells nothing."""
FOLLOWED = tuple(sorted((EVENTS.keys() - SYSTEM_EVENTS) | DIRECTORY_EVENTS))
"""Names of the events that it reads; its own and the ledger's others are passed over."""
CLIENTS_KEPT = 2_000
"""Clients remembered between batches, about 200 kilobytes each."""


@dataclass(slots=True)
class Followed:
    """One client with the hashes of its events, by event id: what commitments are made of. `registered_at` is the position
    of its first event, `newest` the id of its last one."""

    client: Client
    hashes: dict[str, str] = field(default_factory=dict)
    registered_at: int = 0
    newest: str = ""


class Memory:
    """The follower's state at its position. Forgotten whole after any doubt, and read back when asked for."""

    def __init__(self, store: EventStore, position: int, kinds: Kinds[Kind]) -> None:
        self.erasures = store.erasures
        """How many keys were destroyed before anything was read."""
        self.position = position
        self.lines = store.tracking(LINES)
        self.directory = store.directory_at(position)
        self.late = late_of(store, position)
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
            known = self._clients[reference] = self._fresh(reference, first) if new else self._read(reference, first)
        self._clients.move_to_end(reference)
        return known

    def looked_at(self, reference: str) -> Followed:
        """A client as known at the position, who is not remembered for having been looked at."""
        return self._clients.get(reference) or self._read(reference, None)

    def line(self, recipient: str) -> Line:
        """Where the epoch has come to in which the recipient is told what happens now."""
        known = self._lines.get(recipient)
        if known is None:
            known = self._lines[recipient] = live_line_of(self._store, recipient)
        return known

    def leave_line(self, recipient: str, lines: int) -> None:
        """The recipient is told in another epoch from here on; `lines` is what is counted now."""
        self._lines.pop(recipient, None)
        self.lines = lines

    def trim(self) -> None:
        """Let go of the clients needed longest ago. Only between batches: the store must have what they were told."""
        while len(self._clients) > CLIENTS_KEPT:
            self._clients.popitem(last=False)

    def _fresh(self, reference: str, first: Record | None) -> Followed:
        at = first.position if first else 0
        return Followed(Client(view_of(Pathway(reference), self.directory, self._kinds)), registered_at=at)

    def _read(self, reference: str, first: Record | None) -> Followed:
        records = [record for record in self._store.stream(reference) if record.position <= self.position]
        pathway = Pathway(reference)
        for record, event in zip(records, self._store.opened_all(records), strict=True):
            pathway = evolve(pathway, fact_of(record, event))
        # What stands in the ledger's matter is told of once, and never taken back.
        matters = sorted({record.header.matter for record in (*records, *((first,) if first else ()))} - {LEDGER_MATTER})
        tellings = self._store.of_matter(matters, DISCLOSURES) if matters else []
        hashes = {record.header.event_id: record.hash for record in records}
        begins = (*records, *((first,) if first else ()))
        at, newest = (begins[0].position if begins else 0), (records[-1].header.event_id if records else "")
        view = view_of(pathway, self.directory, self._kinds)
        return Followed(Client(view, _disclosed(self._store, tellings), _told_in(tellings)), hashes, at, newest)


def _told_in(records: Sequence[Record]) -> dict[str, set[str]]:
    """By matter, who was ever told something of it."""
    told: dict[str, set[str]] = {}
    for record in records:
        if found := recipient_of(record.header.stream):
            told.setdefault(record.header.matter, set()).add(found[0])
    return told


def _disclosed(store: EventStore, records: Sequence[Record]) -> Disclosures:
    """What every recipient was told by these and still holds."""
    return {
        name: {
            fact: Disclosed(event.publication_id, event.legal_basis, record.header.causation or "")
            for fact, (record, event) in held.items()
        }
        for name, held in held_of(zip(records, store.opened_all(records), strict=True)).items()
    }


def is_told(store: EventStore, position: int) -> bool:
    """Whether the follower has told all that the feed up to a position gives rise to, late joiners aside."""
    untold = store.records(store.tracking(NAME), 1, FOLLOWED)
    return not untold or untold[0].position > position


def repeated_up_to(recipient: str) -> str:
    """Under what name it is kept how far a redelivery to a recipient has come (`kept_place`), 0 when none is on its way."""
    return f"{NAME}/repeated/{recipient}"


def kept_place(place: int, fresh: Line) -> int:
    """One number for how far a redelivery has come: one more than the last version of the old epoch's stream that was gone
    through, and where the fresh epoch ends. A table that went back, or came from a backup, does not agree with its
    events."""
    return fresh.sequence << 31 | place


def place_of(store: EventStore, fresh: Line) -> int:
    """One more than the last version of the old epoch that was repeated in the fresh one; 0 when nothing is on its way."""
    kept = store.tracking(repeated_up_to(fresh.recipient))
    if not kept:
        return 0
    return kept & (1 << 31) - 1 if kept >> 31 == fresh.sequence else place_found(store, fresh)


def place_found(store: EventStore, fresh: Line) -> int:
    """The same from the events alone: behind the last publication of the old epoch that stands in the fresh one too; 0 where
    that repeats nothing. A redelivery that had ended ends once more from there, without a word."""
    repeated = _ids_in(store, fresh)
    for record in reversed(store.stream(line_before(store, fresh).stream) if repeated else []):
        event = store.opened(record)
        if isinstance(event, DisclosureMade | DisclosureWithdrawn) and event.publication_id in repeated:
            return record.header.stream_version + 1
    return 0


def _ids_in(store: EventStore, line: Line) -> set[str]:
    """The ids of the publications of an epoch, as far as they can be read; those that say nothing are left out."""
    return {event.publication_id for records in pages(store, line.stream) for _, event in tellings(store, records)}


def line_of(store: EventStore, recipient: str) -> Line:
    """A recipient's newest epoch, counted by its stream; nothing is opened, and no hash is known (`end_of`)."""
    line = _counted(store, recipient, store.epochs.line_begins(recipient))
    while (later := _counted(store, recipient, line.epoch + 1)).sequence:
        line = later
    return line


def _counted(store: EventStore, recipient: str, epoch: int) -> Line:
    line = Line(recipient, epoch)
    line.sequence = store.stream_version(line.stream)
    return line


def history_of(store: EventStore, line: Line) -> Mapping[str, int]:
    """What the first publication of an epoch says of the one that it replaces; nothing where it repeats nothing, or nobody
    can read it any more."""
    first = store.stream(line.stream, 0, 1)
    event = store.opened(first[0]) if first else None
    return event.publication.get("history", {}) if isinstance(event, DisclosureMade | DisclosureWithdrawn) else {}


def line_before(store: EventStore, line: Line) -> Line:
    """The line that is repeated in this one, counted: as it says itself, else the last one before it in which something was
    told; an empty one where there is none."""
    said = history_of(store, line).get("replaces_epoch")
    before = (_counted(store, line.recipient, epoch) for epoch in ([said] if said else range(line.epoch - 1, 0, -1)))
    told = [one for one in before if one.sequence]
    if line.epoch == store.epochs.line_begins(line.recipient):
        # The opening may have come upon a redelivery: then all that was told stands in the line that this had not left.
        while len(told) > 1 and _ids_in(store, told[0]) <= _ids_in(store, told[1]):
            told.pop(0)
    return told[0] if told else _counted(store, line.recipient, line.epoch)


def is_coming(store: EventStore, newest: Line) -> bool:
    """Whether the history of a recipient's newest line is still to be repeated in it: a redelivery is on its way, or an
    opening of the ledger began the line."""
    return newest.epoch > 1 and (not newest.sequence or place_of(store, newest) > 0)


def live_line_of(store: EventStore, recipient: str) -> Line:
    """The end of the epoch in which a recipient is told what happens now: the old one while a redelivery is on its way, and
    repeats from there whatever is told meanwhile."""
    line = line_of(store, recipient)
    return end_of(store, line_before(store, line) if line.sequence and is_coming(store, line) else line)


def told_up_to(store: EventStore, recipient: str) -> tuple[int, int] | None:
    """(epoch, sequence): who has read up to there has all that the recipient was told by now. None while something was told
    beside a redelivery that is on its way: it is sent behind the history, and only the end of that says where."""
    lines = store.tracking(LINES)
    newest = line_of(store, recipient)
    told = newest
    if newest.sequence and is_coming(store, newest):
        told = line_before(store, newest)
        [begun], [last] = store.stream(newest.stream, 0, 1), store.stream(told.stream, told.sequence - 1, 1)
        if last.position > begun.position:
            return None
    # What was read while a redelivery began or ended is of two lines.
    return (told.epoch, told.sequence) if store.tracking(LINES) == lines else None


def end_of(store: EventStore, line: Line) -> Line:
    """The end of an epoch, read from its stream."""
    version = store.stream_version(line.stream)
    if version:
        last = store.stream(line.stream, version - 1)[-1]
        (event,) = store.opened_all([last])
        publication = publication_of(last, event)
        line.sequence = version
        # A repetition has the time of the first telling, which a clock that was ahead may have given.
        line.record_hash, line.at = last.hash, max(last.header.recorded_at, publication.time)
        line.previous_hash = publication.previous_hash if isinstance(event, Erased) else publication.hash
    return line
