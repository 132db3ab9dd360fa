"""What the client lives on, and who pays it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from domain.chapters.benefits.events import BenefitStatusChanged, LabourPolicyStatementIssued
from domain.fact import Fact
from domain.folding import ClientStream


@dataclass(frozen=True)
class Benefits(ClientStream):
    """The client's benefit statuses, and the statements about their conditions."""

    benefits: tuple[Fact[BenefitStatusChanged], ...] = ()
    statements: Mapping[str, Fact[LabourPolicyStatementIssued]] = field(default_factory=dict)

    def benefit(self, on: date) -> Fact[BenefitStatusChanged] | None:
        """The benefit status that holds on the day: the latest start wins, at equal starts the latest recorded."""
        known = [b for b in self.benefits if b.event.from_on <= on and (b.event.until_on is None or on <= b.event.until_on)]
        return max(known, key=lambda b: (b.event.from_on, b.version), default=None)

    def payer(self, on: date) -> str | None:
        """The organisation that pays the unemployment benefit on the day; none for social assistance."""
        held = self.benefit(on)
        return held.event.payer_org_id if held else None
