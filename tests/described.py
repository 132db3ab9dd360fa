"""Every answer that a test gets over HTTP, held against the document that the API serves: whatever it does not describe is a
fault, and so is what it promises and does not come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
import orjson
from fastapi.testclient import TestClient
from json_schema import Inside, faults

from api.routes.messages import MANY
from domain.rulebook import COMMANDS

OF_CONTENT = {"content-type", "content-length"}
"""Headers that speak of the content, which its media type and schema describe."""
NO_CONTENT = {204, 304}
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Document:
    """An OpenAPI document, to be asked."""

    whole: Mapping[str, Any]

    def meant(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """A thing, or what it refers to."""
        found = Inside(self.whole).named(one["$ref"]) if "$ref" in one else one
        return dict(found)

    @cached_property
    def paths(self) -> dict[str, dict[str, Any]]:
        """Every operation by path and method, its parameters, its answers, their headers and the schema of its body in their
        place."""
        return {path: {way: self._resolved(one) for way, one in ways.items()} for path, ways in self.whole["paths"].items()}

    def _resolved(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        parameters = [self.meant(one) for one in operation.get("parameters", ())]
        responses = {status: self._answer(one) for status, one in operation["responses"].items()}
        body = {"requestBody": self._inlined(operation["requestBody"])} if "requestBody" in operation else {}
        return {**operation, "parameters": parameters, "responses": responses, **body}

    def _answer(self, response: Mapping[str, Any]) -> dict[str, Any]:
        meant = self.meant(response)
        return {**meant, "headers": {name: self.meant(one) for name, one in meant.get("headers", {}).items()}}

    def _inlined(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._inlined(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        named = Inside(self.whole).named(schema["$ref"]) if "$ref" in schema else schema
        return {word: self._inlined(one) for word, one in named.items()}

    @cached_property
    def _forms(self) -> list[tuple[re.Pattern[str], str]]:
        return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in self.paths]

    @cached_property
    def _inside(self) -> Inside:
        return Inside(self.whole)

    @cached_property
    def _inside_whole(self) -> Inside:
        return Inside(self.whole, whole=True)

    def faults(self, request: httpx.Request, response: httpx.Response) -> list[str]:
        """What an answer is, or lacks, that its operation does not say; and what of a body that was taken it does not."""
        asked = request.url.raw_path.decode().partition("?")[0]
        path = next((path for form, path in self._forms if form.fullmatch(asked)), None)
        if path is None:
            return []  # a page, or nothing at all
        way = {"HEAD": "get"}.get(request.method, request.method.lower())
        operation = self.paths[path].get(way)
        if operation is None:
            return [] if response.status_code == 405 and "allow" in response.headers else ["no such method, and no 405"]
        described = operation["responses"].get(str(response.status_code))
        if described is None:
            return [f"{operation['operationId']} is not described to answer {response.status_code}"]
        found = [*self._header_faults(response, described)]
        if request.method != "HEAD" and response.status_code not in NO_CONTENT:
            found += self._content_faults(response, described)
        if response.is_success and "requestBody" in operation:
            # As it stands in the document: which of several bodies it is, is said by what it refers to.
            found += self._body_faults(request, response, self.whole["paths"][path][way])
        return found

    def _header_faults(self, response: httpx.Response, described: Mapping[str, Any]) -> Iterator[str]:
        headers = {name.lower(): one for name, one in described["headers"].items()}
        for name in response.headers:
            if name not in headers and name not in OF_CONTENT:
                yield f"the header {name} is not described"
        for name, one in headers.items():
            written = response.headers.get(name)
            if written is not None:
                yield from faults(_value(written, one["schema"]), one["schema"], name, self._inside)
            elif one.get("required"):
                yield f"the header {name} is missing"

    def _content_faults(self, response: httpx.Response, described: Mapping[str, Any]) -> list[str]:
        content = described.get("content", {})
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if media_type not in content:
            return [f"{media_type} is not described"]
        if not media_type.endswith("json"):
            return []
        return faults(orjson.loads(response.content), content[media_type]["schema"], inside=self._inside_whole)

    def _body_faults(self, request: httpx.Request, response: httpx.Response, operation: Mapping[str, Any]) -> list[str]:
        """Of a body that was taken; one in the words of an older version is taken, too, and described no more."""
        kind = COMMANDS.get(operation["operationId"])
        if kind is not None and any(field.validation_alias for field in kind.command.model_fields.values()):
            return []
        media_type = request.headers["content-type"].partition(";")[0].strip().lower()
        schema = operation["requestBody"]["content"][media_type]["schema"]
        body = orjson.loads(request.content)
        if response.status_code == MANY:
            group = body.get("data", body)
            _leave_out_refused(group, orjson.loads(response.content)["parts"])
            if not group["entries"]:
                return []
        return faults(body, schema, "body", self._inside)


def _leave_out_refused(group: dict[str, Any], parts: Sequence[Mapping[str, str]]) -> None:
    """Of a group's message, the entries that were not taken, each for its own reason."""
    group["entries"] = [one for one, part in zip(group["entries"], parts, strict=True) if part["status"] != "refused"]


def _value(written: str, schema: Mapping[str, Any]) -> str | int:
    """The value of a header, of the type that its schema names."""
    return int(written) if schema["type"] == "integer" and _WHOLE_NUMBER.fullmatch(written) else written


class Local(TestClient):
    """A client that asks under a name of this machine."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, base_url="http://localhost", **options)


class Described(Local):
    """A client that takes no answer which the document does not describe."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        response = super().send(request, **options)
        found = served(self.app).faults(request, response)
        assert not found, (request.method, request.url.path, response.status_code, found, response.text[:500])
        return response


_served: dict[bool, Document] = {}


def served(app: Any) -> Document:
    """The document of an application, made once for all that have the same routes."""
    for_development = hasattr(app.state, "development")
    if for_development not in _served:
        _served[for_development] = Document(app.openapi())
    return _served[for_development]


