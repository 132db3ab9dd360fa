"""For development alone: pick somebody to be, and see whom one may ask about. Never there unless the settings say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import InThreeLanguages, LedgerNamed, json_response
from api.bodies import JSON, json_body
from api.caller import Claims, DevelopmentIssuer, SignedIn, SignedInCaller
from api.ledgers import Ledgers
from api.openapi.answers import described, problems
from api.openapi.schemas import LeftOut
from api.problems import Problem, problem
from api.routing import doors
from domain.code_lists import LANGUAGES, code_list
from domain.directory import Recipient
from domain.message_fields import reasons_of
from projections.kinds import kinds, model_of
from projections.read_models import NoSuchGeneration, NotProvisioned, Selection

FEW = 20
WITHOUT_CLIENTS = frozenset({"contract_manager", "rule_keeper"})
"""Roles that get no data of clients. source: domain/privacy.md 3.9"""


class Person(BaseModel):
    """Somebody whom one can be: what a token of his says, and how he is called."""

    claims: Claims
    recipient: str = Field(description="The short name of the recipient that he acts for.")
    organisation: str
    role: InThreeLanguages


class People(BaseModel):
    """Everybody whom one can be."""

    people: list[Person]


class TokenWanted(Claims):
    """What the token is to say. `person` is a staff reference; for a client the organiser's pseudonym of the client."""

    model_config = ConfigDict(extra="forbid")


class Token(BaseModel):
    """A token, and what it says."""

    token: str = Field(description="For the header `Authorization`, behind `Bearer`.")
    claims: Claims


class KnownClient(BaseModel):
    """A client, and how he is called where the caller may know."""

    client: str = Field(description="The caller's own name for the client.")
    family_name: str | LeftOut = None
    given_names: str | LeftOut = None


class KnownClients(BaseModel):
    """Some of the clients that the caller has been told of."""

    ledger: LedgerNamed
    clients: list[KnownClient]


def routes() -> APIRouter:
    """People, tokens, and the clients that a recipient knows."""
    router = doors("", "development")
    kept_by_nobody = ["Cache-Control"]
    router.add_api_route(
        "/dev/people",
        people,
        methods=["GET"],
        operation_id="read_people",
        summary="Whom one can be, in every ledger",
        responses={200: described(People, "Everybody.", always=kept_by_nobody)},
    )
    router.add_api_route(
        "/dev/tokens",
        make_token,
        methods=["POST"],
        operation_id="make_token",
        summary="A token for anybody",
        status_code=201,
        responses={201: described(Token, "The token.", always=kept_by_nobody), **problems(404, 409)},
        openapi_extra={
            "requestBody": {"required": True, "content": {JSON: {"schema": TokenWanted.model_json_schema()}}}
        },
    )
    router.add_api_route(
        "/dev/ledgers/{ledger}/clients",
        clients,
        methods=["GET"],
        operation_id="read_some_clients",
        summary="Some clients that the caller has been told of",
        responses={200: described(KnownClients, "The first few.")},
    )
    return router


async def people(request: Request) -> Response:
    """Every role of every recipient; post one of the entries to `/dev/tokens`."""
    ledgers: Ledgers = request.app.state.ledgers
    listed = [person for name in ledgers.names() for person in await run_in_threadpool(_people, ledgers, name)]
    return json_response({"people": listed})


def _people(ledgers: Ledgers, name: str) -> list[dict[str, Any]]:
    store = ledgers.door(name).store
    if store.mode == "live":
        return []  # nobody can be anybody there
    directory = store.directory
    return [
        person
        for recipient in sorted(directory.recipients.values(), key=lambda r: (r.task != "organiser", r.short_name))
        for person in _of(name, recipient, _name_of(directory.organisation(recipient.org), recipient.org))
    ]


def _of(ledger: str, recipient: Recipient, org_name: str) -> Iterator[dict[str, Any]]:
    for role in kinds().of(recipient).roles:
        if role == "client":
            continue  # whom a client is depends on the ledger: nobody is offered one
        words = code_list("actor_role")[role]
        claims = Claims(ledger=ledger, org=recipient.org, task=recipient.task, role=role, person=f"dev-{role}")
        yield {
            "claims": claims.model_dump(),
            "recipient": recipient.short_name,
            "organisation": org_name,
            "role": {language: words.label(language) for language in LANGUAGES},
        }


def _name_of(organisation: Any, org_id: str) -> str:
    return str(organisation.joined.org_name) if organisation else org_id


async def make_token(request: Request) -> Response:
    """A signed token that says what the body says; never for a live ledger (`E_LIVE_LEDGER`)."""
    body = await json_body(request)
    try:
        claims = TokenWanted.model_validate(body)
    except ValidationError as wrong:
        raise Problem(*reasons_of(wrong.errors(include_url=False, include_context=False), body)) from wrong
    ledgers: Ledgers = request.app.state.ledgers
    door = await run_in_threadpool(ledgers.door, claims.ledger)
    if door.store.mode == "live":
        # Anybody may be anybody in a simulated ledger; in a live one nobody is let in by a development token.
        raise problem("E_LIVE_LEDGER")
    issuer: DevelopmentIssuer = request.app.state.development
    return json_response({"token": issuer.token(claims), "claims": claims.model_dump()}, 201)


async def clients(signed: SignedInCaller) -> Response:
    """The first few clients in the caller's own read model, under its own names."""
    own, role = signed.own, signed.caller.role
    if role == "client":
        raise problem("E_NOT_FOUND")
    known = await run_in_threadpool(_clients, signed, own) if role not in WITHOUT_CLIENTS else []
    if role == "auditor":  # whom a name stands for is sealed from an audit
        known = [{"client": one["client"]} for one in known]
    return json_response({"ledger": signed.door.ledger, "clients": known})


def _clients(signed: SignedIn, own: Recipient) -> list[dict[str, Any]]:
    kind = model_of(own)
    if kind is None:
        return []
    try:
        names = tuple(kind.facts)
        with signed.door.models.of(own.short_name).look() as look:
            known = look.clients(Selection(names), "", FEW)
            blocks = look.blocks(known)
    except (NoSuchGeneration, NotProvisioned):
        return []
    return [{"client": client, **_shown(blocks.get(client, {}))} for client in known]


def _shown(block: dict[str, Any]) -> dict[str, Any]:
    return {name: block[name] for name in ("family_name", "given_names") if name in block}
