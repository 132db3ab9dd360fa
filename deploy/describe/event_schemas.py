"""JSON Schemas of events as they are kept: every field with the data class under which it is sealed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from domain import events
from domain.catalogue import EVENTS, type_of
from domain.events import Event
from domain.vocabulary import DataClass, Ref, data_class_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = TypeAdapter(Ref).json_schema()["pattern"]
CARRIED = ("new_values", "publication")
"""Fields that hold other facts' fields: each of those keeps the class that it has in its own fact."""


def event_schemas() -> dict[str, dict[str, Any]]:
    """The schema of every event's body, by type name."""
    return {type_of(cls): event_schema(cls) for cls in in_order()}


def in_order() -> list[type[Event]]:
    """Every event in the order in which `domain/events.py` tells them: that of a client's path."""
    told = [cls.__name__ for cls in vars(events).values() if isinstance(cls, type)]
    return sorted(EVENTS.values(), key=lambda cls: told.index(cls.__name__))


def event_schema(cls: type[Event]) -> dict[str, Any]:
    """The schema of one event's body, definitions in place."""
    schema = schema_of(cls)
    for name, found in schema["properties"].items():
        found["x-data-class"] = class_words(data_class_of(cls.model_fields[name])) if name not in CARRIED else "of its fact"
    return {
        "$schema": DIALECT,
        "$id": f"urn:kuty:schema:event:{type_of(cls)}",
        **schema,
        "x-matter": cls.MATTER,
    }


def class_words(data_class: DataClass) -> str:
    """A data class as letter and word."""
    return f"{data_class.value} {data_class.word}"


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema with its definitions in place, without the titles that only repeat names."""
    return deepcopy(_schema_of(model))


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    return _placed_object(schema, definitions)


def _placed(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_placed(part, definitions) for part in schema]
    return _placed_object(schema, definitions) if isinstance(schema, dict) else schema


def _placed_object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        named = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return _placed_object({**named, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: _placed(of, definitions) for name, of in value.items()}
        elif key == "description":
            kept[key] = re.sub(r"\s+", " ", str(value))
        elif key != "title" or not isinstance(value, str):
            kept[key] = _placed(value, definitions)
    if kept.get("pattern") == REFERENCE:
        kept["x-reference"] = "reference"
    return kept
