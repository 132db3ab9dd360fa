"""Every fact there is, in a social worker's words. Field by field: domain/events.md 11.

A fact that has been recorded is never changed: it is corrected by another one. Each field carries the data class that
decides who may see it, and under which key it is sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from domain.vocabulary import (
    Account,
    Actor,
    AgencyKind,
    Benefit,
    BenefitStatus,
    ClosingCode,
    ContractId,
    DocumentId,
    EligibilityKey,
    EventRef,
    FollowupKind,
    Goals,
    Health,
    HealthExitKind,
    Hours,
    Identity,
    LegalBasis,
    MunicipalityCode,
    NeedCriterion,
    NotificationKind,
    OpenExitKind,
    OrganisationTask,
    OrgId,
    Parallel,
    ParallelService,
    PartyKind,
    PersonId,
    PlacementForm,
    PlanKind,
    PlanOwner,
    Profession,
    Professional,
    ProviderKind,
    ProviderWorkerRole,
    ProvisionRole,
    RecordedDayStatus,
    Ref,
    ReferralSource,
    RegisterNumber,
    Routing,
    Schedule,
    Service,
    ServiceProgramme,
    SetOf,
    ShortName,
    SiteId,
    Social,
    Text5,
    Text9,
    Text20,
    Text30,
    Text40,
    Text60,
    Text64,
    Text80,
    Text120,
    Text200,
    Text300,
    Text1000,
    Text2000,
)

Matter = Literal["case", "client", "target", "ledger", "fact"]


class Part(BaseModel):
    """A group of values inside a fact."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(BaseModel):
    """A fact, without who and when: those stand in the header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1
    MATTER: ClassVar[Matter]


class CaseEvent(Event):
    """A fact of one case."""

    MATTER = "case"
    case_id: Routing[Ref]


# --- Becoming a client; the referral ---------------------------------------------------------------------------------


class SubjectRegistered(Event):
    """The person became known to the organiser under a random reference; who it is stands in the vault alone."""

    NAME = "subject.registered"
    MATTER = "client"
    identity_kind: Identity[Literal["identity_code", "temporary_identifier", "none"]]
    registered_from: Routing[Literal["referral", "own_contact", "transfer", "import"]]


class ReferralSubmitted(Event):
    """Somebody asked the county to look at this person's need."""

    NAME = "referral.submitted"
    MATTER = "case"
    referral_id: Routing[Ref]
    source: Service[ReferralSource]
    source_note: Social[Text80 | None] = None
    sender_org_id: Routing[OrgId | None] = None
    legal_basis: Routing[LegalBasis | None] = None
    identity_named: Routing[SetOf[Literal["family_name", "given_names", "identity_code", "temporary_identifier"]] | None] = (
        None
    )
    consent_id: Routing[Ref | None] = None
    needs: Social[SetOf[NeedCriterion] | None] = None
    long_term_unemployment: Social[bool | None] = None


class ReferralReceived(Event):
    """The referral reached the county's intake."""

    NAME = "referral.received"
    MATTER = "case"
    referral_id: Routing[Ref]
    received_via: Routing[Literal["electronic", "paper", "phone", "in_person"]]


class ReferralAccepted(Event):
    """Intake took the referral on."""

    NAME = "referral.accepted"
    MATTER = "case"
    referral_id: Routing[Ref]


class CaseOpened(CaseEvent):
    """A case began. A client has at most one open case with one organiser."""

    NAME = "case.opened"
    referral_id: Routing[Ref | None] = None
    previous_case_id: Routing[Ref | None] = None
    moved_from_org_id: Routing[OrgId | None] = None
    service_programme: Service[ServiceProgramme]


# --- Assessment; own worker -------------------------------------------------------------------------------------------


class AssessmentStarted(CaseEvent):
    """Work on finding out what the client needs began."""

    NAME = "assessment.started"
    assessment_id: Routing[Ref]
    owner: Service[PlanOwner]
    client_attended: Service[bool]


