"""One body, a worker's over HTTP or an agency's message, made into a command about a client.

Everybody names clients and parts by the pseudonyms of the own recipient, or a part by `message:<message id>`, the
sender's own message that began it; a client also by the personal identity code, in the one field for it. All that is
wrong with a body is told at once, each with its place; of one with too long a list no more than that is looked at.
source: integration.md 2, domain/pathway.md 4.8
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol

import orjson
from pydantic import ValidationError

from domain.commands import Command, CommandKind
from domain.dates import FROM_OUTSIDE
from domain.disclosure.kinds import Kind
from domain.envelopes import MESSAGE_ID
from domain.identifiers import is_identity_code, normal_code
from domain.json_gate import LIMIT, below
from domain.message_fields import UNRESOLVED, diagnoses_in, places, reasons_of, resolved, too_long_lists
from domain.refusals import Reason, Refused
from domain.rulebook import COMMANDS

CLIENT = "client"
IDENTITY_CODE = "identity_code"
BY_MESSAGE = "message:"
_MAY_COME = re.compile(rf"{MESSAGE_ID.pattern}( [1-9][0-9]*)?")
"""Ids that a message, or an entry of a group's, may have: for any other one nobody waits."""
GROUP = "record_group_attendance"
"""One message that marks a whole group's day; it becomes one command for each client."""
GROUP_OF = "record_attendance"
MOST_CLIENTS = 100
"""Entries of one group's message: each is decided, recorded and answered by itself, and costs more than its few bytes."""

HeldReason = Literal["waits_for_reference", "waits_for_earlier", "subject_unresolved"]


@dataclass(frozen=True, slots=True)
class Begun:
    """What became of an earlier message: the parts that it began, by field name, and its first fact."""

    references: Mapping[str, str]
    first_event: str | None


class Names(Protocol):
    """What a sender's names stand for in the ledger. Look-ups of identity codes are logged as use by whoever answers."""

    def part(self, pseudonym: str) -> str | None:
        """The raw reference behind the sender's pseudonym; none for what it was never given, and for the name of a client
        whom the sender may not know."""

    def event(self, publication_id: str, client: str | None) -> str | None:
        """The fact of this client that the sender's own publication told, or that it read in his history; none when it got
        no such publication and may not read that."""

    def begun_by(self, message_id: str) -> Begun | HeldReason | None:
        """What the sender's message began; why to wait for it; none when it was refused for good."""

    def client(self, identity_code: str) -> str | None:
        """The client under a personal identity code; none when there is nobody, or nobody whom the sender may know."""


class NoNames:
    """The names of somebody who was never told anything."""

    def part(self, pseudonym: str) -> str | None:
        """Nothing."""
        return None

    def event(self, publication_id: str, client: str | None) -> str | None:
        """Nothing."""
        return None

    def begun_by(self, message_id: str) -> Begun | HeldReason | None:
        """Nothing."""
        return None

    def client(self, identity_code: str) -> str | None:
        """Nobody."""
        return None


class Waits(Exception):
    """The message refers to something that is not there yet."""

    def __init__(self, reason: HeldReason) -> None:
        super().__init__(reason)
        self.reason: HeldReason = reason


@dataclass(frozen=True, slots=True)
class Wish:
    """A command and the client that it is about; no client for a command about the register or the ledger.

    `identity_code` stands instead of the client where anybody may be named: whom it means is not the sender's to know.
    """

    kind: CommandKind
    command: Command
    client: str | None = None
    identity_code: str | None = field(default=None, repr=False)


@cache
def message_types(sender: Kind) -> Mapping[str, CommandKind]:
    """What a sender of the kind may send, by type: `record_attendance.v1`. The group's message stands for its command.

    Raises `LookupError` where the kind names a command that there is none of.
    """
    unknown = sorted(sender.sends - COMMANDS.keys() - {GROUP})
    if unknown:
        raise LookupError(f"{sender.name} sends {', '.join(unknown)}: there is no such command")
    return {f"{name}.v1": COMMANDS[GROUP_OF if name == GROUP else name] for name in sorted(sender.sends)}


def wish_of_message(kind: CommandKind, body: Mapping[str, Any], names: Names) -> Wish:
    """The wish of an agency's message: the client stands in the body. Raises Refused with all codes, Waits."""
    fields = {name: value for name, value in body.items() if name not in (CLIENT, IDENTITY_CODE)}
    reading = _Reading(names)
    client = reading.client(body, anybody=kind.of_anybody)
    return reading.wish(kind, fields, client)


def wish_of_body(kind: CommandKind, body: Mapping[str, Any], client: str | None, names: Names) -> Wish:
    """The wish of a worker's body: the client stands in the route, as a raw reference. Raises Refused.

    Over HTTP nobody waits: who names a message of its own that is not recorded yet is refused.
    """
    return _Reading(names, waiting=False).wish(kind, body, client)


