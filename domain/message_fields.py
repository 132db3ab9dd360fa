"""Where references stand in a body, and what a wrong body is told: pointers and stable codes.

The places are read once from each command's own types, so that a new command needs nothing here.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints
from pydantic_core import ErrorDetails

from domain.catalogue import CLIENT_FACTS, EVENTS
from domain.dates import DATE_RANGE
from domain.event import Event
from domain.health_content import looks_like_diagnosis
from domain.json_gate import below, escaped, shortened
from domain.refusals import Reason
from domain.vocabulary import Form, FreeText, Listed, Ref

MOST_ENTRIES = 400
"""Entries of a set or list in a command, at most. source: domain/pathway.md 4.9"""
LOOKED_AT = 4_000
"""Characters of a text in which is looked for a diagnosis: none may be as long."""
UNRESOLVED = "0" * 32
"""Stands in for a reference that could not be resolved, so that the rest of the body can still be judged."""
NEW_VALUES = "new_values"
REF_PATTERN = next(mark.pattern for mark in get_args(Ref) if isinstance(mark, StringConstraints))
"""By it a field is known as a reference, which callers never write as it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a place: a reference or a free text, a list of places, or named places."""

    kind: str
    inner: Place | None = None
    named: Mapping[str, Place] | None = None


Resolve: TypeAlias = Callable[[str, str, str], str]
"""(text as written, "part" or "event", pointer) to a raw reference; notes what it cannot resolve."""


@cache
def places(model: type[BaseModel]) -> Mapping[str, Place]:
    """The fields of a model that hold references, at any depth."""
    found: dict[str, Place] = {}
    for name, described in model.model_fields.items():
        if name == NEW_VALUES:
            found[name] = Place("named", named=_places_of_facts())
            continue
        annotation = described.annotation
        here = _place(Annotated[annotation, *described.metadata] if described.metadata else annotation, name)
        if here is not None:
            found[name] = here
    return found


def _place(annotation: Any, name: str) -> Place | None:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        if any(isinstance(mark, StringConstraints) and mark.pattern == REF_PATTERN for mark in marks):
            return Place("event" if name.endswith("event_id") else "part")
        return _place(inner, name)
    if origin is Union or origin is types.UnionType:
        return next((place for arm in get_args(annotation) if (place := _place(arm, name)) is not None), None)
    if origin in (tuple, list, frozenset, set):
        inner_place = _place(get_args(annotation)[0], name)
        return Place("list", inner=inner_place) if inner_place else None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        named = places(annotation)
        return Place("named", named=named) if named else None
    return None


@cache
def _places_of_facts() -> Mapping[str, Place]:
    """References among the fields of facts, by name: what a correction may give a new value."""
    found: dict[str, Place] = {}
    for cls in EVENTS.values():
        found.update(_event_places(cls))
    return found


def _event_places(cls: type[Event]) -> dict[str, Place]:
    if NEW_VALUES in cls.model_fields:
        return {}
    return dict(places(cls))


def resolved(fields: Mapping[str, Any], named: Mapping[str, Place], resolve: Resolve, pointer: str = "") -> dict[str, Any]:
    """A copy of the object with every reference resolved; what is not text there is left for the types to refuse."""
    return {
        key: _resolved(part, named[key], resolve, f"{pointer}/{escaped(key)}") if key in named else part
        for key, part in fields.items()
    }


def too_long_lists(body: Any, pointer: str = "") -> list[Reason]:
    """Every list of a body, at any depth, that has more entries than one may have."""
    return [Reason("E_TOO_LARGE", place) for place in _too_long(body, pointer)]


def _too_long(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) > MOST_ENTRIES:
        yield pointer
    elif isinstance(value, list):
        for n, part in enumerate(value):
            if isinstance(part, list | dict):
                yield from _too_long(part, below(pointer, n))
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, list | dict):
                yield from _too_long(part, below(pointer, key))


@cache
def texts_of(model: type[BaseModel]) -> Mapping[str, Place]:
    """The fields of a model that hold free text, at any depth; those of facts where new values are given."""
    found: dict[str, Place] = {}
    for name, described in model.model_fields.items():
        annotation: Any = described.annotation
        if name == NEW_VALUES:
            found[name] = Place("named", named=_texts_of_facts())
            continue
        here = _text_in(Annotated[annotation, *described.metadata] if described.metadata else annotation)
        if here is not None:
            found[name] = here
    return found


def _text_in(annotation: Any) -> Place | None:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        if any(isinstance(mark, Form) for mark in marks):
            return None
        return Place("text") if any(isinstance(mark, FreeText) for mark in marks) else _text_in(inner)
    if origin is Union or origin is types.UnionType:
        arms = get_args(annotation)
        if any(isinstance(mark, Listed) for arm in arms for mark in getattr(arm, "__metadata__", ())):
            return None  # a code that may be written wrong: its own rule says what that means
        return next((place for arm in arms if (place := _text_in(arm)) is not None), None)
    if origin in (tuple, list, frozenset, set):
        entry = _text_in(get_args(annotation)[0])
        return Place("list", inner=entry) if entry else None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        named = texts_of(annotation)
        return Place("named", named=named) if named else None
    return None


@cache
def _texts_of_facts() -> Mapping[str, Place]:
    facts = [cls for cls in CLIENT_FACTS.values() if NEW_VALUES not in cls.model_fields]
    return {name: place for cls in facts for name, place in texts_of(cls).items()}


def diagnoses_in(command: type[BaseModel], body: Mapping[str, Any]) -> Iterator[str]:
    """The pointers of every free text of a command's body that looks like a diagnosis: nobody writes one into a text.

    source: domain/vocabulary.md 1.7 N5
    """
    return _diagnoses(body, Place("named", named=texts_of(command)), "")


def _diagnoses(value: Any, place: Place, pointer: str) -> Iterator[str]:
    if place.kind == "text":
        if isinstance(value, str) and looks_like_diagnosis(value[:LOOKED_AT]):
            yield pointer
    elif place.inner is not None and isinstance(value, list):
        for n, part in enumerate(value):
            yield from _diagnoses(part, place.inner, f"{pointer}/{n}")
    elif place.named is not None and isinstance(value, dict):
        for name, inner in place.named.items():
            if name in value:
                yield from _diagnoses(value[name], inner, f"{pointer}/{name}")


def _resolved(value: Any, place: Place, resolve: Resolve, pointer: str) -> Any:
    if place.inner is not None and isinstance(value, list):
        return [_resolved(part, place.inner, resolve, f"{pointer}/{n}") for n, part in enumerate(value)]
    if place.named is not None and isinstance(value, dict):
        return resolved(value, place.named, resolve, pointer)
    if place.kind in ("part", "event") and isinstance(value, str):
        return resolve(value, place.kind, pointer)
    return value


def renamed(fields: Mapping[str, Any], model: type[BaseModel], name_of: Callable[[str], str]) -> dict[str, Any]:
    """A copy of a fact's fields, or of some of them, with a name in the place of every reference; all else as recorded."""
    return resolved(fields, places(model), lambda reference, _kind, _pointer: name_of(reference))


