"""By what a recipient's model finds a fact: its part, its days, and one thing more.

Part and days the event itself declares (domain/event.py); the one thing more is what the kind's questions search by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.catalogue import CLIENT_FACTS, EVENTS


@dataclass(frozen=True, slots=True)
class Lookup:
    """The fields of the body that name a fact's part, its days, and one thing more.

    Without `from_on` the fact is found by its own day. Without `until_on` it holds for its first day alone;
    `domain.event.OPEN`, or a named field that is not there, means until further notice.
    """

    part: str | None = None
    from_on: str | None = None
    until_on: str | None = None
    lookup: str | None = None


def lookups(finds_by: Mapping[str, str], part_of: Mapping[str, str], to_come: Mapping[str, Lookup]) -> Mapping[str, Lookup]:
    """How every event is found: as it declares, by the field more that `finds_by` names, under the part that `part_of` names
    instead. Raises `LookupError` for an event that is not there, or is there and said to come."""
    for name in sorted((finds_by.keys() | part_of.keys()) - EVENTS.keys()):
        raise LookupError(f"finds_by or part_of names {name}: there is no such event")
    for name in to_come.keys() & EVENTS.keys():
        raise LookupError(f"{name} has come: it is found as it declares")
    return {**to_come, **{name: _lookup(name, finds_by.get(name), part_of.get(name)) for name in EVENTS}}


def _lookup(name: str, by: str | None, part: str | None) -> Lookup:
    event = EVENTS[name]
    found = event.FOUND
    own = CLIENT_FACTS[name].PART.part if name in CLIENT_FACTS else ""
    return Lookup(part or found.part or own or None, found.from_on, found.until_on, by)
