"""The benefit that the client lives on, who pays it, and what the payer is told of its conditions."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import CaseEvent, ClientFact, Content, Counts, Moves, begins, days, judged_by, listed_in
from domain.vocabulary import Benefit, BenefitStatus, OrgId, Ref, Routing, Service


class BenefitHeld(Content):
    """The benefit, its payer and its days."""

    benefit: Benefit[BenefitStatus]
    payer_org_id: Benefit[OrgId | None] = None
    from_on: Benefit[date]
    until_on: Benefit[date | None] = None


class BenefitStatusChanged(BenefitHeld, ClientFact):
    """The client lives on another benefit, or another body pays it, from a day on."""

    NAME = "benefit_status.changed"
    MATTER = "client"
    PART = listed_in("benefits")
    MOVES = Moves.WINDOWS | Moves.IN_FORCE | Moves.FOLLOWS
    CORRECTED = judged_by("judge_benefit")
    FOUND = days("from_on", "until_on", counts=Counts.FIRST_DAY)


class LabourPolicyStatement(Content):
    """What a labour policy statement says."""

    period_id: Routing[Ref]
    payer_org_id: Benefit[OrgId | None] = None
    labour_statement_kind: Benefit[Literal["start", "change", "end"]]
    service_from_on: Service[date]
    service_until_on: Service[date]
    conditions_met: Benefit[bool]


class LabourPolicyStatementIssued(LabourPolicyStatement, CaseEvent):
    """The employment authority told the payer that the conditions of the benefit hold during the service."""

    NAME = "labour_policy_statement.issued"
    AFTER_CLOSING = True
    PART = begins("labour_statement_id", "statements")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_statement")
    FOUND = days("service_from_on", "service_until_on", part="period_id")
    labour_statement_id: Routing[Ref]
    payer_org_id: Benefit[OrgId]
