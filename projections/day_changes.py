"""What is said of days now and was said otherwise at a time: what a payer has to settle again (domain/questions.md KE6)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from domain.context import HELSINKI
from domain.dates import Moment
from projections.days import DAY_FACTS, SeenDay, days_from
from projections.questions import Answer, Coded, OfClient, View, coded, moment
from projections.read_models import Row, Selection


class Since(OfClient):
    """A client and the time of the last payment: a moment, or a date for the end of that day in Europe/Helsinki."""

    since: Moment = Field(description="A moment, or a date for the end of that day in Europe/Helsinki; from 1900 to 2199.")


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
    """Days that are told differently now than then, and days up to that time that were told only afterwards; a later day
    that was told afterwards is news, not a change."""
    since = moment(asked.since)
    paid_until = since.astimezone(HELSINKI).date()
    now = _statuses(view.rows(*DAY_FACTS, client=asked.client), view.on)
    then = _statuses(view.look.rows(Selection(DAY_FACTS, client=asked.client, known_at=since)), view.on)
    found = []
    for key in sorted({**then, **now}, key=lambda key: (key[1], key[0])):
        before, after = then.get(key), now.get(key)
        if (before and after and before.status == after.status) or (before is None and key[1] > paid_until):
            continue
        found.append(
            DayChange(
                day_on=key[1],
                change="late" if before is None else "corrected" if after else "withdrawn",
                before=coded("day_status", before.status) if before else None,
                after=coded("day_status", after.status) if after else None,
                told_at=_told_at(view, since, before, after),
            )
        )
    return Changes(client=asked.client, since=since, days=found)


def _told_at(view: View, since: datetime, before: SeenDay | None, after: SeenDay | None) -> datetime:
    """When the change was told: by the new word, or by the taking back of the old one, which may bring another account
    forward."""
    told = [after.row.known_from] if after and after.row.known_from > since else []
    if before is not None and not told:
        ended = [row.known_until for row in view.look.replaced([before.row.publication]) if row.known_until]
        told = ended or [before.row.known_from]
    return max(told)


def _statuses(rows: list[Row], on: date) -> dict[tuple[str, date], SeenDay]:
    return {(day.period_id, day.on): day for day in days_from(rows) if day.on <= on or day.row.occurred_on <= on}
