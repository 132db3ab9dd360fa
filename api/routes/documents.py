"""What an agency's system needs before it has a token: the AsyncAPI document of its kind of recipient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.answers import InThreeLanguages, json_response
from api.documents import YAML, AgencyDocument
from api.links import DESCRIPTIONS
from api.openapi.answers import described, header, problems
from api.openapi.document import DescribedApi
from api.problems import problem
from api.routing import doors
from domain.code_lists import LANGUAGES, code_list

Name = Annotated[str, Path(description="As the list of documents names it.")]


class AsyncApiDocument(BaseModel):
    """Whose document it is, and where."""

    kind: str = Field(description="By which addresses of schemas name what it is told: `/schemas/publications/{kind}/…`.")
    task: str
    label: InThreeLanguages
    address: str = Field(description="Relative to that of the API.")


class AsyncApiDocuments(BaseModel):
    """Every document."""

    documents: list[AsyncApiDocument]


def routes() -> APIRouter:
    """The description of this door, the list of documents, and each of them; nobody needs a token."""
    router = doors("", "documents")
    router.add_api_route("/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    router.add_api_route(
        "/asyncapi",
        listed,
        methods=["GET"],
        operation_id="list_asyncapi",
        summary="The AsyncAPI document of each kind of recipient",
        responses={200: described(AsyncApiDocuments, "Where each of them is.", always=("Link", "Cache-Control"))},
        response_class=Response,
    )
    router.add_api_route(
        "/asyncapi/{name}.yaml",
        document,
        methods=["GET"],
        operation_id="read_asyncapi",
        summary="What one kind of recipient sends and gets over Kafka",
        responses={
            200: {
                "description": "The AsyncAPI document.",
                "headers": header("X-Content-Type-Options"),
                # A generated client hands over the bytes as they came: as a text, some would read them as JSON.
                "content": {YAML: {"schema": {"type": "string", "format": "binary"}}},
            },
            **problems(404),
        },
        response_class=Response,
    )
    return router


async def openapi(request: Request) -> Response:
    """What is described of every route."""
    described_api: DescribedApi = request.app
    return Response(await run_in_threadpool(described_api.written), media_type="application/json")


async def listed(request: Request) -> Response:
    """Every kind of recipient: what it is called in addresses of schemas, its task in three languages, whose where it is
    shared, and the address of its document."""
    documents: Sequence[AgencyDocument] = request.app.state.documents
    content = [
        {
            "kind": one.key,
            "task": one.task,
            "label": {language: _label(one, language) for language in LANGUAGES},
            "address": one.address,
        }
        for one in documents
    ]
    return json_response({"documents": content}, headers={"Link": DESCRIPTIONS})


def _label(document: AgencyDocument, language: str) -> str:
    """The task; of kinds that share it, with the agencies whose it is."""
    task = code_list("organisation_task").label(document.task, language)
    agencies = ", ".join(code_list("agency_kind").label(kind, language) for kind in sorted(document.agency_kinds))
    return f"{task} ({agencies})" if agencies else task


async def document(request: Request, name: Name) -> Response:
    """The AsyncAPI document of a kind of recipient. Raises Problem (`E_NOT_FOUND`)."""
    documents: Sequence[AgencyDocument] = request.app.state.documents
    for one in documents:
        if one.name == name:
            return Response(await run_in_threadpool(one.text), 200, {"X-Content-Type-Options": "nosniff"}, YAML)
    raise problem("E_NOT_FOUND")
