"""What stands behind the door of each ledger. Everything comes from outside: nothing is read from the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from api.problems import problem
from domain.answers import Answer
from domain.context import Caller
from domain.directory import Directory
from domain.disclosure.once_more import Allowance
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publications import Publication
from domain.store import EventStore, Receiving, Vault
from projections.read_models import ReadModels
from projections.tellings import Acknowledged


@dataclass(frozen=True, slots=True)
class Repeated:
    """How far a redelivery has come: `repeated` of the `publications` of its history are in the epoch."""

    epoch: int
    publications: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Line:
    """Where a recipient's present epoch has come to: `last` is its last sequence, 0 before the first, `on_topic` the one
    up to which the broker has it. `coming` is there while its history is still being repeated."""

    epoch: int
    last: int
    on_topic: int
    coming: Repeated | None = None


@dataclass(frozen=True, slots=True)
class LedgerDoor:
    """One ledger as the API sees it.

    `lag` answers for each role how many records it is behind; `lagging` names those that the clock has to wait for;
    both raise `StoreUnavailable` where the database or the broker does not answer.
    `publications` reads a recipient's present epoch: (short name, epoch that the reader knows, after sequence, at most) to
    that epoch and what stands in it; another epoch than the reader's is read from its beginning. `redeliver` begins a fresh
    epoch for a recipient, once under a caller's key, and gives the answer and how far that epoch has come, or none where the
    key stands for something else; it raises `LookupError` where there is nothing to repeat, `SentOnceMoreOften` and
    `NotAllToldYet`. `redeliveries_left` says how many more may begin, none where any number may. `line` says where a
    recipient's line has come to.
    `pseudonyms` are those of a recipient by its short name; `pseudonyms_at_hand` the same, none where the keys would have to
    be asked.
    `told_up_to` gives the epoch and the sequence up to which a recipient has read all that it was told by now; none while a
    redelivery has still to come to its end before anybody can say so.
    `acknowledged` is given in a live ledger: "told on" then means when the broker took a publication.
    """

    name: str
    store: EventStore
    vault: Vault
    pseudonyms: Callable[[str], Pseudonyms]
    pseudonyms_at_hand: Callable[[str], Pseudonyms | None]
    receiving: Receiving
    models: ReadModels
    publications: Callable[[str, int | None, int, int], tuple[int, Sequence[Publication]]]
    told_up_to: Callable[[str], tuple[int, int] | None]
    lag: Callable[[], Mapping[str, int]]
    lagging: Callable[[], Sequence[str]]
    redeliver: Callable[[str, Caller, str], tuple[Answer, Repeated | None]]
    redeliveries_left: Callable[[str], Allowance | None]
    line: Callable[[str], Line]
    acknowledged: Acknowledged | None = None

    @property
    def ledger(self) -> dict[str, str]:
        """Every answer says of which ledger it is, and whether that is a simulated one (design D5)."""
        return {"name": self.name, "mode": self.store.mode or "new"}


class Ledgers:
    """The doors by ledger name. A live ledger's stays shut unless `live_allowed`."""

    def __init__(self, doors: Mapping[str, LedgerDoor], *, live_allowed: bool = False) -> None:
        self._doors = doors
        self._live_allowed = live_allowed

    def names(self) -> list[str]:
        """Every ledger's name."""
        return sorted(self._doors)

    def door(self, name: str) -> LedgerDoor:
        """The door of a ledger. Raises Problem: `E_NOT_FOUND`, or `E_LIVE_LEDGER`."""
        door = self._doors.get(name)
        if door is None:
            raise problem("E_NOT_FOUND")
        if door.store.mode == "live" and not self._live_allowed:
            raise problem("E_LIVE_LEDGER")
        return door

    def register_at_hand(self, name: str) -> Directory | None:
        """The register of an open ledger where it was read a moment ago: whoever has it asks no database."""
        door = self._doors.get(name)
        register = door.store.register_at_hand if door else None
        return register if register and register.mode else None
