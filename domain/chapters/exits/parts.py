"""Where the client went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.exits.events import ExitRecorded
from domain.fact import Fact
from domain.folding import ClientStream


@dataclass(frozen=True)
class Exits(ClientStream):
    """The client's exits."""

    exits: Mapping[str, Fact[ExitRecorded]] = field(default_factory=dict)