class AssessmentCompleted(CaseEvent):
    """The need is known. A limit or a need is named, never a diagnosis."""

    NAME = "assessment.completed"
    assessment_id: Routing[Ref]
    result: Service[Literal["need", "no_need"]]
    needs: Social[SetOf[NeedCriterion] | None] = None
    client_attended: Service[bool]
    special_support_need: Social[bool]
    no_duty_ground: Social[
        Literal["works_over_8_hours", "entrepreneur", "full_time_student", "other_employment_service"] | None
    ] = None
    long_term_unemployment: Social[bool | None] = None
    last_worked_year: Social[int | None] = None
    self_rated_work_ability: Health[int | None] = None
    self_rated_functional_capacity: Health[int | None] = None
    capacity_statement_id: Health[DocumentId | None] = None
    assessment_document_id: Professional[DocumentId | None] = None


class OwnWorkerAssigned(CaseEvent):
    """The client got a named own worker, a registered professional of social welfare."""

    NAME = "own_worker.assigned"
    assignment_id: Routing[Ref]
    worker_id: Actor[PersonId]
    effective_on: Service[date]
    profession: Actor[Profession]
    registration_number: Actor[RegisterNumber]
    registration_from_on: Actor[date]
    registration_until_on: Actor[date | None] = None
    registration_checked_on: Actor[date]


# --- Benefit and payer ------------------------------------------------------------------------------------------------


class BenefitStatusChanged(Event):
    """The client lives on another benefit, or another body pays it, from a day on."""

    NAME = "benefit_status.changed"
    MATTER = "client"
    benefit: Benefit[BenefitStatus]
    payer_org_id: Benefit[OrgId | None] = None
    from_on: Benefit[date]
    until_on: Benefit[date | None] = None


# --- Plan -------------------------------------------------------------------------------------------------------------


class ScheduleEntry(Part):
    """One weekday of participation. Monday is 1; hours exclude travel; the time is local."""

    weekday: Literal[1, 2, 3, 4, 5, 6, 7]
    hours: Hours
    start_time: Text5 | None = None


def _once_a_weekday(schedule: tuple[ScheduleEntry, ...]) -> tuple[ScheduleEntry, ...]:
    days = [entry.weekday for entry in schedule]
    if not days or len(set(days)) < len(days):
        raise ValueError("a week has at least one entry and one entry a weekday at most")
    return tuple(sorted(schedule, key=lambda entry: entry.weekday))


WeekSchedule = Annotated[tuple[ScheduleEntry, ...], AfterValidator(_once_a_weekday)]
"""At most one entry a weekday, Monday first."""

Measure = Literal["job_offers", "employment_services", "education_services", "social_services"]
Circumstance = Literal["housing", "economy", "family", "transport", "language", "digital_skills"]
CapacityLimit = Literal["stamina", "pace", "concentration", "learning", "physical_load", "social_situations"]


class PlanDraftingStarted(CaseEvent):
    """The parties began to make a plan."""

    NAME = "plan.drafting_started"
    plan_id: Routing[Ref]
    plan_kind: Service[PlanKind]
    initiator: Service[PartyKind]
    parties: Service[SetOf[PartyKind]]
    owner: Service[PlanOwner | None] = None
    employment_authority_org_id: Routing[OrgId | None] = None
    kela_services_coordinated: Service[bool | None] = None
    eligibility_keys: Benefit[SetOf[EligibilityKey] | None] = None


class PlanDrafted(CaseEvent):
    """A version of the plan lies before the parties."""

    NAME = "plan.drafted"
    plan_id: Routing[Ref]
    plan_version: Service[int]
    includes_kuty: Service[bool]
    kuty_from_on: Service[date | None] = None
    kuty_until_on: Service[date | None] = None
    schedule: Schedule[WeekSchedule | None] = None
    placement_form: Service[SetOf[PlacementForm] | None] = None
    goal: Goals[Text300 | None] = None
    support: Goals[Text300 | None] = None
    review_due_on: Service[date | None] = None
    measures: Service[SetOf[Measure] | None] = None
    parallel_services: Parallel[SetOf[ParallelService] | None] = None
    circumstances_affecting_employment: Social[SetOf[Circumstance] | None] = None
    capacity_limits_affecting_employment: Health[SetOf[CapacityLimit] | None] = None
    plan_document_id: Professional[DocumentId | None] = None


