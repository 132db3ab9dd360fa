"""What each recipient was told."""

from __future__ import annotations

from typing import Any, Literal

from domain.event import SystemEvent
from domain.vocabulary import EventRef, LegalBasis, Ref, Routing, Text20, Text40, Text64


class DisclosureMade(SystemEvent):
    """A recipient was told a fact. The publication is what it was told."""

    NAME = "disclosure.made"
    MATTER = "fact"
    publication_id: Routing[Ref]
    source_event_id: Routing[EventRef]
    commitment: Routing[Text64]
    commitment_salt: Routing[Text64]
    cell: Routing[Text20]
    field_set_version: Routing[Text40]
    legal_basis: Routing[LegalBasis]
    consent_id: Routing[Ref | None] = None
    previous_publication_hash: Routing[str]
    publication: dict[str, Any]
    """`attributes`, `client`, `body`, …: each field sealed under its own class (domain/disclosure/publications.py)."""


class DisclosureRevised(DisclosureMade):
    """What a recipient was told was replaced by something new."""

    NAME = "disclosure.revised"
    replaces_publication_id: Routing[Ref]
    revision_ground: Routing[Literal["corrected", "policy_changed", "restricted", "restriction_lifted"]]


class DisclosureWithdrawn(SystemEvent):
    """What a recipient was told was taken back; the publication names it and holds nothing else."""

    NAME = "disclosure.withdrawn"
    MATTER = "fact"
    publication_id: Routing[Ref]
    source_event_id: Routing[EventRef]
    commitment: Routing[Text64]
    commitment_salt: Routing[Text64]
    legal_basis: Routing[LegalBasis]
    previous_publication_hash: Routing[str]
    withdraws_publication_id: Routing[Ref]
    withdrawal_ground: Routing[Literal["annulled", "entitlement_lost", "policy_changed", "restricted", "key_destroyed"]]
    publication: dict[str, Any]
