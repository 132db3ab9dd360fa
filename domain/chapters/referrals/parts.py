"""Referrals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.referrals.events import ReferralAccepted, ReferralReceived, ReferralSubmitted
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class Referral(PartOfPath):
    """One message from one sender that asked for the service."""

    submitted: Fact[ReferralSubmitted]
    received: Fact[ReferralReceived] | None = None
    accepted: Fact[ReferralAccepted] | None = None


@dataclass(frozen=True)
class Referrals(ClientStream):
    """The client's referrals."""

    referrals: Mapping[str, Referral] = field(default_factory=dict)

    def referred_by(self, org: str) -> bool:
        """Whether the organisation sent one of the client's referrals. source: domain/pathway.md 4.4 row 42"""
        sent = [referral.submitted for referral in self.referrals.values()]
        return any((said.actor_org, said.actor_task) == (org, "referrer") for said in sent)
