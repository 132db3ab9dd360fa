"""The schemas of what is told, sent and answered, at the addresses that `ce_dataschema` names, for anybody: a validator
asks for them without a token (integration.md 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.documents import Schemas
from api.openapi.answers import Responses, header, problems
from api.problems import problem
from api.routing import doors

SCHEMA = "application/schema+json"
CACHED = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
"""An hour: a schema changes by a release, and then only adds."""
_NAMES: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "schemas": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"address": {"type": "string", "description": "Below the address of the API."}},
                "required": ["address"],
            },
        }
    },
    "required": ["schemas"],
}
_HEADERS = {
    **header("X-Content-Type-Options"),
    "Cache-Control": {
        "description": "How long anybody may keep a copy.",
        "required": True,
        "schema": {"type": "string", "pattern": "^public, max-age=[0-9]+$"},
    },
}
_SERVED: Responses = {
    200: {
        "description": "The schema (JSON Schema 2020-12).",
        "headers": _HEADERS,
        "content": {SCHEMA: {"schema": {"type": "object"}}},
    },
    **problems(404),
}
TypeName = Annotated[str, Path(alias="type", description="A type with its version, like `attendance.recorded.v1`.")]
KindKey = Annotated[str, Path(description="A kind of recipient, as its `ce_dataschema` names it.")]


def routes() -> APIRouter:
    """The list of schemas, and each of them."""
    router = doors("/schemas", "documents")
    router.add_api_route(
        "",
        list_schemas,
        methods=["GET"],
        operation_id="list_schemas",
        summary="Every schema",
        responses={
            200: {
                "description": "Their addresses.",
                "headers": _HEADERS,
                "content": {"application/json": {"schema": _NAMES}},
            }
        },
        response_class=Response,
    )
    for place, handler, summary in (
        ("/publications/{kind}/{type}.json", read_publication_schema, "The schema of what a kind of recipient is told"),
        ("/messages/{type}.json", read_message_schema, "The schema of a message"),
        ("/events/{type}.json", read_event_schema, "The schema of an event, as it is kept"),
        ("/{type}.json", read_schema, "The schema of a receipt or a heartbeat"),
    ):
        router.add_api_route(
            place,
            handler,
            methods=["GET"],
            operation_id=handler.__name__,
            summary=summary,
            responses=_SERVED,
            response_class=Response,
        )
    return router


async def list_schemas(request: Request) -> Response:
    """The address of every schema, below that of the API. Kept by anybody for an hour."""
    paths = [{"address": f"/schemas/{path}"} for path in sorted(await _all(request))]
    return Response(orjson.dumps({"schemas": paths}), 200, CACHED, "application/json")


async def read_publication_schema(request: Request, kind: KindKey, type_name: TypeName) -> Response:
    """Of the value of a record on the out topic of this kind of recipient; open for fields that are added."""
    return await _answered(request, f"publications/{kind}/{type_name}.json")


async def read_message_schema(request: Request, type_name: TypeName) -> Response:
    """Of the value of a record on an in topic, or of a body of `POST /in`: it has no other field."""
    return await _answered(request, f"messages/{type_name}.json")


async def read_event_schema(request: Request, type_name: TypeName) -> Response:
    """Of an event of the full record, with the data class of each field."""
    return await _answered(request, f"events/{type_name}.json")


async def read_schema(request: Request, type_name: TypeName) -> Response:
    """Of `receipt.v1` and `heartbeat.v1`; open for fields that are added."""
    return await _answered(request, f"{type_name}.json")


async def _all(request: Request) -> Mapping[str, bytes]:
    schemas: Schemas = request.app.state.schemas
    return await run_in_threadpool(schemas)


async def _answered(request: Request, path: str) -> Response:
    """Raises Problem (`E_NOT_FOUND`)."""
    schema = (await _all(request)).get(path)
    if schema is None:
        raise problem("E_NOT_FOUND")
    return Response(schema, 200, CACHED, SCHEMA)
