"""AS-1 of domain/scenarios.md as each recipient is told it: the figures that its questions must give."""

from __future__ import annotations

from datetime import date
from typing import Any

from publications_given import Told, weekdays

CASE, PERIOD, PLACEMENT, PLAN = "case-1", "period-1", "placement-1", "plan-1"
KELA, PROVIDER = "0000005-1", "0000008-6"
FIRST, LAST = "2025-03-03", "2025-09-02"
SCHEDULE = [{"weekday": day, "hours": 5.0, "start_time": "09:00"} for day in (1, 2, 4)]
HOLIDAYS = ("2025-04-21", "2025-05-01", "2025-05-29")
ABSENT = {"2025-03-18": "absent_own_sickness", "2025-03-20": "absent_own_sickness", "2025-05-12": "absent_job_interview"}
BREAK = ("2025-07-07", "2025-07-27")
REPORTS = (("2025-03-21", ("2025-03-18", "2025-03-20")), ("2025-05-16", ("2025-05-12",)))


def scheduled() -> list[date]:
    """The 80 scheduled days."""
    return weekdays(FIRST, LAST, 1, 2, 4)


def days(told: Told, *, with_hours: bool, until: str = LAST) -> dict[date, str]:
    """Attendance of every scheduled day on which the service was arranged; publication ids by day."""
    given = {}
    off = {date.fromisoformat(day) for day in HOLIDAYS} | set(weekdays(*BREAK, 1, 2, 4))
    for day in scheduled():
        if day in off or day > date.fromisoformat(until):
            continue
        body: dict[str, Any] = {"period_id": PERIOD, "account": "provider"}
        body["day_status"] = ABSENT.get(day.isoformat(), "present")
        if with_hours:
            body |= {"case_id": CASE, "placement_id": PLACEMENT}
            if body["day_status"] == "present":
                body["hours"] = 5.0
        given[day] = told.fact("attendance.recorded", day, body)
    return given


