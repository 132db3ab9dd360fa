"""Which of the client's matters are destroyed."""

from __future__ import annotations

from dataclasses import dataclass

from domain.chapters.retention.events import PayloadKeyDestroyed
from domain.fact import Fact
from domain.folding import ClientStream


@dataclass(frozen=True)
class Retention(ClientStream):
    """The end of what is kept about the client."""

    destructions: tuple[Fact[PayloadKeyDestroyed], ...] = ()

    def is_destroyed(self, matter: str) -> bool:
        """Whether the record says that the matter's key is destroyed: nothing more is recorded in it."""
        return any(fact.event.destroyed_matter == matter for fact in self.destructions)
