"""Assessments of what the client needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.assessments.events import AssessmentCompleted, AssessmentStarted
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class Assessment(PartOfPath):
    """What the client needs, being found out."""

    started: Fact[AssessmentStarted]
    completed: Fact[AssessmentCompleted] | None = None


@dataclass(frozen=True)
class Assessments(ClientStream):
    """The client's assessments."""

    assessments: Mapping[str, Assessment] = field(default_factory=dict)

    def assessments_of(self, case_id: str) -> list[Assessment]:
        """The assessments of the case."""
        return [a for a in self.assessments.values() if a.started.event.case_id == case_id]
