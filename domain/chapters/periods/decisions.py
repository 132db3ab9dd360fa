"""The period: planned within the limits of the law, started with decision, placement and own worker, ended."""

from __future__ import annotations

from datetime import date, timedelta

from domain import events as e
from domain.chapters.guards import case_of, case_on, day_of, in_state, known, months_on, not_ahead, recorded, rule
from domain.chapters.notices.decisions import notice_due
from domain.chapters.periods.events import PeriodTerms
from domain.chapters.plans.decisions import JOINT_KINDS
from domain.chapters.plans.events import PlanTerms
from domain.chapters.plans.parts import VersionLaid
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import CaseState, Fact, Pathway, Period
from domain.refusals import Refusals
from domain.vocabulary import Ref

A_DAY = timedelta(days=1)
OPEN_TO_PERIODS: tuple[CaseState, ...] = ("placing", "active", "between_periods")
"""States of the case in which a period may be planned."""


class PlanPeriod(PeriodTerms, ClientCommand):
    """Plan a period under the agreed plan. `plan_id`: none is the agreed plan of the case that covers it."""

    NAME = "plan_period"


class StartPeriod(ClientCommand):
    """Begin a planned period. None given: the day of the command, the decision and the placement that cover the period."""

    NAME = "start_period"
    period_id: Ref
    starts_on: date | None = None
    decision_id: Ref | None = None
    placement_id: Ref | None = None


class CompletePeriod(ClientCommand):
    """End a period as planned. `ended_on` is its last day; none is the planned end."""

    NAME = "complete_period"
    period_id: Ref
    ended_on: date | None = None


def plan_period(pathway: Pathway, command: PlanPeriod, context: Context) -> list[Draft]:
    """A period of 3 to 24 months; the next one may be planned while this one runs. source: domain/pathway.md 4.4 row 24"""
    no, on = Refusals(), day_of(command, context)
    case = case_on(pathway, on)
    case_id = case.opened.event.case_id
    in_state(no, pathway, case, on, *OPEN_TO_PERIODS)
    first, last, schedule = command.starts_on, command.planned_end_on, command.schedule
    versions = _agreed(pathway, case_id, command.plan_id, on)
    version = next((each for each in versions if _covers(each.event, first, last, schedule)), None)
    judge_limits(no, first, last, schedule, context)
    no.when(version is None, "E_NO_PLAN", "/plan_id")
    no.when(_overlaps(pathway, first, last), "E_OVERLAP", "/starts_on")
    ground = _no_duty_ground(pathway, case_id)
    no.when(ground is not None and not command.no_duty_overridden, "W_NO_DUTY")
    not_ahead(no, on, context)
    version = no.found(version)
    event = e.PeriodPlanned(
        case_id=case_id,
        period_id=context.new_id("period"),
        plan_id=version.event.plan_id,
        plan_version=version.event.plan_version,
        starts_on=first,
        planned_end_on=last,
        schedule=schedule,
        no_duty_overridden=command.no_duty_overridden if ground else None,
    )
    return [recorded(pathway, event, on, context, warnings=no.warnings)]


def judge_period(no: Refusals, pathway: Pathway, event: e.PeriodPlanned, on: date, context: Context) -> None:
    """What a planned period has to fulfil, with the plan that it names."""
    in_state(no, pathway, case_of(pathway, event.case_id, on), on, *OPEN_TO_PERIODS)
    first, last = event.starts_on, event.planned_end_on
    judge_limits(no, first, last, event.schedule, context)
    version = pathway.agreed_version(event.plan_id, event.plan_version)
    covered = version is not None and _covers(version.drafted.event, first, last, event.schedule)
    no.when(not covered, "E_NO_PLAN", "/plan_id")
    no.when(_overlaps(pathway, first, last), "E_OVERLAP", "/starts_on")


