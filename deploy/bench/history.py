"""Clients to measure with: a path like AS-1's (domain/scenarios.md) as commands, with dates of one's own.

All persons, organisations and ids are those of the scenario's file, invented there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from domain import events as e
from domain.chapters.agreements.decisions import AcceptPlan
from domain.chapters.assessments.decisions import CompleteAssessment, StartAssessment
from domain.chapters.attendance.decisions import RecordAttendance, RecordNotArranged, SendAbsenceReport
from domain.chapters.benefits.decisions import ChangeBenefitStatus, IssueLabourPolicyStatement
from domain.chapters.cases.decisions import CloseCase
from domain.chapters.clients.decisions import RegisterClient
from domain.chapters.decisions.decisions import IssueDecision
from domain.chapters.exits.decisions import RecordExit
from domain.chapters.follow_ups.decisions import HoldFollowUp
from domain.chapters.notices.decisions import SendNotification
from domain.chapters.own_workers.decisions import AssignOwnWorker
from domain.chapters.parallel_services.decisions import StartParallelService, StopParallelService
from domain.chapters.periods.decisions import CompletePeriod, PlanPeriod, StartPeriod
from domain.chapters.placements.decisions import AcceptPlacement, NameInstructor, ProposePlacement
from domain.chapters.plans.decisions import DraftPlan, StartPlan
from domain.chapters.referrals.decisions import AcceptReferral, ReceiveReferral, SubmitReferral
from domain.commands import Command
from domain.context import Caller

COUNTY, AUTHORITY, KELA, ASSOCIATION = "0000001-9", "0000010-7", "0000005-1", "0000008-6"
INTAKE = Caller(COUNTY, "organiser", "intake", "N-01")
SOCIAL_WORKER = Caller(COUNTY, "organiser", "social_worker", "W-21")
TEAM_LEAD = Caller(COUNTY, "organiser", "team_lead", "T-01")
OWN_WORKER = Caller(COUNTY, "organiser", "own_worker", "W-01")
REFERRER = Caller(AUTHORITY, "referrer", "referrer", "E-02")
EXPERT = Caller(AUTHORITY, "employment_authority", "employment_expert", "E-01")
MANAGER = Caller(ASSOCIATION, "provider", "provider_manager", "P-01")
INSTRUCTOR = Caller(ASSOCIATION, "provider", "instructor", "I-01")

OPENED_ON = date(2026, 11, 2)
"""The date of the ledgers that are measured: later than everything that happens in them."""
WEEKDAYS = (1, 2, 4)
A_DAY = timedelta(days=1)
A_WEEK = timedelta(weeks=1)

Refs = dict[str, str]
"""The references of one client's parts, by field name; `client` is the client's own."""


class Asked(NamedTuple):
    """Somebody asks for something about a client; `command` is made once the parts that it names have begun."""

    by: Callable[[Refs], Caller]
    command: Callable[[Refs], Command]
    look_ups: Mapping[str, bool] = {}


class Span(NamedTuple):
    """The first and the last day of a period, inclusive."""

    first: date
    last: date

    def days(self) -> Iterator[date]:
        """The scheduled days: three a week."""
        for ahead in range((self.last - self.first).days + 1):
            on = self.first + ahead * A_DAY
            if on.isoweekday() in WEEKDAYS:
                yield on


SHORT = Span(date(2025, 3, 3), date(2025, 9, 2))
"""AS-1's own."""
LONG = Span(date(2025, 3, 3), date(2026, 10, 30))
"""Twenty months, for clients that are asked much of."""


