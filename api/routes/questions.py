"""Read routes: every question of every kind of recipient, answered from that recipient's own model alone.

Each answer says how new it is. With the token of a write it waits until that write is visible.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date, datetime
from functools import partial
from operator import lt
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import orjson
from fastapi import APIRouter, Request
from pydantic import ConfigDict, ValidationError, create_model
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import TOKEN, LedgerNamed
from api.caller import SignedIn, SignedInCaller
from api.ledgers import LedgerDoor
from api.links import links, next_page
from api.openapi.answers import described
from api.parameters import ShortName
from api.problems import Problem, problem
from api.routing import doors
from api.waiting import Looks
from domain.dates import FROM_OUTSIDE, Dated
from domain.disclosure.pseudonyms import UnknownPseudonym
from domain.refusals import Reason
from domain.store import UnknownToken, use_of
from projections.kinds import kinds
from projections.questions import Answered, Freshness, Paged, Parameters, Question, ask
from projections.read_models import NoSuchGeneration, NotProvisioned

VISIBLE_WITHIN_S = 5.0
T = TypeVar("T")
Endpoint = Callable[..., Awaitable[Response]]
"""A route's function."""


class Told(Dated):
    """An answer and how new it is. `on` is the local date asked about; `known_at` (UTC) the time, none for now."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    ledger: LedgerNamed
    question: str
    on: date
    known_at: datetime | None
    complete: bool
    freshness: Freshness


def routes() -> APIRouter:
    """One route for each question's address; kinds of recipients that share one are told apart by their key."""
    router = doors("/ledgers/{ledger}/recipients/{recipient}")
    by_path: dict[str, dict[str, Question[Any, Any]]] = {}
    for kind in kinds():
        for question in kind.questions:
            by_path.setdefault(question.path, {})[kind.key] = question
    for path, by_key in by_path.items():
        _add(router, path, by_key)
    return router


def _add(router: APIRouter, path: str, by_key: dict[str, Question[Any, Any]]) -> None:
    first = next(iter(by_key.values()))
    tasks = sorted({kinds()[key].task for key in by_key})
    told = create_model(f"Answer{first.id}", __base__=Told, answer=(first.answer, ...))
    router.add_api_route(
        f"/{path}",
        _endpoint(by_key),
        methods=["GET"],
        name=first.id,
        operation_id="_".join([first.id, *tasks]).lower(),
        summary=f"{first.id}: {first.title['en']}",
        description=" · ".join(dict.fromkeys(q.title[language] for q in by_key.values() for language in ("fi", "sv"))),
        tags=[f"questions of {', '.join(tasks)}"],
        responses={200: described(told, first.title["en"], *(["Link"] if issubclass(first.parameters, Paged) else ()))},
        response_class=Response,
        response_model=None,
        openapi_extra={
            "parameters": list(_parameters(first.parameters, path)),
            "x-title": dict(first.title),
            "x-tasks": tasks,
        },
    )


def _parameters(model: type[Parameters], path: str) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, one in schema["properties"].items():
        place = "path" if f"{{{name}}}" in path else "query"
        required = place == "path" or name in schema.get("required", ())
        yield {"name": name, "in": place, "required": required, "schema": one}
    yield {
        "name": TOKEN,
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "The token of a write that the answer has to show.",
    }


def _endpoint(by_key: dict[str, Question[Any, Any]]) -> Endpoint:
    async def endpoint(request: Request, recipient: ShortName, signed: SignedInCaller) -> Response:
        own = signed.as_recipient(recipient)
        question = by_key.get(kinds().of(own).key)
        if question is None or signed.caller.role not in question.who:
            raise problem("E_NOT_FOUND")
        parameters = _asked(request, question)
        if isinstance(parameters, Paged) and parameters.names_in_cursor:
            await run_in_threadpool(_check_cursor, signed, own.short_name, parameters)
        token = request.headers.get(TOKEN, "")
        if token:
            await visible(signed.door, own.short_name, token, request.app.state.looks, request.app.state.closing)
        return await run_in_threadpool(_answer, request, signed, question, parameters)

    return endpoint


def _asked(request: Request, question: Question[Any, Any]) -> Parameters:
    """The parameters of the route and the query. Raises Problem (`E_QUERY`) with each place."""
    given = dict(request.query_params)
    path = {name: value for name, value in request.path_params.items() if name not in ("ledger", "recipient")}
    try:
        asked: Parameters = question.parameters.model_validate_strings({**given, **path}, context=FROM_OUTSIDE)
    except ValidationError as wrong:
        places = dict.fromkeys("/" + "/".join(str(step) for step in one["loc"][:1]) for one in wrong.errors())
        raise Problem(*(Reason("E_QUERY", place) for place in places)) from wrong
    return asked


