"""The document of the whole door: every route's own description, and beside it what holds for all routes, said once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.caller import ALGORITHM, AUDIENCE, signed_in
from api.openapi.answers import header, header_components, headers_of, if_any, problem_components, problems
from api.openapi.examples import with_examples
from api.openapi.schemas import COMPONENTS, Components, never_null, pascal, plain
from api.problems import PROBLEM, ProblemStated

Operation = dict[str, Any]
SIGNED = [{"token": list[str]()}]
"""The security of a route that wants to know who calls."""
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": f"An access token (RFC 9068: `typ` is `at+jwt`) for the audience `{AUDIENCE}`, signed by the ledger's"
    f" issuer with {ALGORITHM}. It names ledger, organisation, task, role, person and purpose.",
}
SERVERS = [
    {
        "url": "{scheme}://{address}",
        "description": "Where your ledger's operator serves it.",
        "variables": {
            "scheme": {"enum": ["https", "http"], "default": "http", "description": "http on the machine itself alone."},
            "address": {"default": "127.0.0.1:8000", "description": "Host, port, and the path before all others, if any."},
        },
    }
]
TAGS: Mapping[str, str] = {
    "agency systems": "Messages in, receipts and publications out, for systems that do not read and write topics.",
    "commands about a client": "What a worker records about one client.",
    "commands about the ledger": "Who takes part in the ledger, who its clients are, its rules and its clock.",
    "replay": "One client's history out of the full record, for the county's own workers and for auditors.",
    "ledger": "How far a ledger is.",
    "documents": "What there is to know before anybody has a token.",
    "development": "Tokens for anybody, where nothing is real.",
}
QUESTIONS = "questions of "
"""How the tag of one kind of recipient's questions begins."""
_TEXT = {"type": "string"}
OF_ALL: tuple[dict[str, Any], ...] = (
    {
        "name": "Accept-Language",
        "in": "header",
        "schema": _TEXT,
        "description": "The language of a problem's texts: fi, sv or en, which it is where none of them is asked for.",
    },
    {
        "name": "X-Request-Id",
        "in": "header",
        "schema": _TEXT,
        "description": "Your own id of this exchange: 8 to 64 letters, digits, `.`, `_` and `-`, at least one of them a"
        " digit. Another one is given where yours is none.",
    },
)
"""Headers that every route takes."""
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": _TEXT,
    "description": "The `ETag` of what you have already, several of them, or `*`: answered with 304 where that is still it.",
}
PLACES = ("path", "query", "header")


class DescribedApi(FastAPI):
    """An application whose document is complete."""

    def __init__(self, **options: Any) -> None:
        super().__init__(openapi_url=None, **options)  # the ready-made route makes it while everybody else waits
        self._making = threading.Lock()
        self._written = b""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _complete(super().openapi(), [one for one in self.routes if isinstance(one, APIRoute)])
        return self.openapi_schema

    def written(self) -> bytes:
        """The document as JSON. The first time it takes a moment; who asks meanwhile waits for the same."""
        with self._making:
            self._written = self._written or orjson.dumps(self.openapi())
            return self._written


def operations(document: Mapping[str, Any]) -> Iterable[tuple[str, str, Operation]]:
    """Every operation with its path and its method."""
    return [(path, way, one) for path, ways in document["paths"].items() for way, one in ways.items()]


