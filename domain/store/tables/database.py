"""The small SQL door of what is kept apart from the store: keys, vault. PostgreSQL or a SQLite file, one way to ask.

Statements are written once, with `%s` for a parameter. Whatever `write` did is on the disk when it returns.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg import sql

from domain.store.tables.watchdog import WATCHDOG

T = TypeVar("T")
Rows = list[tuple[Any, ...]]
Ask = Callable[[str, Sequence[Any]], Rows]
"""Run one statement inside a transaction and get its rows."""

NEWEST = "SELECT coalesce(max(version), 0) FROM migrations"
POSTGRES_TABLES = (
    "SELECT oid, relfilenode FROM pg_class"
    " WHERE relnamespace = to_regnamespace(current_schema()) AND relkind = 'r' ORDER BY oid"
)
SQLITE_TABLES = "PRAGMA schema_version"
"""Which tables these are: of those that a restore puts there, or empties first, it is another answer."""
ATTEMPTS = 2
LONGEST_CALL_S = 6.0
"""A call to the database that takes longer is given up."""
SQLITE_PATIENCE_S = 5.0
"""How long another writer of the file is waited for."""
POSTGRES_SETTINGS: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A silent server is noticed within seconds (milliseconds for the last one); libpq's own defaults wait for hours."""
SESSION_TIMEOUTS = (
    "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
)
"""Milliseconds."""


LOST = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
"""How a connection that broke or cannot be made shows; the last one where this process may open nothing more."""


NO_TABLES = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
NO_RIGHTS = (psycopg.errors.InsufficientPrivilege,)


class NewerTables(Exception):
    """The tables are of a newer program than this one, which would misread them: run that one."""


class StoreUnavailable(Exception):
    """The database does not answer. What was asked for may or may not have been done: ask again under the same id."""


class NotMigrated(Exception):
    """The tables are missing or older than this program: run the migration command."""


class NoLedger(NotMigrated):
    """There are no tables, and as far as this process has seen there never were."""


class TablesGone(StoreUnavailable):
    """Tables are not there any more, or this login may not use them: a person has to put them right."""


class NotUnique(Exception):
    """What has to be unique in the tables is there already: somebody else was faster."""


Look = Callable[[Ask, bool], None]
"""Looks whether a database still has what was seen in it; the flag says that it may be another one, and that everything has
to be looked for: its connection or its tables are new, or the last look found something missing. Raises what stands for it
where it has not."""
LOOK_AGAIN_S = 1.0
"""A database goes back under a connection, too, for a backup may be restored into tables, or a file, that stay open: it is
looked at again when the last look is so old."""


class Guards:
    """The looks at one database before anything is asked there: on each new connection, and about each second. `tables` asks
    which tables these are: those that a restore puts there under a connection are others."""

    def __init__(self, tables: str) -> None:
        self._tables = tables
        self._guards: list[_Guard] = []

    def add(self, look: Look, clock: Callable[[], float]) -> None:
        """Have `look` look; what was there when it was added is not looked at."""
        self._guards.append(_Guard(look, clock))

    def run(self, ask: Ask, connection: int) -> None:
        """Look where it is time to, on the connection of this number."""
        for guard in self._guards:
            now = guard.clock()
            if guard.seen[:1] != [(connection,)] or now - guard.at >= LOOK_AGAIN_S:
                found = [(connection,), *ask(self._tables, ())]
                new, guard.seen = found != guard.seen, []
                guard.look(ask, new)
                guard.seen, guard.at = found, now


@dataclass(slots=True)
class _Guard:
    look: Look
    clock: Callable[[], float]
    seen: Rows = field(default_factory=list)
    """The connection's number and the tables, as they were at the last look that missed nothing."""
    at: float = 0.0


