"""Days, hours and months of one client's participation (domain/questions.md CW3)."""

from __future__ import annotations

from datetime import date

from projections.cases import ClientCase, OfCase, seen_by
from projections.days import (
    DAY_FACTS,
    SeenDay,
    StatusCount,
    counted,
    days_from,
    missing_days,
    of_schedule,
    scheduled_days,
    week_of,
)
from projections.periods import PERIOD_FACTS, SeenPeriod, periods_from, time_in_service
from projections.questions import Answer, View


class DaysAndHours(Answer):
    """Days of presence and their hours in a time; `scheduled` counts its scheduled days up to the day asked about."""

    from_on: date
    until_on: date
    present_days: int
    hours: float
    scheduled: int
    by_status: list[StatusCount]


class Participation(Answer):
    """CW3: days and hours in this week, this period and in all; months in the service, and when 24 months are full.

    Days and hours are those of the case asked for, else of the open one, else of the last; the months are all of the
    client's before the day, in earlier cases too. `review_months_full_on` is the first day on which they are full; it counts
    on the present period going on, and is none when nothing runs and they are not full.
    """

    client: str
    case_id: str | None
    cases: list[ClientCase]
    week: DaysAndHours
    period: DaysAndHours | None
    total: DaysAndHours | None
    months: int
    days_over_months: int
    review_months: int
    review_months_full_on: date | None


def participation(view: View, asked: OfCase) -> Participation:
    """Days by the account that holds; scheduled days without any account are `unknown`. source: domain/pathway.md 4.5 I6"""
    seen = seen_by(view, asked, *PERIOD_FACTS, *DAY_FACTS)
    periods = periods_from(seen.rows)
    told = (row for row in seen.rows if row.name in DAY_FACTS)
    days = [day for day in days_from(told, periods) if day.on <= view.on]
    started = [period for period in periods if period.started]
    running = next((p for p in started if p.runs_on(view.on)), None) or (started[-1] if started else None)
    most = view.rules.number("cumulative.review_months", view.on)
    served = time_in_service(periods_from(seen.of_all), view.on, most)
    total = _sum(started, days, started[0].starts_on, view.on, view.on) if started else None
    return Participation(
        client=asked.client,
        case_id=seen.case_id,
        cases=seen.cases,
        week=_sum(started, days, *week_of(view.on), view.on),
        period=_sum([running], days, running.starts_on, running.last_on, view.on) if running else None,
        total=total,
        months=served.months,
        days_over_months=served.days,
        review_months=most,
        review_months_full_on=served.full_on,
    )


def _sum(periods: list[SeenPeriod], days: list[SeenDay], first: date, last: date, on: date) -> DaysAndHours:
    within = [day for period in periods for day in of_schedule(period, days, first, last)]
    by_now = min(last, on)
    missing = sum(len(missing_days(period, days, first, by_now)) for period in periods)
    scheduled = sum(len(scheduled_days(period, days, first, by_now)) for period in periods)
    present = [day for day in within if day.status == "present"]
    return DaysAndHours(
        from_on=first, until_on=last, present_days=len(present), hours=sum(day.hours for day in present),
        scheduled=scheduled, by_status=counted(within, missing),
    )  # fmt: skip
