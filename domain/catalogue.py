"""Permanent names: of every event, and of every command with its decision and those who may ask for it.

A name on disk or on the wire is never a module path: files move, history stays (design D6).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from domain import events
from domain.commands import Command
from domain.context import Context, Draft
from domain.events import Event

Upcast = Callable[[dict[str, Any]], dict[str, Any]]

EVENTS: Mapping[str, type[Event]] = {
    cls.NAME: cls for _, cls in inspect.getmembers(events, inspect.isclass) if issubclass(cls, Event) and "NAME" in vars(cls)
}
"""Every event by its name without version."""

UPCASTS: Mapping[tuple[str, int], Upcast] = {}
"""(name, old version) to the function that lifts its fields to the next version. Empty: everything is at version 1."""


class UnknownEvent(Exception):
    """A type that this version of the software does not know: the line halts until it is upgraded."""


def type_of(event: Event | type[Event]) -> str:
    """The permanent name with its version: `period.started.v1`."""
    return f"{event.NAME}.v{event.VERSION}"


def event_class(type_name: str) -> type[Event]:
    """The class of a type name. Raises `UnknownEvent` for a name or a version that is not ours."""
    name, _, version = type_name.rpartition(".v")
    cls = EVENTS.get(name)
    if cls is None or not version.isdigit() or int(version) > cls.VERSION:
        raise UnknownEvent(type_name)
    return cls


def upcast(type_name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as the newest version has them."""
    name, _, version = type_name.rpartition(".v")
    for old in range(int(version), event_class(type_name).VERSION):
        fields = UPCASTS[name, old](fields)
    return fields


Target = Literal["client", "new_client", "directory", "ledger"]
Decide = Callable[[Any, Any, Context], list[Draft]]
"""(state, command, context) to drafts; raises `Refused`. State: Pathway for client and new_client, else Directory."""


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One command: what it is asked of, who decides it, who may ask.

    `roles` may ask it over HTTP; whose systems may send it as a message, each kind of recipient says
    (domain/pathway.md 4.8). `path` is the noun under which workers post it, relative to the client or the ledger.
    """

    command: type[Command]
    decide: Decide
    target: Target
    path: str
    roles: frozenset[str]

    @property
    def name(self) -> str:
        """The command's permanent name."""
        return self.command.NAME


@cache
def command_kinds() -> Mapping[str, CommandKind]:
    """Every command by name, as the chapters list them."""
    from domain.chapters import (
        CHAPTERS,  # chapters import events; the catalogue is read by the chapters' tests too
    )

    kinds = [kind for chapter in CHAPTERS for kind in chapter.COMMANDS]
    by_name = {kind.name: kind for kind in kinds}
    if len(by_name) != len(kinds):
        raise ValueError("two commands have one name")
    return by_name


def kind_of(command: type[Command]) -> CommandKind:
    """The kind of a command class."""
    return command_kinds()[command.NAME]
