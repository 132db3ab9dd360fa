"""What a payer's clerk asks, answered from what the payer was told alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from disclosure.paths import AT_CENTRE, EXPERT, FUND, KELA, attendance, benefit, in_service
from disclosure.paths import statement as issued
from history_as_1 import FIRST, LAST, PERIOD, days, kela
from publications_given import Told, in_model

from domain.rules import RuleSet
from projections.questions import Answered, ask
from projections.read_models import ReadModel
from projections.recipients.kela_benefits import KIND

TODAY = date(2025, 9, 30)


def answer(model: ReadModel, question_id: str, **asked: Any) -> Any:
    question = KIND.question(question_id)
    parameters = question.parameters.model_validate({"client": "client-1", **asked})
    answered: Answered[Any] = ask(question, model, parameters, today=TODAY, rules=RuleSet.current())
    assert answered.complete
    return answered.answer


def test_as_1_gives_585_euros_for_65_days_of_presence(model: ReadModel) -> None:
    in_model(model, KIND, kela())
    found = answer(model, "KE2")
    assert (found.days, found.amount_eur) == (65, Decimal("585.00"))
    assert [month.days for month in found.months] == [11, 12, 10, 13, 5, 12, 2]
    assert found.months[0].month == "2025-03"


def test_a_payment_period_counts_its_own_days_alone(model: ReadModel) -> None:
    in_model(model, KIND, kela())
    found = answer(model, "KE2", from_on="2025-03-01", until_on="2025-03-31")
    assert found.days == 11
    absent = answer(model, "KE3", from_on="2025-03-01", until_on="2025-03-31")
    assert found.days + len(absent.days) == 13


def test_two_days_of_sickness_need_no_certificate_and_lose_no_benefit(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, kela())
    found = answer(sqlite_model, "KE3")
    assert [day.day_status.code for day in found.days] == [
        "absent_own_sickness", "absent_own_sickness", "absent_job_interview",
    ]  # fmt: skip
    assert [day.certificate_needed for day in found.days] == [False, False, False]
    assert found.benefit_losing_days == 0
    assert found.days[0].day_status.fi == "oma sairaus"


def test_a_fourth_day_of_sickness_in_a_row_needs_a_certificate(sqlite_model: ReadModel) -> None:
    told = Told()
    for day in ("2025-03-03", "2025-03-04", "2025-03-06"):
        told.fact(
            "attendance.recorded", day, {"period_id": PERIOD, "account": "provider", "day_status": "absent_own_sickness"}
        )
    told.fact("attendance.recorded", "2025-03-10", {"period_id": PERIOD, "account": "provider", "day_status": "present"})
    told.fact(
        "attendance.recorded", "2025-03-11", {"period_id": PERIOD, "account": "provider", "day_status": "absent_other"}
    )
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "KE3")
    assert [(d.consecutive_day, d.certificate_needed) for d in found.days] == [(1, False), (2, False), (4, True), (1, False)]
    assert found.benefit_losing_days == 1


def test_the_service_existed_with_its_dates(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, kela())
    found = answer(sqlite_model, "KE1", from_on="2025-08-01", until_on="2025-09-30")
    assert found.existed
    assert [(p.starts_on.isoformat(), p.ended_on.isoformat()) for p in found.periods] == [(FIRST, LAST)]
    assert not answer(sqlite_model, "KE1", from_on="2025-10-01").existed


def test_as_1_has_twelve_days_not_arranged(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, kela())
    found = answer(sqlite_model, "KE4")
    assert found.days == 12
    assert date(2025, 5, 1) in found.not_arranged_on


def test_the_labour_policy_statement_is_in_place(sqlite_model: ReadModel) -> None:
    in_model(sqlite_model, KIND, kela())
    found = answer(sqlite_model, "KE7")
    assert found.in_place
    assert [(s.labour_statement_kind, s.service_from_on.isoformat()) for s in found.statements] == [("start", FIRST)]


def test_a_started_period_without_statement_is_named(sqlite_model: ReadModel) -> None:
    told = Told()
    told.fact("period.started", FIRST, {"period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST})
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "KE7")
    assert (found.in_place, found.periods_without) == (False, [PERIOD])


@pytest.fixture
def corrected(model: ReadModel) -> ReadModel:
    """3 June was told as present, and on 11 June as sickness."""
    told = Told()
    told.fact("period.started", FIRST, {"period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST})
    given = days(told, with_hours=False)
    body = {"period_id": PERIOD, "account": "provider", "day_status": "absent_own_sickness", "corrected": True}
    told.revised(given[date(2025, 6, 3)], body, at=datetime(2025, 6, 11, 9, 0, tzinfo=UTC))
    return in_model(model, KIND, told)


def test_a_corrected_day_counts_as_it_was_known_at_the_time(corrected: ReadModel) -> None:
    window = {"from_on": "2025-06-01", "until_on": "2025-06-10"}
    assert answer(corrected, "KE2", known_at="2025-06-10", **window).days == 5
    assert answer(corrected, "KE2", known_at="2025-06-12", **window).days == 4
    assert answer(corrected, "KE2", **window).amount_eur == Decimal("36.00")


def test_only_the_corrected_day_has_changed_since_the_last_payment(corrected: ReadModel) -> None:
    found = answer(corrected, "KE6", since="2025-06-10")
    assert [(d.day_on.isoformat(), d.change, d.before.code, d.after.code) for d in found.days] == [
        ("2025-06-03", "corrected", "present", "absent_own_sickness"),
    ]  # fmt: skip
    assert found.days[0].told_at == datetime(2025, 6, 11, 9, 0, tzinfo=UTC)
    assert answer(corrected, "KE6", since="2025-06-11").days == []


def test_a_withdrawn_day_is_gone_now_and_was_there_then(model: ReadModel) -> None:
    told = Told()
    given = days(told, with_hours=False)
    told.withdrawn(given[date(2025, 3, 4)], at=datetime(2025, 10, 1, 8, 0, tzinfo=UTC))
    in_model(model, KIND, told)
    march = {"from_on": "2025-03-01", "until_on": "2025-03-31"}
    assert answer(model, "KE2", **march).days == 10
    assert answer(model, "KE2", known_at="2025-09-30", **march).days == 11
    change = answer(model, "KE6", since="2025-09-30").days[0]
    assert (change.change, change.before.code, change.after) == ("withdrawn", "present", None)
    assert change.told_at == datetime(2025, 10, 1, 8, 0, tzinfo=UTC)


def test_a_day_told_late_is_a_change_too(sqlite_model: ReadModel) -> None:
    told = Told()
    body = {"period_id": PERIOD, "account": "provider", "day_status": "present"}
    told.fact("attendance.recorded", "2025-03-04", body)
    told.fact("attendance.recorded", "2025-03-06", body)
    told.fact("attendance.recorded", "2025-03-03", body, at=datetime(2025, 3, 20, 9, 0, tzinfo=UTC))
    told.fact("attendance.recorded", "2025-03-20", body)
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "KE6", since="2025-03-10")
    assert [(d.day_on.isoformat(), d.change) for d in found.days] == [("2025-03-03", "late")]


def attended(told: Told, on: str, status: str, account: str = "provider", at: str = "", period: str = PERIOD) -> str:
    """An account of a day; told at noon of the day unless a later one is given."""
    body = {"period_id": period, "account": account, "day_status": status}
    when = datetime.fromisoformat(f"{at}T12:00:00+00:00") if at else None
    return told.fact("attendance.recorded", on, body, at=when)


def changed(model: ReadModel, since: str, **asked: Any) -> list[tuple[str, str, str | None, str | None]]:
    def code(status: Any) -> str | None:
        return status.code if status else None

    days = answer(model, "KE6", since=since, **asked).days
    return [(day.day_on.isoformat(), day.change, code(day.before), code(day.after)) for day in days]


def test_a_day_told_late_is_a_change_though_no_later_day_had_been_told(sqlite_model: ReadModel) -> None:
    """source: domain/questions.md KE6 (what changed after my last payment)"""
    told = Told()
    attended(told, "2025-02-10", "present", at="2025-03-31")
    attended(told, "2025-03-05", "present")
    in_model(sqlite_model, KIND, told)
    assert changed(sqlite_model, "2025-03-01") == [("2025-02-10", "late", None, "present")]
    assert changed(sqlite_model, "2025-03-31") == []


def test_a_day_that_moved_is_taken_back_where_it_was_and_late_where_it_is(sqlite_model: ReadModel) -> None:
    told = Told()
    moved = attended(told, "2025-02-04", "present")
    body = {"period_id": PERIOD, "account": "provider", "day_status": "present", "corrected": True}
    told.revised(moved, body, at=datetime(2025, 3, 10, 9, tzinfo=UTC), on="2025-02-05")
    in_model(sqlite_model, KIND, told)
    assert changed(sqlite_model, "2025-03-01") == [
        ("2025-02-04", "withdrawn", "present", None), ("2025-02-05", "late", None, "present"),
    ]  # fmt: skip
    times = [day.told_at for day in answer(sqlite_model, "KE6", since="2025-03-01").days]
    assert times == [datetime(2025, 3, 10, 9, tzinfo=UTC)] * 2


def test_days_of_two_periods_change_each_for_itself(sqlite_model: ReadModel) -> None:
    told = Told()
    attended(told, "2025-02-04", "present")
    attended(told, "2025-02-04", "absent_other", period="another", at="2025-03-10")
    in_model(sqlite_model, KIND, told)
    assert changed(sqlite_model, "2025-03-01") == [("2025-02-04", "late", None, "absent_other")]


def test_a_change_is_told_when_the_account_that_counted_was_taken_back(sqlite_model: ReadModel) -> None:
    told = Told()
    attended(told, "2025-02-04", "absent_other", "client")
    gone = attended(told, "2025-02-04", "present")
    told.withdrawn(gone, at=datetime(2025, 3, 10, 9, tzinfo=UTC))
    in_model(sqlite_model, KIND, told)
    assert changed(sqlite_model, "2025-03-01") == [("2025-02-04", "corrected", "present", "absent_other")]
    assert answer(sqlite_model, "KE6", since="2025-03-01").days[0].told_at == datetime(2025, 3, 10, 9, tzinfo=UTC)


def test_differing_accounts_of_a_day_are_shown_and_the_countys_holds_first(sqlite_model: ReadModel) -> None:
    """source: domain/questions.md KE5, domain/law.md 2.8, domain/pathway.md 4.5 I6"""
    told = Told()
    attended(told, "2025-03-03", "present")
    attended(told, "2025-03-03", "absent_own_sickness", "client")
    attended(told, "2025-03-04", "present")
    attended(told, "2025-03-04", "absent_other", "county")
    attended(told, "2025-03-06", "present")
    attended(told, "2025-03-06", "present", "client")
    told.fact("service_day.not_arranged", "2025-03-10", {"period_id": PERIOD, "days_on": ["2025-03-10"]})
    attended(told, "2025-03-10", "present", "client")
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "KE5")
    assert not found.agree
    accounts = {day.day_on.isoformat(): [(a.account.code, a.day_status.code) for a in day.accounts] for day in found.days}
    assert accounts == {
        "2025-03-03": [("provider", "present"), ("client", "absent_own_sickness")],
        "2025-03-04": [("county", "absent_other"), ("provider", "present")],
        "2025-03-10": [("provider", "not_arranged"), ("client", "present")],
    }
    paid = answer(sqlite_model, "KE2")
    assert paid.present_on == [date(2025, 3, 3), date(2025, 3, 6)]
    assert [day.isoformat() for day in paid.accounts_differ_on] == list(accounts)
    assert answer(sqlite_model, "KE4").not_arranged_on == [date(2025, 3, 10)]
    assert answer(sqlite_model, "KE5", from_on="2025-03-05", until_on="2025-03-09").agree


def statement(told: Told, first: str, last: str, *, met: bool = True, kind: str = "start", on: str = "2025-03-04") -> None:
    told.fact("labour_policy_statement.issued", on, {
        "labour_statement_id": f"{on} {kind}", "period_id": PERIOD, "labour_statement_kind": kind, "conditions_met": met,
        "service_from_on": first, "service_until_on": last})  # fmt: skip


def in_period() -> Told:
    told = Told()
    told.fact("period.started", FIRST, {"period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST})
    return told


JUNE = {"from_on": "2025-06-01", "until_on": "2025-06-30"}


def in_place(model: ReadModel, **asked: Any) -> tuple[bool, list[tuple[str, str]]]:
    found = answer(model, "KE7", **asked)
    return found.in_place, [(days.from_on.isoformat(), days.until_on.isoformat()) for days in found.in_place_on]


def test_a_statement_covers_its_own_days_alone(sqlite_model: ReadModel) -> None:
    """source: domain/questions.md KE7 (in place, for which dates)"""
    told = in_period()
    statement(told, "2025-03-03", "2025-03-10")
    in_model(sqlite_model, KIND, told)
    assert in_place(sqlite_model, **JUNE) == (False, [])
    assert answer(sqlite_model, "KE7", **JUNE).statements == []
    assert answer(sqlite_model, "KE7", **JUNE).periods_without == [PERIOD]
    assert in_place(sqlite_model) == (False, [("2025-03-03", "2025-03-10")])
    assert in_place(sqlite_model, from_on="2025-03-01", until_on="2025-03-10") == (True, [("2025-03-03", "2025-03-10")])
    assert in_place(sqlite_model, from_on="2025-10-01") == (False, [])


def test_the_last_statement_that_speaks_of_a_day_holds(sqlite_model: ReadModel) -> None:
    told = in_period()
    statement(told, FIRST, LAST)
    statement(told, "2025-06-16", LAST, met=False, kind="change", on="2025-06-12")
    in_model(sqlite_model, KIND, told)
    assert in_place(sqlite_model, **JUNE) == (False, [("2025-06-01", "2025-06-15")])
    assert in_place(sqlite_model, from_on="2025-03-01", until_on="2025-05-31")[0]
    assert in_place(sqlite_model, **JUNE, on="2025-06-11") == (True, [("2025-06-01", "2025-06-30")])


def test_a_statement_about_the_end_speaks_of_every_day_after_it(sqlite_model: ReadModel) -> None:
    told = in_period()
    statement(told, FIRST, LAST)
    statement(told, FIRST, "2025-06-10", kind="end", on="2025-06-12")
    in_model(sqlite_model, KIND, told)
    assert in_place(sqlite_model, **JUNE) == (False, [("2025-06-01", "2025-06-10")])


def test_a_payer_that_took_over_is_answered_for_its_own_days(sqlite_model: ReadModel) -> None:
    told = in_period()
    statement(told, "2025-05-01", LAST, on="2025-05-02")
    attended(told, "2025-05-01", "present")
    in_model(sqlite_model, KIND, told)
    assert in_place(sqlite_model) == (True, [("2025-05-01", LAST)])
    assert in_place(sqlite_model, from_on="2025-04-15") == (True, [("2025-05-01", LAST)])


def test_a_payer_whose_time_ended_is_answered_up_to_its_last_day(sqlite_model: ReadModel) -> None:
    told = in_period()
    statement(told, FIRST, "2025-04-30")
    attended(told, FIRST, "present")
    told.fact("benefit_status.changed", "2025-04-28", {"last_day_on": "2025-04-30"})
    in_model(sqlite_model, KIND, told)
    assert in_place(sqlite_model) == (True, [(FIRST, "2025-04-30")])


def test_a_range_not_arranged_is_found_by_its_days_whenever_it_was_stated(sqlite_model: ReadModel) -> None:
    told = in_period()
    days_on = ["2025-07-07", "2025-07-08"]
    told.fact("service_day.not_arranged", "2025-07-14", {"period_id": PERIOD, "days_on": days_on})
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "KE4", until_on="2025-07-07").not_arranged_on == [date(2025, 7, 7)]
    assert answer(sqlite_model, "KE4", from_on="2025-07-08", until_on="2025-07-31").not_arranged_on == [date(2025, 7, 8)]


def test_answers_of_a_past_day_hold_no_later_one(sqlite_model: ReadModel) -> None:
    """source: domain/questions.md 6 (any question may be asked "as true on date d")"""
    in_model(sqlite_model, KIND, kela())
    assert answer(sqlite_model, "KE2", on="2025-03-31").days == 11
    assert [day.absent_on.day for day in answer(sqlite_model, "KE3", on="2025-03-18").days] == [18]
    assert answer(sqlite_model, "KE1", on="2025-03-02").periods == []
    assert answer(sqlite_model, "KE1", on="2025-09-01").periods[0].ended_on is None
    assert answer(sqlite_model, "KE4", on="2025-07-07").days == 12


def test_an_absence_does_not_go_on_from_one_period_into_another_one_months_later(sqlite_model: ReadModel) -> None:
    told = Told()
    for on, period in (("2025-05-30", "a"), ("2025-06-02", "b"), ("2025-09-01", "c")):
        attended(told, on, "absent_own_sickness", period=period)
    in_model(sqlite_model, KIND, told)
    found = answer(sqlite_model, "KE3").days
    assert [(day.consecutive_day, day.certificate_needed) for day in found] == [(1, False), (4, True), (1, False)]


@pytest.mark.parametrize("account", ["provider", "county"])
@pytest.mark.parametrize("closed_first", [True, False])
def test_no_absence_stands_on_a_day_not_arranged(sqlite_model: ReadModel, account: str, closed_first: bool) -> None:
    """domain/pathway.md 4.4 row 27, domain/law.md 2.7: service not arranged is no absence, and loses no benefit."""
    told = Told()

    def close() -> None:
        told.fact("service_day.not_arranged", "2025-03-10", {"period_id": PERIOD, "days_on": ["2025-03-10"]})

    if closed_first:
        close()
    attended(told, "2025-03-10", "absent_other", account)
    attended(told, "2025-03-10", "absent_other", "client")
    if not closed_first:
        close()
    in_model(sqlite_model, KIND, told)
    assert answer(sqlite_model, "KE4").not_arranged_on == [date(2025, 3, 10)]
    assert answer(sqlite_model, "KE3").benefit_losing_days == 0
    [day] = answer(sqlite_model, "KE5").days
    assert [(a.account.code, a.day_status.code) for a in day.accounts] == [
        ("provider", "not_arranged"), ("client", "absent_other"),
    ]  # fmt: skip


def test_a_payer_that_pays_again_after_another_one_has_a_statement_for_its_own_days(sqlite_model: ReadModel) -> None:
    """Kela, the fund from 10 to 16 March, Kela again: domain/questions.md KE7 asks of the days that the payer pays for."""
    path = in_service(KELA)
    path.add(issued(KELA), date(2025, 3, 4), EXPERT)
    for day in (3, 4, 6, 10, 11, 13, 17, 18):
        path.add(attendance(), date(2025, 3, day), AT_CENTRE)
    path.add(benefit(FUND, date(2025, 3, 10)), date(2025, 3, 20), EXPERT)
    path.add(benefit(KELA, date(2025, 3, 17)), date(2025, 3, 20), EXPERT)
    publications = path.told().told["kela-payment"]
    in_model(sqlite_model, KIND, Told(publications=publications))
    client = publications[0].subject
    found = answer(sqlite_model, "KE7", client=client)
    assert [(covered.from_on, covered.until_on) for covered in found.in_place_on] == [
        (date(2025, 3, 3), date(2025, 3, 9)), (date(2025, 3, 17), date(2025, 8, 29)),
    ]  # fmt: skip
    assert answer(sqlite_model, "KE7", client=client, from_on="2025-06-01", until_on="2025-06-30").in_place
    assert not answer(sqlite_model, "KE7", client=client, from_on="2025-03-10", until_on="2025-03-16").in_place


@pytest.mark.parametrize("days_before", [(3, 4, 6), ()])
def test_a_payer_that_pays_again_has_its_statement_before_any_day_is_told(
    days_before: tuple[int, ...], sqlite_model: ReadModel
) -> None:
    """domain/questions.md KE7, domain/disclosure.md 5.3 rule 10: a statement goes to the payer of its day."""
    # given Kela, the fund from 10 to 16 March, Kela again, and of Kela's second time no day yet
    path = in_service(KELA)
    path.add(issued(KELA), date(2025, 3, 4), EXPERT)
    for day in days_before:
        path.add(attendance(), date(2025, 3, day), AT_CENTRE)
    path.add(benefit(FUND, date(2025, 3, 10)), date(2025, 3, 7), EXPERT)
    path.add(benefit(KELA, date(2025, 3, 17)), date(2025, 3, 14), EXPERT)
    before = path.told().told["kela-payment"]
    # when a statement says that the conditions hold in it
    anew = issued(KELA).model_copy(update={"labour_statement_id": "b" * 32, "service_from_on": date(2025, 3, 17)})
    path.add(anew, date(2025, 3, 18), EXPERT)
    publications = path.told().told["kela-payment"]
    assert len(publications) == len(before) + 1
    in_model(sqlite_model, KIND, Told(publications=publications))
    client = publications[0].subject
    # then it is in place in both of its times, and not in the fund's
    found = answer(sqlite_model, "KE7", client=client)
    assert [(covered.from_on, covered.until_on) for covered in found.in_place_on] == [
        (date(2025, 3, 3), date(2025, 3, 9)), (date(2025, 3, 17), date(2025, 8, 29)),
    ]  # fmt: skip
    assert answer(sqlite_model, "KE7", client=client, from_on="2025-06-01", until_on="2025-06-30").in_place
    assert not answer(sqlite_model, "KE7", client=client, from_on="2025-03-10", until_on="2025-03-16").in_place


def test_a_payer_that_pays_again_without_a_statement_is_answered_for_the_time_that_it_knows(sqlite_model: ReadModel) -> None:
    """KE1 to KE7 are answered from the deliveries alone: nothing has told it that its time began anew."""
    path = in_service(KELA)
    path.add(issued(KELA), date(2025, 3, 4), EXPERT)
    path.add(benefit(FUND, date(2025, 3, 10)), date(2025, 3, 7), EXPERT)
    path.add(benefit(KELA, date(2025, 3, 17)), date(2025, 3, 14), EXPERT)
    publications = path.told().told["kela-payment"]
    in_model(sqlite_model, KIND, Told(publications=publications))
    asked = {"client": publications[0].subject}
    found = answer(sqlite_model, "KE7", **asked)
    assert [(covered.from_on, covered.until_on) for covered in found.in_place_on] == [(date(2025, 3, 3), date(2025, 3, 9))]
    june = answer(sqlite_model, "KE7", **asked, from_on="2025-06-01", until_on="2025-06-30")
    assert (june.in_place, june.periods_without) == (False, [])
