"""A client's facts written by hand, on any date, without guards: what the policy must bear. Ids are invented."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from disclosure.told import Everybody, a_fact
from stories import AUTHORITY, COUNTY, FUND, HOSPITAL, KEHA, KELA, register, week

from domain import events as e
from domain.directory import Directory, enter
from domain.events import Event
from domain.pathway import Fact

By = Sequence[str]
OWN_WORKER: By = (COUNTY, "organiser", "own_worker", "W-01")
EXPERT: By = (AUTHORITY, "employment_authority", "employment_expert", "E-01")
REFERRER: By = (AUTHORITY, "referrer", "referrer", "E-01")
DOCTOR: By = (HOSPITAL, "referrer", "referrer", "D-71")
ISSUER: By = (KEHA, "statement_issuer", "keha_expert", "H-01")
ASSISTANCE: By = (KELA, "social_assistance", "kela_clerk", "K-12")

CENTRE, PARISH, CITY = "0000014-0", "0000015-8", "0000016-6"
"""Two more providers (activity without reports; support and guidance only) and a second employment authority."""
AT_CENTRE: By = (CENTRE, "provider", "instructor", "I-01")
CITY_EXPERT: By = (CITY, "employment_authority", "employment_expert", "E-02")

MORE = (
    (CENTRE, "provider", "provider", "centre"),
    (PARISH, "provider", "provider", "parish"),
    (CITY, "employment_authority", "employment_authority", "city"),
)


def ref(name: str) -> str:
    """A reference with a name that one can read in the test."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def joined(org: str, kind: str, task: str, short_name: str, since: date = date(2023, 1, 1)) -> e.OrganisationJoined:
    tasks = (e.TaskFrom(task=task, from_on=since, short_name=short_name),)
    said = {"org_id": org, "org_name": f"Example {org}", "agency_kind": kind, "tasks": tasks, "transport": "hosted"}
    return e.OrganisationJoined(**said, contact_mailbox="kuty@example.org")


def members() -> Directory:
    """The register of the stories with three more organisations and a contract without absence reports."""
    directory = register().directory
    for member in MORE:
        directory = enter(directory, joined(*member), int(directory.version) + 1)
    terms = {"from_on": date(2024, 1, 1), "until_on": date(2027, 12, 31), "provision_roles": ("activity",)}
    contract = e.ProviderContracted(
        contract_id="K-14", org_id=CENTRE, organiser_org_id=COUNTY, capacity=(), files_absence_reports=False, **terms
    )
    return enter(directory, contract, int(directory.version) + 1)


@dataclass
class Path:
    """Facts in the order of recording."""

    facts: list[Fact[Event]] = field(default_factory=list)

    def add(self, event: Event, on: date, by: By = OWN_WORKER, command: str = "") -> Fact[Event]:
        fact = a_fact(event, on, len(self.facts) + 1, by, command)
        self.facts.append(fact)
        return fact

    def told(self, **but: Any) -> Everybody:
        """Everybody, after all these facts."""
        everybody = Everybody(members(), **but)
        everybody.hear(*self.facts)
        return everybody

    def without(self, fact: Fact[Event]) -> Path:
        return Path([f for f in self.facts if f is not fact])


CASE, PLAN, PERIOD, PLACE = ref("case"), ref("plan"), ref("period"), ref("placement")
FIRST, LAST = date(2025, 3, 3), date(2025, 8, 29)


def referral(key: str = "referral", **but: Any) -> e.ReferralSubmitted:
    named = ("family_name", "identity_code")
    said = {"source": "employment_authority", "sender_org_id": AUTHORITY, "legal_basis": "LB-189-PLAN"}
    said |= {"identity_named": named}
    return e.ReferralSubmitted(**{"referral_id": ref(key)} | said | but)


