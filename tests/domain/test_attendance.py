"""The days of the service: who says what of them."""

from __future__ import annotations

from datetime import date

from given import Given, given
from stories import (
    BREAK,
    CLIENT,
    EXPERT,
    FIRST,
    FUND_CLERK,
    HOLIDAYS,
    INSTRUCTOR,
    LAST,
    OWN_WORKER,
    PAYER,
    STRANGER,
    as_1,
    closed,
    day,
    last,
)

from domain.chapters.attendance.decisions import RecordAttendance
from domain.commands import Command
from domain.events import AttendanceRecorded, ServiceDayNotArranged
from domain.pathway import Pathway

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2025, 3, number) for number in (4, 5, 6, 7))


def a_week_of_four() -> Given:
    """Monday to Thursday of the first week, present on each."""
    world = given(as_1("12"))
    for on in (FIRST, TUESDAY, WEDNESDAY, THURSDAY):
        world = world.but(day(), by=INSTRUCTOR, on=on)
    return world


def test_an_instructor_records_a_present_day() -> None:
    outcome = given(as_1("12")).when(day(), by=INSTRUCTOR, on=FIRST)
    outcome.then(AttendanceRecorded, account="provider", day_status="present", hours=5).flagged().warned()
    placement = last(as_1("12").pathway.placements)
    assert outcome.drafts[0].event.placement_id == placement  # type: ignore[attr-defined]


def test_every_party_gives_its_own_account_of_one_day() -> None:
    told = given(as_1("12")).but(day(), by=INSTRUCTOR, on=FIRST)
    told.when(day("absent_other"), by=CLIENT, on=FIRST).then(AttendanceRecorded, account="client", placement_id=None)
    told.when(day("absent_other"), by=PAYER, on=FIRST).then(AttendanceRecorded, account="payer")
    told.when(day("absent_other", account="client"), by=PAYER, on=FIRST).then(AttendanceRecorded, account="client")
    told.when(day(), by=OWN_WORKER, on=FIRST).then(AttendanceRecorded, account="county")


def test_nobody_gives_another_ones_account() -> None:
    given(as_1("12")).when(day(account="client"), by=INSTRUCTOR, on=FIRST).then_refused("E_NOT_ENTITLED", at="/account")
    given(as_1("12")).when(day(account="provider"), by=CLIENT, on=FIRST).then_refused("E_NOT_ENTITLED", at="/account")
    given(as_1("12")).when(day(), by=EXPERT, on=FIRST).then_refused("E_NOT_ENTITLED")


def test_another_provider_and_another_payer_have_no_say() -> None:
    given(as_1("12")).when(day(), by=STRANGER, on=FIRST).then_refused("E_NOT_ENTITLED")
    given(as_1("12")).when(day("absent_other"), by=FUND_CLERK, on=FIRST).then_refused("E_NOT_ENTITLED")


def test_the_same_account_of_a_day_twice_changes_nothing() -> None:
    told = given(as_1("12")).but(day(), by=INSTRUCTOR, on=FIRST)
    told.when(day(), by=INSTRUCTOR, on=FIRST).then_nothing_happens()


def test_another_account_by_the_same_one_is_a_correction_and_no_second_record() -> None:
    told = given(as_1("12")).but(day(), by=INSTRUCTOR, on=FIRST)
    told.when(day("absent_other"), by=INSTRUCTOR, on=FIRST).then_refused("E_CONFLICT", at="/occurred_on")


def test_a_day_outside_the_period_is_refused() -> None:
    given(as_1("12")).when(day(occurred_on=date(2025, 2, 28)), by=INSTRUCTOR, on=FIRST).then_refused("E_OUTSIDE_PERIOD")
    given(as_1("22")).when(day(), by=INSTRUCTOR, on=date(2025, 9, 4)).then_refused("E_OUTSIDE_PERIOD")
    given(as_1("11")).when(day(), by=INSTRUCTOR, on=FIRST).then_refused("E_OUTSIDE_PERIOD")


