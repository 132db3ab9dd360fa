"""A recipient's read model: what it has been told, ready to be asked, in a schema or file of its own.

One row per publication, with the time during which it was the latest word (`known_from`, `known_until`). Generations
(epochs) stand side by side; a switch row says which one answers. Everything of a batch is written in one transaction
with the position (design D11, D16). This page is the port; the SQL stands in `read_models_sql`,
`read_models_sqlite` and `read_models_postgres`, which differ in little more than how rows come in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from domain.store import StoreUnavailable

LONGEST_LOCK_S = 2
"""For how many seconds tables are waited for that somebody holds locked: they are one recipient's, and while they are waited
for, others wait too."""


class Entry(NamedTuple):
    """One row to write, as bytes: the bulk path never makes an object of a value that it only carries.

    `kind` is fact, revised or withdrawn, or `corrected` for the row that the county's own `fact.corrected` makes of its
    target. Dates are ISO local dates, times ISO UTC. `known_until` is None while the row is the latest word.
    """

    sequence: int
    publication: bytes
    kind: bytes
    client: bytes
    name: bytes
    part: bytes | None
    lookup: bytes | None
    occurred_on: bytes | None
    from_on: bytes | None
    until_on: bytes | None
    known_from: bytes
    known_until: bytes | None
    replaces: bytes | None
    message_id: bytes | None
    legal_basis: bytes
    hash: bytes
    body: bytes


class Row(NamedTuple):
    """One row as it is read. `known_until` is None for the latest word; `body` holds the fields of the cell."""

    sequence: int
    publication: str
    kind: str
    client: str
    name: str
    part: str | None
    lookup: str | None
    occurred_on: date
    from_on: date
    until_on: date | None
    known_from: datetime
    known_until: datetime | None
    replaces: str | None
    message_id: str | None
    legal_basis: str
    body: dict[str, Any]

    def day(self, name: str) -> date | None:
        """A date of the body."""
        text = self.body.get(name)
        return date.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Position:
    """How far one generation has come. `sequence` 0 and an empty hash stand before the first publication.

    `until_sequence` is where the history of a redelivery ends (0: none); `newest_at` the newest publication's own time.
    """

    epoch: int
    sequence: int = 0
    chain_hash: str = ""
    newest_at: datetime | None = None
    until_sequence: int = 0


@dataclass(frozen=True, slots=True)
class Feed:
    """Where reading goes on, and in what state. `live_epoch` 0 means that nothing answers yet.

    `next_offset` is the first record of the topic that is not yet in the model; `topic_id` the incarnation that it was
    counted in. `read_at` and `heartbeat_at` are the broker's times. `halted` says why the line stands still, empty if it
    runs; `waiting_for` is a sequence that is missing while later ones, or a heartbeat that names it, are there already, 0 if
    none is.
    """

    live_epoch: int = 0
    next_offset: int = 0
    topic_id: str = ""
    read_at: datetime | None = None
    heartbeat_at: datetime | None = None
    halted: str = ""
    waiting_for: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that could not be digested, or one of the same client behind it; its bytes are kept for a later try."""

    epoch: int
    sequence: int
    client: str
    reason: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


@dataclass(slots=True)
class Batch:
    """What one transaction adds to one generation. `expected` is the sequence that the generation must stand at."""

    position: Position
    expected: int
    entries: list[Entry] = field(default_factory=list)
    closings: list[tuple[bytes, bytes]] = field(default_factory=list)
    """(publication, time): rows of earlier batches that are no longer the latest word."""
    blocks: list[tuple[bytes, int, bytes, bytes]] = field(default_factory=list)
    """(client, sequence, time, block): client blocks that differ from the one before."""
    parked: list[Parked] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    """Sequences of parked records that could be digested after all."""


class PositionMoved(Exception):
    """Somebody else wrote to this generation: what was prepared is thrown away and read again."""


class NotProvisioned(Exception):
    """The recipient's role and schema are not there yet, or this login may not take the role on."""