def benefit(payer: str | None, from_on: date, until_on: date | None = None) -> e.BenefitStatusChanged:
    code = {KELA: "labour_market_subsidy", FUND: "earnings_related_allowance", None: "social_assistance"}[payer]
    return e.BenefitStatusChanged(benefit=code, payer_org_id=payer, from_on=from_on, until_on=until_on)


def worker(key: str = "assignment", effective_on: date = date(2025, 2, 3)) -> e.OwnWorkerAssigned:
    return e.OwnWorkerAssigned(
        case_id=CASE,
        assignment_id=ref(key),
        worker_id="W-01",
        effective_on=effective_on,
        profession="social_worker",
        registration_number="R-1001",
        registration_from_on=date(2018, 6, 1),
        registration_checked_on=date(2025, 2, 3),
    )


def plan(key: str = "plan", **but: Any) -> e.PlanDraftingStarted:
    parties = ("client", "organiser", "employment_side")
    said = {"plan_kind": "activation_plan", "initiator": "employment_side", "parties": parties}
    said |= {"employment_authority_org_id": AUTHORITY, "eligibility_keys": ("EL-O25-LMS500",)}
    return e.PlanDraftingStarted(**{"case_id": CASE, "plan_id": ref(key)} | said | but)


def draft(**but: Any) -> e.PlanDrafted:
    said = {"includes_kuty": True, "kuty_from_on": FIRST, "kuty_until_on": LAST, "schedule": week(1, 2, 4)}
    said |= {"goal": "A rhythm", "support": "A talk"}
    return e.PlanDrafted(**{"case_id": CASE, "plan_id": PLAN, "plan_version": 1} | said | but)


def agreed() -> e.PlanAgreed:
    return e.PlanAgreed(case_id=CASE, plan_id=PLAN, plan_version=1, parties=("client", "organiser", "employment_side"))


def revision(**but: Any) -> e.PlanRevised:
    said: dict[str, Any] = {"plan_version": 2, "revises_version": 1, "revision_reason": "schedule"}
    return e.PlanRevised(**dict(draft()) | said | but)


def decision(**but: Any) -> e.DecisionIssued:
    said = {"outcome": "granted", "less_than_asked": False, "granted_from_on": FIRST, "granted_until_on": LAST}
    said |= {"max_days_per_week": 3, "max_hours_per_day": 5.0, "reasons": "Because", "appeal_instructions": True}
    return e.DecisionIssued(**{"case_id": CASE, "decision_id": ref("decision")} | said | but)


def placement(key: str = "placement", provider: str = CENTRE, **but: Any) -> e.PlacementProposed:
    said = {"provider_org_id": provider, "contract_id": "K-14", "site_id": "S-14", "provision_role": "activity"}
    said |= {"placement_form": "group_activity", "from_on": FIRST, "until_on": LAST, "outside_commuting_area": False}
    return e.PlacementProposed(**{"case_id": CASE, "placement_id": ref(key), "site_needs": "No stairs"} | said | but)


def attendance(
    status: str = "present", account: str = "provider", key: str = "placement", **but: Any
) -> e.AttendanceRecorded:
    hours = 5.0 if status == "present" else None
    named = ref(key) if account == "provider" else None
    said = {"account": account, "day_status": status, "hours": hours, "placement_id": named}
    return e.AttendanceRecorded(**{"case_id": CASE, "period_id": PERIOD} | said | but)


def closed(first: date, last: date, key: str = "placement") -> e.ServiceDayNotArranged:
    said = {"from_on": first, "until_on": last, "not_arranged_reason": "break"}
    return e.ServiceDayNotArranged(case_id=CASE, period_id=PERIOD, placement_id=ref(key), **said)


def report(payer: str, first: date, last: date, *days: date, by: str = CENTRE) -> e.AbsenceReportSent:
    absences = tuple(e.Absence(day_on=day, day_status="absent_other") for day in days)
    said = {"payer_org_id": payer, "reporting_org_id": by, "from_on": first, "until_on": last, "absences": absences}
    return e.AbsenceReportSent(case_id=CASE, report_id=ref(f"report {first}"), period_id=PERIOD, **said)


