"""Who the client is: known under a random reference alone."""

from __future__ import annotations

from dataclasses import dataclass

from domain.chapters.clients.events import SubjectIdentifierChanged, SubjectRegistered
from domain.fact import Fact
from domain.folding import ClientStream


@dataclass(frozen=True)
class Clients(ClientStream):
    """The client as such."""

    registered: Fact[SubjectRegistered] | None = None
    identifier_changes: tuple[Fact[SubjectIdentifierChanged], ...] = ()

    @property
    def client_matter(self) -> str:
        """The matter of what concerns the client as such (domain/events.md 11.4)."""
        return self.registered.matter if self.registered else ""
