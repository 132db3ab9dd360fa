"""The JSON Schemas that are committed and served: events, publications by kind of recipient, messages, receipts, heartbeats.

A schema is only ever replaced by one that everything written or read under the old one fits (design 5). Those of what others
read are open, those of what they write are closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from consumers.wire import HEARTBEAT
from deploy.describe.compatibility import BreakingChange, Whose, broken
from deploy.describe.event_schemas import DIALECT, event_schemas
from deploy.describe.publication_schemas import WITHDRAWAL, Telling, publication_schema, tellings, withdrawal_schema
from domain.disclosure.kinds import Kind
from domain.message_schemas import message_schema
from domain.messages import message_types
from domain.receipts import MOST_IN_THE_WAY, RECEIPT
from projections.kinds import kinds

OLDER = Path(__file__).with_name("older")
"""Schemas of what was written or told and is no more, by their paths: of events before their newest version, and of what a
policy told and does not tell now. Copies of those that are committed."""
Schema = dict[str, Any]
_TEXT = {"type": "string"}
_TEXTS = {
    "type": "object",
    "properties": {language: _TEXT for language in ("fi", "sv", "en")},
    "required": ["fi", "sv", "en"],
}
_CODES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"code": _TEXT, "pointer": _TEXT, "text": _TEXTS, "what_to_do": _TEXTS},
        "required": ["code", "pointer", "text", "what_to_do"],
    },
}
_STATUS = {"type": "string", "enum": ["recorded", "already_recorded", "waiting", "refused", "quarantined", "withdrawn"]}


def message_schemas(sender: Kind) -> dict[str, Schema]:
    """What systems of this kind may send, by message type."""
    return {
        type_name: {
            "$schema": DIALECT,
            "$id": f"urn:kuty:schema:message:{type_name}",
            **message_schema(type_name, kind),
        }
        for type_name, kind in sorted(message_types(sender).items())
    }


def receipt_schema() -> Schema:
    """The value of a record on a receipts topic."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:kuty:schema:receipt:{RECEIPT}",
        "description": "What became of one message. A field without a value is left out.",
        "type": "object",
        "properties": {
            "message_id": {"type": "string", "description": "The sender's own message id."},
            "type": {"type": "string", "description": "The recorded fact's type, else the message's own."},
            "status": _STATUS,
            "number": {"type": "integer", "minimum": 1, "description": "In the sender's line, contiguous from 1."},
            "epoch": {
                "type": "integer",
                "minimum": 2,
                "description": "The ledger's, from the second on: of two answers under one number the later one's holds.",
            },
            "withdraws": {
                "type": "object",
                "properties": {
                    "status": _STATUS,
                    "number": {"type": "integer", "minimum": 1},
                    "epoch": {"type": "integer", "minimum": 1},
                },
                "required": ["status", "epoch"],
                "description": "The answer to this message that holds no longer.",
            },
            "first": {**_STATUS, "description": "Of a repetition: how the first one was answered."},
            "codes": _CODES,
            "facts_in_the_way": {
                "type": "array",
                "maxItems": MOST_IN_THE_WAY,
                "items": {
                    "type": "object",
                        "properties": {
                        "code": _TEXT,
                        "type": _TEXT,
                        "occurred_on": {"type": "string", "format": "date"},
                        "publication_id": {"type": "string", "description": "Your publication that told it last."},
                    },
                    "required": ["code", "type", "occurred_on"],
                },
                "description": "Of a refused correction: the facts that you know of and that would no longer be allowed.",
            },
            "more": {"type": "integer", "minimum": 1, "description": "Codes beyond those named: fifty are named."},
            "warnings": _CODES,
            "references": {
                "type": "object",
                "additionalProperties": _TEXT,
                "description": "Your own names for the parts that the message began, by field.",
            },
            "reason": {
                "type": "string",
                "enum": ["waits_for_reference", "waits_for_earlier", "subject_unresolved"],
                "description": "What a waiting message waits for.",
            },
            "until": {"type": "string", "format": "date-time", "description": "Until when it waits, UTC."},
            "offset": {"type": "integer", "description": "Where the unreadable bytes stand in the in topic."},
            "parts": {
                "type": "array",
                "items": {
                    "type": "object",
                        "properties": {"message_id": _TEXT, "status": _STATUS},
                    "required": ["message_id", "status"],
                },
                "description": "Of a group's message: how each entry was answered.",
            },
        },
        "required": ["message_id", "type", "status"],
    }