def statement(payer: str = KELA) -> e.LabourPolicyStatementIssued:
    said = {"labour_statement_kind": "start", "service_from_on": FIRST, "service_until_on": LAST, "conditions_met": True}
    return e.LabourPolicyStatementIssued(
        case_id=CASE, labour_statement_id=ref("statement"), period_id=PERIOD, payer_org_id=payer, **said
    )


def due(org: str, about: Fact[Event], kind: str = "start") -> e.NotificationDue:
    said = {"notification_kind": kind, "recipient_org_id": org, "about_event_id": about.event_id, "due_on": LAST}
    return e.NotificationDue(case_id=CASE, notification_id=ref(f"notice {kind} {org}"), **said)


def sent(org: str, about: Fact[Event], kind: str = "start") -> e.NotificationSent:
    said = {"notification_kind": kind, "recipient_org_id": org, "about_event_id": about.event_id, "period_id": PERIOD}
    return e.NotificationSent(case_id=CASE, notification_id=ref(f"notice {kind} {org}"), **said)


def correction(target: Fact[Event], on: date | None = None, **values: Any) -> e.FactCorrected:
    said = {"correction_reason": "wrong_entry", "corrected_occurred_on": on, "new_values": values or None}
    return e.FactCorrected(target_event_id=target.event_id, **said)


def in_service(payer: str | None = KELA, *, provider: str = CENTRE, role: str = "activity", **plan_but: Any) -> Path:
    """From referral to a started period: case 2025-01-10, payer since 2023, plan 2025-02-10, period from 2025-03-03."""
    path = Path()
    registered = e.SubjectRegistered(identity_kind="identity_code", registered_from="referral")
    path.add(registered, date(2025, 1, 7))
    path.add(referral(), date(2025, 1, 7), REFERRER)
    path.add(e.ReferralReceived(referral_id=ref("referral"), received_via="electronic"), date(2025, 1, 7))
    path.add(e.ReferralAccepted(referral_id=ref("referral")), date(2025, 1, 10), command="accept")
    opened = e.CaseOpened(case_id=CASE, referral_id=ref("referral"), service_programme="kuty")
    path.add(opened, date(2025, 1, 10), command="accept")
    path.add(benefit(payer, date(2023, 1, 9)), date(2025, 1, 13))
    seen = {"case_id": CASE, "assessment_id": ref("assessment"), "client_attended": True}
    path.add(e.AssessmentStarted(owner="adult_social_work", **seen), date(2025, 1, 20))
    completed = e.AssessmentCompleted(result="need", needs=("working_life_rules",), special_support_need=False, **seen)
    path.add(completed, date(2025, 1, 30))
    path.add(worker(), date(2025, 2, 3))
    path.add(plan(**plan_but), date(2025, 2, 10))
    path.add(
        draft(
            parallel_services=("job_coach_services", "psychiatric_services"),
            circumstances_affecting_employment=("housing",),
            capacity_limits_affecting_employment=("pace",),
            measures=("job_offers",),
        ),
        date(2025, 2, 14),
    )
    for party in ("client", "organiser", "employment_side"):
        path.add(e.PlanAcceptedByParty(case_id=CASE, plan_id=PLAN, plan_version=1, party_kind=party), date(2025, 2, 14))
    path.add(agreed(), date(2025, 2, 14))
    path.add(decision(), date(2025, 2, 17))
    path.add(placement(provider=provider, provision_role=role), date(2025, 2, 20))
    path.add(e.PlacementConfirmed(case_id=CASE, placement_id=PLACE), date(2025, 2, 20), AT_CENTRE)
    path.add(
        e.InstructorNamed(case_id=CASE, placement_id=PLACE, instructor_id="I-01", instructor_role="own_instructor"),
        date(2025, 2, 20),
        AT_CENTRE,
    )
    days = {"case_id": CASE, "period_id": PERIOD, "starts_on": FIRST, "planned_end_on": LAST}
    path.add(e.PeriodPlanned(plan_id=PLAN, plan_version=1, schedule=week(1, 2, 4), **days), date(2025, 2, 21))
    started = path.add(e.PeriodStarted(decision_id=ref("decision"), placement_id=PLACE, **days), FIRST, command="start")
    path.add(due(AUTHORITY, started), FIRST, command="start")
    path.add(sent(AUTHORITY, started), FIRST)
    return path


