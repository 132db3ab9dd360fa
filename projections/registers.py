"""The register as it was at every position of the feed: whoever reads a part of the feed asks here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from domain.directory import Directory, enter
from domain.events import Erased, Event


class Registers:
    """Every state of the register, by the position of the event that brought it. Entered in the order of the feed."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._states = [Directory()]
        self.joined: list[int] = []
        """The positions at which there was a recipient more."""

    def enter(self, event: Event | Erased, position: int) -> None:
        """Add the next event of the register."""
        known = self._states[-1]
        now = enter(known, event, position)
        self._positions.append(position)
        self._states.append(now)
        if now.recipients.keys() - known.recipients.keys():
            self.joined.append(position)

    def before(self, position: int) -> Directory:
        """The register before the event of a position."""
        return self._states[bisect_left(self._positions, position)]

    def after(self, position: int) -> Directory:
        """The register after the event of a position."""
        return self._states[bisect_right(self._positions, position)]
