"""The ledger's tables in PostgreSQL: the library's recorder with positions of our own, an advisory lock and timeouts.

The library's default takes an EXCLUSIVE table lock, for which an application role that may only append has no right,
and its server-side function takes none, so that a tailing reader skips events (design D12). Here every transaction
takes `pg_advisory_xact_lock` first and counts positions itself.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row, tuple_row

from domain.record import header_of
from domain.store.tables.commit_signal import CommitSignal
from domain.store.tables.database import (
    LONGEST_CALL_S,
    LOST,
    NO_RIGHTS,
    NO_TABLES,
    POSTGRES_SETTINGS,
    SESSION_TIMEOUTS,
    NotMigrated,
    StoreUnavailable,
    check_known,
    lock_number,
)
from domain.store.tables.migrations import POSTGRES, schema_of
from domain.store.tables.packing import as_written
from domain.store.tables.postgres_writing import PostgresWriting, register_columns
from domain.store.tables.recorders import (
    ANSWER_COLUMNS,
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
from domain.store.tables.seen import EPOCH, Seen, check_epoch
from domain.store.tables.watchdog import WATCHDOG

T = TypeVar("T")
POLL_S = 1.0
BY_INDEX = "-c enable_seqscan=off"
"""The writer asks for few rows, each by its key; a plan made while the tables were small is kept while they grow."""
PATIENCE_S = 5.0
LONGEST_READ_S = 12.0
"""Longer than the server's own limit for a statement: it ends what hangs, not what is slow."""
TRACK = (
    "INSERT INTO tracking VALUES (%s, %s) ON CONFLICT (application_name)"
    " DO UPDATE SET notification_id = greatest(tracking.notification_id, excluded.notification_id)"
)
PLACE = (
    "INSERT INTO tracking SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT (application_name)"
    " DO UPDATE SET notification_id = excluded.notification_id"
)


class LedgerDatastore(PostgresDatastore):
    """The library's pool of connections, each with our timeouts and the ledger's schema. Text stream names."""

    def __init__(self, dsn: str, schema: str, *, pool_size: int = 1, max_overflow: int = 15) -> None:
        named = conninfo_to_dict(dsn)
        super().__init__(
            dbname=str(named.get("dbname", "")), host=str(named.get("host", "")), port=str(named.get("port", 5432)),
            user=str(named.get("user", "")), password=str(named.get("password", "")),
            connect_timeout=5.0, idle_in_transaction_session_timeout=15.0, pool_size=pool_size,
            max_overflow=max_overflow, lock_timeout=5, schema=schema, originator_id_type="text",
            enable_db_functions=False,
        )  # fmt: skip
        self.settings = {
            **named,
            **POSTGRES_SETTINGS,
            "options": f'{SESSION_TIMEOUTS} -c search_path="{schema}"',
        }
        # The library reads rows as mappings.
        self.pool.kwargs = {**self.settings, "row_factory": dict_row}


