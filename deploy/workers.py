"""The API in several processes on one address: one process of Python uses one core.

This process is one of them; the others are its children, started again when they end, and stopped with it. Each has the
ledger open for itself, as other machines could: what one of them promises (a command is recorded once, a version moves, who
waits is woken) stands in the database, which all of them ask.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deploy.logs import write_logs
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings

log = logging.getLogger("kuty.workers")

PAUSE_S = 1.0
"""Between the end of a process and the next one."""
LOOK_S = 0.2
STOP_DEADLINE_S = 10.0


@contextmanager
def beside_this_one(settings: Settings) -> Iterator[None]:
    """The other processes that the settings ask for, for as long as the block lasts."""
    others = [_Worker(settings) for _ in range(settings.api_workers - 1)]
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(LOOK_S):
            for one in others:
                one.look()

    watching = threading.Thread(target=watch, name="kuty-workers", daemon=True)
    if others:
        watching.start()
    try:
        yield
    finally:
        stopping.set()
        if others:
            watching.join()
        for one in others:
            one.tell()
        for one in others:
            one.stop()


class _Worker:
    """One of the other processes. It ends when this one does, however that comes: nobody holds its input open any more."""

    def __init__(self, settings: Settings) -> None:
        given = replace(settings, api_workers=1, watch_port=0)  # two of one number would clash
        self._environment = {**os.environ, **given.environment()}
        self._start_again_at = 0.0
        self._process = self._started()

    def look(self) -> None:
        """Start it again when it has ended and its pause is over."""
        if self._process.poll() is None:
            return
        if not self._start_again_at:
            log.error("a process of the API ended with %d; again in %.1f s", self._process.returncode, PAUSE_S)
            self._start_again_at = time.monotonic() + PAUSE_S
        elif time.monotonic() >= self._start_again_at:
            self._start_again_at = 0.0
            self._process = self._started()

    def tell(self) -> None:
        """Have it answer what it is being asked, and end."""
        self._process.terminate()

    def stop(self) -> None:
        """Return when it has ended."""
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl-C reaches this process, which stops the others in order.
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.workers"], env=self._environment, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def _end_with_whoever_started_this() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """One more process of the API, until its input ends or a signal comes; the exit code."""
    from deploy.commands.serving import API, run
    from deploy.wiring import open_ledger_parts

    settings = Settings.from_environment()
    write_logs(settings.log_level, settings.log)
    look_seldom_for_garbage()
    wired = open_ledger_parts(settings)
    threading.Thread(target=_end_with_whoever_started_this, name="kuty-ending", daemon=True).start()
    try:
        return run(wired, (API,), shared=True)
    finally:
        wired.close()


if __name__ == "__main__":
    sys.exit(main())
