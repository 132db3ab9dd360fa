"""What of a recipient's old epoch may still be repeated to it, and what of each fact stands in the epoch in which it is.

A repetition takes the place of what stands in its own epoch: of what was told and withdrawn meanwhile something in between
may never be repeated, and what it names then is not there. Only matters are looked into in which something was revised or
withdrawn, and to count what is lawful only those in which something was withdrawn: the rest is counted unopened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from domain.catalogue import DISCLOSURES
from domain.disclosure.publish import is_empty
from domain.events import DisclosureMade, DisclosureRevised, DisclosureWithdrawn
from domain.record import Record
from domain.store import EventStore
from domain.streams import LEDGER_MATTER

PAGE = 500
MATTERS = 100
"""So many matters are looked into at once."""
SPEAK_OF_ANOTHER = (DisclosureRevised.NAME, DisclosureWithdrawn.NAME)

Telling: TypeAlias = DisclosureMade | DisclosureWithdrawn


@dataclass(slots=True)
class _Matter:
    """A matter in which something was revised or withdrawn: by fact, what was told in the old epoch and not taken back, and
    what stands in the fresh one; and the publications that were taken back, with their facts."""

    told: dict[str, list[str]] = field(default_factory=dict)
    stands: dict[str, str] = field(default_factory=dict)
    taken_back: dict[str, str] = field(default_factory=dict)

    def learn(self, event: Telling) -> None:
        """What was told next in the old epoch."""
        if isinstance(event, DisclosureMade):
            self.told.setdefault(event.source_event_id, []).append(event.publication_id)
        else:
            gone = self.told.pop(event.source_event_id, [])
            self.taken_back |= dict.fromkeys(gone, event.source_event_id)

    def repeat(self, event: Telling) -> None:
        """What was told next in the fresh one."""
        if isinstance(event, DisclosureMade):
            self.stands[event.source_event_id] = event.publication_id
        else:
            self.stands.pop(event.source_event_id, None)

    @property
    def unlawful(self) -> int:
        """How many publications are of facts that were withdrawn for good."""
        return sum(fact not in self.told for fact in self.taken_back.values())

    def is_lawful(self, event: Telling) -> bool:
        """Whether it may be repeated: not what is of a fact withdrawn for good, nor what revises something taken back that
        was not repeated because at that time nothing was told anew."""
        fact = event.source_event_id
        if isinstance(event, DisclosureWithdrawn) or event.publication_id not in self.taken_back:
            return True
        return fact in self.told and not (isinstance(event, DisclosureRevised) and fact not in self.stands)


class Lawful:
    """What is lawful of an old epoch, for a redelivery that goes on in a fresh one."""

    def __init__(self, store: EventStore, recipient: str, old: str, fresh: str) -> None:
        self._store, self._old, self._fresh = store, old, fresh
        self._own_streams = f"recipient/{recipient}/"
        self._matters: dict[str, _Matter | None] = {}
        self._looked_up_to = store.stream_version(old)

    def count(self) -> int:
        """How many publications of the old epoch are lawful by now."""
        count, doubtful = 0, set[str]()
        for records in pages(self._store, self._old):
            for record in readable(self._store, records):
                count += 1
                if record.header.name == DisclosureWithdrawn.NAME:
                    doubtful.add(record.header.matter)
        self._look_into(doubtful)
        return count - sum(matter.unlawful for name in doubtful if (matter := self._matters[name]) is not None)

    def among(self, records: Sequence[Record], end: int) -> Iterator[tuple[Record, Telling]]:
        """What is lawful among some publications of the old epoch, which ended at `end` since they were read; each as it is
        to be repeated. It is taken to stand in the fresh one as soon as the next is asked for."""
        self._look(end)
        new = {record.header.matter for record in records} - self._matters.keys() - {LEDGER_MATTER}
        later = self._store.of_matter(sorted(new), SPEAK_OF_ANOTHER, streams=self._own_streams) if new else ()
        self._matters |= dict.fromkeys(new, None)
        self._look_into({record.header.matter for record in later if record.header.stream == self._old})
        for record, event in tellings(self._store, records):
            matter = self._matters.get(record.header.matter)
            if matter is None:
                yield record, event
            elif matter.is_lawful(event):
                yield record, _in_place_of(matter.stands.get(event.source_event_id), event)
                matter.repeat(event)

    def _look(self, end: int) -> None:
        """Forget what is not true any more because more was told in the old epoch."""
        if end > self._looked_up_to:
            for records in pages(self._store, self._old, self._looked_up_to, end):
                for record in records:
                    self._matters.pop(record.header.matter, None)
            self._looked_up_to = end

    def _look_into(self, matters: Collection[str]) -> None:
        names = sorted(matters)
        for some in (names[start : start + MATTERS] for start in range(0, len(names), MATTERS)):
            self._matters |= {name: _Matter() for name in some}
            told = self._store.of_matter(some, DISCLOSURES, streams=self._own_streams)
            for record, event in tellings(self._store, [r for r in told if r.header.stream in (self._old, self._fresh)]):
                matter = self._matters[record.header.matter]
                if matter is not None:
                    (matter.learn if record.header.stream == self._old else matter.repeat)(event)


def _in_place_of(stands: str | None, event: Telling) -> Telling:
    """A telling as it takes the place of what stands of its fact, where something does."""
    if isinstance(event, DisclosureRevised):
        name = "replaces_publication_id"
    elif isinstance(event, DisclosureWithdrawn):
        name = "withdraws_publication_id"
    else:
        return event
    if stands is None or getattr(event, name) == stands:
        return event
    return event.model_copy(update={name: stands, "publication": {**event.publication, "replaces": stands}})


def pages(store: EventStore, stream: str, after: int = 0, end: int = 1 << 62) -> Iterator[list[Record]]:
    """A part of a stream, page by page."""
    while after < end and (records := store.stream(stream, after, min(PAGE, end - after))):
        yield records
        after = records[-1].header.stream_version


def readable(store: EventStore, records: Sequence[Record]) -> list[Record]:
    """The publications that somebody can read, and that say something; none is opened."""
    there = store.keys.opening({record.header.key_id for record in records})
    return [record for record in records if record.header.key_id in there and not _says_nothing(record)]


def _says_nothing(record: Record) -> bool:
    # Of what stands in the ledger's matter nothing is ever withdrawn but an empty publication itself.
    return record.header.name == DisclosureWithdrawn.NAME and record.header.matter == LEDGER_MATTER


def tellings(store: EventStore, records: Sequence[Record]) -> Iterator[tuple[Record, Telling]]:
    """The publications that somebody can read, and that say something, opened."""
    for record, event in zip(records, store.opened_all(records), strict=True):
        if isinstance(event, Telling) and not is_empty(event):
            yield record, event