class PlanAcceptedByParty(CaseEvent):
    """One party said yes to a version."""

    NAME = "plan.accepted_by_party"
    plan_id: Routing[Ref]
    plan_version: Service[int]
    party_kind: Service[PartyKind]


class PlanAgreed(CaseEvent):
    """Every mandatory party accepted the version: it is in force."""

    NAME = "plan.agreed"
    plan_id: Routing[Ref]
    plan_version: Service[int]
    parties: Service[SetOf[PartyKind]]


# --- Decision ---------------------------------------------------------------------------------------------------------

RefusalReason = Literal[
    "no_need",
    "not_target_group",
    "no_duty_to_organise",
    "other_service_primary",
    "absences",
    "organiser_cannot",
    "other",
]


class DecisionIssued(CaseEvent):
    """The county decided about the service; a decision against the client is reasoned and the client heard."""

    NAME = "decision.issued"
    decision_id: Routing[Ref]
    outcome: Service[Literal["granted", "refused", "ended"]]
    less_than_asked: Service[bool]
    granted_from_on: Service[date | None] = None
    granted_until_on: Service[date | None] = None
    ends_on: Service[date | None] = None
    max_days_per_week: Schedule[int | None] = None
    max_hours_per_day: Schedule[Hours | None] = None
    refusal_reasons: Service[SetOf[RefusalReason] | None] = None
    reasons: Professional[Text1000 | None] = None
    hearing_id: Routing[Ref | None] = None
    not_heard_ground: Professional[Literal["manifestly_unnecessary", "purpose_endangered", "urgent"] | None] = None
    appeal_instructions: Service[bool]
    decision_document_id: Professional[DocumentId | None] = None


# --- Placement --------------------------------------------------------------------------------------------------------


class PlacementProposed(CaseEvent):
    """The own worker asked a provider to take the client at a site."""

    NAME = "placement.proposed"
    placement_id: Routing[Ref]
    provider_org_id: Routing[OrgId]
    contract_id: Routing[ContractId]
    site_id: Routing[SiteId]
    provision_role: Service[ProvisionRole]
    placement_form: Service[PlacementForm]
    from_on: Service[date]
    until_on: Service[date]
    outside_commuting_area: Service[bool]
    consent_id: Routing[Ref | None] = None
    site_needs: Health[Text200 | None] = None
    replaces_placement_id: Routing[Ref | None] = None


class PlacementConfirmed(CaseEvent):
    """The provider takes the client."""

    NAME = "placement.confirmed"
    placement_id: Routing[Ref]


class InstructorNamed(CaseEvent):
    """The provider named the client's own instructor."""

    NAME = "instructor.named"
    placement_id: Routing[Ref]
    instructor_id: Actor[PersonId]
    instructor_role: Actor[ProviderWorkerRole]


# --- Period -----------------------------------------------------------------------------------------------------------


class PeriodPlanned(CaseEvent):
    """A period of participation was planned: three to twenty-four months."""

    NAME = "period.planned"
    period_id: Routing[Ref]
    plan_id: Routing[Ref]
    plan_version: Service[int]
    starts_on: Service[date]
    planned_end_on: Service[date]
    schedule: Schedule[WeekSchedule]
    no_duty_overridden: Social[bool | None] = None


class PeriodStarted(CaseEvent):
    """The client took up the period."""

    NAME = "period.started"
    period_id: Routing[Ref]
    decision_id: Routing[Ref]
    placement_id: Routing[Ref]
    starts_on: Service[date]
    planned_end_on: Service[date]


class PeriodCompleted(CaseEvent):
    """The period ended as planned."""

    NAME = "period.completed"
    period_id: Routing[Ref]
    ended_on: Service[date]


# --- Days, payers -----------------------------------------------------------------------------------------------------


