"""The period: planned within the limits of the law, started with decision, placement and own worker, ended."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from domain import events as e
from domain.chapters.attendance.parts import OFFICIAL
from domain.chapters.guards import (
    case_of,
    case_on,
    day_of,
    ends_what_was_left_open,
    in_case,
    in_state,
    known,
    not_ahead,
    recorded,
    rule,
    said,
)
from domain.chapters.notices.decisions import notice_due
from domain.chapters.periods.events import ByDecision, EndReason, Interruption, PeriodTerms
from domain.chapters.plans.decisions import JOINT_KINDS
from domain.chapters.plans.events import PlanTerms
from domain.chapters.plans.parts import VersionLaid
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.dates import A_DAY
from domain.months import months_on, time_before
from domain.pathway import Fact, Pathway, Period
from domain.refusals import Refusals
from domain.vocabulary import Ref


class PlanPeriod(PeriodTerms, ClientCommand):
    """Plan a period under the agreed plan. `plan_id`: none is the agreed plan of the case that covers it."""

    NAME = "plan_period"


class StartPeriod(ByDecision, ClientCommand):
    """Begin a planned period. None given: the day of the command, the decision and the placement that cover the period."""

    NAME = "start_period"
    starts_on: date | None = None
    placement_id: Ref | None = None


class CompletePeriod(ClientCommand):
    """End a period as planned. `ended_on` is its last day; none is the planned end."""

    NAME = "complete_period"
    period_id: Ref
    ended_on: date | None = None


class InterruptPeriod(Interruption, ClientCommand):
    """End a period before its time, with the reason. `ended_on` is its last day, which may lie ahead; none is the day of the
    command. `decision_id`: none is the newest decision that ended the service."""

    NAME = "interrupt_period"
    end_reason: EndReason | Literal["health"] | None = None


def plan_period(pathway: Pathway, command: PlanPeriod, context: Context) -> list[Draft]:
    """A period of 3 to 24 months; the next one may be planned while this one runs. source: domain/pathway.md 4.4 row 24"""
    no, on = Refusals(), day_of(command, context)
    case_id = case_on(pathway, on).opened.event.case_id
    first, last, schedule = command.starts_on, command.planned_end_on, command.schedule
    versions = _agreed(pathway, case_id, command.plan_id, on)
    version = next((each for each in versions if _covers(each.event, first, last, schedule)), None)
    _judge_planned(no, pathway, case_id, command, on, context)
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
    """What a planned period has to fulfil on its day, with the plan that it names."""
    first, last = event.starts_on, event.planned_end_on
    if not in_case(no, pathway, event.case_id, on):
        return
    _judge_planned(no, pathway, event.case_id, event, on, context)
    versions = _agreed(pathway, event.case_id, event.plan_id, on)
    named = [each.event for each in versions if each.event.plan_version == event.plan_version]
    no.when(not any(_covers(version, first, last, event.schedule) for version in named), "E_NO_PLAN", "/plan_id")
    no.when(_overlaps(pathway, first, last, besides=event.period_id), "E_OVERLAP", "/starts_on")
    not_ahead(no, on, context)


def _judge_planned(
    no: Refusals, pathway: Pathway, case_id: str, terms: PeriodTerms, on: date, context: Context
) -> None:
    in_state(no, pathway, case_id, on, "placing", "active", "between_periods")
    judge_limits(no, terms.starts_on, terms.planned_end_on, terms.schedule, context)


def judge_limits(
    no: Refusals,
    first: date,
    last: date,
    schedule: e.WeekSchedule,
    context: Context,
    *,
    least: bool = True,
    pointer: str = "/planned_end_on",
) -> None:
    """Length of the period, hours a day, days and hours a week, on its first day and on its last. The least length is judged
    when the period is planned, a late start does not undo it.

    source: 189/2001 s. 13, domain/law.md 2.6
    """
    ends = (first, last)
    shortest = max(rule(context, "period.min_months", day) or 0 for day in ends)
    longest = min(rule(context, "period.max_months", day) or 0 for day in ends)
    too_short = least and last + A_DAY < months_on(first, shortest)
    no.when(too_short or last + A_DAY > months_on(first, longest), "E_PERIOD_LENGTH", pointer)
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
    case_of(pathway, planned.case_id, max(on, first))
    no.when(period.started is not None, "E_STATE", "/period_id")
    decisions = [command.decision_id] if command.decision_id else list(pathway.decisions)
    decision = next((key for key in decisions if _grants(pathway, planned.case_id, key, first, last, on)), None)
    placements = [command.placement_id] if command.placement_id else list(pathway.placements)
    placement = next((key for key in placements if _takes(pathway, planned.case_id, key, first, on)), None)
    _judge_beginning(no, pathway, period, first, last, on)
    no.when(placement is None, "E_NO_PLACEMENT", "/placement_id")
    no.when(decision is None, "E_NO_DECISION", "/decision_id")
    _judge_real_start(no, pathway, period, first, last, context)
    not_ahead(no, on, context)
    decision, placement = no.found(decision), no.found(placement)
    event = e.PeriodStarted(
        case_id=planned.case_id,
        period_id=command.period_id,
        decision_id=decision,
        placement_id=placement,
        starts_on=first,
        planned_end_on=last,
    )
    started = recorded(pathway, event, on, context, warnings=no.warnings)
    return [started, *notice_due(pathway, "start", started, planned.case_id, on, context)]


def judge_start(no: Refusals, pathway: Pathway, event: e.PeriodStarted, on: date, context: Context) -> None:
    """What a start has to fulfil, with the decision and the placement that it names."""
    period, first, last = pathway.periods.get(event.period_id), event.starts_on, event.planned_end_on
    if not in_case(no, pathway, event.case_id, on, first) or no.when(period is None, "E_ORDER", "/period_id"):
        return
    _judge_beginning(no, pathway, pathway.periods[event.period_id], first, last, on)
    no.when(not _takes(pathway, event.case_id, event.placement_id, first, on), "E_NO_PLACEMENT", "/placement_id")
    granted = _grants(pathway, event.case_id, event.decision_id, first, last, on)
    no.when(not granted, "E_NO_DECISION", "/decision_id")
    _judge_real_start(no, pathway, pathway.periods[event.period_id], first, last, context)
    not_ahead(no, on, context)


def _judge_beginning(no: Refusals, pathway: Pathway, period: Period, first: date, last: date, on: date) -> None:
    """No other period is open on the first day, the period is not over and was planned by the day on which its start is
    said, and somebody is in charge of the client."""
    no.when(on < period.planned.occurred_on, "E_ORDER", "/occurred_on")
    open_ = [other for other in _others(pathway, period) if _is_running(other, first)]
    no.when(bool(open_), "E_OPEN_PERIOD", "/period_id")
    no.when(last < first, "E_AFTER_END", "/starts_on")
    no.when(pathway.own_worker(period.planned.event.case_id, first) is None, "E_NO_OWN_WORKER")


def _judge_real_start(no: Refusals, pathway: Pathway, period: Period, first: date, last: date, context: Context) -> None:
    """The real start is judged by the guards of the planned one again, the least length apart; the plan is the newest
    version agreed by the start. It moves the first day alone: the planned end is that of the planned period, whose least
    length would else be got round by a correction. source: domain/pathway.md 4.4 rows 25, 45"""
    planned = period.planned.event
    no.when(last != planned.planned_end_on, "E_CONFLICT", "/planned_end_on")
    if last >= first:
        versions = _agreed(pathway, planned.case_id, None, first)
        covered = any(_covers(version.event, first, last, planned.schedule) for version in versions)
        no.when(not covered, "E_NO_PLAN", "/starts_on")
        judge_limits(no, first, last, planned.schedule, context, least=False, pointer="/starts_on")
        met = [o for o in _others(pathway, period) if _meets(o, first, last) and not _is_running(o, first)]
        no.when(bool(met), "E_OVERLAP", "/starts_on")
    ground = _no_duty_ground(pathway, planned.case_id)
    no.when(ground is not None and not planned.no_duty_overridden, "W_NO_DUTY")
    no.when(_review_due(pathway, first, context), "E_REVIEW_REQUIRED")
    not_ahead(no, first, context, "/starts_on")


def complete_period(pathway: Pathway, command: CompletePeriod, context: Context) -> list[Draft]:
    """The end as planned. source: domain/pathway.md 4.4 row 36"""
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    ended_on = command.ended_on or min(on, period.last_on)
    event = e.PeriodCompleted(case_id=period.planned.event.case_id, period_id=command.period_id, ended_on=ended_on)
    if period.ended and period.ended.event == event:
        return []
    judge_end(no, pathway, event, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_end(no: Refusals, pathway: Pathway, event: e.PeriodCompleted, on: date, context: Context) -> None:
    """A period ends as planned on its planned end or after it, and that is said of it no earlier; as long as decision and
    placement go on."""
    if _judge_ending(no, pathway, event, on):
        planned_end = _planned_end(pathway.periods[event.period_id])
        no.when(event.ended_on < planned_end, "E_EARLY_END", "/ended_on")
        no.when(on < planned_end, "E_EARLY_END", "/occurred_on")
        not_ahead(no, event.ended_on, context, "/ended_on")
        if event.ended_on <= context.today:
            _judge_last_day(no, pathway, event)
    not_ahead(no, on, context)


def interrupt_period(pathway: Pathway, command: InterruptPeriod, context: Context) -> list[Draft]:
    """The end before its time, of which the employment authority has to be told; it may be announced before the last day.

    source: domain/pathway.md 4.4 row 37
    """
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    case_id = period.planned.event.case_id
    if command.decision_id is not None:
        known(_decisions_of(pathway, case_id), command.decision_id, "/decision_id")
    no.when(command.end_reason is None, "E_REASON_REQUIRED", "/end_reason")
    health = command.end_reason == "health"
    event = e.PeriodInterrupted(
        case_id=case_id,
        **said(command, "end_reason", "ended_on", "decision_id"),
        ended_on=command.ended_on or min(on, period.last_on),
        end_reason="other" if health or command.end_reason is None else command.end_reason,
        health_end=health,
        decision_id=command.decision_id or next(iter(_ending(pathway, case_id, on)), None),
    )
    if period.ended and period.ended.event == event:
        return []
    judge_interruption(no, pathway, event, on, context)
    no.stop()
    interrupted = recorded(pathway, event, on, context, warnings=no.warnings)
    return [interrupted, *notice_due(pathway, "end", interrupted, case_id, on, context)]


def judge_interruption(no: Refusals, pathway: Pathway, event: e.PeriodInterrupted, on: date, context: Context) -> None:
    """What an end before its time has to fulfil. One for absences or by the organiser follows a decision that ends the
    service, else it warns (`W_NO_DECISION`)."""
    no.when(event.health_end and event.end_reason != "other", "E_CODE", "/end_reason")
    if _judge_ending(no, pathway, event, on):
        _judge_last_day(no, pathway, event)
        decided = event.decision_id in _ending(pathway, event.case_id, on)
        no.when(event.end_reason in ("absences", "organiser") and not decided, "W_NO_DECISION")
    not_ahead(no, on, context)


End: TypeAlias = e.PeriodCompleted | e.PeriodInterrupted


def _judge_ending(no: Refusals, pathway: Pathway, event: End, on: date) -> bool:
    """The period had begun by the day and has no end yet. Of a case that was let close over it, an end is taken also later
    (domain/pathway.md 4.4 row 40)."""
    case = pathway.cases.get(event.case_id)
    late = ends_what_was_left_open(pathway, event) and case is not None and case.opened.occurred_on <= on
    if not late and not in_case(no, pathway, event.case_id, on):
        return False
    period = pathway.periods.get(event.period_id)
    begun = period is not None and period.started is not None and period.started.event.starts_on <= on
    return not no.when(not begun or (period is not None and period.ended is not None), "E_STATE", "/period_id")


def _judge_last_day(no: Refusals, pathway: Pathway, event: End) -> None:
    """The last day lies in the period or, where it goes on after its planned end, among those that decision and placement
    cover; nobody was present after it, and no other period had begun by it."""
    period, last = pathway.periods[event.period_id], event.ended_on
    started = period.started.event if period.started else period.planned.event
    no.when(last < started.starts_on, "E_OUTSIDE_PERIOD", "/ended_on")
    beyond = last > _planned_end(period) and not _is_covered(pathway, event.case_id, _planned_end(period) + A_DAY, last)
    no.when(beyond, "E_AFTER_END", "/ended_on")
    met = any(other.started and _meets(other, started.starts_on, last) for other in _others(pathway, period))
    no.when(met and not beyond, "E_OVERLAP", "/ended_on")
    no.when(_present_after(pathway, event.period_id, last), "E_CONFLICT", "/ended_on")


def _planned_end(period: Period) -> date:
    return (period.started or period.planned).event.planned_end_on


def _is_covered(pathway: Pathway, case_id: str, first: date, last: date) -> bool:
    """Whether on each of the days a decision grants the service and a confirmed placement of the case goes on."""
    granted = [span for key in pathway.decisions if (span := _granted(pathway, case_id, key))]
    asked = [p.proposed.event for p in pathway.placements.values() if p.confirmed]
    placed = [(place.from_on, place.until_on) for place in asked if place.case_id == case_id]
    return all(last <= _unbroken(spans, first) for spans in (granted, placed))


def _unbroken(spans: list[tuple[date, date]], first: date) -> date:
    """The last day that spans cover without a gap from a day on; the day before it where they do not cover it."""
    covered = first - A_DAY
    for begins, ends in sorted(spans):
        if begins <= covered + A_DAY <= ends:
            covered = min(ends, date.max - A_DAY)
    return covered


def _present_after(pathway: Pathway, period_id: str, last: date) -> bool:
    """Whether an official account calls the client present in the period after a day."""
    return any(
        key == period_id and account in OFFICIAL and fact.event.day_status == "present"
        for on in pathway.days
        if on > last
        for (key, account), fact in pathway.days[on].items()
    )


def _decisions_of(pathway: Pathway, case_id: str) -> dict[str, Fact[e.DecisionIssued]]:
    return {key: decision for key, decision in pathway.decisions.items() if decision.event.case_id == case_id}


def _ending(pathway: Pathway, case_id: str, on: date) -> list[str]:
    """The decisions of the case that ended the service, made by the day, the newest first."""
    ended = [
        key
        for key, decision in _decisions_of(pathway, case_id).items()
        if decision.event.outcome == "ended" and decision.occurred_on <= on
    ]
    return ended[::-1]


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


def _overlaps(pathway: Pathway, first: date, last: date, besides: str = "") -> bool:
    return any(
        _meets(period, first, last)
        for key, period in pathway.periods.items()
        if key != besides and not pathway.has_lapsed(period)
    )


def _others(pathway: Pathway, period: Period) -> list[Period]:
    """The client's other periods, without those that lapsed before they began."""
    mine = period.planned.event.period_id
    return [p for key, p in pathway.periods.items() if key != mine and not pathway.has_lapsed(p)]