def kela() -> Told:
    """What Kela benefit payment gets: 77 publications."""
    told = Told()
    told.fact("period.started", FIRST, {"period_id": PERIOD, "service_programme": "kuty_189_2001", "starts_on": FIRST,
                                        "planned_end_on": LAST})  # fmt: skip
    told.fact("labour_policy_statement.issued", "2025-03-04", {
        "labour_statement_id": "statement-1", "period_id": PERIOD, "payer_org_id": KELA, "labour_statement_kind": "start",
        "service_from_on": FIRST, "service_until_on": LAST, "conditions_met": True})  # fmt: skip
    days(told, with_hours=False)
    for day in HOLIDAYS:
        told.fact("service_day.not_arranged", day, {"period_id": PERIOD, "day_status": "not_arranged", "days_on": [day]})
    off = [day.isoformat() for day in weekdays(*BREAK, 1, 2, 4)]
    told.fact("service_day.not_arranged", BREAK[0], {"period_id": PERIOD, "day_status": "not_arranged", "days_on": off})
    for sent_on, absent in REPORTS:
        _report(told, sent_on, absent)
    told.fact("period.completed", LAST, {"period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST, "ended_on": LAST})
    return told


def county(until: str = "2025-09-05") -> Told:
    """What the county gets, as far as its questions look at it, up to a day."""
    told = Told()
    told.fact("referral.submitted", "2025-01-20", {"referral_id": "referral-1", "source": "employment_authority"})
    told.fact("referral.received", "2025-01-20", {"referral_id": "referral-1", "received_via": "electronic"})
    told.fact("referral.accepted", "2025-01-22", {"referral_id": "referral-1"})
    told.fact(
        "case.opened", "2025-01-22", {"case_id": CASE, "referral_id": "referral-1", "service_programme": "kuty_189_2001"}
    )
    told.fact("assessment.started", "2025-01-27", {"case_id": CASE, "assessment_id": "assessment-1"})
    told.fact("assessment.completed", "2025-02-06", {"case_id": CASE, "assessment_id": "assessment-1", "result": "need"})
    told.fact("own_worker.assigned", "2025-02-07", {"case_id": CASE, "worker_id": "W-01", "effective_on": "2025-02-07"})
    told.fact("benefit_status.changed", "2025-02-07", {
        "benefit": "labour_market_subsidy", "payer_org_id": KELA, "from_on": "2023-01-09"})  # fmt: skip
    told.fact("plan.drafting_started", "2025-02-10", {
        "case_id": CASE, "plan_id": PLAN, "plan_kind": "activation_plan",
        "parties": ["client", "employment_side", "organiser"]})  # fmt: skip
    plan(told, 1, "2025-02-14")
    told.fact("period.planned", "2025-02-21", {
        "case_id": CASE, "period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST, "schedule": SCHEDULE})  # fmt: skip
    told.fact(
        "period.started",
        FIRST,
        {"case_id": CASE, "period_id": PERIOD, "placement_id": PLACEMENT, "starts_on": FIRST, "planned_end_on": LAST},
    )
    notice(told, "notice-1", "start", FIRST)
    days(told, with_hours=True)
    for sent_on, absent in REPORTS:
        _report(told, sent_on, absent)
    for day in HOLIDAYS:
        _not_arranged(told, day, day)
    _not_arranged(told, *BREAK)
    told.fact("parallel_service.started", "2025-04-01", {
        "case_id": CASE, "parallel_service_id": "ps-1", "service": "financial_and_debt_counselling",
        "told_by": "client", "from_on": "2025-04-01"})  # fmt: skip
    told.fact("followup.held", "2025-06-02", {"case_id": CASE, "followup_id": "f-1", "period_id": PERIOD})
    told.fact("parallel_service.stopped", "2025-06-30", {
        "case_id": CASE, "parallel_service_id": "ps-1", "until_on": "2025-06-30"})  # fmt: skip
    told.fact("followup.held", "2025-08-25", {
        "case_id": CASE, "followup_id": "f-2", "period_id": PERIOD, "next_step": "pay_subsidised_work",
        "next_step_from_on": "2025-09-03"})  # fmt: skip
    told.fact("period.completed", LAST, {"case_id": CASE, "period_id": PERIOD, "ended_on": LAST})
    told.fact("exit.recorded", LAST, {"case_id": CASE, "exit_id": "exit-1", "period_id": PERIOD,
                                      "exit_kind": "pay_subsidised_work"})  # fmt: skip
    notice(told, "notice-2", "end", LAST)
    told.fact("case.closed", "2025-09-05", {"case_id": CASE, "closing_code": "exit_recorded"})
    last = date.fromisoformat(until)
    kept = [p for p in told.publications if p.occurred_on and p.occurred_on <= last]
    return _rechained(kept)


def plan(told: Told, version: int, on: str, *, name: str = "plan.drafted", agrees: bool = True, **changes: Any) -> None:
    """A version, three acceptances, agreed on one day."""
    content = {"includes_kuty": True, "kuty_from_on": FIRST, "kuty_until_on": LAST, "schedule": SCHEDULE,
               "goal": "regular rhythm", "support": "weekly talk"}  # fmt: skip
    named = {"case_id": CASE, "plan_id": PLAN, "plan_version": version}
    told.fact(name, on, {**named, **content, **changes})
    if not agrees:
        return
    for party in ("client", "employment_side", "organiser"):
        told.fact("plan.accepted_by_party", on, {**named, "party_kind": party})
    told.fact("plan.agreed", on, {**named, "parties": ["client", "employment_side", "organiser"]})


def notice(told: Told, notification_id: str, kind: str, on: str, *, sent: bool = True) -> None:
    """A notice due on its day, and sent."""
    named = {"case_id": CASE, "notification_id": notification_id, "notification_kind": kind, "recipient_org_id": "0000010-7"}
    told.fact("notification.due", on, {**named, "due_on": on})
    if sent:
        told.fact("notification.sent", on, named)


def provider(until: str = LAST) -> Told:
    """What the provider gets, up to a day."""
    told = Told()
    told.fact("plan.agreed", "2025-02-14", {"case_id": CASE, "plan_id": PLAN, "plan_version": 1, "goal": "regular rhythm",
                                            "support": "weekly talk", "kuty_from_on": FIRST, "kuty_until_on": LAST,
                                            "schedule": SCHEDULE})  # fmt: skip
    told.fact("benefit_status.changed", "2025-02-07", {"payer_org_id": KELA, "from_on": "2023-01-09"})
    where = {"placement_id": PLACEMENT, "site_id": "S-01", "provider_org_id": PROVIDER}
    told.fact("placement.proposed", "2025-02-20", {"case_id": CASE, **where, "from_on": FIRST, "until_on": LAST})
    told.fact("placement.confirmed", "2025-02-20", {"case_id": CASE, "placement_id": PLACEMENT})
    told.fact("period.planned", "2025-02-21", {"case_id": CASE, "period_id": PERIOD, "starts_on": FIRST,
                                               "planned_end_on": LAST, "schedule": SCHEDULE})  # fmt: skip
    told.fact("period.started", FIRST, {"case_id": CASE, "period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST})
    days(told, with_hours=True, until=until)
    return told


def _report(told: Told, sent_on: str, absent: tuple[str, ...]) -> None:
    told.fact("absence_report.sent", sent_on, {
        "report_id": f"report-{sent_on}", "period_id": PERIOD, "payer_org_id": KELA, "reporting_org_id": PROVIDER,
        "from_on": absent[0], "until_on": absent[-1],
        "absences": [{"day_on": day, "day_status": ABSENT[day]} for day in absent]})  # fmt: skip


def _not_arranged(told: Told, first: str, last: str) -> None:
    named = {"case_id": CASE, "period_id": PERIOD, "placement_id": PLACEMENT, "not_arranged_reason": "break"}
    told.fact("service_day.not_arranged", first, {**named, "from_on": first, "until_on": last})


def _rechained(publications: list[Any]) -> Told:
    told = Told()
    for p in sorted(publications, key=lambda p: (p.occurred_on, p.sequence)):
        told.fact(p.type.rsplit(".v", 1)[0], p.occurred_on, p.body)
    return told
