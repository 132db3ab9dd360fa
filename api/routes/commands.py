"""Commands in: one route for each kind, made from the catalogue, decided once under the caller's own key.

A repeat with the same key gives the same answer; `If-Match` refuses where the client's record has moved on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import answered_beside, command_responses, expected_version
from api.bodies import JSON, LARGE, asking, judged, object_in, raw_body
from api.caller import SignedIn, SignedInCaller
from api.keys import IDEMPOTENCY_KEY, idempotency_key
from api.routing import doors
from domain.answers import Answer, OwnVersion
from domain.commands import CommandKind
from domain.message_schemas import body_schema
from domain.messages import Begun, HeldReason, Names, NoNames, Wish, wish_of_body
from domain.refusals import Reason, Refused
from domain.rulebook import COMMANDS
from domain.store import LOOKING, Content

OWN_ROUTES = frozenset({"register_client", "change_client_details", "advance_clock", "open_ledger", "destroy_payload_key"})
"""Commands that other routes take. The opening of a ledger has none: it comes with its door; nor has the end of a key, which
names what no caller has a name for: `kuty key destroy`."""
Endpoint = Callable[..., Awaitable[Response]]
Client = Annotated[str, Path(max_length=80, description="Your own name for the client.")]
HEADERS: list[dict[str, Any]] = [
    IDEMPOTENCY_KEY,
    {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "The `ETag` of the client's record as you know it from a command's answer or its history, several of"
        " them, or `*`. Refused (412) when it has moved on; your key is not used up then.",
    },
]


def routes() -> APIRouter:
    """A route for every command of the catalogue."""
    router = doors("/ledgers/{ledger}")
    for kind in COMMANDS.values():
        if kind.name not in OWN_ROUTES:
            of_client = kind.target == "client"
            add(router, kind, f"/clients/{{client}}/{kind.path}" if of_client else f"/{kind.path}")
    return router


def add(router: APIRouter, kind: CommandKind, path: str, endpoint: Endpoint | None = None, **schema: Any) -> None:
    """A route for one command, with its own words and schema in the description of the API."""
    router.add_api_route(
        path,
        endpoint or (_of_client(kind) if kind.target == "client" else _of_ledger(kind)),
        methods=["POST"],
        name=kind.name,
        operation_id=kind.name,
        summary=kind.name.replace("_", " ").capitalize(),
        description=re.sub(r"\s+", " ", kind.command.__doc__ or ""),
        tags=["commands about a client" if kind.target == "client" else "commands about the ledger"],
        responses=command_responses(of_client=kind.of_client),
        response_class=Response,
        openapi_extra={
            "parameters": HEADERS,
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": schema or body_schema(kind)}},
            },
        },
    )


def _of_client(kind: CommandKind) -> Endpoint:
    async def endpoint(request: Request, client: Client, signed: SignedInCaller) -> Response:
        return await command(request, kind, signed, client)

    return endpoint


def _of_ledger(kind: CommandKind) -> Endpoint:
    async def endpoint(request: Request, signed: SignedInCaller) -> Response:
        return await command(request, kind, signed, None)

    return endpoint


async def spoken_of(signed: SignedIn, name: str, request: Request) -> tuple[str, OwnVersion | None]:
    """The client whom the caller names, and the version of his record that the request was written for. Raises Problem
    (`E_NOT_FOUND`)."""
    client = signed.client_at_hand(name)
    if client is not None and "if-match" not in request.headers:
        return client, None
    # What has to be asked of the database may take its time: nobody else waits for it.
    return await run_in_threadpool(_asked_for, signed, name, request)


def _asked_for(signed: SignedIn, name: str, request: Request) -> tuple[str, OwnVersion | None]:
    client = signed.client(name)
    return client, expected_version(signed, client, request)


async def command(
    request: Request,
    kind: CommandKind,
    signed: SignedIn,
    name: str | None,
    before: Callable[[], Awaitable[None]] | None = None,
) -> Response:
    """Read, decide, answer; `name` is the caller's own of the client, if it is about one. What is wrong with a readable body
    is a refusal too, recorded under its key. `before` looks at what is to be recorded for the first time, and at nothing
    else; what it raises uses no key up."""
    client: str | None = None
    expected: OwnVersion | None = None
    if name is not None:
        client, expected = await spoken_of(signed, name, request)
    key = idempotency_key(request)
    raw = await raw_body(request)
    body = await object_in(raw, signed.caller.sender)
    door, caller, said = signed.door, signed.caller, Content(kind.name, raw, client, body)
    found: dict[str, Any] = {}
    if not may_post(signed, kind):
        return await refusal(signed, key, said, Refused(Reason("E_NOT_ENTITLED")))
    try:
        wish = await _wished(signed, kind, body, client, len(raw))
    except Refused as refused:
        return await refusal(signed, key, said, refused)
    if client is None:
        expected_version(signed, None, request)
    if kind.name in LOOKING:
        found = await asking(caller.sender, len(raw), door.receiving.look_ups.of, kind, wish.command, client)
    decide = partial(
        decided, signed, said, wish.command, caller, key, client=client, expected_version=expected, look_ups=found
    )  # fmt: skip
    if before is not None and (await decide(dry_run=True)).status == "recorded":
        await before()
    answer = await decide()
    return await answered_beside(signed, key, kind.name, answer)


async def _wished(signed: SignedIn, kind: CommandKind, body: Mapping[str, Any], client: str | None, size: int) -> Wish:
    """What the body of so many bytes asks for. Raises Refused."""
    sender = signed.caller.sender
    if signed.has_names_at_hand:
        with suppress(_NotAtHand):
            return await judged(sender, size, wish_of_body, kind, body, client, _NamesAtHand(names_of(signed)))
    # What has to be asked of the database may take its time: nobody else waits for it.
    return await asking(sender, size, lambda: wish_of_body(kind, body, client, names_of(signed)))


class _NotAtHand(Exception):
    """What a name stands for has to be asked of the database."""


class _NamesAtHand:
    """A caller's names as far as they are read without asking the database; raises `_NotAtHand` for the others."""

    def __init__(self, names: Names) -> None:
        self.part = names.part

    def event(self, publication_id: str, client: str | None) -> str | None:
        raise _NotAtHand

    def begun_by(self, message_id: str) -> Begun | HeldReason | None:
        raise _NotAtHand

    def client(self, identity_code: str) -> str | None:
        raise _NotAtHand


