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
    """Of all that was ever said of a client's benefit, what holds on the day; none where it ended and nothing followed.

    The status that began last is the one of the day: it replaced whatever was in force before, and where it has ended,
    nothing of that comes back. Of two statements with equal `from_on` the one with the later `occurred_on` holds, then the
    one with `until_on`, then the employment authority's. source: domain/pathway.md 4.4 row 42
    """
    begun = [(status, said) for status, said in statuses if status.from_on <= on]
    found = max(
        begun,
        key=lambda each: (
            each[0].from_on,
            each[0].occurred_on,
            each[0].until_on is not None,
            each[0].by_authority,
            each[0].order,
        ),
        default=None,
    )
    if found is None or (found[0].until_on is not None and found[0].until_on < on):
        return None
    return found[1]


@dataclass(frozen=True)
class Benefits(ClientStream):
    """The client's benefit statuses, and the statements about their conditions."""

    benefits: tuple[Fact[BenefitStatusChanged], ...] = ()
    statements: Mapping[str, Fact[LabourPolicyStatementIssued]] = field(default_factory=dict)

    def benefit(self, on: date) -> Fact[BenefitStatusChanged] | None:
        """The benefit status that holds on the day, as known now."""
        return holding([(_status(said), said) for said in self.benefits], on)

    def payer(self, on: date) -> str | None:
        """The organisation that pays the unemployment benefit on the day; none for social assistance."""
        held = self.benefit(on)
        return held.event.payer_org_id if held else None


def _status(said: Fact[BenefitStatusChanged]) -> Status:
    event = said.event
    return Status(
        event.from_on, event.until_on, said.occurred_on, said.actor_task == "employment_authority", said.version
    )
