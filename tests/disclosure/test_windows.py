"""Whose facts on which days: windows of payers, authorities and providers (domain/disclosure.md 5.3)."""

from __future__ import annotations

from datetime import date
from typing import Any

from disclosure.paths import (
    CASE,
    CITY,
    FIRST,
    FUND,
    KELA,
    LAST,
    PARISH,
    PERIOD,
    attendance,
    benefit,
    closed,
    in_service,
    joined,
    members,
    placement,
    plan,
    ref,
    whole,
)
from disclosure.told import Everybody, days_told, names, of

from domain import events as e
from domain.directory import enter

MAY, MAY_5, JUNE_3 = date(2025, 5, 1), date(2025, 5, 5), date(2025, 6, 3)


def test_the_payer_is_told_nothing_before_the_period_and_nothing_after_its_end() -> None:
    told = whole().told().told["kela-payment"]
    assert names(told)[0] == "period.started"
    assert names(told)[-1] == "period.completed"


def test_a_payer_retroactively_replaced_loses_the_days_and_the_new_one_gets_them() -> None:
    path = in_service()
    for day in (date(2025, 3, 10), MAY_5, JUNE_3):
        path.add(attendance(), day)
    path.add(benefit(FUND, MAY), date(2025, 6, 10))
    everybody = path.told()
    assert days_told(everybody, "kela-payment") == [date(2025, 3, 10)]
    assert days_told(everybody, "fund") == [MAY_5, JUNE_3]
    assert names(everybody.told["fund"])[0] == "period.started"
    withdrawn = [p for p in everybody.told["kela-payment"] if p.kind == "withdrawn"]
    assert [(p.body, p.client, p.legal_basis) for p in withdrawn] == [({}, {}, "LB-UI-ATT")] * 2


def test_the_payer_whose_time_ends_is_told_its_last_day() -> None:
    path = in_service()
    path.add(benefit(FUND, MAY), date(2025, 4, 28))
    (end,) = of(path.told(), "kela-payment", "benefit_status.changed")
    assert end.body == {"last_day_on": "2025-04-30"}


def test_a_payer_that_got_no_period_is_not_told_its_last_day() -> None:
    path = in_service()
    path.facts = [fact for fact in path.facts if not fact.name.startswith("period.st")]
    path.add(benefit(FUND, MAY), date(2025, 4, 28))
    assert "kela-payment" not in path.told().told


def test_a_status_without_successor_ends_the_payers_time_by_its_own_last_day() -> None:
    path = in_service()
    path.add(benefit(KELA, date(2025, 4, 1), date(2025, 4, 30)), date(2025, 4, 1))
    path.add(benefit(None, MAY), date(2025, 4, 28))
    (end,) = of(path.told(), "kela-payment", "benefit_status.changed")
    assert end.body == {"last_day_on": "2025-04-30"}


def test_an_end_recorded_with_the_same_first_day_takes_the_days_after_it_from_the_payer() -> None:
    """domain/pathway.md 4.4 row 42: of two statements with equal `from_on` the later one holds, here the one with an end."""
    path = in_service()
    days = [date(2025, 3, day) for day in (3, 4, 6, 10, 11, 13, 17, 18)]
    for day in days:
        path.add(attendance(), day)
    path.add(benefit(KELA, date(2023, 1, 9), date(2025, 3, 11)), date(2025, 3, 20))
    everybody = path.told()
    assert days_told(everybody, "kela-payment") == days[:5]
    assert of(everybody, "kela-payment", "benefit_status.changed")[-1].body == {"last_day_on": "2025-03-11"}


def test_a_last_day_that_moves_by_another_fact_is_told_anew() -> None:
    # given two times that Kela pays, both ended by the fund's; when the first turns out to have ended before
    path = in_service()
    path.add(benefit(FUND, MAY), date(2025, 4, 28))
    path.add(benefit(KELA, date(2025, 5, 10), date(2025, 5, 15)), date(2025, 5, 9))
    path.add(benefit(None, date(2025, 4, 15), date(2025, 4, 30)), date(2025, 5, 20))
    ended, *later = of(path.told(), "kela-payment", "benefit_status.changed")
    assert (ended.kind, ended.body) == ("fact", {"last_day_on": "2025-04-30"})
    assert [(p.kind, p.body) for p in later if p.replaces == ended.id] == [("revised", {"last_day_on": "2025-05-15"})]


