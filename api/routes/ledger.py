"""What concerns a ledger as a whole: new clients, its clock, how far its roles are."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import LedgerNamed, answered_beside, expected_version, json_response
from api.bodies import asking, object_in, raw_body
from api.caller import SignedIn, SignedInCaller
from api.keys import idempotency_key
from api.openapi.answers import described
from api.openapi.schemas import LeftOut
from api.problems import Problem
from api.routes.commands import Client, add, command, decided, may_post, names_of, refusal, spoken_of
from api.routing import doors
from domain.answers import Answer
from domain.chapters.clients.decisions import identifier_changes, judge_identity
from domain.commands import CommandKind
from domain.dates import FROM_OUTSIDE, Dated
from domain.identifiers import is_identity_code, normal_code
from domain.message_fields import reasons_of
from domain.message_schemas import body_schema
from domain.messages import Wish, wish_of_body
from domain.refusals import Reason, Refused
from domain.rulebook import COMMANDS
from domain.store import ClientRecord, CodeTaken, Content, Kept, Moved, enter, registration, use_of
from domain.vocabulary import DataClass, data_class_of

REGISTER = "register_client"
ADVANCE = "advance_clock"
CHANGE = "change_client_details"
IDENTITY_FIELDS = frozenset(ClientRecord.model_fields) - {"protected", "sex", "died_on"}
"""What a registration may say of a person; it goes to the vault and nowhere else."""
GROUPS: Mapping[str, frozenset[str]] = {
    "identity_code": frozenset({"identity_code"}),
    "name": frozenset({"family_name", "given_names"}),
    "contact": frozenset(
        name for name in IDENTITY_FIELDS if data_class_of(ClientRecord.model_fields[name]) is DataClass.C
    ),
}
"""Details that one kind of change speaks of."""
CHANGEABLE = frozenset().union(*GROUPS.values())


class Health(Dated):
    """The ledger's time (UTC); what its roles have done is told to the organiser alone."""

    ledger: LedgerNamed
    now: datetime
    lag: dict[str, int] | LeftOut = Field(None, description="How many records each role is behind.")
    at_head: bool | LeftOut = Field(None, description="Whether none is.")


def routes() -> APIRouter:
    """Registration, clock and health."""
    router = doors("/ledgers/{ledger}")
    wanted = body_schema(COMMANDS[REGISTER])
    identity = body_schema_of_identity()
    schema = {**wanted, "properties": {**wanted["properties"], **identity}}
    add(router, COMMANDS[REGISTER], "/clients", register_client, **schema)
    wanted = body_schema(COMMANDS[CHANGE])
    changeable = {name: field for name, field in identity.items() if name in CHANGEABLE}
    schema = {**wanted, "properties": {**wanted["properties"], **changeable}}
    add(router, COMMANDS[CHANGE], f"/clients/{{client}}/{COMMANDS[CHANGE].path}", change_details, **schema)
    add(router, COMMANDS[ADVANCE], "/clock", advance_clock)
    router.add_api_route(
        "/health",
        health,
        methods=["GET"],
        operation_id="read_health",
        summary="How far each role is behind",
        tags=["ledger"],
        responses={200: described(Health, "The ledger's time and, for the organiser, how far it is.")},
        response_class=Response,
    )
    return router


def body_schema_of_identity() -> dict[str, Any]:
    """The fields of a registration that go to the vault."""
    schema = ClientRecord.model_json_schema()
    address = schema["$defs"]["PostalAddress"]
    fields = {name: schema["properties"][name] for name in sorted(IDENTITY_FIELDS)}
    return {**fields, "postal_address": {"anyOf": [address, {"type": "null"}]}}


def _divided(
    signed: SignedIn, kind: CommandKind, client: str | None, body: Mapping[str, Any], of_person: Set[str]
) -> tuple[dict[str, Any], ClientRecord, Wish | None, list[Reason]]:
    """A body in two: what it says of the person, as stated and as read, and the command of the rest; and what is wrong."""
    stated = {name: value for name, value in body.items() if name in of_person}
    rest = {name: value for name, value in body.items() if name not in of_person}
    record, wish, reasons = ClientRecord(), None, list[Reason]()
    try:
        record = ClientRecord.model_validate_json(orjson.dumps(stated), strict=True, context=FROM_OUTSIDE)
    except ValidationError as wrong:
        reasons = reasons_of(wrong.errors(include_url=False, include_context=False), stated)
    try:
        wish = wish_of_body(kind, rest, client, names_of(signed))
    except Refused as refused:
        reasons = [*refused.codes, *reasons]
    return stated, record, wish, reasons