class AttendanceRecorded(CaseEvent):
    """One account of one participation day: the provider's, the client's, the payer's or the county's."""

    NAME = "attendance.recorded"
    period_id: Routing[Ref]
    placement_id: Routing[Ref | None] = None
    account: Schedule[Account]
    day_status: Schedule[RecordedDayStatus]
    hours: Schedule[Hours | None] = None
    swap_of_on: Schedule[date | None] = None


NotArrangedReason = Literal["public_holiday", "break", "site_closed", "instructor_absent", "other"]


class ServiceDayNotArranged(CaseEvent):
    """The service was not arranged on a day or a range of days: no absence, and no allowance."""

    NAME = "service_day.not_arranged"
    period_id: Routing[Ref]
    placement_id: Routing[Ref]
    from_on: Schedule[date]
    until_on: Schedule[date]
    not_arranged_reason: Schedule[NotArrangedReason]


class Absence(Part):
    """One absent day in a report to the payer."""

    day_on: date
    day_status: RecordedDayStatus


class AbsenceReportSent(CaseEvent):
    """The provider told the payer of the benefit about absences, at least every two weeks."""

    NAME = "absence_report.sent"
    report_id: Routing[Ref]
    period_id: Routing[Ref]
    payer_org_id: Benefit[OrgId]
    reporting_org_id: Routing[OrgId]
    from_on: Schedule[date]
    until_on: Schedule[date]
    absences: Schedule[tuple[Absence, ...]]


class LabourPolicyStatementIssued(CaseEvent):
    """The employment authority told the payer that the conditions of the benefit hold during the service."""

    NAME = "labour_policy_statement.issued"
    labour_statement_id: Routing[Ref]
    period_id: Routing[Ref]
    payer_org_id: Benefit[OrgId]
    labour_statement_kind: Benefit[Literal["start", "change", "end"]]
    service_from_on: Service[date]
    service_until_on: Service[date]
    conditions_met: Benefit[bool]


# --- Parallel services, follow-up -------------------------------------------------------------------------------------


class ParallelServiceStarted(CaseEvent):
    """Another service runs beside this one."""

    NAME = "parallel_service.started"
    parallel_service_id: Routing[Ref]
    service: Parallel[ParallelService]
    service_note: Parallel[Text80 | None] = None
    service_org_id: Parallel[OrgId | None] = None
    told_by: Parallel[Literal["client", "own_worker", "service"]]
    consent_id: Routing[Ref | None] = None
    from_on: Parallel[date]


class ParallelServiceStopped(CaseEvent):
    """The other service ended."""

    NAME = "parallel_service.stopped"
    parallel_service_id: Routing[Ref]
    until_on: Parallel[date]


NextStep = Literal[
    "continue",
    "new_period",
    "education",
    "open_labour_market",
    "pay_subsidised_work",
    "return_to_jobseeker",
    "other",
]


class FollowUpHeld(CaseEvent):
    """Those around the client met and looked at how it goes."""

    NAME = "followup.held"
    followup_id: Routing[Ref]
    period_id: Routing[Ref | None] = None
    followup_kind: Service[FollowupKind]
    parties_present: Service[SetOf[PartyKind]]
    next_step: Service[NextStep | None] = None
    next_step_from_on: Service[date | None] = None
    next_followup_on: Service[date | None] = None


# --- Exit and closing -------------------------------------------------------------------------------------------------


class ExitRecorded(CaseEvent):
    """Where the client went after the service. An exit that reveals health stands apart, under its own class."""

    NAME = "exit.recorded"
    exit_id: Routing[Ref]
    period_id: Routing[Ref | None] = None
    exit_kind: Service[OpenExitKind]
    health_exit_kind: Health[HealthExitKind | None] = None
    from_on: Service[date | None] = None


class CaseClosed(CaseEvent):
    """The case ended; its retention time begins."""

    NAME = "case.closed"
    closing_code: Service[ClosingCode]
    exit_id: Routing[Ref | None] = None


# --- Notices ----------------------------------------------------------------------------------------------------------


