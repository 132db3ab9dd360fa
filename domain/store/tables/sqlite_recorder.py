"""The ledger's tables in one SQLite file: the library's recorder with contiguous positions of our own."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.sqlite import SQLiteDatastore, SQLiteProcessRecorder

from domain.record import header_of
from domain.store.tables.commit_signal import CommitSignal
from domain.store.tables.database import (
    NoLedger,
    NotMigrated,
    StoreUnavailable,
    check_known,
    file_at,
    is_gone,
    marks,
    open_sqlite,
)
from domain.store.tables.migrations import SQLITE
from domain.store.tables.packing import as_written
from domain.store.tables.recorders import (
    EVENT_COLUMNS,
    GROWN_STREAMS,
    OTHER_TABLES,
    AnswerRow,
    Conflict,
    Inquiry,
    Lost,
    Row,
    Sender,
    row_of,
)
from domain.store.tables.relayed import GROWN, PARK, Book, Parked, Range
from domain.store.tables.seen import Seen, check_epoch
from domain.store.tables.sqlite_writing import SqliteWriting, answer_row, answers_of

POLL_S = 0.1
"""How often a waiting follower looks whether another process has committed."""
TRACK = (
    "INSERT INTO tracking VALUES (?, ?) ON CONFLICT (application_name)"
    " DO UPDATE SET notification_id = max(notification_id, excluded.notification_id)"
)
MOST_PARAMETERS = 500
"""Of one statement: older builds of SQLite take 999."""


class SqliteRecorder(SQLiteProcessRecorder):
    """The tables of one ledger in a file. Raises `NotMigrated` when they are not there."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise NoLedger(f"no ledger in {path}")
        self._path = path
        super().__init__(SQLiteDatastore(str(path), lock_timeout=5, originator_id_type="text"), events_table_name="events")
        self._signal = CommitSignal()
        self._connection: _Opened | None = None
        self._local = threading.local()
        self._readers: weakref.WeakSet[_Opened] = weakref.WeakSet()
        self.seen = Seen()
        self.book = Book(self._ask, self._acknowledge)
        self.inquiry = Inquiry(self._ask)
        self.epoch = 0  # as long as nobody has asked
        try:
            self.check()
            self.epoch = self._ask("SELECT epoch FROM ledger")[0][0]
        except StoreUnavailable as error:
            raise NotMigrated(f"no ledger in {path}") from error

    def check(self) -> None:
        version = self._ask("SELECT max(version) FROM migrations")[0][0]
        check_known(str(self._path), version, SQLITE)
        if version < len(SQLITE):
            raise NotMigrated(f"{self._path} is at version {version}, not {len(SQLITE)}")

    def size(self) -> int:
        return sum(file.stat().st_size for file in self._path.parent.glob(f"{self._path.name}*"))

    def create_table(self) -> None:
        """Refused: tables are made by the migration command alone."""
        raise NotMigrated("tables are made by the migration command")

    # --- writing ---

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.file == file_at(self._path)

    def begin(
        self, wanted: Sequence[tuple[str, str, str]] = (), after: int | None = None, followers: Sequence[str] = ()
    ) -> SqliteWriting:
        try:
            if self._connection is None or not self.connected:
                self._let_go()
                self._connection = _Opened(self._path)
            opened = self._connection
            writing = SqliteWriting(self._look(opened), self._signal, wanted)
            check_epoch(self.epoch, writing.epoch)
            self.seen.check_head(writing.head())
            opened.tables = opened.tables or writing.tables
            if writing.tables == opened.tables:
                return writing
        except (sqlite3.OperationalError, Lost) as error:
            # Busy, as a rule. What has begun is nobody's to roll back, and the next one begins on this connection.
            if self._connection is not None:
                self._connection.connection.rollback()
            if is_gone(error):
                self._let_go()
                raise self.seen.without_tables(str(self._path), error) from error
            raise Lost(str(error)) from error
        except BaseException:
            self._let_go()
            raise
        self._let_go()
        raise Lost(OTHER_TABLES)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's way in: append with the next positions. Raises `Conflict`, `Lost`."""
        tracking: Tracking | None = kwargs.get("tracking")
        try:
            connection = open_sqlite(self._path)
        except sqlite3.OperationalError as error:
            raise Lost(str(error)) from error
        writing = SqliteWriting(connection, self._signal)
        try:
            head = writing.head()
            rows = [
                Row(head + n, str(stored.originator_id), stored.originator_version, stored.topic, stored.state,
                    header_of(stored.state).matter)
                for n, stored in enumerate(stored_events, 1)
            ]  # fmt: skip
            writing.write(rows, (), {tracking.application_name: tracking.notification_id} if tracking else {})
            writing.commit(head + len(rows))
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from error
        finally:
            writing.rollback()
            connection.close()
        return [row.position for row in rows]

    # --- reading ---

    def select_events(self, *arguments: Any, **options: Any) -> Sequence[StoredEvent]:
        """A stream in the library's form."""
        return [as_written(stored) for stored in super().select_events(*arguments, **options)]

    def select_notifications(
        self, start: int | None, limit: int, stop: int | None = None, topics: Sequence[str] = (),
        *, inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:  # fmt: skip
        """A page of the feed in the library's form."""
        after = (start or 0) - (1 if inclusive_of_start and start is not None else 0)
        return [
            Notification(id=row.position, originator_id=row.stream, originator_version=row.version, topic=row.topic,
                         state=row.state)
            for row in self.rows(after, limit, topics)
            if stop is None or row.position <= stop
        ]  # fmt: skip

    def rows(self, after: int, limit: int, topics: Sequence[str] = ()) -> list[Row]:
        chosen = f" AND topic IN ({marks(len(topics))})" if topics else ""
        return self._rows(f"WHERE notification_id > %s{chosen} ORDER BY notification_id LIMIT %s", (after, *topics, limit))

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        ordered = sorted(positions)
        asked = (ordered[start : start + MOST_PARAMETERS] for start in range(0, len(ordered), MOST_PARAMETERS))
        wanted = ((f"WHERE notification_id IN ({marks(len(some))}) ORDER BY notification_id", some) for some in asked)
        return [row for where, some in wanted for row in self._rows(where, some)]

    def stream_rows(self, stream: str, after: int = 0, limit: int | None = None) -> list[Row]:
        return self._rows(
            "WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version LIMIT %s",
            (stream, after, -1 if limit is None else limit),
        )

    def matter_rows(
        self, matters: Sequence[str], topics: Sequence[str], after: int = 0, *, streams: str = ""
    ) -> list[Row]:
        chosen = f" AND topic IN ({marks(len(topics))})" if topics else ""
        chosen += " AND substr(originator_id, 1, %s) = %s" if streams else ""
        return self._rows(
            f"WHERE matter IN ({marks(len(matters))}) AND notification_id > %s{chosen} ORDER BY notification_id",
            (*matters, after, *topics, *((len(streams), streams) if streams else ())),
        )

    def head(self) -> int:
        return int(self._ask("SELECT coalesce(max(notification_id), 0) FROM events")[0][0])

    def last(self) -> Row | None:
        return next(iter(self._rows("ORDER BY notification_id DESC LIMIT 1", ())), None)

    def streams(self) -> list[str]:
        return sorted(name for (name,) in self._ask("SELECT DISTINCT originator_id FROM events"))

    def grown(self, after: int) -> dict[str, int]:
        return dict(self._ask(GROWN_STREAMS, (after,)))

    def stream_version(self, stream: str) -> int:
        found = self._ask("SELECT coalesce(max(originator_version), 0) FROM events WHERE originator_id = %s", (stream,))
        return int(found[0][0])

    def answer_rows(self, sender: Sender, after: int, limit: int) -> list[AnswerRow]:
        return [
            answer_row(row)
            for row in self._ask(
                "SELECT * FROM answers WHERE sender_org = %s AND sender_task = %s"
                " AND answer_number > %s ORDER BY answer_number LIMIT %s",
                (*sender, after, limit),
            )
        ]

    def answers_to(self, sender: Sender, *command_ids: str) -> list[AnswerRow]:
        return answers_of(self._ask, [(*sender, command_id) for command_id in command_ids])

    def tracking(self, name: str) -> int:
        found = self._ask("SELECT notification_id FROM tracking WHERE application_name = %s", (name,))
        return int(found[0][0]) if found else 0

    def trackings(self, names: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(names), MOST_PARAMETERS):
            some = names[start : start + MOST_PARAMETERS]
            found |= dict(
                self._ask(
                    f"SELECT application_name, notification_id FROM tracking WHERE application_name IN ({marks(len(some))})",
                    some,
                )
            )
        return found

    # --- the relay's book ---

    def place(self, places: Mapping[str, int]) -> None:
        with self._written() as connection:
            connection.executemany(
                "INSERT INTO tracking VALUES (?, ?) ON CONFLICT (application_name)"
                " DO UPDATE SET notification_id = excluded.notification_id",
                places.items(),
            )

    def track(self, name: str, position: int) -> None:
        with self._written() as connection:
            connection.execute(TRACK, (name, position))

    def _acknowledge(self, name: str, position: int, ranges: Sequence[Range]) -> None:
        with self._written() as connection:
            connection.executemany(f"INSERT INTO acknowledged VALUES ({', '.join('?' * len(Range._fields))}){GROWN}", ranges)
            connection.execute(TRACK, (name, position))

    def park(self, parked: Parked) -> None:
        with self._written() as connection:
            connection.execute(PARK.replace("%s", "?"), parked)

    def unpark(self, topic: str) -> None:
        with self._written() as connection:
            connection.execute("DELETE FROM parked WHERE topic = ?", (topic,))

    def parked(self) -> dict[str, Parked]:
        return {row[0]: Parked(*row) for row in self._ask("SELECT topic, position, code FROM parked")}

    # --- following ---

    def signalled(self, timeout: float, after: int | None) -> None:
        seen = self.head() if after is None else after
        give_up_at = time.monotonic() + timeout
        while self.head() <= seen and (remaining := give_up_at - time.monotonic()) > 0:
            self._signal.wait(min(remaining, POLL_S), seen)

    def close(self) -> None:
        self._signal.wake(0)
        for reader in list(self._readers):
            reader.connection.close()
        self._let_go()
        self.datastore.close()

    def _let_go(self) -> None:
        """Of the writer's connection, and of what was begun on it."""
        if self._connection is not None:
            self._connection.connection.close()
        self._connection = None

    def _rows(self, where: str, parameters: Sequence[Any]) -> list[Row]:
        return [row_of(row) for row in self._ask(f"SELECT {EVENT_COLUMNS} FROM events {where}", parameters)]

    def _ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._reader().execute(statement.replace("%s", "?"), parameters).fetchall()
        except sqlite3.OperationalError as error:
            if is_gone(error):
                raise self.seen.without_tables(str(self._path), error) from error
            raise StoreUnavailable(str(error)) from error

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._reader()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(str(error)) from error

    def _reader(self) -> sqlite3.Connection:
        reader: _Opened | None = getattr(self._local, "reader", None)
        if reader is None or reader.file != file_at(self._path):
            reader = self._local.reader = _Opened(self._path)
            self._readers.add(reader)
        return self._look(reader)

    def published(self, position: int, hash: str) -> None:
        self.seen.note_published(position, hash)

    def _look(self, opened: _Opened) -> sqlite3.Connection:
        """Look whether the file has what was seen. Raises `StoreWentBack`."""
        opened.looked = self.seen.look(
            opened.looked, self.epoch,
            lambda statement, values: opened.connection.execute(statement.replace("%s", "?"), values).fetchall(),
        )  # fmt: skip
        return opened.connection


class _Opened:
    """A connection, closed with whoever holds it: threads that serve requests come and go."""

    __slots__ = ("__weakref__", "connection", "file", "looked", "tables")

    def __init__(self, path: Path) -> None:
        # Before it is opened: where another file is put there meanwhile, the next look opens that one.
        self.file = file_at(path)
        self.looked = 0
        self.tables = 0
        """Which tables were written into on it, 0 before the first."""
        self.connection = open_sqlite(path)

    def __del__(self) -> None:
        if hasattr(self, "connection"):  # else it was never opened
            self.connection.close()
