"""Ledgers whose roles all run by themselves, beside each other, as they do when each is a process of its own."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from consumers.wire import recipient_topics
from deploy.local.ports import free_port
from deploy.roles import Running
from deploy.scenario.world import OpenWorld, World
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import opened
from deploy.world import LedgerWorld

DEADLINE_S = 120.0
LOOK_AGAIN_S = 0.02


class RunningWorld(LedgerWorld):
    """A world whose roles run elsewhere: it gives commands, asks, and waits."""

    def provide(self) -> None:
        """Wait until every recipient that has joined has its topics; models follow with the first publication."""
        joined = self.wired.recipients()
        wanted = {topic for recipient in joined for topic in recipient_topics(self.ledger, recipient.short_name)}
        self._until(lambda: wanted <= self.broker.topics().keys(), "topics")

    def settle(self) -> None:
        """Wait until nobody is behind, while nothing is recorded in between."""
        self._until(self._is_quiet, "rest")

    def _is_quiet(self) -> bool:
        head = self.store.head()
        return not any(self.wired.lag().values()) and self.store.head() == head

    def _until(self, there: Callable[[], bool], what: str) -> None:
        give_up_at = time.monotonic() + DEADLINE_S
        while not there():
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no {what} within {DEADLINE_S:.0f} s: {self.wired.lag()}")
            self.store.wait_for_commit(LOOK_AGAIN_S)


def running_on(kafka: str, fresh_database: Callable[[], str]) -> OpenWorld:
    """Worlds on a Kafka and a PostgreSQL that are there, with every role running."""

    @contextmanager
    def fresh(name: str) -> Iterator[World]:
        ledger = f"{name[:24]}-{uuid.uuid4().hex[:8]}"
        with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
            settings = Settings(ledger=ledger, home=Path(folder), kafka=kafka, store_dsn=fresh_database())
            # Parts of their own for roles, API and who gives the commands: they meet in the store and in Kafka alone.
            with opened(settings) as for_roles, opened(settings) as for_api, opened(settings) as own:
                running = Running(for_roles.roles(), for_roles.wait).start()
                port = free_port()
                try:
                    with served(app_of(for_api), "127.0.0.1", port):
                        world = RunningWorld(own, ("127.0.0.1", port))
                        yield world
                        topics = [topic for topic in world.broker.topics() if topic.startswith(f"kuty.{ledger}.")]
                finally:
                    running.stop()
                own.broker.delete_topics(topics)

    return fresh
