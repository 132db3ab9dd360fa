"""Ledgers in this process: one in which nothing goes wrong, and one whose roles run as threads, once or several times."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from faults.doors import BROKEN, Embedded
from faults.history import History

from deploy.local.ports import free_port
from deploy.roles import Running
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from deploy.world import LedgerWorld


@contextmanager
def undisturbed(clients: int, seed: int) -> Iterator[History]:
    """The whole history, embedded, step by step."""
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        settings = Settings(ledger="undisturbed", home=Path(folder), port=free_port())
        server = (settings.host, settings.port)
        with opened(settings, wait_s=0.0) as wired, served(app_of(wired), *server):
            world = LedgerWorld(wired, server)
            history = History(Embedded(world, server), clients, seed)
            history.give()
            world.provide()
            history.run()
            yield history


@contextmanager
def running(settings: Settings, times: int = 1) -> Iterator[Wired]:
    """The parts of whoever asks. API and roles run beside, each line of roles with parts of its own: they meet in the store
    and in Kafka alone."""
    with ExitStack() as stack:
        lines = [stack.enter_context(opened(settings)) for _ in range(times)]
        for_api, own = stack.enter_context(opened(settings)), stack.enter_context(opened(settings))
        roles = [Running(line.roles(), line.wait).start() for line in lines]
        try:
            with served(app_of(for_api), settings.host, settings.port):
                yield own
        finally:
            for one in roles:
                one.stop()
        assert [one.halted for one in roles] == [{}] * times


def at_head(wired: Wired) -> bool:
    """Whether nobody is behind; not while a part is down."""
    try:
        return not any(wired.lag().values())
    except BROKEN:
        return False
