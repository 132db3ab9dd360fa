"""What waits for a silent database is let go, whenever it came."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

import pytest

import domain.store.tables.watchdog as watchdog


def test_a_call_that_comes_at_the_last_look_is_watched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    watching, calls = watchdog.Watchdog(), ExitStack()
    looks: list[int] = []

    class Calls(dict[int, Any]):
        def items(self) -> Any:
            found = list(super().items())
            looks.append(len(found))
            if len(looks) == watchdog.IDLE_LOOKS:
                # after what is there was looked at, and before the thread has ended
                calls.enter_context(watching.over(ours, 0.0))  # type: ignore[arg-type]
            return found

    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 0.01)
    watching._calls = Calls()
    with watching.over(ours, 60.0):  # type: ignore[arg-type]
        pass
    # then its connection is shut when its time is over
    theirs.settimeout(10.0)
    assert theirs.recv(1) == b""
    calls.close()
    ours.close()
    theirs.close()
