"""A scenario as it is run: typed steps and expectations, each with the line of the file that it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from deploy.scenario.words import Ask, Deliveries, Given, NeverTold
from domain.commands import CommandKind
from domain.context import HELSINKI
from domain.messages import GROUP


@dataclass(frozen=True, slots=True)
class Person:
    """Who calls over HTTP: what the token says. A client calls through the organiser's door."""

    name: str
    org: str
    task: str
    role: str


@dataclass(frozen=True, slots=True)
class Expected:
    """How a command has to be answered: the status, for a refusal the codes in order and, where it matters, the HTTP one."""

    status: str = "recorded"
    codes: tuple[str, ...] = ()
    http: int | None = None
    warnings: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One command. Either `person` asks it over HTTP or the system of `recipient` sends it as a message.

    `fields` are the command's own, with dates as texts and parts by the file's names; `raw` stands instead of them. A
    group's day has (client, fields) for each of its `entries`, and in `fields` what holds for all.
    """

    line: int
    row: str
    on: date
    at: time
    kind: CommandKind
    person: Person | None = None
    recipient: str = ""
    client: str = ""
    by_identity_code: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    raw: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    stale: bool = False
    expected: Expected = Expected()

    @property
    def moment(self) -> datetime:
        """When it is done."""
        return datetime.combine(self.on, self.at, HELSINKI)

    @property
    def command(self) -> str:
        """The command, or the message that is sent for it."""
        return GROUP if self.entries else self.kind.name

    @property
    def who(self) -> str:
        """Who does it, as the file says."""
        return self.person.name if self.person else self.recipient


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something that has to hold. A question comes with the person who asks it."""

    line: int
    wanted: Ask | Deliveries | NeverTold
    client: str = ""
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class Checking:
    """Expectations at a moment of the history."""

    line: int
    row: str
    on: date
    at: time
    expectations: tuple[Expectation, ...]

    @property
    def moment(self) -> datetime:
        """When they are asked."""
        return datetime.combine(self.on, self.at, HELSINKI)


@dataclass(frozen=True, slots=True)
class Story:
    """One history: what is given, what happens in the order of its moments, what has to hold at the end."""

    file: str
    title: str
    given: Given
    moments: tuple[Action | Checking, ...]
    at_the_end: tuple[Expectation, ...]
