"""Ledgers in the middle of one history, at rest, nobody serving them: embedded, or on PostgreSQL and Kafka."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import uuid4

from faults.crew import until
from faults.doors import Distributed, Embedded
from faults.history import History
from faults.ledgers import at_head, running
from logins import dsns_of

from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from deploy.world import LedgerWorld

SEED = 2
"""Gives a correction."""
REST_DEADLINE_S = 240.0


class Halfway(NamedTuple):
    """One of them. `references` are the clients' in the store, `senders` those of the commands that left a trace."""

    settings: Settings
    history: History
    references: Mapping[str, str]
    senders: Mapping[str, tuple[str, str]]


class Ledgers(Protocol):
    """What makes them: whatever is done to one is done to no other."""

    def another(self, home: Path) -> Halfway:
        """One more, in a folder of its own."""

    def beside(self, settings: Settings) -> AbstractContextManager[object]:
        """Whoever works for a ledger while a command of `kuty` does."""

    def rested(self, settings: Settings) -> AbstractContextManager[Wired]:
        """The ledger when everybody has done what there was to do."""


class InFolders:
    """Embedded ones: copies of one that is made once. A command moves the roles itself."""

    def __init__(self, folder: Path, clients: int, days: int | None) -> None:
        self._folder = folder
        settings = Settings(ledger="halfway", home=folder, port=free_port())
        server = (settings.host, settings.port)
        with opened(settings, wait_s=0.0) as wired, served(app_of(wired), *server):
            world = LedgerWorld(wired, server)
            history = History(Embedded(world, server), clients, SEED)
            history.give()
            world.provide()
            history.run(days)
        self._made = Halfway(settings, history, history.references, history.with_effect)

    def another(self, home: Path) -> Halfway:
        shutil.copytree(self._folder, home, dirs_exist_ok=True)
        return self._made._replace(settings=replace(self._made.settings, home=home, port=free_port()))

    def beside(self, settings: Settings) -> AbstractContextManager[object]:
        return nullcontext()

    @contextmanager
    def rested(self, settings: Settings) -> Iterator[Wired]:
        with opened(settings, wait_s=0.0) as wired:
            LedgerWorld(wired, (settings.host, settings.port)).settle()
            yield wired


class OnServers:
    """On PostgreSQL and Kafka, each with the same history, given once more. Their roles run beside."""

    def __init__(self, postgres: Postgres, kafka: Kafka, clients: int, days: int | None) -> None:
        self._postgres, self._kafka = postgres, kafka
        self._clients, self._days = clients, days

    def another(self, home: Path) -> Halfway:
        home.mkdir(parents=True, exist_ok=True)
        ledger = f"halfway-{uuid4().hex[:8]}"
        dsns = dsns_of(self._postgres.fresh_database(), ledger)
        settings = Settings(ledger=ledger, home=home, kafka=self._kafka.bootstrap, port=free_port(), **dsns)
        with running(settings) as wired:
            doors = Distributed(wired, (settings.host, settings.port))
            history = History(doors, self._clients, SEED)
            history.give()
            doors.begin()
            history.run(self._days)
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            doors.close()
        return Halfway(settings, history, history.references, history.with_effect)

    def beside(self, settings: Settings) -> AbstractContextManager[object]:
        return running(settings)

    @contextmanager
    def rested(self, settings: Settings) -> Iterator[Wired]:
        with running(settings) as wired:
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            yield wired
