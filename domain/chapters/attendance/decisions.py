"""The days: who says what of each participation day, the days without service, and what the payer is told of absences."""

from __future__ import annotations

from datetime import date, timedelta

from domain import events as e
from domain.chapters.attendance.events import AccountOfDay, DaysNotArranged, ReportedDays
from domain.chapters.attendance.parts import OFFICIAL
from domain.chapters.guards import (
    day_of,
    entitled,
    in_case,
    is_client,
    known,
    not_ahead,
    of_county,
    only_when,
    own_placements,
    placement_of_period,
    recorded,
    rule,
)
from domain.code_lists import code_list
from domain.commands import ClientCommand, Command, CommandKind
from domain.context import Context, Draft
from domain.events import Part
from domain.pathway import Pathway, Period
from domain.refusals import Refusals
from domain.vocabulary import Hours, RecordedDayStatus, Ref

ACCOUNTS_OF_TASK = {"provider": ("provider",), "benefit_payment": ("payer", "client"), "organiser": ("county",)}
"""Whose account of a day a sender may give; the first is meant when none is named."""
WEEK = tuple(timedelta(days=n) for n in range(7))


class RecordAttendance(AccountOfDay, ClientCommand):
    """Say what a participation day was. `occurred_on` is the day; hours, in halves and without travel, when present."""

    NAME = "record_attendance"


class GroupEntry(Part):
    """One client's day in a group's day."""

    client: Ref
    period_id: Ref
    day_status: RecordedDayStatus
    hours: Hours | None = None
    swap_of_on: date | None = None


class RecordGroupAttendance(Command):
    """Say what a day was for a whole group: each client is decided alone and gets an answer of its own."""

    NAME = "record_group_attendance"
    entries: tuple[GroupEntry, ...]


class RecordNotArranged(DaysNotArranged, ClientCommand):
    """Say that the service was not arranged on a day or a range of days. `until_on`: none is the same day."""

    NAME = "record_not_arranged"


class SendAbsenceReport(ReportedDays, ClientCommand):
    """Tell the payer about absences. None given: the payer of the last day, and the absences that the provider recorded."""

    NAME = "send_absence_report"
    absences: tuple[e.Absence, ...] | None = None


def record_attendance(pathway: Pathway, command: RecordAttendance, context: Context) -> list[Draft]:
    """One account of one day. source: domain/pathway.md 4.4 row 27"""
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    accounts = ("client",) if is_client(context) else ACCOUNTS_OF_TASK.get(context.caller.task, ())
    account = command.account or next(iter(accounts), "")
    entitled(account in accounts, "/account" if command.account else "")
    entitled(_reports_on(pathway, period, on, context))
    event = e.AttendanceRecorded(
        case_id=period.planned.event.case_id,
        period_id=command.period_id,
        placement_id=_own_placement_id(pathway, period, on, context),
        account=account,
        day_status=command.day_status,
        hours=command.hours,
        swap_of_on=command.swap_of_on,
    )
    earlier = pathway.days.get(on, {}).get((event.period_id, event.account))
    if earlier and earlier.event == event:
        return []
    judge_day(no, pathway, event, on, context)
    no.stop()
    return [recorded(pathway, event, on, context, warnings=no.warnings)]