def judge_limits(no: Refusals, first: date, last: date, schedule: e.WeekSchedule, context: Context) -> None:
    """Length of the period, hours a day, days and hours a week, on its first day and on its last.

    source: 189/2001 s. 13, domain/law.md 2.6
    """
    ends = (first, last)
    shortest = max(rule(context, "period.min_months", day) or 0 for day in ends)
    longest = min(rule(context, "period.max_months", day) or 0 for day in ends)
    long_enough = months_on(first, shortest) <= last + A_DAY <= months_on(first, longest)
    no.when(not long_enough, "E_PERIOD_LENGTH", "/planned_end_on")
    hours = [entry.hours for entry in schedule]
    for day in ends:
        least, most = rule(context, "day.min_hours", day), rule(context, "day.max_hours", day)
        wrong_hours = any((least or 0) > each or (most is not None and each > most) for each in hours)
        no.when(wrong_hours, "E_DAY_HOURS", "/schedule")
        fewest, top = rule(context, "week.min_days", day), rule(context, "week.max_days", day)
        no.when((fewest or 0) > len(hours) or (top is not None and len(hours) > top), "E_WEEK_DAYS", "/schedule")
        total = rule(context, "week.max_hours", day)
        no.when(total is not None and sum(hours) > total, "E_WEEK_HOURS", "/schedule")


def start_period(pathway: Pathway, command: StartPeriod, context: Context) -> list[Draft]:
    """The period begins and the employment authority has to be told. source: domain/pathway.md 4.4 row 25"""
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    planned = period.planned.event
    first, last = command.starts_on or on, planned.planned_end_on
    if period.started and period.started.event.starts_on == first:
        return []
    case_of(pathway, planned.case_id, on)
    no.when(period.started is not None, "E_STATE", "/period_id")
    decisions = [command.decision_id] if command.decision_id else list(pathway.decisions)
    decision = next((key for key in decisions if _grants(pathway, planned.case_id, key, first, last)), None)
    placements = [command.placement_id] if command.placement_id else list(pathway.placements)
    placement = next((key for key in placements if _takes(pathway, planned.case_id, key, first)), None)
    judge_surroundings(no, pathway, command.period_id, planned.case_id, first, last)
    no.when(placement is None, "E_NO_PLACEMENT", "/placement_id")
    no.when(decision is None, "E_NO_DECISION", "/decision_id")
    no.when(_review_due(pathway, first, context), "E_REVIEW_REQUIRED")
    not_ahead(no, on, context)
    not_ahead(no, first, context, "/starts_on")
    decision, placement = no.found(decision), no.found(placement)
    event = e.PeriodStarted(
        case_id=planned.case_id,
        period_id=command.period_id,
        decision_id=decision,
        placement_id=placement,
        starts_on=first,
        planned_end_on=last,
    )
    started = recorded(pathway, event, on, context)
    return [started, *notice_due(pathway, "start", started, planned.case_id, on, context)]


def judge_start(no: Refusals, pathway: Pathway, event: e.PeriodStarted, on: date, context: Context) -> None:
    """What a start has to fulfil, with the decision and the placement that it names."""
    case_of(pathway, event.case_id, on)
    judge_surroundings(no, pathway, event.period_id, event.case_id, event.starts_on, event.planned_end_on)
    no.when(not _takes(pathway, event.case_id, event.placement_id, event.starts_on), "E_NO_PLACEMENT", "/placement_id")
    granted = _grants(pathway, event.case_id, event.decision_id, event.starts_on, event.planned_end_on)
    no.when(not granted, "E_NO_DECISION", "/decision_id")
    no.when(_review_due(pathway, event.starts_on, context), "E_REVIEW_REQUIRED")
    not_ahead(no, event.starts_on, context, "/starts_on")


def judge_surroundings(no: Refusals, pathway: Pathway, period_id: str, case_id: str, first: date, last: date) -> None:
    """No other period runs in the time, and somebody is in charge of the client."""
    others = [p for key, p in pathway.periods.items() if key != period_id and p.started]
    running = any(_meets(p, first, last) or (p.completed is None and p.last_on < first) for p in others)
    no.when(running, "E_OPEN_PERIOD", "/period_id")
    no.when(last < first, "E_AFTER_END", "/starts_on")
    no.when(pathway.own_worker(case_id, first) is None, "E_NO_OWN_WORKER")


