"""What a decision is told besides the state and the command: who asks, when, and by which rules.

A decision reads no clock and looks nothing up: everything stands here, and is kept with the decision so that it
can be run again after ten years (design D3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from domain.dates import HELSINKI as HELSINKI
from domain.directory import Directory
from domain.event import Event
from domain.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: never part of a body (design D19). `org` is a directory id, `person` a staff reference, the client's own
    reference, or `system`.

    `any_person` is for an agency's system, whose message ids are unique in it, whoever they name as the person: a key of
    anybody else is that person's own.

    `or_role` are the roles in which an agency's system may have sent the same message before: its role is not said in the
    message, but follows from what kind of recipient it is.
    """

    org: str
    task: str
    role: str
    person: str
    purpose: str = "service"
    or_role: tuple[str, ...] = field(default=(), compare=False)
    any_person: bool = field(default=False, compare=False)

    @property
    def sender(self) -> tuple[str, str]:
        """The line in which this caller's answers are numbered: (organisation, task)."""
        return (self.org, self.task)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that a decision wants recorded. The store adds place, hashes and keys."""

    event: Event
    event_id: str
    occurred_on: date
    matter: str
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    causation: str | None = None
    corrects: str | None = None
    annuls: str | None = None
    valid_from_on: date | None = None
    valid_until_on: date | None = None


def name_based_id(namespace: str, name: str) -> str:
    """The UUID of version 5 (RFC 9562) of a name in a namespace, in hex. `uuid.uuid5` takes five times as long."""
    raw = bytearray(hashlib.sha1(bytes.fromhex(namespace.replace("-", "")) + name.encode(), usedforsecurity=False).digest())
    raw[6] = raw[6] & 0x0F | 0x50
    raw[8] = raw[8] & 0x3F | 0x80
    return raw[:16].hex()


@dataclass(slots=True)
class Context:
    """The circumstances of one decision.

    `recorded_at` is UTC; `today` its date in Europe/Helsinki. `directory` is the register as of its version, which the
    header keeps; `look_ups` holds what the vault answered (results, never identities).
    """

    decision_id: str
    recorded_at: datetime
    caller: Caller
    rules: RuleSet
    directory: Directory
    look_ups: Mapping[str, Any] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _today: date | None = None

    @property
    def today(self) -> date:
        """The ledger's local date."""
        if self._today is None:
            self._today = self.recorded_at.astimezone(HELSINKI).date()
        return self._today

    def new_id(self, label: str) -> str:
        """A fresh reference for a part or an event; the same again when the decision is run again."""
        count = self._counts[label] = self._counts.get(label, 0) + 1
        return name_based_id(self.decision_id, f"{label}#{count}")

    def draft(
        self,
        event: Event,
        occurred_on: date,
        matter: str,
        *,
        flags: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
        causation: str | None = None,
        corrects: str | None = None,
        annuls: str | None = None,
        valid_from_on: date | None = None,
        valid_until_on: date | None = None,
    ) -> Draft:
        """An event with the id that this decision gives it."""
        return Draft(
            event,
            self.new_id("event"),
            occurred_on,
            matter,
            flags=flags,
            warnings=warnings,
            causation=causation,
            corrects=corrects,
            annuls=annuls,
            valid_from_on=valid_from_on,
            valid_until_on=valid_until_on,
        )