def judge_day(no: Refusals, pathway: Pathway, event: e.AttendanceRecorded, on: date, context: Context) -> None:
    """What an account of a day has to fulfil. source: 189/2001 s. 13, domain/law.md 2.6, domain/pathway.md 4.4 row 27"""
    period, official = pathway.periods.get(event.period_id), event.account in OFFICIAL
    entitled(period is not None and _reports_on(pathway, period, on, context))
    told = _covered(pathway, event.placement_id, on) and period is not None and not _is_after(period, on)
    if event.account == "provider" and not told:
        # Neither the closing nor what others say of a day that is not the provider's is told by its other codes.
        no.when(True, "E_OUTSIDE_PERIOD", "/occurred_on")
        not_ahead(no, on, context)
        return
    if not in_case(no, pathway, event.case_id, on):
        return
    inside = period is not None and period.covers(on)
    no.when(not inside, "E_OUTSIDE_PERIOD", "/occurred_on")
    not_ahead(no, on, context)
    present = event.day_status == "present"
    only_when(no, present, event, "hours")
    no.when(official and event.day_status == "not_arranged", "E_CODE", "/day_status")
    no.when((event.period_id, event.account) in pathway.days.get(on, {}), "E_CONFLICT", "/occurred_on")
    if present:
        most = rule(context, "week.max_days", on)
        accounts = OFFICIAL if official else (event.account,)
        counted = _present_days(pathway, accounts, on)
        if not official and period is not None:
            counted = [day for day in counted if _is_own_day(pathway, period, day, context)]
        no.when(most is not None and len(counted) >= most, "E_WEEK_DAYS", "/day_status")
        no.when(_present_elsewhere(pathway, event.period_id, on), "E_CONFLICT", "/day_status")
    if period is not None and inside:
        _judge_schedule(no, pathway, period, event, on, context)
    no.when(official and _is_closed(pathway, on), "E_CONFLICT", "/day_status")
    if event.hours is not None:
        no.when(event.hours < (rule(context, "day.min_hours", on) or 0), "W_SHORT_DAY")
        longest = rule(context, "day.max_hours", on)
        no.when(longest is not None and event.hours > longest, "W_LONG_DAY")


def _judge_schedule(
    no: Refusals, pathway: Pathway, period: Period, event: e.AttendanceRecorded, on: date, context: Context
) -> None:
    """Whether the day is one of the schedule, or replaces such a day. A provider and a payer swap days of their own alone:
    what others have said of another one is not told by the answer (domain/disclosure.md 5.3, columns KB, FU, PR)."""
    scheduled, swap = pathway.is_scheduled(period, on), event.swap_of_on
    replaces = swap is not None and event.account in OFFICIAL
    no.when(event.day_status != "present" and not (scheduled or replaces), "E_NOT_SCHEDULED", "/day_status")
    no.when(event.day_status == "present" and not scheduled and swap is None, "W_NOT_SCHEDULED")
    if swap is not None:
        replaced = pathway.days.replaced_by(event.period_id, swap) - {on}
        told = any((event.period_id, account) in pathway.days.get(swap, {}) for account in OFFICIAL)
        itself = period.has_weekday(on) and not pathway.days.replaced_by(event.period_id, on)
        strange = not _is_own_day(pathway, period, swap, context)
        wrong = strange or not period.has_weekday(swap) or replaced or told or _is_closed(pathway, swap) or itself
        no.when(bool(wrong), "E_CONFLICT", "/swap_of_on")


