"""I5, I6 and I7 over whatever is asked in whatever order. source: domain/pathway.md 4.5"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import invariants
import orjson
from given import Step
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from invariants import OFFICIAL, held, hold
from stories import CLIENT, FIRST, INSTRUCTOR, LAST, OWN_WORKER, PAYER, as_1, closed, day, last
from test_closing import interrupt
from test_properties import after_all, next_period

from domain.chapters.cases.decisions import CloseCase
from domain.chapters.periods.decisions import CompletePeriod
from domain.context import Caller
from domain.pathway import Pathway
from projections.days import DAY_FACTS, SeenDay, days_from, missing_days, of_schedule, scheduled_days
from projections.periods import PERIOD_FACTS, SeenPeriod, periods_from
from projections.read_models import Row

MANY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
STATUSES = ("present", "present", "present", "absent_own_sickness", "absent_other", "not_arranged")
NEVER = datetime(2025, 1, 1, tzinfo=UTC)

days_of_two_weeks = st.integers(-2, 12).map(lambda number: FIRST + timedelta(days=number))
tellers = st.sampled_from((INSTRUCTOR, INSTRUCTOR, OWN_WORKER, CLIENT, PAYER))


def told(by: Caller, on: date, status: str, swap: date | None) -> Step:
    return Step(by, LAST, day(status, occurred_on=on, swap_of_on=swap))


def ended(after: int) -> tuple[Step, ...]:
    on = FIRST + timedelta(days=after)
    return (Step(OWN_WORKER, LAST, interrupt(ended_on=on, occurred_on=on)),)


def case_closed(on: date) -> tuple[Step, ...]:
    return (Step(OWN_WORKER, LAST, CloseCase(closing_code="moved_away", occurred_on=on)),)


def no_service(on: date, more: int) -> tuple[Step, ...]:
    return (Step(INSTRUCTOR, LAST, closed(on, on + timedelta(days=more))),)


swaps = st.one_of(st.none(), days_of_two_weeks)
one_day = st.builds(told, tellers, days_of_two_weeks, st.sampled_from(STATUSES), swaps).map(lambda step: (step,))
now_and_then = st.one_of(
    st.builds(no_service, days_of_two_weeks, st.integers(0, 2)),
    st.builds(ended, st.integers(10, 40)),
    st.just((Step(OWN_WORKER, LAST, lambda p: CompletePeriod(period_id=last(p.periods))),)),
    st.builds(case_closed, days_of_two_weeks),
    st.builds(next_period, days_of_two_weeks, st.integers(3, 7)),
)
asked = st.lists(st.integers(0, 11).flatmap(lambda n: one_day if n else now_and_then), min_size=30, max_size=50)
"""Mostly days, of two weeks, so that they meet."""


def after(groups: list[tuple[Step, ...]]) -> Pathway:
    return after_all(as_1("12"), [step for group in groups for step in group]).pathway


def all_days(pathway: Pathway, period_id: str) -> Iterator[date]:
    period = pathway.periods[period_id]
    on = period.started.event.starts_on if period.started else period.planned.event.starts_on
    while on <= period.last_on:
        yield on
        on += timedelta(days=1)


@MANY
@for_all(asked, st.randoms(use_true_random=False))
def test_whatever_is_asked_days_weeks_and_schedules_add_up(groups: list[tuple[Step, ...]], random: Random) -> None:
    """I5 to I7, by the ledger and by what the county is answered."""
    pathway = after(groups)
    hold(pathway)
    the_county_counts_the_same(pathway)
    no_order_changes_what_holds(pathway, random)


def the_county_counts_the_same(pathway: Pathway) -> None:
    """I6 where days are added up for the county; the ledger's own view says the same of each day."""
    periods, days = seen(pathway)
    for period in periods:
        if not period.started:
            continue
        first, until = period.starts_on, period.last_on
        own = of_schedule(period, days, first, until)
        counts = Counter(each.status for each in own)
        counts["unknown"] += len(missing_days(period, days, first, until))
        scheduled = set(scheduled_days(period, days, first, until))
        beside = [each for each in own if each.status == "present" and each.on not in scheduled]
        assert counts.total() == len(scheduled) + len(beside)
        inner = pathway.periods[period.period_id]
        assert scheduled == invariants.scheduled_days(pathway, period.period_id, inner)
        assert scheduled == {on for on in all_days(pathway, period.period_id) if pathway.is_scheduled(inner, on)}
        for each in own:
            # That a day was not arranged is the provider's own word of it: it holds before a payer's and a client's.
            ranges = [(told.event.from_on, told.event.until_on) for told in pathway.not_arranged]
            closed = each.on in scheduled and any(from_on <= each.on <= until_on for from_on, until_on in ranges)
            official = {account for key, account in pathway.days.get(each.on, {}) if key == period.period_id} & set(OFFICIAL)
            expected = "not_arranged" if closed and not official else held(pathway, period.period_id, each.on)
            assert each.status == expected


def no_order_changes_what_holds(pathway: Pathway, random: Random) -> None:
    """I1, and I6: the county's account before the provider's, the payer's, the client's."""
    rows = list(rows_of(pathway))
    expected = {(d.period_id, d.on): d.status for d in days_from(rows)}
    random.shuffle(rows)
    assert {(d.period_id, d.on): d.status for d in days_from(rows)} == expected


def seen(pathway: Pathway) -> tuple[list[SeenPeriod], list[SeenDay]]:
    rows = list(rows_of(pathway))
    periods = periods_from([row for row in rows if row.name in PERIOD_FACTS])
    return periods, days_from([row for row in rows if row.name in DAY_FACTS], periods)


def rows_of(pathway: Pathway) -> Iterator[Row]:
    """The facts of periods and days as the county's read model holds them."""
    for number, fact in enumerate(pathway.facts.values(), 1):
        if fact.name in (*PERIOD_FACTS, *DAY_FACTS):
            body = orjson.loads(orjson.dumps(fact.event.model_dump(mode="json", exclude_none=True)))
            first, until = fact.days
            yield Row(
                number, fact.event_id, "fact", pathway.client, fact.name, body["period_id"], None, fact.occurred_on,
                first, until, NEVER, None, None, None, "LB-OWN-TASK", body,
            )  # fmt: skip
