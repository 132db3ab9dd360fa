"""Who said yes to a version of a plan, and when all had."""

from __future__ import annotations

from domain.event import (
    BY_DAY,
    CaseEvent,
    Content,
    Moves,
    Tied,
    belongs_to,
    days,
    judged_by,
)
from domain.vocabulary import (
    PartyKind,
    Ref,
    Routing,
    Service,
    SetOf,
)


class VersionOfPlan(Content):
    """One version of a plan."""

    plan_id: Routing[Ref]
    plan_version: Service[Tied[int]]


class PlanAcceptedByParty(VersionOfPlan, CaseEvent):
    """One party said yes to a version."""

    NAME = "plan.accepted_by_party"
    PART = belongs_to("plan_id", "versions")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_acceptance")
    FOUND = BY_DAY
    party_kind: Service[Tied[PartyKind]]


class PlanAgreed(VersionOfPlan, CaseEvent):
    """Every mandatory party accepted the version: it is in force."""

    NAME = "plan.agreed"
    PART = belongs_to("plan_id", "versions")
    MOVES = Moves.WINDOWS | Moves.IN_FORCE
    CORRECTED = judged_by("judge_agreement")
    FOUND = days("kuty_from_on", "kuty_until_on")
    parties: Service[SetOf[PartyKind]]
