"""What of a ledger was published last: the store is not behind that, or it went back. source: design D21"""

from __future__ import annotations

from consumers import wire
from consumers.log import Broker
from domain.store import hash_of

BACK = 200
"""So many records from the end of the events topic: behind the last event may stand repeats of earlier ones."""


def last_published(broker: Broker, ledger: str) -> tuple[int, str] | None:
    """Position and hash of the last event on the events topic; none before the first. Raises `BrokerUnavailable`."""
    topic = wire.events_topic(ledger)
    if topic not in broker.topics():
        return None
    found = [(at, hash_of(read.value)) for read in broker.tail([topic], BACK)[topic] if (at := wire.sequence_of(read))]
    return max(found, default=None)