def start(span: Span) -> Iterator[Asked]:
    """From the registration to the started period and its notice: rows 1 to 12 and 12a."""
    first, last = span
    schedule = tuple(e.ScheduleEntry(weekday=day, hours=5) for day in WEEKDAYS)
    week = [first - number * A_WEEK for number in range(9)]
    yield _asked(INTAKE, RegisterClient(identity_kind="none", registered_from="referral", occurred_on=week[7]))
    yield _asked(
        REFERRER,
        SubmitReferral(
            source="employment_authority",
            legal_basis="LB-189-PLAN",
            occurred_on=week[6],
            identity_named=("family_name", "given_names", "identity_code"),
        ),
    )
    yield _part(
        INTAKE, lambda r: ReceiveReferral(referral_id=r["referral_id"], received_via="electronic", occurred_on=week[6])
    )
    yield _part(INTAKE, lambda r: AcceptReferral(referral_id=r["referral_id"], occurred_on=week[5]))
    yield _asked(SOCIAL_WORKER, StartAssessment(owner="adult_social_work", client_attended=True, occurred_on=week[5]))
    yield _part(
        SOCIAL_WORKER,
        lambda r: CompleteAssessment(
            assessment_id=r["assessment_id"],
            result="need",
            needs=("daily_life_and_life_management", "working_life_rules"),
            client_attended=True,
            special_support_need=False,
            occurred_on=week[4],
        ),
    )
    yield _asked(
        TEAM_LEAD,
        AssignOwnWorker(
            worker_id="W-01",
            effective_on=week[4],
            profession="bachelor_of_social_services",
            registration_number="R-1001",
            registration_from_on=date(2018, 6, 1),
            registration_checked_on=week[4],
            occurred_on=week[4],
        ),
    )
    yield _asked(
        EXPERT,
        ChangeBenefitStatus(
            benefit="labour_market_subsidy", payer_org_id=KELA, from_on=date(2023, 1, 9), occurred_on=week[4]
        ),
    )
    yield _asked(
        EXPERT,
        StartPlan(
            plan_kind="activation_plan",
            initiator="employment_side",
            parties=("client", "organiser", "employment_side"),
            eligibility_keys=("EL-O25-LMS500",),
            occurred_on=week[3],
        ),
    )
    yield _part(
        EXPERT,
        lambda r: DraftPlan(
            plan_id=r["plan_id"],
            includes_kuty=True,
            kuty_from_on=first,
            kuty_until_on=last,
            schedule=schedule,
            goal="A regular rhythm of the week",
            support="A talk with the own worker every week",
            occurred_on=week[3],
        ),
    )
    for party in (_client, lambda _: EXPERT, lambda _: OWN_WORKER):
        yield Asked(party, lambda r: AcceptPlan(plan_id=r["plan_id"], plan_version=1, occurred_on=week[3]))
    yield _asked(
        SOCIAL_WORKER,
        IssueDecision(
            outcome="granted",
            granted_from_on=first,
            granted_until_on=last,
            max_days_per_week=3,
            max_hours_per_day=5,
            appeal_instructions=True,
            occurred_on=week[2],
        ),
    )
    yield _asked(
        OWN_WORKER,
        ProposePlacement(
            provider_org_id=ASSOCIATION,
            contract_id="K-01",
            site_id="S-01",
            provision_role="activity",
            placement_form="group_activity",
            from_on=first,
            until_on=last,
            occurred_on=week[2],
        ),
    )
    yield _part(MANAGER, lambda r: AcceptPlacement(placement_id=r["placement_id"], occurred_on=week[1]))
    yield _part(
        MANAGER,
        lambda r: NameInstructor(
            placement_id=r["placement_id"], instructor_id="I-01", instructor_role="own_instructor", occurred_on=week[1]
        ),
    )
    yield _asked(OWN_WORKER, PlanPeriod(starts_on=first, planned_end_on=last, schedule=schedule, occurred_on=week[1]))
    yield _part(OWN_WORKER, lambda r: StartPeriod(period_id=r["period_id"], occurred_on=first))
    yield _part(OWN_WORKER, lambda r: SendNotification(notification_id=r["notification_id"], occurred_on=first))
    yield _part(
        EXPERT,
        lambda r: IssueLabourPolicyStatement(
            period_id=r["period_id"],
            labour_statement_kind="start",
            service_from_on=first,
            service_until_on=last,
            conditions_met=True,
            occurred_on=first + A_DAY,
        ),
    )


def course(span: Span) -> Iterator[Asked]:
    """The days of a period with absences, closed days, reports, a parallel service and follow-ups: rows 13 to 21."""
    first = span.first
    sick, closed = {first + 15 * A_DAY, first + 17 * A_DAY}, first + 7 * A_WEEK
    away = Span(first + 18 * A_WEEK, first + 21 * A_WEEK - A_DAY)
    yield _asked(
        OWN_WORKER,
        StartParallelService(service="financial_and_debt_counselling", told_by="client", occurred_on=first + 4 * A_WEEK),
    )
    for on in span.days():
        if on == closed or away.first <= on <= away.last:
            continue
        yield day(INSTRUCTOR, on, "absent_own_sickness" if on in sick else "present")
    yield _part(
        INSTRUCTOR,
        lambda r: SendAbsenceReport(
            period_id=r["period_id"], from_on=first + A_WEEK, until_on=first + 18 * A_DAY, occurred_on=first + 18 * A_DAY
        ),
    )
    yield _not_arranged(closed, closed, "public_holiday")
    yield _not_arranged(away.first, away.last, "break")
    yield _asked(
        OWN_WORKER,
        HoldFollowUp(
            followup_kind="regular_follow_up",
            parties_present=("organiser", "instructor", "client"),
            occurred_on=first + 13 * A_WEEK,
        ),
    )
    yield _part(
        OWN_WORKER,
        lambda r: StopParallelService(parallel_service_id=r["parallel_service_id"], occurred_on=first + 17 * A_WEEK),
    )


def end(span: Span) -> Iterator[Asked]:
    """The end of the period, the exit with its notice, the closing: rows 22 to 24."""
    yield _part(OWN_WORKER, lambda r: CompletePeriod(period_id=r["period_id"], occurred_on=span.last))
    yield _asked(OWN_WORKER, RecordExit(exit_kind="pay_subsidised_work", occurred_on=span.last))
    yield _part(OWN_WORKER, lambda r: SendNotification(notification_id=r["notification_id"], occurred_on=span.last))
    yield _asked(OWN_WORKER, CloseCase(closing_code="exit", occurred_on=span.last + 3 * A_DAY))


def as_1(number: int) -> Iterator[Asked]:
    """The whole path of one of many clients, each a week later than the one before."""
    ahead = (number % 12) * A_WEEK
    span = Span(SHORT.first + ahead, SHORT.last + ahead)
    yield from start(span)
    yield from course(span)
    yield from end(span)


def day(by: Caller, on: date, status: str = "present") -> Asked:
    """What a participation day was, as somebody tells it."""
    hours = 5.0 if status == "present" else None
    return _part(by, lambda r: RecordAttendance(period_id=r["period_id"], day_status=status, hours=hours, occurred_on=on))


def _asked(by: Caller, command: Command, **look_ups: bool) -> Asked:
    return Asked(lambda _: by, lambda _: command, look_ups)


def _not_arranged(first: date, last: date, reason: e.NotArrangedReason) -> Asked:
    return _part(
        INSTRUCTOR,
        lambda r: RecordNotArranged(period_id=r["period_id"], from_on=first, until_on=last, not_arranged_reason=reason),
    )


def _part(by: Caller, command: Callable[[Refs], Command]) -> Asked:
    return Asked(lambda _: by, command)


def _client(refs: Refs) -> Caller:
    return Caller(COUNTY, "organiser", "client", refs["client"])
