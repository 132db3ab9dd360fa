"""What one client's facts add up to. No rule stands here: history is folded, never refused.

The pathway keeps every fact in the order of recording, with its present (corrected) value, and groups facts into parts:
referrals, cases, plans, periods … A state is not stored; it is what the dated facts say on a day (design D4).
Folding up to a position answers "as then known"; `on(date)` answers "as it was".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Generic, Literal, TypeAlias, TypeVar, assert_never

from domain import events as e
from domain.events import Erased, Event

E = TypeVar("E", bound=Event)
X = TypeVar("X")

CaseState = Literal["assessing", "planning", "placing", "active", "between_periods", "closed", "not_open"]

ClientEvent: TypeAlias = (
    e.SubjectRegistered
    | e.ReferralSubmitted
    | e.ReferralReceived
    | e.ReferralAccepted
    | e.CaseOpened
    | e.AssessmentStarted
    | e.AssessmentCompleted
    | e.OwnWorkerAssigned
    | e.BenefitStatusChanged
    | e.PlanDraftingStarted
    | e.PlanDrafted
    | e.PlanAcceptedByParty
    | e.PlanAgreed
    | e.DecisionIssued
    | e.PlacementProposed
    | e.PlacementConfirmed
    | e.InstructorNamed
    | e.PeriodPlanned
    | e.PeriodStarted
    | e.PeriodCompleted
    | e.AttendanceRecorded
    | e.ServiceDayNotArranged
    | e.AbsenceReportSent
    | e.LabourPolicyStatementIssued
    | e.ParallelServiceStarted
    | e.ParallelServiceStopped
    | e.FollowUpHeld
    | e.ExitRecorded
    | e.CaseClosed
    | e.NotificationDue
    | e.NotificationSent
    | e.FactCorrected
)
"""Every fact that may stand in a client's stream."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[E]):
    """A recorded event with its place and author; `event` and `occurred_on` as they hold now, corrections applied."""

    event_id: str
    event: E
    occurred_on: date
    recorded_at: datetime
    position: int
    version: int
    matter: str
    actor_org: str
    actor_task: str
    actor_role: str
    actor_person: str
    command_id: str
    corrected_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The event's name without version."""
        return self.event.NAME


@dataclass(frozen=True, slots=True)
class Referral:
    """One message from one sender that asked for the service."""

    submitted: Fact[e.ReferralSubmitted]
    received: Fact[e.ReferralReceived] | None = None
    accepted: Fact[e.ReferralAccepted] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """From the accepted referral to the closing; its matter is that of the referral."""

    opened: Fact[e.CaseOpened]
    own_workers: tuple[Fact[e.OwnWorkerAssigned], ...] = ()
    closed: Fact[e.CaseClosed] | None = None

    def is_open(self, on: date) -> bool:
        """Whether the case had been opened and not yet closed by the end of the day."""
        return self.opened.occurred_on <= on and not (self.closed and self.closed.occurred_on <= on)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the client needs, being found out."""

    started: Fact[e.AssessmentStarted]
    completed: Fact[e.AssessmentCompleted] | None = None


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version of a plan; immutable, replaced by the next one."""

    drafted: Fact[e.PlanDrafted]
    accepted: tuple[Fact[e.PlanAcceptedByParty], ...] = ()
    agreed: Fact[e.PlanAgreed] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan with its versions, numbered from 1."""

    started: Fact[e.PlanDraftingStarted]
    versions: Mapping[int, PlanVersion] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """Number of the newest version, 0 before the first draft."""
        return max(self.versions, default=0)


@dataclass(frozen=True, slots=True)
class Placement:
    """A client's place at a site of a provider."""

    proposed: Fact[e.PlacementProposed]
    confirmed: Fact[e.PlacementConfirmed] | None = None
    instructors: tuple[Fact[e.InstructorNamed], ...] = ()

    def covers(self, on: date) -> bool:
        """Whether the day lies in the placement's planned time."""
        return self.proposed.event.from_on <= on <= self.proposed.event.until_on


