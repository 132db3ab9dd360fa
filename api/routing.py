"""Routes that tell quickly that a request is not theirs: most differ in their last word alone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class Door(APIRoute):
    """A route that looks at the end of the path before anything else."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        last = path.rsplit("/", 1)[-1]
        self._ending = "" if "{" in last else f"/{last}"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is this route's."""
        if not scope["path"].endswith(self._ending):
            return Match.NONE, {}
        return super().matches(scope)


def doors(prefix: str = "", *tags: str) -> APIRouter:
    """A router of such routes."""
    return APIRouter(prefix=prefix, tags=[*tags], route_class=Door)
