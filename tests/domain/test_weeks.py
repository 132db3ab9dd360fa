"""Weeks, swaps and days beside the schedule. source: domain/pathway.md 4.4 rows 25, 27, 28, 36"""

from __future__ import annotations

from datetime import date

import pytest
from given import Given, given
from pydantic import ValidationError
from stories import (
    CLIENT,
    EXPERT,
    FIRST,
    HOLIDAYS,
    INSTRUCTOR,
    LAST,
    MANAGER,
    OWN_WORKER,
    PAYER,
    SOCIAL_WORKER,
    as_1,
    closed,
    day,
    draft,
    granted,
    instructor,
    last,
    place,
    plan,
    planned,
    start,
    week,
    welcome,
    yes,
)

from domain import events as e
from domain.chapters.attendance.decisions import RecordAttendance
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.periods.decisions import CompletePeriod

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2025, 3, number) for number in range(3, 8))
"""The first week of a period of Monday, Tuesday and Thursday."""


def running(*days: date) -> Given:
    world = given(as_1("12"))
    for on in days:
        world = world.but(day(occurred_on=on), by=INSTRUCTOR, on=LAST)
    return world


# --- Row 27 -----------------------------------------------------------------------------------------------------------


def test_a_fifth_day_of_a_week_is_one_whichever_official_account_says_so() -> None:
    four = running(MONDAY, TUESDAY, WEDNESDAY, THURSDAY)
    four.when(day(occurred_on=FRIDAY), by=OWN_WORKER, on=LAST).then_refused("E_WEEK_DAYS", at="/day_status")
    mixed = running(MONDAY, TUESDAY).but(day(occurred_on=WEDNESDAY), by=OWN_WORKER, on=LAST)
    mixed = mixed.but(day(occurred_on=THURSDAY), by=OWN_WORKER, on=LAST)
    mixed.when(day(occurred_on=FRIDAY), by=INSTRUCTOR, on=LAST).then_refused("E_WEEK_DAYS")
    four.when(day(occurred_on=THURSDAY), by=OWN_WORKER, on=LAST).then(e.AttendanceRecorded, account="county")


@pytest.mark.parametrize("by", [INSTRUCTOR, OWN_WORKER, CLIENT, PAYER])
def test_nobody_is_absent_from_a_day_that_is_not_scheduled(by: object) -> None:
    """An absence there would cost the benefit of a day on which nobody was expected."""
    for status in ("absent_other", "absent_own_sickness"):
        told = given(as_1("12")).when(day(status, occurred_on=WEDNESDAY), by=by, on=LAST)  # type: ignore[arg-type]
        told.then_refused("E_NOT_SCHEDULED", at="/day_status")


def test_a_day_present_beside_the_schedule_is_recorded_with_a_warning() -> None:
    running().when(day(occurred_on=WEDNESDAY), by=INSTRUCTOR, on=LAST).then(e.AttendanceRecorded).warned("W_NOT_SCHEDULED")
    swapped = day(occurred_on=WEDNESDAY, swap_of_on=THURSDAY)
    running().when(swapped, by=INSTRUCTOR, on=LAST).then(e.AttendanceRecorded).warned()


def test_a_day_that_replaces_another_is_scheduled_and_the_replaced_one_is_not() -> None:
    swapped = running().but(day(occurred_on=WEDNESDAY, swap_of_on=THURSDAY), by=INSTRUCTOR, on=LAST)
    swapped.when(day("absent_other", occurred_on=THURSDAY), by=INSTRUCTOR, on=LAST).then_refused("E_NOT_SCHEDULED")
    swapped.when(day(occurred_on=THURSDAY), by=INSTRUCTOR, on=LAST).then(e.AttendanceRecorded).warned("W_NOT_SCHEDULED")
    swapped.when(day("absent_other", occurred_on=WEDNESDAY), by=CLIENT, on=LAST).then(e.AttendanceRecorded)
    sick = day("absent_own_sickness", occurred_on=WEDNESDAY, swap_of_on=THURSDAY)
    running().when(sick, by=INSTRUCTOR, on=LAST).then(e.AttendanceRecorded).warned()


