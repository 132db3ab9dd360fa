"""One transaction of the writer in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from domain.store.tables.commit_signal import CommitSignal
from domain.store.tables.database import marks
from domain.store.tables.packing import packed
from domain.store.tables.recorders import EVENT_COLUMNS, SEALED_BEFORE_ITS_TURN, AnswerRow, Lost, Row, Sender, row_of

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


class SqliteWriting:
    """One transaction of the writer, open from construction to `commit` or `rollback`."""

    def __init__(
        self, connection: sqlite3.Connection, signal: CommitSignal, wanted: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        self._connection = connection
        self._signal = signal
        self._ask("BEGIN IMMEDIATE")
        self.epoch = int(self._ask("SELECT epoch FROM ledger")[0][0])
        self.tables = int(self._ask("PRAGMA schema_version")[0][0])
        self._head = int(self._ask("SELECT coalesce(max(notification_id), 0) FROM events")[0][0])
        self._answers = answers_of(self._ask, wanted)

    def head(self) -> int:
        return self._head

    def foreign(self, after: int) -> list[tuple[str, str]]:
        return self._ask("SELECT originator_id, topic FROM events WHERE notification_id > %s", (after,))

    def answers(self) -> list[AnswerRow]:
        return self._answers

    def numbers(self, senders: Iterable[Sender]) -> dict[Sender, int]:
        return {
            sender: self._ask(
                "SELECT coalesce(max(answer_number), 0) FROM answers WHERE sender_org = %s AND sender_task = %s", sender
            )[0][0]
            for sender in senders
        }

    def events(self, after: Mapping[str, int]) -> list[Row]:
        return [
            row_of(row)
            for stream, version in sorted(after.items())
            for row in self._ask(
                f"SELECT {EVENT_COLUMNS} FROM events WHERE originator_id = %s AND originator_version > %s"
                " ORDER BY originator_version",
                (stream, version),
            )
        ]

    def ends(self, streams: Sequence[str]) -> list[Row]:
        return [
            row_of(row)
            for stream in streams
            for row in self._ask(
                f"SELECT {EVENT_COLUMNS} FROM events WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1",
                (stream,),
            )
        ]

    def lasts(self, after: int) -> list[Row]:
        others = f" AND topic NOT IN ({marks(len(SEALED_BEFORE_ITS_TURN))})"
        asked = f"SELECT {EVENT_COLUMNS} FROM events WHERE notification_id > %s{{}} ORDER BY notification_id DESC LIMIT 1"
        found = [*self._ask(asked.format(""), (after,)), *self._ask(asked.format(others), (after, *SEALED_BEFORE_ITS_TURN))]
        return [row_of(row) for row in found]

    def tracking(self, names: Sequence[str]) -> dict[str, int]:
        return dict(self._ask(f"SELECT * FROM tracking WHERE application_name IN ({marks(len(names))})", list(names)))

    def write(self, rows: Sequence[Row], answers: Sequence[AnswerRow], tracking: Mapping[str, int]) -> None:
        kept = [row._replace(state=packed(row.state)) for row in rows]
        with _whole():
            self._connection.executemany(f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", kept)
            self._connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", answers)
            self._connection.executemany(
                "INSERT INTO tracking VALUES (?, ?) ON CONFLICT (application_name)"
                " DO UPDATE SET notification_id = excluded.notification_id",
                list(tracking.items()),
            )

    def commit(self, head: int) -> None:
        self._ask("COMMIT")
        if head > self._head:
            self._signal.wake(head)

    def rollback(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def _ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _whole():
            return self._connection.execute(statement.replace("%s", "?"), parameters).fetchall()


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Lost(str(error)) from error


def answers_of(ask: Ask, wanted: Sequence[tuple[str, str, str]]) -> list[AnswerRow]:
    """The stored answers to (sender organisation, sender task, command id)."""
    return [
        answer_row(row)
        for entry in wanted
        for row in ask("SELECT * FROM answers WHERE sender_org = %s AND sender_task = %s AND command_id = %s", entry)
    ]


def answer_row(row: tuple[Any, ...]) -> AnswerRow:
    """A row of the table as it is spoken of here."""
    return AnswerRow(*row)._replace(final=bool(row[3]))
