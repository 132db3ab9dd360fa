"""Time in the service: whole calendar months, and the days that fill none; 30 such days of several stretches make one more.

source: domain/law.md 2.4 (review at 24 months)
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from typing import TypeAlias

from domain.dates import A_DAY

Stretch: TypeAlias = tuple[date, date | None]
"""First and last day, both included; without a last one it goes on."""

_DAYS_OF_A_MONTH = 30


def months_on(start: date, months: int) -> date:
    """The same day so many calendar months later, or the last day of a shorter month."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def time_before(stretches: Iterable[Stretch], day: date) -> tuple[int, int]:
    """Months and days of all the stretches before the day, which itself is left out."""
    months = days = 0
    for first, last in sorted(stretches, key=_first):
        if first < day:
            whole, over = _between(first, day if last is None else min(last + A_DAY, day))
            # One stretch alone is counted by the calendar: 30 days of a month of 31 are not yet a month.
            full = (days + over) // _DAYS_OF_A_MONTH if days and over else 0
            months, days = months + whole + full, days + over - full * _DAYS_OF_A_MONTH
    return months, days


def full_on(stretches: Iterable[Stretch], months: int) -> date | None:
    """The first day before which the stretches add up to so many months; none where they never do."""
    known: list[Stretch] = []
    for first, last in sorted(stretches, key=_first):
        missing = months - time_before(known, first)[0]
        known.append((first, last))
        day = months_on(first, max(missing, 0))
        while day > first and time_before(known, day - A_DAY)[0] >= months:
            day -= A_DAY
        if last is None or day <= last + A_DAY:
            return day
    return None


def _first(stretch: Stretch) -> date:
    return stretch[0]


def _between(first: date, after: date) -> tuple[int, int]:
    """Whole calendar months and days from a first day to the day after the last one."""
    whole = (after.year - first.year) * 12 + after.month - first.month
    whole -= months_on(first, whole) > after
    return whole, (after - months_on(first, whole)).days
