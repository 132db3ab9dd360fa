"""What a provider's instructor asks: who comes, what is missing, what must be reported, what the goal is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from disclosure.paths import CASE, PARISH, in_service, placement, ref
from history_as_1 import KELA, provider
from publications_given import Told, in_model

from domain import events as e
from domain.rules import RuleSet
from projections.questions import ask
from projections.read_models import ReadModel
from projections.recipients.provider import KIND


def answer(model: ReadModel, question_id: str, today: str, /, **asked: Any) -> Any:
    question = KIND.question(question_id)
    parameters = question.parameters.model_validate(asked)
    return ask(question, model, parameters, today=date.fromisoformat(today), rules=RuleSet.current()).answer


def test_who_comes_today_and_this_week(model: ReadModel) -> None:
    in_model(model, KIND, provider("2025-03-03"))
    found = answer(model, "PI1", "2025-03-04", site_id="S-01")
    assert [(c.client_name, c.start_time, c.hours) for c in found.today] == [("Testi Henkilö", "09:00", 5.0)]
    assert [len(day.expected) for day in found.week] == [1, 1, 0, 1, 0, 0, 0]
    assert found.week[0].expected[0].day_status.code == "present"
    assert answer(model, "PI1", "2025-03-04", site_id="S-09").today == []


def test_nobody_comes_on_a_day_not_arranged(sqlite_model: ReadModel) -> None:
    told = provider("2025-03-03")
    named = {"period_id": "period-1", "placement_id": "placement-1"}
    told.fact("service_day.not_arranged", "2025-03-04", {**named, "from_on": "2025-03-04", "until_on": "2025-03-05"})
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "PI1", "2025-03-04")
    assert (found.today, found.week[1].not_arranged, found.week[2].not_arranged) == ([], 1, 0)


def test_a_placement_that_ended_expects_nobody(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, provider("2025-03-03"))
    assert answer(sqlite_model, "PI1", "2025-09-04").today == []


def test_last_weeks_missing_days_are_named(model: ReadModel) -> None:
    in_model(model, KIND, provider("2025-03-04"))
    found = answer(model, "PI3", "2025-03-10")
    assert found.days == 1
    assert found.clients[0].missing_on == [date(2025, 3, 6)]
    assert answer(model, "PI3", "2025-03-07").days == 0


def test_an_absence_is_to_be_reported_to_the_payer_within_fourteen_days(sqlite_model: ReadModel) -> None:
    told = provider("2025-03-20")
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "PI4", "2025-04-02")
    assert [(a.absent_on.isoformat(), a.payer_org_id, a.due_on.isoformat(), a.overdue) for a in found.absences] == [
        ("2025-03-18", KELA, "2025-04-01", True), ("2025-03-20", KELA, "2025-04-03", False),
    ]  # fmt: skip
    assert found.overdue == 1


def test_a_reported_absence_is_done_with(sqlite_model: ReadModel) -> None:
    told = provider("2025-03-20")
    told.fact("absence_report.sent", "2025-03-21", {
        "report_id": "r", "period_id": "period-1", "payer_org_id": KELA, "from_on": "2025-03-18", "until_on": "2025-03-20",
        "absences": [{"day_on": "2025-03-18", "day_status": "absent_own_sickness"},
                     {"day_on": "2025-03-20", "day_status": "absent_own_sickness"}]})  # fmt: skip
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "PI4", "2025-03-31").absences == []
    assert len(answer(sqlite_model, "PI4", "2025-03-31", on="2025-03-20").absences) == 2


def test_an_absence_told_to_another_payer_is_still_to_be_reported(sqlite_model: ReadModel) -> None:
    """domain/questions.md PI4: to which payer."""
    told = provider("2025-03-20")
    told.fact("absence_report.sent", "2025-03-21", {
        "report_id": "r", "period_id": "period-1", "payer_org_id": "0000011-5", "from_on": "2025-03-18",
        "until_on": "2025-03-20", "absences": [{"day_on": "2025-03-18", "day_status": "absent_own_sickness"}]})  # fmt: skip
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "PI4", "2025-03-31").absences
    assert [(a.absent_on.isoformat(), a.payer_org_id) for a in found] == [("2025-03-18", KELA), ("2025-03-20", KELA)]


def test_nothing_is_reported_where_nobody_pays(sqlite_model: ReadModel) -> None:
    told = Told()
    body = {"period_id": "p", "account": "provider", "day_status": "absent_other"}
    told.fact("attendance.recorded", "2025-03-04", body)
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "PI4", "2025-03-31").absences == []


def test_the_goal_at_the_site_and_the_next_follow_up(sqlite_model: ReadModel) -> None:
    told = provider("2025-06-02")
    told.fact("followup.held", "2025-06-02", {"followup_id": "f-1", "held": "held", "next_followup_on": "2025-08-25"})
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "PI6", "2025-06-10", client="client-1")
    assert (found.goal, found.support, found.next_followup_on) == ("regular rhythm", "weekly talk", date(2025, 8, 25))
    assert found.followup_due_by == date(2025, 8, 31)
    assert answer(sqlite_model, "PI6", "2025-06-10", client="client-1", on="2025-03-04").last_followup_on is None


def test_a_provider_that_takes_over_in_mid_period_sees_who_comes(sqlite_model: ReadModel) -> None:
    """source: domain/disclosure.md 5.3 rule 7, domain/questions.md PI1"""
    path = in_service()
    path.add(placement("second", PARISH, from_on=date(2025, 6, 3), site_id="S-15"), date(2025, 5, 1))
    confirmed = e.PlacementConfirmed(case_id=CASE, placement_id=ref("second"))
    path.add(confirmed, date(2025, 5, 2))
    in_model(sqlite_model, KIND, Told(publications=path.told().told["parish"]))
    found = answer(sqlite_model, "PI1", "2025-06-10")
    assert [(day.on.day, len(day.expected)) for day in found.week[:5]] == [(9, 1), (10, 1), (11, 0), (12, 1), (13, 0)]
    assert answer(sqlite_model, "PI1", "2025-06-02").week[1].expected[0].site_id == "S-15"
    assert [day.expected for day in answer(sqlite_model, "PI1", "2025-05-26").week] == [[]] * 7
    assert answer(sqlite_model, "PI3", "2025-06-16").days == 3


def test_a_swapped_day_is_expected_where_it_moved(sqlite_model: ReadModel) -> None:
    """source: domain/pathway.md 4.4 row 27 (the replacing day counts as scheduled from then on, the replaced one not)"""
    told = provider("2025-03-03")
    named = {"case_id": "case-1", "placement_id": "placement-1", "period_id": "period-1", "account": "provider"}
    came = {"day_status": "present", "hours": 5.0, "swap_of_on": "2025-03-04"}
    told.fact("attendance.recorded", "2025-03-07", {**named, **came})
    in_model(sqlite_model, KIND, told)
    week = answer(sqlite_model, "PI1", "2025-03-07").week
    assert [len(day.expected) for day in week] == [1, 0, 0, 1, 1, 0, 0]
    [moved] = week[4].expected
    assert (moved.start_time, moved.hours, moved.day_status and moved.day_status.code) == ("09:00", 5.0, "present")
    assert answer(sqlite_model, "PI3", "2025-03-10").clients[0].missing_on == [date(2025, 3, 6)]


def test_of_two_placements_of_one_day_the_client_comes_to_the_later_one(sqlite_model: ReadModel) -> None:
    told = provider("2025-03-03")
    where = {"case_id": "case-1", "placement_id": "placement-2"}
    days = {"from_on": "2025-03-17", "until_on": "2025-09-02"}
    told.fact("placement.proposed", "2025-03-10", {**where, "site_id": "S-02", **days})
    told.fact("placement.confirmed", "2025-03-10", where)
    in_model(sqlite_model, KIND, told)
    expected = answer(sqlite_model, "PI1", "2025-03-17").today
    assert [client.site_id for client in expected] == ["S-02"]
    assert answer(sqlite_model, "PI1", "2025-03-17", site_id="S-01").today == []


def test_the_last_follow_up_is_the_one_that_was_held_last(sqlite_model: ReadModel) -> None:
    told = provider("2025-06-02")
    told.fact("followup.held", "2025-06-02", {"followup_id": "f-2", "held": "held", "next_followup_on": "2025-08-25"})
    late = {"followup_id": "f-1", "held": "held", "next_followup_on": "2025-06-02"}
    told.fact("followup.held", "2025-04-01", late, at=datetime(2025, 6, 9, 9, tzinfo=UTC))
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "PI6", "2025-06-10", client="client-1")
    assert (found.last_followup_on, found.next_followup_on) == (date(2025, 6, 2), date(2025, 8, 25))


def test_only_an_official_account_is_to_be_reported(sqlite_model: ReadModel) -> None:
    """source: domain/pathway.md 4.9 (each absent day in an official account)"""
    told = provider("2025-03-03")
    body = {"period_id": "period-1", "account": "client", "day_status": "absent_other", "placement_id": "placement-1"}
    told.fact("attendance.recorded", "2025-03-04", body)
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "PI4", "2025-03-20").absences == []


def test_an_absence_after_the_period_ended_is_not_to_be_reported(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.5 I6: it is no day of the service any more, and no report about it would be taken."""
    told = provider("2025-03-20")
    told.fact("period.interrupted", "2025-03-21", {"period_id": "period-1", "ended_on": "2025-03-18"})
    in_model(sqlite_model, KIND, told)
    assert [a.absent_on for a in answer(sqlite_model, "PI4", "2025-03-31").absences] == [date(2025, 3, 18)]


def test_an_absence_on_a_day_that_was_not_arranged_is_not_to_be_reported(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.4 row 27, domain/law.md 2.7: service not arranged is no absence."""
    told = provider("2025-03-20")
    closed = {"period_id": "period-1", "placement_id": "placement-1", "from_on": "2025-03-20", "until_on": "2025-03-20"}
    told.fact("service_day.not_arranged", "2025-03-20", closed)
    in_model(sqlite_model, KIND, told)
    assert [a.absent_on for a in answer(sqlite_model, "PI4", "2025-03-31").absences] == [date(2025, 3, 18)]
