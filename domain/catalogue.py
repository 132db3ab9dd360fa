"""Permanent names of every event.

A name on disk or on the wire is never a module path: files move, history stays (design D6).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from domain import events
from domain.event import TIE, AnswerEvent, ClientFact, Event, LedgerEvent, Moves, RegisterFact, SystemEvent

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""Lifts fields, as JSON has them, to the next version of their event: a pure function of what is given. That may be a part
of the fields: those that a correction changes, or those that a recipient was told. What is of the next version already
stays as it is, so that lifting twice is lifting once; a field whose meaning changes gets a new name."""


def by_name(classes: Iterable[type[Event]]) -> Mapping[str, type[Event]]:
    """The events by their names. Raises `TypeError` for two of one name: one would hide the other."""
    found: dict[str, type[Event]] = {}
    for cls in classes:
        other = found.setdefault(cls.NAME, cls)
        if other is not cls:
            raise TypeError(f"two events are called {cls.NAME}: {other.__name__} and {cls.__name__}")
    return found


EVENTS: Mapping[str, type[Event]] = by_name(
    cls for _, cls in inspect.getmembers(events, inspect.isclass) if issubclass(cls, Event) and "NAME" in vars(cls)
)
"""Every event by its name without version."""

UPCASTS: Mapping[tuple[str, int], Upcast] = {}
"""(name, old version) to the function that lifts its fields to the next version. Empty: everything is at version 1."""


class UnknownEvent(Exception):
    """A type that this version of the software does not know: the line halts until it is upgraded."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"{type_name} is no event that this program knows: run the one that recorded it, or a newer one")


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


def types_of(names: Iterable[str]) -> list[str]:
    """The types of events of these names, in every version that there was: `period.started.v1`. Raises `UnknownEvent`."""
    return [f"{name}.v{n}" for name in sorted(names) for n in range(1, event_class(f"{name}.v1").VERSION + 1)]


def upcast(type_name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as the newest version has them. Raises `UnknownEvent`."""
    name, _, version = type_name.rpartition(".v")
    for old in range(int(version), event_class(type_name).VERSION):
        fields = UPCASTS[name, old](fields)
    return fields


def given_to_all(type_name: str) -> Mapping[str, Any]:
    """What the newest version says of every event of an older one, whatever that said."""
    return upcast(type_name, {})


def upcast_part(type_name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Some of the fields as the newest version has them; what the others would be is not said. Raises `UnknownEvent`."""
    given = given_to_all(type_name)
    lifted = upcast(type_name, dict(fields))
    return {name: value for name, value in lifted.items() if name in fields or name not in given or value != given[name]}


def in_todays_words(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Some fields of an event of a name, whichever version they are of, as the newest version has them."""
    known = EVENTS.get(name)
    return fields if known is None or known.VERSION == 1 else upcast_part(f"{name}.v1", fields)


# --- What follows from the events' own declarations ------------------------------------------------------------------

CLIENT_FACTS: Mapping[str, type[ClientFact]] = {name: cls for name, cls in EVENTS.items() if issubclass(cls, ClientFact)}
"""The events that may stand in a client's stream."""

PARTS_BEGUN: Mapping[str, str] = {name: cls.PART.begun for name, cls in CLIENT_FACTS.items() if cls.PART.begun}
"""By event, the field that names the part which begins with it (domain/pathway.md 4.1)."""

PART_KEYS = frozenset(PARTS_BEGUN.values())
"""The fields that name parts."""


@cache
def fixed_in(event: type[Event]) -> frozenset[str]:
    """What ties a fact to its part or its author: a fact of another part is another fact, so no correction changes it."""
    return PART_KEYS | {name for name, found in event.model_fields.items() if TIE in found.metadata}


def moving(what: Moves) -> frozenset[str]:
    """Names of the events that may move it."""
    return frozenset(name for name, cls in CLIENT_FACTS.items() if cls.MOVES & what)


SYSTEM_EVENTS = frozenset(name for name, cls in EVENTS.items() if issubclass(cls, SystemEvent))
"""Facts about the ledger itself: nobody is told of them, they have no row in the policy (domain/pathway.md 4.7)."""

REGISTER_FACTS = frozenset(name for name, cls in EVENTS.items() if issubclass(cls, RegisterFact))
"""Facts on organisations, contracts and rules."""

DIRECTORY_EVENTS = frozenset(name for name, cls in EVENTS.items() if issubclass(cls, RegisterFact | LedgerEvent))
"""Facts that the register is made of."""

DISCLOSURES = frozenset(name for name, cls in EVENTS.items() if cls.MATTER == "fact")
"""What a recipient's stream says of a fact."""

ANSWERS = frozenset(name for name, cls in EVENTS.items() if issubclass(cls, AnswerEvent))
"""Facts that answer a message without recording what it said."""
