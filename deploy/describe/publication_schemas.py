"""JSON Schemas of what each kind of recipient is told: the value of a record on its out topic, cut to its fields.

Made from the policy's cell, the profile of the column, and the facts that the recipient may state itself, which come back
whole. What is published is open (`deploy/describe/readers.py`), though today nothing else is told.
source: domain/disclosure.md 5.2-5.5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from deploy.describe.event_schemas import CARRIED, DIALECT, class_words, in_order, schema_of
from deploy.describe.origins import own_facts
from deploy.describe.readers import opened
from domain.catalogue import EVENTS, REGISTER_FACTS, type_of
from domain.disclosure.entitlement import HEADER_FIELDS, OWN_FACT, classes_of, references_of
from domain.disclosure.kinds import Kind
from domain.disclosure.policy import Cell, Form, Profile, policy
from domain.disclosure.publish import EVENT_REFERENCE
from domain.events import DisclosureWithdrawn, Event
from domain.store import ClientRecord, StaffCard
from domain.vocabulary import DataClass
from projections.kinds import kinds

POLICY = policy(kinds())
COLUMNS = tuple(kind.key for kind in POLICY.kinds.of_columns(POLICY.columns))
"""Every column that is told facts one by one; counts for statistics are made apart."""

WITHDRAWAL = type_of(DisclosureWithdrawn)
"""The type of a publication that holds a place and tells nothing."""

Fields = dict[str, dict[str, Any]]
PSEUDONYM = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$", "x-reference": "your own name"}
PUBLICATION_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$", "x-reference": "id of your own publication"}
_YES: dict[str, Any] = {"type": "boolean", "const": True}
_DATE = {"type": "string", "format": "date"}
DERIVED: Mapping[str, dict[str, Any]] = {
    "answer": {"type": "string", "enum": ["accepted", "declined"]},
    "case_state": {"type": "string", "enum": ["open", "closed"]},
    "corrected": _YES,
    "days_on": {"type": "array", "items": _DATE},
    "days_per_week": {"type": "integer", "minimum": 0, "maximum": 7},
    "ended_early": {"type": "boolean"},
    "held": {"type": "string", "enum": ["held", "scheduled", "missed"]},
    "hours_per_week": {"type": "number", "minimum": 0},
    "last_day_on": _DATE,
    "referral_status": {"type": "string", "enum": ["accepted", "merged", "declined", "withdrawn"]},
    "refused": {"type": "string", "enum": ["refused", "discontinued"]},
    "running": {"type": "boolean"},
    "step": {"type": "string", "enum": ["started", "completed"]},
    "took_part": _YES,
}
"""Fields that a form computes; the others come from a fact."""


_WITHDRAWN: dict[str, Any] = {"type": "string", "const": "withdrawn"}
_ALSO: Fields = {
    "history": {
        "type": "object",
        "description": "Of the first one of a fresh epoch: what it repeats.",
        "properties": {
            "replaces_epoch": {"type": "integer", "minimum": 1, "description": "The epoch that is repeated here."},
            "until_sequence": {"type": "integer", "minimum": 1, "description": "The last one that repeats the past."},
        },
    }
}
"""What any publication may have, whatever it tells."""

IN_FORM: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("day", "attendance.recorded"): ("day_status", "account", "corrected"),
    ("day", "service_day.not_arranged"): ("day_status", "days_on", "corrected"),
    ("done", "assessment.started"): ("step",),
    ("dates", "period.planned"): ("service_programme", "starts_on", "planned_end_on"),
    ("dates", "period.started"): ("service_programme", "starts_on", "planned_end_on"),
}
"""What a form takes of one kind of fact, where that is less than all its fields."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What one kind of recipient may be told of one kind of fact: the ways in which it comes, and the body's fields."""

    column: str
    event: type[Event]
    forms: tuple[str, ...]
    fields: Mapping[str, dict[str, Any]]

    @property
    def type(self) -> str:
        """The publication's type."""
        return type_of(self.event)


@cache
def tellings() -> Mapping[str, tuple[Telling, ...]]:
    """By column, everything that it may be told, in the order of the catalogue."""
    return {column: tuple(t for cls in in_order() if (t := telling(column, cls))) for column in COLUMNS}


@cache
def telling(column: str, cls: type[Event]) -> Telling | None:
    """What the column may be told of the fact; none where it is told nothing."""
    kind = POLICY.kinds[column]
    cell, own = POLICY.cell(cls.NAME, column), cls.NAME in own_facts(kind) and kind.own_facts_whole
    forms = ([str(cell)] if cell.shape not in "–CS" else []) + ([OWN_FACT] if own else [])
    if not forms:
        return None
    fields: Fields = {}
    for form in forms:
        for profile in kind.profiles:
            fields |= _fields(cls, cell, form, kind, POLICY.profiles[profile])
    return Telling(column, cls, tuple(forms), {name: fields[name] for name in sorted(fields)})


def publication_schema(told: Telling) -> dict[str, Any]:
    """The published schema of the record's value: the fact, its replacement, or its withdrawal."""
    return opened(exact_schema(told))


def exact_schema(told: Telling) -> dict[str, Any]:
    """The same, closed: all that is told today, and nothing else."""
    body = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(told.fields),
        "required": _always_there(told),
    }
    common = {
        "client": client_schema(told.column),
        "body": body,
        "message_id": {"type": "string", "description": "The id of your own message that this answers or echoes."},
    }
    if told.event.NAME in REGISTER_FACTS:
        del common["client"]
    replaces = {**PUBLICATION_ID, "description": "What this replaces or takes back; not of a `fact`."}
    kinds_of_facts = {"type": "string", "enum": ["fact", "revised"]}
    return {
        "$schema": DIALECT,
        "$id": f"urn:kuty:schema:publication:{told.type}:{told.column}",
        "description": " ".join((told.event.__doc__ or "").split()),
        "oneOf": [
            _object({"kind": kinds_of_facts, **common, **_ALSO, "replaces": replaces}, ["kind"]),
            _object({"kind": _WITHDRAWN, **_ALSO, "replaces": replaces}, ["kind"]),
        ],
        "x-forms": list(told.forms),
    }


