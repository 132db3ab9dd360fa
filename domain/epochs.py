"""The ledger's epochs: which of two histories holds at a position, once an operator has chosen (design D21).

Positions go on across epochs. What an opening gives up is everything of the older epochs behind its `old_size`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

FIRST = 1


class Opening(NamedTuple):
    """One `epoch.opened`, at its position. Of the epochs up to `old_epoch` the first `old_size` events go on holding, and
    `old_root` is the hash of the last of them. `lines` are the recipients whose publications go on in a fresh epoch of their
    own, and in which."""

    position: int
    old_epoch: int
    old_size: int
    old_root: str
    lines: Mapping[str, int]


class Epochs(tuple[Opening, ...]):
    """Every opening of a ledger, the first one first."""

    __slots__ = ()

    @property
    def newest(self) -> int:
        """The epoch in which the ledger is."""
        return self[-1].old_epoch + 1 if self else FIRST

    def of(self, position: int) -> int:
        """The epoch of the event at a position."""
        return max((each.old_epoch + 1 for each in self if each.old_size < position), default=FIRST)

    def are_past(self, epoch: int, position: int) -> bool:
        """Whether an event of that epoch at that position was given up."""
        return any(each.old_epoch >= epoch and each.old_size < position for each in self)

    def line_begins(self, recipient: str) -> int:
        """The first epoch of a recipient's own that still holds."""
        return max((each.lines.get(recipient, FIRST) for each in self), default=FIRST)

    def goes_out(self, recipient: str, line_epoch: int, position: int) -> bool:
        """Whether a telling at a position goes out as it stands. One behind what holds, in a line that was given up, goes
        out again in the fresh one alone: under its number in the old line something else may have been told."""
        return not any(each.old_size < position and line_epoch < each.lines.get(recipient, FIRST) for each in self)
