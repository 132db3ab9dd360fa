"""What the employment authority asks, in its own task and as a referrer."""

from __future__ import annotations

from datetime import date
from typing import Any

from publications_given import Told, in_model

from domain.rules import RuleSet
from projections.kinds import Kind
from projections.questions import ask
from projections.read_models import ReadModel
from projections.recipients import employment_authority, referrer


def answer(model: ReadModel, kind: Kind, question_id: str, today: str, /, **asked: Any) -> Any:
    question = kind.question(question_id)
    parameters = question.parameters.model_validate(asked)
    return ask(question, model, parameters, today=date.fromisoformat(today), rules=RuleSet.current()).answer


def in_service(told: Told, client: str, first: str, last: str) -> None:
    named = {"period_id": f"period-{client}", "starts_on": first, "planned_end_on": last}
    told.fact("own_worker.assigned", first, {"effective_on": first, "staff_name": "Oma Työntekijä"}, client=client)
    told.fact("period.planned", first, {**named, "days_per_week": 3, "hours_per_week": 15.0}, client=client)
    told.fact("period.started", first, named, client=client)


def test_customers_in_service_are_listed_with_their_load(model: ReadModel) -> None:
    told = Told()
    in_service(told, "a", "2025-03-03", "2025-09-02")
    in_service(told, "b", "2025-04-01", "2025-07-31")
    told.fact("period.completed", "2025-07-31", {"period_id": "period-b", "ended_on": "2025-07-31"}, client="b")
    in_model(model, employment_authority.KIND, told)
    found = answer(model, employment_authority.KIND, "EA1", "2025-05-01")
    assert [(c.client, c.since_on.isoformat(), c.days_per_week, c.hours_per_week) for c in found.customers] == [
        ("a", "2025-03-03", 3, 15.0), ("b", "2025-04-01", 3, 15.0),
    ]  # fmt: skip
    assert found.customers[0].own_worker_name == "Oma Työntekijä"
    assert [c.client for c in answer(model, employment_authority.KIND, "EA1", "2025-08-01").customers] == ["a"]
    assert answer(model, employment_authority.KIND, "EA1", "2025-03-01").customers == []


def test_customers_come_page_by_page(sqlite_model: ReadModel) -> None:
    told = Told()
    for number in range(5):
        in_service(told, f"client-{number}", "2025-03-03", "2025-09-02")
    in_model(sqlite_model, employment_authority.KIND, told)
    seen, after = [], ""
    while True:
        page = answer(sqlite_model, employment_authority.KIND, "EA1", "2025-05-01", after=after, limit=2)
        seen += [customer.client for customer in page.customers]
        if page.next is None:
            break
        after = page.next
    assert seen == [f"client-{number}" for number in range(5)]


def test_a_notice_waits_until_it_is_acknowledged(sqlite_model: ReadModel) -> None:
    told = Told()
    body = {
        "notification_id": "n-1",
        "notification_kind": "start",
        "starts_on": "2025-03-03",
        "planned_end_on": "2025-09-02",
    }
    told.fact("notification.sent", "2025-03-03", body)
    told.fact("notification.sent", "2025-09-02", {"notification_id": "n-2", "notification_kind": "end"})
    told.fact("notification.acknowledged", "2025-03-05", {"notification_id": "n-1"})
    in_model(sqlite_model, employment_authority.KIND, told)
    found = answer(sqlite_model, employment_authority.KIND, "EA6", "2025-09-10")
    assert [(n.notification_id, n.handled) for n in found.notices] == [("n-2", False), ("n-1", True)]
    assert (found.waiting, found.notices[1].notification_kind.sv) == (1, "tjänsten börjar")
    only = answer(sqlite_model, employment_authority.KIND, "EA6", "2025-09-10", open_only=True)
    assert [n.notification_id for n in only.notices] == ["n-2"]
    assert answer(sqlite_model, employment_authority.KIND, "EA6", "2025-09-10", on="2025-03-04").waiting == 1


def test_own_referrals_are_accepted_declined_or_wait(sqlite_model: ReadModel) -> None:
    told = Told()
    for number, on in enumerate(("2025-01-20", "2025-02-03", "2025-02-10")):
        body = {"referral_id": f"r-{number}", "source": "employment_authority"}
        told.fact("referral.submitted", on, body, client=f"c-{number}", message_id=f"m-{number}")
    told.fact("referral.accepted", "2025-01-22", {"referral_id": "r-0", "referral_status": "accepted"}, client="c-0")
    declined = {"referral_id": "r-1", "referral_status": "declined", "decline_reason": "not_resident"}
    told.fact("referral.declined", "2025-02-05", declined, client="c-1")
    in_model(sqlite_model, referrer.KIND, told)
    found = answer(sqlite_model, referrer.KIND, "EA2", "2025-02-20")
    assert (found.accepted, found.declined, found.waiting) == (1, 1, 1)
    assert [(r.state, r.days, r.message_id) for r in found.referrals] == [
        ("accepted", 2, "m-0"), ("declined", 2, "m-1"), ("waiting", 10, "m-2"),
    ]  # fmt: skip
    assert found.referrals[1].decline_reason == "not_resident"
    waiting = answer(sqlite_model, referrer.KIND, "EA2", "2025-02-20", state="waiting", limit=1)
    assert [r.referral_id for r in waiting.referrals] == ["r-2"]
    first = answer(sqlite_model, referrer.KIND, "EA2", "2025-02-20", limit=2)
    rest = answer(sqlite_model, referrer.KIND, "EA2", "2025-02-20", limit=2, after=first.next)
    assert [r.referral_id for r in rest.referrals] == ["r-2"]


def test_the_own_worker_of_a_customer_is_the_one_in_charge_on_the_day_in_the_periods_case(sqlite_model: ReadModel) -> None:
    """source: domain/questions.md EA1, domain/pathway.md 4.5 I4"""
    told = Told()
    first, second = {"case_id": "first"}, {"case_id": "second"}

    def worker(case: dict[str, str], on: str, name: str) -> None:
        told.fact("own_worker.assigned", on, {**case, "effective_on": on, "staff_name": name})

    days = {"period_id": "p", "starts_on": "2025-10-01", "planned_end_on": "2026-01-30", **second}
    told.fact("period.started", "2025-10-01", days)
    worker(second, "2025-11-01", "Second")
    worker(second, "2025-09-01", "First")
    worker(first, "2025-10-20", "Of the case before")
    in_model(sqlite_model, employment_authority.KIND, told)
    names = {
        on: answer(sqlite_model, employment_authority.KIND, "EA1", on).customers[0].own_worker_name
        for on in ("2025-10-15", "2025-10-25", "2025-11-01")
    }
    assert list(names.values()) == ["First", "First", "Second"]
