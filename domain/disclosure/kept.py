"""The publication back from the disclosure event that keeps it: what stands on the wire is a function of what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from domain.disclosure.publications import Publication
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased, Event
from domain.record import Damaged, Record


def recipient_of(stream: str) -> tuple[str, int] | None:
    """(short name, epoch) of a recipient's stream, none for every other stream."""
    if not stream.startswith("recipient/"):
        return None
    _, short_name, epoch = stream.split("/")
    return short_name, int(epoch)


def told_to(record: Record) -> tuple[str, int]:
    """(short name, epoch) of a record in a recipient's stream. Raises `Damaged` for any other stream."""
    found = recipient_of(record.header.stream)
    if found is None:
        raise Damaged(f"{record.header.event_id} stands in no recipient's stream")
    return found


def epoch_of(record: Record) -> int:
    """The epoch of a record in a recipient's stream. Raises `Damaged` for any other stream."""
    return told_to(record)[1]


class Held(NamedTuple):
    """The newest that a recipient was told of a fact, and not taken back."""

    record: Record
    event: DisclosureMade


def held_of(told: Iterable[tuple[Record, Event | Erased]]) -> dict[str, dict[str, Held]]:
    """By recipient, then by fact, what was told by these and is still held; they are given in feed order.

    A redelivery repeats under the same ids: what was seen before tells nothing anew, whatever was told of the fact since.
    That holds across openings of epochs, too: each history has the first telling before its repetitions.
    """
    held: dict[str, dict[str, Held]] = {}
    seen: set[str] = set()
    for record, event in told:
        found = recipient_of(record.header.stream)
        if found is None or not isinstance(event, DisclosureMade | DisclosureWithdrawn):
            continue
        known = held.setdefault(found[0], {})
        if event.publication_id in seen:
            continue
        seen.add(event.publication_id)
        if isinstance(event, DisclosureMade):
            known[event.source_event_id] = Held(record, event)
        else:
            known.pop(event.source_event_id, None)
    return held


def kept_publication(record: Record, event: DisclosureMade | DisclosureWithdrawn) -> Publication:
    """The publication as it went out; its sequence is the stream version, its epoch stands in the stream's name.

    Raises `Damaged` for a record outside a recipient's stream.
    """
    header, kept = record.header, event.publication
    return Publication(
        id=event.publication_id,
        type=kept["type"],
        kind=kept["kind"],
        source=kept["source"],
        subject=kept["subject"],
        time=datetime.fromisoformat(kept["time"]),
        sequence=header.stream_version,
        epoch=epoch_of(record),
        ruleset=header.ruleset_version,
        legal_basis=event.legal_basis,
        purpose=header.purpose,
        previous_hash=event.previous_publication_hash,
        occurred_on=date.fromisoformat(kept["occurred_on"]) if "occurred_on" in kept else None,
        client=kept.get("client", {}),
        body=kept.get("body", {}),
        replaces=kept.get("replaces"),
        message_id=kept.get("message_id"),
        history=kept.get("history"),
        classes=kept.get("classes", {}),
        schema=kept.get("schema", ""),
    )
