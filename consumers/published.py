"""What of a ledger was published last: the store is not behind that, or it went back. source: design D21"""

from __future__ import annotations

from collections.abc import Iterable

from consumers import wire
from consumers.log import Broker, Read
from domain.epochs import FIRST, Epochs
from domain.store import hash_of

BACK = 200
"""So many records from the end of the events topic: behind the last event may stand repeats of earlier ones."""
FURTHER = 10
"""So many times as far is looked back, where in all of these stands nothing that holds."""


def last_published(broker: Broker, ledger: str, epochs: Epochs) -> tuple[int, str] | None:
    """Position and hash of the last event on the events topic that holds; none before the first. Raises
    `BrokerUnavailable`."""
    topic, back = wire.events_topic(ledger), BACK
    if topic not in broker.topics():
        return None
    while True:
        tail = broker.tail({topic: back})[topic]
        # Where a relay of an epoch that is over went on, any number of void records stand behind the last one that holds.
        holding = _holding(_events(tail), epochs)
        if holding or back > broker.end_offsets([topic])[topic] - broker.begin_offsets([topic])[topic]:
            return ending(tail, epochs)
        back *= FURTHER


def ending(tail: Iterable[Read], epochs: Epochs) -> tuple[int, str] | None:
    """Position and hash of the last event in the tail of an events topic. What an opening of the store has made void is
    passed over; where the tail has nothing else, it is the last event that the opening left."""
    events = _events(tail)
    if holding := _holding(events, epochs):
        return max(holding)[1:]
    left = epochs[-1] if events else None
    return (left.old_size, left.old_root) if left is not None and left.old_size else None


def _events(tail: Iterable[Read]) -> list[tuple[int, int, str]]:
    """Epoch, position and hash of every event in a tail; nothing else of them is held."""
    return [
        (wire.line_of(read)[1] or FIRST, at, hash_of(read.value))
        for read in tail
        if (at := wire.sequence_of(read)) is not None
    ]


def _holding(events: Iterable[tuple[int, int, str]], epochs: Epochs) -> list[tuple[int, int, str]]:
    """Those that no opening of the store has made void."""
    return [event for event in events if not epochs.are_past(*event[:2])]
