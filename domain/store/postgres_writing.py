"""One transaction of the writer in PostgreSQL: two round trips where everything needed is remembered."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from domain.store.commit_signal import CommitSignal
from domain.store.recorders import AnswerRow, Lost, Row, Sender

_ARRAY = struct.Struct(">iiiii")
_INT8 = struct.Struct(">iq")
_LENGTH = struct.Struct(">i")

EVENTS = (
    "INSERT INTO events (notification_id, originator_id, originator_version, topic, state, matter)"
    " SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bigint[], %b::text[], %b::bytea[], %b::text[])"
)
ANSWERS = (
    "INSERT INTO answers SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::boolean[], %b::text[],"
    " %b::bigint[], %b::text[], %b::bigint[], %b::bytea[])"
)
TRACKING = (
    "INSERT INTO tracking SELECT * FROM unnest(%b::text[], %b::bigint[])"
    " ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id"
)
FIND_ANSWERS = (
    "SELECT a.* FROM unnest(%b::text[], %b::text[], %b::text[]) AS w(o, t, c) JOIN answers a"
    " ON a.sender_org = w.o AND a.sender_task = w.t AND a.command_id = w.c"
)
HEAD = "SELECT coalesce(max(notification_id), 0) FROM events"


class _Column(NamedTuple):
    """An array parameter, already in PostgreSQL's binary form: a whole batch is one statement and one round trip."""

    raw: bytes


class _TextColumn(_Column): ...


class _NumberColumn(_Column): ...


class _BytesColumn(_Column): ...


class _FlagColumn(_Column): ...


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        raw: bytes = obj.raw
        return raw


_ARRAYS = {_TextColumn: 1009, _NumberColumn: 1016, _BytesColumn: 1001, _FlagColumn: 1000}


def register_columns(connection: psycopg.Connection[Any]) -> None:
    """Teach a connection to pass whole columns."""
    for column, oid in _ARRAYS.items():
        dumper = type(f"_{column.__name__}Dumper", (_ColumnDumper,), {"oid": oid})
        connection.adapters.register_dumper(column, dumper)


def _texts(values: Iterable[str]) -> _TextColumn:
    return _TextColumn(_packed(25, [raw for value in values for raw in _sized(value.encode())], 2))


def _blobs(values: Iterable[bytes]) -> _BytesColumn:
    return _BytesColumn(_packed(17, [raw for value in values for raw in _sized(value)], 2))


def _numbers(values: Iterable[int]) -> _NumberColumn:
    return _NumberColumn(_packed(20, [_INT8.pack(8, value) for value in values], 1))


def _flags(values: Iterable[bool]) -> _FlagColumn:
    return _FlagColumn(_packed(16, [b"\0\0\0\1\1" if value else b"\0\0\0\1\0" for value in values], 1))


def _sized(raw: bytes) -> tuple[bytes, bytes]:
    return _LENGTH.pack(len(raw)), raw


