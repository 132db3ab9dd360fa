"""One AsyncAPI 3.0 document per kind of recipient: what its system sends, gets, and is answered, and on what legal basis.

The document is written from the recipient's side: it sends on the in topic and receives from the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from consumers import wire
from consumers.log import TopicSettings
from deploy.describe.agency_messages import CORRELATIONS, JSON, Messages, Part
from deploy.describe.publication_schemas import COLUMNS, POLICY
from domain.code_lists import code_list
from domain.receipts import RECEIPT
from projections.kinds import Kind, kinds


def documented() -> tuple[Kind, ...]:
    """Every kind of recipient whose systems are told facts one by one, in the order of the policy's columns."""
    return kinds().of_columns(COLUMNS)


def name_of(kind: Kind) -> str:
    """The name of the kind's document."""
    return kind.document or kind.name


def document_of(kind: Kind) -> Part:
    """The document of one kind of recipient."""
    messages = Messages(kind)
    sent, told = messages.sent(), {**messages.told(), wire.HEARTBEAT: messages.heartbeat()}
    answers = {RECEIPT: messages.receipt()} if sent else {}
    channels = {
        **({"in": _channel("in", wire.IN, sent, "What you state", _IN)} if sent else {}),
        "out": _channel("out", wire.OUT, told, "What you are told", _OUT),
        **({"receipts": _channel("receipts", wire.RECEIPTS, answers, "How you are answered", _RECEIPTS)} if sent else {}),
    }
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:kuty:asyncapi:{name_of(kind)}",
        "info": {
            "title": f"KUTY for {kind.title}",
            "version": POLICY.version,
            "description": _about(kind, bool(sent)),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": name, "description": about} for name, about in _TAGS.items() if sent or name != _SENDING],
            "externalDocs": {
                "description": "CloudEvents 1.0.2, Kafka protocol binding",
                "url": "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md",
            },
        },
        "defaultContentType": JSON,
        "servers": {"kafka": _SERVER},
        "channels": channels,
        "operations": _operations(sent, told),
        "components": {
            "schemas": dict(sorted(messages.schemas.items())),
            "messages": {**sent, **told, **answers},
            "securitySchemes": _SECURITY,
            **({"correlationIds": dict(CORRELATIONS)} if sent else {}),
        },
    }


_SENDING, _RECEIVING = "sending", "receiving"
_TAGS: Mapping[str, str] = {
    _SENDING: "What your system states, and how it is answered.",
    _RECEIVING: "What your system is told.",
}
_SECURITY: Part = {
    "scram": {"type": "scramSha512", "description": "SASL/SCRAM-SHA-512 over TLS, by user and password."},
    "certificate": {"type": "X509", "description": "TLS with your own client certificate."},
}
_SERVER: Part = {
    "host": "{broker}",
    "protocol": "kafka-secure",
    "title": "The ledger's Kafka",
    "description": "Reached over TLS alone. By which of the two you are known to it was agreed when you joined.",
    "variables": {
        "broker": {
            "description": "Host and port of a broker, as they were handed over when you joined.",
            "examples": ["kafka.kuty.example:9094"],
        }
    },
    "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
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
        "What you read may get further fields, and code lists further codes, in the same version of a type: pass over what "
        "you do not know. What you send has no field beside those described. The API serves each schema at `/schemas`, that "
        f"of what you are told below `/schemas/publications/{kind.key}/`, that of what you send below `/schemas/messages/`.",
        "How the hash is made: docs/explanation/proof-of-delivery.md. Codes: docs/reference/codes.md.",
    ]
    return "\n\n".join(lines)


def _channel(part: str, topic: TopicSettings, messages: Collection[str], summary: str, about: str) -> Part:
    return {
        "address": f"kuty.{{ledger}}.{part}.{{recipient}}.v1",
        "title": {"in": "In", "out": "Out", "receipts": "Receipts"}[part],
        "summary": f"{summary}.",
        "description": about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "parameters": {
            "ledger": {"description": "Name of the ledger.", "examples": ["demo"]},
            "recipient": {"description": "Your short name.", "examples": ["kela-payment"]},
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "tags": [{"name": _RECEIVING if part == "out" else _SENDING}],
        "bindings": {
            "kafka": {
                "partitions": 1,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(sent: Collection[str], told: Collection[str]) -> Part:
    def named(channel: str, names: Collection[str]) -> list[Part]:
        return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]

    def operation(action: str, channel: str, names: Collection[str], title: str, summary: str) -> dict[str, Any]:
        return {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "title": title,
            "summary": summary,
            "tags": [{"name": _RECEIVING if channel == "out" else _SENDING}],
            "messages": named(channel, names),
        }

    operations: Part = {"readPublications": operation("receive", "out", told, "Read publications", "Be told facts.")}
    if sent:
        stated = "State a fact, or ask for something to be recorded. Every message is answered by a receipt."
        operations["sendMessage"] = {
            **operation("send", "in", sent, "Send a message", stated),
            "reply": {"channel": {"$ref": "#/channels/receipts"}, "messages": named("receipts", [RECEIPT])},
        }
        operations["readReceipts"] = operation(
            "receive", "receipts", [RECEIPT], "Read receipts", "Learn how your messages were answered."
        )
    return operations
