"""The bodies of messages: each type under a name of its own, bare and as a CloudEvent (1.0.2, in its JSON format), which is
told by its `type`.

source: integration.md 2
"""

from __future__ import annotations

from collections.abc import Mapping

from api.openapi.schemas import COMPONENTS, Schema, pascal
from domain.commands import CommandKind
from domain.envelopes import FORMS
from domain.message_schemas import message_schema

MESSAGE = "Message"
STRUCTURED = "StructuredMessage"
"""The bodies that hold any message, without and with the attributes of its envelope."""


def any_message(sent: Mapping[str, CommandKind]) -> tuple[Schema, Schema]:
    """Any message of these types: what it says alone, and as a CloudEvent in structured mode, whose `type` tells which one
    it is. Their parts get names of their own where they are put into the document."""
    messages = {name: {**message_schema(name, kind), "title": name} for name, kind in sorted(sent.items())}
    bare = {"title": MESSAGE, "anyOf": list(messages.values())}
    mapping = {name: f"{COMPONENTS}{pascal(_event_of(name))}" for name in messages}
    events = [_event(name, schema) for name, schema in messages.items()]
    discriminator = {"propertyName": "type", "mapping": mapping}
    return bare, {"title": STRUCTURED, "oneOf": events, "discriminator": discriminator}


def _event_of(name: str) -> str:
    return f"{name}.event"


def _event(name: str, schema: Schema) -> Schema:
    text = {"type": "string"}
    attributes = {
        "specversion": {**text, "enum": ["1.0"]},
        "id": {**text, "pattern": f"^{FORMS['ce_id'].pattern}$", "description": "Your own id of the message."},
        "type": {**text, "enum": [name]},
        "source": {**text, "description": "Who sends it; not looked at."},
        "datacontenttype": {**text, "enum": ["application/json"]},
    }
    return {
        "title": _event_of(name),
        "description": f"A CloudEvent of the type `{name}`; other attributes may stand beside these.",
        "type": "object",
        "properties": {**attributes, "data": schema},
        "required": ["specversion", "id", "type", "data"],
    }
