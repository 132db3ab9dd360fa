"""Schemas as the document has them: nulls as types, objects under names of their own, answers open for added fields."""

from __future__ import annotations

import re
from typing import Any

from pydantic.json_schema import SkipJsonSchema

Schema = dict[str, Any]
COMPONENTS = "#/components/schemas/"
LeftOut = SkipJsonSchema[None]
"""Of a field of an answer: where it has no value it is left out, and never null."""
LARGE = 2**31 - 1
"""A generator takes a whole number for one that goes no further, unless its format says otherwise."""
_NULL = {"type": "null"}
_MOMENT = [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
_WRITTEN = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    "([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$"
)
"""A date or a moment. source: RFC 3339 5.6"""
_VALUES = frozenset({"enum", "const", "required", "examples", "default", "discriminator"})
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


def pascal(name: str) -> str:
    """A name as a class has it: `correct_fact.v1` is `CorrectFactV1`, `KUTY-Token` is `KUTYToken`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def plain(schema: Any, *, answer: bool = False) -> Any:
    """The schema without what only its maker needed: a null beside one type is one of two types, the title of a field says
    what its name says, and what is left out has no default of null. What an `answer` is described to hold, a later one may
    hold more of, which is said, for a generator may take an object that says nothing of it for a closed one; and its whole
    numbers may be large."""
    if isinstance(schema, list):
        return [plain(one, answer=answer) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told: Schema = {}
    for word, value in schema.items():
        if word == "title" or (word == "default" and value is None) or (answer and (word, value) == _CLOSED):
            continue
        if word in ("properties", "patternProperties"):
            told[word] = {name: plain(one, answer=answer) for name, one in value.items()}
        else:
            told[word] = value if word in _VALUES else plain(value, answer=answer)
    if answer and "properties" in told:
        told.setdefault("additionalProperties", True)
    told = _or_null(_one_or_several(_one_text(_moment(_either(_typed(told))))))
    whole = "integer" in types_of(told) and "enum" not in told
    if whole and told.get("maximum", LARGE + 1 if answer else 0) > LARGE:
        told.setdefault("format", "int64")
    return told


def never_null(schema: Schema) -> Schema:
    """The schema of a parameter, which has a value or is not there."""
    told = dict(schema)
    if "null" in types_of(told):
        kept = [one for one in types_of(told) if one != "null"]
        told["type"] = kept[0] if len(kept) == 1 else kept
    if "enum" in told:
        told["enum"] = [one for one in told["enum"] if one is not None]
    if "anyOf" in told:
        arms = [arm for arm in told.pop("anyOf") if arm != _NULL]
        told |= arms[0] if len(arms) == 1 else {"anyOf": arms}
    return told


def types_of(schema: Schema) -> list[str]:
    """The types that a schema names."""
    named: str | list[str] = schema.get("type", [])
    return [named] if isinstance(named, str) else named


_CLOSED = ("additionalProperties", False)


def _typed(schema: Schema) -> Schema:
    """What names its values says of which type they are."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    kinds = {_TYPES.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {"type": kind, **schema} if kind and "type" not in schema else schema


def _either(schema: Schema) -> Schema:
    """Either of two fields, and not both: a condition, where alternatives would make two classes without a field."""
    arms = schema.get("oneOf", [])
    if len(arms) != 2 or any(set(arm) != {"required"} for arm in arms):
        return schema
    told = {word: value for word, value in schema.items() if word != "oneOf"}
    [one], [other] = (arm["required"] for arm in arms)
    # Each name is there as a field, too, and with no boolean for a schema: more tools read it so.
    return {
        **told,
        "if": {"required": [one], "properties": {one: {}}},
        "then": {"properties": {other: {"not": {}}}},
        "else": {"required": [other], "properties": {other: {}}},
    }


def _moment(schema: Schema) -> Schema:
    """Two ways to write one text are one text: a class of their own would say nothing."""
    arms = schema.get("anyOf", [])
    if arms[:2] != _MOMENT:
        return schema
    return {**schema, "anyOf": [{"type": "string", "pattern": _WRITTEN}, *arms[2:]]}


def _one_text(schema: Schema) -> Schema:
    """Words of two lists are words of one; words of a list beside any text are what such a text usually is."""
    arms = schema.get("anyOf", [])
    texts = [arm for arm in arms if arm.get("type") == "string"]
    listed = [arm for arm in texts if "enum" in arm or "const" in arm]
    free = [arm for arm in texts if arm not in listed]
    if not listed or len(texts) < 2 or len(free) > 1 or any(arm not in texts and arm != _NULL for arm in arms):
        return schema
    words = [word for arm in listed for word in arm.get("enum", [arm.get("const")])]
    of_list = {word: value for arm in listed for word, value in arm.items() if word == "x-code-list"}
    one = {**free[0], "examples": words} if free else {"type": "string", "enum": words}
    return {**schema, "anyOf": [{**one, **of_list}, *(arm for arm in arms if arm == _NULL)]}


def _one_or_several(schema: Schema) -> Schema:
    """One value or a list of them: a condition, where alternatives would make a class that no Java compiles."""
    arms = schema.get("anyOf", [])
    lists, others = [[arm for arm in arms if (arm.get("type") == "array") is is_list] for is_list in (True, False)]
    if len(lists) != 1 or not [arm for arm in others if arm != _NULL]:
        return schema
    told = {word: value for word, value in schema.items() if word != "anyOf"}
    return {**told, "if": {"type": "array"}, "then": lists[0], "else": _or_null({"anyOf": others})}


def _or_null(schema: Schema) -> Schema:
    """One type or null, in the words of JSON Schema 2020-12; what stands under a name has no type to say it with."""
    arms = schema.get("anyOf", [])
    kept = [arm for arm in arms if arm != _NULL]
    if len(kept) != 1 or "type" not in kept[0]:
        return schema
    told: Schema = {**kept[0], **{word: value for word, value in schema.items() if word != "anyOf"}}
    if len(arms) == 1:
        return told
    told["type"] = [*types_of(told), "null"]
    if "const" in told:
        told["enum"] = [told.pop("const")]
    if "enum" in told:
        told["enum"] = [*told["enum"], None]
    return told


class Components:
    """The schemas under their names; whatever has fields and a title gets the name that its title says."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas

    def named(self, schema: Schema, name: str, inside: str = "") -> Schema:
        """A reference to the schema; its parts have names of their own. Another one of the same name is called by where it
        stands, too."""
        told = plain(self._parts(schema, name))
        for wanted in (name, f"{inside}{name}"):
            if self.schemas.setdefault(wanted, told) == told:
                return {"$ref": f"{COMPONENTS}{wanted}"}
        raise ValueError(f"two schemas are called {inside}{name}")

    def inside(self, schema: Any, parent: str) -> Any:
        """The schema, its objects with titles replaced by references to them."""
        if isinstance(schema, list):
            return [self.inside(one, parent) for one in schema]
        if not isinstance(schema, dict):
            return schema
        arms: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or [{}]
        if "title" in schema and ("properties" in schema or all("title" in arm for arm in arms)):
            return self.named(schema, pascal(schema["title"]), parent)
        return self._parts(schema, parent)

    def _parts(self, schema: Schema, name: str) -> Schema:
        told: Schema = {}
        for word, value in schema.items():
            if word == "properties":
                told[word] = {field: self.inside(one, name) for field, one in value.items()}
            else:
                told[word] = self.inside(value, name) if word in _PARTS else value
        return told


_PARTS = frozenset({"items", "anyOf", "oneOf", "allOf", "prefixItems", "additionalProperties"})
