"""What answers have in common: problems by status, and the headers that come with them. A route names them, and says what
it alone answers.

source: RFC 9457; RFC 9110 15; integration.md 4
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.openapi.schemas import COMPONENTS, pascal
from api.problems import PROBLEM

Response = dict[str, Any]
Responses = dict[int | str, Response]
PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("Unreadable", "The body is not readable, a header that is needed is missing, or there is no such parameter."),
    401: ("Unauthenticated", "Nobody is signed in."),
    404: ("NotFound", "Not there, or not for the caller to know."),
    409: ("Refused", "A rule says no."),
    410: ("Erased", "What this speaks of was erased for good."),
    412: ("Stale", "The client's record has moved on since `If-Match`."),
    413: ("TooLarge", "More than 256 KiB."),
    415: ("OtherContent", "Not the media type that is taken, or encoded."),
    422: ("NotAsWanted", "Readable, but not what the schema wants; or the key was used for other content."),
    500: ("Unexpected", "A mistake of ours; it is in our log under `request_id`."),
    503: ("Unavailable", "Not available just now; send the same again."),
}
"""The name of each problem's answer, and what it says."""
_TEXT = {"type": "string"}
HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "The id of this exchange, your own where you sent one."},
    "Content-Language": {
        "description": "The language of the texts: fi, sv or en.",
        "schema": {**_TEXT, "enum": ["fi", "sv", "en"]},
    },
    "WWW-Authenticate": {"description": "How to sign in: `Bearer`.", "schema": {**_TEXT, "pattern": "^Bearer"}},
    "Retry-After": {
        "description": "Seconds until it is worth asking again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Link": {"description": "The next page, and what describes this (RFC 8288)."},
    "Vary": {"description": "The headers of a request by which it is answered otherwise."},
    "Cache-Control": {"description": "`no-store`: no copy of it is to be kept.", "schema": {**_TEXT, "enum": ["no-store"]}},
    "ETag": {
        "description": "Of what is read, for `If-None-Match`; of a client's record, also for `If-Match`.",
        "schema": {**_TEXT, "pattern": '^"[!#-~]+"$'},
    },
    "RateLimit-Policy": {"description": "What is limited, and to how much."},
    "RateLimit": {"description": "How much of it is left, and when there is more."},
    "Accept": {"description": "The media types that are taken, where it was another."},
    "Accept-Encoding": {"description": "The encoding that is taken, where it was another: none, `identity`."},
    "X-Content-Type-Options": {
        "description": "`nosniff`: it is what its media type says.",
        "schema": {**_TEXT, "enum": ["nosniff"]},
    },
    "KUTY-Token": {"description": "Sent with a reading, it waits until the reading shows this write."},
}
"""Headers of answers; a text, unless another schema is given."""
_IF_ANY = "IfAny"
"""How the component of a header ends that does not come with every answer that it is described of."""


def problems(*statuses: int) -> Responses:
    """That a route answers these statuses with a problem."""
    return {status: {"$ref": f"#/components/responses/{PROBLEMS[status][0]}"} for status in statuses}


def header(*names: str) -> dict[str, Any]:
    """Headers that an answer always has, by their names."""
    return {name: {"$ref": f"#/components/headers/{pascal(name)}"} for name in names}


def if_any(*names: str) -> dict[str, Any]:
    """Headers that an answer has where there is something to say in them, by their names."""
    return {name: {"$ref": f"#/components/headers/{pascal(name)}{_IF_ANY}"} for name in names}


def described(model: Any, description: str, *may_come: str, always: Iterable[str] = ()) -> Response:
    """An answer of a route: what it holds, what it says, and which headers may come with it and which `always` do, beside
    those of all."""
    return {"model": model, "description": description, "headers": {**header(*always), **if_any(*may_come)}}


def header_components() -> dict[str, Any]:
    """Every header under its name, as one that always comes and as one that may."""
    told = {pascal(name): {"schema": _TEXT, **described} for name, described in HEADERS.items()}
    return {f"{name}{_IF_ANY}": one for name, one in told.items()} | {
        name: {**one, "required": True} for name, one in told.items()
    }


def problem_components() -> dict[str, Any]:
    """Every problem's answer under its name."""
    return {name: of_problem(status, text) for status, (name, text) in PROBLEMS.items()}


def of_problem(status: int, text: str, *, always: Iterable[str] = ()) -> Response:
    """The answer of one status, and which headers always come with it beside those of all."""
    content = {PROBLEM: {"schema": {"$ref": f"{COMPONENTS}Problem"}}}
    refused = if_any("Accept", "Accept-Encoding") if status == 415 else {}
    return {"description": text, "headers": {**header(*headers_of(status), *always), **refused}, "content": content}


def headers_of(status: int, *, read: bool = False, private: bool = False) -> list[str]:
    """The headers of every answer of a status, of what is `read`, and of what is `private`, whichever route gives it."""
    found = ["X-Request-Id"]
    found += ["Cache-Control", "Vary"] if private or status >= 400 else []
    found += ["Content-Language"] if status >= 400 else []
    found += ["ETag"] if read and status in (200, 304) else []
    found += ["WWW-Authenticate"] if status == 401 else []
    found += ["Retry-After"] if status in (429, 503) else []
    return found
