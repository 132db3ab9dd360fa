"""A person becomes known to the organiser."""

from __future__ import annotations

from typing import Literal

from domain.event import BY_DAY, ClientFact, Content, Moves, Never, judged_by, listed_in
from domain.vocabulary import Identity, Routing


class Registration(Content):
    """How the person became known."""

    identity_kind: Identity[Literal["identity_code", "temporary_identifier", "none"]]
    registered_from: Routing[Literal["referral", "own_contact", "transfer", "import"]]


class SubjectRegistered(Registration, ClientFact):
    """The person became known to the organiser under a random reference; who it is stands in the vault alone."""

    NAME = "subject.registered"
    MATTER = "client"
    PART = listed_in("registered")
    MOVES = Moves.NOTHING
    CORRECTED = Never("who the client is stands in the vault, and is changed there")
    FOUND = BY_DAY


IdentifierChange = Literal[
    "identity_code_added", "identity_code_corrected", "identity_code_replaced", "name_changed", "contact_changed"
]


class SubjectIdentifierChanged(ClientFact):
    """The client's personal identity code, name or contact details changed. The values stand in the vault alone."""

    NAME = "subject.identifier_changed"
    MATTER = "client"
    PART = listed_in("identifier_changes")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_identifier_change")
    FOUND = BY_DAY
    identifier_change: Identity[IdentifierChange]
