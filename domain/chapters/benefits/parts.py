"""What the client lives on, and who pays it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, TypeVar

from domain.chapters.benefits.events import BenefitStatusChanged, LabourPolicyStatementIssued
from domain.fact import Fact
from domain.folding import ClientStream

X = TypeVar("X")


class Status(NamedTuple):
    """What decides which of several statements of a benefit holds. `order` is that of the recording, or of the telling."""

    from_on: date
    until_on: date | None
    occurred_on: date
    by_authority: bool
    order: int


def holding(statuses: Iterable[tuple[Status, X]], on: date) -> X | None:
    """Of all that was ever said of a client's benefit, what holds on the day; none where nothing does.

    Of two statements with equal `from_on` the one with the later `occurred_on` holds, then the one with `until_on`, then the
    employment authority's: the other one is as if it had not been said. Of the rest that cover the day, the one that began
    last. source: domain/pathway.md 4.4 row 42
    """
    of_start: dict[date, tuple[Status, X]] = {}
    for status, said in statuses:
        known = of_start.get(status.from_on)
        if known is None or _weight(known[0]) < _weight(status):
            of_start[status.from_on] = (status, said)
    for start in sorted(of_start, reverse=True):
        status, said = of_start[start]
        if start <= on and (status.until_on is None or on <= status.until_on):
            return said
    return None


def _weight(status: Status) -> tuple[date, bool, bool, int]:
    return status.occurred_on, status.until_on is not None, status.by_authority, status.order


@dataclass(frozen=True)
class Benefits(ClientStream):
    """The client's benefit statuses, and the statements about their conditions."""

    benefits: tuple[Fact[BenefitStatusChanged], ...] = ()
    statements: Mapping[str, Fact[LabourPolicyStatementIssued]] = field(default_factory=dict)

    def benefit(self, on: date) -> Fact[BenefitStatusChanged] | None:
        """The benefit status that holds on the day, as known now."""
        return holding([(status_of(said), said) for said in self.benefits], on)

    def payer(self, on: date) -> str | None:
        """The organisation that pays the unemployment benefit on the day; none for social assistance."""
        held = self.benefit(on)
        return held.event.payer_org_id if held else None


def status_of(said: Fact[BenefitStatusChanged]) -> Status:
    """What of a statement decides whether it holds."""
    event = said.event
    return Status(
        event.from_on, event.until_on, said.occurred_on, said.actor_task == "employment_authority", said.version
    )
