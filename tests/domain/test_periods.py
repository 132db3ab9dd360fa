"""Planning, starting and completing a period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from given import Given, given
from stories import (
    CLIENT,
    EXPERT,
    FIRST,
    INTAKE,
    LAST,
    MANAGER,
    OWN_WORKER,
    REFERRER,
    SOCIAL_WORKER,
    STEPS,
    as_1,
    draft,
    granted,
    instructor,
    last,
    place,
    plan,
    planned,
    referral,
    result,
    start,
    week,
    welcome,
    yes,
)

from domain.chapters.corrections.decisions import CorrectFact, FurtherCorrection
from domain.chapters.periods.decisions import CompletePeriod
from domain.chapters.referrals.decisions import AcceptReferral
from domain.commands import Command
from domain.events import FactCorrected, NotificationDue, PeriodCompleted, PeriodPlanned, PeriodStarted
from domain.pathway import Pathway

ON = date(2025, 2, 21)


def agreed(world: Given, on: date, **but: object) -> Given:
    """One more version that all three parties accept on a day."""
    drafted = world.but(draft(**but), by=EXPERT, on=on)
    return drafted.but(yes(), by=CLIENT, on=on).but(yes(), by=EXPERT, on=on).but(yes(), by=OWN_WORKER, on=on)


def complete(on: date | None = None) -> Callable[[Pathway], Command]:
    return lambda p: CompletePeriod(period_id=last(p.periods), ended_on=on)


def test_a_period_is_planned_under_the_agreed_plan() -> None:
    outcome = given(as_1("10")).when(planned(), by=OWN_WORKER, on=ON)
    outcome.then(PeriodPlanned, starts_on=FIRST, planned_end_on=LAST, plan_version=1)


def test_a_period_lasts_three_to_twenty_four_months() -> None:
    two_years = agreed(given(as_1("10")), ON, kuty_until_on=date(2027, 3, 31))
    lengths = {
        date(2025, 6, 1): ("E_PERIOD_LENGTH",),
        date(2025, 6, 2): (),
        date(2027, 3, 2): (),
        date(2027, 3, 3): ("E_PERIOD_LENGTH",),
    }
    for end, codes in lengths.items():
        outcome = two_years.when(planned(planned_end_on=end), by=OWN_WORKER, on=ON)
        outcome.then_refused(*codes) if codes else outcome.then(PeriodPlanned)


def test_three_months_from_a_long_month_end_with_a_short_one() -> None:
    winter = agreed(given(as_1("10")), ON, kuty_until_on=date(2026, 3, 31))
    from_november = {"starts_on": date(2025, 11, 30)}
    enough = planned(**from_november, planned_end_on=date(2026, 2, 27))
    winter.when(enough, by=OWN_WORKER, on=ON).then(PeriodPlanned)
    short = planned(**from_november, planned_end_on=date(2026, 2, 26))
    winter.when(short, by=OWN_WORKER, on=ON).then_refused("E_PERIOD_LENGTH")


def test_a_day_has_four_to_eight_hours() -> None:
    wide = agreed(given(as_1("10")), ON, schedule=week(1, 2, 4, hours=12))
    for hours, codes in ((3.5, ("E_DAY_HOURS",)), (4, ()), (8, ()), (8.5, ("E_DAY_HOURS",))):
        outcome = wide.when(planned(schedule=week(1, 2, 4, hours=hours)), by=OWN_WORKER, on=ON)
        outcome.then_refused(*codes) if codes else outcome.then(PeriodPlanned)


def test_a_week_has_at_most_four_days_and_thirty_two_hours() -> None:
    wide = agreed(given(as_1("10")), ON, schedule=week(1, 2, 3, 4, 5, hours=9))
    wide.when(planned(schedule=week(1, 2, 3, 4, hours=8)), by=OWN_WORKER, on=ON).then(PeriodPlanned)
    wide.when(planned(schedule=week(1, 2, 3, 4, 5, hours=4)), by=OWN_WORKER, on=ON).then_refused("E_WEEK_DAYS")
    all_days = planned(schedule=week(1, 2, 3, 4, 5, hours=8))
    wide.when(all_days, by=OWN_WORKER, on=ON).then_refused("E_WEEK_DAYS", "E_WEEK_HOURS", at="/schedule")


def test_a_period_needs_an_agreed_plan_over_its_dates_weekdays_and_hours() -> None:
    for wrong in (
        planned(starts_on=FIRST - timedelta(days=1)),
        planned(planned_end_on=LAST + timedelta(days=1)),
        planned(schedule=week(1, 2, 5)),
        planned(schedule=week(1, 2, 4, hours=5.5)),
    ):
        given(as_1("10")).when(wrong, by=OWN_WORKER, on=ON).then_refused("E_NO_PLAN", at="/plan_id")


def test_fewer_days_and_hours_than_the_plan_has_may_be_planned() -> None:
    given(as_1("10")).when(planned(schedule=week(1, 2, hours=4)), by=OWN_WORKER, on=ON).then(PeriodPlanned)


def test_an_older_version_covers_nothing_any_more() -> None:
    shorter = agreed(given(as_1("10")), ON, schedule=week(1, 2))
    shorter.when(planned(), by=OWN_WORKER, on=ON).then_refused("E_NO_PLAN")
    shorter.when(planned(schedule=week(1, 2)), by=OWN_WORKER, on=ON).then(PeriodPlanned, plan_version=2)


def test_a_plan_that_does_not_open_the_service_covers_no_period() -> None:
    own = plan(plan_kind="client_plan", parties=("client", "organiser"), eligibility_keys=None)
    begun = given(as_1("6a")).but(own, by=OWN_WORKER, on=ON).but(draft(), by=OWN_WORKER, on=ON)
    done = begun.but(yes(), by=CLIENT, on=ON).but(yes(), by=OWN_WORKER, on=ON)
    done.when(planned(), by=OWN_WORKER, on=ON).then_refused("E_NO_PLAN")


def test_before_the_plan_is_agreed_the_case_is_not_there_yet() -> None:
    given(as_1("7")).when(planned(), by=OWN_WORKER, on=ON).then_refused("E_STATE", "E_NO_PLAN")
    given(as_1("2")).when(planned(), by=OWN_WORKER, on=ON).then_refused("E_STATE")
    given(as_1("10")).when(planned(occurred_on=date(2025, 2, 13)), by=OWN_WORKER, on=ON).then_refused("E_STATE", "E_NO_PLAN")


def test_two_periods_of_one_client_never_overlap() -> None:
    given(as_1("11")).when(planned(), by=OWN_WORKER, on=ON).then_refused("E_OVERLAP", at="/starts_on")
    longer = agreed(given(as_1("11")), ON, kuty_until_on=date(2026, 3, 31))
    touching = planned(starts_on=LAST, planned_end_on=date(2025, 12, 31))
    longer.when(touching, by=OWN_WORKER, on=ON).then_refused("E_OVERLAP")


def test_the_next_period_may_be_planned_while_this_one_runs() -> None:
    longer = agreed(given(as_1("12")), FIRST, kuty_until_on=date(2026, 3, 31))
    following = planned(starts_on=LAST + timedelta(days=1), planned_end_on=date(2025, 12, 31))
    longer.when(following, by=OWN_WORKER, on=FIRST).then(PeriodPlanned)


def test_a_client_whom_nobody_has_to_serve_is_served_with_a_warning() -> None:
    ground = given(as_1("4")).but(result(no_duty_ground="full_time_student"), by=SOCIAL_WORKER, on=date(2025, 2, 6))
    begun = ground.but(plan(), by=EXPERT, on=date(2025, 2, 10))
    ready = agreed(begun, date(2025, 2, 14))
    ready.when(planned(), by=OWN_WORKER, on=ON).then(PeriodPlanned).warned("W_NO_DUTY")
    overridden = planned(no_duty_overridden=True)
    ready.when(overridden, by=OWN_WORKER, on=ON).then(PeriodPlanned, no_duty_overridden=True).warned()


def test_a_period_starts_and_the_authority_has_to_be_told_the_same_day() -> None:
    outcome = given(as_1("11")).when(start(), by=OWN_WORKER, on=FIRST)
    outcome.then(PeriodStarted, NotificationDue, starts_on=FIRST, planned_end_on=LAST)
    started, due = outcome.drafts
    assert isinstance(due.event, NotificationDue)
    assert (due.event.notification_kind, due.event.due_on, due.event.recipient_org_id) == ("start", FIRST, "0000010-7")
    assert due.causation == due.event.about_event_id == started.event_id


def test_the_same_start_twice_changes_nothing_and_another_start_is_too_late() -> None:
    given(as_1("12")).when(start(starts_on=FIRST), by=OWN_WORKER, on=date(2025, 3, 4)).then_nothing_happens()
    given(as_1("12")).when(start(), by=OWN_WORKER, on=date(2025, 3, 4)).then_refused("E_STATE")


def test_nothing_starts_without_own_worker_placement_and_decision() -> None:
    without = {
        "E_NO_OWN_WORKER": ("6",),
        "E_NO_DECISION": ("9",),
        "E_NO_PLACEMENT": ("10 proposed", "10 confirmed", "10"),
    }
    for code, missing in without.items():
        world = as_1("5")
        for label, step in STEPS:
            if date(2025, 2, 7) <= step.on <= ON and label not in missing:
                world = world.after(step)
        given(world).when(start(), by=OWN_WORKER, on=FIRST).then_refused(code)


def test_a_placement_without_an_instructor_is_no_placement() -> None:
    unnamed = given(as_1("10 confirmed")).but(planned(), by=OWN_WORKER, on=ON)
    unnamed.when(start(), by=OWN_WORKER, on=FIRST).then_refused("E_NO_PLACEMENT", at="/placement_id")


def test_a_decision_covers_the_whole_period() -> None:
    short = given(as_1("8")).but(granted(granted_until_on=date(2025, 9, 1)), by=SOCIAL_WORKER, on=date(2025, 2, 17))
    placed = short.but(place(), by=OWN_WORKER, on=ON).but(welcome, by=MANAGER, on=ON).but(instructor, by=MANAGER, on=ON)
    ready = placed.but(planned(), by=OWN_WORKER, on=ON)
    ready.when(start(), by=OWN_WORKER, on=FIRST).then_refused("E_NO_DECISION", at="/decision_id")
    ready.but(granted(), by=SOCIAL_WORKER, on=FIRST).when(start(), by=OWN_WORKER, on=FIRST).then(
        PeriodStarted, NotificationDue
    )


def test_a_later_end_of_the_service_takes_the_decision_away() -> None:
    nothing = {"granted_from_on": None, "granted_until_on": None, "max_days_per_week": None, "max_hours_per_day": None}
    ended = granted(
        outcome="ended",
        ends_on=date(2025, 4, 30),
        refusal_reasons=("organiser_cannot",),
        reasons="The site closes.",
        not_heard_ground="urgent",
        **nothing,
    )
    given(as_1("11")).but(ended, by=SOCIAL_WORKER, on=FIRST).when(start(), by=OWN_WORKER, on=FIRST).then_refused(
        "E_NO_DECISION"
    )


def test_a_period_does_not_start_tomorrow_nor_after_its_end() -> None:
    early = start(starts_on=FIRST)
    given(as_1("11")).when(early, by=OWN_WORKER, on=ON).then_refused("E_FUTURE", at="/starts_on")
    given(as_1("11")).when(start(), by=OWN_WORKER, on=date(2025, 9, 3)).then_refused(
        "E_AFTER_END", "E_NO_PLACEMENT", at="/starts_on"
    )


def test_a_period_does_not_start_while_another_is_open() -> None:
    longer = agreed(given(as_1("12")), FIRST, kuty_until_on=date(2026, 3, 31))
    following = {"starts_on": date(2025, 9, 3), "planned_end_on": date(2025, 12, 31)}
    second = longer.but(planned(**following), by=OWN_WORKER, on=FIRST)
    decided = second.but(
        granted(granted_from_on=date(2025, 9, 3), granted_until_on=date(2025, 12, 31)), by=SOCIAL_WORKER, on=FIRST
    )
    placing = place(from_on=date(2025, 9, 3), until_on=date(2025, 12, 31))
    placed = (
        decided.but(placing, by=OWN_WORKER, on=FIRST)
        .but(welcome, by=MANAGER, on=FIRST)
        .but(instructor, by=MANAGER, on=FIRST)
    )
    placed.when(start(), by=OWN_WORKER, on=date(2025, 9, 3)).then_refused("E_OPEN_PERIOD")
    first = next(iter(placed.world.pathway.periods))
    ended = placed.but(CompletePeriod(period_id=first), by=OWN_WORKER, on=LAST)
    ended.when(start(), by=OWN_WORKER, on=date(2025, 9, 3)).then(PeriodStarted, NotificationDue)


def test_after_twenty_four_months_the_plan_is_reviewed_first() -> None:
    two_years = {"kuty_until_on": date(2027, 12, 31)}
    long_plan = agreed(given(as_1("10")), ON, **two_years)
    for end, codes in ((date(2027, 3, 1), ()), (date(2027, 3, 2), ("E_REVIEW_REQUIRED",))):
        after = end + timedelta(days=1)
        decided = long_plan.but(granted(granted_until_on=date(2027, 12, 31)), by=SOCIAL_WORKER, on=ON)
        whole = place(until_on=date(2026, 12, 31))
        placed = decided.but(whole, by=OWN_WORKER, on=ON).but(welcome, by=MANAGER, on=ON).but(instructor, by=MANAGER, on=ON)
        first = placed.but(planned(planned_end_on=end), by=OWN_WORKER, on=ON).but(start(), by=OWN_WORKER, on=FIRST)
        second = first.but(complete(), by=OWN_WORKER, on=end).but(
            planned(starts_on=after, planned_end_on=date(2027, 12, 31)), by=OWN_WORKER, on=end
        )
        outcome = second.when(start(), by=OWN_WORKER, on=after)
        outcome.then_refused("E_NO_PLACEMENT", *codes)


def test_a_period_is_completed_on_its_planned_end() -> None:
    given(as_1("21")).when(complete(), by=OWN_WORKER, on=LAST).then(PeriodCompleted, ended_on=LAST)
    given(as_1("21")).when(complete(), by=OWN_WORKER, on=date(2025, 9, 4)).then(PeriodCompleted, ended_on=LAST)
    given(as_1("22")).when(complete(), by=OWN_WORKER, on=LAST).then_nothing_happens()


def test_a_completion_is_not_dated_before_the_planned_end() -> None:
    """domain/pathway.md 4.4 rows 36, 45: on or after the planned end, order and state as on the fact's own date"""

    def dated(on: date) -> Callable[[Pathway], Command]:
        return lambda p: CompletePeriod(period_id=last(p.periods), ended_on=LAST, occurred_on=on)

    given(as_1("21")).when(dated(date(2025, 9, 1)), by=OWN_WORKER, on=LAST).then_refused("E_EARLY_END", at="/occurred_on")
    given(as_1("21")).when(dated(date(2025, 2, 26)), by=OWN_WORKER, on=LAST).then_refused("E_STATE", at="/period_id")
    [key] = [key for key, fact in as_1("22").pathway.facts.items() if isinstance(fact.event, PeriodCompleted)]
    moved = CorrectFact(target_event_id=key, correction_reason="wrong_entry", corrected_occurred_on=date(2025, 5, 25))
    given(as_1("22")).when(moved, by=OWN_WORKER, on=LAST).then_refused("E_EARLY_END", at="/corrected_occurred_on")


