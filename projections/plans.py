"""The plan in force, who said yes to it, and how it differs from the version before (domain/questions.md CW2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field

from projections.cases import ClientCase, OfCase, seen_by
from projections.obligations import Facts
from projections.questions import Answer, Coded, View, coded
from projections.read_models import Row


class Acceptance(Answer):
    """One party's yes to the version."""

    party_kind: Coded
    accepted_on: date


class PlanChange(Answer):
    """One field that differs from the version before; `before` and `after` as in domain/events.md 11.8."""

    field: str
    before: Any
    after: Any


class PlanInForce(Answer):
    """CW2: the plan version in force on the day, who accepted it, and what changed since the version that it revises, and
    why; of a draft since the version before. In the case asked for, else in the open one, else in the last.

    The plan's fields are none while no version has been agreed.
    """

    client: str
    case_id: str | None = None
    cases: list[ClientCase] = Field(default_factory=list)
    plan_id: str | None = None
    plan_kind: Coded | None = None
    plan_version: int | None = None
    agreed_on: date | None = None
    content: dict[str, Any] | None = None
    accepted: list[Acceptance] = Field(default_factory=list)
    previous_version: int | None = None
    revision_reason: str | None = None
    changes: list[PlanChange] = Field(default_factory=list)


PLAN_FACTS = ("plan.drafting_started", "plan.drafted", "plan.revised", "plan.accepted_by_party", "plan.agreed")


def plan_in_force(view: View, asked: OfCase) -> PlanInForce:
    """Of the plan agreed last by the day the newest version agreed. What it holds was laid under its number."""
    seen = seen_by(view, asked, *PLAN_FACTS)
    facts = Facts(seen.rows, view.on)
    newest = facts.last("plan.agreed")
    if newest is None:
        return PlanInForce(client=asked.client, case_id=seen.case_id, cases=seen.cases)
    of_plan = [row for row in facts.all("plan.agreed") if row.part == newest.part]
    agreed = max(of_plan, key=lambda row: int(row.body["plan_version"]))
    number = int(agreed.body["plan_version"])
    laid = {
        int(row.body["plan_version"]): row for row in facts.all("plan.drafted", "plan.revised") if row.part == agreed.part
    }
    begun = next((row for row in facts.all("plan.drafting_started") if row.part == agreed.part), None)
    accepted = [
        Acceptance(party_kind=party, accepted_on=row.occurred_on)
        for row in facts.all("plan.accepted_by_party")
        if row.part == agreed.part and row.body["plan_version"] == number
        if (party := coded("party_kind", row.body["party_kind"]))
    ]
    row = laid.get(number)
    revised = row.body.get("revises_version") if row else None
    previous = revised or max((version for version in laid if version < number), default=None)
    content = _plan_content(row) if row else {}
    agreed_ones = sorted(int(each.body["plan_version"]) for each in facts.all("plan.agreed") if each.part == agreed.part)
    before, after = (_with_parties(each, laid, agreed_ones, begun) for each in (previous or 0, number))
    changes = [
        PlanChange(field=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if previous is not None and before.get(name) != after.get(name)
    ]
    return PlanInForce(
        client=asked.client,
        case_id=seen.case_id,
        cases=seen.cases,
        plan_id=agreed.part,
        plan_kind=coded("document_kind", begun.body.get("plan_kind")) if begun else None,
        plan_version=number,
        agreed_on=agreed.occurred_on,
        content=content,
        accepted=accepted,
        previous_version=previous,
        revision_reason=row.body.get("revision_reason") if row else None,
        changes=changes,
    )


PARTIES = ("parties", "kela_services_coordinated")
"""What a revision says only where it changes."""


def _with_parties(number: int, laid: Mapping[int, Row], agreed: list[int], begun: Row | None) -> dict[str, Any]:
    """What a version holds, its parties too: as it says itself, else as the version in force when it was laid, else as when
    the plan began."""
    row = laid.get(number)
    if row is None:
        return {name: begun.body.get(name) for name in PARTIES} if begun else {}
    in_force = max((each for each in agreed if each < number), default=0)
    handed_down = _with_parties(min(row.body.get("revises_version", in_force), number - 1), laid, agreed, begun)
    said = {name: row.body.get(name, handed_down.get(name)) for name in PARTIES}
    return {**_plan_content(row), **said}


def _plan_content(row: Row) -> dict[str, Any]:
    envelope = ("case_id", "plan_id", "plan_version", "revises_version", "revision_reason", "plan_document_id", *PARTIES)
    kept = {name: value for name, value in row.body.items() if name not in envelope and not name.startswith("actor_")}
    # An instruction of the wire, not of the plan: an empty start time is left out.
    if "schedule" in kept:
        kept["schedule"] = [{k: v for k, v in entry.items() if v is not None} for entry in kept["schedule"]]
    return kept
