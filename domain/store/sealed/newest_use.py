"""How far a process has seen the vault: by the last line of its use log, which is only ever added to.

A copy from before knows nothing of who was entered since: those persons would be told of without a name, and be entered a
second time (design D21).
"""

from __future__ import annotations

import threading

from domain.store.tables.database import Ask, StoreUnavailable

_LAST = "SELECT max(number) FROM uses"


class VaultWentBack(StoreUnavailable):
    """The vault lacks what was in it. Nothing is told of clients, and nobody is entered, until the right one is there."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the vault went back: {what}. Put the newer vault in its place, or restore it"
            " (docs/runbooks/lost-keys-or-vault.md)"
        )


class NewestUse:
    """The last line of the use log that was written or found here: its number, and its bytes, which no other line has. Safe
    for several threads."""

    def __init__(self) -> None:
        self._number, self._sealed = 0, b""
        self._lock = threading.Lock()

    def note(self, number: int, sealed: bytes) -> None:
        """A line that stands in the log."""
        with self._lock:
            if number > self._number:
                self._number, self._sealed = number, sealed

    def look(self, ask: Ask) -> None:
        """Look whether it stands there, and for the last one that does. Raises `VaultWentBack`."""
        with self._lock:
            known = self._number, self._sealed
        rows = ask(f"SELECT number, sealed FROM uses WHERE number = %s OR number = ({_LAST}) ORDER BY number", known[:1])
        lines = [(int(number), sealed) for number, sealed in rows]
        if known[0] and known not in lines:
            raise VaultWentBack(f"line {known[0]} of the use log, which was there, is not")
        for number, sealed in lines[-1:]:
            self.note(number, sealed)