CODES = {
    "extra_forbidden": "E_FIELD_NOT_ALLOWED",
    "missing": "E_FIELD_MISSING",
    "literal_error": "E_CODE",
    "enum": "E_CODE",
    DATE_RANGE: "E_DATE_RANGE",
}
"""Codes of what the types refuse; every other fault is one of form (`E_FIELD_TYPE`)."""


def reasons_of(errors: list[ErrorDetails], body: Mapping[str, Any]) -> list[Reason]:
    """What the types refused, each place once, in the order of the body's fields."""
    by_place: dict[str, str] = {}
    for error in errors:
        here, value = _where(error, body)
        code = CODES.get(error["type"], "E_FIELD_TYPE")
        if code == "E_CODE":
            if not isinstance(value, str):
                code = "E_FIELD_TYPE"
            elif looks_like_diagnosis(value[:LOOKED_AT]):
                code = "E_HEALTH_CONTENT"
        by_place.setdefault(here, code)
    return [Reason(code, shortened(place)) for place, code in by_place.items()]


def _where(error: ErrorDetails, body: Mapping[str, Any]) -> tuple[str, Any]:
    """The pointer of a fault and the value there. Steps that only name an arm of a union are left out."""
    steps, value, pointer = error["loc"], body, ""
    for number, step in enumerate(steps):
        if isinstance(value, dict) and step in value:
            value, pointer = value[step], f"{pointer}/{escaped(str(step))}"
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value, pointer = value[step], f"{pointer}/{step}"
        elif isinstance(value, dict) and error["type"] == "missing" and number == len(steps) - 1:
            pointer = f"{pointer}/{escaped(str(step))}"
    return pointer, value
