"""Public holidays and working days in Finland, local dates. The days themselves are the code list `public_holiday`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

from domain.code_lists import Code, code_list

SATURDAY = 5
FRIDAY = 4


@cache
def public_holidays(year: int) -> Mapping[date, str]:
    """The year's public holidays: date to code of the list `public_holiday`. source: domain/law.md 2.11"""
    return _days(year, public=True)


@cache
def customary_days_off(year: int) -> Mapping[date, str]:
    """Midsummer Eve and Christmas Eve: no public holidays, but most places are closed."""
    return _days(year, public=False)


def is_public_holiday(on: date) -> bool:
    """Whether the local date is a public holiday; an ordinary Sunday is not."""
    return on in public_holidays(on.year)


def is_working_day(on: date) -> bool:
    """Monday to Friday, no public holiday, no customary day off."""
    return on.weekday() < SATURDAY and not is_public_holiday(on) and on not in customary_days_off(on.year)


def working_days_after(on: date, days: int) -> date:
    """The `days`-th working day after the local date `on`; `on` itself for 0."""
    while days > 0:
        on += timedelta(days=1)
        days -= is_working_day(on)
    return on


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar: the Sunday after the first ecclesiastical full moon of spring."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    moon = (19 * golden + century - leap_centuries - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * century_rest + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _days(year: int, *, public: bool) -> Mapping[date, str]:
    entries = [entry for entry in code_list("public_holiday") if entry.marks["public"] is public]
    return MappingProxyType(dict(sorted((_day(entry, year), entry.code) for entry in entries)))


def _day(entry: Code, year: int) -> date:
    marks = entry.marks
    if "days_from_easter" in marks:
        return easter_sunday(year) + timedelta(days=marks["days_from_easter"])
    if "fixed" in marks:
        return date.fromisoformat(f"{year}-{marks['fixed']}")
    weekday, mark = (SATURDAY, "saturday_from") if "saturday_from" in marks else (FRIDAY, "friday_from")
    first = date.fromisoformat(f"{year}-{marks[mark]}")
    return first + timedelta(days=(weekday - first.weekday()) % 7)
