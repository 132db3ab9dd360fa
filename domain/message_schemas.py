"""JSON Schemas of bodies and messages, as a caller writes them: with the own names for clients and parts.

Made from the commands' own types, for OpenAPI and for the AsyncAPI document of each kind of recipient.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import AliasChoices, BaseModel

from domain.catalogue import CLIENT_FACTS
from domain.chapters.attendance.decisions import RecordGroupAttendance
from domain.chapters.corrections.decisions import asked_as
from domain.commands import CommandKind
from domain.event import Never
from domain.message_fields import MOST_ENTRIES, NEW_VALUES, REF_PATTERN
from domain.messages import CLIENT, GROUP, IDENTITY_CODE, MOST_CLIENTS

NAME = {
    "type": "string",
    "maxLength": 200,
    "description": "Your own name for it, as you received it, or message:<id of your own message that began it>.",
}
IDENTITY = {"type": "string", "description": "Personal identity code: only here, and only where no own name is known."}
_ENTRY = {
    "title": "GroupEntry",
    "description": "One client's day. What is said beside `entries` holds here, too; whom it is about is said in one way.",
}
_NULL = {"type": "null"}
_OF_THE_NAME = ("title", "deprecated")
"""What is said of a field, and not of its values."""


@cache
def body_schema(kind: CommandKind) -> dict[str, Any]:
    """What a worker posts: the command's fields. References are the caller's own names."""
    return _said_in(kind.command)


@cache
def message_schema(type_name: str, kind: CommandKind) -> dict[str, Any]:
    """What an agency's system sends: the command's fields and the client, by own name or by identity code."""
    schema = body_schema(kind)
    fields = {CLIENT: NAME, IDENTITY_CODE: IDENTITY, **schema["properties"]}
    if not type_name.startswith(f"{GROUP}.v"):
        return {**schema, "properties": fields, "oneOf": [{"required": [CLIENT]}, {"required": [IDENTITY_CODE]}]}
    # What is said once, beside the entries, need not be said in each of them: nor whom they are about.
    entry = {**{word: said for word, said in schema.items() if word not in ("required", "anyOf")}, **_ENTRY}
    group = dict(_inlined(RecordGroupAttendance.model_json_schema(), {"GroupEntry": {**entry, "properties": fields}}))
    del group["$defs"]
    entries = {**group["properties"]["entries"], "minItems": 1, "maxItems": MOST_CLIENTS}
    return {**group, "properties": {**fields, **group["properties"], "entries": entries}}


@cache
def _new_values() -> dict[str, Any]:
    """What a correction may say: the fields of every fact that is ever corrected, each as one of these facts takes it.

    One schema for all: whose facts a sender corrects depends on what its organisation stated, in whichever task. What ties
    a fact to its part is among them, for said as it is it is taken.
    """
    taken: dict[str, list[Any]] = {}
    words: dict[str, dict[str, Any]] = {}
    for fact in CLIENT_FACTS.values():
        if isinstance(fact.CORRECTED, Never):
            continue
        narrower = asked_as(fact)
        for name, field in _said_in(fact)["properties"].items():
            words[name] = {word: field[word] for word in _OF_THE_NAME if word in field}
            arms = _arms(narrower[name].json_schema() if name in narrower else field)
            null = [_NULL] if _NULL in _arms(field) else []
            for arm in [*(one for one in arms if one != _NULL), *null]:
                if arm not in taken.setdefault(name, []):
                    taken[name].append(arm)
    properties = {}
    for name, arms in sorted(taken.items()):
        arms.sort(key=_NULL.__eq__)  # null is the last way to say it
        properties[name] = {**words[name], **(arms[0] if len(arms) == 1 else {"anyOf": arms})}
    return {
        "title": "NewValues",
        "description": "Fields of the fact that is corrected, and no others: which a fact has stands in its own schema.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _arms(field: Mapping[str, Any]) -> list[Any]:
    """The ways in which a value may be said, without what is said of the field."""
    return field.get("anyOf") or [{word: value for word, value in field.items() if word not in (*_OF_THE_NAME, "default")}]


def _said_in(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of what a caller may say in the fields of a command or of a fact."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    return _in_old_words_too(model, dict(_inlined(schema, definitions)))


def _in_old_words_too(model: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the names that fields had in older versions: who goes on using them is understood, and a closed schema
    without them would say otherwise."""
    for field in model.model_fields.values():
        if not isinstance(field.validation_alias, AliasChoices):
            continue
        name, *older = map(str, field.validation_alias.choices)
        schema["properties"] |= {one: {**schema["properties"][name], "deprecated": True} for one in older}
        if name in schema.get("required", ()):
            schema["required"] = [one for one in schema["required"] if one != name]
            schema["anyOf"] = [{"required": [one]} for one in (name, *older)]
    return schema


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its definitions in place and references as callers write them."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return _inlined({**named, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    if schema.get("pattern") == REF_PATTERN:
        return {**NAME, **{key: schema[key] for key in ("title",) if key in schema}}
    inlined = {key: _inlined(value, definitions) for key, value in schema.items()}
    if inlined.get("type") == "array":
        inlined.setdefault("maxItems", MOST_ENTRIES)
    if NEW_VALUES in inlined.get("properties", ()):
        said = inlined["properties"][NEW_VALUES]
        said["anyOf"] = [arm if arm == _NULL else _new_values() for arm in said["anyOf"]]
    return inlined
