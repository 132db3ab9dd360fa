"""What a decision stands in beside its pathway: what its command is, the rules that the ledger follows, and its time.

The only file that reads the clock (design D3, D5).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time

from domain.commands import Command, CommandKind
from domain.context import HELSINKI
from domain.directory import Directory
from domain.rulebook import kind_of
from domain.rules import RuleSet
from domain.store.deciding.jobs import CommandJob, Told

Clock = Callable[[], datetime]
"""Answers the present moment, UTC."""


KindOf = Callable[[type[Command]], CommandKind]
"""What a command is: who may ask for it, and what decides it."""


def wall_clock() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


class Circumstances:
    """The circumstances of one ledger. `kind_of` is another than the rulebook's in tests of the store alone, `clock` another
    than the wall clock in tests of time."""

    def __init__(self, kind_of: KindOf = kind_of, clock: Clock = wall_clock) -> None:
        self._kind_of = kind_of
        self._clock = clock
        self._rules: dict[str, RuleSet] = {}

    def kind_of(self, command: Command) -> CommandKind:
        """What the command is: who may ask for it, and what decides it."""
        return self._kind_of(type(command))

    def rules_of(self, directory: Directory) -> RuleSet:
        """The rules that the ledger follows; a ledger that is not open yet begins with the newest."""
        version = directory.ruleset_version
        rules = self._rules.get(version)
        if rules is None:
            rules = self._rules[version] = RuleSet.load(version) if version else RuleSet.current()
        return rules

    def time_of(self, directory: Directory, last_at: datetime | None, job: Told) -> datetime:
        """When a job is recorded. A simulated ledger begins at the start of the day that its opening names."""
        if not directory.mode and isinstance(job, CommandJob) and getattr(job.command, "mode", "") == "simulated":
            opened_on = job.command.occurred_on
            if opened_on is not None:
                return datetime.combine(opened_on, time(), HELSINKI).astimezone(UTC)
        return self.now(directory, last_at)

    def now(self, directory: Directory, last_at: datetime | None) -> datetime:
        """The wall clock, or in a simulated ledger its own; never behind the last recording, `last_at`."""
        if directory.mode == "simulated":
            known = [at for at in (directory.clock_at, last_at) if at is not None]
            return max(known).astimezone(UTC)
        now = self._clock()
        return max(now, last_at) if last_at is not None else now

    def stands_for(self, directory: Directory, last_at: datetime | None) -> float:
        """For how many seconds yet everything is recorded at one moment, because the clock was ahead when the last was."""
        if directory.mode == "simulated" or last_at is None:
            return 0.0
        return max(0.0, (last_at - self._clock()).total_seconds())