@dataclass(frozen=True, slots=True)
class Period:
    """A planned or running stretch of participation."""

    planned: Fact[e.PeriodPlanned]
    started: Fact[e.PeriodStarted] | None = None
    completed: Fact[e.PeriodCompleted] | None = None

    @property
    def placement_id(self) -> str | None:
        """The placement that the period started in."""
        return self.started.event.placement_id if self.started else None

    @property
    def last_on(self) -> date:
        """Last day: the real one once ended, else the planned one."""
        if self.completed:
            return self.completed.event.ended_on
        return (self.started or self.planned).event.planned_end_on

    def is_open(self, on: date) -> bool:
        """Whether it has started and has not been ended by the end of the day."""
        return bool(self.started and self.started.event.starts_on <= on) and not (
            self.completed and self.completed.event.ended_on <= on
        )

    def covers(self, on: date) -> bool:
        """Whether the day lies in the started period, its last day included."""
        return bool(self.started) and self.started.event.starts_on <= on <= self.last_on if self.started else False

    def scheduled_days(self, first: date | None = None, last: date | None = None) -> Iterator[date]:
        """The scheduled local dates between two days (both included), none meaning the period's own ends."""
        weekdays = {entry.weekday for entry in self.planned.event.schedule}
        start = self.started.event.starts_on if self.started else self.planned.event.starts_on
        day, end = max(first or start, start), min(last or self.last_on, self.last_on)
        while day <= end:
            if day.isoweekday() in weekdays:
                yield day
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ParallelRun:
    """Another service beside this one."""

    started: Fact[e.ParallelServiceStarted]
    stopped: Fact[e.ParallelServiceStopped] | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A duty to tell somebody, and whether it was done."""

    due: Fact[e.NotificationDue]
    sent: Fact[e.NotificationSent] | None = None


Days: TypeAlias = Mapping[date, Mapping[tuple[str, str], Fact[e.AttendanceRecorded]]]
"""By day, then by (period, account): many accounts of one day stand side by side."""


@dataclass(frozen=True, slots=True)
class Pathway:
    """One client's facts and what they add up to. `version` is the stream's version, 0 before the first fact."""

    client: str
    version: int = 0
    facts: Mapping[str, Fact[Event]] = field(default_factory=dict)
    registered: Fact[e.SubjectRegistered] | None = None
    referrals: Mapping[str, Referral] = field(default_factory=dict)
    cases: Mapping[str, Case] = field(default_factory=dict)
    assessments: Mapping[str, Assessment] = field(default_factory=dict)
    benefits: tuple[Fact[e.BenefitStatusChanged], ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    decisions: Mapping[str, Fact[e.DecisionIssued]] = field(default_factory=dict)
    placements: Mapping[str, Placement] = field(default_factory=dict)
    periods: Mapping[str, Period] = field(default_factory=dict)
    days: Days = field(default_factory=dict)
    not_arranged: tuple[Fact[e.ServiceDayNotArranged], ...] = ()
    reports: Mapping[str, Fact[e.AbsenceReportSent]] = field(default_factory=dict)
    statements: Mapping[str, Fact[e.LabourPolicyStatementIssued]] = field(default_factory=dict)
    parallel_services: Mapping[str, ParallelRun] = field(default_factory=dict)
    follow_ups: Mapping[str, Fact[e.FollowUpHeld]] = field(default_factory=dict)
    exits: Mapping[str, Fact[e.ExitRecorded]] = field(default_factory=dict)
    notices: Mapping[str, Notice] = field(default_factory=dict)

    @property
    def client_matter(self) -> str:
        """The matter of what concerns the client as such (domain/events.md 11.4)."""
        return self.registered.matter if self.registered else ""

    def matter_of(self, event: Event) -> str:
        """The matter that a new fact of this client belongs to. Raises `KeyError` for an unknown part."""
        if isinstance(event, e.CaseEvent):
            return self.cases[event.case_id].opened.matter
        if isinstance(event, e.FactCorrected):
            return self.facts[event.target_event_id].matter
        if isinstance(event, e.ReferralSubmitted | e.ReferralReceived | e.ReferralAccepted):
            return self.referrals[event.referral_id].submitted.matter
        return self.client_matter

    def on(self, day: date) -> Pathway:
        """The pathway as it was by the end of a day: only facts dated on it or before, as known at this position."""
        return replay(self.client, (fact for fact in self.facts.values() if fact.occurred_on <= day))

    def open_case(self, on: date) -> Case | None:
        """The case that was open on the day."""
        return next((case for case in reversed(self.cases.values()) if case.is_open(on)), None)  # type: ignore[call-overload]

    def case_state(self, case_id: str, on: date) -> CaseState:
        """What a guard sees on the day (domain/pathway.md 4.3)."""
        case = self.cases.get(case_id)
        if case is None or case.opened.occurred_on > on:
            return "not_open"
        if not case.is_open(on):
            return "closed"
        started = [p for p in self.periods_of(case_id) if p.started and p.started.event.starts_on <= on]
        if any(period.is_open(on) for period in started):
            return "active"
        if started:
            return "between_periods"
        if any(agreed.occurred_on <= on for agreed in self.agreed_plans(case_id)):
            return "placing"
        if any(
            a.completed and a.completed.occurred_on <= on and a.completed.event.result == "need"
            for a in self.assessments_of(case_id)
        ):
            return "planning"
        return "assessing"

    def agreed_plans(self, case_id: str) -> list[Fact[e.PlanAgreed]]:
        """Every agreement of a plan version of the case, in order of recording."""
        return [
            version.agreed
            for plan in self.plans.values()
            if plan.started.event.case_id == case_id
            for version in plan.versions.values()
            if version.agreed
        ]

    def assessments_of(self, case_id: str) -> list[Assessment]:
        """The assessments of the case."""
        return [a for a in self.assessments.values() if a.started.event.case_id == case_id]

    def periods_of(self, case_id: str) -> list[Period]:
        """The periods of the case."""
        return [p for p in self.periods.values() if p.planned.event.case_id == case_id]

    def own_worker(self, case_id: str, on: date) -> Fact[e.OwnWorkerAssigned] | None:
        """The own worker in charge on the day."""
        case = self.cases.get(case_id)
        known = [a for a in case.own_workers if a.event.effective_on <= on] if case else []
        return max(known, key=lambda a: (a.event.effective_on, a.version), default=None)

    def benefit(self, on: date) -> Fact[e.BenefitStatusChanged] | None:
        """The benefit status that holds on the day: the latest start wins, at equal starts the latest recorded."""
        known = [b for b in self.benefits if b.event.from_on <= on and (b.event.until_on is None or on <= b.event.until_on)]
        return max(known, key=lambda b: (b.event.from_on, b.version), default=None)

    def payer(self, on: date) -> str | None:
        """The organisation that pays the unemployment benefit on the day; none for social assistance."""
        held = self.benefit(on)
        return held.event.payer_org_id if held else None

    def employment_authority(self, on: date) -> str | None:
        """The employment authority of the day: last named by its own referral or by a plan's beginning
        (domain/disclosure.md 5.3, column EA)."""
        named = [
            (r.submitted.occurred_on, r.submitted.version, r.submitted.event.sender_org_id)
            for r in self.referrals.values()
            if r.submitted.event.source in ("employment_authority", "te_services") and r.submitted.event.sender_org_id
        ] + [
            (p.started.occurred_on, p.started.version, p.started.event.employment_authority_org_id)
            for p in self.plans.values()
            if p.started.event.employment_authority_org_id
        ]
        dated = [entry for entry in named if entry[0] <= on]
        return max(dated)[2] if dated else None

    def placement_on(self, on: date) -> Placement | None:
        """The confirmed placement whose time covers the day."""
        found = [p for p in self.placements.values() if p.confirmed and p.covers(on)]
        return found[-1] if found else None

    def agreed_version(self, plan_id: str, version: int) -> PlanVersion | None:
        """The version when it has been agreed."""
        plan = self.plans.get(plan_id)
        found = plan.versions.get(version) if plan else None
        return found if found and found.agreed else None


def replay(client: str, facts: Iterable[Fact[Event]]) -> Pathway:
    """Fold facts whose values are final into a pathway."""
    pathway = Pathway(client)
    for fact in facts:
        pathway = evolve(pathway, fact)
    return pathway


def evolve(pathway: Pathway, fact: Fact[Event] | Fact[Event | Erased]) -> Pathway:  # type: ignore[type-var]
    """The pathway with one more fact. Never refuses; an erased fact only moves the version."""
    event = fact.event
    if isinstance(event, Erased):
        return replace(pathway, version=fact.version)
    if isinstance(event, e.FactCorrected) and event.target_event_id in pathway.facts:
        target = corrected(pathway.facts[event.target_event_id], event, fact.event_id)
        if target is not pathway.facts[event.target_event_id]:
            facts = {**pathway.facts, event.target_event_id: target, fact.event_id: fact}
            return replace(replay(pathway.client, facts.values()), version=fact.version)  # type: ignore[arg-type]
    facts = {**pathway.facts, fact.event_id: fact}
    changes = _add(pathway, fact)  # type: ignore[arg-type]
    changes["version"], changes["facts"] = fact.version, facts
    return _moved(pathway, changes)


def _moved(pathway: Pathway, changes: Mapping[str, Any]) -> Pathway:
    """`dataclasses.replace` for the one place where its time counts: every fact that is folded."""
    moved = object.__new__(Pathway)
    for name, put, value in zip(_FIELDS, _PUT, _values_of(pathway), strict=True):
        put(moved, changes.get(name, value))
    return moved


_FIELDS = tuple(found.name for found in fields(Pathway))
_PUT = tuple(getattr(Pathway, name).__set__ for name in _FIELDS)
_values_of = attrgetter(*_FIELDS)


def corrected(target: Fact[Event], correction: e.FactCorrected, by: str) -> Fact[Event]:
    """The target as it holds after the correction; unchanged when this correction is already applied."""
    if by in target.corrected_by:
        return target
    values = {name: getattr(target.event, name) for name in type(target.event).model_fields}
    values |= correction.new_values or {}
    return replace(
        target,
        event=type(target.event).model_validate(values),
        occurred_on=correction.corrected_occurred_on or target.occurred_on,
        corrected_by=(*target.corrected_by, by),
    )


def _with(known: Mapping[str, X], key: str, part: X) -> dict[str, X]:
    return {**known, key: part}


def _add(p: Pathway, fact: Fact[ClientEvent]) -> dict[str, Any]:
    f: Fact = fact  # type: ignore[type-arg]
    event: ClientEvent = fact.event
    match event:
        case e.SubjectRegistered():
            return {"registered": f}
        case e.ReferralSubmitted(referral_id=key):
            return {"referrals": _with(p.referrals, key, Referral(f))}
        case e.ReferralReceived(referral_id=key) if key in p.referrals:
            return {"referrals": _with(p.referrals, key, replace(p.referrals[key], received=f))}
        case e.ReferralAccepted(referral_id=key) if key in p.referrals:
            return {"referrals": _with(p.referrals, key, replace(p.referrals[key], accepted=f))}
        case e.CaseOpened(case_id=key):
            return {"cases": _with(p.cases, key, Case(f))}
        case e.OwnWorkerAssigned(case_id=key) if key in p.cases:
            workers = (*p.cases[key].own_workers, f)
            return {"cases": _with(p.cases, key, replace(p.cases[key], own_workers=workers))}
        case e.CaseClosed(case_id=key) if key in p.cases:
            return {"cases": _with(p.cases, key, replace(p.cases[key], closed=f))}
        case e.AssessmentStarted(assessment_id=key):
            return {"assessments": _with(p.assessments, key, Assessment(f))}
        case e.AssessmentCompleted(assessment_id=key) if key in p.assessments:
            return {"assessments": _with(p.assessments, key, replace(p.assessments[key], completed=f))}
        case e.BenefitStatusChanged():
            return {"benefits": (*p.benefits, f)}
        case e.PlanDraftingStarted(plan_id=key):
            return {"plans": _with(p.plans, key, Plan(f))}
        case e.PlanDrafted(plan_id=key, plan_version=number) if key in p.plans:
            return _with_version(p, key, number, PlanVersion(f))
        case e.PlanAcceptedByParty(plan_id=key, plan_version=number) if _known_version(p, key, number):
            version = p.plans[key].versions[number]
            return _with_version(p, key, number, replace(version, accepted=(*version.accepted, f)))
        case e.PlanAgreed(plan_id=key, plan_version=number) if _known_version(p, key, number):
            return _with_version(p, key, number, replace(p.plans[key].versions[number], agreed=f))
        case e.DecisionIssued(decision_id=key):
            return {"decisions": _with(p.decisions, key, f)}
        case e.PlacementProposed(placement_id=key):
            return {"placements": _with(p.placements, key, Placement(f))}
        case e.PlacementConfirmed(placement_id=key) if key in p.placements:
            return {"placements": _with(p.placements, key, replace(p.placements[key], confirmed=f))}
        case e.InstructorNamed(placement_id=key) if key in p.placements:
            named = (*p.placements[key].instructors, f)
            return {"placements": _with(p.placements, key, replace(p.placements[key], instructors=named))}
        case e.PeriodPlanned(period_id=key):
            return {"periods": _with(p.periods, key, Period(f))}
        case e.PeriodStarted(period_id=key) if key in p.periods:
            return {"periods": _with(p.periods, key, replace(p.periods[key], started=f))}
        case e.PeriodCompleted(period_id=key) if key in p.periods:
            return {"periods": _with(p.periods, key, replace(p.periods[key], completed=f))}
        case e.AttendanceRecorded(period_id=key, account=account):
            day = {**p.days.get(f.occurred_on, {}), (key, account): f}
            return {"days": {**p.days, f.occurred_on: day}}
        case e.ServiceDayNotArranged():
            return {"not_arranged": (*p.not_arranged, f)}
        case e.AbsenceReportSent(report_id=key):
            return {"reports": _with(p.reports, key, f)}
        case e.LabourPolicyStatementIssued(labour_statement_id=key):
            return {"statements": _with(p.statements, key, f)}
        case e.ParallelServiceStarted(parallel_service_id=key):
            return {"parallel_services": _with(p.parallel_services, key, ParallelRun(f))}
        case e.ParallelServiceStopped(parallel_service_id=key) if key in p.parallel_services:
            run = replace(p.parallel_services[key], stopped=f)
            return {"parallel_services": _with(p.parallel_services, key, run)}
        case e.FollowUpHeld(followup_id=key):
            return {"follow_ups": _with(p.follow_ups, key, f)}
        case e.ExitRecorded(exit_id=key):
            return {"exits": _with(p.exits, key, f)}
        case e.NotificationDue(notification_id=key):
            return {"notices": _with(p.notices, key, Notice(f))}
        case e.NotificationSent(notification_id=key) if key in p.notices:
            return {"notices": _with(p.notices, key, replace(p.notices[key], sent=f))}
        case (
            e.ReferralReceived()
            | e.ReferralAccepted()
            | e.OwnWorkerAssigned()
            | e.CaseClosed()
            | e.AssessmentCompleted()
            | e.PlanDrafted()
            | e.PlanAcceptedByParty()
            | e.PlanAgreed()
            | e.PlacementConfirmed()
            | e.InstructorNamed()
            | e.PeriodStarted()
            | e.PeriodCompleted()
            | e.ParallelServiceStopped()
            | e.NotificationSent()
            | e.FactCorrected()
        ):
            # The part it speaks of lies outside what is folded here, for example before the day asked about.
            return {}
        case _:
            assert_never(event)


def _known_version(p: Pathway, plan_id: str, number: int) -> bool:
    return plan_id in p.plans and number in p.plans[plan_id].versions


def _with_version(p: Pathway, plan_id: str, number: int, version: PlanVersion) -> dict[str, Any]:
    plan = p.plans[plan_id]
    return {"plans": _with(p.plans, plan_id, replace(plan, versions={**plan.versions, number: version}))}
