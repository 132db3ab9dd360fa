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
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo

from deploy.commands.printed import said
from deploy.commands.serving import API, fill
from deploy.local.folders import parts_folder, write_secret
from deploy.local.left import RECORD, remember, stop_left
from deploy.local.parts import Part, choose_parts
from deploy.local.ports import PartFailed, free_port, listens, written_by
from deploy.local.postgres import unprivileged_user
from deploy.migration import migrate
from deploy.roles import MOVED_ON
from deploy.serving import free
from deploy.settings import Settings
from deploy.watching.looking import Fault
from deploy.watching.metrics import Together
from deploy.watching.port import FOLDER, UP, watched_at
from deploy.wiring import PROVISIONER, ROLES, InUse, owned_by_us
from domain.counts import Total

log = logging.getLogger("kuty.up")

SHORTEST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that has run so long starts again without a pause."""
STOP_DEADLINE_S = 15.0
LOOK_AGAIN_S = 0.2
NEXT_EPOCH = "ended because the ledger has begun another epoch"
RESTARTS = Total("kuty_restarts", "How often a role or a server was started again by `kuty up`.", ["what"])
POSTGRES, KAFKA = "postgres", "kafka"
"""Folders of the servers."""
OWN_PROCESSES = (API, PROVISIONER, *ROLES)
STORE_LOGIN, KEYS_LOGIN, VAULT_LOGIN, MODELS_LOGIN = "kuty_store", "kuty_keys", "kuty_vault", "kuty_models"


def up(arguments: Namespace, settings: Settings) -> int:
    """Start everything, fill it, watch over it until Ctrl-C."""
    # Whatever is going on, demo data included, is left in order, and the servers that were started are stopped; a terminal
    # that is closed says so by SIGHUP.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        stack.enter_context(_alone(settings))
        folder = _folder(settings)
        left = stop_left(records_of(folder))
        if left:
            said(f"Stopped what a `kuty up` that was killed had left: {', '.join(left)}.")
        free(settings.host, settings.port)
        settings, parts = _on_real_parts(settings, folder, stack)
        migrate(settings)
        if arguments.demo:
            fill(settings, arguments.demo, arguments.seed)
        for_others = stack.enter_context(kept_for_others(settings))
        children = [stack.enter_context(WatchedRole(name, settings, folder)) for name in OWN_PROCESSES]
        together = Together(lambda: _faults([*parts, *children]), RESTARTS)
        watched_here = stack.enter_context(watched_at(settings, (UP,), together))
        print(f"http://{settings.host}:{settings.port}/ shows what to try. Ctrl-C stops everything.", flush=True)
        print(f"Kafka: {settings.kafka}; processes: {', '.join(child.described for child in children)}", flush=True)
        print(f"/readyz and /metrics: {UP} http://{watched_here}/, {', '.join(c.watched_at for c in children)}", flush=True)
        print(f"For Prometheus, where they are: {settings.home.resolve() / settings.ledger / FOLDER}/*.json", flush=True)
        print(f"For `kuty` in another terminal, `kuty status` first: . {for_others}", flush=True)
        while True:
            time.sleep(LOOK_AGAIN_S)
            for watched in (*parts, *children):
                watched.look()
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
    write_secret(file, "".join(lines))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def _faults(watched: Iterable[Watched]) -> list[Fault]:
    return [fault for one in watched if (fault := one.fault) is not None]


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


def records_of(folder: Path) -> list[Path]:
    """What the processes of one before us are known again by, in the order in which they are stopped."""
    return [folder / name / RECORD for name in (*OWN_PROCESSES, KAFKA, POSTGRES)]


def _on_real_parts(settings: Settings, folder: Path, stack: ExitStack) -> tuple[Settings, list[WatchedPart]]:
    """Settings that name a PostgreSQL and a Kafka that run: those given, Docker's, or pip's, which are started here and have
    to be watched."""
    parts, watched = choose_parts(), []
    if not settings.store_dsn:
        postgres = stack.enter_context(parts.postgres(folder / POSTGRES))
        watched.append(WatchedPart("PostgreSQL", postgres))
        owner = postgres.dsn
        password = password_in(folder / "logins")
        settings = replace(
            settings,
            owner_dsn=owner,
            store_dsn=make_conninfo(owner, user=STORE_LOGIN, password=password),
            keys_owner_dsn=owner,
            keys_dsn=make_conninfo(owner, user=KEYS_LOGIN, password=password),
            vault_owner_dsn=owner,
            vault_dsn=make_conninfo(owner, user=VAULT_LOGIN, password=password),
            models_dsn=make_conninfo(owner, user=MODELS_LOGIN, password=password),
        )
    if not settings.kafka:
        kafka = stack.enter_context(parts.kafka(folder / KAFKA))
        watched.append(WatchedPart("Kafka", kafka))
        settings = replace(settings, kafka=kafka.bootstrap)
    print(parts.described, flush=True)
    return settings, watched


def _folder(settings: Settings) -> Path:
    """PostgreSQL refuses to run as root, and the user that it then runs as may not be able to enter the home folder."""
    return parts_folder(settings.home, unprivileged_user())


def password_in(file: Path) -> str:
    """The password that is kept in the file for the logins of this machine, made once."""
    if not file.exists() or not file.stat().st_size:  # an older program that was killed has left it empty
        write_secret(file, secrets.token_urlsafe(24))
    return file.read_text()


class Watched(ABC):
    """What has to run. When it ends unasked it is started again, after a pause that grows."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started_at = time.monotonic()
        self._start_again_at: float | None = None
        self._pause_s = SHORTEST_PAUSE_S
        self._why = ""

    def look(self) -> None:
        """Start it again when it has ended and its pause is over."""
        now = time.monotonic()
        if self._start_again_at is None:
            ended = self._ended()
            if ended is not None:
                self._pause_s = SHORTEST_PAUSE_S if now - self._started_at > STEADY_S else self._pause_s
                self._pause(ended)
        elif now >= self._start_again_at:
            try:
                self._start()
            except PartFailed as failure:
                self._pause(f"did not start: {str(failure).splitlines()[0]}")
            else:
                self._started_at, self._start_again_at = time.monotonic(), None
                RESTARTS.add(self._name)

    @property
    def fault(self) -> Fault | None:
        """That it does not run, and what to do; none while it does."""
        if self._start_again_at is None:
            return None
        return Fault(self._name, self._why, "its own log says why; it is started again")

    def _pause(self, why: str) -> None:
        self._why = why
        level = logging.WARNING if why == NEXT_EPOCH else logging.ERROR
        log.log(level, "%s %s; again in %.1f s", self._name, why, self._pause_s)
        self._start_again_at = time.monotonic() + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)

    @abstractmethod
    def _ended(self) -> str | None:
        """How it ended, none while it runs."""

    @abstractmethod
    def _start(self) -> None:
        """Start it. Raises PartFailed."""


