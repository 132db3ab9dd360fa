"""What a message asks for: read, kind, wish. Nothing is decided here, and nothing kept.

A group's day asks once for each entry, and each is decided alone under its own id. source: integration.md 2, design D18
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import orjson

from domain.commands import CommandKind
from domain.directory import Recipient
from domain.disclosure.kinds import Kind
from domain.envelopes import Incoming, entry_id
from domain.events import MessageQuarantined, RefusalCode
from domain.json_gate import LIMIT, BadJson, read_json
from domain.messages import GROUP, GROUP_OF, HeldReason, Names, Waits, Wish, message_types, of_group, wish_of_message
from domain.refusals import Reason, Refused, named, refuse


class Refusal(NamedTuple):
    """It can be read, and is wrong."""

    reasons: tuple[Reason, ...]


class Waiting(NamedTuple):
    """It speaks of something that is not there yet."""

    reason: HeldReason


class Unreadable(NamedTuple):
    """Its bytes cannot be read: they are set aside, and only this is recorded of them."""

    event: MessageQuarantined


What: TypeAlias = Wish | Refusal | Waiting | Unreadable


@dataclass(frozen=True, slots=True)
class Asked:
    """A message and what it asks for; `in_group` for an entry of a group's message."""

    message: Incoming
    what: What
    in_group: bool = False


def asked_by(
    message: Incoming, sender: Kind, sent: Collection[str], names_in: Callable[[Mapping[str, Any]], Names]
) -> Iterator[Asked]:
    """What a message of a sender of this kind asks for: one thing, or one for each entry of a group, each read when it is
    taken. `sent` are the types that somebody may send: one of another task's is not entitled (domain/pathway.md 4.8).
    `names_in` answers what the sender's names stand for in one body."""
    try:
        body = read_json(message.raw)
    except BadJson as bad:
        yield unreadable(message.recipient, bad.faults, message.raw, message.place, message.message_id)
        return
    kind = message_types(sender).get(message.type)
    if kind is None:
        yield Asked(message, Refusal((Reason("E_NOT_ENTITLED" if message.type in sent else "E_UNKNOWN_COMMAND"),)))
        return
    try:
        single = _entries(message, body) if message.type.startswith(f"{GROUP}.v") else [(message, body)]
    except Refused as refused:
        yield Asked(message, Refusal(refused.codes))
        return
    for one, fields in single:
        yield Asked(one, _wished(kind, fields, names_in(fields)), in_group=one is not message)


def unreadable(
    recipient: Recipient, faults: Sequence[Reason], raw: bytes, place: tuple[str, int] | None, message_id: str | None
) -> Asked:
    """Bytes to be set aside: their place, size and hash are recorded, never they themselves.

    `message_id` is the sender's own, where that could be read: the receipt names it. It is not taken, for nothing was
    understood: a message that can be read is decided under it later.
    """
    told, _ = named(faults)
    digest = hashlib.sha256(raw).hexdigest()
    topic, offset = (place[0], place[1] - 1) if place else (f"POST /in/{recipient.short_name}", 0)
    # On a topic the place tells two messages of the same bytes apart; elsewhere only the sender's id does.
    own = f"{offset}@{digest[:32]}" if place else f"in@{hashlib.sha256(f'{message_id}@{digest}'.encode()).hexdigest()[:32]}"
    event = MessageQuarantined(
        sender_org_id=recipient.org,
        topic=topic,
        offset=offset,
        code=faults[0].code,
        size=len(raw),
        content_hash=digest,
        message_id=message_id,
        faults=tuple(RefusalCode(code=one.code, pointer=one.pointer) for one in told) if told[0].pointer else None,
    )
    return Asked(Incoming(recipient, own, "unreadable", raw, place=place), Unreadable(event))


def _entries(message: Incoming, body: dict[str, Any]) -> list[tuple[Incoming, dict[str, Any]]]:
    """The entries of a group's message, each as a message of its own. What is said once is said by each of them, and judged
    with it: together they may be as large as one message. Raises Refused."""
    alone = replace(message, type=message.type.replace(GROUP, GROUP_OF), place=None)
    entries: list[tuple[Incoming, dict[str, Any]]] = []
    size = 0
    for n, entry in of_group(body):
        raw = orjson.dumps(entry)
        size += len(raw)
        if size > LIMIT:
            raise refuse("E_TOO_LARGE", "/entries")
        entries.append((replace(alone, message_id=entry_id(message.message_id, n), raw=raw), entry))
    return entries


def _wished(kind: CommandKind, body: dict[str, Any], names: Names) -> What:
    try:
        return wish_of_message(kind, body, names)
    except Refused as refused:
        return Refusal(refused.codes)
    except Waits as waits:
        return Waiting(waits.reason)
