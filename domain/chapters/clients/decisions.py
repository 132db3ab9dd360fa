"""Becoming a client of the organiser, under a random reference. Who it is stands in the vault alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Literal, get_args

from domain import events as e
from domain.chapters.clients.events import IdentifierChange, Registration
from domain.chapters.guards import day_of, entitled, not_ahead, of_county, recorded
from domain.commands import ClientCommand, Command, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Reason, Refusals


class RegisterClient(Registration, Command):
    """Make a person known to the organiser. The identity arrives beside the command and goes to the vault."""

    NAME = "register_client"


class ChangeClientDetails(ClientCommand):
    """Put other details into the client's record: name, personal identity code, how to reach the client.

    They arrive beside the command and go to the vault. `identity_code_change` says of a code that was known already whether
    it was wrong or was replaced by a new one.
    """

    NAME = "change_client_details"
    identity_code_change: Literal["corrected", "replaced"] | None = None


def judge_identity(kind: str, named: Collection[str]) -> list[Reason]:
    """What a registration names the person by is what it says it does. `named` are the fields that have a value.

    source: domain/events.md 11.3, 11.5, domain/privacy.md 3.6
    """
    no = Refusals()
    no.when(kind != "identity_code" and "identity_code" in named, "E_FIELD_NOT_ALLOWED", "/identity_code")
    no.when(kind == "none" and "temporary_identifier" in named, "E_FIELD_NOT_ALLOWED", "/temporary_identifier")
    missing = kind == "temporary_identifier" and "temporary_identifier" not in named
    no.when(missing, "E_FIELD_MISSING", "/temporary_identifier")
    return no.reasons


def register_client(pathway: Pathway, command: RegisterClient, context: Context) -> list[Draft]:
    """A new client; an identity code that the vault knows already changes nothing (`known_reference`).

    source: domain/pathway.md 4.4 row 63, domain/privacy.md 3.6
    """
    if pathway.registered or context.look_ups.get("known_reference"):
        return []
    no, on = Refusals(), day_of(command, context)
    coded = command.identity_kind == "identity_code"
    no.when(coded and not context.look_ups.get("identity_code_valid"), "E_IDENTITY_CODE", "/identity_code")
    not_ahead(no, on, context)
    no.stop()
    event = e.SubjectRegistered(identity_kind=command.identity_kind, registered_from=command.registered_from)
    return [context.draft(event, on, context.new_id("matter"))]


def change_client_details(pathway: Pathway, command: ChangeClientDetails, context: Context) -> list[Draft]:
    """One fact for each kind of change; details that are known already change nothing.

    What the vault found comes as a result: `changed` are the groups of details that differ, `had_code` whether a code was
    known, `identity_code_valid` and `code_taken` speak of the new one, `changing` is what an earlier attempt has changed
    already. source: domain/pathway.md 4.4 row 49, 4.9, domain/privacy.md 3.6
    """
    no, on, found = Refusals(), day_of(command, context), context.look_ups
    entitled(of_county(context))
    known_before = bool(found.get("had_code"))
    if "identity_code" in found.get("changed", ()):
        no.when(not found.get("identity_code_valid"), "E_IDENTITY_CODE", "/identity_code")
        no.when(bool(found.get("code_taken")), "E_CONFLICT", "/identity_code")
        why = command.identity_code_change
        no.when(known_before and why is None, "E_FIELD_MISSING", "/identity_code_change")
        no.when(not known_before and why is not None, "E_FIELD_NOT_ALLOWED", "/identity_code_change")
    no.when(pathway.registered is None, "E_SUBJECT_UNRESOLVED")
    not_ahead(no, on, context)
    no.stop()
    kinds = identifier_changes(found, command.identity_code_change)
    events = [e.SubjectIdentifierChanged(identifier_change=kind) for kind in kinds]
    for event in events:
        judge_identifier_change(no, pathway, event, on, context)
    no.stop()
    return [recorded(pathway, event, on, context) for event in events]


def identifier_changes(found: Mapping[str, Any], code_change: str | None) -> list[IdentifierChange]:
    """The kinds of change that the look-ups speak of, in the order of their list."""
    changed = set(found.get("changed", ()))
    kinds = {*found.get("changing", ()), *(f"{group}_changed" for group in changed - {"identity_code"})}
    if "identity_code" in changed:
        kinds.add(f"identity_code_{code_change or 'corrected'}" if found.get("had_code") else "identity_code_added")
    return [kind for kind in get_args(IdentifierChange) if kind in kinds]


def judge_identifier_change(
    no: Refusals, pathway: Pathway, event: e.SubjectIdentifierChanged, on: date, context: Context
) -> None:
    """Only who is registered by the day has details that change."""
    registered = pathway.registered
    no.when(registered is None or on < registered.occurred_on, "E_ORDER", "/occurred_on")


COMMANDS = (
    CommandKind(
        RegisterClient,
        register_client,
        "new_client",
        path="clients",
        roles=frozenset({"intake", "own_worker", "system"}),
    ),
    CommandKind(
        ChangeClientDetails,
        change_client_details,
        "client",
        path="details",
        roles=frozenset({"intake", "own_worker", "system"}),
    ),
)
