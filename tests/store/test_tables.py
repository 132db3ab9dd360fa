"""The tables themselves: who may do what with them, how they are made, and the library's own way in."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent, Tracking
from psycopg import sql
from psycopg.conninfo import make_conninfo
from store.small_ledger import LEDGER, WORKER, Ground, RecordDay, Register, kind_of

from domain.refusals import Reason
from domain.store import (
    Conflict,
    EventStore,
    Lost,
    NotMigrated,
    Parked,
    PostgresRecorder,
    SqliteRecorder,
    StoreUnavailable,
    migrate_postgres,
    migrate_sqlite,
    schema_of,
)

ROLE = "kuty_store_test"


@pytest.fixture
def role(postgres: Any) -> Iterator[tuple[Ground, str]]:
    """A migrated ledger, and the connection string of an application's role."""
    ground = Ground("postgresql", postgres.fresh_database())
    with psycopg.connect(ground.place, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(sql.Identifier(ROLE)))
    ground.migrate()
    migrate_postgres(ground.place, LEDGER, role=ROLE)
    yield ground, make_conninfo(ground.place, user=ROLE, password="secret")
    with psycopg.connect(ground.place, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(ROLE)))


def test_the_applications_role_may_append_and_nothing_else(role: tuple[Ground, str]) -> None:
    ground, dsn = role
    store = EventStore(PostgresRecorder(dsn, LEDGER), ground.keys(), ledger=LEDGER, kind_of=kind_of)
    assert store.execute(Register(), WORKER, "1").status == "recorded"
    store.track("relay", 1)
    store.close()
    schema = schema_of(LEDGER)
    for forbidden in (
        "UPDATE {}.events SET topic = ''",
        "DELETE FROM {}.events",
        "TRUNCATE {}.events",
        "UPDATE {}.answers SET status = ''",
        "DELETE FROM {}.answers",
        "ALTER TABLE {}.events DISABLE TRIGGER append_only",
        "CREATE TABLE {}.more (x int)",
    ):
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL(forbidden).format(sql.Identifier(schema)))


def test_events_are_only_ever_appended_whoever_asks(ground: Ground, store: EventStore) -> None:
    store.execute(Register(), WORKER, "1")
    for forbidden in ("UPDATE events SET topic = 'x'", "DELETE FROM events"):
        if ground.kind == "postgresql":
            path = f'-c search_path="{schema_of(LEDGER)}"'
            with psycopg.connect(ground.place, options=path) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(forbidden.encode())
        else:
            recorder: Any = store._recorder
            with pytest.raises(Exception, match="only ever appended"):
                recorder._ask(forbidden)
    assert store.head() == 1


def test_nothing_is_recorded_before_the_first_position(ground: Ground, store: EventStore) -> None:
    """It would count in its stream, and no feed would come by it."""
    store.execute(Register(), WORKER, "1")
    [row] = store._recorder.rows(0, 1)

    def record(position: int) -> None:
        writing = ground.recorder().begin()
        try:
            writing.write([row._replace(position=position, version=2)], (), {})
            writing.commit(position)
        finally:
            writing.rollback()

    for position in (0, -1):
        with pytest.raises((Lost, sqlite3.IntegrityError, psycopg.errors.CheckViolation)):
            record(position)
    assert store.stream_version(row.stream) == 1


