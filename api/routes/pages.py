"""The pages: what to try first, and the description of the API. Nothing on them comes from anywhere else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from api.links import DESCRIPTIONS
from api.problems import problem

WEB = Path(__file__).resolve().parents[1] / "web"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def routes() -> APIRouter:
    """The first page, the description, and what they are made of."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", first_page, methods=["GET"])
    router.add_api_route("/docs", description, methods=["GET"])
    router.add_api_route("/pages/{name}", part, methods=["GET"])
    return router


async def first_page() -> Response:
    """What to try."""
    return _page("index.html", Link=DESCRIPTIONS)


async def description() -> Response:
    """Every route, to be read and tried."""
    return _page("docs.html", Link=DESCRIPTIONS)


async def part(name: str) -> Response:
    """A part of a page. Raises Problem (`E_NOT_FOUND`)."""
    if name not in _pages():
        raise problem("E_NOT_FOUND")
    return _page(name)


@cache
def _pages() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(WEB.iterdir()) if path.suffix in TYPES}


def _page(name: str, **more: str) -> Response:
    headers = {
        **more,
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return Response(_pages()[name], 200, headers, f"{TYPES[Path(name).suffix]}; charset=utf-8")
