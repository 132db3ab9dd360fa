"""What a provider's instructor and manager ask about their sites (domain/questions.md 6.3): who comes, what is not recorded,
what is still to be reported, what a client wants to reach there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pydantic import Field

from domain.dates import A_DAY
from domain.vocabulary import SiteId
from projections.cases import OfCase, by_the_day, of_case
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
from projections.obligations import last_follow_up
from projections.periods import PERIOD_ENDS, PERIOD_FACTS, SeenPeriod, periods_from
from projections.questions import Answer, Coded, Parameters, View, client_name, coded
from projections.read_models import Row

SWAPS_WITHIN = timedelta(days=31)
"""A day is taken as swapped where the one that came instead lies so near."""


class AtSite(Parameters):
    """One of our sites; none means all of them."""

    site_id: SiteId | None = Field(None, description="Your own name for the site. None means all of yours.")


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
    """PI6: the client's goal and support at our site, and when the next follow-up is: in the case asked for, else in that of
    the placement of the day, else of the last one. `cases` are those of all our placements of the client.

    `next_followup_on` was agreed with the client; `followup_due_by` follows from the interval of the rules.
    """

    client: str
    client_name: str | None
    case_id: str | None
    cases: list[str]
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
    case_id: str
    site_id: str
    from_on: date
    until_on: date
    periods: tuple[SeenPeriod, ...]
    """Those of the placement's own case."""

    def covers(self, day: date) -> bool:
        """Whether the day lies in the placement."""
        return self.from_on <= day <= self.until_on


def expected(view: View, asked: AtSite) -> ExpectedWeek:
    """Scheduled days of confirmed placements in the week of the day asked about."""
    monday, sunday = week_of(view.on)
    placed = _placements(view, monday, sunday)
    days = _by_period(_days(view, placed, monday, sunday))
    blocks = view.blocks(list({p.client for p in placed}))
    dates = [monday + number * A_DAY for number in range(7)]
    week = [_day(on, _in_charge(placed, on, asked.site_id), days, blocks) for on in dates]
    today = next(day.expected for day in week if day.on == view.on)
    return ExpectedWeek(today=today, week=week)


def _by_period(days: list[SeenDay]) -> dict[str, list[SeenDay]]:
    found: dict[str, list[SeenDay]] = {}
    for day in days:
        found.setdefault(day.period_id, []).append(day)
    return found


def _day(
    on: date, placed: list[Placed], days: dict[str, list[SeenDay]], blocks: dict[str, dict[str, Any]]
) -> ExpectedDay:
    found, fallen = [], 0
    for placement in placed:
        for period in placement.periods:
            own = days.get(period.period_id, [])
            if not scheduled_days(period, own, on, on):
                continue
            seen = next((day for day in own if day.on == on), None)
            if seen and seen.status == "not_arranged":
                fallen += 1
                continue
            # A day that came in the place of another one has that one's time.
            weekday = (seen.replaces if seen and seen.replaces else on).isoweekday()
            entry, block = period.schedule.get(weekday, {}), blocks.get(placement.client, {})
            found.append(
                ExpectedClient(
                    client=placement.client,
                    client_name=client_name(block),
                    phone=block.get("phone"),
                    site_id=placement.site_id,
                    placement_id=placement.placement_id,
                    period_id=period.period_id,
                    start_time=entry.get("start_time"),
                    hours=float(entry.get("hours") or 0),
                    day_status=coded("day_status", seen.status) if seen else None,
                )
            )
    found.sort(key=lambda client: (client.start_time or "", client.client_name or "", client.client))
    return ExpectedDay(on=on, expected=found, not_arranged=fallen)


def missing_last_week(view: View, asked: AtSite) -> MissingAttendances:
    """Scheduled days of the last full ISO week without a record."""
    monday = week_of(view.on)[0] - timedelta(days=7)
    sunday = monday + 6 * A_DAY
    placed = _placements(view, monday, sunday)
    days = _by_period(_days(view, placed, monday, sunday))
    blocks = view.blocks(list({p.client for p in placed}))
    week = [monday + number * A_DAY for number in range(7)]
    in_charge = {day: {each.placement_id for each in _in_charge(placed, day, asked.site_id)} for day in week}
    found = []
    for placement in placed:
        for period in placement.periods:
            told = days.get(period.period_id, [])
            dates = missing_days(period, told, monday, sunday) if period.started else []
            missing = [day for day in dates if placement.placement_id in in_charge[day]]
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
    days = [day for day in days_from(rows, periods_from(view.rows(*PERIOD_ENDS))) if day.absent]
    reports, payers = view.rows("absence_report.sent"), view.rows("benefit_status.changed")
    found = sorted(unreported(view, days, reports, payers), key=lambda absence: (absence.due_on, absence.client))
    return AbsencesToReport(absences=found, overdue=sum(absence.overdue for absence in found))


