"""Periods as a recipient has been told of them: what is left of the forms differs, the dates are always there."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from projections.questions import View
from projections.read_models import Row

A_DAY = timedelta(days=1)
PERIOD_ENDS = ("period.completed", "period.interrupted")
PERIOD_FACTS = ("period.planned", "period.started", *PERIOD_ENDS)


@dataclass(frozen=True, slots=True)
class SeenPeriod:
    """One period. `schedule` maps weekday (Monday 1) to its entry, empty where the recipient does not see it."""

    period_id: str
    client: str
    case_id: str
    starts_on: date
    planned_end_on: date
    started: bool = False
    ended_on: date | None = None
    placement_id: str | None = None
    schedule: dict[int, dict[str, Any]] = field(default_factory=dict)
    load: tuple[int, float] | None = None
    """Days and hours a week where only the load is told."""

    @property
    def last_on(self) -> date:
        """Last day: the real one once ended, else the planned one."""
        return self.ended_on or self.planned_end_on

    def runs_on(self, on: date) -> bool:
        """Whether it has started and its last day has not passed."""
        return self.started and self.starts_on <= on and (self.ended_on is None or on <= self.ended_on)

    def scheduled_days(self, first: date, last: date) -> Iterator[date]:
        """The scheduled dates between two days, both included."""
        day, end = max(first, self.starts_on), min(last, self.last_on)
        while day <= end:
            if day.isoweekday() in self.schedule:
                yield day
            day += A_DAY

    @property
    def week(self) -> tuple[int, float] | None:
        """Days and hours a week, none where neither schedule nor load is told."""
        if self.schedule:
            return len(self.schedule), sum(entry["hours"] for entry in self.schedule.values())
        return self.load


def periods_from(rows: list[Row]) -> list[SeenPeriod]:
    """The periods that these facts add up to, by their first day."""
    found: dict[str, SeenPeriod] = {}
    for row in rows:
        if row.part is None or row.name not in PERIOD_FACTS:
            continue
        seen = found.get(row.part)
        starts_on, planned_end_on = row.day("starts_on"), row.day("planned_end_on")
        if seen is None:
            first, last = starts_on or row.occurred_on, planned_end_on or row.day("ended_on") or row.occurred_on
            seen = SeenPeriod(row.part, row.client, row.body.get("case_id", ""), first, last)
        changes: dict[str, Any] = {}
        if starts_on and (row.name == "period.started" or not seen.started):
            changes["starts_on"] = starts_on
        if planned_end_on and row.name not in PERIOD_ENDS:
            changes["planned_end_on"] = planned_end_on
        if row.name == "period.planned":
            changes["schedule"] = {entry["weekday"]: entry for entry in row.body.get("schedule", ())}
            if "days_per_week" in row.body:
                changes["load"] = (row.body["days_per_week"], row.body["hours_per_week"])
        elif row.name == "period.started":
            changes |= {"started": True, "placement_id": row.body.get("placement_id")}
        else:
            changes |= {"started": True, "ended_on": row.day("ended_on")}
        found[row.part] = replace(seen, **changes)
    return sorted(found.values(), key=lambda period: (period.starts_on, period.period_id))


def periods_of(view: View, client: str) -> list[SeenPeriod]:
    """The periods of one client that were known by then, as they were dated by the day asked about."""
    rows = view.rows(*PERIOD_FACTS, client=client)
    return periods_from([row for row in rows if row.occurred_on <= view.on])


def months_on(start: date, months: int) -> date:
    """The same day so many calendar months later, or the last day of a shorter month."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def time_between(first: date, after: date) -> tuple[int, int]:
    """Whole calendar months and days from a first day to the day after the last one."""
    whole = (after.year - first.year) * 12 + after.month - first.month
    whole -= months_on(first, whole) > after
    return whole, (after - months_on(first, whole)).days


@dataclass(frozen=True, slots=True)
class TimeInService:
    """All time in started periods by the end of a day; 30 days make a month. `full_on` is the day on which the months of
    the review are full if the present period goes on, none when no period runs and they are not full."""

    months: int
    days: int
    full_on: date | None


def time_in_service(periods: list[SeenPeriod], on: date, review_months: int) -> TimeInService:
    """Add up the periods started by the day. source: domain/law.md 2.4 (review at 24 months)"""
    months = days = 0
    full_on: date | None = None
    for period in periods:
        if not period.started or period.starts_on > on:
            continue
        missing = review_months - months - days // 30
        if full_on is None:
            would_be = months_on(period.starts_on, missing) - timedelta(days=days % 30)
            if would_be <= period.last_on + A_DAY or period.runs_on(on):
                full_on = would_be
        more_months, more_days = time_between(period.starts_on, min(period.last_on, on) + A_DAY)
        months, days = months + more_months, days + more_days
    return TimeInService(months + days // 30, days % 30, full_on)
