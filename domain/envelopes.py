"""The envelope of a message: CloudEvents in binary mode, the same over Kafka and over HTTP. source: integration.md 2"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.commands import CommandKind
from domain.context import Caller
from domain.directory import Recipient
from domain.disclosure.kinds import Kind, Kinds

MESSAGE_ID = re.compile(r"[!-~]{1,80}")
MESSAGE_TYPE = re.compile(r"[a-z0-9_.]{1,60}")
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")


class UnreadableEnvelope(Exception):
    """An envelope that cannot be read (`E_ENVELOPE`)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came. `place` is (topic, first offset behind it) on Kafka; over HTTP there is none."""

    recipient: Recipient
    message_id: str
    type: str
    raw: bytes
    person: str = "system"
    place: tuple[str, int] | None = None


def read_envelope(recipient: Recipient, headers: Mapping[str, bytes], raw: bytes, place: tuple[str, int] | None) -> Incoming:
    """The message in its CloudEvents attributes (binary mode). Raises UnreadableEnvelope."""
    try:
        message_id, type_name = headers["ce_id"].decode("ascii"), headers["ce_type"].decode("ascii")
        version = headers.get("ce_specversion", b"1.0").decode("ascii")
        person = headers.get("ce_actorperson", b"system").decode("ascii")
    except (KeyError, UnicodeDecodeError) as error:
        raise UnreadableEnvelope from error
    fits = MESSAGE_ID.fullmatch(message_id) and MESSAGE_TYPE.fullmatch(type_name) and PERSON.fullmatch(person)
    if not fits or version != "1.0":
        raise UnreadableEnvelope
    return Incoming(recipient, message_id, type_name, raw, person, place)


def readable_id(headers: Mapping[str, bytes]) -> str | None:
    """The sender's own id in an envelope that cannot be read as a whole; none where that cannot be read either."""
    message_id = headers.get("ce_id", b"").decode("ascii", errors="replace")
    return message_id if MESSAGE_ID.fullmatch(message_id) else None


def caller_of(message: Incoming, kinds: Kinds[Kind], asked: CommandKind | None = None) -> Caller:
    """The agency's system, in a role of its kind that may ask for the command."""
    roles = kinds.of(message.recipient).roles or ("system",)
    role = next((role for role in roles if asked is not None and role in asked.roles), roles[0])
    others = {other for kind in kinds.of_task(message.recipient.task) for other in kind.roles} - {role}
    return Caller(message.recipient.org, message.recipient.task, role, message.person, or_role=tuple(sorted(others)))
