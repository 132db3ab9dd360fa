"""Cases, each with its own workers and its closing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from domain.chapters.cases.events import CaseClosed, CaseOpened
from domain.chapters.own_workers.events import OwnWorkerAssigned
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class Case(PartOfPath):
    """From the accepted referral to the closing; its matter is that of the referral."""

    opened: Fact[CaseOpened]
    own_workers: tuple[Fact[OwnWorkerAssigned], ...] = ()
    closed: Fact[CaseClosed] | None = None

    def is_open(self, on: date) -> bool:
        """Whether the case had been opened and not yet closed by the end of the day."""
        return self.opened.occurred_on <= on and not (self.closed and self.closed.occurred_on <= on)


@dataclass(frozen=True)
class Cases(ClientStream):
    """The client's cases."""

    cases: Mapping[str, Case] = field(default_factory=dict)

    def open_case(self, on: date) -> Case | None:
        """The case that was open on the day."""
        return next((case for case in reversed(list(self.cases.values())) if case.is_open(on)), None)
