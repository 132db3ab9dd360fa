"""The answer to a command: kept once, in the transaction of its events, and the same again for a repeat (design D13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from domain.chapters.answers.events import FactInTheWay
from domain.refusals import Reason, named

Status = Literal["recorded", "already_recorded", "waiting", "refused", "quarantined", "withdrawn"]


class OwnVersion(int):
    """A version of a client's record as its sender counts it, where another one is that of the stream."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command or message.

    `number` counts in the sender's line, none for a command without effect (but for a message that waited), a dry run and a
    re-used id. `events` are (event id, name, position). `references` name the parts begun, raw: they never leave the ledger
    as they are. `first` is set on a repeat only: the status of the first answer. `client` is the stream that the command
    spoke of, `own_version` the version of it as its sender counts (`Pathway.version_for`). `facts` stand in the way of what
    was refused, named as the sender was told of them.
    """

    status: Status
    number: int | None = None
    events: tuple[tuple[str, str, int], ...] = ()
    codes: tuple[Reason, ...] = ()
    references: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    position: int = 0
    stream_version: int = 0
    client: str | None = None
    own_version: int = 0
    first: Status | None = None
    facts: tuple[FactInTheWay, ...] = ()
    more: int = 0
    """Codes beyond those that are named."""
    entries: tuple[Status, ...] = ()
    """Of a group's message, what became of each of its entries."""

    def repeated(self) -> Answer:
        """The answer to a repeat of the same command; without a number there is none before it to name."""
        if self.status == "already_recorded" and self.number is None:
            return self
        return replace(self, status="already_recorded", first=self.status)


def refused_answer(
    reasons: Sequence[Reason], client: str | None = None, facts: tuple[FactInTheWay, ...] = ()
) -> Answer:
    """The answer of a refusal: at most so many codes as one names, then the number of the others."""
    codes, more = named(reasons)
    return Answer("refused", codes=codes, client=client, facts=facts, more=more)
