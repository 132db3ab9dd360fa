"""Becoming a client of the organiser, under a random reference. Who it is stands in the vault alone."""

from __future__ import annotations

from domain import events as e
from domain.chapters.clients.events import Registration
from domain.chapters.guards import day_of, not_ahead
from domain.commands import Command, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals


class RegisterClient(Registration, Command):
    """Make a person known to the organiser. The identity arrives beside the command and goes to the vault."""

    NAME = "register_client"


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


COMMANDS = (
    CommandKind(
        RegisterClient,
        register_client,
        "new_client",
        path="clients",
        roles=frozenset({"intake", "own_worker", "system"}),
    ),
)
