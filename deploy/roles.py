"""Running roles: as threads of one process, as one process each, or step by step until all is quiet.

A role has a name and a `step() -> int`, the amount of work done. It keeps nothing in memory that it could not find again, so
a step that failed is simply taken again, after a pause that grows; a role that halts on purpose stays halted and says why.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from consumers.log import BrokerUnavailable
from consumers.relay import FeedRefused, StoreBehindTopic
from domain.store import StoreUnavailable, StoreWentBack

log = logging.getLogger("kuty.roles")

HALTS = (StoreBehindTopic, StoreWentBack, FeedRefused)
"""What only a human can mend: the role stops, the others go on."""
PASSING = (BrokerUnavailable, StoreUnavailable, ConnectionError)
"""What mends itself: the step is taken again."""
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STOP_DEADLINE_S = 10.0
BETWEEN_STEPS_S = 0.01
LOOKS_S: Mapping[str, float] = {
    "intake": BETWEEN_STEPS_S,
    "projector": BETWEEN_STEPS_S,
    "clerk": 0.2,
    "provisioner": 0.2,
    "forgetting": 0.5,
}
"""Roles that look again after so many seconds, whatever is committed meanwhile. The first two wait for their topics within
their steps; for the others hardly any commit means work, and being woken by each costs more than that work. The clock of a
simulated ledger waits for the clerk, so that it looks often."""


class Role(Protocol):
    """Something that follows a log or the calendar."""

    @property
    def name(self) -> str:
        """What it is called in logs and on the command line."""
        ...

    def step(self) -> int:
        """Do what there is to do; how much that was, 0 for nothing."""
        ...


class Stuck(Exception):
    """Roles that did not come to rest within the deadline."""


class Supervised:
    """One role in a thread of its own. `wait` returns when there may be new work, at the latest after about a second."""

    def __init__(self, role: Role, wait: Callable[[], None], stopping: threading.Event) -> None:
        self.role = role
        self.halted = ""
        self.failures = 0
        self._wait = wait
        self._stopping = stopping
        self._thread = threading.Thread(target=self._run, name=f"kuty-{role.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def join(self, deadline_s: float) -> bool:
        """Wait for the thread's end; whether it came in time."""
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self.role.step() == 0:
                    self._wait()
                self.failures = 0
            except HALTS as halt:
                self.halted = str(halt)
                log.critical("%s halts: %s", self.role.name, halt)
                return
            except Exception as error:
                self.failures += 1
                pause = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2 ** min(self.failures - 1, 10))
                if isinstance(error, PASSING):
                    log.warning("%s tries again in %.1f s: %s", self.role.name, pause, error)
                else:
                    log.exception("%s tries again in %.1f s", self.role.name, pause)
                self._stopping.wait(pause)


class Running:
    """Several roles as threads of this process."""

    def __init__(self, roles: Sequence[Role], wait: Callable[[], None]) -> None:
        self._stopping = threading.Event()
        self.roles = [Supervised(role, self._pause(role.name) or wait, self._stopping) for role in roles]

    def start(self) -> Running:
        """Begin all; returns at once."""
        for role in self.roles:
            role.start()
        return self

    def _pause(self, name: str) -> Callable[[], None] | None:
        seconds = LOOKS_S.get(name)
        return None if seconds is None else partial(self._sleep, seconds)

    def _sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    @property
    def halted(self) -> dict[str, str]:
        """The roles that halted, with the reason."""
        return {one.role.name: one.halted for one in self.roles if one.halted}

    def stop(self) -> None:
        """Let each role finish its step. One that hangs is left behind: it holds nothing that another could not take up."""
        self._stopping.set()
        give_up_at = time.monotonic() + STOP_DEADLINE_S
        for one in self.roles:
            if not one.join(max(0.0, give_up_at - time.monotonic())):
                log.error("%s did not end within %.0f s", one.role.name, STOP_DEADLINE_S)

    def until_signal(self) -> int:
        """Block until SIGTERM or SIGINT, or until every role has halted; the exit code of the process."""
        told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        # An empty line of roles (the API alone) waits for the signal.
        while not told.wait(0.2):
            if self.roles and len(self.halted) == len(self.roles):
                break
        self.stop()
        return 1 if self.halted else 0


def settle(roles: Sequence[Role], lag: Callable[[], int], *, deadline_s: float = 60.0) -> int:
    """Step all roles in turn until a whole round has nothing to do and nothing lags behind; returns the work done.

    `lag` answers how much is still on its way between the roles (a broker delivers when it likes). Raises Stuck.
    """
    done, give_up_at = 0, time.monotonic() + deadline_s
    while True:
        worked = sum(role.step() for role in roles)
        done += worked
        if worked == 0 and lag() == 0:
            return done
        if time.monotonic() > give_up_at:
            raise Stuck(
                f"{lag()} records are on their way after {deadline_s:.0f} s: {', '.join(role.name for role in roles)}"
            )