def test_services_never_make_a_table(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(NotMigrated):
        ground.recorder().create_table()
    elsewhere = Ground(ground.kind, str(tmp_path / "elsewhere"))
    if ground.kind == "postgresql":
        elsewhere = Ground(ground.kind, make_conninfo(ground.place, dbname="postgres"))
    with pytest.raises(NotMigrated):
        elsewhere.recorder()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_processes_may_migrate_at_once(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = str(tmp_path / "new") if kind == "sqlite" else request.getfixturevalue("postgres").fresh_database()
    ground = Ground(kind, place)
    spawn = get_context("spawn")
    processes = [spawn.Process(target=ground.migrate) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 6
    store = ground.open()
    assert store.head() == 0
    store.close()


def test_a_connection_that_the_server_ends_before_the_commit_costs_a_second_try(postgres: Any) -> None:
    # given a writer whose connection is ended by the server, its batch written and not committed
    ground = Ground("postgresql", postgres.fresh_database())
    ground.migrate()
    store = ground.open()
    client = store.execute(Register(), WORKER, "1").client
    recorder: Any = store._recorder
    begin, ended = recorder.begin, []

    def ending(*arguments: Any) -> Any:
        writing = begin(*arguments)
        commit = writing.commit

        def after_the_end(head: int) -> None:
            if not ended:
                ended.append(head)
                with psycopg.connect(ground.place, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", (writing._connection.info.backend_pid,))
            commit(head)

        writing.commit = after_the_end
        return writing

    recorder.begin = ending
    # when a command comes, then it is recorded once all the same
    answer = store.execute(Register(), WORKER, "2")
    assert (answer.status, answer.number, answer.position, ended) == ("recorded", 2, 2, [2])
    assert answer.client != client
    store.close()


def test_the_librarys_own_methods_stay_usable(ground: Ground, store: EventStore) -> None:
    answer = store.execute(Register(), WORKER, "1")
    client = answer.client or ""
    recorder: Any = ground.recorder()
    (kept,) = recorder.select_events(client)
    (notified,) = recorder.select_notifications(1, 10)
    assert (kept.topic, kept.originator_version, notified.id, notified.state) == ("subject.registered.v1", 1, 1, kept.state)
    assert recorder.select_notifications(1, 10, inclusive_of_start=False) == []
    assert recorder.max_notification_id() == 1
    # its way in gives contiguous positions too, and moves a follower's position with the events
    again = [StoredEvent(client, 2, kept.topic, kept.state), StoredEvent(client, 3, kept.topic, kept.state)]
    assert list(recorder.insert_events(again, tracking=Tracking("follower", 7))) == [2, 3]
    assert recorder.max_tracking_id("follower") == 7
    with pytest.raises(Conflict):
        recorder.insert_events(again[:1])
    assert store.head() == 3
    recorder.close()


def test_a_topic_is_parked_where_it_was_refused_last_until_it_is_taken_up(store: EventStore) -> None:
    store.park(Parked("out.a", 7, "too_large"))
    store.park(Parked("out.a", 9, "not_allowed"))
    assert store.parked() == {"out.a": Parked("out.a", 9, "not_allowed")}
    store.park(Parked("out.a", 5, "too_large"))
    assert store.parked() == {"out.a": Parked("out.a", 5, "too_large")}
    store.unpark("out.a")
    assert store.parked() == {}


def test_an_empty_database_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(NotMigrated):
        SqliteRecorder(path)
    migrate_sqlite(path)
    recorder = SqliteRecorder(path)
    assert (recorder.head(), recorder.epoch) == (0, 1)
    recorder.close()


def test_a_thread_that_has_ended_leaves_no_connection_behind(tmp_path: Path) -> None:
    migrate_sqlite(tmp_path / "events.db")
    recorder = SqliteRecorder(tmp_path / "events.db")
    for _ in range(20):
        reading = threading.Thread(target=recorder.head)
        reading.start()
        reading.join()
    assert len(recorder._readers) == 1  # our own
    recorder.close()


# --- what was kept before -------------------------------------------------------------------------------------------------

ROWS_OF_ACKNOWLEDGEMENTS = """
    DROP TABLE acknowledged;
    CREATE TABLE acknowledgements (
        topic text NOT NULL, position bigint NOT NULL, epoch bigint NOT NULL, sequence bigint NOT NULL,
        at_offset bigint NOT NULL, acknowledged_at bigint NOT NULL, PRIMARY KEY (topic, at_offset)
    );
"""
BEFORE_SQLITE = f"""
    {ROWS_OF_ACKNOWLEDGEMENTS}
    ALTER TABLE answers RENAME TO newer;
    DROP INDEX answers_number;
    CREATE TABLE answers (
        sender_org TEXT NOT NULL, sender_task TEXT NOT NULL, command_id TEXT NOT NULL, final INTEGER NOT NULL,
        content_hash TEXT NOT NULL, answer_number INTEGER NOT NULL, status TEXT NOT NULL,
        first_position INTEGER NOT NULL, answer BLOB NOT NULL,
        PRIMARY KEY (sender_org, sender_task, command_id, final)
    ) WITHOUT ROWID;
    INSERT INTO answers SELECT sender_org, sender_task, command_id, final, content_hash, answer_number, status,
        first_position, answer FROM newer;
    DROP TABLE newer;
    CREATE UNIQUE INDEX answers_number ON answers (sender_org, sender_task, answer_number);
    DROP TRIGGER position_counts;
    DELETE FROM migrations WHERE version > 1;
"""
BEFORE_POSTGRES = f"""
    {ROWS_OF_ACKNOWLEDGEMENTS}
    ALTER TABLE answers DROP CONSTRAINT answers_pkey;
    ALTER TABLE answers DROP COLUMN sender_person;
    ALTER TABLE answers ALTER COLUMN answer_number SET NOT NULL;
    ALTER TABLE answers ADD PRIMARY KEY (command_id, sender_org, sender_task, final);
    ALTER TABLE events DROP CONSTRAINT events_position_counts;
    DELETE FROM migrations WHERE version > 1;
"""


def day(number: int) -> RecordDay:
    return RecordDay(on=date(2025, 3, 3) + timedelta(days=number))


def as_it_was_before(ground: Ground) -> None:
    """The tables before an answer's row said who had spoken."""
    if ground.kind == "sqlite":
        with sqlite3.connect(Path(ground.place) / "ledger.db") as file:
            file.executescript(BEFORE_SQLITE)
        return
    with psycopg.connect(ground.place, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema_of(LEDGER)}".encode())
        connection.execute(BEFORE_POSTGRES.encode())


def test_a_key_that_was_kept_before_its_person_is_found_by_its_sender_and_stands_in_nobodys_way(ground: Ground) -> None:
    store = ground.open()
    client = store.execute(Register(), WORKER, "0").client
    first = store.execute(day(0), WORKER, "1", client=client)
    store.close()
    as_it_was_before(ground)
    ground.migrate()
    store = ground.open()
    again = store.execute(day(0), WORKER, "1", client=client)
    assert (again.status, again.first, again.events) == ("already_recorded", "recorded", first.events)
    kept = store.answer(WORKER.sender, "1", WORKER.person)
    assert kept
    assert kept.events == first.events
    # A system's message id is taken, whoever had used it; another person's key is that person's own.
    system = replace(WORKER, person="system", any_person=True)
    assert store.execute(day(1), system, "1", client=client).codes == (Reason("E_KEY_REUSED"),)
    other = replace(WORKER, person="p-other")
    assert store.execute(day(1), other, "1", client=client).status == "recorded"
    assert store.execute(day(2), WORKER, "2", client=client).number == 4
    store.close()


def test_a_file_that_was_moved_away_is_no_database_that_answers_and_no_empty_one_is_made(tmp_path: Path) -> None:
    ground = Ground("sqlite", str(tmp_path))
    ground.migrate()
    store = ground.open(patience=0.0)
    store.execute(Register(), WORKER, "1")
    ledger, elsewhere = tmp_path / "ledger.db", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in tmp_path.glob("ledger.db*"):
        file.rename(elsewhere / file.name)
    for asked in (store.head, lambda: store.track("relay", 1), lambda: store.execute(Register(), WORKER, "2")):
        with pytest.raises(StoreUnavailable):
            asked()
    with pytest.raises(Lost):
        store._recorder.begin()
    assert not ledger.exists()
    # and once it is there again all goes on
    for file in elsewhere.iterdir():
        file.rename(tmp_path / file.name)
    store.track("relay", 1)
    assert store.execute(Register(), WORKER, "2").status == "recorded"
    store.close()


def test_a_write_that_is_broken_off_leaves_no_transaction_behind(ground: Ground) -> None:
    recorder: Any = ground.recorder()
    if ground.kind == "sqlite":
        with pytest.raises(KeyboardInterrupt), recorder._written():
            raise KeyboardInterrupt
    recorder.track("relay", 3)
    assert recorder.tracking("relay") == 3
    recorder.close()
