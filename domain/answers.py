"""The answer to a command: kept once, in the transaction of its events, and the same again for a repeat (design D13)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from domain.chapters.answers.events import FactInTheWay
from domain.refusals import Reason

Status = Literal["recorded", "already_recorded", "waiting", "refused", "quarantined"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command or message.

    `number` counts in the sender's line, none for a command without effect, a dry run and a re-used id. `events` are
    (event id, name, position). `references` name the parts begun, raw: they never leave the ledger as they are.
    `first` is set on a repeat only: the status of the first answer. `client` is the stream that the command spoke of.
    `facts` stand in the way of what was refused, named as the sender was told of them.
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
    first: Status | None = None
    facts: tuple[FactInTheWay, ...] = ()

    def repeated(self) -> Answer:
        """The answer to a repeat of the same command."""
        return replace(self, status="already_recorded", first=self.status)
