"""What the client needs, being found out."""

from __future__ import annotations

from typing import Literal

from domain.event import BY_DAY, CaseEvent, Content, Moves, begins, belongs_to, judged_by
from domain.vocabulary import (
    DocumentId,
    Health,
    NeedCriterion,
    PlanOwner,
    Professional,
    Ref,
    Routing,
    Service,
    SetOf,
    Social,
)


class AssessmentBeginning(Content):
    """Who assesses, and whether the client was there."""

    owner: Service[PlanOwner]
    client_attended: Service[bool]


class AssessmentStarted(AssessmentBeginning, CaseEvent):
    """Work on finding out what the client needs began."""

    NAME = "assessment.started"
    PART = begins("assessment_id", "assessments")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_start")
    FOUND = BY_DAY
    assessment_id: Routing[Ref]


class AssessmentResult(Content):
    """What an assessment found."""

    assessment_id: Routing[Ref]
    result: Service[Literal["need", "no_need"]]
    needs: Social[SetOf[NeedCriterion] | None] = None
    client_attended: Service[bool]
    special_support_need: Social[bool]
    no_duty_ground: Social[
        Literal["works_over_8_hours", "entrepreneur", "full_time_student", "other_employment_service"] | None
    ] = None
    long_term_unemployment: Social[bool | None] = None
    last_worked_year: Social[int | None] = None
    self_rated_work_ability: Health[int | None] = None
    self_rated_functional_capacity: Health[int | None] = None
    capacity_statement_id: Health[DocumentId | None] = None
    assessment_document_id: Professional[DocumentId | None] = None


class AssessmentCompleted(AssessmentResult, CaseEvent):
    """The need is known. A limit or a need is named, never a diagnosis."""

    NAME = "assessment.completed"
    PART = belongs_to("assessment_id", "completed")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_result")
    FOUND = BY_DAY
