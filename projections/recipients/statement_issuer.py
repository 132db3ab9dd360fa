"""The KEHA Centre, which issues labour policy statements in the place of an employment authority: it is told nothing but its
own facts."""

from __future__ import annotations

from domain.disclosure.grounds import STATEMENT
from domain.events import Event, LabourPolicyStatementIssued
from domain.pathway import Fact, Pathway
from projections.kinds import Kind


def of_statement(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str] | None:
    """A labour policy statement has a legal basis of its own."""
    return (STATEMENT, "labour_policy_statement") if isinstance(fact.event, LabourPolicyStatementIssued) else None


KIND = Kind(
    name="statement_issuer",
    title="statement issuer",
    task="statement_issuer",
    column="KEHA",
    roles=("keha_expert",),
    sends=frozenset({"issue_labour_policy_statement", "correct_fact"}),
    purpose="labour_policy_statement",
    ground=of_statement,
)
