"""One client's history out of the full feed: as it was recorded, as it happened, and as it was known at a time.

Pure functions over records and a function that opens one; whether they come from the store or from the events topic
alone makes no difference. A matter whose key was destroyed leaves lines without content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeAlias

from domain import events as e
from domain.event import NO_PART, ClientFact
from domain.events import Erased, Event
from domain.pathway import Pathway, evolve
from domain.record import Record, fact_of
from projections.labels import labelled
from projections.questions import Coded

Open: TypeAlias = Callable[[Record], Event | Erased]
"""Gives the event in a record, `Erased` where nobody can read it any more."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a correction made of one field. None stands for no value."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One recorded fact. `occurred_on` is the day that was recorded with it, `day` the one that holds after corrections;
    `recorded_at` is UTC. `fields` are the event's own, empty once `erased`; of a correction `changes` says what it changed.
    """

    position: int
    event_id: str
    name: str
    label: Coded
    occurred_on: date
    day: date
    recorded_at: datetime
    actor_org: str
    actor_task: str
    actor_role: str
    actor_person: str
    purpose: str
    command_id: str
    ruleset_version: str
    corrects: str | None
    causation: str | None
    flags: tuple[str, ...]
    warnings: tuple[str, ...]
    erased: bool
    fields: dict[str, Any]
    changes: tuple[FieldChange, ...] = ()
    corrected_by: tuple[str, ...] = ()


def history(records: Iterable[Record], open_record: Open, client: str) -> list[TimelineLine]:
    """The client's facts in the order in which they were recorded. `client` is the reference, `records` any feed that has
    the client's stream in order."""
    lines: dict[str, TimelineLine] = {}
    pathway = Pathway(client)
    for record in records:
        if record.header.stream != client:
            continue
        event = open_record(record)
        before = pathway
        pathway = evolve(pathway, fact_of(record, event))
        line = _line(record, event)
        if isinstance(event, e.FactCorrected):
            line = replace(line, changes=_changes(before, event))
            target = lines.get(event.target_event_id)
            if target is not None:
                day = event.corrected_occurred_on or target.day
                corrected = replace(target, day=day, corrected_by=(*target.corrected_by, line.event_id))
                lines[target.event_id] = corrected
        lines[line.event_id] = line
    return list(lines.values())


def by_occurrence(lines: Iterable[TimelineLine]) -> list[TimelineLine]:
    """The same lines by the day on which things happened, as it holds now; within a day as recorded."""
    return sorted(lines, key=lambda line: (line.day, line.position))


def pathway_as_known(
    records: Iterable[Record],
    open_record: Open,
    client: str,
    *,
    known_at: datetime | None = None,
    position: int | None = None,
) -> Pathway:
    """The client's case as it was known at a time (UTC, inclusive) or up to a position of the feed; neither means now.

    `pathway.on(day)` then answers how it was on a day.
    """
    pathway = Pathway(client)
    for record in records:
        if record.header.stream != client:
            continue
        if known_at is not None and record.header.recorded_at > known_at:
            continue
        if position is not None and record.position > position:
            continue
        pathway = evolve(pathway, fact_of(record, open_record(record)))
    return pathway


def plain_fields(event: Event | Erased) -> dict[str, Any]:
    """The event's fields as JSON has them, those without a value left out; what names its case and part comes first."""
    if isinstance(event, Erased):
        return {}
    place = event.PART if isinstance(event, ClientFact) else NO_PART
    fields = event.model_dump(mode="json", exclude_none=True)
    return dict(sorted(fields.items(), key=lambda field: not place.leads(field[0])))


def _line(record: Record, event: Event | Erased) -> TimelineLine:
    h = record.header
    return TimelineLine(
        position=record.position,
        event_id=h.event_id,
        name=h.name,
        label=labelled("events", h.name),
        occurred_on=h.occurred_on,
        day=h.occurred_on,
        recorded_at=h.recorded_at,
        actor_org=h.actor_org,
        actor_task=h.actor_task,
        actor_role=h.actor_role,
        actor_person=h.actor_person,
        purpose=h.purpose,
        command_id=h.command_id,
        ruleset_version=h.ruleset_version,
        corrects=h.corrects,
        causation=h.causation,
        flags=h.flags,
        warnings=h.warnings,
        erased=isinstance(event, Erased),
        fields=plain_fields(event),
    )


def _changes(before: Pathway, correction: e.FactCorrected) -> tuple[FieldChange, ...]:
    target = before.facts.get(correction.target_event_id)
    if target is None:
        return ()
    known = plain_fields(target.event)
    found = [
        FieldChange(name, known.get(name), value)
        for name, value in sorted((correction.new_values or {}).items())
        if known.get(name) != value
    ]
    moved_to = correction.corrected_occurred_on
    if moved_to is not None and moved_to != target.occurred_on:
        found.append(FieldChange("occurred_on", target.occurred_on.isoformat(), moved_to.isoformat()))
    return tuple(found)
