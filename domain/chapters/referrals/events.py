"""Somebody asks for the service."""

from __future__ import annotations

from typing import Literal

from domain.event import (
    BY_DAY,
    FROM_ITS_DAY,
    ClientFact,
    Content,
    Moves,
    Never,
    Tied,
    begins,
    belongs_to,
    judged_by,
)
from domain.vocabulary import (
    LegalBasis,
    NeedCriterion,
    OrgId,
    Ref,
    ReferralSource,
    Routing,
    Service,
    SetOf,
    Social,
    Text80,
)

NamedIdentity = Literal["family_name", "given_names", "identity_code", "temporary_identifier"]


class ReferralContent(Content):
    """What the sender of a referral says."""

    source: Service[ReferralSource]
    source_note: Social[Text80 | None] = None
    legal_basis: Routing[LegalBasis | None] = None
    identity_named: Routing[SetOf[NamedIdentity] | None] = None
    consent_id: Routing[Ref | None] = None
    needs: Social[SetOf[NeedCriterion] | None] = None
    long_term_unemployment: Social[bool | None] = None


class ReferralSubmitted(ReferralContent, ClientFact):
    """Somebody asked the county to look at this person's need."""

    NAME = "referral.submitted"
    MATTER = "case"
    PART = begins("referral_id", "referrals")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_referral")
    FOUND = FROM_ITS_DAY
    referral_id: Routing[Ref]
    sender_org_id: Routing[Tied[OrgId | None]] = None


class ReferralArrival(Content):
    """How a referral came."""

    referral_id: Routing[Ref]
    received_via: Routing[Literal["electronic", "paper", "phone", "in_person"]]


class ReferralReceived(ReferralArrival, ClientFact):
    """The referral reached the county's intake."""

    NAME = "referral.received"
    MATTER = "case"
    PART = belongs_to("referral_id", "received")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_arrival")
    FOUND = BY_DAY


class ReferralAccepted(ClientFact):
    """Intake took the referral on."""

    NAME = "referral.accepted"
    MATTER = "case"
    PART = belongs_to("referral_id", "accepted")
    MOVES = Moves.NOTHING
    CORRECTED = Never("the case that began with it is closed, and another one opened")
    FOUND = BY_DAY
    referral_id: Routing[Ref]