def test_a_day_recorded_late_goes_to_the_payer_of_that_day() -> None:
    path = in_service()
    path.add(benefit(FUND, MAY), date(2025, 4, 28))
    path.add(attendance("absent_other"), date(2025, 4, 29))
    everybody = path.told()
    assert days_told(everybody, "kela-payment") == [date(2025, 4, 29)]
    assert days_told(everybody, "fund") == []


def test_a_day_recorded_after_the_case_was_closed_still_reaches_payer_and_provider() -> None:
    path = whole()
    path.add(attendance(), date(2025, 8, 28))
    everybody = path.told()
    assert everybody.told["kela-payment"][-1].occurred_on == date(2025, 8, 28)
    assert everybody.told["centre"][-1].occurred_on == date(2025, 8, 28)


def test_nobody_pays_for_social_assistance_and_no_payer_is_told() -> None:
    everybody = whole(None).told()
    assert {"kela-payment", "fund"}.isdisjoint(everybody.told)
    assert not of(everybody, "centre", "benefit_status.changed")


def test_a_range_is_cut_to_the_days_of_each_payer() -> None:
    path = in_service()
    path.add(closed(date(2025, 4, 28), MAY_5), date(2025, 4, 28))
    path.add(benefit(FUND, MAY), date(2025, 5, 6))
    everybody = path.told()
    whole_range, cut = of(everybody, "kela-payment", "service_day.not_arranged")
    assert whole_range.body["days_on"] == ["2025-04-28", "2025-04-29", "2025-05-01", "2025-05-05"]
    assert (cut.kind, cut.replaces, cut.body["days_on"]) == ("revised", whole_range.id, ["2025-04-28", "2025-04-29"])
    (theirs,) = of(everybody, "fund", "service_day.not_arranged")
    assert theirs.body["days_on"] == ["2025-05-01", "2025-05-05"]


def test_a_range_without_a_scheduled_day_is_told_to_no_payer() -> None:
    path = in_service()
    path.add(closed(date(2025, 4, 11), date(2025, 4, 13)), date(2025, 4, 11))
    assert not of(path.told(), "kela-payment", "service_day.not_arranged")


def test_the_employment_authority_hears_nothing_after_the_case_was_closed() -> None:
    path = whole()
    path.add(benefit(FUND, date(2025, 10, 1)), date(2025, 10, 1))
    assert of(path.told(), "authority", "benefit_status.changed")[-1].occurred_on == date(2025, 1, 13)


def test_a_second_authority_named_by_a_new_plan_takes_over_from_its_day() -> None:
    path = in_service()
    path.add(plan("second plan", employment_authority_org_id=CITY), MAY)
    path.add(e.PeriodCompleted(case_id=CASE, period_id=PERIOD, ended_on=LAST), LAST)
    everybody = path.told()
    assert names(everybody.told["city"]) == [
        "benefit_status.changed",
        "own_worker.assigned",
        "plan.agreed",
        "decision.issued",
        "period.planned",
        "period.started",
        "plan.drafting_started",
        "period.completed",
    ]
    assert not of(everybody, "authority", "period.completed")


def test_a_provider_hears_of_its_own_placement_alone() -> None:
    path = in_service()
    path.add(placement("second", PARISH, from_on=JUNE_3), MAY)
    path.add(e.PlacementConfirmed(case_id=CASE, placement_id=ref("second")), MAY)
    path.add(attendance(), MAY_5)
    path.add(attendance(key="second"), date(2025, 6, 5))
    everybody = path.told()
    assert [p.occurred_on for p in of(everybody, "centre", "attendance.recorded")] == [MAY_5]
    assert [p.occurred_on for p in of(everybody, "parish", "attendance.recorded")] == [date(2025, 6, 5)]
    assert len(of(everybody, "centre", "placement.proposed")) == 1
    assert names(everybody.told["parish"])[:7] == [
        "benefit_status.changed",
        "own_worker.assigned",
        "plan.agreed",
        "decision.issued",
        "period.planned",
        "period.started",
        "placement.proposed",
    ]