def _is_running(period: Period, on: date) -> bool:
    """Whether it has been taken up by the day and goes on then; one without an end goes on also after its planned one."""
    return period.started is not None and period.started.event.starts_on <= on and period.outlasts(on - A_DAY)


def _meets(period: Period, first: date, last: date) -> bool:
    begins = (period.started or period.planned).event.starts_on
    return begins <= last and first <= period.last_on


def _no_duty_ground(pathway: Pathway, case_id: str) -> str | None:
    completed = [a.completed.event for a in pathway.assessments_of(case_id) if a.completed]
    return completed[-1].no_duty_ground if completed else None


def _grants(pathway: Pathway, case_id: str, decision_id: str, first: date, last: date, on: date) -> bool:
    """Whether the decision was made by the day, grants the whole time and no later one ended the service before its end."""
    span = _granted(pathway, case_id, decision_id)
    return span is not None and span[0] <= first and last <= span[1] and pathway.decisions[decision_id].occurred_on <= on


def _granted(pathway: Pathway, case_id: str, decision_id: str) -> tuple[date, date] | None:
    """The days that a decision of the case grants, up to where a later one ended the service."""
    decision = pathway.decisions.get(decision_id)
    if decision is None or decision.event.case_id != case_id or decision.event.granted_from_on is None:
        return None
    ended = [
        other.event.ends_on
        for other in pathway.decisions.values()
        if other.event.case_id == case_id and other.event.ends_on and other.version > decision.version
    ]
    return decision.event.granted_from_on, min([*ended, decision.event.granted_until_on or date.min])