def record_not_arranged(pathway: Pathway, command: RecordNotArranged, context: Context) -> list[Draft]:
    """Days without service, dated by the first; a break may be told while it lasts. source: domain/pathway.md 4.4 row 28"""
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), command.occurred_on or command.from_on
    entitled(context.caller.task == "provider" and _reports_on(pathway, period, on, context))
    event = e.ServiceDayNotArranged(
        case_id=period.planned.event.case_id,
        period_id=command.period_id,
        placement_id=_own_placement_id(pathway, period, on, context) or "",
        from_on=command.from_on,
        until_on=command.until_on or command.from_on,
        not_arranged_reason=command.not_arranged_reason,
    )
    if any(told.event == event for told in pathway.not_arranged):
        return []
    judge_closed_days(no, pathway, event, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_closed_days(no: Refusals, pathway: Pathway, event: e.ServiceDayNotArranged, on: date, context: Context) -> None:
    """What days without service have to fulfil: they lie in the placement and the period, and nobody was present on them."""
    period = pathway.periods.get(event.period_id)
    entitled(period is not None and _reports_on(pathway, period, on, context))
    covered = all(_covered(pathway, event.placement_id, day) for day in (event.from_on, event.until_on))
    if not covered or period is None or _is_after(period, event.until_on):
        no.when(True, "E_OUTSIDE_PERIOD", "/from_on")
        not_ahead(no, event.from_on, context, "/from_on")
        return
    if not in_case(no, pathway, event.case_id, on):
        return
    inside = period is not None and period.covers(event.from_on) and period.covers(event.until_on)
    backwards = event.until_on < event.from_on
    no.when(not inside or backwards, "E_OUTSIDE_PERIOD", "/from_on")
    no.when(on != event.from_on, "E_FIELD_NOT_ALLOWED", "/occurred_on")
    not_ahead(no, event.from_on, context, "/from_on")
    if inside:
        days = (event.from_on + timedelta(days=n) for n in range((event.until_on - event.from_on).days + 1))
        taken = any(_is_present(pathway, OFFICIAL, day) for day in days)
        no.when(taken, "E_CONFLICT", "/from_on")


def send_absence_report(pathway: Pathway, command: SendAbsenceReport, context: Context) -> list[Draft]:
    """A report to the payer of the days, flagged `late` when an absence is older than the rule allows.

    source: domain/pathway.md 4.4 row 29, 4.6 `absence_report.max_interval_days`
    """
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    entitled(_may_report(pathway, period, command.until_on, context))
    absences = command.absences if command.absences is not None else _absences(pathway, period, command)
    days = [absence.day_on for absence in absences] or [command.until_on]
    _within_own_time(no, pathway, period, days, context)
    no.stop()
    payer = command.payer_org_id or pathway.payer(max(days))
    no.when(payer is None, "E_PAYER_UNKNOWN", "/payer_org_id")
    no.stop()
    fields = {
        "case_id": period.planned.event.case_id,
        "period_id": command.period_id,
        "payer_org_id": payer,
        "reporting_org_id": _reporting(pathway, period, command.until_on, context),
        "from_on": command.from_on,
        "until_on": command.until_on,
        "absences": absences,
    }
    if any(fields.items() <= dict(sent.event).items() for sent in pathway.reports.values()):
        return []
    event = e.AbsenceReportSent(report_id=context.new_id("report"), **fields)
    judge_report(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    patience = rule(context, "absence_report.max_interval_days", on)
    late = any(patience is not None and (on - absence.day_on).days > patience for absence in absences)
    return [recorded(pathway, event, on, context, flags=("late",) if late else ())]


def judge_report(no: Refusals, pathway: Pathway, event: e.AbsenceReportSent, on: date, context: Context) -> None:
    """What a report has to fulfil: one payer for all its days, absences alone, each day once, all of them in its range, and
    none that is still to come."""
    period = pathway.periods.get(event.period_id)
    entitled(period is not None and _may_report(pathway, period, event.until_on, context))
    mine = period is not None and event.reporting_org_id == _reporting(pathway, period, event.until_on, context)
    entitled(mine, "/reporting_org_id")
    days = [absence.day_on for absence in event.absences] or [event.until_on]
    if period is not None and _within_own_time(no, pathway, period, days, context):
        return
    no.when(any(pathway.payer(day) != event.payer_org_id for day in days), "E_PAYER_UNKNOWN", "/payer_org_id")
    outside = any(not event.from_on <= day <= event.until_on for day in days)
    outside = outside or period is None or any(not period.covers(day) for day in days)
    no.when(outside, "E_OUTSIDE_PERIOD", "/absences")
    reasons = code_list("day_status").marked("absence")
    no.when(any(absence.day_status not in reasons for absence in event.absences), "E_CODE", "/absences")
    no.when(len(set(days)) < len(days), "E_CONFLICT", "/absences")
    no.when(max(*days, event.until_on) > on, "E_FUTURE", "/until_on")


def _reports_on(pathway: Pathway, period: Period, on: date, context: Context) -> bool:
    """Whether the client concerns the caller: the county always, the provider by a placement, the payer on its days."""
    if is_client(context) or of_county(context):
        return True
    if context.caller.task == "provider":
        return bool(own_placements(pathway, period.planned.event.case_id, context))
    return pathway.payer(on) == context.caller.org


def _is_own_day(pathway: Pathway, period: Period, day: date, context: Context) -> bool:
    """Whether the caller is told of the day: every one but a provider, who is by a placement of the day, and a payer."""
    if context.caller.task == "provider":
        return any(placement.covers(day) for placement in own_placements(pathway, period.planned.event.case_id, context))
    return _reports_on(pathway, period, day, context)


def _may_report(pathway: Pathway, period: Period, until: date, context: Context) -> bool:
    """Whether the caller tells the payer of absences: the provider by a placement, the clock in the provider's place."""
    own = bool(own_placements(pathway, period.planned.event.case_id, context))
    return own or (_is_clock(context) and placement_of_period(pathway, period, until) is not None)


def _within_own_time(no: Refusals, pathway: Pathway, period: Period, days: list[date], context: Context) -> bool:
    """A provider reports on days of its own placements (`E_OUTSIDE_PERIOD`), and is told nothing else of any other day: who
    paid the client then is not for it to know. Returns whether a day is none of its own. source: domain/disclosure.md 5.3,
    column PR"""
    own = own_placements(pathway, period.planned.event.case_id, context)
    strange = not _is_clock(context) and any(not any(placement.covers(day) for placement in own) for day in days)
    return no.when(strange, "E_OUTSIDE_PERIOD", "/absences")


def _reporting(pathway: Pathway, period: Period, until: date, context: Context) -> str:
    """In whose name the report is: the caller's own, the provider's of the last day where the clock sends it."""
    placement = placement_of_period(pathway, period, until) if _is_clock(context) else None
    return placement.proposed.event.provider_org_id if placement else context.caller.org


def _is_clock(context: Context) -> bool:
    return context.caller.role == "system" and of_county(context)


def _own_placement_id(pathway: Pathway, period: Period, on: date, context: Context) -> str | None:
    if context.caller.task != "provider" or is_client(context):
        return None
    own = own_placements(pathway, period.planned.event.case_id, context)
    covering = [placement for placement in own if placement.covers(on)]
    return (covering or own)[-1].proposed.event.placement_id if own else None


def _covered(pathway: Pathway, placement_id: str | None, on: date) -> bool:
    placement = pathway.placements.get(placement_id or "")
    return placement is not None and placement.covers(on)


def _is_after(period: Period, day: date) -> bool:
    """Whether the period had ended before the day: that its provider is told, and not when the case was closed after it."""
    return period.ended is not None and day > period.ended.event.ended_on


def _is_closed(pathway: Pathway, day: date) -> bool:
    """Whether the service was not arranged on the day."""
    return any(told.event.from_on <= day <= told.event.until_on for told in pathway.not_arranged)


def _is_present(pathway: Pathway, accounts: tuple[str, ...], day: date) -> bool:
    told = pathway.days.get(day)
    return told is not None and any(
        said_by in accounts and fact.event.day_status == "present" for (_, said_by), fact in told.items()
    )


def _present_elsewhere(pathway: Pathway, period_id: str, day: date) -> bool:
    told = pathway.days.get(day, {})
    return any(key != period_id and fact.event.day_status == "present" for (key, _), fact in told.items())


def _present_days(pathway: Pathway, accounts: tuple[str, ...], on: date) -> list[date]:
    """Days of the ISO week, the day itself left out, that one of the accounts calls present, in whichever period."""
    monday = on - WEEK[on.weekday()]
    others = [day for step in WEEK if (day := monday + step) != on and day in pathway.days]
    return [day for day in others if _is_present(pathway, accounts, day)]


def _absences(pathway: Pathway, period: Period, command: SendAbsenceReport) -> tuple[e.Absence, ...]:
    """What the provider said; a day that turned out to be one without service is no absence."""
    reasons = code_list("day_status").marked("absence")
    first, last = max(command.from_on, period.planned.event.starts_on), min(command.until_on, period.last_on)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    found = ((day, pathway.days.get(day, {}).get((command.period_id, "provider"))) for day in days)
    return tuple(
        e.Absence(day_on=day, day_status=fact.event.day_status)
        for day, fact in found
        if fact and fact.event.day_status in reasons and not _is_closed(pathway, day)
    )


COMMANDS = (
    CommandKind(
        RecordAttendance,
        record_attendance,
        "client",
        path="attendance",
        roles=frozenset({"instructor", "client", "fund_clerk", "kela_clerk", "own_worker"}),
    ),
    CommandKind(
        RecordNotArranged,
        record_not_arranged,
        "client",
        path="days-not-arranged",
        roles=frozenset({"instructor"}),
    ),
    CommandKind(
        SendAbsenceReport,
        send_absence_report,
        "client",
        path="absence-reports",
        roles=frozenset({"instructor", "system"}),
    ),
)
