"""The days: what each account says of them, and what the payer was told."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import BY_DAY, CaseEvent, Content, Counts, Moves, Part, Tied, begins, days, judged_by, listed_in
from domain.vocabulary import Account, Benefit, Hours, OrgId, RecordedDayStatus, Ref, Routing, Schedule


class AccountOfDay(Content):
    """What one account says of a day."""

    period_id: Routing[Ref]
    account: Schedule[Account | None] = None
    day_status: Schedule[RecordedDayStatus]
    hours: Schedule[Hours | None] = None
    swap_of_on: Schedule[date | None] = None


class AttendanceRecorded(AccountOfDay, CaseEvent):
    """One account of one participation day: the provider's, the client's, the payer's or the county's."""

    NAME = "attendance.recorded"
    PART = listed_in("days", key="period_id")
    MOVES = Moves.DAYS
    CORRECTED = judged_by("judge_day")
    FOUND = BY_DAY
    placement_id: Routing[Ref | None] = None
    account: Schedule[Tied[Account]]


NotArrangedReason = Literal["public_holiday", "break", "site_closed", "instructor_absent", "other"]


class DaysNotArranged(Content):
    """Days on which the service was not arranged, and why."""

    period_id: Routing[Ref]
    from_on: Schedule[date]
    until_on: Schedule[date | None] = None
    not_arranged_reason: Schedule[NotArrangedReason]


class ServiceDayNotArranged(DaysNotArranged, CaseEvent):
    """The service was not arranged on a day or a range of days: no absence, and no allowance."""

    NAME = "service_day.not_arranged"
    OWN_DAY = "from_on"
    PART = listed_in("not_arranged", key="period_id")
    MOVES = Moves.CUT
    CORRECTED = judged_by("judge_closed_days")
    FOUND = days("from_on", "until_on", counts=Counts.EITHER)
    placement_id: Routing[Ref]
    until_on: Schedule[date]


class Absence(Part):
    """One absent day in a report to the payer."""

    day_on: date
    day_status: RecordedDayStatus


class ReportedDays(Content):
    """The days that a report covers, and the payer that gets it."""

    period_id: Routing[Ref]
    payer_org_id: Benefit[OrgId | None] = None
    from_on: Schedule[date]
    until_on: Schedule[date]


class AbsenceReportSent(ReportedDays, CaseEvent):
    """The provider told the payer of the benefit about absences, at least every two weeks."""

    NAME = "absence_report.sent"
    AFTER_CLOSING = True
    PART = begins("report_id", "reports")
    MOVES = Moves.CUT
    CORRECTED = judged_by("judge_report")
    FOUND = days("from_on", "until_on", part="period_id")
    report_id: Routing[Ref]
    payer_org_id: Benefit[OrgId]
    reporting_org_id: Routing[OrgId]
    absences: Schedule[tuple[Absence, ...]]