@pytest.mark.parametrize(
    ("on", "swap_of_on"),
    [
        (WEDNESDAY, FRIDAY),
        (WEDNESDAY, WEDNESDAY),
        (WEDNESDAY, date(1900, 1, 1)),
        (WEDNESDAY, date(2025, 9, 4)),
        (WEDNESDAY, MONDAY),
        (TUESDAY, THURSDAY),
        (WEDNESDAY, HOLIDAYS[0]),
        (FRIDAY, date(2025, 3, 13)),
    ],
    ids=["unscheduled", "itself", "1900", "after the end", "told of", "a scheduled day", "not arranged", "swapped"],
)
def test_a_swap_is_for_a_scheduled_day_that_is_still_free(on: date, swap_of_on: date) -> None:
    world = running(MONDAY).but(closed(HOLIDAYS[0]), by=INSTRUCTOR, on=LAST)
    world = world.but(day(occurred_on=date(2025, 3, 12), swap_of_on=date(2025, 3, 13)), by=INSTRUCTOR, on=LAST)
    asked = day(occurred_on=on, swap_of_on=swap_of_on)
    world.when(asked, by=INSTRUCTOR, on=LAST).then_refused("E_CONFLICT", at="/swap_of_on")


def test_another_account_may_tell_of_the_same_swap() -> None:
    swapped = running().but(day(occurred_on=WEDNESDAY, swap_of_on=THURSDAY), by=INSTRUCTOR, on=LAST)
    same = day(occurred_on=WEDNESDAY, swap_of_on=THURSDAY)
    for by in (OWN_WORKER, CLIENT):
        swapped.when(same, by=by, on=LAST).then(e.AttendanceRecorded).warned()


def test_a_swap_by_the_client_alone_moves_no_day() -> None:
    """The client swaps days with the organiser (domain/law.md 2.7)."""
    said = running().but(day(occurred_on=WEDNESDAY, swap_of_on=THURSDAY), by=CLIENT, on=LAST)
    said.when(day("absent_other", occurred_on=THURSDAY), by=INSTRUCTOR, on=LAST).then(e.AttendanceRecorded)


def test_a_swap_that_is_corrected_away_gives_the_day_back() -> None:
    swapped = running().but(day(occurred_on=WEDNESDAY, swap_of_on=THURSDAY), by=INSTRUCTOR, on=LAST)
    key = list(swapped.world.pathway.facts)[-1]
    plain = CorrectFact(target_event_id=key, correction_reason="wrong_entry", new_values={"swap_of_on": None})
    mended = swapped.but(plain, by=INSTRUCTOR, on=LAST)
    mended.when(day("absent_other", occurred_on=THURSDAY), by=INSTRUCTOR, on=LAST).then(e.AttendanceRecorded)


def test_nobody_is_absent_from_a_day_that_was_not_arranged() -> None:
    without = running().but(closed(MONDAY), by=INSTRUCTOR, on=LAST)
    for by in (INSTRUCTOR, OWN_WORKER):
        told = without.when(day("absent_other", occurred_on=MONDAY), by=by, on=LAST)
        told.then_refused("E_CONFLICT", at="/day_status")


def test_a_long_day_is_recorded_with_a_warning_and_no_day_has_more_than_twenty_four_hours() -> None:
    for hours, warnings in ((8, ()), (8.5, ("W_LONG_DAY",)), (24, ("W_LONG_DAY",))):
        told = running().when(day(hours=hours, occurred_on=MONDAY), by=INSTRUCTOR, on=LAST)
        told.then(e.AttendanceRecorded).warned(*warnings)
    with pytest.raises(ValidationError):
        RecordAttendance(period_id="d" * 32, day_status="present", hours=24.5)


# --- Row 25 -----------------------------------------------------------------------------------------------------------


def ready(first: date, *, plan_from: date = FIRST, until: date = LAST, planned_from: date | None = None) -> Given:
    """A period planned from its first day on, with a decision and a placement that begin much earlier."""
    on = date(2025, 2, 21)
    world = given(as_1("6a")).but(plan(), by=EXPERT, on=on)
    world = world.but(draft(kuty_from_on=plan_from, kuty_until_on=until), by=EXPERT, on=on)
    for by in (CLIENT, EXPERT, OWN_WORKER):
        world = world.but(yes(), by=by, on=on)
    early = date(2025, 2, 1)
    world = world.but(granted(granted_from_on=early, granted_until_on=until), by=SOCIAL_WORKER, on=on)
    world = world.but(place(from_on=early, until_on=min(until, date(2026, 12, 31))), by=OWN_WORKER, on=on)
    world = world.but(welcome, by=MANAGER, on=on).but(instructor, by=MANAGER, on=on)
    return world.but(planned(starts_on=planned_from or first, planned_end_on=until), by=OWN_WORKER, on=on)


def test_a_period_does_not_start_before_its_plan_has_the_service() -> None:
    world = ready(date(2025, 3, 17), plan_from=date(2025, 3, 17))
    world.when(start(), by=OWN_WORKER, on=date(2025, 3, 10)).then_refused("E_NO_PLAN", at="/starts_on")
    world.when(start(), by=OWN_WORKER, on=date(2025, 3, 17)).then(e.PeriodStarted, e.NotificationDue)


