"""One transaction of the ledger's owner, in which one of two histories is given up (design D21).

Nobody else may: events are only ever appended, by a trigger and by the rights of every role. It holds the ledger's lock from
its first look to its commit, so that no role writes in between; killed anywhere, it has done nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import tuple_row

from domain.store.tables.commit_signal import CommitSignal
from domain.store.tables.database import POSTGRES_SETTINGS, lock_number, open_sqlite
from domain.store.tables.migrations import schema_of
from domain.store.tables.postgres_writing import PostgresWriting, register_columns
from domain.store.tables.recorders import ANSWER_COLUMNS, EVENT_COLUMNS, AnswerRow, Row, Sender, Writing, row_of
from domain.store.tables.sqlite_writing import SqliteWriting

PAGE = 2_000
BEHIND = (
    "DELETE FROM answers WHERE first_position > %s",
    # A range that reaches across goes as a whole: what the broker took before stands in the record all the same.
    "DELETE FROM acknowledged WHERE last_position > %s",
    "DELETE FROM parked WHERE position > %s",
    "DELETE FROM events WHERE notification_id > %s",
)


class Reopening(Protocol):
    """The transaction. Every method raises `Lost`, or the database's own errors."""

    @property
    def writing(self) -> Writing:
        """What is read and appended in it."""
        ...

    def rows_behind(self, after: int) -> Iterator[Row]:
        """The events after a position, in order."""

    def answers_behind(self, after: int) -> list[AnswerRow]:
        """Every answer that was given after a position, those without a number too, in the order of positions."""
        ...

    def answered(self, sender: Sender, command_id: str, person: str | None = None, *, final: bool = True) -> bool:
        """Whether a last answer was given under the id, or where not `final` at least that it waits. With a `person`: to
        that person, or to one that was not kept; an id is each person's own."""
        ...

    def give_up(self, after: int) -> None:
        """Take out the events after a position, and what was kept of them."""

    def make_way(self, answers: Iterable[AnswerRow]) -> None:
        """Take out what was answered without effect under the ids of these since the last common event: it has no event of
        its own to go with, and was answered so in the history alone that is given up."""

    def begin_epoch(self, epoch: int) -> None:
        """From here on every process that remembers the one before ends."""


class _Asking:
    """What both databases are asked in the same words."""

    _idle: frozenset[tuple[Any, ...]] = frozenset()
    """Whose ids were answered without effect at the last common event: organisation, task, id, person."""

    def _ask(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def rows_behind(self, after: int) -> Iterator[Row]:
        while rows := self._ask(
            f"SELECT {EVENT_COLUMNS} FROM events WHERE notification_id > %s ORDER BY notification_id LIMIT {PAGE}", (after,)
        ):
            yield from map(row_of, rows)
            after = rows[-1][0]

    def answers_behind(self, after: int) -> list[AnswerRow]:
        rows = self._ask(
            f"SELECT {ANSWER_COLUMNS} FROM answers WHERE first_position > %s"
            " ORDER BY first_position, answer_number, command_id",
            (after,),
        )
        return [AnswerRow(*row)._replace(final=bool(row[3])) for row in rows]

    def answered(self, sender: Sender, command_id: str, person: str | None = None, *, final: bool = True) -> bool:
        rows = self._ask(
            "SELECT final, sender_person FROM answers WHERE sender_org = %s AND sender_task = %s AND command_id = %s",
            (*sender, command_id),
        )
        return any((is_final or not final) and (person is None or own in (person, "")) for is_final, own in rows)

    def make_way(self, answers: Iterable[AnswerRow]) -> None:
        for one in answers:
            if (key := (one.sender_org, one.sender_task, one.command_id, one.person)) in self._idle:
                self._ask(
                    "DELETE FROM answers WHERE sender_org = %s AND sender_task = %s AND command_id = %s"
                    " AND sender_person = %s AND answer_number IS NULL",
                    key,
                )

    def _look_for_idle(self, position: int) -> None:
        rows = self._ask(
            "SELECT sender_org, sender_task, command_id, sender_person FROM answers"
            " WHERE first_position = %s AND answer_number IS NULL",
            (position,),
        )
        self._idle = frozenset(rows)

    def begin_epoch(self, epoch: int) -> None:
        self._ask("UPDATE ledger SET epoch = %s", (epoch,))


class PostgresReopening(_Asking):
    """In the ledger's schema, by its owner."""

    def __init__(self, connection: psycopg.Connection[Any], ledger: str) -> None:
        schema = schema_of(ledger)
        self._connection = connection
        register_columns(connection)
        self.writing = PostgresWriting(connection, lock_number(f"ledger/{schema}"), schema, CommitSignal())

    def give_up(self, after: int) -> None:
        self._look_for_idle(after)
        self._ask("ALTER TABLE events DISABLE TRIGGER append_only")
        for statement in BEHIND:
            self._ask(statement, (after,))
        self._ask("ALTER TABLE events ENABLE TRIGGER append_only")

    def _ask(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor(binary=True).execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


class SqliteReopening(_Asking):
    """In the ledger's file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.writing = SqliteWriting(connection, CommitSignal())

    def give_up(self, after: int) -> None:
        self._look_for_idle(after)
        guards = self._ask("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
        for name, _ in guards:
            self._ask(f"DROP TRIGGER {name}")
        for statement in BEHIND:
            self._ask(statement, (after,))
        for _, guard in guards:
            self._ask(guard)

    def _ask(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement.replace("%s", "?"), parameters).fetchall()


@contextmanager
def reopening_postgres(dsn: str, ledger: str) -> Iterator[PostgresReopening]:
    """The transaction of a ledger in PostgreSQL; `dsn` is that of its owner. What was not committed is undone."""
    options = f'-c timezone=UTC -c search_path="{schema_of(ledger)}"'
    with psycopg.connect(dsn, **POSTGRES_SETTINGS, options=options, row_factory=tuple_row, autocommit=True) as connection:
        at = PostgresReopening(connection, ledger)
        try:
            yield at
        finally:
            at.writing.rollback()


@contextmanager
def reopening_sqlite(path: Path) -> Iterator[SqliteReopening]:
    """The transaction of a ledger in a file. What was not committed is undone."""
    connection = open_sqlite(path)
    try:
        at = SqliteReopening(connection)
        try:
            yield at
        finally:
            at.writing.rollback()
    finally:
        connection.close()
