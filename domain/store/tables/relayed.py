"""What the relay has kept for it in the store: the broker's acknowledgements, and the topics that it had to park."""

from __future__ import annotations

from typing import NamedTuple


class Acknowledged(NamedTuple):
    """The broker has the record. `position` is that of the event it comes from; `epoch` is the recipient's on an out topic,
    else the ledger's, 0 for its first; `sequence` the record's own (0: none); `timestamp` the broker's, ms since 1970 UTC:
    in a live ledger "told on" means that (design D11)."""

    topic: str
    position: int
    epoch: int
    sequence: int
    offset: int
    timestamp: int


class Parked(NamedTuple):
    """The broker will never take the topic's record of this position (`code` says why): the relay goes on without it."""

    topic: str
    position: int
    code: str
