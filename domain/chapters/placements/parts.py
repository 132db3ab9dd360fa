"""The client's places at providers' sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from domain.chapters.placements.events import InstructorNamed, PlacementConfirmed, PlacementProposed
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class Placement(PartOfPath):
    """A client's place at a site of a provider."""

    proposed: Fact[PlacementProposed]
    confirmed: Fact[PlacementConfirmed] | None = None
    instructors: tuple[Fact[InstructorNamed], ...] = ()

    def covers(self, on: date) -> bool:
        """Whether the day lies in the placement's planned time."""
        return self.proposed.event.from_on <= on <= self.proposed.event.until_on

    @property
    def provider_days(self) -> tuple[date, date]:
        """The days on which the client concerns its provider: from the asking up to and including the placement's end.
        source: domain/disclosure.md 5.3, column PR"""
        return self.proposed.occurred_on, self.proposed.event.until_on

    def open_to_provider(self, on: date) -> bool:
        """Whether its provider may speak of the client on the day."""
        first, last = self.provider_days
        return first <= on <= last


@dataclass(frozen=True)
class Placements(ClientStream):
    """The client's placements."""

    placements: Mapping[str, Placement] = field(default_factory=dict)

    def placement_on(self, on: date) -> Placement | None:
        """The confirmed placement whose time covers the day."""
        found = [p for p in self.placements.values() if p.confirmed and p.covers(on)]
        return found[-1] if found else None