class NotificationDue(CaseEvent):
    """The law wants somebody told, by a day."""

    NAME = "notification.due"
    notification_id: Routing[Ref]
    notification_kind: Service[NotificationKind]
    recipient_org_id: Routing[OrgId]
    about_event_id: Routing[EventRef]
    due_on: Service[date]


class NotificationSent(CaseEvent):
    """The notice went out."""

    NAME = "notification.sent"
    notification_id: Routing[Ref]
    notification_kind: Service[NotificationKind]
    recipient_org_id: Routing[OrgId]
    about_event_id: Routing[EventRef]
    period_id: Routing[Ref | None] = None


# --- Corrections ------------------------------------------------------------------------------------------------------


class FactCorrected(Event):
    """A recorded fact was wrong; this is how it was. The first account stays readable."""

    NAME = "fact.corrected"
    MATTER = "target"
    target_event_id: Routing[EventRef]
    correction_reason: Routing[Literal["wrong_entry", "wrong_date", "known_later", "supplemented", "rectification"]]
    corrected_occurred_on: Routing[date | None] = None
    new_values: dict[str, Any] | None = None
    """The target's fields that change, whole new values, null where a field falls away; each sealed under its own class."""


# --- Organisations, contracts, rules ----------------------------------------------------------------------------------


class TaskFrom(Part):
    """A task that an organisation holds from a day on: each is a recipient, under its short name."""

    task: OrganisationTask
    from_on: date
    short_name: ShortName


class PublicKey(Part):
    """A key with which the organisation's messages can be checked."""

    key_id: Text80
    algorithm: Text40
    key: Text2000


class OrganisationJoined(Event):
    """An organisation joined the ledger with its tasks."""

    NAME = "organisation.joined"
    MATTER = "ledger"
    org_id: Routing[OrgId]
    org_name: Routing[Text120]
    agency_kind: Routing[AgencyKind]
    business_id: Routing[Text9 | None] = None
    organisation_oid: Routing[Text60 | None] = None
    tasks: Routing[tuple[TaskFrom, ...]]
    municipalities: Routing[SetOf[MunicipalityCode] | None] = None
    transport: Routing[Literal["kafka", "http", "both", "hosted"]]
    public_keys: Routing[tuple[PublicKey, ...] | None] = None
    contact_mailbox: Routing[Text120]
    succeeds_org_id: Routing[OrgId | None] = None


class Site(Part):
    """A place of activity of a provider."""

    site_id: SiteId
    site_name: Text80
    street: Text80
    municipality: MunicipalityCode
    placement_forms: SetOf[PlacementForm]


class ProviderRegistered(Event):
    """A provider was entered in the register with its kind and its sites."""

    NAME = "provider.registered"
    MATTER = "ledger"
    org_id: Routing[OrgId]
    org_name: Routing[Text120]
    provider_kind: Routing[ProviderKind]
    provider_kind_note: Routing[Text80 | None] = None
    company: Routing[bool]
    provision_roles: Routing[SetOf[ProvisionRole]]
    business_id: Routing[Text9 | None] = None
    association_number: Routing[Text30 | None] = None
    register_number: Routing[Text30 | None] = None
    sites: Routing[tuple[Site, ...]]


class Capacity(Part):
    """How many clients a site takes at one time."""

    site_id: SiteId
    places: int


class ProviderContracted(Event):
    """The organiser made a contract with a provider."""

    NAME = "provider.contracted"
    MATTER = "ledger"
    contract_id: Routing[ContractId]
    org_id: Routing[OrgId]
    organiser_org_id: Routing[OrgId]
    provision_roles: Routing[SetOf[ProvisionRole]]
    from_on: Routing[date]
    until_on: Routing[date]
    capacity: Routing[tuple[Capacity, ...]]
    files_absence_reports: Routing[bool]


