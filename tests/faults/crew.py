"""Every role of a ledger as a process of its own, each started again at once whenever it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.settings import Settings
from deploy.wiring import PROVISIONER, ROLES

PROCESSES = ("api", PROVISIONER, *ROLES)
READY_DEADLINE_S = 240.0
STOP_DEADLINE_S = 20.0
LOOK_AGAIN_S = 0.02
ROOT = Path(__file__).parents[2]


def until(there: Callable[[], bool], what: str, deadline_s: float = READY_DEADLINE_S) -> None:
    """Return when the condition holds. Raises TimeoutError."""
    give_up_at = time.monotonic() + deadline_s
    pause = threading.Event()
    while not there():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what}: not within {deadline_s:.0f} s")
        pause.wait(LOOK_AGAIN_S)


def whole(settings: Settings, log: Path, beside: Mapping[str, str] | None = None) -> Member:
    """Everything of a ledger in one process; `beside` stands beside the settings in its environment."""
    return Member("", {**os.environ, **settings.environment(), **(beside or {})}, log)


def kuty(settings: Settings, *words: str, beside: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The command, started; of the secrets a role gets what it needs. `beside` stands beside the settings."""
    if "--role" in words:
        settings = settings.of_roles(words)
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", *words], cwd=ROOT,
        env={**os.environ, **settings.environment(), **(beside or {})},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


class Member:
    """One process that is always there: a role of its own, or everything in one (no role). `ended_by_itself` holds the exit
    codes that no kill explains."""

    def __init__(
        self, role: str, environment: dict[str, str], log: Path, at_start: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        """`at_start` gives what stands in the environment of each new process beside the rest."""
        self.role = role
        self._at_start = at_start
        self._words = ["serve", *(["--role", role] if role else [])]
        self.log = log
        self.ended_by_itself: list[int] = []
        self.killed = 0
        self._environment = environment
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=f"crew-{role}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def wait_until_ready(self) -> None:
        """Return when the process serves. Raises TimeoutError."""
        if not self._ready.wait(READY_DEADLINE_S):
            raise TimeoutError(f"{self.role} does not serve:\n{self.tail()}")

    @property
    def pid(self) -> int:
        """Of the process that is there now."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        self.wait_until_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def kill(self) -> None:
        """SIGKILL the process."""
        assert self._process is not None
        self._ready.clear()
        self._process.kill()

    def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(STOP_DEADLINE_S)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_DEADLINE_S)

    def tail(self, lines: int = 30) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _keep(self) -> None:
        while not self._stopping.is_set():
            with self.log.open("ab") as output:
                self._process = process = subprocess.Popen(
                    [sys.executable, "-m", "deploy.cli", *self._words], cwd=ROOT,
                    env={**self._environment, **self._at_start()},
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output,
                )  # fmt: skip
            assert process.stdout is not None
            # It says where it is watched and then that it serves, or ends.
            served = any(not line.startswith(b"/readyz") for line in iter(process.stdout.readline, b""))
            if served:
                self._ready.set()
            code = process.wait()
            process.stdout.close()
            if self._stopping.is_set():
                return
            self._ready.clear()
            if served and code != -signal.SIGKILL:
                self.ended_by_itself.append(code)
            if code == -signal.SIGKILL:
                self.killed += 1
            elif not served:
                # What it needs to start is down as well: not as fast as the machine can.
                self._stopping.wait(0.2)


class Crew:
    """All processes of one ledger."""

    def __init__(self, settings: Settings, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        own = {**os.environ, **(beside or {})}
        self.members = {
            role: Member(role, {**own, **settings.of_roles((role,)).environment()}, folder / f"{role}.log")
            for role in PROCESSES
        }

    def __enter__(self) -> Self:
        for member in self.members.values():
            member.start()
        for member in self.members.values():
            member.wait_until_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for member in self.members.values():
            member.stop()
