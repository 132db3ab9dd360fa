"""The tables of one part of a ledger as a whole: read as they were at one moment, or made again in an empty place.

What is read streams; nothing here holds a whole table. What is made again is staged beside its place, under a name that no
ledger can have, and takes the place once whoever restores has found it whole: broken off, it leaves nothing that opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Literal, Protocol

from domain.store.sealed import keys, vault
from domain.store.tables.database import check_known
from domain.store.tables.migrations import POSTGRES, SQLITE

Part = Literal["store", "keys", "vault"]
Scripts = Sequence[str]
STAGED = "$restoring"
"""Ends the name of what is not whole yet; no ledger's name has such a sign."""
OWN = frozenset({"migrations"})
"""Tables that say of which version the others are; they are made, not copied."""
BEGUN = frozenset({*OWN, "ledger"})
"""Tables that are not empty in an empty place."""
POSTGRESQL = "postgresql"
"""A kind of snapshot."""
NOT_IN_TIME = "another writer has held the ledger for more than 5 s: take the backup again"


class NotEmpty(Exception):
    """Something is kept there already: nothing is restored over it."""


class Snapshot(Protocol):
    """One part of a ledger as it was when `begin` was called."""

    kind: str
    """`POSTGRESQL` or `sqlite`."""

    def begin(self) -> int:
        """Take the moment; the version of the tables."""

    def tables(self) -> Mapping[str, Sequence[str]]:
        """The names of the columns, by table."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        """Every row, in the order of the first of its columns that is a position."""


class Filling(Protocol):
    """What is staged, inside its transaction."""

    def tables(self) -> Mapping[str, Sequence[str]]:
        """The names of the columns, by table."""

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Put rows into a table, in the place of those with which it begins; how many."""


class Place(Protocol):
    """Where one part of a ledger is kept."""

    @property
    def name(self) -> str:
        """What it is called where something is wrong with it."""
        ...

    def snapshot(self, stack: ExitStack) -> Snapshot:
        """A connection to it, closed with the stack. Raises `NotMigrated`."""

    def held(self, stack: ExitStack) -> None:
        """Let nobody write into the ledger until the stack is closed. Raises `StoreUnavailable`."""

    def check_empty(self) -> None:
        """Raises `NotEmpty`."""

    def staged(self, version: int) -> AbstractContextManager[Filling]:
        """The tables of a version, empty, in one transaction. Raises `NewerTables`."""

    def is_staged(self) -> bool:
        """Whether something is staged, whole or not."""
        ...

    def take_place(self) -> None:
        """Put what is staged into the place."""

    def discard(self) -> None:
        """Take away what is staged, or was, by whoever broke off."""


def scripts_of(part: Part, *, postgres: bool) -> Scripts:
    """What makes the tables of a part, version by version."""
    if part == "store":
        return POSTGRES if postgres else SQLITE
    types = {"bytes": "bytea", "number": "bigserial"} if postgres else {"bytes": "BLOB", "number": "INTEGER"}
    return [script.format(**types) for script in (keys.TABLES if part == "keys" else vault.TABLES)]


def check_version(what: str, part: Part, version: int, kind: str) -> None:
    """This program knows the tables of such a part: it can copy all of it, and make it again. Raises `NewerTables`."""
    check_known(what, version, scripts_of(part, postgres=kind == POSTGRESQL))


@contextmanager
def one_moment(places: Mapping[Part, Place]) -> Iterator[dict[Part, tuple[int, Snapshot]]]:
    """The parts as they were at one moment, each with the version of its tables.

    The ledger's own lock is held for as long as it takes to begin a transaction on each: between two commits, everything
    that an event needs in vault and keys is written, for it is made before the commit that first uses it; and nothing that
    it still needs has gone, for what is let go is let go after. Raises `NotMigrated`, `NewerTables`, `StoreUnavailable`.
    """
    with ExitStack() as stack:
        opened = {part: place.snapshot(stack) for part, place in places.items()}
        with ExitStack() as writers_wait:
            if "store" in places:
                places["store"].held(writers_wait)
            begun = {part: (snapshot.begin(), snapshot) for part, snapshot in opened.items()}
        for part, (version, snapshot) in begun.items():
            check_version(places[part].name, part, version, snapshot.kind)
        yield begun
