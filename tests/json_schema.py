"""The part of JSON Schema that our own schemas use: enough to say whether a value fits one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache, reduce
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
INT64 = 2**63
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
FORMATS: Mapping[str, tuple[re.Pattern[str], Callable[[str], object]]] = {
    "date": (_DATE, date.fromisoformat),
    "date-time": (_MOMENT, datetime.fromisoformat),
}
"""How a text of a format is written, and what reads it. A moment has seconds and a zone: a generated client reads no other.

source: RFC 3339 5.6"""
KNOWN = frozenset({
    "$schema", "$id", "description", "default", "title", "type", "enum", "const", "anyOf", "oneOf", "properties", "required",
    "additionalProperties", "items", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
    "multipleOf", "minItems", "maxItems", "examples", "deprecated",
})  # fmt: skip
IN_A_DOCUMENT = KNOWN | {"$ref", "if", "then", "else", "not", "discriminator"}
"""The words that are read where the document is given in which the schema stands."""


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

    @property
    def opened(self) -> Inside:
        """Where it is asked which of several schemas a value fits: whoever reads it passes over fields that he does not
        know."""
        return replace(self, whole=False) if self.whole else self


def _faults(value: Any, schema: Mapping[str, Any], place: str, inside: Inside | None) -> Iterator[str]:
    unknown = schema.keys() - (IN_A_DOCUMENT if inside else KNOWN)
    assert not {word for word in unknown if not word.startswith("x-")}, f"this reader does not know {unknown}"
    if inside and "$ref" in schema:
        yield from _faults(value, inside.named(schema["$ref"]), place, inside)
    if inside and "if" in schema:
        yield from _faults(value, schema["then" if _fits(value, schema["if"], inside) else "else"], place, inside.opened)
    if inside and "not" in schema and _fits(value, schema["not"], inside):
        yield f"{place}: {value!r} may not be there"
    if "anyOf" in schema and not any(next(_faults(value, arm, place, inside), None) is None for arm in schema["anyOf"]):
        yield from min((faults(value, arm, place, inside) for arm in schema["anyOf"]), key=len)
    if "oneOf" in schema:
        yield from _choice_faults(value, schema, place, inside)
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
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{place}: so many are too few or too many"
        for number, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), f"{place}/{number}", inside)
    elif isinstance(value, dict):
        yield from _object_faults(value, schema, place, inside)


def _fits(value: Any, schema: Mapping[str, Any], inside: Inside | None) -> bool:
    return next(_faults(value, schema, "", inside.opened if inside else None), None) is None


def _choice_faults(value: Any, schema: Mapping[str, Any], place: str, inside: Inside | None) -> Iterator[str]:
    """Of a value that fits exactly one of several schemas; where a field says which one, that one (OpenAPI 3.1,
    Discriminator Object)."""
    arms = schema["oneOf"]
    if "discriminator" in schema:
        field, mapping = schema["discriminator"]["propertyName"], schema["discriminator"]["mapping"]
        said = value.get(field) if isinstance(value, dict) else None
        named = [arm for arm in arms if said in mapping and arm["$ref"] == mapping[said]]
        if not named:
            yield f"{place}/{field}: {said!r} is none of those that it may be"
            return
    else:
        named = arms
    fitting = [arm for arm in arms if _fits(value, arm, inside)]
    if len(fitting) > 1:
        yield f"{place}: {value!r} is {len(fitting)} of those of which it is one"
    elif any(arm in named for arm in fitting):
        yield from _faults(value, fitting[0], place, inside)
    else:
        yield from min((faults(value, arm, place, inside) for arm in named), key=len)


def _is_a(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))


@cache
def _pattern(written: str) -> re.Pattern[str]:
    """As ECMA-262 has it: `$` is the end, and not also before a line break there."""
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", written))


def _text_faults(value: str, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield f"{place}: {value!r} is not like {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{place}: {value!r} is too short or too long"
    if schema.get("format") in FORMATS:
        form, read = FORMATS[schema["format"]]
        try:
            if form.fullmatch(value):
                read(value)
                return
        except ValueError:
            pass
        yield f"{place}: {value!r} is no {schema['format']}"


def _number_faults(value: float, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    above = value > schema.get("exclusiveMinimum", value - 1)
    if not (above and schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        yield f"{place}: {value!r} is out of its limits"
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield f"{place}: {value!r} is between the steps"
    if schema.get("format") == "int64" and not -INT64 <= value < INT64:
        yield f"{place}: {value!r} has more than 64 bits"


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