def _check_cursor(signed: SignedIn, short_name: str, parameters: Paged) -> None:
    """Raises Problem (`E_QUERY`) for a cursor that no answer to the recipient can have held."""
    pseudonyms = signed.door.pseudonyms(short_name)
    try:
        for name in parameters.names_in_cursor:
            pseudonyms.reference(name)
    except UnknownPseudonym as error:
        raise problem("E_QUERY", "/after") from error


def _answer(request: Request, signed: SignedIn, question: Question[Any, Any], parameters: Parameters) -> Response:
    door, own = signed.door, signed.own
    try:
        answered = ask(
            question,
            door.models.of(own.short_name),
            parameters,
            today=door.store.today(),
            rules=door.store.rules_of(door.store.directory),
        )
    except (NoSuchGeneration, NotProvisioned) as error:
        raise problem("E_UNAVAILABLE") from error  # nothing has been told yet, or the model is being made
    content = answered.answer.model_dump(mode="json")
    _log_use(signed, question.id, content, getattr(parameters, "client", None))
    stated = {
        "ledger": door.ledger,
        "question": question.id,
        "on": answered.on,
        "known_at": answered.known_at,
        "complete": answered.complete,
        "freshness": _freshness(answered),
        "answer": content,
    }
    body = orjson.dumps(stated, option=orjson.OPT_UTC_Z)
    further = content.get("next") if isinstance(parameters, Paged) else None
    headers = {"Cache-Control": "no-store", "Vary": TOKEN, **links(next_page(request, after=further) if further else "")}
    return Response(body, 200, headers, "application/json")


def _freshness(answered: Answered[Any]) -> dict[str, Any]:
    fresh = answered.freshness
    return {name: getattr(fresh, name) for name in Freshness.__dataclass_fields__}


def _log_use(signed: SignedIn, what: str, content: Any, client: str | None) -> None:
    """Every look at a client's record by a person is kept (domain/privacy.md 3.3); who asks about somebody whom he may not
    know has looked at nobody."""
    seen = set(_clients(content))
    if client:
        seen = seen | {client} if signed.names(client).part(client) else seen - {client}
    pseudonyms = signed.door.pseudonyms(signed.own.short_name)
    references = set()
    for one in seen:
        try:
            references.add(pseudonyms.reference(one))
        except UnknownPseudonym:
            continue
    if references:
        now = signed.door.store.now()
        signed.door.vault.log_use([use_of(signed.caller, one, now, what) for one in sorted(references)])


def _clients(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for name, value in content.items():
            if name == "client" and isinstance(value, str):
                yield value
            else:
                yield from _clients(value)
    elif isinstance(content, list):
        for part in content:
            yield from _clients(part)


async def visible(door: LedgerDoor, short_name: str, token: str, looks: Looks, closing: threading.Event) -> None:
    """Wait until a write is in the recipient's model. Raises Problem: `E_QUERY` for a text that is no token,
    `E_UNAVAILABLE` after five seconds, or when the server begins to stop."""
    try:
        read = door.store.read_token(token)
    except UnknownToken as error:
        raise problem("E_QUERY", f"/{TOKEN}") from error
    if read.kind != "position":
        raise problem("E_QUERY", f"/{TOKEN}")
    give_up_at = time.monotonic() + VISIBLE_WITHIN_S

    async def until(what: str, ask: Callable[[], T], enough: Callable[[T], bool]) -> T:
        over = lambda: time.monotonic() >= give_up_at or closing.is_set()  # noqa: E731
        found = await looks.until((door.name, what), ask, enough, over)
        if found is None:
            raise problem("E_UNAVAILABLE")
        return found

    position, head = await run_in_threadpool(door.store.position_meant, read), -1
    while position is None:
        head = await until("head", door.store.head, partial(lt, head))
        position = await run_in_threadpool(door.store.position_meant, read)
    await until("told", lambda: door.store.tracking("disclosure"), lambda told: told >= position)
    end = partial(door.told_up_to, short_name)
    # Each asks for itself at last: what is found for many may have been looked for before this write was told.
    while (found := await run_in_threadpool(end)) is None:
        await until(f"end of {short_name}", end, lambda there: there is not None)
    epoch, sequence = found
    if sequence:
        there = lambda reached: reached.live_epoch >= epoch and reached.sequences.get(epoch, 0) >= sequence  # noqa: E731
        await until(f"model of {short_name}", lambda: _reached(door, short_name), there)


class _Reached(NamedTuple):
    """How far a recipient's model has come: in which epoch it answers, and the last sequence of each that it has."""

    live_epoch: int = 0
    sequences: Mapping[int, int] = MappingProxyType({})


def _reached(door: LedgerDoor, short_name: str) -> _Reached:
    try:
        model = door.models.of(short_name)
        return _Reached(model.feed().live_epoch, {epoch: at.sequence for epoch, at in model.positions().items()})
    except (NotProvisioned, KeyError):
        return _Reached()
