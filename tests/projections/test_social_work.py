"""What the county's own worker asks: state and obligations, plan, participation, services beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from history_as_1 import ABSENT, CASE, LAST, county, notice, plan
from hypothesis import given, settings
from hypothesis import strategies as st
from publications_given import Told, in_model

from domain.months import full_on, time_before
from domain.rules import RuleSet
from projections.questions import ask
from projections.read_models import ReadModel
from projections.recipients.social_work import KIND


def answer(model: ReadModel, question_id: str, today: str, /, **asked: Any) -> Any:
    question = KIND.question(question_id)
    parameters = question.parameters.model_validate({"client": "client-1", **asked})
    return ask(question, model, parameters, today=date.fromisoformat(today), rules=RuleSet.current()).answer


def open_things(model: ReadModel, on: str) -> list[tuple[str, str | None]]:
    found = answer(model, "CW1", on).obligations
    return [(todo.what.code, todo.due_on.isoformat() if todo.due_on else None) for todo in found]


def test_as_1_passes_through_its_states(model: ReadModel) -> None:
    in_model(model, KIND, county())
    expected = {
        "2025-01-21": "referred", "2025-01-22": "assessing", "2025-02-06": "planning", "2025-02-14": "placing",
        "2025-03-03": "active", "2025-09-01": "active", "2025-09-02": "between_periods", "2025-09-05": "closed",
    }  # fmt: skip
    assert {on: answer(model, "CW1", "2025-12-31", on=on).state for on in expected} == expected


def test_a_closed_case_is_kept_for_ten_years(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    found = answer(sqlite_model, "CW1", "2025-09-05")
    assert found.retention_due_on == date(2035, 9, 5)
    assert found.obligations == []
    assert found.client_name == "Testi Henkilö"


def test_an_unanswered_referral_and_a_missing_own_worker_are_to_be_seen_to(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    assert open_things(sqlite_model, "2025-01-21") == [("referral_to_answer", "2025-01-29")]
    assert [what for what, _ in open_things(sqlite_model, "2025-01-28")] == [
        "assessment_to_complete", "own_worker_to_assign",
    ]  # fmt: skip


def test_a_follow_up_is_due_ninety_days_after_the_start(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county("2025-05-30"))
    assert open_things(sqlite_model, "2025-05-30") == [("follow_up_due", "2025-06-01")]


def test_the_end_of_the_period_is_announced_until_the_next_step_is_agreed(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    assert ("period_ends", LAST) not in open_things(sqlite_model, "2025-08-02")
    assert ("period_ends", LAST) in open_things(sqlite_model, "2025-08-03")
    assert ("period_ends", LAST) not in open_things(sqlite_model, "2025-08-25")


def test_an_unsent_notice_stands_among_the_obligations(sqlite_model: ReadModel) -> None:
    told = county("2025-03-03")
    notice(told, "notice-9", "start", "2025-03-04", sent=False)
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "CW1", "2025-03-05").obligations[0]
    assert (found.what.code, found.due_on, found.overdue) == ("notice_to_send", date(2025, 3, 4), True)
    assert found.notice.en == "start of the service"


def test_an_unreported_absence_is_shown_with_its_fourteen_days(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county("2025-03-20"))
    assert ("absence_to_report", "2025-04-01") in open_things(sqlite_model, "2025-03-20")
    assert ("absence_to_report", "2025-04-03") in open_things(sqlite_model, "2025-03-20")


def test_every_absence_of_as_1_was_reported(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    for day in (*ABSENT, "2025-09-01"):
        due = [what for what, _ in open_things(sqlite_model, (date.fromisoformat(day) + timedelta(days=5)).isoformat())]
        assert "absence_to_report" not in due


def test_twenty_one_months_call_for_the_review_at_twenty_four(sqlite_model: ReadModel) -> None:
    told = Told()
    told.fact("case.opened", "2023-01-02", {"case_id": CASE})
    for number, (first, last) in enumerate((("2023-02-01", "2024-01-31"), ("2024-02-01", "2025-01-31"))):
        named = {"case_id": CASE, "period_id": f"p-{number}", "starts_on": first, "planned_end_on": last}
        told.fact("period.planned", first, {**named, "schedule": [{"weekday": 1, "hours": 4.0}]})
        told.fact("period.started", first, named)
        if number == 0:
            told.fact("period.completed", last, {"case_id": CASE, "period_id": "p-0", "ended_on": last})
    in_model(sqlite_model, KIND, told)
    assert ("review_24_months", "2025-02-01") not in open_things(sqlite_model, "2024-10-29")
    assert ("review_24_months", "2025-02-01") in open_things(sqlite_model, "2024-11-01")


def test_as_1_has_eighty_scheduled_days(model: ReadModel) -> None:
    in_model(model, KIND, county())
    found = answer(model, "CW3", "2025-09-05")
    assert found.total.scheduled == 80
    counts = {count.day_status.code: count.days for count in found.total.by_status}
    assert counts == {"present": 65, "absent_own_sickness": 2, "absent_job_interview": 1, "not_arranged": 12}
    assert found.total.hours == 325.0
    assert (found.months, found.days_over_months) == (6, 0)


def test_a_running_week_counts_its_days_and_hours(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    found = answer(sqlite_model, "CW3", "2025-03-11")
    assert (found.week.present_days, found.week.hours, found.week.scheduled) == (2, 10.0, 2)
    assert found.period.present_days == 5
    assert found.review_months_full_on == date(2027, 3, 3)


def test_a_day_without_any_record_is_unknown(sqlite_model: ReadModel) -> None:
    told = county("2025-03-03")
    in_model(sqlite_model, KIND, told)
    counts = {count.day_status.code: count.days for count in answer(sqlite_model, "CW3", "2025-03-06").week.by_status}
    assert counts == {"present": 1, "unknown": 2}


def test_the_plan_in_force_names_who_accepted_it(model: ReadModel) -> None:
    in_model(model, KIND, county())
    found = answer(model, "CW2", "2025-03-01")
    assert (found.plan_version, found.plan_kind.code, found.agreed_on) == (1, "activation_plan", date(2025, 2, 14))
    assert [each.party_kind.code for each in found.accepted] == ["client", "employment_side", "organiser"]
    assert (found.previous_version, found.changes) == (None, [])
    assert found.content["goal"] == "regular rhythm"


def test_a_new_version_says_what_it_changed(sqlite_model: ReadModel) -> None:
    told = county("2025-03-03")
    plan(told, 2, "2025-04-01", goal="three days a week", support="weekly talk")
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "CW2", "2025-04-01")
    assert [(c.field, c.before, c.after) for c in found.changes] == [("goal", "regular rhythm", "three days a week")]
    assert answer(sqlite_model, "CW2", "2025-04-01", on="2025-03-31").plan_version == 1


def changes(model: ReadModel, on: str) -> list[tuple[str, Any, Any]]:
    return [(change.field, change.before, change.after) for change in answer(model, "CW2", on).changes]


def test_a_revision_says_why_and_what_it_changed_in_the_version_that_it_revises(sqlite_model: ReadModel) -> None:
    told = county("2025-03-03")
    three = ["client", "employment_side", "organiser"]
    why: dict[str, Any] = {"name": "plan.revised", "revises_version": 1}
    plan(told, 2, "2025-04-01", **why, revision_reason="goal", goal="never agreed", agrees=False)
    plan(told, 3, "2025-04-02", **why, revision_reason="parties", parties=[*three, "kela"])
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "CW2", "2025-04-02")
    assert (found.plan_version, found.previous_version, found.revision_reason) == (3, 1, "parties")
    [(field, before, after)] = changes(sqlite_model, "2025-04-02")
    assert (field, sorted(before), sorted(after)) == ("parties", three, sorted([*three, "kela"]))
    assert "parties" not in found.content


def test_a_revision_that_says_nothing_of_the_parties_changes_none(sqlite_model: ReadModel) -> None:
    told = county("2025-03-03")
    three = ["client", "employment_side", "organiser"]
    plan(told, 2, "2025-04-01", name="plan.revised", revises_version=1, revision_reason="parties", parties=[*three, "kela"])
    plan(told, 3, "2025-04-02", name="plan.revised", revises_version=2, revision_reason="goal", goal="another")
    plan(told, 4, "2025-04-03", goal="drafted")
    in_model(sqlite_model, KIND, told)
    assert changes(sqlite_model, "2025-04-02") == [("goal", "regular rhythm", "another")]
    assert changes(sqlite_model, "2025-04-03") == [("goal", "another", "drafted")]


def test_the_period_is_to_start_when_the_version_laid_last_says(sqlite_model: ReadModel) -> None:
    told = county("2025-02-14")
    later: dict[str, Any] = {"name": "plan.revised", "revises_version": 1, "revision_reason": "schedule"}
    plan(told, 2, "2025-02-15", **later, kuty_from_on="2025-04-01")
    plan(told, 3, "2025-02-16", kuty_from_on="2025-05-05")
    in_model(sqlite_model, KIND, told)
    assert ("period_to_start", "2025-04-01") in open_things(sqlite_model, "2025-02-15")
    assert ("period_to_start", "2025-05-05") in open_things(sqlite_model, "2025-02-16")


def test_a_parallel_service_runs_until_its_last_day(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    assert answer(sqlite_model, "CW6", "2025-06-30").running == 1
    found = answer(sqlite_model, "CW6", "2025-07-01")
    assert (found.running, found.services[0].until_on, found.services[0].told_by) == (0, date(2025, 6, 30), "client")


def test_the_countys_own_correction_changes_the_day_it_speaks_of(model: ReadModel) -> None:
    told = county("2025-03-06")
    target = next(
        p.id for p in told.publications if p.type == "attendance.recorded.v1" and str(p.occurred_on) == "2025-03-04"
    )
    told.fact(
        "fact.corrected",
        "2025-03-07",
        {"target_event_id": target, "correction_reason": "wrong_entry",
         "new_values": {"day_status": "absent_own_sickness", "hours": None}},
        at=datetime(2025, 3, 7, 9, 0, tzinfo=UTC),
    )  # fmt: skip
    in_model(model, KIND, told)
    assert answer(model, "CW3", "2025-03-09").total.present_days == 2
    assert answer(model, "CW3", "2025-03-09").total.hours == 10.0
    assert answer(model, "CW3", "2025-03-09", known_at="2025-03-06").total.present_days == 3


def test_a_correction_told_as_a_revision_too_is_counted_once(sqlite_model: ReadModel) -> None:
    told = county("2025-03-06")
    target = next(p for p in told.publications if p.type == "attendance.recorded.v1" and str(p.occurred_on) == "2025-03-04")
    at = datetime(2025, 3, 7, 9, 0, tzinfo=UTC)
    values = {"day_status": "absent_own_sickness"}
    told.fact("fact.corrected", "2025-03-07", {"target_event_id": target.id, "new_values": values}, at=at)
    told.revised(target.id, {**target.body, **values}, at=at)
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "CW3", "2025-03-09").total.present_days == 2


@pytest.mark.parametrize("where", [{"target_event_id": "none\x00"}, {"case_id": CASE}])
def test_a_character_that_no_database_takes_parks_its_client(model: ReadModel, where: dict[str, str]) -> None:
    told = Told()
    told.fact("fact.corrected", "2025-03-07", where, message_id="m\x00" if "case_id" in where else None)
    told.fact("case.opened", "2025-01-22", {"case_id": CASE}, client="somebody-else")
    in_model(model, KIND, told)
    with model.look(1) as look:
        assert ([parked.sequence for parked in look.parked()], look.position.sequence) == ([1], 2)


def test_an_unknown_client_has_no_case(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, county())
    found = answer(sqlite_model, "CW1", "2025-09-05", client="somebody-else")
    assert (found.state, found.case_id, found.obligations) == ("not_open", None, [])
    assert answer(sqlite_model, "CW3", "2025-09-05", client="somebody-else").total is None


def worker(told: Told, worker_id: str, stated_on: str, effective_on: str) -> None:
    told.fact("own_worker.assigned", stated_on, {"case_id": CASE, "worker_id": worker_id, "effective_on": effective_on})


def test_an_own_worker_is_in_charge_from_the_first_day_in_charge_whenever_that_was_stated(sqlite_model: ReadModel) -> None:
    """source: domain/pathway.md 4.5 I4, domain/questions.md CW1"""
    told = Told()
    told.fact("case.opened", "2025-01-22", {"case_id": CASE})
    worker(told, "W-02", "2025-03-03", "2025-03-10")
    worker(told, "W-01", "2025-03-05", "2025-02-07")
    in_model(sqlite_model, KIND, told)
    in_charge = {on: answer(sqlite_model, "CW1", "2025-12-31", on=on).own_worker_id for on in (
        "2025-02-06", "2025-02-07", "2025-03-09", "2025-03-10",
    )}  # fmt: skip
    assert list(in_charge.values()) == [None, "W-01", "W-01", "W-02"]
    assert ("own_worker_to_assign", None) in open_things(sqlite_model, "2025-02-06")


def test_a_service_that_was_told_of_late_ran_on_its_own_days(sqlite_model: ReadModel) -> None:
    """source: domain/questions.md CW6 (which services run, since when)"""
    told = Told()
    told.fact("case.opened", "2025-01-22", {"case_id": CASE})
    begun = {"case_id": CASE, "parallel_service_id": "ps", "service": "te_services", "told_by": "client"}
    told.fact("parallel_service.started", "2025-04-20", {**begun, "from_on": "2025-04-01"})
    ended = {"case_id": CASE, "parallel_service_id": "ps", "until_on": "2025-04-30"}
    told.fact("parallel_service.stopped", "2025-05-20", ended)
    in_model(sqlite_model, KIND, told)
    seen = []
    for on in ("2025-03-31", "2025-04-10", "2025-04-30", "2025-05-01"):
        found = answer(sqlite_model, "CW6", "2025-12-31", on=on)
        dates = [(run.from_on.isoformat(), run.until_on and run.until_on.isoformat()) for run in found.services]
        seen.append((found.running, dates))
    assert seen == [
        (0, []),
        (1, [("2025-04-01", None)]),
        (1, [("2025-04-01", "2025-04-30")]),
        (0, [("2025-04-01", "2025-04-30")]),
    ]


def test_a_service_whose_end_was_told_first_is_shown_as_ended_its_start_unknown(sqlite_model: ReadModel) -> None:
    """source: domain/pathway.md 4.4 row 34, domain/events.md 11.13"""
    told = Told()
    told.fact("case.opened", "2025-01-22", {"case_id": CASE})
    part = {"case_id": CASE, "parallel_service_id": "ps", "service": "te_services", "told_by": "client"}
    told.fact("parallel_service.stopped", "2025-05-20", {**part, "until_on": "2025-04-30", "service_org_id": "0000007-8"})
    seen = []
    in_model(sqlite_model, KIND, told)
    for on in ("2025-04-29", "2025-04-30", "2025-05-01"):
        found = answer(sqlite_model, "CW6", "2025-12-31", on=on)
        seen.append((found.running, [(run.service.code, run.from_on, run.until_on) for run in found.services]))
    ended = ("te_services", None, date(2025, 4, 30))
    assert seen == [(0, []), (1, [ended]), (0, [ended])]
    told.fact("parallel_service.started", "2025-05-21", {**part, "from_on": "2025-04-01"})
    in_model(sqlite_model, KIND, told)
    (run,) = answer(sqlite_model, "CW6", "2025-12-31").services
    assert (run.from_on, run.until_on, run.told_by) == (date(2025, 4, 1), date(2025, 4, 30), "client")
    assert answer(sqlite_model, "CW6", "2025-12-31", on="2025-04-10").running == 1


def test_a_period_whose_end_was_recorded_late_had_ended_on_its_last_day(sqlite_model: ReadModel) -> None:
    told = county("2025-08-25")
    told.fact("period.completed", "2025-09-20", {"case_id": CASE, "period_id": "period-1", "ended_on": LAST})
    in_model(sqlite_model, KIND, told)
    states = [answer(sqlite_model, "CW1", "2025-09-30", on=on).state for on in ("2025-09-01", LAST, "2025-09-19")]
    assert states == ["active", "between_periods", "between_periods"]


def test_the_plan_in_force_is_the_one_agreed_last_not_the_one_told_last(sqlite_model: ReadModel) -> None:
    told = county("2025-03-03")
    plan(told, 2, "2025-04-01", goal="three days a week", support="weekly talk")
    first = next(p.id for p in told.publications if p.type == "plan.agreed.v1")
    parties = {"case_id": CASE, "plan_id": "plan-1", "plan_version": 1, "parties": ["client"]}
    told.revised(first, parties, at=datetime(2025, 5, 1, 9, tzinfo=UTC))
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "CW2", "2025-05-02").plan_version == 2


def test_what_an_earlier_period_says_of_the_next_step_does_not_hold_for_this_one(sqlite_model: ReadModel) -> None:
    told = county("2025-09-02")
    second = {"case_id": CASE, "period_id": "period-2", "starts_on": "2025-10-01", "planned_end_on": "2026-01-30"}
    told.fact("period.planned", "2025-09-10", {**second, "schedule": [{"weekday": 1, "hours": 5.0}]})
    told.fact("period.started", "2025-10-01", second)
    in_model(sqlite_model, KIND, told)
    assert ("period_ends", "2026-01-30") in open_things(sqlite_model, "2026-01-15")
    assert ("follow_up_due", "2025-12-30") in open_things(sqlite_model, "2025-12-01")


def test_of_two_benefits_from_one_day_the_one_stated_for_the_later_day_holds(sqlite_model: ReadModel) -> None:
    """source: domain/pathway.md 4.4 row 42"""
    told = county("2025-03-03")
    from_on = {"from_on": "2025-03-01"}
    told.fact("benefit_status.changed", "2025-03-10", {"benefit": "social_assistance", "until_on": "2025-03-31", **from_on})
    told.fact("benefit_status.changed", "2025-03-05", {"benefit": "labour_market_subsidy", "payer_org_id": "k", **from_on})
    in_model(sqlite_model, KIND, told)
    held = {on: answer(sqlite_model, "CW1", on).benefit.code for on in ("2025-03-20", "2025-04-01")}
    assert held == {"2025-03-20": "social_assistance", "2025-04-01": "labour_market_subsidy"}


@st.composite
def stretches(draw: Any) -> list[tuple[date, date]]:
    found, first = [], date(2022, 1, 1) + timedelta(days=draw(st.integers(0, 60)))
    for _ in range(draw(st.integers(1, 4))):
        last = first + timedelta(days=draw(st.integers(80, 400)))
        found.append((first, last))
        first = last + timedelta(days=draw(st.integers(1, 60)))
    return found


@settings(max_examples=60, deadline=None)
@given(periods=stretches(), open_ended=st.booleans())
def test_the_day_on_which_the_months_are_full_is_the_first_one_that_says_so(
    periods: list[tuple[date, date]], open_ended: bool
) -> None:
    """source: domain/questions.md CW3 (when does 24 months fall), domain/law.md 2.4"""
    given_ = [*periods[:-1], (periods[-1][0], None)] if open_ended else periods
    day, most = full_on(given_, 24), date(2027, 12, 31)
    assert day is not None or not open_ended
    until = min(day, most) if day else most
    assert time_before(given_, until - timedelta(days=1))[0] < 24
    assert day is None or time_before(given_, day)[0] >= 24
    months = [time_before(given_, date(2024, 1, 1) + timedelta(days=n))[0] for n in range(0, 800, 7)]
    assert months == sorted(months)


def test_the_months_are_full_on_the_day_that_the_answer_names(sqlite_model: ReadModel) -> None:
    told = Told()
    told.fact("case.opened", "2023-01-02", {"case_id": CASE})
    named = {"case_id": CASE, "period_id": "p", "starts_on": "2023-02-01", "planned_end_on": "2025-06-30"}
    told.fact("period.started", "2023-02-01", named)
    in_model(sqlite_model, KIND, told)
    said = {on: answer(sqlite_model, "CW3", on) for on in ("2024-06-03", "2025-01-31", "2025-02-01")}
    assert [(found.months, found.review_months_full_on) for found in said.values()] == [
        (16, date(2025, 2, 1)), (23, date(2025, 2, 1)), (24, date(2025, 2, 1)),
    ]  # fmt: skip


def told_days(*days: tuple[str, str, dict[str, Any]]) -> Told:
    """AS-1 until its start, with accounts of days: (day, account, what it says)."""
    told = county("2025-03-02")
    dates = {"starts_on": "2025-03-03", "planned_end_on": LAST}
    told.fact("period.started", "2025-03-03", {"case_id": CASE, "period_id": "period-1", **dates})
    for on, account, said in days:
        body = {"case_id": CASE, "period_id": "period-1", "account": account, "hours": 5.0, "day_status": "present"}
        told.fact("attendance.recorded", on, {k: v for k, v in (body | said).items() if v is not None})
    return told


def week_of_march(model: ReadModel) -> tuple[dict[str, int], int]:
    found = answer(model, "CW3", "2025-03-08").week
    return {count.day_status.code: count.days for count in found.by_status}, found.scheduled


def test_a_swapped_day_counts_where_it_moved(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.5 I6: Wednesday in the place of Thursday, and Friday besides."""
    in_model(sqlite_model, KIND, told_days(
        ("2025-03-03", "provider", {}), ("2025-03-05", "provider", {"swap_of_on": "2025-03-06"}),
        ("2025-03-07", "provider", {}),
    ))  # fmt: skip
    assert week_of_march(sqlite_model) == ({"present": 3, "unknown": 1}, 3)


