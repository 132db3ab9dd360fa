"""A part of a ledger in a schema of PostgreSQL, copied as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from domain.store.tables.copying.places import (
    BEGUN,
    NOT_IN_TIME,
    POSTGRESQL,
    STAGED,
    Filling,
    NotEmpty,
    Part,
    Snapshot,
    scripts_of,
)
from domain.store.tables.database import POSTGRES_SETTINGS, NotMigrated, StoreUnavailable, check_known, lock_number

FETCHED = 50
"""Rows that the server sends at a time: fifty of the largest records are fifty megabytes."""
SESSION = "-c statement_timeout=600000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=0 -c timezone=UTC"
"""Milliseconds: one statement may be the index of a whole table; a snapshot waits while another one is copied."""


@dataclass
class _PostgresSnapshot:
    connection: psycopg.Connection[tuple[Any, ...]]
    schema: str
    kind: str = POSTGRESQL

    def begin(self) -> int:
        try:
            found = self.connection.execute("SELECT max(version) FROM migrations").fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise NotMigrated(f"no ledger in schema {self.schema}") from error
        return int(found[0][0])

    def tables(self) -> Mapping[str, Sequence[str]]:
        return _columns(self.connection, self.schema)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        order = "notification_id" if "notification_id" in columns else columns[0]
        asked = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table), sql.Identifier(order)
        )
        with self.connection.cursor(f"copy_{table}") as cursor:
            cursor.itersize = FETCHED
            yield from cursor.execute(asked)


@dataclass
class _PostgresFilling:
    connection: psycopg.Connection[tuple[Any, ...]]
    schema: str

    def tables(self) -> Mapping[str, Sequence[str]]:
        return _columns(self.connection, self.schema)

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        named = sql.Identifier(table)
        if self.connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(named)).fetchone():
            self.connection.execute(sql.SQL("DELETE FROM {}").format(named))
        types = dict(self.connection.execute(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
            (f'"{table}"',),
        ).fetchall())  # fmt: skip
        flags = [types[column] == "boolean" for column in columns]  # a file keeps them as 0 and 1
        copying = sql.SQL("COPY {} ({}) FROM STDIN").format(named, sql.SQL(", ").join(map(sql.Identifier, columns)))
        count = 0
        with self.connection.cursor().copy(copying) as copy:
            for row in rows:
                copy.write_row([bool(v) if flag else v for v, flag in zip(row, flags, strict=True)] if any(flags) else row)
                count += 1
        for column in columns if count else ():
            # Numbers that the table gives by itself go on after the last one.
            asked = "SELECT pg_get_serial_sequence(%s, %s)", (f'"{table}"', column)
            [(sequence,)] = self.connection.execute(*asked).fetchall()
            if sequence:
                last = sql.SQL("SELECT setval(%s, max({})) FROM {}").format(sql.Identifier(column), named)
                self.connection.execute(last, (sequence,))
        return count


@dataclass(frozen=True)
class PostgresPlace:
    """A schema. `dsn` is the login that may read it, `owner` who may make it."""

    part: Part
    dsn: str
    owner: str
    schema: str
    lock: str = ""
    """The name of the lock under which the ledger is written, where this is the store."""

    @property
    def name(self) -> str:
        return f"schema {self.schema}"

    def snapshot(self, stack: ExitStack) -> Snapshot:
        reading = "-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"
        connection = self._connected(stack, self.dsn, self.schema, reading)
        return _PostgresSnapshot(connection, self.schema)

    def held(self, stack: ExitStack) -> None:
        connection = self._connected(stack, self.dsn, self.schema)
        try:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(self.lock),))
        except psycopg.errors.LockNotAvailable as error:
            raise StoreUnavailable(NOT_IN_TIME) from error

    def check_empty(self) -> None:
        with psycopg.connect(self.owner, **POSTGRES_SETTINGS) as connection:
            for table in _columns(connection, self.schema).keys() - BEGUN:
                there = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(self.schema, table))
                if connection.execute(there).fetchone():
                    raise NotEmpty(f"{self.name} has something in {table}")

    @contextmanager
    def staged(self, version: int) -> Iterator[Filling]:
        scripts = scripts_of(self.part, postgres=True)
        check_known(self.name, version, scripts)
        schema = sql.Identifier(self.schema + STAGED)
        with ExitStack() as stack:
            connection = self._connected(stack, self.owner, self.schema + STAGED)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            connection.execute("CREATE TABLE migrations (version bigint PRIMARY KEY)")
            for number, script in enumerate(scripts[:version], 1):
                connection.execute(script.encode())
                connection.execute("INSERT INTO migrations VALUES (%s)", (number,))
            yield _PostgresFilling(connection, self.schema + STAGED)

    def is_staged(self) -> bool:
        with psycopg.connect(self.owner, **POSTGRES_SETTINGS) as connection:
            asked = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
            return connection.execute(asked, (self.schema + STAGED,)).fetchone() is not None

    def take_place(self) -> None:
        names = {"place": sql.Identifier(self.schema), "staged": sql.Identifier(self.schema + STAGED)}
        with ExitStack() as stack:
            connection = self._connected(stack, self.owner, self.schema)
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {place} CASCADE").format(**names))
            connection.execute(sql.SQL("ALTER SCHEMA {staged} RENAME TO {place}").format(**names))

    def discard(self) -> None:
        with psycopg.connect(self.owner, **POSTGRES_SETTINGS) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema + STAGED)))

    def _connected(
        self, stack: ExitStack, dsn: str, schema: str, more: str = ""
    ) -> psycopg.Connection[tuple[Any, ...]]:
        options = f'{SESSION} -c search_path="{schema}" {more}'
        return stack.enter_context(psycopg.connect(dsn, options=options, **POSTGRES_SETTINGS))


def _columns(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> dict[str, list[str]]:
    """Of every table, whether we may read it or not: one that is passed over in silence would be lost."""
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid WHERE n.nspname = %s AND c.relkind IN ('r', 'p')"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum",
        (schema,),
    ).fetchall():
        found.setdefault(table, []).append(column)
    return found
