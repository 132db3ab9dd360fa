"""A part of a ledger in a SQLite file, copied as a whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.store.tables.copying.places import BEGUN, NOT_IN_TIME, STAGED, Filling, NotEmpty, Part, Snapshot, scripts_of
from domain.store.tables.database import NotMigrated, StoreUnavailable, check_known, open_sqlite
from domain.store.tables.migrations import statements


@dataclass
class _SqliteSnapshot:
    connection: sqlite3.Connection
    path: Path
    kind: str = "sqlite"

    def begin(self) -> int:
        self.connection.execute("BEGIN")
        try:
            return int(self.connection.execute("SELECT max(version) FROM migrations").fetchone()[0])
        except sqlite3.OperationalError as error:
            raise NotMigrated(f"no ledger in {self.path}") from error

    def tables(self) -> Mapping[str, Sequence[str]]:
        return _columns_of_file(self.connection)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        order = "notification_id" if "notification_id" in columns else columns[0]
        names = ", ".join(f'"{column}"' for column in columns)
        yield from self.connection.execute(f'SELECT {names} FROM "{table}" ORDER BY "{order}"')


@dataclass
class _SqliteFilling:
    connection: sqlite3.Connection

    def tables(self) -> Mapping[str, Sequence[str]]:
        return _columns_of_file(self.connection)

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        if self.connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone():
            self.connection.execute(f'DELETE FROM "{table}"')
        names = ", ".join(f'"{column}"' for column in columns)
        places = ", ".join("?" * len(columns))
        filled = self.connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)
        return max(0, filled.rowcount)


@dataclass(frozen=True)
class SqlitePlace:
    """A file."""

    part: Part
    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def staged_path(self) -> Path:
        """The file that is not whole yet."""
        return self.path.with_name(self.path.name + STAGED)

    def snapshot(self, stack: ExitStack) -> Snapshot:
        if not self.path.exists():
            raise NotMigrated(f"no ledger in {self.path}")
        return _SqliteSnapshot(stack.enter_context(closing(open_sqlite(self.path))), self.path)

    def held(self, stack: ExitStack) -> None:
        try:
            stack.enter_context(closing(open_sqlite(self.path))).execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(NOT_IN_TIME) from error

    def check_empty(self) -> None:
        if not self.path.exists():
            return
        with closing(open_sqlite(self.path)) as connection:
            for table in _columns_of_file(connection).keys() - BEGUN:
                if connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone():
                    raise NotEmpty(f"{self.name} has something in {table}")

    @contextmanager
    def staged(self, version: int) -> Iterator[Filling]:
        scripts = scripts_of(self.part, postgres=False)
        check_known(self.name, version, scripts)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.staged_path.touch()
        with closing(open_sqlite(self.staged_path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE migrations (version INTEGER PRIMARY KEY)")
            for number, script in enumerate(scripts[:version], 1):
                for statement in statements(script):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?)", (number,))
            yield _SqliteFilling(connection)
            connection.execute("COMMIT")

    def is_staged(self) -> bool:
        return self.staged_path.exists()

    def take_place(self) -> None:
        with closing(open_sqlite(self.staged_path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # all of it is in the one file now
        # The one that is there is empty; what belongs to it must not be taken for the new one's.
        for rest in ("-wal", "-shm"):
            self.path.with_name(self.path.name + rest).unlink(missing_ok=True)
        self.staged_path.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        for rest in ("", "-wal", "-shm"):
            self.staged_path.with_name(self.staged_path.name + rest).unlink(missing_ok=True)


def _columns_of_file(connection: sqlite3.Connection) -> dict[str, list[str]]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    return {
        name: [column for _, column, *_ in connection.execute(f'PRAGMA table_info("{name}")').fetchall()]
        for (name,) in sorted(names)
    }