def _packed(element: int, parts: list[bytes], parts_each: int) -> bytes:
    return _ARRAY.pack(1, 0, element, len(parts) // parts_each, 1) + b"".join(parts)


class PostgresWriting:
    """Open from construction to `commit` or `rollback`."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        lock: int,
        channel: str,
        signal: CommitSignal,
        wanted: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._signal = signal
        self._statements: list[tuple[str, Sequence[Any]]] = []
        with self._whole(), connection.pipeline():
            # One round trip. Each statement has a snapshot of its own: what follows the lock sees all that was
            # committed before it was ours.
            connection.execute("BEGIN")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
            head = connection.execute(HEAD.encode())
            found = self._run(FIND_ANSWERS, [_texts(column) for column in zip(*wanted, strict=True)]) if wanted else None
            self._head = int(head.fetchone()[0])  # type: ignore[index]
            self._answers = [AnswerRow(*row) for row in found.fetchall()] if found else []

    def head(self) -> int:
        return self._head

    def answers(self) -> list[AnswerRow]:
        return self._answers

    def foreign(self, after: int) -> list[tuple[str, str]]:
        return self._ask("SELECT originator_id, topic FROM events WHERE notification_id > %s", (after,))

    def numbers(self, senders: Iterable[Sender]) -> dict[Sender, int]:
        asked = list(senders)
        rows = self._ask(
            "SELECT w.o, w.t, coalesce(max(a.answer_number), 0) FROM unnest(%s::text[], %s::text[]) AS w(o, t)"
            " LEFT JOIN LATERAL (SELECT answer_number FROM answers WHERE sender_org = w.o AND sender_task = w.t"
            " ORDER BY answer_number DESC LIMIT 1) AS a ON true GROUP BY w.o, w.t",
            ([org for org, _ in asked], [task for _, task in asked]),
        )
        return {(org, task): number for org, task, number in rows}

    def events(self, after: Mapping[str, int]) -> list[Row]:
        rows = self._ask(
            "SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.matter"
            " FROM unnest(%s::text[], %s::bigint[]) AS w(id, version) JOIN events e"
            " ON e.originator_id = w.id AND e.originator_version > w.version"
            " ORDER BY e.originator_id, e.originator_version",
            (list(after), list(after.values())),
        )
        return [Row(*row) for row in rows]

    def ends(self, streams: Sequence[str]) -> list[Row]:
        rows = self._ask(
            "SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.matter"
            " FROM unnest(%s::text[]) AS w(id), LATERAL (SELECT * FROM events WHERE originator_id = w.id"
            " ORDER BY originator_version DESC LIMIT 1) AS e",
            (list(streams),),
        )
        return [Row(*row) for row in rows]

    def at(self, position: int) -> Row | None:
        rows = self._ask(
            "SELECT notification_id, originator_id, originator_version, topic, state, matter"
            " FROM events WHERE notification_id = %s",
            (position,),
        )
        return Row(*rows[0]) if rows else None

    def tracking(self, names: Sequence[str]) -> dict[str, int]:
        return dict(
            self._ask(
                "SELECT application_name, notification_id FROM tracking WHERE application_name = ANY(%s)", (list(names),)
            )
        )

    def write(self, rows: Sequence[Row], answers: Sequence[AnswerRow], tracking: Mapping[str, int]) -> None:
        if rows:
            position, stream, version, topic, state, matter = zip(*rows, strict=True)
            columns = (_numbers(position), _texts(stream), _numbers(version), _texts(topic), _blobs(state), _texts(matter))
            self._statements.append((EVENTS, columns))
        if answers:
            org, task, command_id, final, content, number, status, first, answer = zip(*answers, strict=True)
            self._statements.append(
                (
                    ANSWERS,
                    (_texts(org), _texts(task), _texts(command_id), _flags(final), _texts(content), _numbers(number),
                     _texts(status), _numbers(first), _blobs(answer)),
                )
            )  # fmt: skip
        if tracking:
            self._statements.append((TRACKING, (_texts(tracking), _numbers(tracking.values()))))

    def commit(self, head: int) -> None:
        with self._whole(), self._connection.pipeline():
            for statement, columns in self._statements:
                self._run(statement, columns)
            if head > self._head:
                notify = sql.SQL("NOTIFY {}, {}").format(sql.Identifier(self._channel), sql.Literal(str(head)))
                self._connection.execute(notify)
            self._connection.execute("COMMIT")
        self._signal.wake(head)

    def _run(self, statement: str, columns: Sequence[_Column]) -> psycopg.Cursor[Any]:
        cursor = self._connection.cursor(binary=True)
        return cursor.execute(statement.encode(), columns, prepare=True)

    def rollback(self) -> None:
        with suppress(psycopg.Error):
            self._connection.execute("ROLLBACK")

    def _ask(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._whole():
            return self._connection.cursor(binary=True).execute(statement.encode(), parameters).fetchall()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # After any doubt the connection is given up: what it was doing is found out by asking again.
            self._connection.close()
            raise Lost(str(error)) from error
