"""One transaction of the writer in PostgreSQL: two round trips where everything needed is remembered."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from domain.store.tables.commit_signal import CommitSignal
from domain.store.tables.database import LOST
from domain.store.tables.packing import packed
from domain.store.tables.recorders import (
    EVENT_COLUMNS,
    MANY,
    SEALED_BEFORE_ITS_TURN,
    AnswerRow,
    Lost,
    Row,
    Sender,
    row_of,
)
from domain.store.tables.watchdog import WATCHDOG

LONGEST_CALL_S = 6.0
"""A call to the database that takes longer is given up, and its outcome unknown."""
_ARRAY = struct.Struct(">iiiii")
_EMPTY = struct.Struct(">iii")
_INT8 = struct.Struct(">iq")
_LENGTH = struct.Struct(">i")

OPENED = "SELECT epoch, coalesce(pg_relation_filenode(to_regclass('events')), 0)::bigint FROM ledger"
"""The ledger's epoch, and which tables these are: those that a restore puts there have another number."""
BEGIN = "SELECT * FROM begin_writing(%b::bigint, %b::text[], %b::text[], %b::text[])"
WRITE = (
    "WITH e AS (INSERT INTO events (notification_id, originator_id, originator_version, topic, state, matter)"
    " SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bigint[], %b::text[], %b::bytea[], %b::text[])),"
    " a AS (INSERT INTO answers SELECT o, t, c, f, h, nullif(n, 0), s, p, b, w FROM unnest(%b::text[], %b::text[],"
    " %b::text[], %b::boolean[], %b::text[], %b::bigint[], %b::text[], %b::bigint[], %b::bytea[], %b::text[])"
    " AS u(o, t, c, f, h, n, s, p, b, w)),"
    " t AS (INSERT INTO tracking SELECT * FROM unnest(%b::text[], %b::bigint[])"
    " ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id)"
    " SELECT pg_notify(%b::text, %b::text) WHERE %b::boolean"
)
"""Everything that a batch writes, and the hint to those who follow, in one statement."""
FOREIGN = f"SELECT originator_id, topic FROM events WHERE notification_id > %s LIMIT {MANY + 1}"
LASTS = (
    f"(SELECT {EVENT_COLUMNS} FROM events WHERE notification_id > %s ORDER BY notification_id DESC LIMIT 1) UNION ALL"
    f" (SELECT {EVENT_COLUMNS} FROM events WHERE notification_id > %s AND topic <> ALL(%s)"
    " ORDER BY notification_id DESC LIMIT 1)"
)
NUMBERS = (
    "SELECT w.o, w.t, coalesce(max(a.answer_number), 0) FROM unnest(%s::text[], %s::text[]) AS w(o, t)"
    " LEFT JOIN LATERAL (SELECT answer_number FROM answers WHERE sender_org = w.o AND sender_task = w.t"
    " AND answer_number IS NOT NULL ORDER BY answer_number DESC LIMIT 1) AS a ON true GROUP BY w.o, w.t"
)
TRACKED = "SELECT application_name, notification_id FROM tracking WHERE application_name = ANY(%s)"


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
    return _TextColumn(_packed(25, _sized([value.encode() for value in values]), 2))


def _blobs(values: Iterable[bytes]) -> _BytesColumn:
    return _BytesColumn(_packed(17, _sized(values), 2))


def _numbers(values: Iterable[int]) -> _NumberColumn:
    return _NumberColumn(_packed(20, [_INT8.pack(8, value) for value in values], 1))


def _flags(values: Iterable[bool]) -> _FlagColumn:
    return _FlagColumn(_packed(16, [b"\0\0\0\1\1" if value else b"\0\0\0\1\0" for value in values], 1))


def _sized(values: Iterable[bytes]) -> list[bytes]:
    parts: list[bytes] = []
    for raw in values:
        parts += (_LENGTH.pack(len(raw)), raw)
    return parts


def _senders(senders: Iterable[Sender]) -> tuple[_TextColumn, _TextColumn]:
    asked = list(senders)
    return _texts(org for org, _ in asked), _texts(task for _, task in asked)


def _behind(after: int) -> tuple[int, int, _TextColumn]:
    """What `LASTS` takes."""
    return after, after, _texts(SEALED_BEFORE_ITS_TURN)


def _numbered(rows: Iterable[tuple[str, str, int]]) -> dict[Sender, int]:
    return {(org, task): number for org, task, number in rows}


