"""Public holidays and working days."""

from __future__ import annotations

from datetime import date

import pytest

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
