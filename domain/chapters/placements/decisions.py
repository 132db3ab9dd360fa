"""The placement: a place at a provider's site, asked for by the own worker, confirmed by the provider."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.guards import (
    case_of,
    case_on,
    consented,
    day_of,
    entitled,
    known,
    not_ahead,
    recorded,
    said,
)
from domain.chapters.organisations.decisions import may_provide
from domain.chapters.placements.events import NamedInstructor, PlaceAsked
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway, Placement
from domain.refusals import Refusals
from domain.vocabulary import Ref


class ProposePlacement(PlaceAsked, ClientCommand):
    """Ask a provider under contract to take the client at a site for a time."""

    NAME = "propose_placement"


class AcceptPlacement(ClientCommand):
    """Say as the provider that the client is welcome."""

    NAME = "accept_placement"
    placement_id: Ref


class NameInstructor(NamedInstructor, ClientCommand):
    """Name the client's own instructor at the site."""

    NAME = "name_instructor"


def propose_placement(pathway: Pathway, command: ProposePlacement, context: Context) -> list[Draft]:
    """A placement that waits for the provider. source: domain/pathway.md 4.4 row 21"""
    no, on = Refusals(), day_of(command, context)
    case = case_on(pathway, on)
    event = e.PlacementProposed(case_id=case.opened.event.case_id, placement_id=context.new_id("placement"), **said(command))
    judge_placement(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_placement(no: Refusals, pathway: Pathway, event: e.PlacementProposed, on: date, context: Context) -> None:
    """What a placement has to fulfil. source: domain/law.md 2.5, 2.6 (s. 6 and 13 a of 189/2001)"""
    case_of(pathway, event.case_id, on)
    if event.replaces_placement_id is not None:
        replaced = known(pathway.placements, event.replaces_placement_id, "/replaces_placement_id")
        of_another = replaced.proposed.event.case_id != event.case_id
        no.when(of_another, "E_UNKNOWN_REFERENCE", "/replaces_placement_id")
    contract = context.directory.contract_on(event.contract_id, event.from_on, event.until_on)
    site = context.directory.site(event.site_id)
    covered = contract is not None and contract.org_id == event.provider_org_id and event.from_on <= event.until_on
    no.when(not covered, "E_NO_CONTRACT", "/contract_id")
    no.when(site is None or site[0].org_id != event.provider_org_id, "E_NO_CONTRACT", "/site_id")
    provider = context.directory.providers.get(event.provider_org_id)
    if provider is not None:
        may_provide(no, provider, (event.provision_role,), event.from_on, context, "/provision_role")
    other_role = contract is not None and event.provision_role not in contract.provision_roles
    no.when(other_role and not no, "E_NO_CONTRACT", "/provision_role")
    no.when(event.outside_commuting_area and not consented(pathway, event.consent_id), "E_AREA_CONSENT", "/consent_id")
    no.when(not event.outside_commuting_area and event.consent_id is not None, "E_FIELD_NOT_ALLOWED", "/consent_id")


def accept_placement(pathway: Pathway, command: AcceptPlacement, context: Context) -> list[Draft]:
    """The provider's yes. source: domain/pathway.md 4.4 row 22"""
    placement = known(pathway.placements, command.placement_id, "/placement_id")
    no, on = Refusals(), day_of(command, context)
    entitled(_own(placement, on, context))
    if placement.confirmed:
        return []
    event = e.PlacementConfirmed(case_id=placement.proposed.event.case_id, placement_id=command.placement_id)
    judge_confirmation(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context, warnings=no.warnings)]


def judge_confirmation(no: Refusals, pathway: Pathway, event: e.PlacementConfirmed, on: date, context: Context) -> None:
    """What a provider's yes has to fulfil: it had been asked. A full site warns (`E_CAPACITY`) and refuses nothing.

    `places_taken` is the number of other clients at the site in the placement's time, where the store has counted them.
    """
    placement = known(pathway.placements, event.placement_id, "/placement_id")
    entitled(_own(placement, on, context))
    case_of(pathway, event.case_id, on)
    taken = context.look_ups.get("places_taken")
    places = _places(placement, context)
    no.when(taken is not None and places is not None and taken >= places, "E_CAPACITY", "/placement_id")


def name_instructor(pathway: Pathway, command: NameInstructor, context: Context) -> list[Draft]:
    """The own instructor; the one named last is in charge. source: domain/pathway.md 4.4 row 23"""
    placement = known(pathway.placements, command.placement_id, "/placement_id")
    no, on = Refusals(), day_of(command, context)
    entitled(_own(placement, on, context))
    event = e.InstructorNamed(case_id=placement.proposed.event.case_id, **said(command))
    if placement.instructors and placement.instructors[-1].event == event:
        return []
    judge_instructor(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_instructor(no: Refusals, pathway: Pathway, event: e.InstructorNamed, on: date, context: Context) -> None:
    """What an instructor's naming has to fulfil on its day: the provider has confirmed its placement by then."""
    placement = known(pathway.placements, event.placement_id, "/placement_id")
    entitled(_own(placement, on, context))
    case_of(pathway, event.case_id, on)
    confirmed = placement.confirmed
    no.when(confirmed is None, "E_ORDER", "/placement_id")
    no.when(confirmed is not None and on < confirmed.occurred_on, "E_ORDER", "/occurred_on")


def _own(placement: Placement, on: date, context: Context) -> bool:
    return placement.proposed.event.provider_org_id == context.caller.org and placement.open_to_provider(on)


def _places(placement: Placement, context: Context) -> int | None:
    contract = context.directory.contracts.get(placement.proposed.event.contract_id)
    sites = contract.capacity if contract else ()
    return next((room.places for room in sites if room.site_id == placement.proposed.event.site_id), None)


COMMANDS = (
    CommandKind(ProposePlacement, propose_placement, "client", path="placements", roles=frozenset({"own_worker"})),
    CommandKind(
        AcceptPlacement,
        accept_placement,
        "client",
        path="accepted-placements",
        roles=frozenset({"provider_manager"}),
    ),
    CommandKind(NameInstructor, name_instructor, "client", path="instructors", roles=frozenset({"provider_manager"})),
)
