"""Which field of an event is sealed in which section, worked out once per event class.

Two kinds of event carry other facts' fields: a correction those of its target, a disclosure those that a recipient was
told. Their values keep the class that they have in the fact they come from. source: domain/events.md 11.16, 11.20
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel

from domain.catalogue import upcast_part
from domain.event import CARRIED
from domain.events import Event, FactCorrected
from domain.vocabulary import DataClass, Unclassified, data_class_of

ROUTING = DataClass.A.value
LETTERS = frozenset(DataClass.__members__)
TARGET_TYPE = "@target_type"
"""Member of section A of a correction: the type of the fact it speaks of, for the classes of `new_values`."""
NEW_VALUES = "new_values"
PUBLICATION = "publication"
_PARTS = ("client", "body")

Contents = dict[str, dict[str, Any]]
"""Section letter to what stands in it."""


@dataclass(frozen=True, slots=True)
class FieldClasses:
    """The plan of one event class. `fields` are its own fields, each with its class letter."""

    letters: Mapping[str, str]
    fields: tuple[tuple[str, str], ...]
    carried: str | None


_plans: dict[type[Event], FieldClasses] = {}


def field_classes(cls: type[Event]) -> FieldClasses:
    """The plan of an event class. Raises `Unclassified` for a field without exactly one data class."""
    plan = _plans.get(cls)
    if plan is None:
        carried = next((name for name in cls.model_fields if name in CARRIED), None)
        letters = {name: data_class_of(found).value for name, found in cls.model_fields.items() if name not in CARRIED}
        plan = _plans[cls] = FieldClasses(letters, tuple(letters.items()), carried)
    return plan


def split(event: Event, target: type[Event] | None, target_type: str | None) -> Contents:
    """What goes into each section; fields without a value are left out.

    `target` and its type name are those of the fact that a correction speaks of, none for every other event.
    """
    plan = field_classes(type(event))
    contents: Contents = {}
    values = event.__dict__
    for name, letter in plan.fields:
        value = values[name]
        if value is not None:
            section = contents.get(letter)
            if section is None:
                contents[letter] = {name: value}
            else:
                section[name] = value
    if plan.carried == PUBLICATION:
        _split_publication(values[PUBLICATION], contents)
    elif isinstance(event, FactCorrected) and event.new_values is not None:
        _split_new_values(event.new_values, target, target_type, contents)
    return contents


def _split_new_values(
    new_values: Mapping[str, Any], target: type[Event] | None, target_type: str | None, contents: Contents
) -> None:
    if target is None or target_type is None:
        raise Unclassified("the new values of a correction need the type of their fact")
    letters = field_classes(target).letters
    routing = contents.setdefault(ROUTING, {})
    routing[TARGET_TYPE] = target_type
    routing[NEW_VALUES] = {}
    for name, value in new_values.items():
        if name not in letters:
            raise Unclassified(f"{target_type} has no field {name}")
        contents.setdefault(letters[name], {}).setdefault(NEW_VALUES, {})[name] = value


def _split_publication(publication: Mapping[str, Any], contents: Contents) -> None:
    classes: Mapping[str, str] = publication.get("classes") or {}
    routing = contents.setdefault(ROUTING, {})
    routing[PUBLICATION] = {name: {} if name in _PARTS else value for name, value in publication.items()}
    for part in _PARTS:
        for name, value in (publication.get(part) or {}).items():
            letter = classes.get(f"{part}.{name}")
            if letter is None or letter not in LETTERS:
                raise Unclassified(f"the publication names no data class for {part}.{name}")
            contents.setdefault(letter, {}).setdefault(PUBLICATION, {}).setdefault(part, {})[name] = value


def joined(cls: type[Event], sections: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of an event from its sections, as they were before `split`; what a correction says of a fact is said in the
    words of that fact's newest version. The sections are used up: the first one takes the others in."""
    carried = field_classes(cls).carried
    if not sections:
        return {}
    fields, *others = sections
    if carried is None:
        for section in others:
            fields.update(section)
        return fields
    target = fields.pop(TARGET_TYPE, "")
    whole = fields.pop(carried, None)
    if whole is not None:
        fields[carried] = whole
    for section in others:
        piece = section.pop(carried, None)
        target = section.pop(TARGET_TYPE, target)
        if section:
            fields.update(section)
        if piece is None:
            continue
        if whole is None:
            whole = fields[carried] = piece
        elif carried == PUBLICATION:
            _merge(whole, piece)
        else:
            whole.update(piece)
    if target and whole is not None and carried != PUBLICATION:
        fields[carried] = upcast_part(target, whole)
    return fields


def _merge(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    for name, value in piece.items():
        if name in _PARTS and name in whole:
            whole[name].update(value)
        else:
            whole[name] = value


def section_bytes(content: Mapping[str, Any]) -> bytes:
    """Canonical JSON of one section: keys sorted, dates and times in ISO form."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.__dict__
    raise TypeError(f"no JSON for {type(value).__name__}")