def test_the_countys_account_of_a_day_holds(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.5 I6"""
    absent = {"day_status": "absent_other", "hours": None}
    in_model(sqlite_model, KIND, told_days(
        ("2025-03-03", "county", absent), ("2025-03-03", "provider", {}), ("2025-03-04", "client", absent),
        ("2025-03-04", "payer", {}),
    ))  # fmt: skip
    assert week_of_march(sqlite_model) == ({"present": 1, "absent_other": 1, "unknown": 1}, 3)


def test_an_absence_that_an_older_version_took_beside_the_schedule_counts_nowhere(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, told_days(("2025-03-05", "provider", {"day_status": "absent_other", "hours": None})))
    assert week_of_march(sqlite_model) == ({"unknown": 3}, 3)


def test_a_period_that_was_never_taken_up_falls_away_with_its_case(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.4 row 40"""
    told = county("2025-03-02")
    told.fact("case.closed", "2025-03-02", {"case_id": CASE, "closing_code": "moved_away"})
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "CW1", "2025-03-02", on="2025-03-01").period is not None
    assert answer(sqlite_model, "CW1", "2025-03-02").period is None


def test_an_interrupted_period_has_ended(sqlite_model: ReadModel) -> None:
    told = told_days()
    said = {"ended_on": "2025-03-05", "end_reason": "other", "valid_reason": "yes", "health_end": False}
    told.fact("period.interrupted", "2025-03-04", {"case_id": CASE, "period_id": "period-1", **said})
    in_model(sqlite_model, KIND, told)
    states = {day: answer(sqlite_model, "CW1", "2025-03-08", on=day).state for day in ("2025-03-04", "2025-03-05")}
    assert states == {"2025-03-04": "active", "2025-03-05": "between_periods"}


