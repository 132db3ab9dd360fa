"""A version of a plan is accepted party by party, and agreed when every mandatory one has."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.agreements.events import VersionOfPlan
from domain.chapters.guards import (
    by_own_authority,
    case_of,
    day_of,
    entitled,
    is_client,
    known,
    not_ahead,
    of_county,
    recorded,
)
from domain.chapters.plans.decisions import takes_part
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway, Plan, PlanVersion
from domain.refusals import Refusals
from domain.vocabulary import PartyKind

PARTY_OF_TASK = {"organiser": "organiser", "employment_authority": "employment_side", "multi_sectoral_team": "kela"}


class AcceptPlan(VersionOfPlan, ClientCommand):
    """Say yes to a version for one party; the last mandatory yes agrees the plan.

    The party is the caller's own. A worker of the county may also note the client's yes, given on paper.
    """

    NAME = "accept_plan"
    party_kind: PartyKind | None = None


class AgreePlan(VersionOfPlan, ClientCommand):
    """Put a version into force that every mandatory party has accepted."""

    NAME = "agree_plan"


def accept_plan(pathway: Pathway, command: AcceptPlan, context: Context) -> list[Draft]:
    """One party's yes and, with the last mandatory one, the agreement. source: domain/pathway.md 4.4 row 15"""
    plan = known(pathway.plans, command.plan_id, "/plan_id")
    version = known(plan.versions, command.plan_version, "/plan_version")
    no, on = Refusals(), day_of(command, context)
    party = command.party_kind or _own_party(context) or ""
    one_of_them = bool(party) and _is_party(plan, command.plan_version, party, on, context)
    speaks = one_of_them and _may_speak(plan, party, context) and by_own_authority(pathway, on, context)
    entitled(speaks, "/party_kind")
    if any(yes.event.party_kind == party for yes in version.accepted):
        return []
    case_id = case_of(pathway, plan.started.event.case_id, on).opened.event.case_id
    no.when(command.plan_version < plan.latest, "E_STALE_VERSION", "/plan_version")
    no.when(on < version.drafted.occurred_on, "E_ORDER", "/occurred_on")
    not_ahead(no, on, context)
    no.stop()
    event = e.PlanAcceptedByParty(
        case_id=case_id, plan_id=command.plan_id, plan_version=command.plan_version, party_kind=party
    )
    accepted = recorded(pathway, event, on, context)
    parties = {*_parties(version), party}
    if version.agreed or _mandatory(plan, command.plan_version, on, context) - parties:
        return [accepted]
    return [accepted, _agreement(pathway, plan, command.plan_version, parties, on, context)]


def agree_plan(pathway: Pathway, command: AgreePlan, context: Context) -> list[Draft]:
    """The agreement alone, once every mandatory party has accepted this version. source: domain/pathway.md 4.4 row 15"""
    plan = known(pathway.plans, command.plan_id, "/plan_id")
    version = known(plan.versions, command.plan_version, "/plan_version")
    no, on = Refusals(), day_of(command, context)
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context))
    if version.agreed:
        return []
    case_of(pathway, plan.started.event.case_id, on)
    parties = _parties(version)
    no.when(bool(_mandatory(plan, command.plan_version, on, context) - parties), "E_PARTY_MISSING")
    no.when(command.plan_version < plan.latest, "E_STALE_VERSION", "/plan_version")
    said = [version.drafted.occurred_on, *(yes.occurred_on for yes in version.accepted)]
    no.when(on < max(said), "E_ORDER", "/occurred_on")
    not_ahead(no, on, context)
    no.stop()
    return [_agreement(pathway, plan, command.plan_version, parties, on, context)]


def _agreement(pathway: Pathway, plan: Plan, version: int, parties: set[str], on: date, context: Context) -> Draft:
    started = plan.started.event
    event = e.PlanAgreed(case_id=started.case_id, plan_id=started.plan_id, plan_version=version, parties=tuple(parties))
    return recorded(pathway, event, on, context)


def _parties(version: PlanVersion) -> set[str]:
    return {yes.event.party_kind for yes in version.accepted}


def _mandatory(plan: Plan, version: int, on: date, context: Context) -> frozenset[str]:
    on = max(on, plan.started.occurred_on)
    coordinated = plan.kela_coordinates(version)
    return context.rules.mandatory_parties(plan.started.event.plan_kind, on, kela_services_coordinated=coordinated)


def _own_party(context: Context) -> str | None:
    return "client" if is_client(context) else PARTY_OF_TASK.get(context.caller.task)


def _may_speak(plan: Plan, party: str, context: Context) -> bool:
    """Everybody for the own party, the county also for a client who said yes on paper; an authority only in its own plan."""
    own = party == _own_party(context) and takes_part(plan, context)
    return own or (party == "client" and of_county(context))


def _is_party(plan: Plan, version: int, party: str, on: date, context: Context) -> bool:
    return party in plan.parties(version) or party in _mandatory(plan, version, on, context)


COMMANDS = (
    CommandKind(
        AcceptPlan,
        accept_plan,
        "client",
        path="plan-acceptances",
        roles=frozenset({"client", "own_worker", "social_worker", "employment_expert", "kela_clerk"}),
    ),
    CommandKind(
        AgreePlan,
        agree_plan,
        "client",
        path="agreed-plans",
        roles=frozenset({"own_worker", "social_worker", "employment_expert", "kela_clerk"}),
    ),
)
