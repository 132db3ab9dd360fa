"""No call waits for a silent database for ever: after its time the connection is shut from our side.

The server's own timeouts do not run while the server hangs, and the operating system goes on acknowledging for it.
source: faults.md 5
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

LOOK_EVERY_S = 0.5
IDLE_LOOKS = 20
"""So many looks without a call, and the thread ends."""


class Watchdog:
    """Watches the calls of one process; its thread runs while there is something to watch and a little longer."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[float, psycopg.Connection[Any]]] = {}
        self._watching = False
        self._lock = threading.Lock()

    @contextmanager
    def over(self, connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
        """Shut the connection when the block is not done in time; what waits there then raises `OperationalError`."""
        call = id(connection)
        self._calls[call] = (time.monotonic() + seconds, connection)
        if not self._watching:
            self._start()
        try:
            yield
        finally:
            self._calls.pop(call, None)

    def _start(self) -> None:
        with self._lock:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="database-watchdog", daemon=True).start()

    def _watch(self) -> None:
        idle = 0
        while idle < IDLE_LOOKS or not self._ended():
            time.sleep(LOOK_EVERY_S)
            idle = 0 if self._calls else idle + 1
            now = time.monotonic()
            for call, (deadline, connection) in list(self._calls.items()):
                if now > deadline:
                    self._calls.pop(call, None)
                    _shut(connection)

    def _ended(self) -> bool:
        """Whether nothing is left to watch. A call that has come since the last look either has seen that nobody watches,
        and starts anew, or is seen here."""
        with self._lock:
            self._watching = False
            self._watching = bool(self._calls)
            return not self._watching


def _shut(connection: psycopg.Connection[Any]) -> None:
    # The connection itself is in use by the thread that waits: only its socket is touched.
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


WATCHDOG = Watchdog()
"""One for the process."""