def test_a_period_that_starts_early_is_no_longer_than_the_law_allows() -> None:
    world = ready(date(2025, 4, 1), until=date(2027, 3, 31))
    world.when(start(), by=OWN_WORKER, on=date(2025, 3, 31)).then_refused("E_PERIOD_LENGTH", at="/starts_on")
    world.when(start(), by=OWN_WORKER, on=date(2025, 4, 1)).then(e.PeriodStarted, e.NotificationDue)


def test_a_late_start_does_not_undo_the_least_length() -> None:
    world = ready(FIRST, until=date(2025, 6, 2))
    world.when(start(), by=OWN_WORKER, on=date(2025, 3, 31)).then(e.PeriodStarted, e.NotificationDue)


def test_a_period_starts_under_the_newest_version_agreed_by_then() -> None:
    """A version with fewer weekdays that is agreed between planning and start covers the schedule no more."""
    world = ready(date(2025, 3, 10))
    fewer = world.but(draft(kuty_from_on=FIRST, schedule=week(1, 2)), by=EXPERT, on=date(2025, 3, 5))
    for by in (CLIENT, EXPERT, OWN_WORKER):
        fewer = fewer.but(yes(), by=by, on=date(2025, 3, 5))
    fewer.when(start(), by=OWN_WORKER, on=date(2025, 3, 10)).then_refused("E_NO_PLAN")
    before = start(starts_on=date(2025, 3, 4))
    fewer.when(before, by=OWN_WORKER, on=date(2025, 3, 10)).then(e.PeriodStarted, e.NotificationDue)


def test_a_period_does_not_start_early_into_another_one() -> None:
    world = ready(date(2025, 3, 10), until=date(2025, 6, 30)).but(
        draft(kuty_from_on=FIRST, kuty_until_on=date(2025, 12, 31)), by=EXPERT, on=FIRST
    )
    for by in (CLIENT, EXPERT, OWN_WORKER):
        world = world.but(yes(), by=by, on=FIRST)
    later = date(2025, 12, 31)
    world = world.but(granted(granted_until_on=later), by=SOCIAL_WORKER, on=FIRST)
    world = world.but(planned(starts_on=date(2025, 7, 1), planned_end_on=later), by=OWN_WORKER, on=FIRST)
    world.when(start(), by=OWN_WORKER, on=date(2025, 6, 16)).then_refused("E_OVERLAP", at="/starts_on")
    world.when(start(), by=OWN_WORKER, on=date(2025, 6, 30)).then_refused("E_OVERLAP")


def test_a_corrected_start_is_judged_by_the_same_guards() -> None:
    started = ready(date(2025, 3, 17), plan_from=date(2025, 3, 17)).but(start(), by=OWN_WORKER, on=date(2025, 3, 17))
    key = next(key for key, fact in started.world.pathway.facts.items() if isinstance(fact.event, e.PeriodStarted))
    earlier = CorrectFact(target_event_id=key, correction_reason="wrong_date", new_values={"starts_on": "2025-03-10"})
    started.when(earlier, by=OWN_WORKER, on=LAST).then_refused("E_NO_PLAN", at="/new_values/starts_on")


# --- Row 36 -----------------------------------------------------------------------------------------------------------


def completed(on: date) -> CompletePeriod:
    return CompletePeriod(period_id=last(as_1("21").pathway.periods), ended_on=on)


def test_a_period_goes_on_after_its_planned_end_only_as_long_as_decision_and_placement_do() -> None:
    later, far = date(2025, 9, 12), date(2026, 9, 2)
    given(as_1("21")).when(completed(far), by=OWN_WORKER, on=far).then_refused("E_AFTER_END", at="/ended_on")
    longer = granted(granted_from_on=date(2025, 9, 3), granted_until_on=later)
    decided = given(as_1("21")).but(longer, by=SOCIAL_WORKER, on=LAST)
    decided.when(completed(later), by=OWN_WORKER, on=later).then_refused("E_AFTER_END")
    placed = decided.but(place(from_on=date(2025, 9, 3), until_on=later), by=OWN_WORKER, on=LAST)
    placed = placed.but(welcome, by=MANAGER, on=LAST)
    placed.when(completed(later), by=OWN_WORKER, on=later).then(e.PeriodCompleted, ended_on=later)
    placed.when(completed(date(2025, 9, 13)), by=OWN_WORKER, on=far).then_refused("E_AFTER_END")
