"""The API in several processes on one address: one process of Python uses one core.

This process is one of them; the others are its children, started again when they end, and stopped with it. Each has the
ledger open for itself, as other machines could: what one of them promises (a command is recorded once, a version moves, who
waits is woken) stands in the database, which all of them ask.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deploy.roles import MOVED_ON
from deploy.settings import Settings

log = logging.getLogger("kuty.workers")

PAUSE_S = 1.0
"""Between the end of a process, or a start that failed, and the next one."""
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
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def look(self) -> None:
        """Start it again when it has ended and its pause is over."""
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            level = logging.WARNING if code == MOVED_ON else logging.ERROR
            log.log(level, "a process of the API ended with %d; again in %.1f s", code, PAUSE_S)
            self._process, self._start_again_at = None, time.monotonic() + PAUSE_S
        elif self._process is None and time.monotonic() >= self._start_again_at:
            self._start()

    def tell(self) -> None:
        """Have it answer what it is being asked, and end."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Return when it has ended."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        """Start it; where this machine has no room for one more just now, after a pause."""
        try:
            # A group of its own: Ctrl-C reaches this process, which stops the others in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.worker"], env=self._environment, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            log.error("a process of the API cannot be started: %s; again in %.1f s", error, PAUSE_S)
            self._start_again_at = time.monotonic() + PAUSE_S
