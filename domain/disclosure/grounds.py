"""On what ground and for what purpose a publication is made. source: domain/disclosure.md 5.3, rule 12a"""

from __future__ import annotations

from domain import events as e
from domain.disclosure.policy import Cell
from domain.disclosure.windows import Standing
from domain.events import Event
from domain.pathway import Fact, Pathway

PURPOSES = {
    "county": "service",
    "EA": "plan_making",
    "KEHA": "labour_policy_statement",
    "KB": "benefit_payment",
    "KS": "social_assistance",
    "KM": "plan_making",
    "FU": "benefit_payment",
    "PR": "provision",
    "RF": "referral_answer",
    "ST": "statistics",
}
"""By column; facts on organisations and rules go to every recipient for `administration`."""

ADMINISTRATION = "administration"


def ground_of(fact: Fact[Event], pathway: Pathway, standing: Standing, cell: Cell) -> tuple[str, str]:
    """(legal basis, purpose) of telling the fact to this recipient."""
    column = standing.column
    return _basis(fact, pathway, column, cell), _purpose(fact.event, column)


def _purpose(event: Event, column: str) -> str:
    if column in ("EA", "KM"):
        if isinstance(event, e.NotificationSent):
            return "notice"
        if isinstance(event, e.LabourPolicyStatementIssued):
            return "labour_policy_statement"
    return PURPOSES[column]


def _basis(fact: Fact[Event], pathway: Pathway, column: str, cell: Cell) -> str:
    event = fact.event
    if column == "county":
        return "LB-OWN-TASK"
    if column == "EA" and isinstance(event, e.NotificationSent):
        return "LB-189-NOTICE"
    if isinstance(event, e.LabourPolicyStatementIssued) or (column == "PR" and cell.form == "payer"):
        return "LB-UI-STATEMENT"
    match column:
        case "EA" | "KM":
            return "LB-381-JOINT" if _multi_sectoral(pathway) else "LB-189-PLAN"
        case "KB" | "FU":
            return "LB-UI-ATT"
        case "PR":
            return "LB-OUTSOURCE"
        case "KS":
            return "LB-SA-PTA" if cell.form == "assessed" else "LB-SA-REFUSAL"
        case "RF":
            referral = pathway.referrals.get(getattr(event, "referral_id", None) or "")
            return (referral.submitted.event.legal_basis if referral else None) or "LB-SHL-35"
        case "ST":
            return "LB-STAT"
    return "LB-OWN-TASK"


def _multi_sectoral(pathway: Pathway) -> bool:
    """Whether the plan that began last is multi-sectoral."""
    starts = [plan.started for plan in pathway.plans.values()]
    last = max(starts, key=lambda s: (s.occurred_on, s.version), default=None)
    return last is not None and last.event.plan_kind == "multi_sectoral_employment_plan"
