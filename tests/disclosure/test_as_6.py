"""History AS-6 without its meetings: an unemployment fund as payer, a multi-sectoral plan, a corrected day."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import pytest
from disclosure.paths import (
    AT_CENTRE,
    CASE,
    EXPERT,
    PERIOD,
    PLACE,
    PLAN,
    REFERRER,
    Path,
    agreed,
    attendance,
    benefit,
    closed,
    correction,
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
    worker,
)
from disclosure.told import Everybody
from stories import AUTHORITY, FUND, week

from domain import events as e

FIRST, LAST = date(2026, 4, 7), date(2026, 7, 31)
LOST, ASCENSION, MENDED = date(2026, 4, 28), date(2026, 5, 14), date(2026, 6, 3)
SHUT = (date(2026, 7, 6), date(2026, 7, 12))


@cache
def told() -> Everybody:
    path = Path()
    path.add(referral(legal_basis="LB-381-JOINT"), date(2026, 2, 2), REFERRER)
    path.add(e.ReferralReceived(referral_id=ref("referral"), received_via="electronic"), date(2026, 2, 3))
    path.add(e.ReferralAccepted(referral_id=ref("referral")), date(2026, 2, 5), command="accept")
    opened = e.CaseOpened(case_id=CASE, referral_id=ref("referral"), service_programme="kuty")
    path.add(opened, date(2026, 2, 5), command="accept")
    path.add(worker(effective_on=date(2026, 2, 6)), date(2026, 2, 6))
    path.add(benefit(FUND, date(2025, 6, 2)), date(2026, 2, 6), EXPERT)
    seen = {"case_id": CASE, "assessment_id": ref("assessment"), "client_attended": True}
    path.add(e.AssessmentStarted(owner="adult_social_work", **seen), date(2026, 2, 12))
    path.add(e.AssessmentCompleted(result="need", special_support_need=False, **seen), date(2026, 2, 19))
    kind = {"plan_kind": "multi_sectoral_employment_plan", "kela_services_coordinated": False}
    path.add(plan(**kind, eligibility_keys=("EL-2026-MSP",)), date(2026, 2, 20), EXPERT)
    dates = {"kuty_from_on": FIRST, "kuty_until_on": LAST}
    path.add(draft(schedule=week(2, 3, 4), **dates), date(2026, 3, 12))
    for day, by, party in ((12, None, "client"), (12, EXPERT, "employment_side"), (13, None, "organiser")):
        said = e.PlanAcceptedByParty(case_id=CASE, plan_id=PLAN, plan_version=1, party_kind=party)
        path.add(said, date(2026, 3, day), *([by] if by else []))
    path.add(agreed(), date(2026, 3, 13))
    path.add(decision(granted_from_on=FIRST, granted_until_on=LAST), date(2026, 3, 16))
    path.add(placement(from_on=FIRST, until_on=LAST), date(2026, 3, 18))
    path.add(e.PlacementConfirmed(case_id=CASE, placement_id=PLACE), date(2026, 3, 18), AT_CENTRE)
    named = e.InstructorNamed(case_id=CASE, placement_id=PLACE, instructor_id="I-01", instructor_role="own_instructor")
    path.add(named, date(2026, 3, 18), AT_CENTRE)
    days = {"case_id": CASE, "period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST}
    path.add(e.PeriodPlanned(plan_id=PLAN, plan_version=1, schedule=week(2, 3, 4), **days), date(2026, 3, 20))
    start = e.PeriodStarted(decision_id=ref("decision"), placement_id=PLACE, **days)
    started = path.add(start, FIRST, command="start")
    path.add(due(AUTHORITY, started), FIRST, command="start")
    path.add(sent(AUTHORITY, started), FIRST)
    path.add(statement(FUND), date(2026, 4, 9), EXPERT)
    in_period(path)
    completed = path.add(e.PeriodCompleted(case_id=CASE, period_id=PERIOD, ended_on=LAST), LAST)
    left = {"exit_id": ref("exit"), "period_id": PERIOD, "exit_kind": "open_labour_market"}
    path.add(e.ExitRecorded(case_id=CASE, from_on=date(2026, 8, 3), **left), LAST, command="exit")
    path.add(due(AUTHORITY, completed, "end"), LAST, command="exit")
    path.add(sent(AUTHORITY, completed, "end"), LAST)
    path.add(e.CaseClosed(case_id=CASE, closing_code="exit", exit_id=ref("exit")), date(2026, 8, 7))
    return path.told()


def in_period(path: Path) -> None:
    """What happened on the days, in their order: on 11 June a day of 3 June is mended."""
    day, mended = FIRST, None
    while day <= LAST:
        if day == ASCENSION:
            path.add(closed(day, day), day, AT_CENTRE)
        elif day == SHUT[0]:
            path.add(closed(*SHUT), day, AT_CENTRE)
        elif day.isoweekday() in (2, 3, 4) and not SHUT[0] <= day <= SHUT[1]:
            fact = path.add(attendance("absent_other" if day == LOST else "present"), day, AT_CENTRE)
            mended = fact if day == MENDED else mended
        if day == date(2026, 5, 6):
            path.add(report(FUND, LOST, day, LOST), day, AT_CENTRE)
        if day == date(2026, 6, 8):
            held = {"followup_kind": "regular_follow_up", "parties_present": ("organiser", "instructor", "client")}
            path.add(e.FollowUpHeld(case_id=CASE, followup_id=ref("followup"), **held), day)
        if day == date(2026, 6, 11) and mended:
            path.add(correction(mended, day_status="absent_own_sickness", hours=None), day, AT_CENTRE)
            path.add(report(FUND, date(2026, 5, 25), day, MENDED), day, AT_CENTRE)
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("recipient", "count"),
    [
        ("fund", 55),
        ("centre", 63),
        ("authority", 26 - 4),
        ("authority-referrer", 2),
        ("county", 86 - 5),
        ("kela-payment", 0),
        ("kela-assistance", 0),
        ("kela-team", 0),
        ("keha", 0),
    ],
)
def test_everybody_gets_as_much_as_the_history_says_but_for_the_meetings_and_the_booking(recipient: str, count: int) -> None:
    assert len(told().told.get(recipient, [])) == count


def test_the_fund_is_told_of_fifty_one_days_and_of_one_that_changed() -> None:
    days: dict[date, str] = {}
    revised = []
    for publication in told().told["fund"]:
        if publication.type == "attendance.recorded.v1":
            assert publication.occurred_on is not None
            days[publication.occurred_on] = publication.body["day_status"]
            revised += [publication.occurred_on] if publication.kind == "revised" else []
        elif publication.type == "service_day.not_arranged.v1":
            days |= {date.fromisoformat(day): "not_arranged" for day in publication.body["days_on"]}
    counts = {status: list(days.values()).count(status) for status in set(days.values())}
    assert counts == {"present": 45, "absent_other": 1, "absent_own_sickness": 1, "not_arranged": 4}
    assert revised == [MENDED]


def test_the_fund_is_told_no_plan_no_exit_and_no_site() -> None:
    assert {p.type.partition(".")[0] for p in told().told["fund"]} == {
        "period",
        "labour_policy_statement",
        "attendance",
        "service_day",
        "absence_report",
    }
    assert not [p for p in told().told["fund"] if b"site" in p.value]


def test_the_authority_gets_the_load_of_three_days_and_fifteen_hours_and_no_correction() -> None:
    planned = next(p for p in told().told["authority"] if p.type == "period.planned.v1")
    assert (planned.body["days_per_week"], planned.body["hours_per_week"]) == (3, 15.0)
    assert {p.kind for p in told().told["authority"]} == {"fact"}
    joint = {p.legal_basis for p in told().told["authority"] if p.type == "plan.agreed.v1"}
    assert joint == {"LB-381-JOINT"}
