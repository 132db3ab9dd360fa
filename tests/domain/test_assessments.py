"""Finding out what the client needs."""

from __future__ import annotations

from datetime import date

from given import given
from stories import EXPERT, SOCIAL_WORKER, STEPS, as_1, result

from domain.chapters.assessments.decisions import StartAssessment
from domain.context import Caller
from domain.events import AssessmentCompleted, AssessmentStarted

ON = date(2025, 2, 6)
START = StartAssessment(owner="adult_social_work", client_attended=True)


def test_an_assessment_begins_in_an_open_case() -> None:
    given(as_1("3")).when(START, by=SOCIAL_WORKER, on=date(2025, 1, 27)).then(AssessmentStarted, owner="adult_social_work")


def test_no_assessment_begins_without_an_open_case() -> None:
    given(as_1("2")).when(START, by=SOCIAL_WORKER, on=date(2025, 1, 27)).then_refused("E_STATE")
    before = START.model_copy(update={"occurred_on": date(2025, 1, 21)})
    given(as_1("3")).when(before, by=SOCIAL_WORKER, on=date(2025, 1, 27)).then_refused("E_STATE")


def test_an_owner_that_has_ended_is_refused() -> None:
    old = START.model_copy(update={"owner": "typ"})
    given(as_1("3")).when(old, by=SOCIAL_WORKER, on=date(2025, 1, 27)).then_refused("E_OWNER_CLOSED", at="/owner")


def test_another_employment_authority_assesses_nobody_here() -> None:
    other = Caller("0000012-3", "employment_authority", "employment_expert", "E-99")
    given(as_1("3")).when(START, by=other, on=date(2025, 1, 27)).then_refused("E_NOT_ENTITLED")
    given(as_1("3")).when(START, by=EXPERT, on=date(2025, 1, 27)).then(AssessmentStarted)


def test_an_assessment_does_not_begin_tomorrow() -> None:
    ahead = START.model_copy(update={"occurred_on": date(2025, 1, 28)})
    given(as_1("3")).when(ahead, by=SOCIAL_WORKER, on=date(2025, 1, 27)).then_refused("E_FUTURE")


def test_a_result_names_the_needs() -> None:
    found = ("daily_life_and_life_management", "working_life_rules")
    given(as_1("4")).when(result(), by=SOCIAL_WORKER, on=ON).then(AssessmentCompleted, result="need", needs=found)


def test_a_need_without_a_criterion_is_refused() -> None:
    given(as_1("4")).when(result(needs=None), by=SOCIAL_WORKER, on=ON).then_refused("E_NEED_REQUIRED", at="/needs")


def test_where_there_is_no_need_none_is_named() -> None:
    given(as_1("4")).when(result(result="no_need"), by=SOCIAL_WORKER, on=ON).then_refused("E_FIELD_NOT_ALLOWED")
    given(as_1("4")).when(result(result="no_need", needs=None), by=SOCIAL_WORKER, on=ON).then(AssessmentCompleted)


def test_a_diagnosis_is_no_need() -> None:
    named = result(needs=("working_life_rules", "M54.5"))
    given(as_1("4")).when(named, by=SOCIAL_WORKER, on=ON).then_refused("E_HEALTH_CONTENT", at="/needs")


def test_an_assessment_has_one_result() -> None:
    given(as_1("5")).when(result(), by=SOCIAL_WORKER, on=ON).then_nothing_happens()
    other = result(special_support_need=True)
    given(as_1("5")).when(other, by=SOCIAL_WORKER, on=ON).then_refused("E_ORDER", at="/assessment_id")


def test_an_unknown_assessment_has_no_result() -> None:
    unknown = result(assessment_id="d" * 32)
    given(as_1("4")).when(unknown, by=SOCIAL_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE")


def test_a_result_comes_neither_tomorrow_nor_after_the_case() -> None:
    given(as_1("4")).when(result(occurred_on=date(2025, 2, 7)), by=SOCIAL_WORKER, on=ON).then_refused("E_FUTURE")
    begun = given(as_1("23")).but(START, by=SOCIAL_WORKER, on=date(2025, 9, 2))
    ended = begun.world.after(dict(STEPS)["24"])
    given(ended).when(result(), by=SOCIAL_WORKER, on=date(2025, 9, 8)).then_refused("E_CASE_CLOSED")
