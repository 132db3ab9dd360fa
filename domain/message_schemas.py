"""JSON Schemas of bodies and messages, as a caller writes them: with the own names for clients and parts.

Made from the commands' own types, for OpenAPI and for the AsyncAPI document of each kind of recipient.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import AliasChoices

from domain.chapters.attendance.decisions import RecordGroupAttendance
from domain.commands import Command, CommandKind
from domain.message_fields import MOST_ENTRIES, REF_PATTERN
from domain.messages import CLIENT, GROUP, IDENTITY_CODE, MOST_CLIENTS

NAME = {
    "type": "string",
    "maxLength": 200,
    "description": "Your own name for it, as you received it, or message:<id of your own message that began it>.",
}
IDENTITY = {"type": "string", "description": "Personal identity code: only here, and only where no own name is known."}


@cache
def body_schema(kind: CommandKind) -> dict[str, Any]:
    """What a worker posts: the command's fields. References are the caller's own names."""
    schema = kind.command.model_json_schema()
    definitions = schema.pop("$defs", {})
    return _in_old_words_too(kind.command, dict(_inlined(schema, definitions)))


@cache
def message_schema(type_name: str, kind: CommandKind) -> dict[str, Any]:
    """What an agency's system sends: the command's fields and the client, by own name or by identity code."""
    schema = body_schema(kind)
    one = {
        **schema,
        "properties": {CLIENT: NAME, IDENTITY_CODE: IDENTITY, **schema["properties"]},
        "oneOf": [{"required": [CLIENT]}, {"required": [IDENTITY_CODE]}],
    }
    if not type_name.startswith(f"{GROUP}.v"):
        return one
    # What is said once, beside the entries, need not be said in each of them.
    entry = {**{name: value for name, value in one.items() if name not in ("required", "anyOf")}, "title": "GroupEntry"}
    group = dict(_inlined(RecordGroupAttendance.model_json_schema(), {"GroupEntry": entry}))
    del group["$defs"]
    entries = {**group["properties"]["entries"], "maxItems": MOST_CLIENTS}
    return {**group, "properties": {**schema["properties"], **group["properties"], "entries": entries}}


def _in_old_words_too(command: type[Command], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the names that fields had in older versions: who goes on using them is understood, and a closed schema
    without them would say otherwise."""
    for field in command.model_fields.values():
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
    return inlined
