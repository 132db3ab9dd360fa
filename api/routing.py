"""Routes that tell quickly that a request is not theirs, most differ in their last word alone, and know their parameters."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from api.problems import Problem
from domain.json_gate import escaped
from domain.refusals import Reason

WRITTEN = {
    "integer": re.compile(r"-?(0|[1-9][0-9]{,18})"),
    "number": re.compile(r"-?(0|[1-9][0-9]{,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?"),
    "boolean": re.compile(r"true|false"),
}
"""How a value is written, by its type in a schema: as in JSON (RFC 8259 3 and 6), and no longer than any of ours. A library
takes `1_0` for 10."""
_TYPES = {int: "integer", float: "number", bool: "boolean"}


class Door(APIRoute):
    """A route that looks at the end of the path before anything else, and refuses a parameter that it does not have: nobody
    who misspells one is to take the answer without it for the answer with it. So with a number that is written as none."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        last = path.rsplit("/", 1)[-1]
        self._ending = "" if "{" in last else f"/{last}"
        # Those of the function, and those that its description adds.
        types = {one.alias: _types_of(one.field_info.annotation) for one in self.dependant.query_params}
        for one in (self.openapi_extra or {}).get("parameters", ()):
            if one["in"] == "query":
                types[one["name"]] = [arm.get("type") for arm in (one["schema"], *one["schema"].get("anyOf", ()))]
        self._parameters = frozenset(types)
        self._written = {name: WRITTEN[kind] for name, kinds in types.items() for kind in kinds if kind in WRITTEN}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is this route's."""
        if not scope["path"].endswith(self._ending):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As any route. Raises Problem for parameters that it does not have, or has once (`E_PARAMETER`), and for numbers
        and truth values that are not written as such (`E_QUERY`)."""
        if scope["query_string"] and scope["method"] in (self.methods or ()):
            asked = QueryParams(scope["query_string"])
            given = Counter(name for name, _ in asked.multi_items())
            wrong = [name for name, times in given.items() if times > 1 or name not in self._parameters]
            if wrong:
                reasons = (Reason("E_PARAMETER", f"/{escaped(name[:80])}") for name in wrong)
                raise Problem(*reasons, extra={"parameters": sorted(self._parameters)})
            unlike = [name for name, form in self._written.items() if name in asked and not form.fullmatch(asked[name])]
            if unlike:
                raise Problem(*(Reason("E_QUERY", f"/{name}") for name in unlike))
        await super().handle(scope, receive, send)


def _types_of(annotation: Any) -> list[str | None]:
    """The types, as a schema names them, of a parameter of a function: `int | None` has one."""
    return [_TYPES.get(arm) for arm in get_args(annotation) or (annotation,)]


def doors(prefix: str = "", *tags: str) -> APIRouter:
    """A router of such routes."""
    return APIRouter(prefix=prefix, tags=[*tags], route_class=Door)