def whole(payer: str | None = KELA, **but: Any) -> Path:
    """As `in_service`, on to the closed case: every kind of fact of a client once, stated by the county unless an agency
    must; nothing is anybody's own but placement and instructor."""
    path = in_service(payer, **but)
    path.add(statement(payer or KELA), date(2025, 3, 4))
    path.add(attendance("absent_other"), date(2025, 3, 10))
    path.add(closed(date(2025, 3, 17), date(2025, 3, 21)), date(2025, 3, 17))
    path.add(report(payer or KELA, date(2025, 3, 10), date(2025, 3, 21), date(2025, 3, 10)), date(2025, 3, 21))
    service = {"case_id": CASE, "parallel_service_id": ref("service")}
    beside = {"service": "te_services", "service_note": "x", "told_by": "client", "from_on": date(2025, 4, 1)}
    path.add(e.ParallelServiceStarted(**beside, **service), date(2025, 4, 1))
    path.add(e.ParallelServiceStopped(until_on=date(2025, 4, 30), **service), date(2025, 4, 30))
    present = ("client", "organiser")
    path.add(
        e.FollowUpHeld(
            case_id=CASE,
            followup_id=ref("followup"),
            followup_kind="regular_follow_up",
            parties_present=present,
            next_step="continue",
            next_followup_on=date(2025, 7, 1),
        ),
        date(2025, 6, 2),
    )
    path.add(revision(schedule=week(1, 2)), date(2025, 6, 9))
    path.add(e.SubjectIdentifierChanged(identifier_change="name_changed"), date(2025, 6, 10))
    early = {"end_reason": "other", "health_end": True, "valid_reason": "yes"}
    # No command of ours records two ends of one period: the later one holds.
    path.add(e.PeriodInterrupted(case_id=CASE, period_id=PERIOD, ended_on=date(2025, 8, 22), **early), date(2025, 8, 22))
    completed = path.add(e.PeriodCompleted(case_id=CASE, period_id=PERIOD, ended_on=LAST), LAST)
    path.add(
        e.ExitRecorded(
            case_id=CASE,
            exit_id=ref("exit"),
            period_id=PERIOD,
            exit_kind="health_related",
            health_exit_kind=HEALTH_EXIT,
            from_on=date(2025, 9, 1),
        ),
        LAST,
        command="exit",
    )
    path.add(due(AUTHORITY, completed, "end"), LAST, command="exit")
    path.add(sent(AUTHORITY, completed, "end"), LAST)
    path.add(e.CaseClosed(case_id=CASE, closing_code="exit", exit_id=ref("exit")), date(2025, 9, 5))
    path.add(destruction(), date(2035, 9, 6))
    return path


def destruction(matter: str = CASE) -> e.PayloadKeyDestroyed:
    """The end of a matter; that of the case unless another is named."""
    return e.PayloadKeyDestroyed(
        destroyed_matter=matter, destroyed_key_id=f"{matter}/1", destroyed_at=datetime(2035, 9, 6, 7, tzinfo=UTC),
        destruction_digest="d1" * 32,
    )  # fmt: skip


def _health_exit() -> str:
    from domain.code_lists import code_list

    return sorted(code_list("exit_kind").marked("health_related"))[0]


HEALTH_EXIT = _health_exit()


def moved(fact: Fact[Event], **but: Any) -> Fact[Event]:
    """The fact with other header values."""
    return replace(fact, **but)
