"""Who is in charge of the client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.chapters.cases.parts import Cases
from domain.chapters.own_workers.events import OwnWorkerAssigned
from domain.fact import Fact


@dataclass(frozen=True)
class OwnWorkers(Cases):
    """The own workers of the client's cases."""

    def own_worker(self, case_id: str, on: date) -> Fact[OwnWorkerAssigned] | None:
        """The own worker in charge on the day."""
        case = self.cases.get(case_id)
        known = [a for a in case.own_workers if a.event.effective_on <= on] if case else []
        return max(known, key=lambda a: (a.event.effective_on, a.version), default=None)