def test_a_provider_that_takes_over_in_mid_period_is_told_the_week_and_the_start_of_the_open_period() -> None:
    """source: domain/disclosure.md 5.3 rule 7 (of an open period its `period.planned` and `period.started`)"""
    path = in_service()
    path.add(placement("second", PARISH, from_on=JUNE_3), MAY)
    everybody = path.told()
    (planned,), (started,) = (of(everybody, "parish", name) for name in ("period.planned", "period.started"))
    assert [entry["weekday"] for entry in planned.body["schedule"]] == [1, 2, 4]
    assert (started.body["starts_on"], started.occurred_on) == ("2025-03-03", FIRST)
    assert path.told(always_whole=True).told == everybody.told


def test_a_period_that_is_open_past_its_planned_end_is_in_force_and_one_that_ended_is_not() -> None:
    """source: domain/disclosure.md 5.3 rule 7 (an open period), domain/pathway.md 4.4 row 40 (open: no 36 recorded)"""
    after = date(2025, 9, 8)
    path = in_service()
    path.add(placement("second", PARISH, from_on=after, until_on=date(2025, 12, 31)), after)
    assert of(path.told(), "parish", "period.planned")
    ended = in_service()
    ended.add(e.PeriodCompleted(case_id=CASE, period_id=PERIOD, ended_on=LAST), LAST)
    ended.add(placement("second", PARISH, from_on=after, until_on=date(2025, 12, 31)), after)
    assert not {"period.planned", "period.started"} & set(names(ended.told().told["parish"]))


def test_what_a_provider_was_told_for_support_is_told_anew_when_it_is_asked_for_the_activity_too() -> None:
    """source: domain/disclosure.md 5.2 (two profiles of a provider), 5.3 rule 7"""
    path = in_service(provider=PARISH, role="support_and_guidance")
    goal = ("plan.agreed", "own_worker.assigned")
    before = path.told()
    assert [p.client.keys() & {"language"} for name in goal for p in of(before, "parish", name)] == [set(), set()]
    path.add(placement("second", PARISH, from_on=JUNE_3, until_on=date(2026, 1, 31)), MAY)
    after = path.told()
    for name in goal:
        first, second = of(after, "parish", name)
        assert (second.kind, second.replaces) == ("revised", first.id)
        assert second.client["language"] == "fi"
    assert path.told(always_whole=True).told == after.told


def test_a_period_that_ends_late_is_told_to_the_provider_of_its_last_placement() -> None:
    path = in_service()
    path.add(e.PeriodCompleted(case_id=CASE, period_id=PERIOD, ended_on=LAST), date(2025, 9, 4))
    everybody = path.told()
    assert of(everybody, "centre", "period.completed")
    assert of(everybody, "kela-payment", "period.completed")


def test_a_multi_sectoral_plan_brings_in_kelas_team_and_another_ground() -> None:
    parties = ("client", "organiser", "employment_side", "kela")
    joint: dict[str, Any] = {"plan_kind": "multi_sectoral_employment_plan", "parties": parties, "eligibility_keys": None}
    everybody = in_service(**joint, kela_services_coordinated=True).told()
    assert names(everybody.told["kela-team"])[:2] == ["own_worker.assigned", "plan.drafting_started"]
    assert {p.legal_basis for p in everybody.told["kela-team"]} == {"LB-381-JOINT"}
    assert of(everybody, "authority", "period.started")[0].legal_basis == "LB-381-JOINT"
    assert of(everybody, "authority", "case.opened")[0].legal_basis == "LB-189-PLAN"
    assert "kela-team" not in in_service().told().told


def test_a_late_joiner_gets_what_is_lawful_for_it_and_its_own_joining_is_no_client_fact() -> None:
    everybody = Everybody(members())
    path = in_service(provider="0000017-4")
    everybody.hear(*path.facts)
    assert "late" not in everybody.told
    member = joined("0000017-4", "provider", "provider", "late")
    new = everybody.join(enter(members(), member, 99))
    assert names(new["late"])[:5] == [
        "benefit_status.changed",
        "own_worker.assigned",
        "plan.agreed",
        "decision.issued",
        "placement.proposed",
    ]
    assert list(new) == ["late"]


def test_a_recipient_is_told_of_no_day_before_it_held_the_task() -> None:
    everybody = Everybody(members())
    everybody.hear(*in_service(provider="0000017-4").facts)
    new = everybody.join(enter(members(), joined("0000017-4", "provider", "provider", "late", FIRST), 99))
    assert "placement.proposed" in names(new["late"])
    assert "instructor.named" in names(new["late"])
    assert of(everybody, "late", "period.started")
