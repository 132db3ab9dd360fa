"""A request's body, read within its limit and through the one JSON gate before anything else looks at it."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from api.problems import problem
from domain.json_gate import LIMIT, read_json

JSON_TYPES = ("application/json", "application/json; charset=utf-8")


async def raw_body(request: Request, limit: int = LIMIT) -> bytes:
    """The bytes of the body. Raises Problem: `E_CONTENT_TYPE`, or `E_TOO_LARGE` before all of it is read."""
    content_type = request.headers.get("content-type", "").lower().replace(";charset", "; charset")
    if content_type not in JSON_TYPES:
        raise problem("E_CONTENT_TYPE")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise problem("E_TOO_LARGE")
    read = bytearray()
    async for some in request.stream():
        read += some
        if len(read) > limit:
            raise problem("E_TOO_LARGE")
    return bytes(read)


async def json_body(request: Request) -> dict[str, Any]:
    """The object in the body. Raises Problem or BadJson."""
    return read_json(await raw_body(request))
