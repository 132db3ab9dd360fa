"""A version of a plan is accepted party by party, and agreed when every mandatory one has."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.agreements.events import VersionOfPlan
from domain.chapters.guards import (
    as_known_to_authority,
    by_own_authority,
    case_of,
    day_of,
    entitled,
    is_client,
    is_still_authority,
    known,
    not_ahead,
    of_county,
    recorded,
    said,
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
    no, on = Refusals(), day_of(command, context)
    pathway = as_known_to_authority(pathway, on, context)
    plan = known(pathway.plans, command.plan_id, "/plan_id")
    party = command.party_kind or _own_party(context) or ""
    entitled(_may_accept(pathway, plan, command.plan_version, party, on, context), "/party_kind")
    version = known(plan.versions, command.plan_version, "/plan_version")
    if any(yes.event.party_kind == party for yes in version.accepted):
        return []
    case_id = plan.started.event.case_id
    event = e.PlanAcceptedByParty(case_id=case_id, **said(command, "party_kind"), party_kind=party)
    judge_acceptance(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    accepted = recorded(pathway, event, on, context)
    parties = {*_accepted_by(version), party}
    # The last yes that is told need not be the last one that was said.
    all_by = max([on, *(yes.occurred_on for yes in version.accepted)])
    if version.agreed or _mandatory(plan, command.plan_version, all_by, context) - parties:
        return [accepted]
    return [accepted, recorded(pathway, _agreement(plan, command, parties), all_by, context)]


def judge_acceptance(no: Refusals, pathway: Pathway, event: e.PlanAcceptedByParty, on: date, context: Context) -> None:
    """What a party's yes has to fulfil on its day: it is its own to say, and of the version that lies before the parties."""
    plan = known(pathway.plans, event.plan_id, "/plan_id")
    entitled(_may_accept(pathway, plan, event.plan_version, event.party_kind, on, context), "/party_kind")
    version = known(plan.versions, event.plan_version, "/plan_version")
    case_of(pathway, event.case_id, on)
    no.when(_is_stale(plan, event.plan_version, on), "E_STALE_VERSION", "/plan_version")
    no.when(on < version.drafted.occurred_on, "E_ORDER", "/occurred_on")


def agree_plan(pathway: Pathway, command: AgreePlan, context: Context) -> list[Draft]:
    """The agreement alone, once every mandatory party has accepted this version. source: domain/pathway.md 4.4 row 15"""
    plan = known(pathway.plans, command.plan_id, "/plan_id")
    no, on = Refusals(), day_of(command, context)
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context) and is_still_authority(pathway, context))
    version = known(plan.versions, command.plan_version, "/plan_version")
    if version.agreed:
        return []
    event = _agreement(plan, command, _accepted_by(version))
    judge_agreement(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_agreement(no: Refusals, pathway: Pathway, event: e.PlanAgreed, on: date, context: Context) -> None:
    """What an agreement has to fulfil on its day: every mandatory party has accepted this version, and nobody is named who
    has not."""
    plan = known(pathway.plans, event.plan_id, "/plan_id")
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context))
    version = known(plan.versions, event.plan_version, "/plan_version")
    case_of(pathway, event.case_id, on)
    wanted, accepted = _mandatory(plan, event.plan_version, on, context), _accepted_by(version)
    named = wanted | set(event.parties)
    no.when(not wanted <= accepted, "E_PARTY_MISSING")
    no.when(wanted <= accepted and not wanted <= set(event.parties) <= accepted, "E_PARTY_MISSING", "/parties")
    days = [version.drafted.occurred_on, *(yes.occurred_on for yes in version.accepted if yes.event.party_kind in named)]
    no.when(on < max(days), "E_ORDER", "/occurred_on")
    no.when(_is_stale(plan, event.plan_version, on), "E_STALE_VERSION", "/plan_version")


def _agreement(plan: Plan, of: VersionOfPlan, parties: set[str]) -> e.PlanAgreed:
    case_id = plan.started.event.case_id
    return e.PlanAgreed(case_id=case_id, plan_id=of.plan_id, plan_version=of.plan_version, parties=tuple(parties))


def _accepted_by(version: PlanVersion) -> set[str]:
    """The parties that have said yes."""
    return {yes.event.party_kind for yes in version.accepted}


def _is_stale(plan: Plan, number: int, on: date) -> bool:
    """Whether a newer version lay before the parties on the day."""
    return any(newer > number and version.drafted.occurred_on <= on for newer, version in plan.versions.items())


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


def _may_accept(pathway: Pathway, plan: Plan, version: int, party: str, on: date, context: Context) -> bool:
    one_of_them = bool(party) and _is_party(plan, version, party, on, context)
    return one_of_them and _may_speak(plan, party, context) and by_own_authority(pathway, on, context)


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
