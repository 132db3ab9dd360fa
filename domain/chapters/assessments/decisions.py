"""The assessment: what the client needs. A limit or a need is named, never a diagnosis."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from domain import events as e
from domain.chapters.assessments.events import AssessmentBeginning, AssessmentResult
from domain.chapters.guards import case_of, case_on, day_of, in_authoritys_case, known, not_ahead, recorded, said
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals
from domain.vocabulary import NeedCriterion, SetOf, Text80

SelfRating = Annotated[int, Field(ge=0, le=10)]


class StartAssessment(AssessmentBeginning, ClientCommand):
    """Begin to find out what the client needs."""

    NAME = "start_assessment"


class CompleteAssessment(AssessmentResult, ClientCommand):
    """Say what the client needs, or that there is no need. Ratings are the client's own, 0 to 10."""

    NAME = "complete_assessment"
    needs: SetOf[NeedCriterion | Text80] | None = None
    last_worked_year: Annotated[int, Field(ge=1900, le=2200)] | None = None
    self_rated_work_ability: SelfRating | None = None
    self_rated_functional_capacity: SelfRating | None = None


def start_assessment(pathway: Pathway, command: StartAssessment, context: Context) -> list[Draft]:
    """An assessment under its owner. source: domain/pathway.md 4.4 row 10"""
    no, on = Refusals(), day_of(command, context)
    in_authoritys_case(pathway, on, context)
    case = case_on(pathway, on)
    event = e.AssessmentStarted(
        case_id=case.opened.event.case_id,
        assessment_id=context.new_id("assessment"),
        owner=command.owner,
        client_attended=command.client_attended,
    )
    judge_start(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_start(no: Refusals, pathway: Pathway, event: e.AssessmentStarted, on: date, context: Context) -> None:
    """What an assessment has to fulfil on its day."""
    in_authoritys_case(pathway, on, context)
    case_of(pathway, event.case_id, on)
    no.when(not code_list("plan_owner").valid_on(event.owner, on), "E_OWNER_CLOSED", "/owner")


def complete_assessment(pathway: Pathway, command: CompleteAssessment, context: Context) -> list[Draft]:
    """The result of an assessment; an assessment has one. source: domain/pathway.md 4.4 row 11"""
    assessment = known(pathway.assessments, command.assessment_id, "/assessment_id")
    no, on = Refusals(), day_of(command, context)
    case_id = assessment.started.event.case_id
    listed = code_list("need_criterion").marked("need")
    needs = tuple(need for need in command.needs or () if need in listed) or None
    event = e.AssessmentCompleted(case_id=case_id, **said(command) | {"needs": needs})
    if assessment.completed and assessment.completed.event == event:
        return []
    no.when(assessment.completed is not None, "E_ORDER", "/assessment_id")
    judge_result(no, pathway, event, on, context)
    no.when(bool(set(command.needs or ()) - listed), "E_HEALTH_CONTENT", "/needs")
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_result(no: Refusals, pathway: Pathway, event: e.AssessmentCompleted, on: date, context: Context) -> None:
    """What a result has to fulfil on its day: the case is open and its assessment has begun."""
    case_of(pathway, event.case_id, on)
    started = known(pathway.assessments, event.assessment_id, "/assessment_id").started
    no.when(on < started.occurred_on, "E_ORDER", "/occurred_on")
    no.when(event.result == "need" and not event.needs, "E_NEED_REQUIRED", "/needs")
    no.when(event.result == "no_need" and event.needs is not None, "E_FIELD_NOT_ALLOWED", "/needs")


COMMANDS = (
    CommandKind(
        StartAssessment,
        start_assessment,
        "client",
        path="assessments",
        roles=frozenset({"own_worker", "social_worker", "employment_expert"}),
    ),
    CommandKind(
        CompleteAssessment,
        complete_assessment,
        "client",
        path="completed-assessments",
        roles=frozenset({"own_worker", "social_worker"}),
    ),
)
