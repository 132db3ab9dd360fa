"""On what ground and for what purpose a publication is made. source: domain/disclosure.md 5.3, rule 12a"""

from __future__ import annotations

from domain import events as e
from domain.disclosure.kinds import Standing
from domain.disclosure.policy import Cell
from domain.events import Event
from domain.pathway import Fact, Pathway

ADMINISTRATION = "administration"
"""For what facts on organisations and rules go to every recipient."""

STATEMENT = "LB-UI-STATEMENT"
"""The legal basis of a labour policy statement."""


def ground_of(fact: Fact[Event], pathway: Pathway, standing: Standing, cell: Cell) -> tuple[str, str]:
    """(legal basis, purpose) of telling the fact to this recipient."""
    kind = standing.kind
    other = kind.ground(fact, pathway, cell.form) if kind.ground else None
    return other or (kind.legal_basis, kind.purpose)


def of_joint_plan(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str]:
    """The ground of a party to the joint plan: that of the plan which began last."""
    if isinstance(fact.event, e.LabourPolicyStatementIssued):
        return STATEMENT, "labour_policy_statement"
    purpose = "notice" if isinstance(fact.event, e.NotificationSent) else "plan_making"
    return "LB-381-JOINT" if _multi_sectoral(pathway) else "LB-189-PLAN", purpose


def _multi_sectoral(pathway: Pathway) -> bool:
    """Whether the plan that began last is multi-sectoral."""
    starts = [plan.started for plan in pathway.plans.values()]
    last = max(starts, key=lambda s: (s.occurred_on, s.version), default=None)
    return last is not None and last.event.plan_kind == "multi_sectoral_employment_plan"
