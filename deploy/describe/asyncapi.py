"""One AsyncAPI 3.0 document per kind of recipient: what its system sends, gets, and is answered, and on what legal basis.

The document is written from the recipient's side: it sends on the in topic and receives from the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consumers import wire
from consumers.log import TopicSettings
from deploy.describe.grounds import grounds_of
from deploy.describe.publication_schemas import COLUMNS, POLICY, Telling, publication_schema, tellings
from deploy.describe.schemas import message_schemas, receipt_schema
from domain.catalogue import types_of
from domain.code_lists import code_list
from domain.json_gate import LIMIT
from projections.kinds import Kind, kinds

Part = dict[str, Any]
JSON = "application/json"


def documented() -> tuple[Kind, ...]:
    """Every kind of recipient whose systems are told facts one by one, in the order of the policy's columns."""
    return kinds().of_columns(COLUMNS)


def name_of(kind: Kind) -> str:
    """The name of the kind's document."""
    return kind.document or kind.name


def document_of(kind: Kind) -> Part:
    """The document of one kind of recipient."""
    sent = _messages_sent(kind)
    told = _messages_told(kind)
    answers = {"receipt.v1": _receipt()}
    channels = {
        **({"in": _channel("in", wire.IN, sent, _IN)} if sent else {}),
        "out": _channel("out", wire.OUT, {**told, wire.HEARTBEAT: _heartbeat()}, _OUT),
        **({"receipts": _channel("receipts", wire.RECEIPTS, answers, _RECEIPTS)} if sent else {}),
    }
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:kuty:asyncapi:{name_of(kind)}",
        "info": {
            "title": f"KUTY for {kind.title}",
            "version": POLICY.version,
            "description": _about(kind, bool(sent)),
        },
        "defaultContentType": JSON,
        "channels": channels,
        "operations": _operations(sent, told),
        "components": {"messages": {**sent, **told, wire.HEARTBEAT: _heartbeat(), **(answers if sent else {})}},
    }


_IN = "Where your system writes. Messages of one key are read in their order; the topic keeps them for 7 days."
_OUT = (
    "What you are told, and nothing else. `ce_logsequence` counts from 1 without a hole in each `ce_epoch`; `ce_prevhash` "
    "is the hash of the publication before. Drop a repeated sequence with the same bytes, halt at a hole, and keep your "
    "position in one transaction with your own model. The topic keeps 90 days; a redelivery gives all again in a new epoch."
)
_RECEIPTS = "How each of your messages was answered, numbered from 1 in `ce_logsequence`."


def _about(kind: Kind, sends: bool) -> str:
    label = code_list("organisation_task").label(kind.task, "en")
    lines = [
        f"What a system of an organisation with the task `{kind.task}` ({label}) sends to a ledger and gets from it, over "
        "Kafka. CloudEvents 1.0 in binary mode: attributes are headers `ce_…`, the value is JSON with sorted keys.",
        "`{ledger}` is the ledger's name and `{recipient}` your short name; both were stated when you joined.",
        "The same over HTTPS: `GET /ledgers/{ledger}/out/{recipient}`"
        + (", `POST /ledgers/{ledger}/in/{recipient}` and `GET /ledgers/{ledger}/receipts`." if sends else "."),
        "Clients and parts go by your own names for them, which no other recipient has.",
        "How the hash is made: docs/explanation/proof-of-delivery.md. Codes: docs/reference/codes.md.",
    ]
    return "\n\n".join(lines)