def _packed(element: int, parts: list[bytes], parts_each: int) -> bytes:
    if not parts:
        return _EMPTY.pack(0, 0, element)
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
        after: int | None = None,
        followers: Sequence[str] = (),
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._signal = signal
        self._columns: Sequence[Any] = ()
        self._after = after
        with self._whole(), connection.pipeline():
            connection.execute("BEGIN")
            asked = [_texts(entry[n] for entry in wanted) for n in range(3)]
            begun = self._run(BEGIN, (lock, *asked))
            opened = self._run(OPENED, ())
            # What will be asked when others have written meanwhile: nobody waits for us while we hold the lock.
            foreign = last = counted = None
            if after is not None:
                foreign, last = self._run(FOREIGN, (after,)), self._run(LASTS, _behind(after))
                counted = self._run(NUMBERS, _senders({(org, task) for org, task, _ in wanted})) if wanted else None
            tracked = self._run(TRACKED, (_texts(followers),)) if followers else None
            rows = begun.fetchall()
            self.epoch: int
            self.tables: int
            self.epoch, self.tables = opened.fetchall()[0]
            self._foreign: list[tuple[str, str]] = foreign.fetchall() if foreign else []
            self._lasts = [row_of(row) for row in last.fetchall()] if last else []
            self._numbers = _numbered(counted.fetchall()) if counted else {}
            self._tracking: dict[str, int] = dict.fromkeys(followers, 0)
            self._tracking |= dict(tracked.fetchall()) if tracked else {}
        self._head = int(rows[0][0])
        self._answers = [AnswerRow(*row[1:]) for row in rows if row[1] is not None]

    def head(self) -> int:
        return self._head

    def answers(self) -> list[AnswerRow]:
        return self._answers

    def foreign(self, after: int) -> list[tuple[str, str]]:
        return self._foreign if after == self._after else self._ask(FOREIGN, (after,))

    def numbers(self, senders: Iterable[Sender]) -> dict[Sender, int]:
        missing = set(senders) - self._numbers.keys()
        if missing:
            self._numbers |= _numbered(self._ask(NUMBERS, _senders(missing)))
        return self._numbers

    def events(self, after: Mapping[str, int]) -> list[Row]:
        rows = self._ask(
            f"SELECT {EVENT_COLUMNS}"
            " FROM unnest(%s::text[], %s::bigint[]) AS w(id, version) JOIN events e"
            " ON e.originator_id = w.id AND e.originator_version > w.version"
            " ORDER BY e.originator_id, e.originator_version",
            (list(after), list(after.values())),
        )
        return [row_of(row) for row in rows]

    def ends(self, streams: Sequence[str]) -> list[Row]:
        rows = self._ask(
            f"SELECT {EVENT_COLUMNS}"
            " FROM unnest(%s::text[]) AS w(id), LATERAL (SELECT * FROM events WHERE originator_id = w.id"
            " ORDER BY originator_version DESC LIMIT 1) AS e",
            (list(streams),),
        )
        return [row_of(row) for row in rows]

    def lasts(self, after: int) -> list[Row]:
        return self._lasts if after == self._after else [row_of(row) for row in self._ask(LASTS, _behind(after))]

    def tracking(self, names: Sequence[str]) -> dict[str, int]:
        if self._tracking.keys() >= set(names):
            return self._tracking
        return dict(self._ask(TRACKED, (_texts(names),)))

    def write(self, rows: Sequence[Row], answers: Sequence[AnswerRow], tracking: Mapping[str, int]) -> None:
        position, stream, version, topic, state, matter = zip(*rows, strict=True) if rows else ((),) * 6
        org, task, command_id, final, content, number, status, first, answer, person = (
            zip(*answers, strict=True) if answers else ((),) * 10
        )
        if self._columns:
            with self._whole():
                self._run(WRITE, (*self._columns, self._channel, "", False))
        # Sent together with the commit, or before the next ones.
        self._columns = (
            _numbers(position), _texts(stream), _numbers(version), _texts(topic), _blobs(map(packed, state)), _texts(matter),
            _texts(org), _texts(task), _texts(command_id), _flags(final), _texts(content),
            _numbers(one or 0 for one in number), _texts(status), _numbers(first), _blobs(answer), _texts(person),
            _texts(tracking), _numbers(tracking.values()),
        )  # fmt: skip

    def commit(self, head: int) -> None:
        with self._whole(), self._connection.pipeline():
            if self._columns:
                self._run(WRITE, (*self._columns, self._channel, str(head), head > self._head))
            self._connection.execute("COMMIT")
        if head > self._head:
            self._signal.wake(head)

    def _run(self, statement: str, columns: Sequence[Any]) -> psycopg.Cursor[Any]:
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
            with WATCHDOG.over(self._connection, LONGEST_CALL_S):
                yield
        except LOST as error:
            # After any doubt the connection is given up: what it was doing is found out by asking again.
            self._connection.close()
            raise Lost(str(error)) from error
