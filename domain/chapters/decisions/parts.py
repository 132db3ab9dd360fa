"""The county's decisions about the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.decisions.events import DecisionIssued
from domain.fact import Fact
from domain.folding import ClientStream


@dataclass(frozen=True)
class Decisions(ClientStream):
    """The decisions about the client."""

    decisions: Mapping[str, Fact[DecisionIssued]] = field(default_factory=dict)
