"""Read models in PostgreSQL: one schema and one database role per recipient (design D19).

A projector or reader logs in under a name that owns nothing and is member of the recipients' roles: each transaction
takes on one of them and sees that recipient's schema alone, never the store's or another recipient's.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from domain.store import LOST, POSTGRES_SETTINGS, WATCHDOG, StoreUnavailable
from projections.read_models import LONGEST_LOCK_S, Batch, Entry, Feed, NotProvisioned, PositionMoved, schema_name
from projections.read_models_few import in_one, is_small
from projections.read_models_sql import COLUMNS, SqlModel
from projections.read_models_tables import INDEXES, STATE

TIME = "TIMESTAMPTZ"
CHUNK_BYTES = 256 * 1024
"""How much of a COPY is handed over at once."""
PATIENCE_S = 5.0
"""How long a connection that answers is waited for."""
LONGEST_CHECK_S = 2.0
LONGEST_LOOK_S = 12.0
"""Looks are short; a write may make the indexes of years and has no such limit."""
CHECKED_S = 1.0
"""A connection that was found alive so many seconds ago is not asked again."""
ROLE_ATTEMPTS = 50
ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtext('kuty recipients'))"
"""Two that make a role at the same moment must not both find it missing."""
MADE_TOGETHER = 25
"""So many recipients are made in one transaction: who makes roles elsewhere on the server waits for its end."""
SCHEMA = (
    "CREATE SCHEMA IF NOT EXISTS {role} AUTHORIZATION {role}; REVOKE ALL ON SCHEMA {role} FROM PUBLIC;"
    " SET LOCAL ROLE {role}; SET LOCAL search_path TO {role}; {tables};"
    " SET LOCAL ROLE NONE; SET LOCAL search_path TO DEFAULT"
)
NOT_THERE = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.InvalidSchemaName,
)


class NotMade(Exception):
    """The schemas of these recipients could not be made, and those of all others are there."""

    def __init__(self, failed: Mapping[str, psycopg.Error]) -> None:
        one, error = next(iter(failed.items()))
        others = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        reason = str(error).partition("\n")[0]
        super().__init__(f"the schema of {one} cannot be made{others}: {reason}")
        self.short_names = frozenset(failed)


class PostgresModel(SqlModel["_PostgresRun"]):
    """The model of one recipient. `schema` is also the role that is taken on. Every method raises `StoreUnavailable` when
    the database does not answer."""

    TIME = TIME
    DATE = "DATE"

    def __init__(self, pool: ConnectionPool[psycopg.Connection], schema: str) -> None:
        self._pool, self._schema = pool, schema
        name = sql.Identifier(schema)
        take_on = sql.SQL("SET LOCAL ROLE {}; SET LOCAL search_path TO {}").format(name, name)
        self._to_write = sql.SQL("BEGIN; ") + take_on
        self._to_look = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ") + take_on
        self._to_write_few = self._to_write + sql.SQL("; SELECT live_epoch FROM feed")

    @property
    def name(self) -> str:
        return f"schema {self._schema}"

    @contextmanager
    def _writing(self) -> Iterator[_PostgresRun]:
        with _answering(), self._pool.connection() as connection, _within(connection, self._to_write):
            yield _PostgresRun(connection)

    @contextmanager
    def _looking(self) -> Iterator[_PostgresRun]:
        with (
            _answering(),
            self._pool.connection() as connection,
            WATCHDOG.over(connection, LONGEST_LOOK_S),
            _within(connection, self._to_look),
        ):
            yield _PostgresRun(connection)

    def write(self, batches: Sequence[Batch], feed: Feed) -> None:
        """As every model. A small batch is three messages to the server: each costs more than what it says."""
        if len(batches) != 1 or not is_small(batches[0]):
            super().write(batches, feed)
            return
        with (
            _answering(),
            self._pool.connection() as connection,
            _within(connection, self._to_write_few) as begun,
        ):
            live = begun.fetchall()
            statement, values = in_one(batches[0], feed)
            if connection.execute(statement, values).fetchall() != [(1,)]:
                raise PositionMoved(f"epoch {batches[0].position.epoch} does not stand at {batches[0].expected}")
            if live != [(feed.live_epoch,)] and feed.live_epoch:
                self._make(_PostgresRun(connection), INDEXES, feed.live_epoch)

    def _load(self, run: _PostgresRun, epoch: int, entries: Sequence[Entry]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(f"facts_{epoch}"), sql.SQL(COLUMNS))
        with run.connection.cursor() as cursor, cursor.copy(statement) as copy:
            lines: list[bytes] = []
            size = 0
            for entry in entries:
                line = _line(entry)
                lines.append(line)
                size += len(line)
                if size > CHUNK_BYTES:
                    copy.write(b"".join(lines))
                    lines, size = [], 0
            copy.write(b"".join(lines))


class PostgresModels:
    """The read models of one ledger behind one login. `dsn` is that login's; roles and schemas are made by
    `provision_recipients` when an organisation joins."""

    def __init__(self, dsn: str, ledger: str, *, connections: int = 8) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._models: dict[str, PostgresModel] = {}
        self._checked: weakref.WeakKeyDictionary[psycopg.Connection, float] = weakref.WeakKeyDictionary()
        self._pool: ConnectionPool[psycopg.Connection] = ConnectionPool(
            dsn, min_size=1, max_size=connections, open=True, timeout=PATIENCE_S, check=self._check,
            kwargs={
                **POSTGRES_SETTINGS, "autocommit": True, "prepare_threshold": None,
                "options": f"-c timezone=UTC -c synchronous_commit=on -c lock_timeout={LONGEST_LOCK_S}s",
            },
        )  # fmt: skip

    def of(self, short_name: str) -> PostgresModel:
        """The model of one recipient. Raises `NotProvisioned` while its role and schema are not there."""
        with self._lock:
            if short_name not in self._models:
                model = PostgresModel(self._pool, schema_name(self._ledger, short_name))
                try:
                    model.check_version()
                except NOT_THERE as missing:
                    raise NotProvisioned(f"{short_name}: {missing}") from missing
                self._models[short_name] = model
            return self._models[short_name]

    def check(self) -> None:
        """The database answers. Raises `StoreUnavailable`."""
        with _answering(), self._pool.connection() as connection, WATCHDOG.over(connection, LONGEST_CHECK_S):
            connection.execute("SELECT 1")

    def size(self) -> int:
        """Bytes of the schemas of all recipients of the ledger, and of any other ledger whose name begins with its name."""
        asked = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND starts_with(n.nspname, %s)"
        )
        with _answering(), self._pool.connection() as connection, WATCHDOG.over(connection, LONGEST_LOOK_S):
            [(size,)] = connection.execute(asked, (f"{schema_name(self._ledger, '')}",)).fetchall()
            return int(size)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _check(self, connection: psycopg.Connection) -> None:
        now = time.monotonic()
        if now - self._checked.get(connection, -CHECKED_S) < CHECKED_S:
            return
        with WATCHDOG.over(connection, LONGEST_CHECK_S):
            ConnectionPool.check_connection(connection)
        self._checked[connection] = now


def make_login(owner_dsn: str, login: str, password: str) -> None:
    """Make, or give a new password to, a login that owns nothing and sees nothing by itself. `owner_dsn` must be allowed
    to make roles."""
    with psycopg.connect(owner_dsn) as connection:
        connection.execute(ONE_BY_ONE)
        present = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
        _make_role(
            connection,
            sql.SQL("{} ROLE {} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                sql.SQL("ALTER" if present else "CREATE"), sql.Identifier(login), sql.Literal(password)
            ),
        )


def provision_recipients(owner_dsn: str, ledger: str, short_names: Sequence[str], logins: Sequence[str]) -> None:
    """Make the roles and the schemas of recipients, when they join, and let the logins take the roles on.

    Safe to repeat, and to go on with after it was broken off. `owner_dsn` must be allowed to make roles and schemas. Raises
    `NotMade` when all are there that can be made, and psycopg's OperationalError where the server makes none.
    """
    names = {short_name: schema_name(ledger, short_name) for short_name in short_names}
    failed: dict[str, psycopg.Error] = {}
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        for first in range(0, len(short_names), MADE_TOGETHER):
            some = short_names[first : first + MADE_TOGETHER]
            error = _failure_to_make(connection, [names[one] for one in some], logins)
            if error is None:
                continue
            for one in some:
                # Of several, one keeps no other from its schema.
                alone = _failure_to_make(connection, [names[one]], logins) if len(some) > 1 else error
                if alone is not None:
                    failed[one] = alone
    if failed:
        raise NotMade(failed) from next(iter(failed.values()))


def _failure_to_make(connection: psycopg.Connection, names: Sequence[str], logins: Sequence[str]) -> psycopg.Error | None:
    """Make them together; what went wrong, where it did not go wrong for everybody."""
    try:
        with connection.transaction():
            _provision(connection, names, logins)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        return error
    return None


def _provision(connection: psycopg.Connection, names: Sequence[str], logins: Sequence[str]) -> None:
    connection.execute(ONE_BY_ONE)
    there = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(names),)).fetchall()
    for name in names:
        role = sql.Identifier(name)
        if (name,) not in there:
            _make_role(connection, sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT").format(role))
        for login in logins:
            _on_roles(connection, sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(login)))
        # One message to the server, for each costs more than what it says.
        connection.execute(sql.SQL(SCHEMA).format(role=role, tables=sql.SQL(STATE.format(time=TIME))))


def _make_role(connection: psycopg.Connection, statement: sql.Composed) -> None:
    # Roles are the whole server's, our lock the database's: another database may have made it just now.
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        _on_roles(connection, statement)


def _on_roles(connection: psycopg.Connection, statement: sql.Composed) -> None:
    """Run a statement on roles. PostgreSQL makes one of two that change a role at one moment wait, and then fail with an
    internal error, "tuple concurrently updated": the change is made again, on what the other one has committed."""
    for attempt in range(ROLE_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute(statement)
            return
        except psycopg.errors.InternalError_:
            if attempt == ROLE_ATTEMPTS - 1:
                raise


@contextmanager
def _within(connection: psycopg.Connection, begin: sql.Composed) -> Iterator[psycopg.Cursor]:
    """A transaction, with what the last statement of `begin` was answered. All of `begin` is one message."""
    try:
        begun = connection.execute(begin)
        while begun.nextset():
            pass
        yield begun
        connection.execute("COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except LOST as error:
        raise StoreUnavailable(str(error)) from error


class _PostgresRun:
    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement.replace("?", "%s"), values).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self.connection.execute(statement.replace("?", "%s"), values).rowcount

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(statement.replace("?", "%s"), rows)

    def has(self, table: str) -> bool:
        return self.all("SELECT to_regclass(?) IS NOT NULL", (table,)) == [(True,)]


def _line(entry: Entry) -> bytes:
    (sequence, publication, kind, client, name, part, lookup, occurred_on, from_on, until_on, known_from, known_until,
     replaces, message_id, legal_basis, hash_, body) = entry  # fmt: skip
    # Ids, names, dates and times were checked when they were digested; what senders chose may hold anything.
    return b"\t".join((
        b"%d" % sequence, publication, kind, client, name,
        b"\\N" if part is None else _escaped(part), b"\\N" if lookup is None else _escaped(lookup),
        occurred_on or b"\\N", from_on or b"\\N", until_on or b"\\N", known_from, known_until or b"\\N",
        replaces or b"\\N", b"\\N" if message_id is None else _escaped(message_id), legal_basis, hash_,
        body.replace(b"\\", b"\\\\") if b"\\" in body else body,
    )) + b"\n"  # fmt: skip


def _escaped(value: bytes) -> bytes:
    return value.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
