"""What a provider's instructor and manager ask about their sites (domain/questions.md 6.3): who comes, what is not recorded,
what is still to be reported, what a client wants to reach there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from projections.days import (
    DAY_FACTS,
    SeenDay,
    UnreportedAbsence,
    days_from,
    missing_days,
    scheduled_days,
    unreported,
    week_of,
)
from projections.periods import A_DAY, PERIOD_FACTS, SeenPeriod, periods_from
from projections.questions import Answer, Coded, OfClient, Parameters, View, client_name, coded
from projections.read_models import Row


class AtSite(Parameters):
    """One of our sites; none means all of them."""

    site_id: str | None = None


class ExpectedClient(Answer):
    """One client on one day. `start_time` is local (HH:MM), `hours` decimal; `day_status` is what has been recorded."""

    client: str
    client_name: str | None
    phone: str | None
    site_id: str
    placement_id: str
    period_id: str
    start_time: str | None
    hours: float
    day_status: Coded | None


class ExpectedDay(Answer):
    """One local date with those who are scheduled on it; `not_arranged` are those for whom the day falls away."""

    on: date
    expected: list[ExpectedClient]
    not_arranged: int


class ExpectedWeek(Answer):
    """PI1: who comes today, and on each day of the ISO week."""

    today: list[ExpectedClient]
    week: list[ExpectedDay]


class MissingAttendance(Answer):
    """One client's scheduled days of which nothing has been recorded."""

    client: str
    client_name: str | None
    placement_id: str
    period_id: str
    missing_on: list[date]


class MissingAttendances(Answer):
    """PI3: whose attendance is missing for the last full ISO week."""

    from_on: date
    until_on: date
    days: int
    clients: list[MissingAttendance]


class AbsencesToReport(Answer):
    """PI4: absences still to report, the most urgent first; `overdue` counts those past their 14 days."""

    absences: list[UnreportedAbsence]
    overdue: int


class GoalAtSite(Answer):
    """PI6: the client's goal and support at our site, and when the next follow-up is.

    `next_followup_on` was agreed with the client; `followup_due_by` follows from the interval of the rules.
    """

    client: str
    client_name: str | None
    goal: str | None
    support: str | None
    kuty_from_on: date | None
    kuty_until_on: date | None
    last_followup_on: date | None
    next_followup_on: date | None
    followup_due_by: date | None


@dataclass(frozen=True, slots=True)
class Placed:
    """One confirmed placement with the client's periods."""

    placement_id: str
    client: str
    site_id: str
    from_on: date
    until_on: date
    periods: tuple[SeenPeriod, ...]

    def covers(self, day: date) -> bool:
        """Whether the day lies in the placement."""
        return self.from_on <= day <= self.until_on


def expected(view: View, asked: AtSite) -> ExpectedWeek:
    """Scheduled days of confirmed placements in the week of the day asked about."""
    monday, sunday = week_of(view.on)
    placed = _placements(view, monday, sunday, asked.site_id)
    days = _days(view, placed)
    blocks = view.blocks(list({p.client for p in placed}))
    week = [_day(monday + number * A_DAY, placed, days, blocks) for number in range(7)]
    today = next(day.expected for day in week if day.on == view.on)
    return ExpectedWeek(today=today, week=week)


def _day(
    on: date, placed: list[Placed], days: list[SeenDay], blocks: dict[str, dict[str, Any]]
) -> ExpectedDay:
    found, fallen = [], 0
    for placement in placed:
        for period in placement.periods:
            own = [day for day in days if day.client == placement.client]
            if not placement.covers(on) or not scheduled_days(period, own, on, on):
                continue
            seen = next((day for day in own if (day.period_id, day.on) == (period.period_id, on)), None)
            if seen and seen.status == "not_arranged":
                fallen += 1
                continue
            weekday = (seen.replaces if seen and seen.replaces else on).isoweekday()
            entry, block = period.schedule[weekday], blocks.get(placement.client, {})
            found.append(
                ExpectedClient(
                    client=placement.client,
                    client_name=client_name(block),
                    phone=block.get("phone"),
                    site_id=placement.site_id,
                    placement_id=placement.placement_id,
                    period_id=period.period_id,
                    start_time=entry.get("start_time"),
                    hours=float(entry["hours"]),
                    day_status=coded("day_status", seen.status) if seen else None,
                )
            )
    found.sort(key=lambda client: (client.start_time or "", client.client_name or "", client.client))
    return ExpectedDay(on=on, expected=found, not_arranged=fallen)


