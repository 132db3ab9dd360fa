"""Participation days as a recipient has been told of them: many accounts of one day, one that counts.

Accounts never overwrite each other. For counting, the county's holds before the provider's, the payer's and the client's;
that they differ is said. A scheduled day that was swapped counts where it moved.
source: domain/law.md 2.8, domain/pathway.md 4.5 I6
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from domain.chapters.attendance.parts import HOLDS_FIRST, OFFICIAL, SWAPPED_BY
from domain.chapters.benefits.parts import Status, holding
from domain.code_lists import code_list
from domain.dates import A_DAY
from projections.periods import SeenPeriod
from projections.questions import Answer, Coded, View, coded
from projections.read_models import Row

DAY_FACTS = ("attendance.recorded", "service_day.not_arranged")
_ABSENCES = frozenset(code_list("day_status").marked("absence"))


@dataclass(frozen=True, slots=True)
class SeenDay:
    """One day of one period. `status` is the one that counts, by the first of the `accounts`, `row` what it was read from;
    `replaces` is the scheduled day whose place it took."""

    client: str
    period_id: str
    on: date
    status: str
    row: Row
    hours: float = 0.0
    accounts: dict[str, str] = field(default_factory=dict)
    replaces: date | None = None

    @property
    def official(self) -> bool:
        """Whether provider or county says what counts."""
        return not self.accounts.keys().isdisjoint(OFFICIAL)

    @property
    def accounts_differ(self) -> bool:
        """Whether two accounts of the day say different things."""
        return len(set(self.accounts.values())) > 1

    @property
    def absent(self) -> bool:
        """Whether the status is an absence."""
        return self.status in _ABSENCES


def days_from(rows: Iterable[Row], periods: Iterable[SeenPeriod] = ()) -> list[SeenDay]:
    """The days that these facts speak of, in order; of a period known here, no later ones than its last. Days not arranged
    are the scheduled ones of their range, or those that the form names; they stand as the provider's account.

    No absence stands on a day not arranged, whichever of the two was told first: an official account of one gives way.
    source: domain/pathway.md 4.4 row 27, domain/law.md 2.7 (not an absence)
    """
    by_id = {period.period_id: period for period in periods}
    accounts: dict[tuple[str, str, date], dict[str, Row]] = {}
    closed = []
    for row in rows:
        if row.name == "attendance.recorded":
            accounts.setdefault((row.client, row.part or "", row.occurred_on), {})[row.body["account"]] = row
        else:
            closed.append(row)
    told: dict[str, list[SeenDay]] = {}
    for key, each in accounts.items() if closed else ():
        told.setdefault(key[1], []).append(_seen_day(key, each))
    for row in closed:
        for day in _not_arranged(row, by_id.get(row.part or ""), told.get(row.part or "", ())):
            of_day = accounts.setdefault((row.client, row.part or "", day), {})
            for account in OFFICIAL:
                if account in of_day and of_day[account].body.get("day_status") in _ABSENCES:
                    del of_day[account]
            of_day.setdefault("provider", row)
    found = [_seen_day(key, each) for key, each in accounts.items() if not _is_past(by_id.get(key[1]), key[2])]
    return sorted(found, key=lambda day: (day.on, day.client, day.period_id))


def _is_past(period: SeenPeriod | None, on: date) -> bool:
    """Whether the period had ended before the day: what was told of it meanwhile is no day of the service."""
    return period is not None and period.ended_on is not None and on > period.ended_on


def _seen_day(key: tuple[str, str, date], told: Mapping[str, Row]) -> SeenDay:
    statuses = {account: told[account].body.get("day_status", "not_arranged") for account in HOLDS_FIRST if account in told}
    first = next(iter(statuses))
    swaps = (told[account].day("swap_of_on") for account in SWAPPED_BY if account in told)
    replaces = next((day for day in swaps if day is not None), None)
    return SeenDay(*key, statuses[first], told[first], float(told[first].body.get("hours") or 0), statuses, replaces)


def _not_arranged(row: Row, period: SeenPeriod | None, told: Iterable[SeenDay]) -> list[date]:
    if "days_on" in row.body:
        return [date.fromisoformat(text) for text in row.body["days_on"]]
    first, last = row.day("from_on") or row.occurred_on, row.day("until_on") or row.occurred_on
    if period is not None and period.schedule:
        return scheduled_days(period, told, first, last)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def scheduled_days(period: SeenPeriod, days: Iterable[SeenDay], first: date, last: date) -> list[date]:
    """The scheduled days of the period between two days, both included: a swapped one where it moved.

    source: domain/pathway.md 4.4 row 27, 4.5 I6
    """
    swapped = {day.replaces: day.on for day in days if day.replaces and day.period_id == period.period_id}
    moved = [day for day in swapped.values() if max(first, period.starts_on) <= day <= min(last, period.last_on)]
    return sorted({*(day for day in period.scheduled_days(first, last) if day not in swapped), *moved})


def of_schedule(period: SeenPeriod, days: Iterable[SeenDay], first: date, last: date) -> list[SeenDay]:
    """The told days of the period between two days that count: those of its schedule, and present ones beside it."""
    own = [day for day in days if day.period_id == period.period_id]
    scheduled = set(scheduled_days(period, own, first, last))
    return [day for day in own if first <= day.on <= last and (day.status == "present" or day.on in scheduled)]


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


def missing_days(period: SeenPeriod, days: Iterable[SeenDay], first: date, last: date) -> list[date]:
    """Scheduled days of the time of which nothing has been said."""
    own = [day for day in days if day.period_id == period.period_id]
    told = {day.on for day in own}
    return [day for day in scheduled_days(period, own, first, last) if day not in told]


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
    """Absences in an official account, up to the day asked about, for which somebody pays a benefit, and which no report to
    whoever pays it names: one that went to another payer told nobody who has to know."""
    told = {
        (report.client, date.fromisoformat(absence["day_on"]), report.body.get("payer_org_id"))
        for report in reports
        if report.occurred_on <= view.on
        for absence in report.body.get("absences", ())
    }
    of_client: dict[str, list[Row]] = {}
    for row in payer_rows:
        of_client.setdefault(row.client, []).append(row)
    found = []
    for day in days:
        if not (day.absent and day.official) or day.on > view.on:
            continue
        held = benefit_on(of_client.get(day.client, ()), day.on)
        payer = held.body.get("payer_org_id") if held else None
        status = coded("day_status", day.status)
        if payer and status and (day.client, day.on, payer) not in told:
            due_on = day.on + timedelta(days=view.rules.number("absence_report.max_interval_days", day.on))
            found.append(
                UnreportedAbsence(
                    client=day.client, period_id=day.period_id, absent_on=day.on, day_status=status, payer_org_id=payer,
                    due_on=due_on, overdue=view.on > due_on,
                )
            )  # fmt: skip
    return found


def benefit_on(rows: Iterable[Row], on: date) -> Row | None:
    """What holds of a client's benefit on the day, by whatever was said of it, also later: payers change for past days."""
    return holding([(_status(row), row) for row in rows if row.name == "benefit_status.changed"], on)


def _status(row: Row) -> Status:
    by_authority = row.body.get("actor_task") == "employment_authority"
    return Status(row.from_on, row.until_on, row.occurred_on, by_authority, row.sequence)
