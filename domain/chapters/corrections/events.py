"""A recorded fact was wrong."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from domain.event import NO_PART, ClientFact, Content, Found, Moves, Never
from domain.vocabulary import EventRef, Routing

CorrectionReason = Literal["wrong_entry", "wrong_date", "known_later", "supplemented", "rectification"]


class Mended(Content):
    """How a fact was."""

    target_event_id: Routing[EventRef]
    corrected_occurred_on: Routing[date | None] = None
    new_values: dict[str, Any] | None = None
    """The target's fields that change, whole new values, null where a field falls away; each sealed under its own class."""


class Correction(Mended):
    """Which fact was wrong, and how it was."""

    correction_reason: Routing[CorrectionReason]


class FactCorrected(Correction, ClientFact):
    """A recorded fact was wrong; this is how it was. The first account stays readable."""

    NAME = "fact.corrected"
    MATTER = "target"
    PART = NO_PART
    MOVES = Moves.WINDOWS
    CORRECTED = Never("the fact itself is corrected once more")
    FOUND = Found(part="target_event_id")
