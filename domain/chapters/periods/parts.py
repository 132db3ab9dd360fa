"""Periods of participation, planned and running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from domain.chapters.periods.events import PeriodCompleted, PeriodInterrupted, PeriodPlanned, PeriodStarted
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class Period(PartOfPath):
    """A planned or running stretch of participation."""

    planned: Fact[PeriodPlanned]
    started: Fact[PeriodStarted] | None = None
    ended: Fact[PeriodCompleted | PeriodInterrupted] | None = None

    @property
    def placement_id(self) -> str | None:
        """The placement that the period started in."""
        return self.started.event.placement_id if self.started else None

    @property
    def last_on(self) -> date:
        """Last day: the real one once ended, else the planned one."""
        if self.ended:
            return self.ended.event.ended_on
        return (self.started or self.planned).event.planned_end_on

    def is_open(self, on: date) -> bool:
        """Whether it has started and has not been ended by the end of the day."""
        return bool(self.started and self.started.event.starts_on <= on) and not (
            self.ended and self.ended.event.ended_on <= on
        )

    def outlasts(self, on: date) -> bool:
        """Whether it was taken up, and nothing says that it ended on the day or before."""
        return self.started is not None and not (self.ended and self.ended.event.ended_on <= on)

    def covers(self, on: date) -> bool:
        """Whether the day lies in the started period, its last day included."""
        return self.started is not None and self.started.event.starts_on <= on <= self.last_on

    def has_weekday(self, on: date) -> bool:
        """Whether the day lies in the period, on one of the weekdays of its schedule; swaps of days not looked at."""
        start = self.started.event.starts_on if self.started else self.planned.event.starts_on
        weekday = on.isoweekday()
        return start <= on <= self.last_on and any(entry.weekday == weekday for entry in self.planned.event.schedule)

    def scheduled_days(self, first: date | None = None, last: date | None = None) -> Iterator[date]:
        """The scheduled local dates between two days (both included), none meaning the period's own ends."""
        weekdays = {entry.weekday for entry in self.planned.event.schedule}
        start = self.started.event.starts_on if self.started else self.planned.event.starts_on
        day, end = max(first or start, start), min(last or self.last_on, self.last_on)
        while day <= end:
            if day.isoweekday() in weekdays:
                yield day
            day += timedelta(days=1)


@dataclass(frozen=True)
class Periods(ClientStream):
    """The client's periods."""

    periods: Mapping[str, Period] = field(default_factory=dict)

    def periods_of(self, case_id: str) -> list[Period]:
        """The periods of the case."""
        return [p for p in self.periods.values() if p.planned.event.case_id == case_id]
