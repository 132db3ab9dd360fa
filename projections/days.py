"""Participation days as a recipient has been told of them: many accounts of one day, one that counts.

Accounts never overwrite each other. For counting, the county's stands first, then the provider's, the payer's and the
client's; that they differ is said. source: domain/law.md 2.8, domain/pathway.md 4.5 I6
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from domain.code_lists import code_list
from projections.periods import A_DAY, SeenPeriod
from projections.questions import Answer, Coded, View, coded
from projections.read_models import Row

ACCOUNTS = ("county", "provider", "payer", "client")
OFFICIAL = frozenset({"county", "provider"})
"""The accounts that deadlines and counts of absences go by. source: domain/pathway.md 4.9"""
DAY_FACTS = ("attendance.recorded", "service_day.not_arranged")


@dataclass(frozen=True, slots=True)
class SeenDay:
    """One day of one period. `status` is the one that counts, by the first of the `accounts`, `row` what it was read from.
    `swap_of_on` is the scheduled day in whose place it came."""

    client: str
    period_id: str
    on: date
    status: str
    row: Row
    hours: float = 0.0
    accounts: dict[str, str] = field(default_factory=dict)
    swap_of_on: date | None = None

    @property
    def official(self) -> bool:
        """Whether provider or county says what counts."""
        return not OFFICIAL.isdisjoint(self.accounts)

    @property
    def accounts_differ(self) -> bool:
        """Whether two accounts of the day say different things."""
        return len(set(self.accounts.values())) > 1

    @property
    def absent(self) -> bool:
        """Whether the status is an absence."""
        return self.status in code_list("day_status").marked("absence")


def days_from(rows: Iterable[Row], periods: Iterable[SeenPeriod] = ()) -> list[SeenDay]:
    """The days that these facts speak of, in order. Days not arranged are the scheduled ones of their range, or those that
    the form names; they stand as the provider's account where it has given none of the day itself."""
    by_id = {period.period_id: period for period in periods}
    accounts: dict[tuple[str, str, date], dict[str, Row]] = {}
    closed: dict[tuple[str, str, date], Row] = {}
    for row in rows:
        if row.name == "attendance.recorded":
            accounts.setdefault((row.client, row.part or "", row.occurred_on), {})[row.body["account"]] = row
        else:
            for day in _not_arranged(row, by_id.get(row.part or "")):
                closed[row.client, row.part or "", day] = row
    for key, row in closed.items():
        accounts.setdefault(key, {}).setdefault("provider", row)
    found = [_seen_day(key, told) for key, told in accounts.items()]
    return sorted(found, key=lambda day: (day.on, day.client, day.period_id))


def _seen_day(key: tuple[str, str, date], told: dict[str, Row]) -> SeenDay:
    statuses = {account: told[account].body.get("day_status", "not_arranged") for account in ACCOUNTS if account in told}
    first = next(iter(statuses))
    row = told[first]
    swap_of_on = row.day("swap_of_on") if row.name == "attendance.recorded" else None
    return SeenDay(*key, statuses[first], row, float(row.body.get("hours") or 0), statuses, swap_of_on)


def _not_arranged(row: Row, period: SeenPeriod | None) -> list[date]:
    if "days_on" in row.body:
        return [date.fromisoformat(text) for text in row.body["days_on"]]
    first, last = row.day("from_on") or row.occurred_on, row.day("until_on") or row.occurred_on
    if period is not None and period.schedule:
        return list(period.scheduled_days(first, last))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


class StatusCount(Answer):
    """How many days have one status (list `day_status`)."""

    day_status: Coded
    days: int


def counted(days: Iterable[SeenDay], unknown: int = 0) -> list[StatusCount]:
    """Days by status, in the order of the list; `unknown` adds scheduled days of which nobody has said anything."""
    counts = Counter(day.status for day in days)
    if unknown:
        counts["unknown"] += unknown
    found = []
    for code in code_list("day_status").codes:
        label = coded("day_status", code)
        if counts[code] and label:
            found.append(StatusCount(day_status=label, days=counts[code]))
    return found


def scheduled_dates(period: SeenPeriod, days: Iterable[SeenDay], first: date, last: date) -> list[date]:
    """The scheduled dates of the time, a swapped one where it moved. source: domain/pathway.md 4.5 I6"""
    swaps = {day.swap_of_on: day.on for day in days if day.swap_of_on and day.period_id == period.period_id}
    moved = [day for day in swaps.values() if first <= day <= last]
    return sorted({*(day for day in period.scheduled_days(first, last) if day not in swaps), *moved})


def missing_days(period: SeenPeriod, days: Iterable[SeenDay], first: date, last: date) -> list[date]:
    """Scheduled days of the time of which nothing has been said."""
    known = list(days)
    told = {day.on for day in known if day.period_id == period.period_id}
    return [day for day in scheduled_dates(period, known, first, last) if day not in told]


def week_of(on: date) -> tuple[date, date]:
    """Monday and Sunday of the ISO week of a day."""
    monday = on - timedelta(days=on.isoweekday() - 1)
    return monday, monday + 6 * A_DAY


class UnreportedAbsence(Answer):
    """An absence that the payer has not been told of yet. `due_on` is the last day for it.

    source: domain/pathway.md 4.4 row 29 (14 days, counted from the day of the absence)
    """

    client: str
    period_id: str
    absent_on: date
    day_status: Coded
    payer_org_id: str
    due_on: date
    overdue: bool


def unreported(
    view: View, days: Iterable[SeenDay], reports: Iterable[Row], payer_rows: Iterable[Row]
) -> list[UnreportedAbsence]:
    """Absences in an official account, up to the day asked about, that no report names and for which somebody pays a
    benefit."""
    told = {
        (report.client, date.fromisoformat(absence["day_on"]))
        for report in reports
        if report.occurred_on <= view.on
        for absence in report.body.get("absences", ())
    }
    payers = list(payer_rows)
    found = []
    for day in days:
        if not (day.absent and day.official) or day.on > view.on or (day.client, day.on) in told:
            continue
        payer = payer_on(payers, day.client, day.on)
        status = coded("day_status", day.status)
        if payer and status:
            due_on = day.on + timedelta(days=view.rules.number("absence_report.max_interval_days", day.on))
            found.append(
                UnreportedAbsence(
                    client=day.client, period_id=day.period_id, absent_on=day.on, day_status=status, payer_org_id=payer,
                    due_on=due_on, overdue=view.on > due_on,
                )
            )  # fmt: skip
    return found


def payer_on(rows: Iterable[Row], client: str, on: date) -> str | None:
    """Who pays the client's benefit on the day."""
    held = benefit_on((row for row in rows if row.client == client), on)
    return held.body.get("payer_org_id") if held else None


def benefit_on(rows: Iterable[Row], on: date) -> Row | None:
    """Of one client's statements the one that holds on the day: the latest start wins. Of equal starts the one that was
    stated for the later day, then the one with an end, then the employment authority's.

    source: domain/pathway.md 4.4 row 42
    """
    held = [row for row in rows if row.from_on <= on and (row.until_on is None or on <= row.until_on)]

    def order(row: Row) -> tuple[date, date, bool, bool, int]:
        by_authority = row.body.get("actor_task") == "employment_authority"
        return row.from_on, row.occurred_on, row.until_on is not None, by_authority, row.sequence

    return max(held, key=order, default=None)
