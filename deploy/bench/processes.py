"""Roles and the API as processes of their own, as the distributed stack runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from deploy.local.ports import listens
from deploy.roles import Running
from deploy.serving import app_of
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts

API = "api"
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 15.0
READY = "ready"


@contextmanager
def running(settings: Settings, names: Sequence[str]) -> Iterator[None]:
    """A process for each name, a role's or `api`; returns when all of them are at work."""
    started = [_start(settings, name) for name in names]
    try:
        for process in started:
            assert process.stdout is not None
            if process.stdout.readline().strip() != READY:
                raise RuntimeError(f"{process.args!r} did not start")
        if API in names:
            _wait_for_port(settings.port)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main(name: str) -> int:
    """Run one role, or the API, until a signal comes. Settings are those of the environment."""
    settings = Settings.from_environment()
    parts = open_ledger_parts(settings)
    try:
        if name == API:
            print(READY, flush=True)
            uvicorn.run(app_of(parts), host=settings.host, port=settings.port, log_level="warning", access_log=False)
            return 0
        going = Running([parts.role(name)], parts.wait).start()
        print(READY, flush=True)
        return going.until_signal()
    finally:
        parts.close()


def _start(settings: Settings, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.bench.processes", name],
        env={**os.environ, **settings.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )


def _wait_for_port(port: int) -> None:
    give_up_at = time.monotonic() + START_DEADLINE_S
    while not listens(port):
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"nothing listens on port {port}")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
