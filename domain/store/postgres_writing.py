"""One transaction of the writer in PostgreSQL: few round trips, rows appended by binary COPY."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql

from domain.store.commit_signal import CommitSignal
from domain.store.recorders import AnswerRow, Lost, Row, Sender

_COPY_BEGIN = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_END = struct.pack(">h", -1)
_INT8 = struct.Struct(">iq")
_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")


class PostgresWriting:
    """Open from construction to `commit` or `rollback`."""

    def __init__(self, connection: psycopg.Connection[Any], lock: int, channel: str, signal: CommitSignal) -> None:
        self._connection = connection
        self._channel = channel
        self._signal = signal
        with self._whole():
            # One round trip. Each statement has a snapshot of its own: the last one sees all that was committed
            # before the lock was ours.
            cursor = connection.execute(
                f"BEGIN; SELECT pg_advisory_xact_lock({lock:d});"
                " SELECT coalesce(max(notification_id), 0) FROM events".encode()
            )
            while cursor.nextset():
                pass
            self._head = int(cursor.fetchone()[0])  # type: ignore[index]

    def head(self) -> int:
        return self._head

    def foreign(self, after: int) -> list[tuple[str, str]]:
        return self._ask("SELECT originator_id, topic FROM events WHERE notification_id > %s", (after,))

    def answers(self, wanted: Sequence[tuple[str, str, str]]) -> list[AnswerRow]:
        orgs, tasks, ids = ([entry[n] for entry in wanted] for n in range(3))
        rows = self._ask(
            "SELECT a.* FROM unnest(%s::text[], %s::text[], %s::text[]) AS w(o, t, c) JOIN answers a"
            " ON a.sender_org = w.o AND a.sender_task = w.t AND a.command_id = w.c",
            (orgs, tasks, ids),
        )
        return [AnswerRow(*row) for row in rows]

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
        with self._whole():
            cursor = self._connection.cursor()
            for table, copied in (("events", _copied_events(rows)), ("answers", _copied_answers(answers))):
                if copied:
                    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy:
                        copy.write(copied)
            if tracking:
                cursor.execute(
                    "INSERT INTO tracking SELECT * FROM unnest(%s::text[], %s::bigint[])"
                    " ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id",
                    (list(tracking), list(tracking.values())),
                )

    def commit(self, head: int) -> None:
        with self._whole():
            notify = sql.SQL("NOTIFY {}, {}; COMMIT").format(sql.Identifier(self._channel), sql.Literal(str(head)))
            self._connection.execute(notify if head > self._head else "COMMIT")
        self._signal.wake(head)

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


def _copied_events(rows: Sequence[Row]) -> bytes:
    if not rows:
        return b""
    parts = [_COPY_BEGIN]
    for position, stream, version, topic, state, matter in rows:
        parts += (
            _COUNT.pack(6), *_text(stream), _INT8.pack(8, version), *_text(topic), _LENGTH.pack(len(state)), state,
            _INT8.pack(8, position), *_text(matter),
        )  # fmt: skip
    return b"".join([*parts, _COPY_END])


def _copied_answers(answers: Sequence[AnswerRow]) -> bytes:
    if not answers:
        return b""
    parts = [_COPY_BEGIN]
    for row in answers:
        parts += (
            _COUNT.pack(9), *_text(row.sender_org), *_text(row.sender_task), *_text(row.command_id),
            _LENGTH.pack(1), b"\x01" if row.final else b"\x00", *_text(row.content_hash), _INT8.pack(8, row.number),
            *_text(row.status), _INT8.pack(8, row.position), _LENGTH.pack(len(row.answer)), row.answer,
        )  # fmt: skip
    return b"".join([*parts, _COPY_END])


def _text(value: str) -> tuple[bytes, bytes]:
    raw = value.encode()
    return _LENGTH.pack(len(raw)), raw