def _channel(part: str, topic: TopicSettings, messages: Mapping[str, Part], about: str) -> Part:
    return {
        "address": f"kuty.{{ledger}}.{part}.{{recipient}}.v1",
        "title": {"in": "In", "out": "Out", "receipts": "Receipts"}[part],
        "description": about,
        "parameters": {
            "ledger": {"description": "Name of the ledger."},
            "recipient": {"description": "Your short name."},
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": 1,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(sent: Mapping[str, Part], told: Mapping[str, Part]) -> Part:
    def named(channel: str, names: Mapping[str, Part]) -> list[Part]:
        return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]

    operations: Part = {
        "beTold": {
            "action": "receive",
            "channel": {"$ref": "#/channels/out"},
            "summary": "Be told facts.",
            "messages": named("out", {**told, wire.HEARTBEAT: {}}),
        }
    }
    if sent:
        operations["state"] = {
            "action": "send",
            "channel": {"$ref": "#/channels/in"},
            "summary": "State a fact, or ask for something to be recorded. Every message is answered by a receipt.",
            "messages": named("in", sent),
            "reply": {
                "channel": {"$ref": "#/channels/receipts"},
                "messages": named("receipts", {"receipt.v1": {}}),
            },
        }
    return operations


def _messages_sent(kind: Kind) -> dict[str, Part]:
    headers = _headers(
        {
            "ce_id": "Your own id of the message, unique for ever among yours: sent again, it changes nothing.",
            "ce_type": "The message's type.",
            "ce_specversion": "1.0",
        },
        {"ce_actorperson": "Your own id of the member of staff who stated it; none means your system."},
    )
    return {
        type_name: {
            "name": type_name,
            "title": type_name,
            "summary": schema.get("description", ""),
            "contentType": JSON,
            "headers": _of_type(headers, type_name),
            "payload": _inside(schema),
            "bindings": _key(f"Your own name for the client where you know it, else the message id. At most {LIMIT} bytes."),
        }
        for type_name, schema in message_schemas(kind).items()
    }


def _messages_told(kind: Kind) -> dict[str, Part]:
    """Those of older versions, too: they stand on the topic for as long as it keeps them, and come again in a redelivery."""
    return {
        type_name: _publication(type_name, told) if type_name == told.type else _older(type_name, told)
        for told in tellings()[kind.key]
        for type_name in types_of([told.event.NAME])
    }


def _older(type_name: str, told: Telling) -> Part:
    """As the newest version, but for the value: its schema is the one that was published with that version."""
    newest = _publication(told.type, told)
    value = {
        "type": "object",
        "description": f"As `{type_name}` was published: publications/{told.column}/{type_name}.json among the schemas.",
    }
    headers = _of_type(newest["headers"], type_name)
    return {**newest, "name": type_name, "title": type_name, "headers": headers, "payload": value}


def _publication(type_name: str, told: Telling) -> Part:
    schema, grounds = _inside(publication_schema(told)), grounds_of(told)
    headers = _headers(
        {
            "ce_id": "The publication's own id.",
            "ce_type": "The fact's permanent name.",
            "ce_source": "The organiser of the ledger.",
            "ce_specversion": "1.0",
            "ce_time": "When it was published, UTC, in whole seconds.",
            "ce_dataschema": "The schema of the value.",
            "ce_logsequence": "Your own sequence, contiguous from 1 in the epoch.",
            "ce_epoch": "Counts your redeliveries, from 1.",
            "ce_ruleset": "The version of the rules in force.",
            "ce_legalbasis": "On what ground you are told.",
            "ce_purpose": "For what purpose you are told.",
        },
        {
            "ce_subject": "Your own name for the client; none for a fact without one.",
            "ce_occurredon": "The fact's own day, Europe/Helsinki; none of what is withdrawn.",
            "ce_prevhash": "SHA-256 of your publication before; none for the first of an epoch.",
        },
    )
    headers["properties"]["ce_legalbasis"]["enum"] = sorted({basis for basis, _ in grounds})
    headers["properties"]["ce_purpose"]["enum"] = sorted({purpose for _, purpose in grounds})
    return {
        "name": type_name,
        "title": type_name,
        "summary": schema["description"],
        "contentType": JSON,
        "headers": _of_type(headers, type_name),
        "payload": schema,
        "bindings": _key("Your own name for the client; the publication's id for a fact without one."),
        "x-legal-bases": [{"legal_basis": basis, "purpose": purpose} for basis, purpose in grounds],
    }


def _receipt() -> Part:
    always = {"ce_id": "Message id, status and number.", "ce_source": "The organiser.", "ce_specversion": "1.0"}
    headers = _headers(
        {**always, "ce_type": "receipt.v1"},
        {
            "ce_logsequence": "The answer's own number; none on a repetition.",
            "ce_epoch": "The ledger's, from its second on; none on a repetition.",
        },
    )
    return {
        "name": "receipt.v1",
        "title": "receipt.v1",
        "summary": "What became of one message.",
        "contentType": JSON,
        "headers": _of_type(headers, "receipt.v1"),
        "payload": _inside(receipt_schema()),
        "bindings": _key("The message id."),
    }


def _heartbeat() -> Part:
    always = {"ce_id": "", "ce_source": "The organiser.", "ce_specversion": "1.0", "ce_time": "UTC.", "ce_epoch": ""}
    return {
        "name": wire.HEARTBEAT,
        "title": wire.HEARTBEAT,
        "summary": "A sign of life on a quiet topic; names the last sequence and has none itself.",
        "contentType": JSON,
        "headers": _of_type(_headers({**always, "ce_type": wire.HEARTBEAT}, {}), wire.HEARTBEAT),
        "payload": {
            "type": "object",
            "properties": {
                "kind": {"const": "heartbeat"},
                "epoch": {"type": "integer", "minimum": 1},
                "last_sequence": {"type": "integer", "minimum": 0},
            },
            "required": ["kind", "epoch", "last_sequence"],
        },
        "bindings": _key("`heartbeat`"),
    }


def _headers(always: Mapping[str, str], sometimes: Mapping[str, str]) -> Part:
    named = {**always, "content-type": JSON, **sometimes}
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", **({"description": text} if text else {})} for name, text in sorted(named.items())
        },
        "required": sorted(always),
    }


def _of_type(headers: Part, type_name: str) -> Part:
    return {**headers, "properties": {**headers["properties"], "ce_type": {"type": "string", "const": type_name}}}


def _inside(schema: Mapping[str, Any]) -> Part:
    """A schema as part of a document: its own dialect and name stay outside."""
    return {name: value for name, value in schema.items() if name not in ("$schema", "$id")}


def _key(about: str) -> Part:
    return {"kafka": {"key": {"type": "string", "description": about}, "bindingVersion": "0.5.0"}}