def may_post(signed: SignedIn, kind: CommandKind) -> bool:
    """Whether the caller's organisation posts such a command: what an agency's system may not send, its workers may not
    post; the system itself sends messages. Asked before everything else that is done for a command."""
    caller = signed.caller
    return caller.task == "organiser" or (caller.role != "system" and signed.may_send(kind.name))


async def refusal(signed: SignedIn, key: str, said: Content, refused: Refused) -> Response:
    """The answer to a body that is readable but wrong: the refusal is recorded, its content is not."""
    refuse = partial(signed.door.store.refuse, refused.codes, signed.caller, key, content=said)
    recorded = await judged(signed.caller.sender, len(said.raw), refuse)
    return await answered_beside(signed, key, said.type, await asyncio.wrap_future(recorded))


async def decided(signed: SignedIn, said: Content, *given: Any, **options: Any) -> Answer:
    """The answer to a command that the body holds (`EventStore.execute_async`). Beside the decision all of the body is gone
    through once more, to know it again: of a large one beside the loop."""
    store = signed.door.store
    if len(said.raw) <= LARGE:
        return await store.execute_async(*given, content=said, **options)
    hand_over = partial(store.submit, *given, content=said, **options)
    waiting = await judged(signed.caller.sender, len(said.raw), hand_over)
    return await asyncio.wrap_future(waiting)


def names_of(signed: SignedIn) -> Names:
    """What the caller's names stand for. An organisation that has not joined has none yet, but may state its own facts."""
    return signed.names() if signed.recipient else NoNames()