def withdrawal_schema(column: str) -> dict[str, Any]:
    """The published schema of what a recipient is told of nobody: a publication whose content was erased before it was sent,
    or withdrawn before it was repeated (proof-of-delivery.md)."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:kuty:schema:publication:{WITHDRAWAL}:{column}",
        "description": "A publication of nobody and without content, which takes nothing back: it holds the place of one "
        "that was erased or withdrawn before it could be sent.",
        **opened(_object({"kind": _WITHDRAWN, **_ALSO}, ["kind"])),
    }


@cache
def client_schema(column: str) -> dict[str, Any]:
    """The client block of a column: each field is there when the vault knows it and the recipient may see it."""
    known, names = schema_of(ClientRecord)["properties"], dict[str, None]()
    for profile in POLICY.kinds[column].profiles:
        block = POLICY.blocks[profile]
        names |= dict.fromkeys((*block.identity, *block.contact, *block.with_absence_reports))
    return _object({name: _without_null(known[name]) for name in sorted(names)}, [])


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties), "required": required}


def _always_there(told: Telling) -> list[str]:
    """The references to parts that every such fact has; all else depends on the client, the day and the form."""
    required = schema_of(told.event).get("required", ())
    parts = references_of(told.event)
    return sorted(name for name in required if name in parts and not name.endswith(EVENT_REFERENCE))


def _fields(cls: type[Event], cell: Cell, form: str, kind: Kind, profile: Profile) -> Fields:
    names = _of_form(cls, POLICY.forms[cell.form], profile) if form.startswith("R:") else _whole(cls, form, kind, profile)
    letters = {**classes_of(cls), **dict.fromkeys(HEADER_FIELDS, "L"), "days_per_week": "E", "hours_per_week": "E"}
    letters |= POLICY.forms[cell.form].classes if form.startswith("R:") else {}
    fields = {name: _field(cls, name, letters.get(name)) for name in names}
    staff = profile.staff_card and (
        (form.startswith("R:") and POLICY.forms[cell.form].staff_card) or cls.NAME in kind.staff_cards
    )
    if staff:
        cards = schema_of(StaffCard)["properties"]
        fields |= {name: {**_without_null(cards[name]), "x-data-class": "L actor"} for name in POLICY.staff_card}
    return fields


def _of_form(cls: type[Event], form: Form, profile: Profile) -> list[str]:
    taken = IN_FORM.get((form.name, cls.NAME), tuple(form.classes))
    shown = [n for n, letter in form.classes.items() if n in taken and profile.shows(letter, n) and _has(cls, n)]
    return [*references_of(cls), *shown]


def _whole(cls: type[Event], form: str, kind: Kind, profile: Profile) -> list[str]:
    if form == OWN_FACT or cls.NAME in REGISTER_FACTS:
        return list(cls.model_fields)
    shown = [name for name, letter in classes_of(cls).items() if profile.shows(letter, name)]
    if not kind.own_facts_whole:
        # Its own workers state most facts, and an author gets the own fact back whole.
        shown += [name for name in classes_of(cls) if name in profile.never]
    load = [
        name
        for name in ("days_per_week", "hours_per_week")
        if "schedule" in cls.model_fields and "schedule" not in shown and profile.shows("E", name)
    ]
    header = [name for name in HEADER_FIELDS if profile.shows("L", name)]
    carried = [name for name in CARRIED if name in cls.model_fields]
    return [*references_of(cls), *shown, *load, *header, *carried]


def _has(cls: type[Event], name: str) -> bool:
    """Whether a form can take the field from this fact or from the part that it names."""
    return name in DERIVED or any(name in source.model_fields for source in _sources(cls))


def _field(cls: type[Event], name: str, letter: str | None) -> dict[str, Any]:
    schema = _unclassed(cls, name)
    return {**schema, "x-data-class": class_words(DataClass(letter))} if letter else schema


def _unclassed(cls: type[Event], name: str) -> dict[str, Any]:
    if name in references_of(cls):
        return PUBLICATION_ID if name.endswith(EVENT_REFERENCE) else PSEUDONYM
    if name in HEADER_FIELDS:
        return {"type": "string", "description": "Who stated it; a client stands under your own name."}
    if name in DERIVED:
        return DERIVED[name]
    found: list[dict[str, Any]] = []
    for source in _sources(cls):
        if name in source.model_fields:
            schema = _without_null(schema_of(source)["properties"][name])
            if schema not in found:
                found.append(schema)
    return found[0] if len(found) == 1 else {"anyOf": found}


def _sources(cls: type[Event]) -> tuple[type[Event], ...]:
    """The fact itself where it has the field, and the facts about the same part, from which a form may take more."""
    parts = references_of(cls) - {"case_id"}
    near = [other for other in EVENTS.values() if parts & references_of(other) or other.NAME == "case.opened"]
    return (cls, *(other for other in near if other is not cls))


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A field without a value is left out of a publication, never null."""
    kept = {name: value for name, value in schema.items() if name != "default"}
    arms = [arm for arm in kept.get("anyOf", ()) if arm.get("type") != "null"]
    if len(arms) == 1:
        return {**{name: value for name, value in kept.items() if name != "anyOf"}, **arms[0]}
    return {**kept, "anyOf": arms} if arms else kept
