"""History AS-1 (domain/scenarios.md) as steps, and those who act in it. All persons, organisations and ids are invented."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

from given import Step, World

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
from domain.chapters.ledgers.decisions import OpenLedger
from domain.chapters.notices.decisions import SendNotification
from domain.chapters.organisations.decisions import ContractProvider, JoinLedger, RegisterProvider
from domain.chapters.own_workers.decisions import AssignOwnWorker
from domain.chapters.parallel_services.decisions import StartParallelService, StopParallelService
from domain.chapters.periods.decisions import CompletePeriod, PlanPeriod, StartPeriod
from domain.chapters.placements.decisions import AcceptPlacement, NameInstructor, ProposePlacement
from domain.chapters.plans.decisions import DraftPlan, StartPlan
from domain.chapters.referrals.decisions import AcceptReferral, ReceiveReferral, SubmitReferral
from domain.commands import Command
from domain.context import Caller
from domain.pathway import Pathway

COUNTY, AUTHORITY, KELA, KEHA = "0000001-9", "0000010-7", "0000005-1", "0000003-5"
FUND, HOSPITAL, ASSOCIATION, FOUNDATION = "0000011-5", "0000007-8", "0000008-6", "0000002-7"

OPERATOR = Caller(COUNTY, "organiser", "system", "system")
CONTRACTS = Caller(COUNTY, "organiser", "contract_manager", "C-01")
RULE_KEEPER = Caller(COUNTY, "organiser", "rule_keeper", "C-02")
INTAKE = Caller(COUNTY, "organiser", "intake", "N-01")
SOCIAL_WORKER = Caller(COUNTY, "organiser", "social_worker", "W-21")
TEAM_LEAD = Caller(COUNTY, "organiser", "team_lead", "T-01")
OWN_WORKER = Caller(COUNTY, "organiser", "own_worker", "W-01")
CLIENT = Caller(COUNTY, "organiser", "client", "c" * 32)
REFERRER = Caller(AUTHORITY, "referrer", "referrer", "E-01")
EXPERT = Caller(AUTHORITY, "employment_authority", "employment_expert", "E-01")
PAYER = Caller(KELA, "benefit_payment", "kela_clerk", "K-11")
ASSISTANCE = Caller(KELA, "social_assistance", "kela_clerk", "K-12")
KELA_TEAM = Caller(KELA, "multi_sectoral_team", "kela_clerk", "K-13")
KEHA_EXPERT = Caller(KEHA, "statement_issuer", "keha_expert", "H-01")
FUND_CLERK = Caller(FUND, "benefit_payment", "fund_clerk", "F-01")
DOCTOR = Caller(HOSPITAL, "referrer", "referrer", "D-71")
MANAGER = Caller(ASSOCIATION, "provider", "provider_manager", "P-01")
INSTRUCTOR = Caller(ASSOCIATION, "provider", "instructor", "I-01")
STRANGER = Caller(FOUNDATION, "provider", "instructor", "I-09")

MEMBERS = (
    (COUNTY, "wellbeing_services_county", {"organiser": "county"}, date(2023, 1, 1)),
    (
        AUTHORITY,
        "employment_authority",
        {"employment_authority": "authority", "referrer": "authority-referrer"},
        date(2025, 1, 1),
    ),
    (
        KELA,
        "kela",
        {"benefit_payment": "kela-payment", "social_assistance": "kela-assistance", "multi_sectoral_team": "kela-team"},
        date(2023, 1, 1),
    ),
    (KEHA, "keha_centre", {"statement_issuer": "keha"}, date(2025, 1, 1)),
    (FUND, "unemployment_fund", {"benefit_payment": "fund"}, date(2023, 1, 1)),
    (HOSPITAL, "health_care", {"referrer": "hospital"}, date(2023, 1, 1)),
    (ASSOCIATION, "provider", {"provider": "provider-s01"}, date(2024, 1, 1)),
    (FOUNDATION, "provider", {"provider": "provider-s02"}, date(2024, 1, 1)),
)
PROVIDERS = (
    (ASSOCIATION, "registered_association", "S-01", "K-01", date(2026, 12, 31)),
    (FOUNDATION, "registered_foundation", "S-02", "K-02", date(2025, 6, 30)),
)
READY = date(2025, 1, 2)


def joining(org: str, kind: str, tasks: Mapping[str, str], since: date, **but: Any) -> JoinLedger:
    held = tuple(e.TaskFrom(task=task, from_on=since, short_name=name) for task, name in tasks.items())
    mailbox = f"kuty@{org}.example"
    return JoinLedger(
        **{"org_id": org, "org_name": f"Example {org}", "agency_kind": kind, "business_id": org}
        | {"tasks": held, "transport": "both", "contact_mailbox": mailbox}
        | but
    )


def provider(org: str, kind: str, site: str, **but: Any) -> RegisterProvider:
    place = e.Site(
        site_id=site,
        site_name="Workshop",
        street="Example Street 1",
        municipality="837",
        placement_forms=("group_activity",),
    )
    return RegisterProvider(
        **{"org_id": org, "org_name": f"Example {org}", "provider_kind": kind, "company": False}
        | {"provision_roles": ("activity",), "business_id": org, "sites": (place,)}
        | but
    )


def contract(org: str, number: str, site: str, until: date, **but: Any) -> ContractProvider:
    return ContractProvider(
        **{"contract_id": number, "org_id": org, "provision_roles": ("activity",), "from_on": date(2024, 1, 1)}
        | {"until_on": until, "capacity": (e.Capacity(site_id=site, places=12),), "files_absence_reports": True}
        | but
    )


@cache
def register() -> World:
    """The ledger with its organisations, providers and contracts, before any client."""
    steps = [Step(OPERATOR, READY, OpenLedger(organiser_org_id=COUNTY, mode="simulated"))]
    steps += [Step(CONTRACTS, READY, joining(*member)) for member in MEMBERS]
    steps += [Step(CONTRACTS, READY, provider(org, kind, site)) for org, kind, site, _, _ in PROVIDERS]
    steps += [Step(CONTRACTS, READY, contract(org, number, site, until)) for org, _, site, number, until in PROVIDERS]
    world = World()
    for step in steps:
        world = world.after(step)
    return world


REGISTRATION = Step(
    INTAKE,
    date(2025, 1, 15),
    RegisterClient(identity_kind="identity_code", registered_from="referral"),
    {"identity_code_valid": True},
)


@cache
def registered() -> World:
    return register().after(REGISTRATION)


def last(parts: Mapping[str, Any]) -> str:
    """The reference of the part that began last."""
    return list(parts)[-1]


def week(*days: int, hours: float = 5) -> tuple[e.ScheduleEntry, ...]:
    return tuple(e.ScheduleEntry(weekday=day, hours=hours) for day in days)  # type: ignore[arg-type]


FIRST, LAST = date(2025, 3, 3), date(2025, 9, 2)
SICK = (date(2025, 3, 18), date(2025, 3, 20))
INTERVIEW = date(2025, 5, 12)
HOLIDAYS = (date(2025, 4, 21), date(2025, 5, 1), date(2025, 5, 29))
BREAK = (date(2025, 7, 7), date(2025, 7, 27))


def referral(**but: Any) -> SubmitReferral:
    return SubmitReferral(
        **{"source": "employment_authority", "legal_basis": "LB-189-PLAN"}
        | {"identity_named": ("family_name", "given_names", "identity_code")}
        | but
    )


def result(**but: Any) -> Callable[[Pathway], Command]:
    needs = ("daily_life_and_life_management", "working_life_rules")
    said = {"result": "need", "needs": needs, "client_attended": True, "special_support_need": False}
    return lambda p: CompleteAssessment(**{"assessment_id": last(p.assessments)} | said | but)


def own_worker(**but: Any) -> AssignOwnWorker:
    return AssignOwnWorker(
        **{"worker_id": "W-01", "effective_on": date(2025, 2, 7), "profession": "bachelor_of_social_services"}
        | {"registration_number": "R-1001", "registration_from_on": date(2018, 6, 1)}
        | {"registration_checked_on": date(2025, 2, 7)}
        | but
    )


def subsidy(**but: Any) -> ChangeBenefitStatus:
    return ChangeBenefitStatus(
        **{"benefit": "labour_market_subsidy", "payer_org_id": KELA, "from_on": date(2023, 1, 9)} | but
    )


def plan(**but: Any) -> StartPlan:
    return StartPlan(
        **{"plan_kind": "activation_plan", "initiator": "employment_side"}
        | {"parties": ("client", "organiser", "employment_side"), "eligibility_keys": ("EL-O25-LMS500",)}
        | but
    )


def draft(**but: Any) -> Callable[[Pathway], Command]:
    said = {"includes_kuty": True, "kuty_from_on": FIRST, "kuty_until_on": LAST, "schedule": week(1, 2, 4)} | {
        "goal": "A regular rhythm of the week",
        "support": "A talk with the instructor every week",
    }
    return lambda p: DraftPlan(**{"plan_id": last(p.plans)} | said | but)


def yes(**but: Any) -> Callable[[Pathway], Command]:
    return lambda p: AcceptPlan(**{"plan_id": last(p.plans), "plan_version": p.plans[last(p.plans)].latest} | but)


def granted(**but: Any) -> IssueDecision:
    return IssueDecision(
        **{"outcome": "granted", "granted_from_on": FIRST, "granted_until_on": LAST, "max_days_per_week": 3}
        | {"max_hours_per_day": 5, "appeal_instructions": True}
        | but
    )


def place(**but: Any) -> ProposePlacement:
    return ProposePlacement(
        **{"provider_org_id": ASSOCIATION, "contract_id": "K-01", "site_id": "S-01", "provision_role": "activity"}
        | {"placement_form": "group_activity", "from_on": FIRST, "until_on": LAST}
        | but
    )


def welcome(p: Pathway) -> Command:
    return AcceptPlacement(placement_id=last(p.placements))


def instructor(p: Pathway) -> Command:
    return NameInstructor(placement_id=last(p.placements), instructor_id="I-01", instructor_role="own_instructor")


def planned(**but: Any) -> PlanPeriod:
    return PlanPeriod(**{"starts_on": FIRST, "planned_end_on": LAST, "schedule": week(1, 2, 4)} | but)


def start(**but: Any) -> Callable[[Pathway], Command]:
    return lambda p: StartPeriod(**{"period_id": last(p.periods)} | but)


def notice(p: Pathway) -> Command:
    return SendNotification(notification_id=last(p.notices))


def statement(**but: Any) -> Callable[[Pathway], Command]:
    said = {"labour_statement_kind": "start", "service_from_on": FIRST, "service_until_on": LAST, "conditions_met": True}
    return lambda p: IssueLabourPolicyStatement(**{"period_id": last(p.periods)} | said | but)


def day(status: str = "present", hours: float | None = 5, **but: Any) -> Callable[[Pathway], Command]:
    spent = hours if status == "present" else None
    return lambda p: RecordAttendance(**{"period_id": last(p.periods), "day_status": status, "hours": spent} | but)


def closed(first: date, until: date | None = None, reason: str = "public_holiday") -> Callable[[Pathway], Command]:
    return lambda p: RecordNotArranged(
        period_id=last(p.periods),
        from_on=first,
        until_on=until,
        not_arranged_reason=reason,  # type: ignore[arg-type]
    )


def report(first: date, until: date, **but: Any) -> Callable[[Pathway], Command]:
    return lambda p: SendAbsenceReport(**{"period_id": last(p.periods), "from_on": first, "until_on": until} | but)


def debts(**but: Any) -> StartParallelService:
    return StartParallelService(**{"service": "financial_and_debt_counselling", "told_by": "client"} | but)


def meeting(*parties: str, **but: Any) -> HoldFollowUp:
    return HoldFollowUp(**{"followup_kind": "regular_follow_up", "parties_present": parties} | but)


def _rows() -> Iterator[tuple[str, Step]]:
    january, february = (lambda d: date(2025, 1, d)), (lambda d: date(2025, 2, d))
    yield "1", Step(REFERRER, january(20), referral())
    yield (
        "2",
        Step(INTAKE, january(20), lambda p: ReceiveReferral(referral_id=last(p.referrals), received_via="electronic")),
    )
    yield "3", Step(INTAKE, january(22), lambda p: AcceptReferral(referral_id=last(p.referrals)))
    yield "4", Step(SOCIAL_WORKER, january(27), StartAssessment(owner="adult_social_work", client_attended=True))
    yield "5", Step(SOCIAL_WORKER, february(6), result())
    yield "6", Step(TEAM_LEAD, february(7), own_worker())
    yield "6a", Step(EXPERT, february(7), subsidy())
    yield "7", Step(EXPERT, february(10), plan())
    yield "8 drafted", Step(EXPERT, february(14), draft())
    yield "8 client", Step(CLIENT, february(14), yes())
    yield "8 authority", Step(EXPERT, february(14), yes())
    yield "8", Step(OWN_WORKER, february(14), yes())
    yield "9", Step(SOCIAL_WORKER, february(17), granted())
    yield "10 proposed", Step(OWN_WORKER, february(20), place())
    yield "10 confirmed", Step(MANAGER, february(20), welcome)
    yield "10", Step(MANAGER, february(20), instructor)
    yield "11", Step(OWN_WORKER, february(21), planned())
    yield "12 started", Step(OWN_WORKER, FIRST, start())
    yield "12", Step(OWN_WORKER, FIRST, notice)
    yield "12a", Step(EXPERT, date(2025, 3, 4), statement())
    yield "13 first", Step(INSTRUCTOR, SICK[0], day("absent_own_sickness"))
    yield "13", Step(INSTRUCTOR, SICK[1], day("absent_own_sickness"))
    yield "14", Step(INSTRUCTOR, date(2025, 3, 21), report(date(2025, 3, 10), date(2025, 3, 21)))
    yield "15", Step(OWN_WORKER, date(2025, 4, 1), debts())
    for number, holiday in enumerate(HOLIDAYS):
        yield f"16 {number}", Step(INSTRUCTOR, holiday, closed(holiday))
    yield "17", Step(INSTRUCTOR, INTERVIEW, day("absent_job_interview"))
    yield "17a", Step(INSTRUCTOR, date(2025, 5, 16), report(INTERVIEW, date(2025, 5, 16)))
    yield "18", Step(OWN_WORKER, date(2025, 6, 2), meeting("organiser", "instructor", "client"))
    yield (
        "19",
        Step(OWN_WORKER, date(2025, 6, 30), lambda p: StopParallelService(parallel_service_id=last(p.parallel_services))),
    )
    yield "20", Step(INSTRUCTOR, BREAK[0], closed(*BREAK, reason="break"))
    next_step = {"next_step": "pay_subsidised_work", "next_step_from_on": date(2025, 9, 3)}
    yield "21", Step(OWN_WORKER, date(2025, 8, 25), meeting("organiser", "employment_side", **next_step))
    yield "22", Step(OWN_WORKER, LAST, lambda p: CompletePeriod(period_id=last(p.periods)))
    yield "23 exit", Step(OWN_WORKER, LAST, RecordExit(exit_kind="pay_subsidised_work"))
    yield "23", Step(OWN_WORKER, LAST, notice)
    yield "24", Step(OWN_WORKER, date(2025, 9, 5), CloseCase(closing_code="exit"))


def _present() -> Iterator[tuple[str, Step]]:
    told = {*SICK, INTERVIEW, *HOLIDAYS}
    on = FIRST
    while on <= LAST:
        if on.isoweekday() in (1, 2, 4) and on not in told and not BREAK[0] <= on <= BREAK[1]:
            yield f"present {on}", Step(INSTRUCTOR, on, day())
        on += timedelta(days=1)


STEPS: tuple[tuple[str, Step], ...] = tuple(sorted([*_rows(), *_present()], key=lambda row: row[1].on))


@cache
def as_1(row: str = "24") -> World:
    """AS-1 up to and including a row, the days that no row mentions present in between."""
    world = registered()
    for label, step in STEPS:
        world = world.after(step)
        if label == row:
            return world
    raise KeyError(row)
