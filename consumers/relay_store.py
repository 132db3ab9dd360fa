"""What the relay asks of the event store; `domain.store.event_store.EventStore` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from consumers.outgoing import Unsealing
from domain.store.tables.relayed import Acknowledged, Parked


class RelayStore(Unsealing, Protocol):
    """What the relay asks of the event store."""

    def head(self) -> int:
        """The position of the last event."""
        ...

    def now(self) -> datetime:
        """The ledger's time, UTC."""
        ...

    def tracking(self, name: str) -> int:
        """A follower's position, 0 before its first."""
        ...

    def acknowledge(self, name: str, position: int, rows: Sequence[Acknowledged]) -> None:
        """Move a follower's position and keep the broker's acknowledgements, in one transaction."""
        ...

    def acknowledgement_before(self, topic: str, offset: int) -> Acknowledged | None:
        """The last acknowledgement of a topic below an offset."""
        ...

    def acknowledged_ends(self) -> Mapping[str, Acknowledged]:
        """By topic, the acknowledgement with the highest offset."""
        ...

    def parked(self) -> Mapping[str, Parked]:
        """The topics whose next record the broker refused for good."""
        ...

    def park(self, parked: Parked) -> None:
        """Keep a topic out of the relay's way from a position on."""
        ...

    def unpark(self, topic: str) -> None:
        """Take a topic up again."""
        ...