class Database(Protocol):
    """One schema of PostgreSQL, or one SQLite file. Safe for several threads."""

    def guard(self, look: Look, clock: Callable[[], float]) -> None:
        """Have `look` look, on each new connection and about each second by `clock`, before anything else is asked."""

    def read(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """The rows of a query. Raises `StoreUnavailable`."""

    def write(self, work: Callable[[Ask], T]) -> T:
        """Run `work` in one transaction, durable on return. It may be run again after a lost connection, so it must
        come to the same when its effect is already there. Raises `StoreUnavailable`, `NotUnique`."""

    def check(self, versions: Sequence[str]) -> None:
        """The tables are of the last of these versions. Raises `NewerTables`, `NotMigrated`, `StoreUnavailable`."""

    def migrate(self, versions: Sequence[str]) -> None:
        """Bring the tables to the newest version; `versions` are scripts in order, `{bytes}` and `{number}` standing
        for the types that differ. Several processes may do it at once."""

    def close(self) -> None: ...


class PostgresDatabase:
    """A schema of its own, reached by a role of its own. `dsn` is a libpq connection string."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._schema = schema
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._connections = 0
        self._guards = Guards(POSTGRES_TABLES)

    def guard(self, look: Look, clock: Callable[[], float]) -> None:
        self._guards.add(look, clock)

    def read(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        return self._attempt(lambda connection: _ask(connection, statement, parameters))

    def write(self, work: Callable[[Ask], T]) -> T:
        def whole(connection: psycopg.Connection[tuple[Any, ...]]) -> T:
            with connection.transaction():
                return work(partial(_ask, connection))

        try:
            return self._attempt(whole)
        except psycopg.errors.UniqueViolation as error:
            raise NotUnique from error

    def check(self, versions: Sequence[str]) -> None:
        check_present(f"schema {self._schema}", self.read(NEWEST)[0][0], versions)

    def migrate(self, versions: Sequence[str]) -> None:
        with psycopg.connect(self._dsn, **POSTGRES_SETTINGS) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"migrate/{self._schema}"),))
            schema = sql.Identifier(self._schema)
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
            connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(schema))
            connection.execute("CREATE TABLE IF NOT EXISTS migrations (version bigint PRIMARY KEY)")
            done = connection.execute("SELECT version FROM migrations").fetchall()
            for number, script in missing_versions(f"schema {self._schema}", versions, done):
                connection.execute(script.format(bytes="bytea", number="bigserial").encode())
                connection.execute("INSERT INTO migrations VALUES (%s)", (number,))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _attempt(self, work: Callable[[psycopg.Connection[tuple[Any, ...]]], T]) -> T:
        with self._lock:
            for attempt in range(ATTEMPTS):
                try:
                    connection = self._connected()
                    with WATCHDOG.over(connection, LONGEST_CALL_S):
                        self._guards.run(partial(_ask, connection), self._connections)
                        return work(connection)
                except LOST as error:
                    if self._connection is not None:
                        self._connection.close()
                    self._connection = None
                    if attempt == ATTEMPTS - 1:
                        raise StoreUnavailable(str(error)) from error
                except (*NO_TABLES, *NO_RIGHTS) as error:
                    raise TablesGone(str(error)) from error
        raise AssertionError("unreachable")

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                options=f'{SESSION_TIMEOUTS} -c search_path="{self._schema}"',
                **POSTGRES_SETTINGS,
            )
            self._connections += 1
        return self._connection


class SqliteDatabase:
    """One file: whichever stands at the path when something is asked, not one that was moved away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._connections = 0
        self._guards = Guards(SQLITE_TABLES)

    def guard(self, look: Look, clock: Callable[[], float]) -> None:
        self._guards.add(look, clock)

    def read(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        with self._lock:
            return _ask_file(self._looked_at(), statement, parameters)

    def write(self, work: Callable[[Ask], T]) -> T:
        with self._lock:
            connection = self._looked_at()
            ask = partial(_ask_file, connection)
            ask("BEGIN IMMEDIATE", ())
            try:
                result = work(ask)
                ask("COMMIT", ())
            except BaseException:
                connection.rollback()
                raise
            return result

    def check(self, versions: Sequence[str]) -> None:
        check_present(str(self._path), self.read(NEWEST)[0][0], versions)

    def migrate(self, versions: Sequence[str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()

        def work(ask: Ask) -> None:
            ask("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)", ())
            for number, script in missing_versions(str(self._path), versions, ask("SELECT version FROM migrations", ())):
                for statement in script.format(bytes="BLOB", number="INTEGER").split(";"):
                    if statement.strip():
                        ask(statement, ())
                ask("INSERT INTO migrations VALUES (%s)", (number,))

        self.write(work)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _looked_at(self) -> sqlite3.Connection:
        connection = self._connected()
        self._guards.run(partial(_ask_file, connection), self._connections)
        return connection

    def _connected(self) -> sqlite3.Connection:
        # Before it is opened: where another file is put there meanwhile, the next one who asks opens that one.
        file = file_at(self._path)
        if self._connection is not None and file != self._file:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            try:
                self._connection = open_sqlite(self._path)
            except sqlite3.OperationalError as error:
                raise StoreUnavailable(str(error)) from error
            # Text where bytes belong is a damaged cell, and no database that does not answer.
            self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
            # A destroyed key must not stay readable in a free page of the file.
            self._connection.execute("PRAGMA secure_delete=ON")
            self._file = file
            self._connections += 1
        return self._connection


def is_gone(error: BaseException) -> bool:
    """Whether a question to a file failed because its table is not there."""
    return "no such table" in str(error)


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file stands there now, whatever its name: a connection goes on with the one that it has opened."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino


def open_sqlite(path: Path) -> sqlite3.Connection:
    """A connection in write-ahead mode, every commit on the disk, waiting 5 s for another writer. The file has to be there:
    in the place of one that was moved away no empty one is made. Raises `sqlite3.OperationalError`."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=SQLITE_PATIENCE_S, isolation_level=None,
        check_same_thread=False, cached_statements=256,
    )  # fmt: skip
    write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def write_ahead(connection: sqlite3.Connection) -> None:
    """Put a database into write-ahead mode. Where several open a new file at one moment, SQLite lets none of them wait for
    the others, whatever its timeout: they try again. Raises `sqlite3.OperationalError` after 5 s."""
    give_up_at = time.monotonic() + SQLITE_PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.005)


def lock_number(name: str) -> int:
    """The number of an advisory lock: 63 bits of the name's hash."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def marks(count: int) -> str:
    """`%s, %s, …` for an IN list."""
    return ", ".join(["%s"] * count)


def check_known(what: str, version: int, versions: Sequence[str]) -> None:
    """The tables are of no version that this program does not know. Raises `NewerTables`."""
    if version > len(versions):
        raise NewerTables(f"{what} is at version {version}, and this program knows versions up to {len(versions)}")


def check_present(what: str, version: int, versions: Sequence[str]) -> None:
    """The tables are of this program's version. Raises `NewerTables`, `NotMigrated`."""
    check_known(what, version, versions)
    if version < len(versions):
        raise NotMigrated(f"{what} is at version {version}, not {len(versions)}")


def lost_version(ask: Ask, versions: Sequence[str]) -> str:
    """What tables lack that this program knows were of the last of these versions, in words; empty where they are."""
    return f"version {len(versions)} of its tables" if ask(NEWEST, ())[0][0] < len(versions) else ""


def missing_versions(what: str, versions: Sequence[str], done: Iterable[tuple[Any, ...]]) -> list[tuple[int, str]]:
    """The scripts that have not run, with their numbers. Raises `NewerTables`."""
    there = {row[0] for row in done}
    check_known(what, max(there, default=0), versions)
    return [(number, script) for number, script in enumerate(versions, 1) if number not in there]


def _ask(connection: psycopg.Connection[tuple[Any, ...]], statement: str, parameters: Sequence[Any]) -> Rows:
    cursor = connection.execute(statement.encode(), parameters)
    return cursor.fetchall() if cursor.description else []


def _ask_file(connection: sqlite3.Connection, statement: str, parameters: Sequence[Any] = ()) -> Rows:
    try:
        return connection.execute(statement.replace("%s", "?"), parameters).fetchall()
    except sqlite3.OperationalError as error:
        raise (TablesGone if is_gone(error) else StoreUnavailable)(str(error)) from error
    except sqlite3.IntegrityError as error:
        raise NotUnique from error
