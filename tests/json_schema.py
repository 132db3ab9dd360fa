"""The part of JSON Schema that our own schemas use: enough to say whether a value fits one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
FORMATS = {"date": date.fromisoformat, "date-time": datetime.fromisoformat}
KNOWN = {
    "$schema", "$id", "description", "default", "title", "type", "enum", "const", "anyOf", "oneOf", "properties", "required",
    "additionalProperties", "items", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
    "multipleOf", "minItems", "maxItems",
}  # fmt: skip


def faults(value: Any, schema: Mapping[str, Any], place: str = "") -> list[str]:
    """What of the value does not fit, each with its place."""
    return list(_faults(value, schema, place))


def _faults(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    unknown = {word for word in schema if word not in KNOWN and not word.startswith("x-")}
    assert not unknown, f"this reader does not know {unknown}"
    for word in ("anyOf", "oneOf"):
        arms = [faults(value, arm, place) for arm in schema.get(word, ())]
        if arms and all(arms):
            yield from min(arms, key=len)
    if "type" in schema:
        wrong_bool = isinstance(value, bool) and schema["type"] in ("integer", "number")
        if wrong_bool or not isinstance(value, TYPES[schema["type"]]):
            yield f"{place}: {value!r} is no {schema['type']}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is not listed"
    if "const" in schema and value != schema["const"]:
        yield f"{place}: {value!r} is not {schema['const']!r}"
    if isinstance(value, str):
        yield from _text_faults(value, schema, place)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_faults(value, schema, place)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), f"{place}/{number}")
    elif isinstance(value, dict):
        yield from _object_faults(value, schema, place)


def _text_faults(value: str, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: {value!r} is not like {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{place}: {value!r} is too short or too long"
    if schema.get("format") in FORMATS:
        try:
            FORMATS[schema["format"]](value)
        except ValueError:
            yield f"{place}: {value!r} is no {schema['format']}"


def _number_faults(value: float, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    above = value > schema.get("exclusiveMinimum", value - 1)
    if not (above and schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        yield f"{place}: {value!r} is out of its limits"
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield f"{place}: {value!r} is between the steps"


def _object_faults(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from (f"{place}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, inner in value.items():
        if name in properties:
            yield from _faults(inner, properties[name], f"{place}/{name}")
        elif more is False:
            yield f"{place}: {name} is not among the fields"
        elif isinstance(more, dict):
            yield from _faults(inner, more, f"{place}/{name}")
