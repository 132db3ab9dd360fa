"""What holds of the days and periods of a pathway, however it came about. source: domain/pathway.md 4.5"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from domain import events as e
from domain.pathway import Fact, Pathway, Period
from domain.rules import RuleSet

HOLDS_FIRST = ("county", "provider", "payer", "client")
"""Of several accounts of one day the first one of these holds."""
OFFICIAL = HOLDS_FIRST[:2]


def held(pathway: Pathway, period_id: str, on: date) -> str | None:
    """What the account that holds says of the day."""
    told = pathway.days.get(on, {})
    return next((told[period_id, a].event.day_status for a in HOLDS_FIRST if (period_id, a) in told), None)


def hold(pathway: Pathway) -> None:
    """I5, I6 and I7."""
    weeks: Counter[tuple[int, int]] = Counter()
    for on, accounts in pathway.days.items():
        present = {period for (period, _), fact in accounts.items() if fact.event.day_status == "present"}
        assert len(present) <= 1, f"I5: {on} is present in more than one period"
        official = any(account in OFFICIAL and fact.event.day_status == "present" for (_, account), fact in accounts.items())
        weeks[on.isocalendar()[:2]] += official
    for week, count in weeks.items():
        monday = date.fromisocalendar(*week, 1)
        assert count <= RuleSet.current().value("week.max_days", monday), f"I7: {count} days in week {week}"
    for key, period in pathway.periods.items():
        if period.started:
            days_add_up(pathway, key, period)


def days_add_up(pathway: Pathway, key: str, period: Period) -> None:
    """I6: days by status = scheduled days, a swapped one counted where it moved, and days present off schedule."""
    counted = dict(official_days(pathway, key))
    assert all(period.covers(on) for on in counted), "I6: a day outside its period"
    scheduled = scheduled_days(pathway, key, period)
    beyond = {on for on in counted if on not in scheduled}
    assert all(counted[on].event.day_status == "present" for on in beyond), "I6: an absence on a day off schedule"
    if period.last_on >= period.planned.event.planned_end_on:
        assert len(scheduled) == len(set(period.scheduled_days())), "I6: a swap that made a day"
    for range_ in pathway.not_arranged:
        if range_.event.period_id == key:
            first, last = range_.event.from_on, range_.event.until_on
            assert not any(first <= on <= last and fact.event.day_status == "present" for on, fact in counted.items())


def scheduled_days(pathway: Pathway, key: str, period: Period) -> set[date]:
    """The days of the schedule, each that an official account swapped where it moved (domain/pathway.md 4.4 row 27)."""
    swapped = {
        fact.event.swap_of_on: on
        for on, accounts in pathway.days.items()
        for (told_of, account), fact in accounts.items()
        if told_of == key and account in OFFICIAL and fact.event.swap_of_on
    }
    by_weekday = set(period.scheduled_days())
    return (by_weekday - swapped.keys()) | set(swapped.values())


def official_days(pathway: Pathway, key: str) -> Iterator[tuple[date, Fact[e.AttendanceRecorded]]]:
    """Each day of the period with the account that holds."""
    for on, accounts in pathway.days.items():
        fact = next((accounts[key, account] for account in OFFICIAL if (key, account) in accounts), None)
        if fact is not None:
            yield on, fact