class WatchedPart(Watched):
    """A server that was started here; it comes back with its data, at its address."""

    def __init__(self, name: str, part: Part) -> None:
        super().__init__(name)
        self._part = part

    def _ended(self) -> str | None:
        return None if self._part.runs() else "ended"

    def _start(self) -> None:
        self._part.start()


class WatchedRole(Watched):
    """One role in a process of its own. What it is known again by is kept below the folder."""

    def __init__(self, name: str, settings: Settings, folder: Path) -> None:
        super().__init__(name)
        # The port in the settings is that of `kuty up` itself: every role gets one of its own, and keeps it.
        self._settings = replace(settings.of_roles((name,)), watch_port=free_port())
        self._record = folder / name / RECORD
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def described(self) -> str:
        """Name and process id."""
        return f"{self._name} ({self._process.pid if self._process else 'waits'})"

    @property
    def watched_at(self) -> str:
        """Name and address of its operator's port."""
        return f"{self._name} http://{self._settings.watch_host}:{self._settings.watch_port}/"

    def _ended(self) -> str | None:
        if self._process is None or self._process.poll() is None:
            return None
        code, self._process = self._process.returncode, None
        return NEXT_EPOCH if code == MOVED_ON else f"ended with {code}"

    def _start(self) -> None:
        if listens(self._settings.watch_port):
            self._settings = replace(self._settings, watch_port=free_port())  # somebody else has taken it meanwhile
        command = [sys.executable, "-m", "deploy.cli", "serve", "--role", self._name]
        environment = {**os.environ, **self._settings.environment()}
        with written_by(self._name):
            self._record.parent.mkdir(exist_ok=True)
            # A group of its own: Ctrl-C reaches the parent, which stops the children in order.
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
            try:
                remember(self._record, self._process.pid)
            except OSError:
                self._stop()  # nobody would know it again
                raise

    def __enter__(self) -> WatchedRole:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
