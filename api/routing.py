"""Routes that tell quickly that a request is not theirs, most differ in their last word alone, and know their parameters."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from api.problems import Problem
from domain.json_gate import escaped
from domain.refusals import Reason


class Door(APIRoute):
    """A route that looks at the end of the path before anything else, and refuses a parameter that it does not have: nobody
    who misspells one is to take the answer without it for the answer with it."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        last = path.rsplit("/", 1)[-1]
        self._ending = "" if "{" in last else f"/{last}"
        # Those of the function, and those that its description adds.
        described = (self.openapi_extra or {}).get("parameters", ())
        added = {one["name"] for one in described if one["in"] == "query"}
        self._parameters = frozenset({one.alias for one in self.dependant.query_params} | added)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is this route's."""
        if not scope["path"].endswith(self._ending):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As any route. Raises Problem (`E_PARAMETER`) for parameters that it does not have, or has once."""
        if scope["query_string"] and scope["method"] in (self.methods or ()):
            given = Counter(name for name, _ in QueryParams(scope["query_string"]).multi_items())
            wrong = [name for name, times in given.items() if times > 1 or name not in self._parameters]
            if wrong:
                reasons = (Reason("E_PARAMETER", f"/{escaped(name[:80])}") for name in wrong)
                raise Problem(*reasons, extra={"parameters": sorted(self._parameters)})
        await super().handle(scope, receive, send)


def doors(prefix: str = "", *tags: str) -> APIRouter:
    """A router of such routes."""
    return APIRouter(prefix=prefix, tags=[*tags], route_class=Door)