def _complete(document: dict[str, Any], routes: Iterable[APIRoute]) -> dict[str, Any]:
    """The document with what holds for every route, everything that stands in several places said once."""
    schemas = document.pop("components", {}).get("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = ProblemStated.model_json_schema(ref_template=f"{COMPONENTS}{{model}}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    named = Components({name: plain(schema, answer=True) for name, schema in schemas.items()})
    by_place = {(one.path_format, way.lower()): one for one in routes for way in one.methods or ()}
    for path, way, operation in operations(document):
        route = by_place[path, way]
        _body(operation, named)
        _parameters(operation, path, way)
        _answers(operation, way, route, named)
        operation["security"] = SIGNED if _is_signed(route) else []
    components = {
        "schemas": dict(sorted(named.schemas.items())),
        "responses": {**problem_components(), **_shared_answers(document)},
        "parameters": _shared_parameters(document),
        "headers": header_components(),
        "securitySchemes": {"token": TOKEN},
    }
    tags = dict.fromkeys(operation["tags"][0] for _, _, operation in operations(document))
    told = {"servers": SERVERS, "tags": [{"name": tag, "description": _about(tag)} for tag in tags], **document}
    whole: dict[str, Any] = orjson.loads(orjson.dumps({**told, "components": components}))
    return _used(whole)


def _about(tag: str) -> str:
    if tag.startswith(QUESTIONS):
        return f"What is asked of the read model of a recipient in the task {tag.removeprefix(QUESTIONS)}."
    return TAGS[tag]


def _is_signed(route: APIRoute) -> bool:
    return any(one.call is signed_in for one in route.dependant.dependencies)


def _body(operation: Operation, named: Components) -> None:
    """A body's schemas stand under their names, and an example beside each."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = plain(named.inside(content["schema"], pascal(operation["operationId"])))
    with_examples(operation, named.schemas)


def _parameters(operation: Operation, path: str, way: str) -> None:
    """In the order of the path, then those of the query, then headers; what one is, said beside it."""
    given = [*operation.get("parameters", ()), *([IF_NONE_MATCH] if way == "get" else ()), *OF_ALL]
    ordered = sorted(given, key=lambda one: (PLACES.index(one["in"]), path.find(f"{{{one['name']}}}")))
    operation["parameters"] = [_parameter(one) for one in ordered]


def _parameter(given: Mapping[str, Any]) -> dict[str, Any]:
    schema = never_null(plain(given["schema"]))
    words = schema.pop("description", "")
    return {"required": False, **given, "description": given.get("description") or words, "schema": schema}


def _shared_parameters(document: dict[str, Any]) -> dict[str, Any]:
    """Parameters that several operations have, under their names; where two have one name, the one that more have."""
    lists = [operation["parameters"] for _, _, operation in operations(document)]
    times = Counter(_bytes(one) for parameters in lists for one in parameters)
    shared: dict[str, Any] = {}
    for written, count in times.most_common():
        one = orjson.loads(written)
        if count > 1:
            shared.setdefault(pascal(one["name"]), one)
    for parameters in lists:
        for place, one in enumerate(parameters):
            if shared.get(name := pascal(one["name"])) == one:
                parameters[place] = {"$ref": f"#/components/parameters/{name}"}
    return dict(sorted(shared.items()))


def _bytes(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _answers(operation: Operation, way: str, route: APIRoute, named: Components) -> None:
    """A route's own answers and, beside them, those that any route of its sort gives."""
    found, given = operation["responses"], operation["parameters"]
    if PROBLEM not in found.get("422", {}).get("content", {PROBLEM: None}):
        del found["422"]  # the library's own, which is never given
    wanted = {400, 500, 503}
    wanted |= {401, 404, 409, 410} if _is_signed(route) else set()
    wanted |= {413, 415, 422} if "requestBody" in operation else set()
    wanted |= {422} if any(one["in"] == "query" or "maxLength" in one["schema"] for one in given) else set()
    wanted |= {412} if any(one["name"] == "If-Match" for one in given) else set()
    if way == "get":
        known = {"description": "You have it already: it is what `If-None-Match` names."}
        found.setdefault("304", {**known, "headers": dict(found["200"].get("headers", {}))})
    for status, said in problems(*wanted).items():
        found.setdefault(str(status), said)
    for status, said in found.items():
        if "$ref" in said:
            found[status] = {"$ref": said["$ref"]}
        else:
            of_all = header(*headers_of(int(status), read=way == "get", private=_is_signed(route)))
            if int(status) >= 400 and said.get("content", {}).keys() - {PROBLEM}:
                of_all |= if_any("Content-Language")  # beside a problem something else, whose texts are in all languages
            said["headers"] = {**of_all, **said.get("headers", {})}
            for content in said.get("content", {}).values():
                content["schema"] = plain(content.get("schema", {}), answer=True)
                if "properties" in content["schema"]:
                    content["schema"] = named.named(content["schema"], pascal(operation["operationId"]))
    operation["responses"] = dict(sorted(found.items()))


def _shared_answers(document: dict[str, Any]) -> dict[str, Any]:
    """Answers that several operations give, under a name of what they hold and of their status."""
    lists = [operation["responses"] for _, _, operation in operations(document)]
    given = [(status, one) for answers in lists for status, one in answers.items() if "$ref" not in one]
    times = Counter((status, _bytes(one)) for status, one in given)
    shared: dict[str, Any] = {}
    for (status, written), count in times.most_common():
        one = orjson.loads(written)
        if count > 1 and (name := _called(int(status), one)):
            shared.setdefault(name, one)
    for answers in lists:
        for status, one in answers.items():
            if "$ref" not in one and shared.get(name := _called(int(status), one)) == one:
                answers[status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def _called(status: int, described: Mapping[str, Any]) -> str:
    """Of what an answer holds, and its status; nothing where what it holds has no name."""
    held = [content["schema"].get("$ref", "") for content in described.get("content", {}).values()]
    return "".join([*(one.rpartition("/")[2] for one in held), *HTTPStatus(status).phrase.split()]) if all(held) else ""


def _used(document: dict[str, Any]) -> dict[str, Any]:
    """The document without components that nothing in it refers to."""
    while True:
        text = orjson.dumps(document).decode()
        unused = [
            (kind, name)
            for kind, named in document["components"].items()
            for name in named
            if kind != "securitySchemes" and f'"#/components/{kind}/{name}"' not in text
        ]
        if not unused:
            return document
        for kind, name in unused:
            del document["components"][kind][name]
