"""The web door: commands in, questions and pages out. Everything behind it is given; nothing is looked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.caller import DevelopmentIssuer, Verifier
from api.documents import AgencyDocument, Schemas
from api.exchange import Exchange
from api.hosts import OwnHosts
from api.ledgers import LedgerDoor, Ledgers
from api.openapi.document import DescribedApi
from api.problems import LastResort, add_problems, language_of, problem_response
from api.routes import commands, documents, ledger, messages, pages, publications, questions, receipts, replay, schemas
from api.routes import development as developing
from api.waiting import Looks
from domain.refusals import Reason
from domain.store import KeyDestroyed, StoreUnavailable

ABOUT = """The shared, provable record of a client's path through rehabilitative work activity.

Everybody names clients and parts by the own names that they were given. Every command has an `Idempotency-Key`; sent
again, it changes nothing. Problems are `application/problem+json` with stable codes, in Finnish, Swedish or English by
`Accept-Language`. Every answer has an `X-Request-Id`, the caller's own where it sent one, and what is read an `ETag`.
`HEAD` is `GET` without content; another method than those named is answered with 405 and `Allow`.

A later document may describe more: further fields of an answer, routes, and parameters that may be left out."""


def create_app(
    doors: Mapping[str, LedgerDoor],
    verifier: Verifier,
    *,
    live_allowed: bool = False,
    development: DevelopmentIssuer | None = None,
    hosts: Sequence[str] = (),
    agency_documents: Sequence[AgencyDocument] = (),
    published_schemas: Schemas = dict,
) -> FastAPI:
    """The application, which answers under the names of this machine and of `hosts` alone. `doors` may grow while it runs;
    `development` signs tokens for anybody, never give it elsewhere; `agency_documents` and `published_schemas` are served to
    anybody who asks."""
    app = DescribedApi(
        title="KUTY",
        version="1",
        description=ABOUT,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # the ready-made page loads its parts from elsewhere; ours stands in routes/pages.py
        redoc_url=None,
        redirect_slashes=False,
        # Looked for at every request, though nobody here traces: what is to be watched is told at the operator's port.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.ledgers = Ledgers(doors, live_allowed=live_allowed)
    app.state.verifier = verifier
    app.state.waits = {}  # the lines of each ledger, as far as somebody waits for them
    app.state.looks = Looks()
    app.state.closing = threading.Event()  # set by whoever serves, when it begins to stop
    app.state.documents = agency_documents
    app.state.schemas = published_schemas
    add_problems(app)

    @app.exception_handler(StoreUnavailable)
    async def _unavailable(request: Request, error: StoreUnavailable) -> Response:
        return problem_response([Reason("E_UNAVAILABLE")], language_of(request))

    @app.exception_handler(KeyDestroyed)
    async def _erased(request: Request, error: KeyDestroyed) -> Response:
        return problem_response([Reason("E_ERASED")], language_of(request))

    parts = [commands, questions, messages, receipts, publications, replay, ledger, documents, schemas, pages]
    if development is not None:
        app.state.development = development
        parts.append(developing)
    for part in parts:
        # Not included but put there: an included router is asked twice for every request.
        app.router.routes.extend(part.routes().routes)
    app.add_middleware(LastResort)
    app.add_middleware(OwnHosts, others=hosts)
    app.add_middleware(Exchange)
    return app