class _Reading:
    """One body being read: collects what is wrong, and whether something has to be waited for."""

    def __init__(self, names: Names, *, waiting: bool = True) -> None:
        self._names, self._waiting = names, waiting
        self._reasons: list[Reason] = []
        self._waits: HeldReason | None = None
        self._client: str | None = None
        self._anybody: str | None = None
        self._nobody = False
        self._begun: dict[str, Begun | HeldReason | None] = {}

    def wish(self, kind: CommandKind, fields: Mapping[str, Any], client: str | None) -> Wish:
        self._client = client
        if too_long := too_long_lists(fields):
            raise Refused(*self._reasons, *too_long)  # before anybody is asked what its entries stand for
        translated = resolved(fields, places(kind.command), self._resolve)
        raw = orjson.dumps(translated)
        if len(raw) > LIMIT:  # in normal form a text may be longer than it came
            self._wrong("E_TOO_LARGE", "")
        command: Command | None = None
        try:
            command = kind.command.model_validate_json(raw, strict=True, context=FROM_OUTSIDE)
        except ValidationError as wrong:
            self._reasons += reasons_of(wrong.errors(include_url=False, include_context=False), translated)
        if kind.of_client:
            for pointer in diagnoses_in(kind.command, translated):
                self._wrong("E_HEALTH_CONTENT", pointer)
        if self._reasons or command is None:
            raise Refused(*self._reasons)
        if self._waits is not None:
            raise Waits(self._waits)
        return Wish(kind, command, client, self._anybody)

    def client(self, body: Mapping[str, Any], *, anybody: bool = False) -> str | None:
        """The client that the envelope names, in exactly one of its two ways; none, with the code kept, where it may be
        anybody. Of somebody who is not there, or not for the sender to know, no reference is looked up (design D22)."""
        by_name, by_code = body.get(CLIENT), body.get(IDENTITY_CODE)
        client: str | None = None
        if CLIENT in body and IDENTITY_CODE in body:
            self._wrong("E_FIELD_NOT_ALLOWED", f"/{IDENTITY_CODE}")
        if CLIENT in body:
            if not isinstance(by_name, str):
                self._wrong("E_FIELD_TYPE", f"/{CLIENT}")
                return None
            client = self._names.part(by_name)
            if client is None:
                self._nobody = True
                self._wrong("E_UNKNOWN_REFERENCE", f"/{CLIENT}")
        elif IDENTITY_CODE not in body:
            self._wrong("E_FIELD_MISSING", f"/{CLIENT}")
        elif not isinstance(by_code, str):
            self._wrong("E_FIELD_TYPE", f"/{IDENTITY_CODE}")
        elif not is_identity_code(normal_code(by_code)):
            self._wrong("E_IDENTITY_CODE", f"/{IDENTITY_CODE}")
        elif anybody:
            self._anybody = by_code
        else:
            client = self._names.client(normal_code(by_code))
            if client is None:
                self._nobody = True
                self._waits = "subject_unresolved"
        return client

    def _wrong(self, code: str, pointer: str) -> None:
        self._reasons.append(Reason(code, pointer))

    def _resolve(self, text: str, kind: str, pointer: str) -> str:
        found: str | None
        if self._nobody:
            return UNRESOLVED
        if text.startswith(BY_MESSAGE):
            message_id = text[len(BY_MESSAGE) :]
            if message_id not in self._begun:
                self._begun[message_id] = self._names.begun_by(message_id)
            begun = self._begun[message_id]
            if isinstance(begun, str) and self._waiting and _MAY_COME.fullmatch(message_id):
                self._waits = self._waits or begun
                return UNRESOLVED
            found = _meant(begun, kind, pointer) if isinstance(begun, Begun) else None
        else:
            found = self._names.event(text, self._client) if kind == "event" else self._names.part(text)
        if found is None:
            self._reasons.append(Reason("E_TARGET" if kind == "event" else "E_UNKNOWN_REFERENCE", pointer))
            return UNRESOLVED
        return found


def _meant(begun: Begun, kind: str, pointer: str) -> str | None:
    """The part that a field means by naming a message: the one of the field's own name, else the only one."""
    if kind == "event":
        return begun.first_event
    name = pointer.rsplit("/", 1)[-1]
    if name in begun.references:
        return begun.references[name]
    return next(iter(begun.references.values())) if len(begun.references) == 1 else None


def of_group(body: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The single days of a group's message, numbered from 1: what is said once holds for each entry.

    Raises Refused when the message as a whole has no list of entries, or more than `MOST_CLIENTS`; and when it says once,
    beside them, what none of them may say.
    """
    entries = body.get("entries")
    shared = {name: value for name, value in body.items() if name != "entries"}
    sayable = {CLIENT, IDENTITY_CODE, *COMMANDS[GROUP_OF].command.model_fields}
    wrong = [Reason("E_FIELD_NOT_ALLOWED", below("", name)) for name in shared if name not in sayable]
    if "entries" not in body:
        wrong.append(Reason("E_FIELD_MISSING", "/entries"))
    elif not isinstance(entries, list) or not entries:
        wrong.append(Reason("E_FIELD_TYPE", "/entries"))
    elif len(entries) > MOST_CLIENTS:
        wrong.append(Reason("E_TOO_LARGE", "/entries"))
    else:
        wrong += [Reason("E_FIELD_TYPE", f"/entries/{n}") for n, one in enumerate(entries) if not isinstance(one, dict)]
    if wrong:
        raise Refused(*wrong)
    return [(number, {**shared, **one}) for number, one in enumerate(entries or (), start=1)]