def goal_at_site(view: View, asked: OfCase) -> GoalAtSite:
    """The site part of the plan version in force, and the follow-ups."""
    names = ("placement.proposed", "plan.agreed", "followup.held", *PERIOD_FACTS)
    rows = view.rows(*names, client=asked.client)
    placed = sorted((row for row in rows if row.name == "placement.proposed"), key=lambda row: (row.from_on, row.sequence))
    cases = list(dict.fromkeys(row.body["case_id"] for row in placed if row.body.get("case_id")))
    case = _case_at_site(placed, asked.case, view.on)
    known = by_the_day(of_case(rows, case) if cases or asked.case else rows, view.on)
    plan = max((row for row in known if row.name == "plan.agreed"), key=_happened, default=None)
    held = [row for row in known if row.name == "followup.held"]
    last = max(held, key=_happened, default=None)
    running = next((period for period in periods_from(known) if period.runs_on(view.on)), None)
    due_by = None
    if running:
        since, in_period = last_follow_up(held, running)
        due_by = since + timedelta(days=view.rules.number("followup.interval_days", since))
        last = in_period or last
    return GoalAtSite(
        client=asked.client,
        client_name=client_name(view.blocks([asked.client]).get(asked.client, {})),
        case_id=case,
        cases=cases,
        goal=plan.body.get("goal") if plan else None,
        support=plan.body.get("support") if plan else None,
        kuty_from_on=plan.day("kuty_from_on") if plan else None,
        kuty_until_on=plan.day("kuty_until_on") if plan else None,
        last_followup_on=last.occurred_on if last else None,
        next_followup_on=last.day("next_followup_on") if last else None,
        followup_due_by=due_by,
    )


def _happened(row: Row) -> tuple[date, int]:
    return row.occurred_on, row.sequence


def _case_at_site(placed: list[Row], case: str | None, on: date) -> str | None:
    """The case asked for, as far as we were told of it; else that of the placement which covers the day, the one before it,
    or the first one to come."""
    known = [row for row in placed if case is None or row.body.get("case_id") == case]
    begun = [row for row in known if row.from_on <= on]
    covering = [row for row in begun if row.until_on is None or on <= row.until_on]
    row = next((rows[-1] for rows in (covering, begun) if rows), known[0] if known else None)
    return row.body.get("case_id") if row else None


def _placements(view: View, first: date, last: date) -> list[Placed]:
    """The confirmed placements of the time."""
    proposed = view.rows("placement.proposed", from_on=first, until_on=last)
    clients = tuple({row.client for row in proposed})
    if not clients:
        return []
    confirmed = {row.part for row in view.rows("placement.confirmed", clients=clients)}
    periods: dict[str, list[SeenPeriod]] = {}
    for period in periods_from(view.rows(*PERIOD_FACTS, clients=clients)):
        periods.setdefault(period.client, []).append(period)
    return [_placed(row, periods.get(row.client, ())) for row in proposed if row.part in confirmed]


def _in_charge(placed: list[Placed], on: date, site_id: str | None) -> list[Placed]:
    """Of each client's case the placement of the day, where it is at the site; of two that share days the one told last."""
    last = {(each.client, each.case_id): each for each in placed if each.covers(on)}
    return [each for each in last.values() if site_id in (None, each.site_id)]


def _placed(row: Row, periods: Iterable[SeenPeriod]) -> Placed:
    own = tuple(p for p in periods if p.case_id in ("", row.body.get("case_id", p.case_id)))
    case_id = row.body.get("case_id", "")
    return Placed(row.part or "", row.client, case_id, row.lookup or "", row.from_on, row.until_on or date.max, own)


def _days(view: View, placed: list[Placed], first: date, last: date) -> list[SeenDay]:
    """The days of the time, and of the weeks around it: a swap is told with the day that came instead."""
    clients = tuple({placement.client for placement in placed})
    if not clients:
        return []
    periods = [period for placement in placed for period in placement.periods]
    around = {"from_on": first - SWAPS_WITHIN, "until_on": last + SWAPS_WITHIN}
    return days_from(view.rows(*DAY_FACTS, clients=clients, **around), periods)
