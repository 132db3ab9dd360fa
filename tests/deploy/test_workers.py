"""Several processes that answer for the API: what one of them has promised, each of them keeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from logins import login_dsn

from api.caller import Claims
from deploy.bench.ground import bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, Refs, start
from deploy.local.parts import Postgres
from deploy.local.ports import free_port
from deploy.serving import issuer_of
from deploy.settings import Settings, WrongSetting
from deploy.wiring import Wired
from deploy.workers import beside_this_one

DEADLINE_S = 120.0
WORKERS = 2


@dataclass
class Doors:
    """The processes, and connections of which each is known to lead to one of them."""

    parts: Wired
    refs: Refs
    process: subprocess.Popen[bytes]

    def __post_init__(self) -> None:
        by, store = INSTRUCTOR, self.parts.store
        claims = Claims(ledger=store.ledger, org=by.org, task=by.task, role=by.role, person=by.person)
        self._token = issuer_of(self.parts.settings).token(claims)
        recipient = store.directory.recipient(by.org, by.task)
        assert recipient
        self._names = self.parts.pseudonyms(recipient.short_name)

    def pids(self) -> set[int]:
        """Of the processes that listen."""
        first = psutil.Process(self.process.pid)
        return {one.pid for one in (first, *first.children()) if self._peers(one, psutil.CONN_LISTEN)}

    def to_each(self) -> list[HTTPConnection]:
        """A connection to each process: the system deals them out, so that some are opened until each has one."""
        found: dict[int, HTTPConnection] = {}

        def opened() -> bool:
            line = HTTPConnection("127.0.0.1", self.parts.settings.port, timeout=DEADLINE_S)
            line.connect()
            ours = line.sock.getsockname()[1]
            comes("who answers it", lambda: [pid for pid in self.pids() if self._has(pid, ours)])
            (pid,) = [pid for pid in self.pids() if self._has(pid, ours)]
            found.setdefault(pid, line)
            return len(found) == WORKERS

        comes("a connection to each", opened)
        return list(found.values())

    def day(self, line: HTTPConnection, number: int, key: str, **headers: str) -> tuple[int, dict[str, Any], str]:
        """What the instructor says of a day of the client: status, content and version of the answer."""
        on = list(LONG.days())[number].isoformat()
        body = {"period_id": self._names.of(self.refs["period_id"]), "day_status": "present", "hours": 5, "occurred_on": on}
        path = f"/ledgers/{self.parts.store.ledger}/clients/{self._names.of(self.refs['client'])}/attendance"
        given = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key, "Content-Type": "application/json"}
        line.request("POST", path, orjson.dumps(body), {**given, **headers})
        answer = line.getresponse()
        return answer.status, orjson.loads(answer.read()), answer.headers.get("ETag", "")

    def _has(self, pid: int, ours: int) -> bool:
        return ours in self._peers(psutil.Process(pid), psutil.CONN_ESTABLISHED)

    def _peers(self, process: psutil.Process, status: str) -> set[int]:
        """The ports at the other ends of a process's connections on the address; its own where it listens."""
        port = self.parts.settings.port
        try:
            held = [one for one in process.net_connections("tcp4") if one.laddr.port == port and one.status == status]
        except psutil.NoSuchProcess:
            return set()
        return {one.raddr.port if one.raddr else port for one in held}


def comes(what: str, found: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while not found():
        if time.monotonic() > give_up_at:
            raise AssertionError(f"{what} did not come within {DEADLINE_S:.0f} s")
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def doors(postgres: Postgres, tmp_path: Path) -> Iterator[Doors]:
    owner = postgres.fresh_database()
    settings = Settings(
        ledger="workers", home=tmp_path, owner_dsn=owner, store_dsn=login_dsn(owner, "kuty_workers"),
        models_dsn=login_dsn(owner, "kuty_workers_models"), port=free_port(), api_workers=WORKERS,
    )  # fmt: skip
    with laid_out(settings) as parts:
        (refs,) = bring(parts.store, parts.vault, 1, lambda _: start(LONG))
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "serve", "--role", "api"],
            env={**os.environ, **settings.of_roles(("api",)).environment()},
            stdout=subprocess.DEVNULL,
        )
        try:
            made = Doors(parts, refs, process)
            comes("every process", lambda: len(made.pids()) == WORKERS)
            yield made
        finally:
            process.terminate()
            process.wait(DEADLINE_S)


def test_what_one_process_has_promised_the_others_keep(doors: Doors) -> None:
    one, other = doors.to_each()
    # a command is recorded once, whoever is asked again
    key = uuid.uuid4().hex
    status, first, version = doors.day(one, 0, key)
    assert status == 201
    status, again, _ = doors.day(other, 0, key)
    assert (status, again["number"]) == (200, first["number"])
    # the same key for something else is refused there too
    assert doors.day(other, 1, key)[0] == 422
    # a version moves for all of them, and a stale one is stale everywhere
    status, _, newer = doors.day(other, 1, uuid.uuid4().hex, **{"If-Match": version})
    assert status == 201
    assert doors.day(one, 2, uuid.uuid4().hex, **{"If-Match": version})[0] == 412
    assert doors.day(one, 2, uuid.uuid4().hex, **{"If-Match": newer})[0] == 201
    # answers are numbered in one line
    numbers = [doors.day(line, day, uuid.uuid4().hex)[1]["number"] for day, line in enumerate((one, other, one, other), 3)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


def test_a_process_that_ends_is_started_again_and_none_is_left_behind(doors: Doors) -> None:
    (killed,) = doors.pids() - {doors.process.pid}
    os.kill(killed, signal.SIGKILL)
    comes("another process", lambda: len(doors.pids() - {killed}) == WORKERS)
    assert [doors.day(line, day, uuid.uuid4().hex)[0] for day, line in enumerate(doors.to_each())] == [201, 201]
    # when the first one is killed itself
    (other,) = doors.pids() - {doors.process.pid}
    doors.process.kill()
    doors.process.wait()
    # then the other one does not go on for ever without anybody who watches over it
    comes("its end", lambda: has_ended(other))


def test_a_process_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the machine may open nothing more: neither the first one nor the watch over the others ends of it."""
    started: list[subprocess.Popen[bytes]] = []
    failing = [OSError(24, "Too many open files"), None, OSError(12, "Cannot allocate memory"), None]
    popen = subprocess.Popen

    def starts(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        error = failing.pop(0)
        if error is not None:
            raise error
        started.append(popen([command[0], "-c", "import sys; sys.stdin.read()"], **options))
        return started[-1]

    monkeypatch.setattr("deploy.workers.subprocess.Popen", starts)
    monkeypatch.setattr("deploy.workers.PAUSE_S", 0.05)
    monkeypatch.setattr("deploy.workers.LOOK_S", 0.01)
    with beside_this_one(replace(Settings(), api_workers=2)):
        comes("the process", lambda: len(started) == 1)
        started[0].kill()
        comes("the next one", lambda: len(started) == 2)
        assert started[1].poll() is None
    comes("its end", lambda: started[1].poll() is not None)
    said = [line.getMessage() for line in caplog.records if "cannot be started" in line.getMessage()]
    assert said == [
        "a process of the API cannot be started: [Errno 24] Too many open files; again in 0.1 s",
        "a process of the API cannot be started: [Errno 12] Cannot allocate memory; again in 0.1 s",
    ]


def test_an_embedded_ledger_has_one_process() -> None:
    with pytest.raises(WrongSetting, match="belongs to one process"):
        replace(Settings(), api_workers=2).check()