def test_of_two_statements_that_begin_on_one_day_the_one_with_an_end_holds(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.4 row 42"""
    told = county("2025-03-02")
    said = {"benefit": "labour_market_subsidy", "payer_org_id": "0000005-1", "from_on": "2023-01-09"}
    by = {"actor_org": "0000010-7", "actor_task": "employment_authority"}
    told.fact("benefit_status.changed", "2025-03-02", {**said, **by, "until_on": "2025-03-04"})
    told.fact("benefit_status.changed", "2025-03-02", {**said, **by})
    in_model(sqlite_model, KIND, told)
    paying = [answer(sqlite_model, "CW1", "2025-03-08", on=day).payer_org_id for day in ("2025-03-04", "2025-03-05")]
    assert paying == ["0000005-1", None]


def test_an_absence_after_the_period_ended_is_no_day_of_it_and_no_obligation(sqlite_model: ReadModel) -> None:
    """domain/pathway.md 4.5 I6: days by status are those of the period."""
    told = county("2025-03-20")
    said = {"ended_on": "2025-03-18", "end_reason": "absences", "valid_reason": "no", "health_end": False}
    told.fact("period.interrupted", "2025-03-21", {"case_id": CASE, "period_id": "period-1", **said})
    in_model(sqlite_model, KIND, told)
    due = [on for what, on in open_things(sqlite_model, "2025-03-21") if what == "absence_to_report"]
    assert due == ["2025-04-01"]
