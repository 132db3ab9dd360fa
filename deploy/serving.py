"""The API in front of a ledger's parts: its door, its application, and the server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from api.app import create_app
from api.caller import DevelopmentIssuer, Verifier
from api.ledgers import LedgerDoor, Line, Repeated
from consumers.disclosed import is_coming, line_of, told_up_to
from consumers.log import BrokerUnavailable
from consumers.redelivery import Redelivery, allowance_of
from consumers.wire import LARGEST_NUMBER, out_topic, publication_of
from deploy.describe.served import agency_documents, published_schemas
from deploy.listening import BoundedProtocol, BoundedServer, shared_socket
from deploy.local.ports import PartFailed
from deploy.migration import issuer_key, token_key
from deploy.settings import Settings
from deploy.told_on import ToldOn
from deploy.wiring import Wired
from domain.answers import Answer
from domain.context import Caller
from domain.disclosure.publications import Publication
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased
from domain.store import StoreUnavailable

T = TypeVar("T")
PAGE = 2_000
START_DEADLINE_S = 15.0
GRACE_S = 5
"""How long a request that is being answered may take when the server stops, seconds."""


def door_of(wired: Wired) -> LedgerDoor:
    """The ledger as the API sees it."""
    return LedgerDoor(
        name=wired.store.ledger,
        store=wired.store,
        vault=wired.vault,
        pseudonyms=wired.pseudonyms,
        pseudonyms_at_hand=wired.pseudonyms_at_hand,
        receiving=wired.receiving,
        models=wired.models,
        publications=lambda short_name, epoch, after, limit: publications(wired, short_name, epoch, after, limit),
        told_up_to=lambda short_name: told_up_to(wired.store, short_name),
        lag=_asked_again_later(wired.lag),
        lagging=_asked_again_later(wired.lagging),
        redeliver=lambda short_name, caller, key: redelivered(wired, short_name, caller, key),
        redeliveries_left=lambda short_name: allowance_of(wired.store, short_name),
        line=lambda short_name: line_at(wired, short_name),
        acknowledged=ToldOn(wired.store) if wired.store.mode == "live" else None,
    )


def redelivered(wired: Wired, short_name: str, caller: Caller, key: str) -> tuple[Answer, Repeated | None]:
    """A redelivery, begun once under the caller's key: the answer to it, and how far it has come. Raises `LookupError`,
    `SentOnceMoreOften`, `NotAllToldYet`."""
    answer, begun = wired.disclosure.redeliver_once(short_name, caller, key)
    return answer, _repeated(begun) if begun else None


def line_at(wired: Wired, short_name: str) -> Line:
    """Where a recipient's present epoch has come to, in the store and on its topic."""
    store = wired.store
    newest = line_of(store, short_name)
    coming = newest.sequence > 0 and is_coming(store, newest)
    taken = store.acknowledgement_before(out_topic(store.ledger, short_name), LARGEST_NUMBER)
    on_topic = taken.sequence if taken is not None and taken.epoch == newest.epoch else 0
    progress = _repeated(wired.disclosure.progress_of(short_name)) if coming else None
    return Line(newest.epoch, newest.sequence, min(on_topic, newest.sequence), progress)


def _repeated(begun: Redelivery) -> Repeated:
    return Repeated(begun.epoch, begun.publications, begun.repeated)


def _asked_again_later(look: Callable[[], T]) -> Callable[[], T]:
    """To a caller it is one whether the database or the broker does not answer: ask again. Raises `StoreUnavailable`."""

    def asked() -> T:
        try:
            return look()
        except BrokerUnavailable as error:
            raise StoreUnavailable(str(error)) from error

    return asked


def publications(
    wired: Wired, short_name: str, epoch: int | None, after: int, limit: int
) -> tuple[int, Sequence[Publication]]:
    """A recipient's present epoch and its publications behind a sequence, as they stand on its topic; from the beginning
    when the sequence is of another epoch."""
    store = wired.store
    line = line_of(store, short_name)
    records = store.stream(line.stream, after if epoch in (None, line.epoch) else 0, limit)
    return line.epoch, [
        publication_of(record, event)
        for record, event in zip(records, store.opened_all(records), strict=True)
        if isinstance(event, DisclosureMade | DisclosureWithdrawn | Erased)
    ]


def issuer_of(settings: Settings) -> DevelopmentIssuer:
    """Who signs development tokens; every process of these settings has the same one."""
    return DevelopmentIssuer(Ed25519PrivateKey.from_private_bytes(token_key(settings)), lambda: datetime.now(UTC))


def app_of(wired: Wired) -> FastAPI:
    """The application for one ledger. Its development issuer answers on loopback alone, as everything here does; it is there
    for a simulated ledger, unless the settings say no or name another issuer."""
    settings, development = wired.settings, issuer_of(wired.settings)
    offered = settings.development_issuer and not settings.issuer and wired.store.mode != "live"
    return create_app(
        {wired.store.ledger: door_of(wired)},
        Verifier(issuer_key(settings), settings.issuer) if settings.issuer else Verifier(development.public_key),
        live_allowed=settings.allow_live,
        hosts=settings.hosts,
        development=development if offered else None,
        agency_documents=agency_documents(),
        published_schemas=published_schemas(settings.schemas),
    )


def free(host: str, port: int) -> None:
    """Nobody listens there yet, which is better said before demo data are made than after. Raises PartFailed."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        raise PartFailed(f"cannot listen on {host}:{port}: {error.strerror}") from None


class Server:
    """A uvicorn server that another thread can wait for and stop. `shared` where other processes listen there too."""

    def __init__(self, app: FastAPI, host: str, port: int, *, shared: bool = False) -> None:
        settings = uvicorn.Config(app, host=host, port=port, http=BoundedProtocol, ws="none", log_config=None,
                                  log_level="warning", access_log=False, lifespan="off",
                                  timeout_graceful_shutdown=GRACE_S)  # fmt: skip
        self._server = BoundedServer(settings)
        self._app = app
        self._sockets = [shared_socket(host, port)] if shared else None
        self._thread = threading.Thread(target=self._server.run, args=[self._sockets], name="kuty-api", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns when connections are taken. Raises PartFailed."""
        self._thread.start()
        give_up_at = time.monotonic() + START_DEADLINE_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up_at:
                address = f"{self._server.config.host}:{self._server.config.port}"
                raise PartFailed(f"cannot listen on {address}: is the port taken?")
            time.sleep(0.01)

    def stop(self) -> None:
        """Answer what is being asked, at once what waits for something, then stop listening."""
        self._app.state.closing.set()
        self._server.should_exit = True
        self._thread.join(START_DEADLINE_S)


@contextmanager
def served(app: FastAPI, host: str, port: int, *, shared: bool = False) -> Iterator[None]:
    """The application on an address for as long as the block lasts. Raises PartFailed."""
    server = Server(app, host, port, shared=shared)
    server.start()
    try:
        yield
    finally:
        server.stop()
