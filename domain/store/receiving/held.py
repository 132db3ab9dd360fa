"""The bytes under which a message waits in the vault: one line of its envelope, then the message as it came."""

from __future__ import annotations

import orjson

from domain.directory import Recipient
from domain.envelopes import Incoming
from domain.store.sealed.vault import HeldMessage


def packed(message: Incoming) -> bytes:
    """A message as it waits."""
    return orjson.dumps({"type": message.type, "person": message.person}) + b"\n" + message.raw


def unpacked(sender: Recipient, held: HeldMessage) -> Incoming:
    """The message that waited."""
    line, _, raw = held.payload.partition(b"\n")
    envelope = orjson.loads(line)
    return Incoming(sender, held.message_id, envelope["type"], raw, envelope["person"])