def test_the_first_and_the_last_day_lie_in_the_period() -> None:
    given(as_1("12")).when(day(), by=INSTRUCTOR, on=FIRST).then(AttendanceRecorded)
    given(as_1("21")).when(day(), by=INSTRUCTOR, on=LAST).then(AttendanceRecorded)


def test_a_day_in_the_future_is_refused() -> None:
    given(as_1("12")).when(day(occurred_on=TUESDAY), by=INSTRUCTOR, on=FIRST).then_refused("E_FUTURE", at="/occurred_on")
    beyond = day(occurred_on=date(2025, 9, 4))
    given(as_1("12")).when(beyond, by=INSTRUCTOR, on=FIRST).then_refused("E_OUTSIDE_PERIOD", "E_FUTURE")


def test_a_fifth_day_in_a_week_is_refused() -> None:
    a_week_of_four().when(day(), by=INSTRUCTOR, on=FRIDAY).then_refused("E_WEEK_DAYS", at="/day_status")


def test_a_fifth_day_told_before_the_others_counts_as_well() -> None:
    world = given(as_1("12")).but(day(occurred_on=FRIDAY), by=INSTRUCTOR, on=FRIDAY)
    for on in (FIRST, TUESDAY, WEDNESDAY):
        world = world.but(day(occurred_on=on), by=INSTRUCTOR, on=FRIDAY)
    world.when(day(occurred_on=THURSDAY), by=INSTRUCTOR, on=FRIDAY).then_refused("E_WEEK_DAYS")


def test_a_fifth_day_may_be_an_absence_and_the_next_week_begins_anew() -> None:
    four = given(as_1("12"))
    for on in (FIRST, TUESDAY, WEDNESDAY, FRIDAY):
        four = four.but(day(occurred_on=on), by=INSTRUCTOR, on=FRIDAY)
    sick = day("absent_own_sickness", occurred_on=THURSDAY)
    four.when(sick, by=INSTRUCTOR, on=FRIDAY).then(AttendanceRecorded)
    a_week_of_four().when(day(), by=INSTRUCTOR, on=date(2025, 3, 10)).then(AttendanceRecorded)


def test_the_clients_own_account_does_not_use_up_the_week() -> None:
    world = given(as_1("12"))
    for on in (FIRST, TUESDAY, WEDNESDAY, THURSDAY):
        world = world.but(day(), by=CLIENT, on=on)
    world.when(day(), by=INSTRUCTOR, on=FRIDAY).then(AttendanceRecorded)


def test_a_day_of_less_than_four_hours_is_recorded_with_a_warning() -> None:
    given(as_1("12")).when(day(hours=3.5), by=INSTRUCTOR, on=FIRST).then(AttendanceRecorded).warned("W_SHORT_DAY")
    given(as_1("12")).when(day(hours=4), by=INSTRUCTOR, on=FIRST).then(AttendanceRecorded).warned()


def test_hours_belong_to_a_present_day_alone() -> None:
    given(as_1("12")).when(day(hours=None), by=INSTRUCTOR, on=FIRST).then_refused("E_FIELD_MISSING", at="/hours")
    idle = lambda p: RecordAttendance(period_id=last(p.periods), day_status="absent_other", hours=5)  # noqa: E731
    given(as_1("12")).when(idle, by=INSTRUCTOR, on=FIRST).then_refused("E_FIELD_NOT_ALLOWED", at="/hours")


def test_that_the_service_was_not_arranged_is_the_providers_to_say_otherwise() -> None:
    given(as_1("12")).when(day("not_arranged"), by=INSTRUCTOR, on=FIRST).then_refused("E_CODE", at="/day_status")
    given(as_1("12")).when(day("not_arranged"), by=CLIENT, on=FIRST).then(AttendanceRecorded)


def test_nobody_is_present_on_a_day_without_service() -> None:
    holiday = HOLIDAYS[0]
    given(as_1("16 0")).when(day(), by=INSTRUCTOR, on=holiday).then_refused("E_CONFLICT", at="/day_status")
    given(as_1("16 0")).when(day(), by=CLIENT, on=holiday).then(AttendanceRecorded, account="client")


