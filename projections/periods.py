"""Periods as a recipient has been told of them: what is left of the forms differs, the dates are always there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from domain.dates import A_DAY
from domain.months import full_on, time_before
from projections.read_models import Row

PERIOD_ENDS = ("period.completed", "period.interrupted")
PERIOD_FACTS = ("period.planned", "period.started", *PERIOD_ENDS)
_STEPS = {"period.planned": 0, "period.started": 1, **dict.fromkeys(PERIOD_ENDS, 2)}


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


def periods_from(rows: Iterable[Row]) -> list[SeenPeriod]:
    """The periods that these facts add up to, by their first day. Planned, started, ended: in this order, whichever of them
    was told, or corrected, last; of two ends the one told last holds."""
    found: dict[str, SeenPeriod] = {}
    known = (row for row in rows if row.name in PERIOD_FACTS)
    for row in sorted(known, key=lambda row: (_STEPS[row.name], row.sequence)):
        if row.part is None:
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


@dataclass(frozen=True, slots=True)
class TimeInService:
    """All time in started periods before a day. `full_on` is the first day on which the months are
    those of the review, if the present period goes on; none when no period runs and they are not full."""

    months: int
    days: int
    full_on: date | None


def time_in_service(periods: list[SeenPeriod], on: date, review_months: int) -> TimeInService:
    """Add up the periods started by the day. source: domain/law.md 2.4 (review at 24 months)"""
    started = [(period.starts_on, period.ended_on) for period in periods if period.started and period.starts_on <= on]
    months, days = time_before(started, on)
    return TimeInService(months, days, full_on(started, review_months))
