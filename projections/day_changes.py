"""What is said of days now and was said otherwise at a time: what a payer has to settle again (domain/questions.md KE6)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from domain.dates import Moment
from projections.days import DAY_FACTS, SeenDay, days_from
from projections.questions import Answer, Coded, OfClient, View, coded, moment
from projections.read_models import Row, Selection


class Since(OfClient):
    """A client and the time of the last payment: a moment, or a date for the end of that day in Europe/Helsinki."""

    since: Moment


class DayChange(Answer):
    """What is said of a day now and what had been said then; `before` is none for a day that came late."""

    day_on: date
    change: Literal["corrected", "withdrawn", "late"]
    before: Coded | None
    after: Coded | None
    told_at: datetime


class Changes(Answer):
    """KE6: what changed after the last payment, of days that had been there to pay."""

    client: str
    since: datetime
    days: list[DayChange]


def changes_since(view: View, asked: Since) -> Changes:
    """Days that are told differently now than then; a day after that time is news, not a change."""
    since = moment(asked.since)
    now = _statuses(view.rows(*DAY_FACTS, client=asked.client))
    then = _statuses(view.look.rows(Selection(DAY_FACTS, client=asked.client, known_at=since)))
    last = max(then, default=date.min)
    found = []
    for day, told in sorted({**then, **now}.items()):
        before, after = then.get(day), now.get(day)
        if (before and after and before.status == after.status) or (before is None and day > last):
            continue
        found.append(
            DayChange(
                day_on=day,
                change="late" if before is None else "corrected" if after else "withdrawn",
                before=coded("day_status", before.status) if before else None,
                after=coded("day_status", after.status) if after else None,
                told_at=told.row.known_from if after else _withdrawn_at(view, told.row),
            )
        )
    return Changes(client=asked.client, since=since, days=found)


def _withdrawn_at(view: View, row: Row) -> datetime:
    ended = [each.known_until for each in view.look.replaced([row.publication]) if each.known_until]
    return max(ended, default=row.known_from)


def _statuses(rows: list[Row]) -> dict[date, SeenDay]:
    return {day.on: day for day in days_from(rows)}
