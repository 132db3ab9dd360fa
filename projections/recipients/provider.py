"""What a provider is told, and what its instructor and manager ask (domain/questions.md 6.3): its own placements, schedules,
goals at the site, its own day records, the payer's name for the report. No assessment, no health, no other service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from domain import events as e
from domain.directory import Directory
from domain.disclosure.forms import cut_range
from domain.disclosure.grounds import STATEMENT
from domain.disclosure.kinds import Span, Standing
from domain.disclosure.windows import last_placement
from domain.events import Event
from domain.pathway import Fact, Pathway
from projections.cases import OfCase
from projections.kinds import Kind
from projections.questions import A, P, Question, View
from projections.site_days import (
    AbsencesToReport,
    AtSite,
    ExpectedWeek,
    GoalAtSite,
    MissingAttendances,
    absences_to_report,
    expected,
    goal_at_site,
    missing_last_week,
)

SITE_STAFF = frozenset({"instructor", "provider_manager"})

FINDS_BY = {
    "placement.proposed": "site_id",
    "instructor.named": "instructor_id",
    "benefit_status.changed": "payer_org_id",
    "attendance.recorded": "placement_id",
    "service_day.not_arranged": "placement_id",
    "absence_report.sent": "payer_org_id",
}

ACTIVITY, SUPPORT = "PR", "PR-support"
"""Its two profiles of the policy, by the provision role of its placement."""


def _question(
    question_id: str, path: str, fi: str, sv: str, en: str, asks: type[P], gives: type[A], function: Callable[[View, P], A]
) -> Question[P, A]:
    return Question(question_id, path, {"fi": fi, "sv": sv, "en": en}, SITE_STAFF, asks, gives, function)


def placed(pathway: Pathway) -> Iterator[tuple[str, Span]]:
    """The days of each placement that the provider was asked for."""
    for key, placement in pathway.placements.items():
        first, last = placement.provider_days
        if first <= last:
            yield placement.proposed.event.provider_org_id, Span(first, last, key)


def of_own_placement(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """Facts of a placement go to the provider of that placement; of the days only its own account (rule 2)."""
    event, org = fact.event, standing.recipient.org
    if isinstance(event, e.AbsenceReportSent):
        return event.reporting_org_id == org and cut_range(event, standing) is not None
    if isinstance(event, e.AttendanceRecorded) and event.account != "provider":
        return False
    if isinstance(event, e.PeriodCompleted | e.PeriodInterrupted):
        period = pathway.periods.get(event.period_id)
        placement = last_placement(pathway, period) if period else None
        if placement and placement.proposed.event.provider_org_id == org:
            return True
        return standing.covers(fact.occurred_on)
    named = getattr(event, "placement_id", None)
    if named is None or isinstance(event, e.PeriodStarted):
        return standing.covers(fact.occurred_on)
    placement = pathway.placements.get(named)
    return placement is not None and placement.proposed.event.provider_org_id == org


def _ground(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str] | None:
    return (STATEMENT, "provision") if form == "payer" else None


def _profile_of(fact: Fact[Event], pathway: Pathway, standing: Standing) -> str:
    """By the role of the placement that the fact falls under."""
    own = [span.placement_id for span in standing.spans]
    named = getattr(fact.event, "placement_id", None)
    keys = [named] if named in own else [span.placement_id for span in standing.spans if fact.occurred_on in span] or own
    roles = {pathway.placements[key].proposed.event.provision_role for key in keys if key in pathway.placements}
    return SUPPORT if roles == {"support_and_guidance"} else ACTIVITY


def _moved(fact: Fact[Event], pathway: Pathway) -> bool | None:
    """A confirmation moves no window; but it may make a placement the last one of a period that has ended. A placement that
    is recorded after facts that name it shows whose they are, whatever its days; one in another role than the provider's
    others changes the profile of what it was told before any of them."""
    if isinstance(fact.event, e.PlacementConfirmed):
        return any(period.ended for period in pathway.periods.values())
    if isinstance(fact.event, e.PlacementProposed):
        named = [getattr(each.event, "placement_id", None) for each in pathway.facts.values()]
        asked, others = fact.event, [placement.proposed.event for placement in pathway.placements.values()]
        roles = {other.provision_role for other in others if other.provider_org_id == asked.provider_org_id}
        return True if named.count(asked.placement_id) > 1 or len(roles) > 1 else None
    return None


def _files_reports(fact: Fact[Event], pathway: Pathway, standing: Standing, directory: Directory) -> bool:
    """Whether the contract of the placement says so: the placement of the fact's day, else any of this provider."""
    spans = [span for span in standing.spans if fact.occurred_on in span] or list(standing.spans)
    placements = [pathway.placements[s.placement_id] for s in spans if s.placement_id in pathway.placements]
    contracts = [directory.contracts.get(placement.proposed.event.contract_id) for placement in placements]
    return any(contract.files_absence_reports for contract in contracts if contract)


KIND = Kind(
    name="provider",
    title="provider",
    task="provider",
    column="PR",
    roles=("instructor", "provider_manager"),
    sends=frozenset({
        "accept_placement",
        "name_instructor",
        "record_attendance",
        "record_group_attendance",
        "record_not_arranged",
        "send_absence_report",
        "hold_follow_up",
        "correct_fact",
    }),
    window=placed,
    entitled=of_own_placement,
    legal_basis="LB-OUTSOURCE",
    purpose="provision",
    ground=_ground,
    replaced=True,
    moved_by=_moved,
    profiles=(ACTIVITY, SUPPORT),
    profile_of=_profile_of,
    shielded=False,
    staff_cards={"instructor.named": "instructor_id"},
    files_absence_reports=_files_reports,
    finds_by=FINDS_BY,
    questions=(
        _question(
            "PI1", "expected",
            "Ketkä tulevat työtoimintapaikkaani tänään ja tällä viikolla, ja mihin aikaan?",
            "Vilka kommer till mitt verksamhetsställe i dag och den här veckan, och vilka tider?",
            "Who comes to my site today and this week, at what times?",
            AtSite, ExpectedWeek, expected,
        ),
        _question(
            "PI3", "missing-attendance",
            "Kenen läsnäolo- tai poissaolokirjaus viime viikolta puuttuu?",
            "För vem saknas anteckning om närvaro eller frånvaro förra veckan?",
            "Whose attendance is missing for last week?",
            AtSite, MissingAttendances, missing_last_week,
        ),
        _question(
            "PI4", "absences-to-report",
            "Mitkä poissaolot on vielä ilmoitettava, kenelle ja mihin mennessä?",
            "Vilka frånvarodagar måste ännu anmälas, till vem och senast när?",
            "Which absences must I still report, to which payer, by when?",
            AtSite, AbsencesToReport, absences_to_report,
        ),
        _question(
            "PI6", "clients/{client}/goal",
            "Mikä on asiakkaan tavoite meillä, ja milloin on seuraava seurantatapaaminen?",
            "Vilket är klientens mål hos oss, och när hålls nästa uppföljningsmöte?",
            "What is this client's goal at our site, and when is the next follow-up?",
            OfCase, GoalAtSite, goal_at_site,
        ),
    ),
)  # fmt: skip
