"""What every process that serves a ledger runs beside its roles: it has no work of its own to do, and none waits for it."""

from __future__ import annotations

import logging

from domain.store import EpochMoved, EventStore, Keys, KeysLost, StoreWentBack

log = logging.getLogger("kuty.keys")


class Forgetting:
    """Looks, again and again, whether keys were destroyed: what is remembered here of their content goes then, even while
    nobody asks it for anything (design D15). Every process that serves a ledger runs it. Where the keys went back it says
    so, and goes on looking: nobody believes what is remembered meanwhile, and the right keys may come again."""

    name = "forgetting"

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._said = False

    def step(self) -> int:
        """Look, and forget; there is never more to do."""
        try:
            self._keys.look()
        except KeysLost as lost:
            if not self._said:
                log.critical("%s", lost)
            self._said = True
        else:
            self._said = False
        return 0


class Abiding:
    """Looks, again and again, whether the ledger is still in the epoch in which this process began. Where an operator has
    opened another one it halts, and the process ends: nothing that it remembers is believed, and whoever watches over it
    starts it again. And it sees how far the feed has come, for a process that reads none of it: without that a store that
    goes back to what this process was the last to write would be written into (design D21)."""

    name = "epoch"

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def step(self) -> int:
        """Look. Raises `EpochMoved`."""
        try:
            self._store.look()
        except EpochMoved:
            raise
        except StoreWentBack:
            pass  # nothing is written or answered until it is right again; that is for whoever asks to hear
        return 0
