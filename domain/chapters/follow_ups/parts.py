"""Follow-ups held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.follow_ups.events import FollowUpHeld
from domain.fact import Fact
from domain.folding import ClientStream


@dataclass(frozen=True)
class FollowUps(ClientStream):
    """The follow-ups of the client."""

    follow_ups: Mapping[str, Fact[FollowUpHeld]] = field(default_factory=dict)
