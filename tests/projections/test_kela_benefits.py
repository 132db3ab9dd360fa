"""What a payer's clerk asks, answered from what the payer was told alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
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