def _takes(pathway: Pathway, case_id: str, placement_id: str, first: date, on: date) -> bool:
    """Whether the placement was confirmed by the day, had an instructor then, and covers the first day."""
    placement = pathway.placements.get(placement_id)
    return bool(
        placement
        and placement.proposed.event.case_id == case_id
        and placement.confirmed
        and placement.confirmed.occurred_on <= on
        and any(named.occurred_on <= on for named in placement.instructors)
        and placement.covers(first)
    )


def _review_due(pathway: Pathway, first: date, context: Context) -> bool:
    """Whether the periods before the day add up to the months after which the plan has to be reviewed.

    source: domain/law.md 2.4 (24 months)
    """
    started = [(period.started.event.starts_on, period.last_on) for period in pathway.periods.values() if period.started]
    most = rule(context, "cumulative.review_months", first)
    return most is not None and time_before(started, first)[0] >= most


COMMANDS = (
    CommandKind(PlanPeriod, plan_period, "client", path="planned-periods", roles=frozenset({"own_worker"})),
    CommandKind(StartPeriod, start_period, "client", path="periods", roles=frozenset({"own_worker"})),
    CommandKind(CompletePeriod, complete_period, "client", path="completed-periods", roles=frozenset({"own_worker"})),
    CommandKind(
        InterruptPeriod,
        interrupt_period,
        "client",
        path="interrupted-periods",
        roles=frozenset({"own_worker", "social_worker"}),
    ),
)
