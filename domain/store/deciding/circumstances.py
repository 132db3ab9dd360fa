"""What a decision stands in beside its pathway: the permanent names, the rules that the ledger follows, and its time.

The only file that reads the clock (design D3, D5).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Protocol

from domain.commands import Command, CommandKind
from domain.context import HELSINKI
from domain.directory import Directory
from domain.events import Event
from domain.rules import RuleSet
from domain.store.deciding.jobs import CommandJob, NoteJob
from domain.store.sealed.sealing import Names

Clock = Callable[[], datetime]
"""Answers the present moment, UTC."""


class Catalogue(Names, Protocol):
    """The permanent names; `domain.catalogue` is it. A test of the store alone has a small one of its own."""

    def kind_of(self, command: type[Command]) -> CommandKind: ...

    def type_of(self, event: Event | type[Event]) -> str: ...


def wall_clock() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


class Circumstances:
    """The circumstances of one ledger. `clock` is another than the wall clock only in tests of time."""

    def __init__(self, catalogue: Catalogue, clock: Clock = wall_clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._rules: dict[str, RuleSet] = {}

    def kind_of(self, command: Command) -> CommandKind:
        """What the command is: who may ask for it, and what decides it."""
        return self._catalogue.kind_of(type(command))

    def type_of(self, event: Event) -> str:
        """The permanent name of an event."""
        return self._catalogue.type_of(event)

    def rules_of(self, directory: Directory) -> RuleSet:
        """The rules that the ledger follows; a ledger that is not open yet begins with the newest."""
        version = directory.ruleset_version
        rules = self._rules.get(version)
        if rules is None:
            rules = self._rules[version] = RuleSet.load(version) if version else RuleSet.current()
        return rules

    def time_of(self, directory: Directory, last_at: datetime | None, job: CommandJob | NoteJob) -> datetime:
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
