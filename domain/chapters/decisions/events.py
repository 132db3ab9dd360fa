"""The county's decision about the service."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import CaseEvent, Content, Moves, begins, days, judged_by
from domain.vocabulary import DocumentId, Hours, Professional, Ref, Routing, Schedule, Service, SetOf, Text1000

RefusalReason = Literal[
    "no_need",
    "not_target_group",
    "no_duty_to_organise",
    "other_service_primary",
    "absences",
    "organiser_cannot",
    "other",
]


class DecisionTerms(Content):
    """What was decided, and why."""

    outcome: Service[Literal["granted", "refused", "ended"]]
    less_than_asked: Service[bool] = False
    granted_from_on: Service[date | None] = None
    granted_until_on: Service[date | None] = None
    ends_on: Service[date | None] = None
    max_days_per_week: Schedule[int | None] = None
    max_hours_per_day: Schedule[Hours | None] = None
    refusal_reasons: Service[SetOf[RefusalReason] | None] = None
    reasons: Professional[Text1000 | None] = None
    hearing_id: Routing[Ref | None] = None
    not_heard_ground: Professional[Literal["manifestly_unnecessary", "purpose_endangered", "urgent"] | None] = None
    appeal_instructions: Service[bool]
    decision_document_id: Professional[DocumentId | None] = None


class DecisionIssued(DecisionTerms, CaseEvent):
    """The county decided about the service; a decision against the client is reasoned and the client heard."""

    NAME = "decision.issued"
    PART = begins("decision_id", "decisions")
    MOVES = Moves.IN_FORCE
    CORRECTED = judged_by("judge_decision")
    FOUND = days("granted_from_on", "granted_until_on")
    decision_id: Routing[Ref]
    less_than_asked: Service[bool]