def _code_in_no_form(stated: Mapping[str, Any], reasons: Sequence[Reason]) -> list[Reason]:
    """That the personal identity code is none, beside all else that is wrong; nothing where its place is named already."""
    code = stated.get("identity_code")
    told = any(reason.pointer == "/identity_code" for reason in reasons)
    wrong = isinstance(code, str) and not told and not is_identity_code(normal_code(code))
    return [Reason("E_IDENTITY_CODE", "/identity_code")] if wrong else []


async def register_client(request: Request, signed: SignedInCaller) -> Response:
    """The identity goes to the vault, the command holds none of it. A known code is answered with the known client."""
    key = idempotency_key(request)
    raw = await raw_body(request)
    body = await object_in(raw, signed.caller.sender)
    kind = COMMANDS[REGISTER]
    said = Content(kind.name, raw, read=body)
    if not may_post(signed, kind) or signed.caller.role not in kind.roles:
        # Before the person is looked for: whether he is known is told to the county's own alone.
        return await refusal(signed, key, said, Refused(Reason("E_NOT_ENTITLED")))
    stated, record, wish, reasons = await asking(
        signed.caller.sender, len(raw), _divided, signed, kind, None, body, IDENTITY_FIELDS
    )
    if wish and not reasons:
        named = [name for name in stated if getattr(record, name) is not None]
        reasons = judge_identity(getattr(wish.command, "identity_kind", ""), named)
    code = stated.get("identity_code")
    reasons = [*reasons, *_code_in_no_form(stated, reasons)]
    if reasons or wish is None:
        return await refusal(signed, key, said, Refused(*reasons))
    expected_version(signed, None, request)  # of somebody who is not there yet: none matches
    client: str | None = None
    over: tuple[Kept, Kept] | None = None
    found: dict[str, Any] = {"identity_code_valid": code is not None}
    asked = (signed, said, wish.command, signed.caller, key)
    named_by = signed.door.vault.mark_of(record, IDENTITY_FIELDS)
    judged = await decided(*asked, look_ups=found, dry_run=True, named_by=named_by)
    if judged.status != "refused" and judged.first is None:
        # Of a person who does not become a client nothing is kept; whoever did is not entered again by a repeat.
        client, found, over = await run_in_threadpool(_entered, signed, record)
    answer = await decided(*asked, client=client, look_ups=found, named_by=named_by)
    if client is not None and over is not None:
        await run_in_threadpool(_settle_entry, signed, client, over, answer)
    # Known before, or by whoever was faster: then what he said holds.
    known = client if answer.status == "already_recorded" and answer.first is None else None
    differing = await run_in_threadpool(_differing, signed, known, record, stated) if known else None
    return await answered_beside(signed, key, kind.name, answer, differing)


def _differing(signed: SignedIn, known: str, record: ClientRecord, stated: Mapping[str, Any]) -> list[str]:
    """Which of the stated details the record of a known client has otherwise; never what it has. A look that is logged."""
    door = signed.door
    kept = door.vault.get([known]).get(known, ClientRecord())
    door.vault.log_use([use_of(signed.caller, known, door.store.now(), "search")])
    return sorted(name for name in stated if getattr(kept, name) != getattr(record, name))


async def change_details(request: Request, client: Client, signed: SignedInCaller) -> Response:
    """The details go to the vault, the command holds none of them. What is stated as null is taken out of the record."""
    reference, expected = await spoken_of(signed, client, request)
    key = idempotency_key(request)
    raw = await raw_body(request)
    body = await object_in(raw, signed.caller.sender)
    kind = COMMANDS[CHANGE]
    said = Content(kind.name, raw, reference, body)
    if signed.caller.task != "organiser" or signed.caller.role not in kind.roles:
        return await refusal(signed, key, said, Refused(Reason("E_NOT_ENTITLED")))
    stated, record, wish, reasons = await asking(
        signed.caller.sender, len(raw), _divided, signed, kind, reference, body, CHANGEABLE
    )
    if "identity_code" in stated and stated["identity_code"] is None:
        reasons.append(Reason("E_FIELD_TYPE", "/identity_code"))
    if reasons or wish is None:
        reasons += _code_in_no_form(stated, reasons)
        return await refusal(signed, key, said, Refused(*reasons))
    details = {name: getattr(record, name) for name in stated}
    vault, asked = signed.door.vault, (signed, said, wish.command, signed.caller, key)
    # The details are no part of the command, and yet what is asked for: a key that is used again for others is refused.
    named_by = f"{reference}|{vault.mark_of(record, details)}"
    known: dict[str, Any] = {"client": reference, "expected_version": expected, "named_by": named_by}
    seen: Kept | None = None
    changed: Kept | None = None
    while True:
        seen, found = await run_in_threadpool(_changes, signed, reference, details)
        judged = await decided(*asked, **known, look_ups=found, dry_run=True)
        if judged.status != "recorded":
            break
        if seen is None:
            return await refusal(signed, key, said, Refused(Reason("E_SUBJECT_UNRESOLVED")))
        # In the vault first, where whoever is told looks; an attempt that breaks off here is told of by the next one.
        kinds = identifier_changes(found, getattr(wish.command, "identity_code_change", None))
        with suppress(Moved, CodeTaken):  # somebody else was faster: what is there now is judged
            changed = await run_in_threadpool(partial(vault.change, reference, seen=seen, changing=kinds, **details))
            break
    await run_in_threadpool(_log_change, signed, reference)
    answer = await decided(*asked, **known, look_ups=found)
    if changed is not None and seen is not None:
        if "refused" in (answer.status, answer.first):
            await run_in_threadpool(vault.take_back, reference, seen, changed)
        else:
            await run_in_threadpool(vault.told, reference, changed.untold)
    return await answered_beside(signed, key, kind.name, answer)