def heartbeat_schema() -> Schema:
    """The value of a heartbeat on an out topic."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:kuty:schema:heartbeat:{HEARTBEAT}",
        "description": "A sign of life on a quiet topic; names the last sequence and has none itself.",
        "type": "object",
        "properties": {
            "kind": {"type": "string", "const": "heartbeat"},
            "epoch": {"type": "integer", "minimum": 1, "description": "Your epoch by now."},
            "last_sequence": {"type": "integer", "minimum": 0, "description": "Its last publication; 0 before the first."},
        },
        "required": ["kind", "epoch", "last_sequence"],
    }


def all_schemas() -> Mapping[str, Schema]:
    """Every schema of today by its path below `schemas/`."""
    found = {f"events/{type_name}.json": schema for type_name, schema in event_schemas().items()}
    for column, told in tellings().items():
        found |= {f"publications/{column}/{each.type}.json": told_schema(each) for each in told}
        found[f"publications/{column}/{WITHDRAWAL}.json"] = withdrawal_schema(column)
    for sender in kinds():
        found |= {f"messages/{type_name}.json": schema for type_name, schema in message_schemas(sender).items()}
    return {**found, f"{RECEIPT}.json": receipt_schema(), f"{HEARTBEAT}.json": heartbeat_schema()}


def served_schemas() -> Mapping[str, Schema]:
    """Every schema of today, and those that nothing of today makes: what was told by them is told again in a redelivery, and
    is taken back under their names."""
    older = {path.relative_to(OLDER).as_posix(): orjson.loads(path.read_bytes()) for path in sorted(OLDER.rglob("*.json"))}
    return {**older, **all_schemas()}


def told_schema(told: Telling) -> Schema:
    """The published schema of what a kind of recipient is told: with the fields and forms that it had before the policy told
    less, where a copy says so. A published field stays: what was told with it is read by it."""
    schema, older = publication_schema(told), _older(told.column, told.type)
    return _with_all_of(older_schema(told.column, told.type), schema) if older.exists() else schema


def _with_all_of(before: Schema, today: Schema) -> Schema:
    kept = dict(today)
    for word in before.keys() & today.keys():
        was, now = before[word], today[word]
        if word == "properties":
            kept[word] = {**now, **{name: _with_all_of(was[name], now[name]) if name in now else was[name] for name in was}}
        elif word == "oneOf":
            kept[word] = [_with_all_of(*ways) for ways in zip(was, now, strict=True)]
        elif word == "x-forms":
            kept[word] = [*now, *(form for form in was if form not in now)]
    return kept


def older_schema(column: str, type_name: str) -> Schema:
    """Of what a kind of recipient was told in an older version of an event, or by a policy of before, as it was published
    then."""
    return dict(orjson.loads(_older(column, type_name).read_bytes()))


def told_before(column: str) -> list[str]:
    """The types in which nothing of today is told to a kind of recipient: what was told stands on its topic for as long as
    that keeps it, and is taken back under the same type."""
    today = {told.type for told in tellings()[column]}
    return sorted({path.stem for path in _older(column, "*").parent.glob("*.json")} - today)


def _older(column: str, type_name: str) -> Path:
    return OLDER / "publications" / column / f"{type_name}.json"


def is_read_by_others(path: str) -> bool:
    """Whether a schema, by its path below `schemas/`, is of what agencies' systems read."""
    return path.startswith("publications/") or path in (f"{RECEIPT}.json", f"{HEARTBEAT}.json")


def whose(path: str) -> Whose:
    """Who reads and writes what a schema is of, by its path below `schemas/`."""
    return "read" if is_read_by_others(path) else "sent" if path.startswith("messages/") else "ours"


def _is_kept(name: str, committed: bytes) -> bool:
    """Whether a copy of a committed schema that nothing of today makes is served in its place: the same, byte for byte. None
    may take the place of what others send, for that is taken or not as the schemas of today say."""
    kept = OLDER / name
    return whose(name) != "sent" and kept.exists() and kept.read_bytes() == committed


def write_schemas(folder: Path) -> list[Path]:
    """Write them. Raises BreakingChange, with nothing written, where a committed schema would lose something."""
    schemas = all_schemas()
    committed = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.json")}
    gone = [name for name, path in committed.items() if name not in schemas and not _is_kept(name, path.read_bytes())]
    faults = [f"{name}: the schema is gone; what was published stays, as it is (deploy/describe/older)" for name in gone]
    for name, path in committed.items():
        if name in schemas:
            lost = broken(orjson.loads(path.read_bytes()), schemas[name], whose=whose(name))
            faults += [f"{name}: {fault}" for fault in lost]
    if faults:
        raise BreakingChange(sorted(faults))
    written = []
    for name, schema in schemas.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        written.append(path)
    return written
