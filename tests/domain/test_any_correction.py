"""Whatever is corrected, to whatever value and date: what was accepted leaves the invariants standing.

source: domain/pathway.md 4.4 row 45, 4.5 I5, I6, I7
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

from any_fact import any_value
from given import Step, World
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from invariants import hold
from stories import CLIENT, INSTRUCTOR, OWN_WORKER, closed, day
from test_corrections import two_periods

from deploy.describe.event_schemas import schema_of
from domain import events as e
from domain.catalogue import fixed_in
from domain.chapters.corrections.decisions import CorrectFact, FurtherCorrection
from domain.refusals import Refused
from domain.rulebook import GUARDS

MANY = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
TODAY = date(2025, 6, 30)


@cache
def history() -> World:
    """Two periods with full weeks where they meet, absences, two accounts of a day, a break; all of it allowed."""
    world = two_periods()
    weeks = [date(2025, 5, 19) + timedelta(days=n) for n in range(42)]
    for on in weeks:
        if on.isoweekday() in (1, 2, 4) and on not in world.pathway.days and on != date(2025, 6, 19):
            status = "absent_own_sickness" if on.day in (20, 3) else "present"
            world = world.after(Step(INSTRUCTOR, TODAY, told(world, on, status)))
    world = world.after(Step(OWN_WORKER, TODAY, told(world, date(2025, 6, 10), "present", 6)))
    world = world.after(Step(CLIENT, TODAY, told(world, date(2025, 6, 12), "absent_other")))
    return world.after(Step(INSTRUCTOR, TODAY, closed(date(2025, 6, 19))))


def told(world: World, on: date, status: str, hours: float = 5) -> Any:
    """An account of a day, in the period that it lies in."""
    [period] = [key for key, each in world.pathway.periods.items() if each.covers(on)]
    return lambda p: day(status, hours, occurred_on=on)(p).model_copy(update={"period_id": period})


targets = [key for key, fact in history().pathway.facts.items() if type(fact.event) in GUARDS]
days_near = st.integers(-12, 40).map(lambda n: date(2025, 5, 19) + timedelta(days=n))
any_day = st.one_of(days_near, days_near, st.dates(date(2024, 12, 1), date(2025, 12, 31)))


@st.composite
def a_correction(draw: st.DrawFn) -> FurtherCorrection:
    """Some fact, days before all; one or two of its fields, or another date."""
    days = [key for key in targets if history().pathway.facts[key].name in ("attendance.recorded", "period.completed")]
    key = draw(st.sampled_from(days) | st.sampled_from(targets))
    kind = type(history().pathway.facts[key].event)
    free = {name: schema for name, schema in schema_of(kind)["properties"].items() if name not in fixed_in(kind)}
    names = draw(st.lists(st.sampled_from(sorted(free)), max_size=2, unique=True)) if free else []
    values = {name: draw(new_value(name, free[name])) for name in names}
    if kind is e.AttendanceRecorded and "day_status" in values:
        values["hours"] = 5.0 if values["day_status"] == "present" else None
    on = draw(st.none() | any_day) if values else draw(any_day)
    return FurtherCorrection(target_event_id=key, corrected_occurred_on=on, new_values=values or None)


def new_value(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date" or any(arm.get("format") == "date" for arm in schema.get("anyOf", ())):
        return any_day.map(date.isoformat)
    if name == "day_status":
        return st.sampled_from(("present", "present", "absent_other"))
    return any_value(name, schema)


@MANY
@for_all(st.lists(st.lists(a_correction(), min_size=1, max_size=3, unique_by=lambda c: c.target_event_id), max_size=8))
def test_the_invariants_hold_whatever_was_corrected(knots: list[list[FurtherCorrection]]) -> None:
    world = history()
    for first, *further in knots:
        command = CorrectFact(
            target_event_id=first.target_event_id,
            correction_reason="wrong_entry",
            corrected_occurred_on=first.corrected_occurred_on,
            new_values=first.new_values,
            further=tuple(further) or None,
        )
        try:
            world = world.after(Step(OWN_WORKER, TODAY, command))
        except Refused:
            continue
    hold(world.pathway)


def test_the_history_itself_keeps_them() -> None:
    hold(history().pathway)
