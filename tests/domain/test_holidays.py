"""Public holidays and working days, some by hand and those of 110 years against the package `holidays`."""

from __future__ import annotations

from datetime import date

import pytest
from holidays import country_holidays
from hypothesis import given
from hypothesis import strategies as st

from domain.code_lists import code_list
from domain.holidays import (
    customary_days_off,
    easter_sunday,
    is_public_holiday,
    is_working_day,
    public_holidays,
    working_days_after,
)


@pytest.mark.parametrize(
    "on",
    [
        "1954-04-18",
        "1981-04-19",
        "2008-03-23",
        "2011-04-24",
        "2019-04-21",
        "2024-03-31",
        "2025-04-20",
        "2026-04-05",
        "2038-04-25",
    ],
)
def test_easter_falls_on_its_sunday(on: str) -> None:
    assert easter_sunday(int(on[:4])) == date.fromisoformat(on)


def test_the_thirteen_public_holidays_of_2025() -> None:
    assert [f"{on:%m-%d}" for on in public_holidays(2025)] == [
        "01-01", "01-06", "04-18", "04-20", "04-21", "05-01", "05-29", "06-08", "06-21", "11-01", "12-06", "12-25", "12-26",
    ]  # fmt: skip
    assert public_holidays(2025)[date(2025, 5, 29)] == "ascension_day"


def test_eves_are_days_off_but_no_public_holidays() -> None:
    assert list(customary_days_off(2025)) == [date(2025, 6, 20), date(2025, 12, 24)]
    assert not is_public_holiday(date(2025, 6, 20))
    assert not is_working_day(date(2025, 6, 20))


def test_working_days_leave_out_week_ends_and_holidays() -> None:
    assert is_working_day(date(2025, 4, 17))
    assert working_days_after(date(2025, 4, 17), 1) == date(2025, 4, 22)
    assert working_days_after(date(2025, 1, 20), 7) == date(2025, 1, 29)
    assert working_days_after(date(2025, 4, 19), 0) == date(2025, 4, 19)


# --- against the package `holidays` -----------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 1991, 2100
"""Epiphany and Ascension Day were Saturdays from 1973 to 1990; the law is of 2001, and no fact here is older. After 2100 the
package knows nothing."""
FINLAND = country_holidays("FI", language="fi")
CALLED_OTHERWISE = {"vapunpäivä": "vappu"}


@pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
def test_holidays_and_eves_are_those_that_others_know(year: int) -> None:
    ours = {**public_holidays(year), **customary_days_off(year)}
    theirs = country_holidays("FI", years=year, language="fi")
    assert ours.keys() == theirs.keys()
    for on, code in ours.items():
        name = code_list("public_holiday")[code].texts["fi"]
        # May Day and Ascension Day may fall on one day, which then has two names.
        assert CALLED_OTHERWISE.get(name, name) in theirs[on].lower().split("; ")


@given(st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR - 1, 12, 31)), st.integers(1, 60))
def test_working_days_are_those_that_others_count(on: date, days: int) -> None:
    assert is_working_day(on) is FINLAND.is_working_day(on)
    assert working_days_after(on, days) == FINLAND.get_nth_working_day(on, days)
