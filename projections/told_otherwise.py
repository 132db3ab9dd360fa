"""One telling beside what the policy gives for it: what the event says, and what its header says of purpose and cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from domain.catalogue import given_to_all, upcast_part
from domain.disclosure.entitlement import Told, references_of
from domain.disclosure.publish import plain
from domain.events import DisclosureMade, DisclosureRevised, DisclosureWithdrawn, Event
from domain.pathway import Fact
from domain.record import Header

NOT_COMPARED = frozenset({"new_values"})
"""Holds references by field, each under the recipient's own name: compared by presence, as references are."""


@dataclass(frozen=True, slots=True)
class Repeatable:
    """What a repetition has to say again. `purpose` and `causation` are the header's."""

    kind: str
    body: dict[str, Any]
    cell: str
    purpose: str
    causation: str | None
    unsaid: frozenset[str] = field(default=frozenset(), compare=False)
    """Fields that the version in which it was told did not have."""


def content_otherwise(fact: Fact[Event], told: Told, event: DisclosureMade, recorded: Repeatable) -> Iterator[str]:
    """In what a fact was told otherwise than the policy gives."""
    if recorded.cell != told.cell:
        yield f"cell: told by {recorded.cell}, the policy gives {told.cell}"
    if event.legal_basis != told.legal_basis:
        yield f"legal basis: told under {event.legal_basis}, the policy gives {told.legal_basis}"
    references = references_of(type(fact.event)) | NOT_COMPARED
    for name in sorted(recorded.body.keys() | told.fields.keys()):
        if name in recorded.body and name not in told.fields:
            # A staff card is looked up when a publication is made: the policy says whose, never what stands on it.
            if not (told.staff and name.startswith("staff_")):
                yield f"{name}: told, the policy does not give it"
        elif name not in recorded.body:
            # An event of which the recipient was never told has no name that it could be given.
            if not name.endswith("_event_id") and name not in recorded.unsaid:
                yield f"{name}: the policy gives it, it was not told"
        elif name not in references and name != "actor_person" and recorded.body[name] != plain(told.fields[name]):
            yield f"{name}: told {recorded.body[name]!r}, the policy gives {plain(told.fields[name])!r}"


def stated_otherwise(recorded: Repeatable, cause: str, purpose: str) -> Iterator[str]:
    """In what the header of a telling is another one: what was sealed before it was bound says nothing of that."""
    if recorded.causation != cause:
        yield f"causation: told because of {recorded.causation}, the policy tells it because of {cause}"
    if recorded.purpose != purpose:
        yield f"purpose: told for {recorded.purpose!r}, the policy gives {purpose!r}"


def repeatable_of(header: Header, event: DisclosureMade | DisclosureWithdrawn) -> Repeatable:
    """What a telling says."""
    kind = "withdrawn" if isinstance(event, DisclosureWithdrawn) else "fact"
    if isinstance(event, DisclosureRevised):
        kind = "revised"
    cell = event.cell if isinstance(event, DisclosureMade) else ""
    type_name = event.publication["type"]
    body = upcast_part(type_name, event.publication.get("body", {}))
    return Repeatable(kind, body, cell, header.purpose, header.causation, frozenset(given_to_all(type_name)))
