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
