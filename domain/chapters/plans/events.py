"""The plan: its beginning, and its versions."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from domain.event import (
    FROM_ITS_DAY,
    CaseEvent,
    Content,
    Moves,
    Part,
    Tied,
    begins,
    belongs_to,
    days,
    judged_by,
)
from domain.vocabulary import (
    Benefit,
    DocumentId,
    EligibilityKey,
    Goals,
    Health,
    Hours,
    LocalTime,
    OrgId,
    Parallel,
    ParallelService,
    PartyKind,
    PlacementForm,
    PlanKind,
    PlanOwner,
    Professional,
    Ref,
    Routing,
    Schedule,
    Service,
    SetOf,
    Social,
    Text300,
)


class ScheduleEntry(Part):
    """One weekday of participation. Monday is 1; hours exclude travel; the time is local."""

    weekday: Literal[1, 2, 3, 4, 5, 6, 7]
    hours: Hours
    start_time: LocalTime | None = None


def _once_a_weekday(schedule: tuple[ScheduleEntry, ...]) -> tuple[ScheduleEntry, ...]:
    days = [entry.weekday for entry in schedule]
    if len(set(days)) < len(days):
        raise ValueError("a week has one entry a weekday at most")
    return tuple(sorted(schedule, key=lambda entry: entry.weekday))


WeekSchedule = Annotated[tuple[ScheduleEntry, ...], Field(min_length=1), AfterValidator(_once_a_weekday)]
"""At most one entry a weekday, Monday first, and one at least."""

Measure = Literal["job_offers", "employment_services", "education_services", "social_services"]

Circumstance = Literal["housing", "economy", "family", "transport", "language", "digital_skills"]

CapacityLimit = Literal["stamina", "pace", "concentration", "learning", "physical_load", "social_situations"]


class PlanBeginning(Content):
    """Which plan is to be made, by whom."""

    plan_kind: Service[PlanKind]
    initiator: Service[PartyKind]
    parties: Service[SetOf[PartyKind]]
    owner: Service[PlanOwner | None] = None
    employment_authority_org_id: Routing[OrgId | None] = None
    kela_services_coordinated: Service[bool | None] = None
    eligibility_keys: Benefit[SetOf[EligibilityKey] | None] = None


class PlanDraftingStarted(PlanBeginning, CaseEvent):
    """The parties began to make a plan."""

    NAME = "plan.drafting_started"
    PART = begins("plan_id", "plans")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_plan")
    FOUND = FROM_ITS_DAY
    plan_id: Routing[Ref]


class PlanTerms(Content):
    """What a version of a plan says."""

    plan_id: Routing[Ref]
    includes_kuty: Service[bool]
    kuty_from_on: Service[date | None] = None
    kuty_until_on: Service[date | None] = None
    schedule: Schedule[WeekSchedule | None] = None
    placement_form: Service[SetOf[PlacementForm] | None] = None
    goal: Goals[Text300 | None] = None
    support: Goals[Text300 | None] = None
    review_due_on: Service[date | None] = None
    measures: Service[SetOf[Measure] | None] = None
    parallel_services: Parallel[SetOf[ParallelService] | None] = None
    circumstances_affecting_employment: Social[SetOf[Circumstance] | None] = None
    capacity_limits_affecting_employment: Health[SetOf[CapacityLimit] | None] = None
    plan_document_id: Professional[DocumentId | None] = None


class PlanDrafted(PlanTerms, CaseEvent):
    """A version of the plan lies before the parties."""

    NAME = "plan.drafted"
    PART = belongs_to("plan_id", "versions")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_draft")
    FOUND = days("kuty_from_on", "kuty_until_on")
    plan_version: Service[Tied[int]]


RevisionReason = Literal["review", "schedule", "duration", "goal", "next_period", "parties", "other"]


class Revision(PlanTerms):
    """What changes in a plan, and why. The parties are named only when they change."""

    revision_reason: Service[RevisionReason]
    parties: Service[SetOf[PartyKind] | None] = None
    kela_services_coordinated: Service[bool | None] = None


class PlanRevised(Revision, CaseEvent):
    """The plan in force is to change: its next version lies before the parties."""

    NAME = "plan.revised"
    PART = belongs_to("plan_id", "versions")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_revision")
    FOUND = days("kuty_from_on", "kuty_until_on")
    plan_version: Service[Tied[int]]
    revises_version: Service[Tied[int]]
