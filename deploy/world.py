"""Fresh simulated ledgers for scenarios, demonstrations and tests: embedded, or on PostgreSQL and Kafka.

Roles are stepped, not run: everything that follows from a command has come to rest before the next one is given, so that a
history gives the same answers every time.
"""

from __future__ import annotations

import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from api.caller import Claims
from consumers.log import Broker
from deploy.local.ports import free_port
from deploy.roles import settle
from deploy.scenario.story import Person
from deploy.scenario.world import HttpAnswer, OpenWorld, World
from deploy.serving import app_of, issuer_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened, total
from domain.disclosure.pseudonyms import Pseudonyms
from domain.store import EventStore, Vault

REQUEST_DEADLINE_S = 60.0
SETTLE_DEADLINE_S = 120.0
LOOK_AGAIN_S = 0.05
KAFKA_WAIT_S = 0.02
"""How long a step waits for news from Kafka, seconds; the embedded broker has them at once."""


class LedgerWorld:
    """One ledger with its API on a loopback port. `server` is (host, port).

    `stepped` means that the roles are moved here; else they run elsewhere, and coming to rest is waited for.
    """

    def __init__(self, wired: Wired, server: tuple[str, int], *, stepped: bool = True) -> None:
        self._wired = wired
        self._server = server
        self._stepped = stepped
        self._issuer = issuer_of(wired.settings)

    @property
    def ledger(self) -> str:
        """The ledger's name."""
        return self._wired.store.ledger

    @property
    def store(self) -> EventStore:
        """Its event store."""
        return self._wired.store

    @property
    def vault(self) -> Vault:
        """Its vault."""
        return self._wired.vault

    @property
    def broker(self) -> Broker:
        """Where it publishes."""
        return self._wired.broker

    @property
    def on_kafka(self) -> bool:
        """Whether agencies' systems send over Kafka; else over HTTP."""
        return not self._wired.settings.embedded

    @property
    def wired(self) -> Wired:
        """The parts."""
        return self._wired

    def pseudonyms(self, short_name: str) -> Pseudonyms:
        """The pseudonyms of a recipient."""
        return self._wired.pseudonyms(short_name)

    def token(self, person: Person, name: str) -> str:
        """A token that says who calls."""
        return self._issuer.token(
            Claims(ledger=self.ledger, org=person.org, task=person.task, role=person.role, person=name)
        )

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        """A request over a real connection. Raises OSError when nothing answers."""
        connection = HTTPConnection(*self._server, timeout=REQUEST_DEADLINE_S)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return HttpAnswer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def provide(self) -> None:
        """Make topics, rights and read models for every recipient that has joined."""
        if self._stepped:
            self._wired.provisioner.step()
            self._wired.relay.step()
        else:
            self.settle()

    def settle(self) -> None:
        """Return when all that was recorded has been disclosed, published and taken in, and nothing is overdue."""
        roles = self._wired.roles() if self._stepped else [Elsewhere()]
        settle(roles, total(self._wired.lag), deadline_s=SETTLE_DEADLINE_S)


class Elsewhere:
    """Stands for roles that run in other processes: there is nothing to do here but to look again in a moment."""

    name = "elsewhere"

    def step(self) -> int:
        """Wait a moment."""
        time.sleep(LOOK_AGAIN_S)
        return 0


@contextmanager
def open_world(settings: Settings) -> Iterator[LedgerWorld]:
    """The ledger of the settings as a world: its tables are made where they are missing, its API answers on a free port."""
    wait_s = 0.0 if settings.embedded else KAFKA_WAIT_S
    with opened(settings, wait_s=wait_s) as wired:
        port = free_port()
        with served(app_of(wired), "127.0.0.1", port):
            yield LedgerWorld(wired, ("127.0.0.1", port))


def embedded_worlds() -> OpenWorld:
    """Worlds that need nothing and leave nothing behind."""

    @contextmanager
    def fresh(name: str) -> Iterator[World]:
        with (
            tempfile.TemporaryDirectory(prefix="kuty-") as folder,
            open_world(Settings(ledger=named(name), home=Path(folder))) as w,
        ):
            yield w

    return fresh


def worlds_on(kafka: str, fresh_database: Callable[[], str]) -> OpenWorld:
    """Worlds on a Kafka and a PostgreSQL that are there, a database and topics of their own each."""

    @contextmanager
    def fresh(name: str) -> Iterator[World]:
        ledger = f"{named(name)[:28]}-{uuid.uuid4().hex[:8]}"
        with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
            settings = replace(Settings(ledger=ledger, home=Path(folder)), kafka=kafka, store_dsn=fresh_database())
            with open_world(settings) as world:
                yield world
                world.broker.delete_topics([topic for topic in world.broker.topics() if topic.startswith(f"kuty.{ledger}.")])

    return fresh


def named(text: str) -> str:
    """A ledger's name made from a text."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    return name if name[:1].isalpha() else f"ledger-{name}"[:40]
