"""A client who comes back: every question is about the new case, and the earlier one is reached by its name.

source: domain/pathway.md 4.1 (a later return opens a new case in the same stream), domain/questions.md 6
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import pytest
from disclosure.paths import (
    AT_CENTRE,
    AUTHORITY,
    KELA,
    REFERRER,
    Path,
    attendance,
    benefit,
    closed,
    decision,
    draft,
    due,
    placement,
    plan,
    ref,
    referral,
    report,
    sent,
    statement,
    whole,
    worker,
)
from disclosure.told import SUBJECT, pseudonyms_of
from publications_given import Told, in_model

from domain import events as e
from domain.events import Event
from domain.rules import RuleSet
from projections.kinds import Kind, kinds
from projections.questions import ask
from projections.read_models_sqlite import SqliteModels

E = TypeVar("E", bound=Event)
OLD, NEW = ref("case"), ref("second case")
AGAIN, UNTIL = date(2025, 11, 3), date(2026, 2, 27)
ON = date(2025, 11, 21)
OF_CASE: dict[str, Any] = {"case_id": NEW}
RECIPIENTS = {
    "county": "social_work",
    "authority": "employment_authority",
    "authority-referrer": "referrer",
    "kela-payment": "kela_benefits",
    "centre": "provider",
}


def moved(event: E, **but: Any) -> E:
    return event.model_copy(update=OF_CASE | but)


def day(month: int, number: int) -> date:
    return date(2025, month, number)


def come_back(path: Path) -> Path:
    """From a second referral in October 2025 to a period that runs, everything otherwise than in the case before."""
    path.add(referral("second referral"), day(10, 1), REFERRER)
    path.add(e.ReferralAccepted(referral_id=ref("second referral")), day(10, 6), command="again")
    opened = e.CaseOpened(case_id=NEW, referral_id=ref("second referral"), previous_case_id=OLD, service_programme="kuty")
    path.add(opened, day(10, 6), command="again")
    seen = {"assessment_id": ref("second assessment"), "client_attended": True, **OF_CASE}
    path.add(e.AssessmentStarted(owner="adult_social_work", **seen), day(10, 13))
    result = e.AssessmentCompleted(result="need", needs=("working_life_rules",), special_support_need=False, **seen)
    path.add(result, day(10, 20))
    path.add(moved(worker("second assignment", day(10, 21)), worker_id="W-21"), day(10, 21))
    path.add(plan("second plan", **OF_CASE), day(10, 22))
    named = {"plan_id": ref("second plan"), **OF_CASE}
    terms = {"kuty_from_on": AGAIN, "kuty_until_on": UNTIL, "goal": "Another goal", "support": "Another talk"}
    path.add(draft(**terms, **named), day(10, 24))
    three = ("client", "organiser", "employment_side")
    for party in three:
        path.add(e.PlanAcceptedByParty(plan_version=1, party_kind=party, **named), day(10, 24))
    path.add(e.PlanAgreed(plan_version=1, parties=three, **named), day(10, 24))
    granted = {"granted_from_on": AGAIN, "granted_until_on": UNTIL, "decision_id": ref("second decision")}
    path.add(decision(**granted, **OF_CASE), day(10, 27))
    path.add(placement("second placement", from_on=AGAIN, until_on=UNTIL, **OF_CASE), day(10, 28))
    at_site = {"placement_id": ref("second placement"), **OF_CASE}
    path.add(e.PlacementConfirmed(**at_site), day(10, 28), AT_CENTRE)
    path.add(e.InstructorNamed(instructor_id="I-01", instructor_role="own_instructor", **at_site), day(10, 28), AT_CENTRE)
    days = {"period_id": ref("second period"), "starts_on": AGAIN, "planned_end_on": UNTIL, **OF_CASE}
    week = tuple(e.ScheduleEntry(weekday=weekday, hours=4) for weekday in (3, 5))
    path.add(e.PeriodPlanned(plan_id=ref("second plan"), plan_version=1, schedule=week, **days), day(10, 29))
    started = path.add(
        e.PeriodStarted(decision_id=ref("second decision"), placement_id=ref("second placement"), **days), AGAIN
    )
    in_period = {"period_id": ref("second period")}
    path.add(moved(due(AUTHORITY, started), notification_id=ref("second notice")), AGAIN)
    path.add(moved(sent(AUTHORITY, started), notification_id=ref("second notice"), **in_period), AGAIN)
    path.add(moved(statement(), service_from_on=AGAIN, service_until_on=UNTIL, **in_period), day(11, 4))
    for number, status in ((5, "present"), (7, "absent_own_sickness"), (12, "present")):
        path.add(moved(attendance(status, key="second placement"), **in_period), day(11, number))
    path.add(moved(attendance("absent_other", "client"), **in_period), day(11, 12))
    path.add(moved(closed(day(11, 14), day(11, 14), "second placement"), **in_period), day(11, 14))
    path.add(moved(report(KELA, day(11, 3), day(11, 14), day(11, 7)), report_id=ref("r"), **in_period), day(11, 14))
    beside = {"parallel_service_id": ref("second service"), "service": "te_services", "told_by": "client"}
    path.add(e.ParallelServiceStarted(from_on=day(11, 10), **beside, **OF_CASE), day(11, 10))
    return path


@dataclass
class Answers:
    """The models of everybody who was told a path."""

    models: SqliteModels

    def tell(self, path: Path) -> Answers:
        told = path.told().told
        for name, kind in RECIPIENTS.items():
            in_model(self.models.of(name), self.kind(kind), Told(publications=told[name]))
        return self

    def kind(self, name: str) -> Kind:
        return next(kind for kind in kinds() if kind.name == name)

    def ask(self, recipient: str, question_id: str, on: date = ON, **asked: Any) -> dict[str, Any]:
        question = self.kind(RECIPIENTS[recipient]).question(question_id)
        if "client" in question.parameters.model_fields:
            asked = {"client": self.named(recipient, SUBJECT), **asked}
        parameters = question.parameters.model_validate({"on": on, **asked})
        answered = ask(question, self.models.of(recipient), parameters, today=ON, rules=RuleSet.current())
        return answered.answer.model_dump()

    def named(self, recipient: str, reference: str) -> str:
        return pseudonyms_of(recipient).of(reference)


def first_only() -> Path:
    return whole(KELA)


def second_only() -> Path:
    path = Path()
    path.add(e.SubjectRegistered(identity_kind="identity_code", registered_from="referral"), date(2025, 1, 7))
    path.add(benefit(KELA, date(2023, 1, 9)), date(2025, 1, 13))
    return come_back(path)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answers]]:
    """What everybody answers who knows the first case alone, the second one alone, and both."""
    paths = {"first": first_only(), "second": second_only(), "both": come_back(whole(KELA))}
    made = {name: Answers(SqliteModels(tmp_path_factory.mktemp(name), "test")).tell(path) for name, path in paths.items()}
    yield made
    for one in made.values():
        one.models.close()


SINCE = AGAIN.isoformat()
ASKED: list[tuple[str, str, dict[str, Any]]] = [
    *(("county", question, {}) for question in ("CW1", "CW2", "CW3", "CW6")),
    *(("centre", question, {}) for question in ("PI1", "PI3", "PI4", "PI6")),
    *(("kela-payment", f"KE{number}", {"from_on": SINCE}) for number in (1, 2, 3, 4, 5, 7)),
    ("kela-payment", "KE6", {"since": SINCE}),
    ("authority", "EA1", {}),
]
OF_THE_CLIENT = {"cases", "months", "days_over_months", "review_months_full_on"}
"""What is the client's, not the case's: which cases there are, and the months of all of them (domain/law.md 2.4)."""


def of_the_case(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in OF_THE_CLIENT}


def test_every_question_is_asked() -> None:
    asked = {question.id for kind in kinds() for question in kind.questions}
    assert asked == {question for _, question, _ in ASKED} | {"EA2", "EA6"}  # these two list all cases of all clients


@pytest.mark.parametrize(("recipient", "question", "asked"), ASKED, ids=[question for _, question, _ in ASKED])
def test_an_answer_about_the_open_case_is_the_same_as_if_there_had_been_none_before(
    recipient: str, question: str, asked: dict[str, Any], answers: dict[str, Answers]
) -> None:
    alone, both = (answers[name].ask(recipient, question, **asked) for name in ("second", "both"))
    assert of_the_case(both) == of_the_case(alone)


@pytest.mark.parametrize("question", ["CW1", "CW2", "CW3", "CW6", "PI6"])
def test_an_earlier_case_is_reached_by_its_name_and_is_as_if_there_had_been_none_after(
    question: str, answers: dict[str, Answers]
) -> None:
    recipient = "centre" if question == "PI6" else "county"
    old, new = (answers["both"].named(recipient, case) for case in (OLD, NEW))
    alone, both = (answers[name].ask(recipient, question, case=old) for name in ("first", "both"))
    assert of_the_case(both) == of_the_case(alone)
    assert both["case_id"] == old
    assert [case if isinstance(case, str) else case["case_id"] for case in both["cases"]] == [old, new]
    nothing = answers["both"].ask(recipient, question, case="somebody else's")
    assert nothing["case_id"] is None


def test_the_case_is_the_one_that_is_open_on_the_day_else_the_last(answers: dict[str, Answers]) -> None:
    both, found = answers["both"], []
    for on in (date(2025, 9, 4), date(2025, 9, 5), date(2025, 10, 5), date(2025, 10, 6), ON):
        case = both.ask("county", "CW1", on)
        found.append((case["case_id"] == both.named("county", OLD), case["state"], case["own_worker_id"]))
    assert found == [
        (True, "between_periods", "W-01"),
        (True, "closed", "W-01"),
        (True, "closed", "W-01"),
        (False, "assessing", None),
        (False, "active", "W-21"),
    ]
    todo = both.ask("county", "CW1", date(2025, 10, 7))["obligations"]
    assert [each["what"]["code"] for each in todo] == ["assessment_to_complete", "own_worker_to_assign"]
    waiting = both.ask("county", "CW1", date(2025, 10, 2))["obligations"]
    assert [each["what"]["code"] for each in waiting] == ["referral_to_answer"]


def test_before_the_new_plan_is_agreed_there_is_none_and_the_months_of_both_cases_count(answers: dict[str, Answers]) -> None:
    both = answers["both"]
    assert both.ask("county", "CW2", date(2025, 10, 10))["plan_version"] is None
    assert both.ask("county", "CW2")["content"]["goal"] == "Another goal"
    before = both.ask("county", "CW3", date(2025, 10, 10))
    assert (before["total"], before["months"], before["days_over_months"]) == (None, 5, 27)
    assert both.ask("county", "CW3")["months"] == 6


def test_lists_over_all_clients_name_both_cases(answers: dict[str, Answers]) -> None:
    referrals = answers["both"].ask("authority-referrer", "EA2")["referrals"]
    notices = answers["both"].ask("authority", "EA6")["notices"]
    assert (len(referrals), len(notices)) == (2, 3)
    dates = [(notice["starts_on"], notice["notification_kind"]["code"]) for notice in notices]
    assert dates == [(AGAIN, "start"), (date(2025, 3, 3), "end"), (date(2025, 3, 3), "start")]


def test_a_day_and_its_accounts_are_shown_to_the_payer(answers: dict[str, Answers]) -> None:
    found = answers["both"].ask("kela-payment", "KE5", from_on=SINCE)
    assert (found["agree"], [day["day_on"] for day in found["days"]]) == (False, [date(2025, 11, 12)])
