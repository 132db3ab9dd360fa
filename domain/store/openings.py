"""The openings of epochs, read from their own stream."""

from __future__ import annotations

from collections.abc import Iterable

from domain.epochs import Epochs, Opening
from domain.events import EpochOpened, Erased, Event
from domain.record import Record


def opening_of(record: Record, event: EpochOpened) -> Opening:
    """What an `epoch.opened` says, with its place."""
    lines = {line.recipient: line.recipient_epoch for line in event.lines or ()}
    return Opening(record.position, event.old_epoch, event.old_size, event.old_root or "", lines)


def epochs_of(opened: Iterable[tuple[Record, Event | Erased]]) -> Epochs:
    """The epochs that the openings among some events began, in their order."""
    return Epochs(opening_of(record, event) for record, event in opened if isinstance(event, EpochOpened))
