"""The county's decision about the service; one against the client is reasoned and the client heard."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from domain import events as e
from domain.chapters.decisions.events import DecisionTerms
from domain.chapters.guards import case_of, case_on, day_of, not_ahead, only_when, recorded, said
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals


class IssueDecision(DecisionTerms, ClientCommand):
    """Grant, refuse or end the service. A grant names its days a week and hours a day; a refusal its reasons."""

    NAME = "issue_decision"
    max_days_per_week: Annotated[int, Field(ge=1, le=7)] | None = None


def issue_decision(pathway: Pathway, command: IssueDecision, context: Context) -> list[Draft]:
    """A decision in the open case. source: domain/pathway.md 4.4 row 19"""
    no, on = Refusals(), day_of(command, context)
    case = case_on(pathway, on)
    event = e.DecisionIssued(case_id=case.opened.event.case_id, decision_id=context.new_id("decision"), **said(command))
    judge_decision(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_decision(no: Refusals, pathway: Pathway, event: e.DecisionIssued, on: date, context: Context) -> None:
    """What a decision has to hold. source: 434/2003 s. 34 and 45, domain/pathway.md 4.4 row 19"""
    case_of(pathway, event.case_id, on)
    adverse = event.outcome != "granted" or event.less_than_asked
    for name in ("refusal_reasons", "reasons"):
        no.when(adverse and not getattr(event, name), "E_REASON_REQUIRED", f"/{name}")
        no.when(not adverse and getattr(event, name) is not None, "E_FIELD_NOT_ALLOWED", f"/{name}")
    unheard = event.hearing_id is None and event.not_heard_ground is None
    no.when(adverse and unheard, "E_HEARING_REQUIRED", "/hearing_id")
    granted = event.outcome == "granted"
    only_when(no, granted, event, "granted_from_on", "granted_until_on", "max_days_per_week", "max_hours_per_day")
    only_when(no, event.outcome == "ended", event, "ends_on")
    first, last = event.granted_from_on, event.granted_until_on
    no.when(first is not None and last is not None and last < first, "E_PERIOD_LENGTH", "/granted_until_on")


COMMANDS = (CommandKind(IssueDecision, issue_decision, "client", path="decisions", roles=frozenset({"social_worker"})),)
