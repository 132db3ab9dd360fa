"""What of a ledger was published last: the store is not behind that, or it went back. source: design D21"""

from __future__ import annotations

from collections.abc import Sequence

from consumers import wire
from consumers.log import Broker, Read
from domain.epochs import FIRST, Epochs
from domain.store import hash_of

BACK = 200
"""So many records from the end of the events topic: behind the last event may stand repeats of earlier ones."""


def last_published(broker: Broker, ledger: str, epochs: Epochs) -> tuple[int, str] | None:
    """Position and hash of the last event on the events topic that holds; none before the first. Raises
    `BrokerUnavailable`."""
    topic = wire.events_topic(ledger)
    return ending(broker.tail([topic], BACK)[topic], epochs) if topic in broker.topics() else None


def ending(tail: Sequence[Read], epochs: Epochs) -> tuple[int, str] | None:
    """Position and hash of the last event in the tail of an events topic. What an opening of the store has made void is
    passed over; where the tail has nothing else, it is the last event that the opening left."""
    standing = [
        (wire.line_of(read)[1] or FIRST, at, hash_of(read.value))
        for read in tail
        if (at := wire.sequence_of(read)) is not None
    ]
    holding = [(epoch, at, hash) for epoch, at, hash in standing if not epochs.are_past(epoch, at)]
    if holding:
        return max(holding)[1:]
    left = epochs[-1] if standing else None
    return (left.old_size, left.old_root) if left is not None and left.old_size else None