def test_the_planned_end_of_a_start_is_that_of_the_planned_period() -> None:
    """domain/pathway.md 4.4 rows 24, 36, 45: the least length and the early end are not got round by a correction"""
    running = given(as_1("12"))
    [begun] = [key for key, fact in running.world.pathway.facts.items() if isinstance(fact.event, PeriodStarted)]
    [laid] = [key for key, fact in running.world.pathway.facts.items() if isinstance(fact.event, PeriodPlanned)]
    to = {"planned_end_on": "2025-03-14"}
    alone = CorrectFact(target_event_id=begun, correction_reason="wrong_entry", new_values=to)
    running.when(alone, by=OWN_WORKER, on=FIRST).then_refused("E_CONFLICT", at="/new_values/planned_end_on")

    def both(to: str) -> CorrectFact:
        values = {"planned_end_on": to}
        further = (FurtherCorrection(target_event_id=laid, new_values=values),)
        return CorrectFact(target_event_id=begun, correction_reason="wrong_entry", new_values=values, further=further)

    running.when(both("2025-03-14"), by=OWN_WORKER, on=FIRST).then_refused("E_PERIOD_LENGTH")
    outcome = running.when(both("2025-08-29"), by=OWN_WORKER, on=FIRST).then(FactCorrected, FactCorrected)
    assert outcome.world.pathway.periods[last(running.world.pathway.periods)].last_on == date(2025, 8, 29)


