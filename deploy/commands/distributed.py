"""`kuty up`: real PostgreSQL and Kafka started here, and every role as a process of its own, watched over."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo

from deploy.commands.serving import API, fill
from deploy.local.folders import parts_folder
from deploy.local.parts import choose_parts
from deploy.local.postgres import unprivileged_user
from deploy.migration import migrate
from deploy.settings import Settings
from deploy.wiring import PROVISIONER, ROLES, InUse, owned_by_us

log = logging.getLogger("kuty.up")

SHORTEST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that has run so long starts again without a pause."""
STOP_DEADLINE_S = 15.0
LOOK_AGAIN_S = 0.2
STORE_LOGIN, MODELS_LOGIN = "kuty_store", "kuty_models"


def up(arguments: Namespace, settings: Settings) -> int:
    """Start everything, fill it, watch over it until Ctrl-C."""
    # Whatever is going on, demo data included, is left in order, and the servers that were started are stopped.
    signal.signal(signal.SIGTERM, _leave)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        stack.enter_context(_alone(settings))
        settings = _on_real_parts(settings, stack)
        migrate(settings)
        if arguments.demo:
            fill(settings, arguments.demo, arguments.seed)
        for_others = stack.enter_context(kept_for_others(settings))
        children = [stack.enter_context(Watched(name, settings)) for name in (API, PROVISIONER, *ROLES)]
        print(f"http://{settings.host}:{settings.port}/ shows what to try. Ctrl-C stops everything.", flush=True)
        print(f"Kafka: {settings.kafka}; processes: {', '.join(child.described for child in children)}", flush=True)
        print(f"For `kuty` in another terminal: . {for_others}", flush=True)
        while True:
            time.sleep(LOOK_AGAIN_S)
            for child in children:
                child.look()
    return 0


@contextmanager
def kept_for_others(settings: Settings) -> Iterator[Path]:
    """A file of shell lines that give another terminal these settings, for its owner alone, while the servers run."""
    usual = Settings(home=settings.home.resolve()).environment()
    lines = [
        f"export {name}={shlex.quote(value)}\n"
        for name, value in replace(settings, home=settings.home.resolve()).environment().items()
        if value != usual[name] or name == "KUTY_HOME"
    ]
    file = settings.home / "up.env"
    settings.home.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(lines))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def _leave(*_: object) -> None:
    raise KeyboardInterrupt


def _alone(settings: Settings) -> IO[bytes]:
    """A lock while this runs. Raises InUse where it runs already: two would fight for the same servers."""
    try:
        return owned_by_us(_folder(settings) / "up.lock")
    except InUse:
        raise InUse(
            f"`kuty up` runs already on the ledger {settings.ledger}: `. {settings.home.resolve() / 'up.env'}` lets other "
            "commands use it, Ctrl-C in its terminal stops it"
        ) from None


def _on_real_parts(settings: Settings, stack: ExitStack) -> Settings:
    """Settings that name a PostgreSQL and a Kafka that run: those given, Docker's, or pip's, which are started here."""
    parts = choose_parts()
    folder = _folder(settings)
    if not settings.store_dsn:
        postgres = stack.enter_context(parts.postgres(folder / "postgres"))
        owner = postgres.dsn
        password = _password(folder / "logins")
        settings = replace(
            settings,
            owner_dsn=owner,
            store_dsn=make_conninfo(owner, user=STORE_LOGIN, password=password),
            models_dsn=make_conninfo(owner, user=MODELS_LOGIN, password=password),
        )
    if not settings.kafka:
        settings = replace(settings, kafka=stack.enter_context(parts.kafka(folder / "kafka")).bootstrap)
    print(parts.described, flush=True)
    return settings


def _folder(settings: Settings) -> Path:
    """PostgreSQL refuses to run as root, and the user that it then runs as may not be able to enter the home folder."""
    return parts_folder(settings.home, unprivileged_user())


def _password(file: Path) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


class Watched:
    """One role in a process of its own. When it ends unasked it is started again, after a pause that grows."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._environment = {**os.environ, **settings.of_roles((name,)).environment()}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_again_at = 0.0
        self._pause_s = SHORTEST_PAUSE_S

    @property
    def described(self) -> str:
        """Name and process id."""
        return f"{self._name} ({self._process.pid if self._process else 'waits'})"

    def look(self) -> None:
        """Start it again when it has ended and its pause is over."""
        now = time.monotonic()
        if self._process is not None:
            if self._process.poll() is None:
                return
            if now - self._started_at > STEADY_S:
                self._pause_s = SHORTEST_PAUSE_S
            log.error("%s ended with %s; again in %.1f s", self._name, self._process.returncode, self._pause_s)
            self._process = None
            self._start_again_at = now + self._pause_s
            self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)
        elif now >= self._start_again_at:
            self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "deploy.cli", "serve", "--role", self._name]
        # A group of its own: Ctrl-C reaches the parent, which stops the children in order.
        self._process = subprocess.Popen(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self._started_at = time.monotonic()

    def __enter__(self) -> Watched:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