def complete_period(pathway: Pathway, command: CompletePeriod, context: Context) -> list[Draft]:
    """The end as planned. source: domain/pathway.md 4.4 row 36"""
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    planned = period.planned.event
    ended_on = command.ended_on or min(on, period.last_on)
    event = e.PeriodCompleted(case_id=planned.case_id, period_id=command.period_id, ended_on=ended_on)
    if period.completed and period.completed.event == event:
        return []
    case_of(pathway, planned.case_id, on)
    no.when(period.started is None or period.completed is not None, "E_STATE", "/period_id")
    judge_end(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_end(no: Refusals, pathway: Pathway, event: e.PeriodCompleted, on: date, context: Context) -> None:
    """A period ends as planned on its planned end or after it."""
    case_of(pathway, event.case_id, on)
    period = pathway.periods[event.period_id]
    no.when(event.ended_on < (period.started or period.planned).event.planned_end_on, "E_EARLY_END", "/ended_on")
    not_ahead(no, event.ended_on, context, "/ended_on")


def _agreed(pathway: Pathway, case_id: str, plan_id: str | None, on: date) -> list[Fact[VersionLaid]]:
    """Of each plan that opens the service the version in force on the day, the newest plan first."""
    found: list[Fact[VersionLaid]] = []
    for plan in pathway.plans.values():
        started = plan.started.event
        agreed = [version for version in plan.versions.values() if version.agreed and version.agreed.occurred_on <= on]
        asked = started.case_id == case_id and plan_id in (None, started.plan_id)
        if asked and agreed and started.plan_kind in JOINT_KINDS:
            found.insert(0, agreed[-1].drafted)
    return found


def _covers(version: PlanTerms, first: date, last: date, schedule: e.WeekSchedule) -> bool:
    """Whether the version has the service on these dates, weekdays and hours."""
    if not (version.includes_kuty and version.kuty_from_on and version.kuty_until_on and version.schedule):
        return False
    hours = {entry.weekday: entry.hours for entry in version.schedule}
    return (
        version.kuty_from_on <= first
        and last <= version.kuty_until_on
        and all(entry.hours <= hours.get(entry.weekday, 0) for entry in schedule)
    )


def _overlaps(pathway: Pathway, first: date, last: date) -> bool:
    return any(_meets(period, first, last) for period in pathway.periods.values())


def _meets(period: Period, first: date, last: date) -> bool:
    begins = (period.started or period.planned).event.starts_on
    return begins <= last and first <= period.last_on


def _no_duty_ground(pathway: Pathway, case_id: str) -> str | None:
    completed = [a.completed.event for a in pathway.assessments_of(case_id) if a.completed]
    return completed[-1].no_duty_ground if completed else None


def _grants(pathway: Pathway, case_id: str, decision_id: str, first: date, last: date) -> bool:
    """Whether the decision grants the whole time and no later one ended the service before its end."""
    decision = pathway.decisions.get(decision_id)
    if decision is None or decision.event.case_id != case_id or decision.event.granted_from_on is None:
        return False
    ended = [
        other.event.ends_on
        for other in pathway.decisions.values()
        if other.event.case_id == case_id and other.event.ends_on and other.version > decision.version
    ]
    until = min([*ended, decision.event.granted_until_on or date.min])
    return decision.event.granted_from_on <= first and last <= until


def _takes(pathway: Pathway, case_id: str, placement_id: str, first: date) -> bool:
    """Whether the placement is confirmed, has an instructor and covers the first day."""
    placement = pathway.placements.get(placement_id)
    return bool(
        placement
        and placement.proposed.event.case_id == case_id
        and placement.confirmed
        and placement.instructors
        and placement.covers(first)
    )


def _review_due(pathway: Pathway, first: date, context: Context) -> bool:
    """Whether the periods before the day add up to the months after which the plan has to be reviewed.

    source: domain/law.md 2.4 (24 months)
    """
    months = days = 0
    for period in pathway.periods.values():
        if period.started and period.started.event.starts_on < first:
            begins, after = period.started.event.starts_on, min(period.last_on + A_DAY, first)
            whole = (after.year - begins.year) * 12 + after.month - begins.month
            whole -= months_on(begins, whole) > after
            months, days = months + whole, days + (after - months_on(begins, whole)).days
    most = rule(context, "cumulative.review_months", first)
    return most is not None and months + days // 30 >= most


COMMANDS = (
    CommandKind(PlanPeriod, plan_period, "client", path="planned-periods", roles=frozenset({"own_worker"})),
    CommandKind(StartPeriod, start_period, "client", path="periods", roles=frozenset({"own_worker"})),
    CommandKind(CompletePeriod, complete_period, "client", path="completed-periods", roles=frozenset({"own_worker"})),
)
