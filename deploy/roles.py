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

from consumers.saying import Saying
from deploy.halts import FOLDER, HALTS, WORDED, advice_on, first_line
from domain.counts import FAILED, STEP, WORKED
from domain.log_ids import noted_ids
from domain.store import EpochMoved

log = logging.getLogger("kuty.roles")

SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STOP_DEADLINE_S = 10.0
MOVED_ON = 3
"""The exit code of a process that ends because the ledger has begun another epoch: it is to be started again, and nothing is
wrong."""
BETWEEN_STEPS_S = 0.01
LOOKS_S: Mapping[str, float] = {
    "intake": BETWEEN_STEPS_S,
    "projector": BETWEEN_STEPS_S,
    "clerk": 0.2,
    "provisioner": 0.2,
    "forgetting": 0.5,
    "epoch": 0.5,
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

    def __init__(self, role: Role, wait: Callable[[], None], stopping: threading.Event, quiet: bool = False) -> None:
        self.role = role
        self._level = logging.INFO if quiet else logging.WARNING
        self.halted = ""
        self.failing = ""
        """Why its last step failed; empty once one has not."""
        self.failures = 0
        self.to_do = ""
        """What to do where it has halted or fails."""
        self.epoch = 0
        """The one that the ledger has begun, where it has halted for that."""
        self._saying = Saying()
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
                begun_at = time.perf_counter()
                work = self.role.step()
                if work == 0:
                    self._wait()
                else:
                    WORKED.add(self.role.name, by=work)
                    STEP.took(time.perf_counter() - begun_at, self.role.name)
                if self.failures:
                    steps = "1 step" if self.failures == 1 else f"{self.failures} steps"
                    log.log(self._level, "%s goes on, after %s that failed", self.role.name, steps)
                    self.failures, self.failing, self.to_do = 0, "", ""
                    self._saying.quiet()
            except EpochMoved as moved:
                # Planned, and alike for everything in this process: it ends, and says so once.
                self.halted, self.to_do, self.epoch = str(moved), advice_on(moved).told, moved.epoch
                return
            except HALTS as halt:
                self.halted, self.to_do = str(halt), advice_on(halt).told
                log.critical("%s", halt_line(self.role.name, halt), extra=dict(noted_ids(halt)))
                return
            except Exception as error:
                self.failures += 1
                FAILED.add(self.role.name)
                pause = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2 ** min(self.failures - 1, 10))
                self._say(error, pause)
                self._stopping.wait(pause)

    def _say(self, error: Exception, pause: float) -> None:
        # What a failure that nobody expected says may quote a client.
        worded = isinstance(error, WORDED)
        self.failing = first_line(error) if worded else type(error).__qualname__
        self.to_do = advice_on(error).told
        if not self._saying.due(f"{type(error).__qualname__} {self.to_do}"):
            return
        if worded:
            log.log(self._level, "%s tries again in %.1f s: %s; %s", self.role.name, pause, self.failing, self.to_do)
        else:
            log.error("%s tries again in %.1f s; %s", self.role.name, pause, self.to_do, exc_info=error)


def halt_line(name: str, halt: Exception) -> str:
    """Who halts, why, and what to do, in one line."""
    why = first_line(halt)
    return f"{name} halts: {why}" + ("" if FOLDER in why else f"; {advice_on(halt).told}")


class Running:
    """Several roles as threads of this process. What passes is said of the `quiet` ones at level INFO only."""

    def __init__(self, roles: Sequence[Role], wait: Callable[[], None], quiet: Sequence[str] = ()) -> None:
        self._stopping = threading.Event()
        self.roles = [
            Supervised(role, self._pause(role.name) or wait, self._stopping, role.name in quiet) for role in roles
        ]

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

    def until_signal(self, beside: Running | None = None) -> int:
        """Block until SIGTERM or SIGINT, or until one of those beside these roles has halted; the exit code of the process:
        1 where any has, `MOVED_ON` where the ledger has begun another epoch.

        A process whose roles have all halted stays and says so: one that ended would only be started again, to halt again.
        """
        told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        while not told.wait(0.2):
            if beside and beside.halted:
                break
        self.stop()
        everything = [*self.roles, *(beside.roles if beside else [])]
        epoch = max((one.epoch for one in everything), default=0)
        if epoch and not told.is_set():
            log.warning("ends because the ledger has begun epoch %d; whoever watches over it starts it again", epoch)
            return MOVED_ON
        return 1 if any(one.halted for one in everything) else 0


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