def missing_last_week(view: View, asked: AtSite) -> MissingAttendances:
    """Scheduled days of the last full ISO week without a record."""
    monday = week_of(view.on)[0] - timedelta(days=7)
    sunday = monday + 6 * A_DAY
    placed = _placements(view, monday, sunday, asked.site_id)
    days = _days(view, placed)
    blocks = view.blocks(list({p.client for p in placed}))
    found = []
    for placement in placed:
        for period in placement.periods:
            told = [day for day in days if day.client == placement.client]
            missing = [d for d in missing_days(period, told, monday, sunday) if period.started and placement.covers(d)]
            if missing:
                found.append(
                    MissingAttendance(
                        client=placement.client,
                        client_name=client_name(blocks.get(placement.client, {})),
                        placement_id=placement.placement_id,
                        period_id=period.period_id,
                        missing_on=missing,
                    )
                )
    return MissingAttendances(
        from_on=monday, until_on=sunday, days=sum(len(client.missing_on) for client in found), clients=found
    )


def absences_to_report(view: View, asked: AtSite) -> AbsencesToReport:
    """Absences up to the day that no report of ours names, with payer and last day. source: domain/law.md 2.8"""
    rows = view.rows(*DAY_FACTS, until_on=view.on)
    placed = {row.part: row.lookup for row in view.rows("placement.proposed")}
    if asked.site_id is not None:
        rows = [row for row in rows if placed.get(row.lookup) == asked.site_id]
    days = [day for day in days_from(rows) if day.absent]
    reports, payers = view.rows("absence_report.sent"), view.rows("benefit_status.changed")
    found = sorted(unreported(view, days, reports, payers), key=lambda absence: (absence.due_on, absence.client))
    return AbsencesToReport(absences=found, overdue=sum(absence.overdue for absence in found))


def goal_at_site(view: View, asked: OfClient) -> GoalAtSite:
    """The site part of the plan version in force, and the follow-ups."""
    agreed = [row for row in view.rows("plan.agreed", client=asked.client) if row.occurred_on <= view.on]
    held = [row for row in view.rows("followup.held", client=asked.client) if row.occurred_on <= view.on]
    periods = periods_from([r for r in view.rows(*PERIOD_FACTS, client=asked.client) if r.occurred_on <= view.on])
    running = next((period for period in periods if period.runs_on(view.on)), None)
    plan = agreed[-1] if agreed else None
    last = held[-1] if held else None
    since = max(filter(None, (last.occurred_on if last else None, running.starts_on if running else None)), default=None)
    interval = timedelta(days=view.rules.number("followup.interval_days", view.on))
    return GoalAtSite(
        client=asked.client,
        client_name=client_name(view.blocks([asked.client]).get(asked.client, {})),
        goal=plan.body.get("goal") if plan else None,
        support=plan.body.get("support") if plan else None,
        kuty_from_on=plan.day("kuty_from_on") if plan else None,
        kuty_until_on=plan.day("kuty_until_on") if plan else None,
        last_followup_on=last.occurred_on if last else None,
        next_followup_on=last.day("next_followup_on") if last else None,
        followup_due_by=since + interval if since and running else None,
    )


def _placements(view: View, first: date, last: date, site_id: str | None) -> list[Placed]:
    proposed = view.rows("placement.proposed", from_on=first, until_on=last, lookup=site_id)
    clients = tuple({row.client for row in proposed})
    if not clients:
        return []
    confirmed = {row.part for row in view.rows("placement.confirmed", clients=clients)}
    periods = periods_from(view.rows(*PERIOD_FACTS, clients=clients))
    return [_placed(row, periods) for row in proposed if row.part in confirmed]


def _placed(row: Row, periods: Iterable[SeenPeriod]) -> Placed:
    own = tuple(period for period in periods if period.client == row.client)
    return Placed(row.part or "", row.client, row.lookup or "", row.from_on, row.until_on or date.max, own)


def _days(view: View, placed: list[Placed]) -> list[SeenDay]:
    """All days of these clients: a day of any week may have been swapped for one of this."""
    clients = tuple({placement.client for placement in placed})
    if not clients:
        return []
    periods = [period for placement in placed for period in placement.periods]
    return days_from(view.rows(*DAY_FACTS, clients=clients), periods)
