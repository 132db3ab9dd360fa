"""Organisations: who joins the ledger in which task, which providers there are, and what they are contracted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from domain import events as e
from domain.chapters.guards import code_valid, day_of, holds, not_ahead, noted, rule, said
from domain.chapters.organisations.events import ContractTerms, OrganisationEntry, ProviderEntry
from domain.commands import Command, CommandKind
from domain.context import Context, Draft
from domain.directory import Directory
from domain.identifiers import is_business_id
from domain.refusals import Refusals

LEDGER = "ledger"
"""The matter of facts about organisations and rules: its key is never destroyed."""


class JoinLedger(OrganisationEntry, Command):
    """Let an organisation join the ledger, or take on one more task. Each task is a recipient under its short name."""

    NAME = "join_ledger"


class RegisterProvider(ProviderEntry, Command):
    """Enter a provider in the register with its kind, its roles and its sites."""

    NAME = "register_provider"


class ContractProvider(ContractTerms, Command):
    """Record the organiser's contract with a provider: roles, time, places. `organiser_org_id`: none is the ledger's own."""

    NAME = "contract_provider"


def join_ledger(directory: Directory, command: JoinLedger, context: Context) -> list[Draft]:
    """The tasks that the organisation does not hold yet. source: domain/pathway.md 4.4 row 65"""
    new = tuple(task for task in command.tasks if not directory.holds(command.org_id, task.task, task.from_on))
    if command.tasks and not new:
        return []
    no, on = Refusals(), day_of(command, context)
    not_empty(no, command.tasks, "/tasks")
    each_once(no, [task.task for task in command.tasks], "/tasks/{}/task")
    each_once(no, [key.key_id for key in command.public_keys or ()], "/public_keys/{}/key_id")
    no.when(command.business_id is not None and not is_business_id(command.business_id), "E_ORG_ID", "/business_id")
    names: set[str] = set()
    for place, task in enumerate(command.tasks):
        may = context.rules.task_allowed(task.task, command.agency_kind, task.from_on)
        no.when(not may, "E_TASK", f"/tasks/{place}/task")
        held = directory.recipients.get(task.short_name)
        taken = held is not None and (held.org, held.task) != (command.org_id, task.task)
        known_as = {r.short_name for r in directory.recipients.values() if (r.org, r.task) == (command.org_id, task.task)}
        renamed = bool(known_as) and task.short_name not in known_as
        no.when(taken or renamed or task.short_name in names, "E_CONFLICT", f"/tasks/{place}/short_name")
        names.add(task.short_name)
    judge_succession(no, directory, command)
    not_ahead(no, on, context)
    no.stop()
    event = e.OrganisationJoined(**said(command) | {"tasks": new})
    return [context.draft(event, on, LEDGER, valid_from_on=min(task.from_on for task in new))]


def judge_succession(no: Refusals, directory: Directory, entry: OrganisationEntry) -> None:
    """An organisation takes the place of another one that has joined; nobody comes after itself, however many lie between.

    source: domain/events.md 11.19
    """
    before = entry.succeeds_org_id
    no.when(before is not None and before != entry.org_id and before not in directory.organisations,
            "E_UNKNOWN_REFERENCE", "/succeeds_org_id")  # fmt: skip
    seen: set[str] = set()
    while before is not None and before not in seen:
        seen.add(before)
        known = directory.organisation(before)
        before = known.joined.succeeds_org_id if known else None
    no.when(entry.org_id in seen, "E_CONFLICT", "/succeeds_org_id")


def register_provider(directory: Directory, command: RegisterProvider, context: Context) -> list[Draft]:
    """A provider in the register. source: domain/pathway.md 4.4 row 60"""
    event = e.ProviderRegistered(**said(command))
    registered = directory.providers.get(command.org_id)
    if registered == event:
        return []
    no, on = Refusals(), day_of(command, context)
    noted(no, event, "provider_kind", "provider_kind_note")
    no.when(command.business_id is not None and not is_business_id(command.business_id), "E_ORG_ID", "/business_id")
    no.when(registered is not None, "E_CONFLICT", "/org_id")
    code_valid(no, "provider_kind", command.provider_kind, on, "/provider_kind")
    not_empty(no, command.provision_roles, "/provision_roles")
    not_empty(no, command.sites, "/sites")
    each_once(no, [site.site_id for site in command.sites], "/sites/{}/site_id")
    for place, site in enumerate(command.sites):
        not_empty(no, site.placement_forms, f"/sites/{place}/placement_forms")
        known = directory.site(site.site_id)
        no.when(known is not None and known[0].org_id != command.org_id, "E_CONFLICT", f"/sites/{place}/site_id")
    not_ahead(no, on, context)
    no.stop()
    return [context.draft(event, on, LEDGER, valid_from_on=on)]


def contract_provider(directory: Directory, command: ContractProvider, context: Context) -> list[Draft]:
    """A contract for the activity, or for support and guidance alone. source: domain/pathway.md 4.4 row 61"""
    organiser = command.organiser_org_id or directory.organiser
    event = e.ProviderContracted(**said(command) | {"organiser_org_id": organiser})
    contracted = directory.contracts.get(command.contract_id)
    if contracted == event:
        return []
    no, on = Refusals(), day_of(command, context)
    provider = directory.providers.get(command.org_id)
    no.when(provider is None, "E_ORDER", "/org_id")
    no.when(not holds(context, organiser, "organiser", command.from_on), "E_NOT_RESPONSIBLE", "/organiser_org_id")
    not_empty(no, command.provision_roles, "/provision_roles")
    not_empty(no, command.capacity, "/capacity")
    each_once(no, [room.site_id for room in command.capacity], "/capacity/{}/site_id")
    if provider is not None:
        lawful = may_provide(no, provider, command.provision_roles, command.from_on, context, "/provision_roles")
        # An older version registered providers without roles: those may be contracted, for nobody is registered twice.
        more = provider.provision_roles and set(command.provision_roles) - set(provider.provision_roles)
        no.when(lawful and bool(more), "E_ORDER", "/provision_roles")
        for place, room in enumerate(command.capacity):
            foreign = all(site.site_id != room.site_id for site in provider.sites)
            no.when(foreign, "E_ORDER", f"/capacity/{place}/site_id")
    for place, room in enumerate(command.capacity):
        no.when(room.places < 1, "E_FIELD_TYPE", f"/capacity/{place}/places")
    no.when(contracted is not None, "E_CONFLICT", "/contract_id")
    no.when(command.until_on < command.from_on, "E_PERIOD_LENGTH", "/until_on")
    not_ahead(no, on, context)
    no.stop()
    return [
        context.draft(event, on, LEDGER, valid_from_on=command.from_on, valid_until_on=command.until_on),
    ]


def may_provide(
    no: Refusals, provider: e.ProviderRegistered, roles: Iterable[str], on: date, context: Context, place: str
) -> bool:
    """The activity is never bought from a company, nor from a kind off the list; support and guidance may be. `place` is
    where the roles stand. Returns whether it may be bought.

    source: 189/2001 s. 6, domain/law.md 2.5, 2.6
    """
    if "activity" not in roles:
        return True
    banned = provider.company and not rule(context, "provider.company_activity_allowed", on)
    no.when(banned, "E_COMPANY_ACTIVITY", place)
    listed = rule(context, "provider.activity_kinds", on)
    unlisted = listed is not None and provider.provider_kind not in listed
    no.when(unlisted, "E_PROVIDER_KIND", place)
    return not (banned or unlisted)


def not_empty(no: Refusals, entries: Sequence[object], pointer: str) -> None:
    """A required set or list has something in it (`E_FIELD_MISSING`). source: domain/events.md 11.19"""
    no.when(not entries, "E_FIELD_MISSING", pointer)


def each_once(no: Refusals, ids: Sequence[str], pointer: str) -> None:
    """No two entries of a list have one id (`E_CONFLICT` at the later one). source: domain/events.md 11.19"""
    for place, entry_id in enumerate(ids):
        no.when(entry_id in ids[:place], "E_CONFLICT", pointer.format(place))


COMMANDS = (
    CommandKind(JoinLedger, join_ledger, "directory", path="organisations", roles=frozenset({"contract_manager"})),
    CommandKind(RegisterProvider, register_provider, "directory", path="providers", roles=frozenset({"contract_manager"})),
    CommandKind(ContractProvider, contract_provider, "directory", path="contracts", roles=frozenset({"contract_manager"})),
)
