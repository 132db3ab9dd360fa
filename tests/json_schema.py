"""The part of JSON Schema that our own schemas use: enough to say whether a value fits one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
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
    "multipleOf", "minItems", "maxItems", "examples", "deprecated",
}  # fmt: skip
IN_A_DOCUMENT = {"$ref", "if", "then", "else", "not", "discriminator"}
"""Words that are read where the document is given in which the schema stands."""


def faults(value: Any, schema: Mapping[str, Any], place: str = "", inside: Inside | None = None) -> list[str]:
    """What of the value does not fit, each with its place; `inside` says in which document the schema stands."""
    return list(_faults(value, schema, place, inside))


@dataclass(frozen=True)
class Inside:
    """A document, and whether an object may only have the fields that are described, though others may be added later."""

    document: Mapping[str, Any]
    whole: bool = False

    def named(self, reference: str) -> Any:
        """What a reference names."""
        return reduce(lambda at, step: at[step], reference.removeprefix("#/").split("/"), self.document)


def _faults(value: Any, schema: Mapping[str, Any], place: str, inside: Inside | None) -> Iterator[str]:
    unknown = {word for word in schema if word not in KNOWN and not word.startswith("x-")}
    unknown -= IN_A_DOCUMENT if inside else set()
    assert not unknown, f"this reader does not know {unknown}"
    if inside and "$ref" in schema:
        yield from _faults(value, inside.named(schema["$ref"]), place, inside)
    if inside and "if" in schema:
        fits = not faults(value, schema["if"], place, inside)
        yield from _faults(value, schema["then" if fits else "else"], place, inside)
    if inside and "not" in schema and not faults(value, schema["not"], place, inside):
        yield f"{place}: {value!r} may not be there"
    for word in ("anyOf", "oneOf"):
        arms = [faults(value, arm, place, inside) for arm in schema.get(word, ())]
        if arms and all(arms):
            yield from min(arms, key=len)
    if "type" in schema:
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(_is_a(value, name) for name in types):
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
            yield from _faults(item, schema.get("items", {}), f"{place}/{number}", inside)
    elif isinstance(value, dict):
        yield from _object_faults(value, schema, place, inside)


def _is_a(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))


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


def _object_faults(value: dict[str, Any], schema: Mapping[str, Any], place: str, inside: Inside | None) -> Iterator[str]:
    yield from (f"{place}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    properties = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    if more is True and properties and inside and inside.whole:
        more = False
    for name, inner in value.items():
        if name in properties:
            yield from _faults(inner, properties[name], f"{place}/{name}", inside)
        elif more is False:
            yield f"{place}: {name} is not among the fields"
        elif isinstance(more, dict):
            yield from _faults(inner, more, f"{place}/{name}", inside)
