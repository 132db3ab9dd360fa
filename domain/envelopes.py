"""The envelope of a message: CloudEvents in binary mode, the same over Kafka and over HTTP. source: integration.md 2"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.commands import CommandKind
from domain.context import Caller
from domain.directory import Recipient
from domain.disclosure.kinds import Kind, Kinds
from domain.refusals import Reason

MESSAGE_ID = re.compile(r"[!-~]{1,80}")
MESSAGE_TYPE = re.compile(r"[a-z0-9_.]{1,60}")
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")


FORMS = {"ce_id": MESSAGE_ID, "ce_type": MESSAGE_TYPE, "ce_specversion": re.compile(r"1\.0"), "ce_actorperson": PERSON}
"""The attributes that are read, by their names on a topic, and the form of each. No other one is looked at."""
UNLESS_GIVEN = {"ce_actorperson": b"system"}


class UnreadableEnvelope(Exception):
    """An envelope that cannot be read (`E_ENVELOPE`), with a code for each attribute that is missing or has the wrong form.

    Each pointer names the attribute as the sender wrote it: `/ce_id` on a topic, `/ce-id` in binary mode over HTTP, `/id` in
    structured mode.
    """

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__(", ".join(reason.pointer for reason in reasons))
        self.reasons = reasons


class TooLargeEnvelope(UnreadableEnvelope):
    """A message of which nothing can be read, for it is too large once it is unpacked (`E_TOO_LARGE`)."""

    def __init__(self) -> None:
        super().__init__((Reason("E_TOO_LARGE"),))


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came. `place` is (topic, first offset behind it) on Kafka; over HTTP there is none."""

    recipient: Recipient
    message_id: str
    type: str
    raw: bytes
    person: str = "system"
    place: tuple[str, int] | None = None


def attributes_of(headers: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """The values of headers by name. One that is there twice is empty: nobody knows which of the two was meant."""
    found: dict[str, bytes] = {}
    for name, value in headers:
        found[name] = b"" if name in found else value
    return found


def read_envelope(
    recipient: Recipient, headers: Mapping[str, bytes], raw: bytes, place: tuple[str, int] | None, written: str = "ce_"
) -> Incoming:
    """The message in its CloudEvents attributes; `written` is what stands before their names where the sender wrote them.

    Raises UnreadableEnvelope.
    """
    given = {name: headers.get(name, UNLESS_GIVEN.get(name, b"")).decode("ascii", errors="replace") for name in FORMS}
    wrong = [name.removeprefix("ce_") for name, form in FORMS.items() if form.fullmatch(given[name]) is None]
    if wrong:
        raise UnreadableEnvelope(tuple(Reason("E_ENVELOPE", f"/{written}{name}") for name in wrong))
    return Incoming(recipient, given["ce_id"], given["ce_type"], raw, given["ce_actorperson"], place)


def readable_id(headers: Mapping[str, bytes]) -> str | None:
    """The sender's own id in an envelope that cannot be read as a whole; none where that cannot be read either."""
    message_id = headers.get("ce_id", b"").decode("ascii", errors="replace")
    return message_id if MESSAGE_ID.fullmatch(message_id) else None


def entry_id(message_id: str, number: int) -> str:
    """The id of an entry of a group's message. No message of a sender can have it: in theirs no blank stands."""
    return f"{message_id} {number}"


def former_entry_id(command_id: str) -> str:
    """The id that the same entry had in ledgers that wrote it as senders may write their own; none for what is no entry."""
    return command_id.replace(" ", "/") if " " in command_id else ""


def caller_of(message: Incoming, kinds: Kinds[Kind], asked: CommandKind | None = None) -> Caller:
    """The agency's system, in a role of its kind that may ask for the command."""
    roles = kinds.of(message.recipient).roles or ("system",)
    role = next((role for role in roles if asked is not None and role in asked.roles), roles[0])
    others = {other for kind in kinds.of_task(message.recipient.task) for other in kind.roles} - {role}
    return Caller(
        message.recipient.org, message.recipient.task, role, message.person, or_role=tuple(sorted(others)), any_person=True
    )