def test_a_period_that_ends_early_is_not_completed() -> None:
    given(as_1("21")).when(complete(), by=OWN_WORKER, on=date(2025, 9, 1)).then_refused("E_EARLY_END", at="/ended_on")
    given(as_1("21")).when(complete(date(2025, 9, 1)), by=OWN_WORKER, on=LAST).then_refused("E_EARLY_END")


def test_a_period_ends_neither_tomorrow_nor_twice_nor_before_it_began() -> None:
    given(as_1("21")).when(complete(date(2025, 9, 3)), by=OWN_WORKER, on=LAST).then_refused("E_FUTURE")
    given(as_1("22")).when(complete(date(2025, 9, 3)), by=OWN_WORKER, on=date(2025, 9, 3)).then_refused("E_STATE")
    given(as_1("11")).when(complete(), by=OWN_WORKER, on=LAST).then_refused("E_STATE")


def test_a_former_clients_new_case_has_its_own_placement_and_decision() -> None:
    back = given(as_1()).but(referral(), by=REFERRER, on=date(2025, 11, 3))
    accepted = back.but(lambda p: AcceptReferral(referral_id=last(p.referrals)), by=INTAKE, on=date(2025, 11, 3))
    accepted.when(planned(), by=OWN_WORKER, on=date(2025, 11, 4)).then_refused("E_STATE", "E_NO_PLAN", "E_OVERLAP")
