"""Schemas as generators of typed clients make classes of them: each of its own name, and none that a tool makes nothing of.

A generator names a class by the `title` of its schema, so that every object and every list of words has one, unlike any
other in the document unless it is the same. What a published schema says by `oneOf` of what is there is said by `if`, and
what may be null by a list of types: both mean the same, and more tools understand them. A whole number that may be large
says so, for they take it for one of 32 bits. All of it is a Schema Object of AsyncAPI 3.0 (JSON Schema draft 07).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]
_NULL = {"type": "null"}
_OUTSIDE = ("$schema", "$id", "title", "x-forms")
"""What stays outside a document: dialect and name of a schema of its own, and titles that only repeat a field's name."""
_MAY_BE_NOTHING = ("default", "required")
"""What says nothing where it is empty, and makes Java that does not compile."""


def class_name(name: str) -> str:
    """A type, a field or a file's name in PascalCase: `attendance.recorded.v1` is `AttendanceRecordedV1`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def model(schema: Mapping[str, Any], title: str) -> Schema:
    """The schema with a title, and all within it that becomes a class with one of its own."""
    if "$ref" in schema:
        return dict(schema)
    kept: Schema = {}
    for word, value in _plainer(schema).items():
        if word == "properties":
            kept[word] = {name: model(of, title + class_name(name)) for name, of in value.items()}
        elif word == "items":
            kept[word] = model(value, f"{title}Item")
        elif word in ("anyOf", "oneOf"):
            kept[word] = [model(arm, f"{title}{_as(arm)}") for arm in value]
        elif word not in _OUTSIDE and (value or word not in _MAY_BE_NOTHING):
            kept[word] = value
    if kept.get("type") == "integer" and "maximum" not in kept and "enum" not in kept:
        kept["format"] = "int64"
    return {"title": title, **kept} if is_class(kept) else kept


def is_class(schema: Mapping[str, Any]) -> bool:
    """Whether generators make a class of a schema, or a list of words, and so want a name for it."""
    return "object" in schema.get("type", ()) or any(word in schema for word in ("properties", "enum", "anyOf", "oneOf"))


def _as(arm: Mapping[str, Any]) -> str:
    """By what a way in which a value may come is known from the others."""
    return "Code" if "enum" in arm or "x-known-codes" in arm else class_name(str(arm.get("type", "")))


def _plainer(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    arms = schema.get("anyOf", ())
    if _NULL in arms and len(arms) == 2:
        (other,) = [arm for arm in arms if arm != _NULL]
        if isinstance(other.get("type"), str):
            return _or_null({**other, **{word: value for word, value in schema.items() if word != "anyOf"}})
    ways = schema.get("oneOf", ())
    if ways and all(set(way) == {"required"} and len(way["required"]) == 1 for way in ways):
        rest = {word: value for word, value in schema.items() if word != "oneOf"}
        return {**rest, **_one_of([way["required"][0] for way in ways])}
    return schema


def _or_null(schema: Schema) -> Schema:
    nullable = {**schema, "type": [schema["type"], "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


def _one_of(names: Sequence[str]) -> Schema:
    """Of two fields exactly one is there."""
    one, other = names
    return {
        "if": {"required": [one], "properties": {one: {}}},
        "then": {"properties": {other: {"not": {}}}},
        "else": {"required": [other], "properties": {other: {}}},
    }


def merged(schema: Mapping[str, Any]) -> Schema:
    """Of a value that comes in several ways, all of them objects told apart by a word, one object with the fields of all:
    what is always there in each of them is always there. Open as its ways are, it says of each field the same."""
    if "oneOf" not in schema:
        return dict(schema)
    fields: Schema = {}
    for way in schema["oneOf"]:
        for name, of in way["properties"].items():
            fields[name] = _either(fields[name], of) if name in fields else of
    required = [name for name in fields if all(name in way.get("required", ()) for way in schema["oneOf"])]
    rest = {word: value for word, value in schema.items() if word != "oneOf"}
    return {**rest, "type": "object", "properties": fields, "required": required}


def _either(one: Schema, other: Schema) -> Schema:
    words = [word for of in (one, other) for word in of.get("enum", [of["const"]] if "const" in of else [])]
    if one == other or not words:
        return one
    return {**{word: value for word, value in one.items() if word != "const"}, "enum": [*dict.fromkeys(words)]}
