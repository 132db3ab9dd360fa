"""A client's facts told to everybody without store or broker: facts in, publications by recipient out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from given import World

from domain.catalogue import DIRECTORY_EVENTS
from domain.directory import Directory, enter
from domain.disclosure.desired import view_of
from domain.disclosure.policy import policy
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publications import Publication
from domain.disclosure.publish import About, Circumstances, Line, publication_of
from domain.disclosure.reconcile import Change, Client
from domain.events import Event
from domain.pathway import Fact, Pathway
from projections.kinds import kinds

SUBJECT = "c" * 32


def held_by_an_agency(told: Iterable[Publication]) -> dict[str, Publication]:
    """By id, what stands in the model of somebody who follows a line as it is written: what replaces another, or takes it
    back, names it; nothing else is known of the facts behind them."""
    held: dict[str, Publication] = {}
    for publication in told:
        held.pop(publication.replaces or "", None)
        if publication.kind != "withdrawn":
            held[publication.id] = publication
    return held


RECORD: Mapping[str, Any] = {
    "family_name": "Virtanen",
    "given_names": "Kaisa",
    "identity_code": "140598-903F",
    "phone": "+358401234567",
    "email": "kaisa@example.org",
    "postal_address": {"street": "Example Street 1", "postcode": "00100", "town": "Helsinki"},
    "language": "fi",
    "emergency_contact_name": "Ville Virtanen",
    "emergency_contact_phone": "+358407654321",
    "site_allergies": "nuts",
    "protected": False,
}
CARDS: Mapping[str, Mapping[str, Any]] = {
    "W-01": {"staff_name": "Own Worker", "staff_title": "sosionomi", "staff_unit": "Unit", "staff_work_phone": "+358501"},
    "I-01": {"staff_name": "Own Instructor", "staff_title": "ohjaaja", "staff_unit": "Site", "staff_work_phone": "+358502"},
}


@cache
def pseudonyms_of(recipient: str) -> Pseudonyms:
    return Pseudonyms(hashlib.sha512(recipient.encode()).digest())


@dataclass
class Everybody:
    """What everybody has been told so far, in order, by the recipient's short name."""

    directory: Directory
    always_whole: bool = False
    record: Mapping[str, Any] = field(default_factory=lambda: RECORD)
    told: dict[str, list[Publication]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(view_of(Pathway(SUBJECT), self.directory, kinds()))
        self.lines: dict[str, Line] = {}
        self._ids = itertools.count(1)

    def hear(self, *facts: Fact[Event]) -> dict[str, list[Publication]]:
        """Take the facts; returns what is new, by recipient."""
        new: dict[str, list[Publication]] = {}
        for fact in facts:
            for change in self.client.take(fact, self.directory, policy(kinds()), always_whole=self.always_whole):
                self._tell(change, new)
        return new

    def join(self, directory: Directory) -> dict[str, list[Publication]]:
        """The register changed: who is new in it is told what is known."""
        joiners = directory.recipients.keys() - self.directory.recipients.keys()
        self.directory = directory
        new: dict[str, list[Publication]] = {}
        for change in self.client.reconcile(directory, policy(kinds()), joiners, ""):
            self._tell(change, new)
        return new

    def _tell(self, change: Change, new: dict[str, list[Publication]]) -> None:
        name = change.standing.recipient.short_name
        line = self.lines.setdefault(name, Line(name, 1))
        at = Circumstances(
            datetime(2025, 10, 1, tzinfo=UTC),
            self.directory,
            "2026-03",
            policy(kinds()),
            pseudonyms_of,
            lambda: f"{next(self._ids):032x}",
            str,
        )
        about = About(self.client.view, self.record, lambda person: CARDS.get(person, {}))
        publication = publication_of(change, line, about, self.client.disclosed.get(name, {}), at)
        line.sequence, line.previous_hash = publication.sequence, publication.hash
        self.client.apply(change, publication.id)
        self.told.setdefault(name, []).append(publication)
        new.setdefault(name, []).append(publication)
        self.changes.append(change)


def facts_of(world: World) -> list[Fact[Event]]:
    """The client's facts in order. The values are as first recorded only while nothing was corrected."""
    return list(world.pathway.facts.values())


def everybody_told(world: World, **but: Any) -> Everybody:
    """Everybody, after all facts of the world."""
    everybody = Everybody(world.directory, **but)
    everybody.hear(*facts_of(world))
    return everybody


def names(publications: Iterable[Publication]) -> list[str]:
    return [p.type.removesuffix(".v1") for p in publications]


def a_fact(event: Event, on: date, number: int, by: Sequence[str], command: str = "") -> Fact[Event]:
    """A fact by hand. `number` is its position, its version and its id."""
    at = datetime.combine(on, time(9), UTC)
    return Fact(f"{number:032x}", event, on, at, number, number, "m" * 32, *by[:4], command or f"c-{number}")


def registered_organisations(*events: Event) -> Directory:
    directory = Directory()
    for position, event in enumerate(events, 1):
        assert event.NAME in DIRECTORY_EVENTS
        directory = enter(directory, event, position)
    return directory


def days_told(everybody: Everybody, recipient: str) -> list[date | None]:
    """The days of the attendance facts that the recipient still holds."""
    told = [p for p in everybody.told.get(recipient, []) if p.type.startswith("attendance")]
    gone = {p.replaces for p in told if p.kind != "fact"}
    return [p.occurred_on for p in told if p.kind != "withdrawn" and p.id not in gone]


def of(everybody: Everybody, recipient: str, event_name: str) -> list[Publication]:
    return [p for p in everybody.told.get(recipient, []) if p.type == f"{event_name}.v1"]