class NoSuchGeneration(LookupError):
    """No generation of that epoch is there, or none answers yet."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows a question reads. Dates are local and inclusive: a row is in when its own days touch the window.

    `known_at` (UTC) asks for what was the latest word then, none for now. `ever` takes every row, replaced ones too.
    """

    names: tuple[str, ...]
    client: str | None = None
    clients: tuple[str, ...] = ()
    part: str | None = None
    lookup: str | None = None
    from_on: date | None = None
    until_on: date | None = None
    known_at: datetime | None = None
    ever: bool = False

    def narrowed(self, **changes: Any) -> Selection:
        """The selection with other limits."""
        return replace(self, **changes)


class Look(Protocol):
    """One consistent look at one generation."""

    position: Position
    feed: Feed

    def rows(self, selection: Selection) -> list[Row]:
        """The rows in order of sequence."""

    def clients(self, selection: Selection, after: str, limit: int) -> list[str]:
        """Clients that have such a row, in the order of their pseudonyms, those behind `after`, at most `limit`."""

    def blocks(self, clients: Iterable[str], known_at: datetime | None = None) -> dict[str, dict[str, Any]]:
        """What is known of who the clients are and how to reach them."""

    def parked(self) -> list[Parked]:
        """What could not be digested, in order of sequence."""

    def replaced(self, publications: Sequence[str]) -> list[Row]:
        """The rows that bear one of these ids, whatever became of them."""

    def everything(self) -> list[Row]:
        """Every row, withdrawals left out, in order of sequence: to compare two generations."""


class ReadModel(Protocol):
    """One recipient's model in one ledger. Writing is for one thread at a time, looking for any number."""

    def feed(self) -> Feed:
        """Where reading goes on."""

    def positions(self) -> dict[int, Position]:
        """Every generation that is there, by epoch."""

    def over(self) -> dict[int, list[int]]:
        """Of older epochs, what had come of each when a newer one began: up to which sequence all, then each one beyond."""

    def begin(self, position: Position, over: Mapping[int, Sequence[int]]) -> None:
        """Make the empty tables of a generation, unless they are there, and keep what had come of those before it."""

    def hashes(self, epoch: int, sequences: Sequence[int]) -> dict[int, str]:
        """Hashes of publications that are in the model, to tell a repetition from a forgery."""

    def write(self, batches: Sequence[Batch], feed: Feed) -> None:
        """Add everything and move on, in one transaction. Raises `PositionMoved`."""

    def known_blocks(self, epoch: int, clients: Sequence[bytes]) -> dict[bytes, bytes]:
        """The latest block of each of these clients, as bytes."""

    def drop(self, epoch: int) -> None:
        """Remove a generation that does not answer."""

    def look(self, epoch: int | None = None) -> AbstractContextManager[Look]:
        """Look at the live generation, or at the one named. Raises `NoSuchGeneration`."""


class ReadModels(Protocol):
    """The read models of one ledger's recipients."""

    def of(self, short_name: str) -> ReadModel:
        """The model of one recipient; made when it is not there yet, where that needs no other rights.

        Raises `NotProvisioned` where it does."""

    def check(self) -> None:
        """The database answers. Raises `StoreUnavailable`."""

    def size(self) -> int:
        """Bytes that they take on the disk."""
        ...

    def close(self) -> None:
        """Give back what is held."""


def answers_nobody(models: ReadModels, error: BaseException) -> bool:
    """Whether a failure of one recipient's model is the database's, which answers nobody: else it is the recipient's own."""
    if not isinstance(error, StoreUnavailable):
        return False
    try:
        models.check()
    except StoreUnavailable:
        return True
    return False


def schema_name(ledger: str, short_name: str) -> str:
    """Name of the schema and of the database role of one recipient in one ledger.

    PostgreSQL cuts names at 63 bytes; a longer one ends in a digest instead, so that two never fall together. So does
    the name of a recipient called as a part of the ledger is, which has that schema.
    """
    name = f"kuty_{ledger}_{short_name}".replace("-", "_")
    if len(name) <= 63 and short_name not in ("keys", "vault"):
        return name
    return f"{name[:50]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"