class PostgresRecorder(PostgresProcessRecorder):
    """The tables of one ledger in schema `kuty_<ledger>`. Raises `NotMigrated` when they are not there."""

    def __init__(self, dsn: str, ledger: str) -> None:
        self.schema = schema_of(ledger)
        self._store = LedgerDatastore(dsn, self.schema)
        super().__init__(self._store, events_table_name="events", tracking_table_name="tracking")
        self.channel_name = self.schema
        self.lock = lock_number(f"ledger/{self.schema}")
        self._signal = CommitSignal()
        self._listening: threading.Thread | None = None
        self._closed = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._guard = threading.Lock()
        self.seen = Seen()
        self.book = Book(self._ask, self._acknowledge)
        self.inquiry = Inquiry(self._ask)
        self._tables = 0
        self.epoch = 0  # as long as nobody has asked
        self._looked: weakref.WeakKeyDictionary[psycopg.Connection[Any], int] = weakref.WeakKeyDictionary()
        self.check()
        self.epoch = self._ask(EPOCH)[0][0]

    def check(self) -> None:
        version = self._ask("SELECT max(version) FROM migrations")[0][0]
        check_known(f"schema {self.schema}", version, POSTGRES)
        if version < len(POSTGRES):
            raise NotMigrated(f"schema {self.schema} is at version {version}, not {len(POSTGRES)}")

    def size(self) -> int:
        tables = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s"
        asked = f"SELECT coalesce(sum(pg_total_relation_size(t.oid)), 0) FROM ({tables} AND c.relkind = 'r') t"
        return int(self._ask(asked, (self.schema,))[0][0])

    def create_table(self) -> None:
        """Refused: tables are made by the migration command alone."""
        raise NotMigrated("tables are made by the migration command")

    # --- writing ---

    @property
    def connected(self) -> bool:
        return self._connection is not None and not self._connection.closed

    def begin(
        self, wanted: Sequence[tuple[str, str, str]] = (), after: int | None = None, followers: Sequence[str] = ()
    ) -> PostgresWriting:
        try:
            if self._connection is None or not self.connected:
                self._connection, self._tables = self._connect(), 0
            with WATCHDOG.over(self._connection, LONGEST_CALL_S):
                self._look(self._connection)
            writing = PostgresWriting(
                self._connection, self.lock, self.channel_name, self._signal, wanted, after, followers
            )  # fmt: skip
            check_epoch(self.epoch, writing.epoch)
            self.seen.check_head(writing.head())
            self._tables = self._tables or writing.tables
            if writing.tables != self._tables:
                raise Lost(OTHER_TABLES)
            return writing
        except LOST as error:
            raise Lost(str(error)) from error
        except BaseException as error:
            # What has begun and gone wrong is nobody's to roll back, and the next one begins on this connection.
            if self._connection is not None:
                self._connection.close()
            if isinstance(error, (*NO_TABLES, *NO_RIGHTS)):
                raise self.seen.without_tables(f"schema {self.schema}", error) from error
            raise

    def published(self, position: int, hash: str) -> None:
        self.seen.note_published(position, hash)

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        """Look whether the database has what was seen. Raises `StoreWentBack`."""

        def ask(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
            cursor = connection.cursor(binary=True, row_factory=tuple_row)
            return cursor.execute(statement.encode(), parameters).fetchall()

        self._looked[connection] = self.seen.look(self._looked.get(connection, 0), self.epoch, ask)

    def _connect(self) -> psycopg.Connection[Any]:
        settings = {**self._store.settings, "options": f"{self._store.settings['options']} {BY_INDEX}"}
        connection = psycopg.connect(**settings, row_factory=tuple_row, autocommit=True)
        register_columns(connection)
        return connection

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's way in: append under the same lock, with the next positions. Raises `Conflict`, `Lost`."""
        tracking: Tracking | None = kwargs.get("tracking")
        with self._connect() as connection:
            writing = PostgresWriting(connection, self.lock, self.channel_name, self._signal)
            try:
                head = writing.head()
                rows = [
                    Row(head + n, str(stored.originator_id), stored.originator_version, stored.topic, stored.state,
                        header_of(stored.state).matter)
                    for n, stored in enumerate(stored_events, 1)
                ]  # fmt: skip
                writing.write(rows, (), {tracking.application_name: tracking.notification_id} if tracking else {})
                writing.commit(head + len(rows))
            except psycopg.errors.UniqueViolation as error:
                writing.rollback()
                raise Conflict(str(error)) from error
            except BaseException:
                writing.rollback()
                raise
        return [row.position for row in rows]

    # --- reading ---

    def select_events(self, *arguments: Any, **options: Any) -> Sequence[StoredEvent]:
        """A stream in the library's form."""
        return [as_written(stored) for stored in super().select_events(*arguments, **options)]

    def select_notifications(self, *arguments: Any, **options: Any) -> Sequence[Notification]:
        """A page of the feed in the library's form."""
        return [as_written(notified) for notified in super().select_notifications(*arguments, **options)]

    def rows(self, after: int, limit: int, topics: Sequence[str] = ()) -> list[Row]:
        chosen = " AND topic = ANY(%s)" if topics else ""
        parameters = (after, list(topics), limit) if topics else (after, limit)
        return self._rows(f"WHERE notification_id > %s{chosen} ORDER BY notification_id LIMIT %s", parameters)

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        return self._rows("WHERE notification_id = ANY(%s) ORDER BY notification_id", (list(positions),))

    def stream_rows(self, stream: str, after: int = 0, limit: int | None = None) -> list[Row]:
        return self._rows(
            "WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version LIMIT %s",
            (stream, after, limit),
        )

    def matter_rows(
        self, matters: Sequence[str], topics: Sequence[str], after: int = 0, *, streams: str = ""
    ) -> list[Row]:
        chosen = " AND topic = ANY(%s)" if topics else ""
        chosen += " AND starts_with(originator_id, %s)" if streams else ""
        parameters: list[Any] = [list(matters), after, *([list(topics)] if topics else []), *([streams] if streams else [])]
        return self._rows(f"WHERE matter = ANY(%s) AND notification_id > %s{chosen} ORDER BY notification_id", parameters)

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
            AnswerRow(*row)
            for row in self._ask(
                f"SELECT {ANSWER_COLUMNS} FROM answers WHERE sender_org = %s AND sender_task = %s"
                " AND answer_number > %s ORDER BY answer_number LIMIT %s",
                (*sender, after, limit),
            )
        ]

    def answers_to(self, sender: Sender, *command_ids: str) -> list[AnswerRow]:
        return [
            AnswerRow(*row)
            for row in self._ask(
                f"SELECT {ANSWER_COLUMNS} FROM answers"
                " WHERE sender_org = %s AND sender_task = %s AND command_id = ANY(%s)",
                (*sender, list(command_ids)),
            )
        ]

    def tracking(self, name: str) -> int:
        found = self._ask("SELECT notification_id FROM tracking WHERE application_name = %s", (name,))
        return int(found[0][0]) if found else 0

    def trackings(self, names: Sequence[str]) -> dict[str, int]:
        return dict(
            self._ask(
                "SELECT application_name, notification_id FROM tracking WHERE application_name = ANY(%s)", (list(names),)
            )
        )

    # --- the relay's book ---

    def place(self, places: Mapping[str, int]) -> None:
        self._ask(PLACE, (list(places), list(places.values())))

    def track(self, name: str, position: int) -> None:
        self._ask(TRACK, (name, position))

    def _acknowledge(self, name: str, position: int, ranges: Sequence[Range]) -> None:
        # One statement is one transaction, and one round trip.
        self._ask(
            "WITH kept AS (INSERT INTO acknowledged SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[],"
            " %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
            f" %s::bytea[]){GROWN}) {TRACK}",
            (*([one[n] for one in ranges] for n in range(len(Range._fields))), name, position),
        )

    def park(self, parked: Parked) -> None:
        self._ask(PARK, parked)

    def unpark(self, topic: str) -> None:
        self._ask("DELETE FROM parked WHERE topic = %s", (topic,))

    def parked(self) -> dict[str, Parked]:
        return {row[0]: Parked(*row) for row in self._ask("SELECT topic, position, code FROM parked")}

    # --- following ---

    def signalled(self, timeout: float, after: int | None) -> None:
        if self._listening is None:
            with self._guard:
                if self._listening is None:
                    self._listening = threading.Thread(target=self._listen, name=f"listen-{self.schema}", daemon=True)
                    self._listening.start()
        self._signal.wait(min(timeout, POLL_S), after)

    def close(self) -> None:
        self._closed.set()
        self._signal.wake(0)
        if self._listening is not None:
            self._listening.join()
        if self._connection is not None:
            self._connection.close()
        self.datastore.close()

    def _listen(self) -> None:
        while not self._closed.is_set():
            # A broken line is no fault: whoever waits looks again after a second anyway.
            with suppress(*LOST), self._connect() as connection:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self.channel_name)))
                while not self._closed.is_set():
                    for notice in connection.notifies(timeout=0.2, stop_after=1):
                        self._signal.wake(int(notice.payload or 0))
            self._closed.wait(0.2)

    def _rows(self, where: str, parameters: Sequence[Any]) -> list[Row]:
        return [row_of(row) for row in self._ask(f"SELECT {EVENT_COLUMNS} FROM events {where}", parameters)]

    def _ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        def work(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
            cursor = connection.cursor(binary=True, row_factory=tuple_row).execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

        return self._attempt(work)

    def _attempt(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        # Pooled connections may have died while they lay there, all of them when the server was killed: each failure
        # throws one out, and a server that is on its way up again is waited for.
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._borrowed() as connection:
                    return work(connection)
            except (*NO_TABLES, *NO_RIGHTS) as error:
                raise self.seen.without_tables(f"schema {self.schema}", error) from error
            except LOST as error:
                if time.monotonic() > give_up_at or self._closed.is_set():
                    raise StoreUnavailable(str(error)) from error
                self._closed.wait(0.02)

    @contextmanager
    def _borrowed(self) -> Iterator[psycopg.Connection[Any]]:
        self._store.pool.open()
        with self._store.pool.connection(timeout=5.0) as connection, WATCHDOG.over(connection, LONGEST_READ_S):
            self._look(connection)
            yield connection