def test_a_day_told_two_weeks_later_is_flagged() -> None:
    given(as_1("12")).when(day(occurred_on=FIRST), by=INSTRUCTOR, on=date(2025, 3, 17)).then(AttendanceRecorded).flagged()
    late = given(as_1("12")).when(day(occurred_on=FIRST), by=INSTRUCTOR, on=date(2025, 3, 18))
    late.then(AttendanceRecorded).flagged("late_recorded")


def test_days_are_still_told_after_the_case_has_closed() -> None:
    world = as_1()
    (missing,) = (fact for fact in world.pathway.days[FIRST].values())
    assert missing.event.day_status == "present"
    given(world).when(day(occurred_on=FIRST), by=CLIENT, on=date(2025, 9, 8)).then(AttendanceRecorded)


def test_an_unknown_period_has_no_days() -> None:
    given(as_1("12")).when(day(period_id="d" * 32), by=INSTRUCTOR, on=FIRST).then_refused("E_UNKNOWN_REFERENCE")


def test_a_holiday_and_a_break_are_days_without_service() -> None:
    holiday = given(as_1("12")).when(closed(HOLIDAYS[0]), by=INSTRUCTOR, on=HOLIDAYS[0])
    holiday.then(ServiceDayNotArranged, from_on=HOLIDAYS[0], until_on=HOLIDAYS[0])
    away = given(as_1("19")).when(closed(*BREAK, reason="break"), by=INSTRUCTOR, on=BREAK[0])
    away.then(ServiceDayNotArranged, from_on=BREAK[0], until_on=BREAK[1])
    assert away.drafts[0].occurred_on == BREAK[0]


def test_days_without_service_told_twice_change_nothing() -> None:
    given(as_1("16 0")).when(closed(HOLIDAYS[0]), by=INSTRUCTOR, on=date(2025, 4, 22)).then_nothing_happens()


def test_a_day_on_which_somebody_was_present_was_arranged() -> None:
    there = given(as_1("12")).but(day(), by=INSTRUCTOR, on=TUESDAY)
    there.when(closed(FIRST, FRIDAY), by=INSTRUCTOR, on=TUESDAY).then_refused("E_CONFLICT", at="/from_on")
    there.when(closed(WEDNESDAY, FRIDAY), by=INSTRUCTOR, on=WEDNESDAY).then(ServiceDayNotArranged)


def test_days_without_service_lie_in_the_period_and_have_begun() -> None:
    given(as_1("12")).when(closed(date(2025, 2, 28)), by=INSTRUCTOR, on=FIRST).then_refused("E_OUTSIDE_PERIOD")
    given(as_1("12")).when(closed(FIRST, date(2025, 9, 3)), by=INSTRUCTOR, on=FIRST).then_refused("E_OUTSIDE_PERIOD")
    given(as_1("12")).when(closed(TUESDAY, FIRST), by=INSTRUCTOR, on=TUESDAY).then_refused("E_OUTSIDE_PERIOD")
    given(as_1("12")).when(closed(TUESDAY), by=INSTRUCTOR, on=FIRST).then_refused("E_FUTURE", at="/from_on")


def test_days_without_service_are_dated_by_the_first_of_them() -> None:
    def otherwise(p: Pathway) -> Command:
        return closed(FIRST)(p).model_copy(update={"occurred_on": TUESDAY})

    given(as_1("12")).when(otherwise, by=INSTRUCTOR, on=TUESDAY).then_refused("E_FIELD_NOT_ALLOWED", at="/occurred_on")


def test_only_the_own_provider_says_that_the_service_was_not_arranged() -> None:
    given(as_1("12")).when(closed(FIRST), by=STRANGER, on=FIRST).then_refused("E_NOT_ENTITLED")
    given(as_1("12")).when(closed(FIRST), by=OWN_WORKER, on=FIRST).then_refused("E_NOT_ENTITLED")