class RulesetPublished(Event):
    """Rules, policy, lists or labels changed from a day on, by the hash of their content."""

    NAME = "ruleset.published"
    MATTER = "ledger"
    ruleset_version: Routing[Text40]
    content_kind: Routing[Literal["rules", "disclosure_policy", "code_lists", "labels", "retention"]]
    content_hash: Routing[Text64]
    effective_on: Routing[date]
    past_change_ground: Routing[Text200 | None] = None
    dry_run_differences: Routing[int]


# --- The ledger itself ------------------------------------------------------------------------------------------------


class LedgerOpened(Event):
    """The ledger began: live or simulated, for life."""

    NAME = "ledger.opened"
    MATTER = "ledger"
    organiser_org_id: Routing[OrgId]
    mode: Routing[Literal["live", "simulated"]]
    ruleset_version: Routing[Text40]


class ClockAdvanced(Event):
    """A simulated ledger moved its time forward."""

    NAME = "clock.advanced"
    MATTER = "ledger"
    advanced_to_at: Routing[datetime]


class DisclosureMade(Event):
    """A recipient was told a fact. The publication is what it was told."""

    NAME = "disclosure.made"
    MATTER = "fact"
    publication_id: Routing[Ref]
    source_event_id: Routing[EventRef]
    commitment: Routing[Text64]
    commitment_salt: Routing[Text64]
    cell: Routing[Text20]
    field_set_version: Routing[Text40]
    legal_basis: Routing[LegalBasis]
    consent_id: Routing[Ref | None] = None
    previous_publication_hash: Routing[str]
    publication: dict[str, Any]
    """`attributes`, `client`, `body`, …: each field sealed under its own class (domain/disclosure/publications.py)."""


class DisclosureRevised(DisclosureMade):
    """What a recipient was told was replaced by something new."""

    NAME = "disclosure.revised"
    replaces_publication_id: Routing[Ref]
    revision_ground: Routing[Literal["corrected", "policy_changed", "restricted", "restriction_lifted"]]


class DisclosureWithdrawn(Event):
    """What a recipient was told was taken back; the publication names it and holds nothing else."""

    NAME = "disclosure.withdrawn"
    MATTER = "fact"
    publication_id: Routing[Ref]
    source_event_id: Routing[EventRef]
    commitment: Routing[Text64]
    commitment_salt: Routing[Text64]
    legal_basis: Routing[LegalBasis]
    previous_publication_hash: Routing[str]
    withdraws_publication_id: Routing[Ref]
    withdrawal_ground: Routing[Literal["annulled", "entitlement_lost", "policy_changed", "restricted", "key_destroyed"]]
    publication: dict[str, Any]


class RefusalCode(Part):
    """One rule that said no, and where in the body it points."""

    code: Text60
    pointer: Annotated[str, StringConstraints(max_length=200)] = ""
    """Empty: the body as a whole."""


class CommandRefused(Event):
    """A wish was refused: its codes are kept, its content is not."""

    NAME = "command.refused"
    MATTER = "ledger"
    command: Routing[Text60]
    codes: Routing[tuple[RefusalCode, ...]]
    content_mac: Routing[Text64]
    subject_ref: Routing[Ref | None] = None


class MessageHeld(Event):
    """An agency's message waits for something that has not come yet."""

    NAME = "message.held"
    MATTER = "ledger"
    sender_org_id: Routing[OrgId]
    sender_task: Routing[OrganisationTask]
    message_id: Routing[Text80]
    message_type: Routing[Text60]
    held_reason: Routing[Literal["waits_for_reference", "waits_for_earlier", "subject_unresolved"]]
    held_until_at: Routing[datetime]


class MessageQuarantined(Event):
    """Bytes that cannot be read were set aside by their place and hash."""

    NAME = "message.quarantined"
    MATTER = "ledger"
    sender_org_id: Routing[OrgId | None] = None
    topic: Routing[Text120]
    offset: Routing[int]
    code: Routing[Text40]
    size: Routing[int]
    content_hash: Routing[Text64]
    message_id: Routing[Text80 | None] = None


@dataclass(frozen=True, slots=True)
class Erased:
    """A fact whose matter's key was destroyed: its header remains, its content cannot be read by anyone (design D15)."""

    name: str
