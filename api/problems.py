"""What is said when something is wrong: `application/problem+json` with stable codes, in the reader's language.

source: design 5, integration.md 6
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.openapi.schemas import LeftOut
from api.request_ids import present_request_id
from domain.code_lists import LANGUAGES
from domain.dates import Dated
from domain.json_gate import BadJson
from domain.refusals import Reason, Refused, named, refusal, refusal_text, what_to_do

PROBLEM = "application/problem+json"
LONGEST_WAIT_S = 25.0
"""What a reader may ask to be waited for, seconds."""
LONGEST_ANSWER_S = 15.0
"""What takes longer, beyond a wait that was asked for, is answered as what nobody knows the end of, seconds."""
RETRY_AFTER_S = 1
_logger = logging.getLogger("kuty.api")
_CHOICE = re.compile(r"\s*+([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*+)?+\s*+(?:;\s*+q=([0-9.]{1,5}))?\s*+")
"""A repeat keeps what it took (`*+`): anybody may send this, and reading it takes no longer than it is."""

CODE_OF_STATUS = {404: "E_NOT_FOUND", 405: "E_METHOD_NOT_ALLOWED", 413: "E_TOO_LARGE", 415: "E_CONTENT_TYPE"}


class Problem(Exception):
    """An answer that is no answer. `extra` is added to the problem, for example the number of a recorded refusal; `headers`
    to its headers."""

    def __init__(
        self, *reasons: Reason, extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(", ".join(reason.code for reason in reasons))
        self.reasons = reasons
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


def problem(code: str, pointer: str = "", **headers: str) -> Problem:
    """A problem of one code, to be raised; headers by their names with `_` for `-`."""
    return Problem(Reason(code, pointer), headers={name.replace("_", "-"): value for name, value in headers.items()})


def language_of(request: Request) -> str:
    """The best of fi, sv and en that Accept-Language asks for; English when it asks for none of them."""
    best, best_weight = "en", 0.0
    for choice in request.headers.get("accept-language", "").split(","):
        found = _CHOICE.fullmatch(choice)
        if found is None or found.group(1).lower() not in LANGUAGES:
            continue
        try:
            weight = float(found.group(2) or 1)
        except ValueError:
            continue
        if weight > best_weight:
            best, best_weight = found.group(1).lower(), weight
    return best


def problem_response(
    reasons: Iterable[Reason],
    language: str,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem of these codes; the first one gives the HTTP status."""
    listed, more = named(tuple(reasons))
    first = refusal(listed[0].code)
    content = {
        "type": f"urn:kuty:problem:{first.code}",
        "title": refusal_text(first.code, language),
        "status": first.status,
        "codes": [
            {
                "code": reason.code,
                "pointer": reason.pointer,
                "text": refusal_text(reason.code, language),
                "what_to_do": what_to_do(reason.code, language),
            }
            for reason in listed
        ],
        **({"more": more} if more else {}),
        **(extra or {}),
        "request_id": present_request_id(),
    }
    stated = {"Content-Language": language, "Cache-Control": "no-store", **(headers or {})}
    if first.status == 503:
        stated["Retry-After"] = str(RETRY_AFTER_S)
    if first.status == 401:
        stated["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(content), first.status, stated, PROBLEM)


def add_problems(app: FastAPI) -> None:
    """Answer every expected exception with its problem; unexpected ones are `LastResort`'s."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return problem_response(error.reasons, language_of(request), error.extra, error.headers)

    @app.exception_handler(Refused)
    async def _refused(request: Request, error: Refused) -> Response:
        return problem_response(error.codes, language_of(request))

    @app.exception_handler(BadJson)
    async def _bad_json(request: Request, error: BadJson) -> Response:
        return problem_response(error.faults, language_of(request))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        # The name of the parameter: behind it stand only the ways in which it was tried to be read.
        places = dict.fromkeys("".join(f"/{step}" for step in one["loc"][1:2]) for one in error.errors())
        reasons = [Reason("E_QUERY", place) for place in places]
        return problem_response(reasons, language_of(request))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = CODE_OF_STATUS.get(error.status_code, "E_INTERNAL" if error.status_code >= 500 else "E_NOT_FOUND")
        allowed = {"Allow": ", ".join(methods_at(app, request))} if error.status_code == 405 else {}
        return problem_response([Reason(code)], language_of(request), headers=allowed)


def methods_at(app: FastAPI, request: Request) -> list[str]:
    """What can be done at the address of a request, whichever of its routes does it. source: RFC 9110 10.2.1"""
    routes = [route for route in app.router.routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = {method for route in routes for method in getattr(route, "methods", None) or ()}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


class StatedCode(BaseModel):
    """One code, where it points, what is wrong and what to do, in the language of the answer."""

    code: str
    pointer: str
    text: str
    what_to_do: str


class StatedFact(Dated):
    """A fact that would no longer be allowed, with the code of its row; `publication_id` is the one that told it last."""

    code: str
    type: str
    occurred_on: date
    publication_id: str | LeftOut = None


class ProblemStated(BaseModel):
    """An `application/problem+json`: what is wrong and what to do, each with its code. Which fields there are beside those
    depends on what was asked."""

    type: str = Field(description="`urn:kuty:problem:` and the first code.")
    title: str = Field(description="What is wrong, in the language of the answer.")
    status: int = Field(description="The status of the answer.")
    codes: list[StatedCode]
    more: int | LeftOut = Field(None, description="How many codes there are beside those named: fifty are named.")
    request_id: str = Field(description="The `X-Request-Id` of the answer.")
    message_id: str | LeftOut = Field(None, description="Of a refused command, the caller's own key.")
    status_word: Literal["refused", "already_recorded"] | LeftOut = Field(
        None, description="Of a refused command: whether it is refused now, or was when its key was used first."
    )
    number: int | LeftOut = Field(None, description="Of a refusal that was recorded, its number in the caller's line.")
    facts_in_the_way: list[StatedFact] | LeftOut = Field(
        None, description="Of a correction, the facts known to the caller that refuse it."
    )
    parameters: list[str] | LeftOut = Field(None, description="Of an unknown parameter, those that there are.")
    lagging: list[str] | LeftOut = Field(None, description="Of a clock that waits, the roles that are behind.")
    epoch: int | LeftOut = Field(None, description="Of a redelivery, the newest epoch of the caller's line.")


class LastResort:
    """Answers what nobody expected with 500 and no details, and what takes too long with 503. What is logged names the
    place, never the content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._giving_up: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; on an unexpected exception, or when its time is over, answer instead, unless an answer has begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = given_up = False

        async def watched(message: Message) -> None:
            nonlocal begun
            if given_up:
                return
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        async def give_up() -> None:
            nonlocal given_up
            if begun:
                return
            # What was asked goes on, and nobody knows how it ends: as with a connection that broke.
            given_up = True
            _logger.error("a %s has no answer within %.0f s", scope["method"], longest)
            await problem_response([Reason("E_UNAVAILABLE")], language_of(Request(scope)))(scope, receive, send)

        def begin_giving_up() -> None:
            task = asyncio.create_task(give_up())
            self._giving_up.add(task)
            task.add_done_callback(self._giving_up.discard)

        longest = LONGEST_ANSWER_S + (LONGEST_WAIT_S if scope["method"] in ("GET", "HEAD") else 0.0)
        timer = asyncio.get_running_loop().call_later(longest, begin_giving_up)
        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            pass  # in the middle of the content, or sent away: nobody is there to be answered
        except Exception as error:
            _logger.error("unexpected %s at %s", type(error).__name__, _place(error))
            if given_up:
                return
            if begun:
                raise
            response = problem_response([Reason("E_INTERNAL")], language_of(Request(scope)))
            await response(scope, receive, send)
        finally:
            timer.cancel()


def _place(error: BaseException) -> str:
    """Where it happened, as file and line, innermost last; values never."""
    steps: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        steps.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(steps[-6:])
