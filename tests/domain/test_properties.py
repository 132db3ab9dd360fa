"""What holds on any path, whatever is asked and in whatever order. source: domain/pathway.md 4.5"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random

from given import Given, Step, World, given
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from stories import (
    CLIENT,
    EXPERT,
    FIRST,
    INSTRUCTOR,
    INTAKE,
    LAST,
    MANAGER,
    OWN_WORKER,
    PAYER,
    REFERRER,
    STEPS,
    TEAM_LEAD,
    as_1,
    closed,
    day,
    draft,
    instructor,
    last,
    own_worker,
    place,
    planned,
    referral,
    registered,
    start,
    welcome,
    yes,
)

from domain import events as e
from domain.chapters.attendance.parts import Days
from domain.chapters.cases.decisions import CloseCase
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.periods.decisions import CompletePeriod
from domain.chapters.referrals.decisions import AcceptReferral
from domain.context import Caller
from domain.pathway import Pathway, evolve, replay
from domain.refusals import Refused
from domain.rules import RuleSet

MANY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
STATUSES = ("present", "absent_own_sickness", "absent_other")

days_of_spring = st.integers(-3, 30).map(lambda number: FIRST + timedelta(days=number))
tellers = st.sampled_from((INSTRUCTOR, INSTRUCTOR, CLIENT, PAYER, OWN_WORKER))
statuses = st.sampled_from(("present", "present", *STATUSES))
days_of_two_weeks = st.integers(-1, 12).map(lambda number: FIRST + timedelta(days=number))


def told(by: Caller, on: date, status: str) -> Step:
    return Step(by, LAST, day(status, occurred_on=on))


def not_arranged(on: date, length: int) -> Step:
    return Step(INSTRUCTOR, LAST, closed(on, on + timedelta(days=length)))


def corrected(number: int, status: str, on: date | None) -> Step:
    """Another status or another date for one of the days told so far."""

    def ask(p: Pathway) -> CorrectFact:
        days = [key for key, fact in p.facts.items() if isinstance(fact.event, e.AttendanceRecorded)]
        target = days[number % len(days)] if days else "d" * 32
        values = {"day_status": status, "hours": 5 if status == "present" else None}
        return CorrectFact(
            target_event_id=target, correction_reason="wrong_entry", corrected_occurred_on=on, new_values=values
        )

    return Step(OWN_WORKER, LAST, ask)


def next_period(first: date, months: int) -> tuple[Step, ...]:
    """Everything that a second period needs, asked for whether or not the first one has ended."""
    until = first + timedelta(days=30 * months)
    parties = (Step(CLIENT, LAST, yes()), Step(EXPERT, LAST, yes()), Step(OWN_WORKER, LAST, yes()))
    return (
        Step(EXPERT, LAST, draft(kuty_from_on=first, kuty_until_on=until)),
        *parties,
        Step(OWN_WORKER, LAST, place(from_on=first, until_on=until)),
        Step(MANAGER, LAST, welcome),
        Step(MANAGER, LAST, instructor),
        Step(OWN_WORKER, LAST, planned(starts_on=first, planned_end_on=until)),
        Step(OWN_WORKER, LAST, start(starts_on=first)),
    )


told_days = st.builds(told, tellers, days_of_two_weeks, statuses)
mended_days = st.builds(corrected, st.integers(0, 50), statuses, st.none() | days_of_two_weeks)
closed_days = st.builds(not_arranged, days_of_two_weeks, st.integers(0, 4))


def after_all(world: World, steps: list[Step]) -> World:
    """The world after everything that was not refused."""
    for step in steps:
        try:
            world = world.after(step)
        except Refused:
            continue
    return world


@MANY
@for_all(st.lists(st.one_of(told_days, mended_days), min_size=20, max_size=60))
def test_no_week_has_more_present_days_than_its_limit_in_any_account(steps: list[Step]) -> None:
    pathway = after_all(as_1("12"), steps).pathway
    present = Counter(
        (account, on.isocalendar()[:2])
        for on, accounts in pathway.days.items()
        for (_, account), fact in accounts.items()
        if fact.event.day_status == "present"
    )
    assert all(count <= RuleSet.current().value("week.max_days", FIRST) for count in present.values())


@MANY
@for_all(st.lists(st.one_of(told_days, mended_days, closed_days), min_size=15, max_size=60))
def test_nobody_is_officially_present_on_a_day_without_service(steps: list[Step]) -> None:
    pathway = after_all(as_1("12"), steps).pathway
    for range_ in pathway.not_arranged:
        for (_, account), fact in (
            entry
            for on, accounts in pathway.days.items()
            if range_.event.from_on <= on <= range_.event.until_on
            for entry in accounts.items()
        ):
            assert account in ("client", "payer") or fact.event.day_status != "present"


@MANY
@for_all(
    st.lists(
        st.one_of(
            st.builds(lambda on: (told(INSTRUCTOR, on, "present"),), days_of_spring),
            st.builds(next_period, days_of_spring, st.integers(3, 7)),
            st.builds(lambda: (Step(OWN_WORKER, LAST, lambda p: CompletePeriod(period_id=last(p.periods))),)),
        ),
        max_size=12,
    )
)
def test_no_day_is_present_in_two_periods_and_no_two_periods_overlap(groups: list[tuple[Step, ...]]) -> None:
    pathway = after_all(as_1("12"), [step for group in groups for step in group]).pathway
    for on, accounts in pathway.days.items():
        assert len({period for period, _ in accounts}) == 1, on
    spans = sorted((p.planned.event.starts_on, p.last_on) for p in pathway.periods.values())
    assert all(before[1] < after[0] for before, after in pairwise(spans))


@MANY
@for_all(
    st.lists(
        st.one_of(
            st.builds(
                lambda number, on, ahead: Step(
                    TEAM_LEAD, on, own_worker(worker_id=f"W-{number}", effective_on=on + timedelta(days=ahead))
                ),
                st.integers(1, 3),
                days_of_spring,
                st.integers(-10, 10),
            ),
            st.builds(lambda on: Step(OWN_WORKER, on, CloseCase(closing_code="moved_away")), days_of_spring),
            st.builds(lambda on: Step(REFERRER, on, referral()), days_of_spring),
            st.builds(lambda on: Step(INTAKE, on, lambda p: AcceptReferral(referral_id=last(p.referrals))), days_of_spring),
        ),
        max_size=20,
    )
)
def test_an_open_case_has_exactly_one_own_worker_after_the_first_assignment(steps: list[Step]) -> None:
    pathway = after_all(as_1("5"), steps).pathway
    assert sum(case.closed is None for case in pathway.cases.values()) <= 1
    for case_id, case in pathway.cases.items():
        assert len(case.own_workers) <= 1
        for worker in case.own_workers:
            for number in range(40):
                on = worker.event.effective_on + timedelta(days=number)
                assert pathway.own_worker(case_id, on) == worker


@MANY
@for_all(st.randoms(use_true_random=False))
def test_history_is_folded_in_any_order_and_never_refused(random: Random) -> None:
    world = given(as_1()).but(corrected(3, "absent_other", None).ask, by=OWN_WORKER, on=date(2025, 9, 8)).world
    facts = list(world.pathway.facts.values())
    random.shuffle(facts)
    assert set(replay("c" * 32, facts).facts) == set(world.pathway.facts)
    half = replay("c" * 32, facts[: len(facts) // 2])
    assert len(half.facts) == len(facts) // 2


@MANY
@for_all(st.integers(0, 105), st.dates(date(2025, 1, 1), date(2025, 12, 31)))
def test_any_past_day_can_be_asked_about(number: int, on: date) -> None:
    pathway = as_1(STEPS[min(number, len(STEPS) - 1)][0]).pathway
    then = pathway.on(on)
    assert all(fact.occurred_on <= on for fact in then.facts.values())
    assert replay(pathway.client, pathway.facts.values()).facts == pathway.facts


def test_an_erased_fact_leaves_the_rest_standing() -> None:
    pathway = as_1().pathway
    for fact in list(pathway.facts.values()):
        erased = replace(fact, event=e.Erased(fact.name), version=pathway.version + 1)
        assert evolve(pathway, erased) == replace(pathway, version=pathway.version + 1)


def test_a_decision_run_again_gives_the_same_facts() -> None:
    world = registered()
    for _, step in STEPS:
        assert world.decide(step) == world.decide(step)
        world = world.after(step)


def test_a_long_history_makes_no_decision_longer() -> None:
    """The days are looked up by week: nothing walks through the history."""

    class Counted(dict):  # type: ignore[type-arg]
        looked_up = 0

        def get(self, *args: object) -> object:
            Counted.looked_up += 1
            return super().get(*args)

        def items(self):  # type: ignore[no-untyped-def]
            raise AssertionError("walks through the history")

        __iter__ = values = keys = items

    class CountedDays(Days):
        def get(self, on, default=None):  # type: ignore[no-untyped-def]
            Counted.looked_up += 1
            return super().get(on, default)

        def __iter__(self):  # type: ignore[no-untyped-def]
            raise AssertionError("walks through the history")

    world = as_1("21")
    days = CountedDays(world.pathway.days._shown)
    pathway = replace(world.pathway, days=days, facts=Counted(world.pathway.facts))
    counted: Given = given(replace(world, pathway=pathway))
    step = Step(INSTRUCTOR, date(2025, 8, 29), day())
    assert len(counted.world.decide(step)) == 1
    assert 0 < Counted.looked_up < 20
