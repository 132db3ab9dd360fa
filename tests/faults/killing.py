"""A command of `kuty` that is killed at many moments of its work, and then run to its end."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from faults.crew import kuty
from faults.machine.ill import IllMachine

from deploy.settings import Settings

DEADLINE_S = 120.0
DONE = "the store is not empty"
"""What is said of a store that was made again to its end, by one that was killed after that."""


class Deaths:
    """When a process is killed that is always started again: at a call of its own each time it lives, so many times."""

    def __init__(self, machine: IllMachine, random: Random, most: int, calls: range) -> None:
        self._machine = machine
        self._random = random
        self._left = most
        self._calls = calls

    def next(self) -> Mapping[str, str]:
        """For the process that starts now."""
        if self._left == 0:
            return {}
        self._left -= 1
        return self._machine.environment(die_at=self._random.choice(self._calls))


class Killing(NamedTuple):
    """Runs commands that are killed. `kills` is how many times before one is run to its end."""

    machine: IllMachine
    random: Random
    kills: int
    folder: Path

    def calls_of(self, settings: Settings, *words: str) -> int:
        """How many calls change something in an undisturbed run."""
        count = self.folder / "count"
        self._ended(settings, words, self.machine.environment(count=count))
        return int(count.read_text())

    def broken_off_often(self, settings: Settings, calls: int, *words: str) -> None:
        """Killed at moments chosen by chance among so many, again and again, then run to the end."""
        for at in self.random.sample(range(1, calls), min(self.kills, calls - 1)):
            run = kuty(settings, *words, beside=self.machine.environment(die_at=at))
            _, wrong = run.communicate(timeout=DEADLINE_S)
            # One that finds most of its work done has less to do than the moment is far, or nothing.
            done = run.returncode == 0 or DONE in wrong
            assert done or run.returncode == -signal.SIGKILL, f"killed at {at}: {wrong}"
            if done:
                return
        self._ended(settings, words, {})

    def _ended(self, settings: Settings, words: tuple[str, ...], beside: dict[str, str]) -> None:
        run = kuty(settings, *words, beside=beside)
        _, wrong = run.communicate(timeout=DEADLINE_S)
        assert run.returncode == 0 or DONE in wrong, wrong
