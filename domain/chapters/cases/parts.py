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

    def takes(self, on: date) -> bool:
        """Whether a fact of the case may be dated on the day: from its opening to its closing, both included, however late
        it is recorded. source: domain/pathway.md 4.4 row 40"""
        return self.opened.occurred_on <= on and not self.is_over(on)

    def is_over(self, on: date) -> bool:
        """Whether the case had been closed before the day."""
        return self.closed is not None and self.closed.occurred_on < on


@dataclass(frozen=True)
class Cases(ClientStream):
    """The client's cases."""

    cases: Mapping[str, Case] = field(default_factory=dict)

    def open_case(self, on: date) -> Case | None:
        """The case that was open on the day."""
        return next((case for case in reversed(list(self.cases.values())) if case.is_open(on)), None)

    def case_taking(self, on: date) -> Case | None:
        """The case whose facts may be dated on the day; where one was closed and another opened on it, the new one."""
        return next((case for case in reversed(list(self.cases.values())) if case.takes(on)), None)