def _log_change(signed: SignedIn, client: str) -> None:
    signed.door.vault.log_use([use_of(signed.caller, client, signed.door.store.now(), "change")])


def _changes(signed: SignedIn, client: str, details: Mapping[str, Any]) -> tuple[Kept | None, dict[str, Any]]:
    """The record as it is read, and what the decision is told: which groups of details differ, never a detail."""
    vault = signed.door.vault
    seen = vault.look(client)
    record = seen.record if seen else ClientRecord()
    differing = {name for name, value in details.items() if getattr(record, name) != value}
    code = details.get("identity_code")
    owner = vault.find(code) if code else None
    return seen, {
        "changed": sorted(group for group, names in GROUPS.items() if differing & names),
        "changing": seen.changing if seen else [],
        "had_code": record.identity_code is not None,
        "identity_code_valid": is_identity_code(code or ""),
        "code_taken": owner not in (None, client),
    }


def _entered(signed: SignedIn, record: ClientRecord) -> tuple[str, dict[str, Any], tuple[Kept, Kept] | None]:
    """Enter the person in the vault; the reference to register, what the decision is told, and the entry of somebody else
    that was taken over, as it was and as it is."""
    door, vault = signed.door, signed.door.vault
    reference = uuid.uuid4().hex
    kept = enter(door.store, vault, reference, record)
    if kept == reference or door.store.stream_version(kept):
        return kept, dict(registration(record, reference, kept)), None
    # An entry whose registration was never recorded, or is not yet, is taken over with what is said now; it is no client.
    while True:
        before = vault.look(kept)
        if before is None:
            raise LookupError(f"no client {kept} in the vault")
        old = dict(before.record)
        differing = [group for group, names in GROUPS.items() if any(old[name] != getattr(record, name) for name in names)]
        kinds = identifier_changes({"changed": differing}, None)
        with suppress(Moved):
            changed = vault.change(kept, seen=before, changing=kinds, **dict(record))
            return kept, dict(registration(record, kept, kept)), (before, changed)


def _settle_entry(signed: SignedIn, client: str, over: tuple[Kept, Kept], answer: Answer) -> None:
    """Whose registration is recorded says who the client is: where that was somebody else's, this is undone."""
    before, changed = over
    if answer.status == "recorded":
        signed.door.vault.told(client, changed.untold)
    else:
        signed.door.vault.take_back(client, before, changed)


async def advance_clock(request: Request, signed: SignedInCaller) -> Response:
    """Move the clock of a simulated ledger. Refused while a role has not come to the head (`E_NOT_AT_HEAD`)."""

    async def at_head() -> None:
        lagging = await run_in_threadpool(signed.door.lagging)
        if lagging:
            raise Problem(Reason("E_NOT_AT_HEAD"), extra={"lagging": list(lagging)})

    return await command(request, COMMANDS[ADVANCE], signed, None, at_head)


async def health(signed: SignedInCaller) -> Response:
    """The ledger's time and, for the organiser, how many records each role is behind: an agency does not count what others
    record."""
    door = signed.door
    now = await run_in_threadpool(door.store.now)
    stated: dict[str, Any] = {"ledger": door.ledger, "now": now.isoformat().replace("+00:00", "Z")}
    if signed.caller.task == "organiser" and signed.caller.role != "client":
        lag = await run_in_threadpool(door.lag)
        stated |= {"lag": dict(lag), "at_head": not any(lag.values())}
    return json_response(stated)
