"""The end of what is kept: who may have a matter's key destroyed, and when."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import StringConstraints

from domain import events as e
from domain.chapters.guards import day_of, entitled, not_ahead, of_county, rule
from domain.chapters.organisations.decisions import LEDGER
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.months import months_on
from domain.pathway import Pathway
from domain.refusals import Refusals
from domain.vocabulary import PersonId

MatterId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]
"""A matter as the record names it: no part of a client's path, and no caller's own name."""
MONTHS_OF_A_YEAR = 12


class DestroyPayloadKey(ClientCommand):
    """Have a matter's key destroyed, for good. `second_person_id` is who approved it: another person than the one who asks.

    It also records afterwards that a key was destroyed before the record said so.
    """

    NAME = "destroy_payload_key"
    destroyed_matter: MatterId
    second_person_id: PersonId


def destroy_payload_key(pathway: Pathway, command: DestroyPayloadKey, context: Context) -> list[Draft]:
    """The fact comes first, the key goes after it: what was recorded is carried out, whatever breaks off between.

    What the key store found comes as a result: `of_client` says that the matter is one of the client's, `key_id` and
    `digest` name the key, `gone` that it is not there any more. source: domain/pathway.md 4.4 row 48, domain/privacy.md 3.4
    """
    matter, found = command.destroyed_matter, context.look_ups
    entitled(of_county(context))
    if pathway.is_destroyed(matter):
        return []
    no, on = Refusals(), day_of(command, context)
    no.when(not (found.get("of_client") and found.get("digest")), "E_UNKNOWN_REFERENCE", "/destroyed_matter")
    no.when(command.second_person_id.casefold() == context.caller.person.casefold(), "E_SECOND_PERSON", "/second_person_id")
    not_ahead(no, on, context)
    no.stop()
    due_on = due(pathway, matter, context)
    no.when(not found.get("gone") and (due_on is None or context.today < due_on), "E_NOT_DUE")
    no.stop()
    event = e.PayloadKeyDestroyed(
        destroyed_matter=matter,
        destroyed_key_id=found["key_id"],
        destroyed_at=context.recorded_at,
        destruction_digest=found["digest"],
    )
    return [context.draft(event, on, LEDGER)]


def due(pathway: Pathway, matter: str, context: Context) -> date | None:
    """The day from which a matter's key may be destroyed, none as long as that is not known.

    A case: so many years after it was closed. The client as such: with the last of the client's other matters. A referral
    that became no case: never yet, for nothing says how it ended. source: domain/events.md 11.4
    """
    if matter == pathway.client_matter:
        others = {fact.matter for fact in pathway.facts.values()} - {matter, LEDGER}
        last = max((fact.occurred_on for fact in pathway.destructions), default=None)
        return None if others else last
    for case in pathway.cases.values():
        if case.opened.matter == matter and case.closed is not None:
            years = rule(context, "retention.years", case.closed.occurred_on)
            return months_on(case.closed.occurred_on, years * MONTHS_OF_A_YEAR)
    return None


COMMANDS = (
    CommandKind(
        DestroyPayloadKey,
        destroy_payload_key,
        "client",
        path="destructions",
        roles=frozenset({"data_protection_officer", "system"}),
    ),
)
