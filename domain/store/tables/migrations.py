"""The tables of a ledger, version by version. Only the migration command runs this; no service makes a table.

`events` is append-only for everyone: a trigger refuses UPDATE, DELETE and TRUNCATE, whoever asks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from domain.store.tables.database import POSTGRES_SETTINGS, lock_number, missing_versions, open_sqlite

POSTGRES: Sequence[str] = (
    """
    CREATE TABLE ledger (epoch bigint NOT NULL);
    INSERT INTO ledger VALUES (1);
    CREATE TABLE events (
        originator_id text NOT NULL, originator_version bigint NOT NULL, topic text NOT NULL, state bytea NOT NULL,
        notification_id bigint NOT NULL, matter text NOT NULL, PRIMARY KEY (originator_id, originator_version)
    ) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
    ALTER TABLE events ALTER COLUMN state SET STORAGE EXTERNAL;
    CREATE UNIQUE INDEX events_position ON events (notification_id);
    CREATE INDEX events_matter ON events (matter, notification_id);
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'events are only ever appended' USING ERRCODE = 'insufficient_privilege'; END $$;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TABLE answers (
        sender_org text NOT NULL, sender_task text NOT NULL, command_id text NOT NULL, final boolean NOT NULL,
        content_hash text NOT NULL, answer_number bigint NOT NULL, status text NOT NULL,
        first_position bigint NOT NULL, answer bytea NOT NULL,
        PRIMARY KEY (command_id, sender_org, sender_task, final)
    );
    CREATE UNIQUE INDEX answers_number ON answers (sender_org, sender_task, answer_number);
    -- Each statement of a volatile function has a snapshot of its own: what follows the lock sees all that was committed
    -- before the lock was ours.
    CREATE FUNCTION begin_writing(ledger_lock bigint, orgs text[], tasks text[], ids text[])
        RETURNS TABLE (head bigint, org text, task text, id text, is_final boolean, hash text, number bigint, kept text,
            position_of bigint, body bytea) LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(ledger_lock);
            RETURN QUERY SELECT (SELECT coalesce(max(e.notification_id), 0) FROM events e), a.*
                FROM (SELECT 1) AS one LEFT JOIN (unnest(orgs, tasks, ids) AS w(o, t, c) CROSS JOIN LATERAL
                -- By the id alone, and each id by itself: a plan by organisation and task reads a sender's whole line.
                (SELECT b.* FROM answers b WHERE b.command_id = w.c OFFSET 0) AS a)
                ON a.sender_org = w.o AND a.sender_task = w.t;
        END $$;
    CREATE TABLE tracking (application_name text PRIMARY KEY, notification_id bigint NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE acknowledgements (
        topic text NOT NULL, position bigint NOT NULL, epoch bigint NOT NULL, sequence bigint NOT NULL,
        at_offset bigint NOT NULL, acknowledged_at bigint NOT NULL, PRIMARY KEY (topic, at_offset)
    );
    CREATE TABLE parked (topic text PRIMARY KEY, position bigint NOT NULL, code text NOT NULL);
    """,
    # A key belongs to a person, and a command without effect keeps it, without a number. Who spoke before is not known.
    """
    ALTER TABLE answers ADD COLUMN sender_person text NOT NULL DEFAULT '';
    ALTER TABLE answers ALTER COLUMN answer_number DROP NOT NULL;
    ALTER TABLE answers DROP CONSTRAINT answers_pkey;
    ALTER TABLE answers ADD PRIMARY KEY (command_id, sender_org, sender_task, sender_person, final);
    DROP FUNCTION begin_writing(bigint, text[], text[], text[]);
    CREATE FUNCTION begin_writing(ledger_lock bigint, orgs text[], tasks text[], ids text[])
        RETURNS TABLE (head bigint, org text, task text, id text, is_final boolean, hash text, number bigint, kept text,
            position_of bigint, body bytea, person text) LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(ledger_lock);
            RETURN QUERY SELECT (SELECT coalesce(max(e.notification_id), 0) FROM events e), a.*
                FROM (SELECT 1) AS one LEFT JOIN (unnest(orgs, tasks, ids) AS w(o, t, c) CROSS JOIN LATERAL
                -- By the id alone, and each id by itself: a plan by organisation and task reads a sender's whole line.
                (SELECT b.* FROM answers b WHERE b.command_id = w.c OFFSET 0) AS a)
                ON a.sender_org = w.o AND a.sender_task = w.t;
        END $$;
    """,
    """
    -- Acknowledgements stand in ranges, not in a row each: one for records that follow each other and were taken at once, of
    -- those that are here. (The state of an event may be packed from here on: an older program would not read it.)
    CREATE TABLE acknowledged (
        topic text NOT NULL, epoch bigint NOT NULL, first_sequence bigint NOT NULL, last_sequence bigint NOT NULL,
        first_offset bigint NOT NULL, last_offset bigint NOT NULL, first_position bigint NOT NULL,
        last_position bigint NOT NULL, first_at bigint NOT NULL, last_at bigint NOT NULL, times bytea NOT NULL,
        PRIMARY KEY (topic, first_offset)
    ) WITH (fillfactor = 70);
    INSERT INTO acknowledged
        SELECT topic, epoch, min(sequence), max(sequence), min(at_offset), max(at_offset), min(position), max(position),
            acknowledged_at, acknowledged_at, ''
        FROM (
            SELECT *, at_offset - row_number() OVER (
                PARTITION BY topic, epoch, acknowledged_at, at_offset - sequence ORDER BY at_offset
            ) AS island FROM acknowledgements
        ) AS a
        GROUP BY topic, epoch, acknowledged_at, at_offset - sequence, island;
    DROP TABLE acknowledgements;
    """,
    """
    -- The feed begins at 1: what stood before it would count in its stream, and in no feed. What may stand there already is
    -- for the audit to name. (The seals of events bind the whole header from here on: an older program would not open them.)
    ALTER TABLE events ADD CONSTRAINT events_position_counts CHECK (notification_id > 0) NOT VALID;
    """,
    """
    -- A disclosure keeps the address of its schema from here on: an older program would give other bytes for it.
    SELECT 1;
    """,
)

SQLITE: Sequence[str] = (
    """
    CREATE TABLE ledger (epoch INTEGER NOT NULL);
    INSERT INTO ledger VALUES (1);
    CREATE TABLE events (
        notification_id INTEGER PRIMARY KEY, originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL, state BLOB NOT NULL, matter TEXT NOT NULL, UNIQUE (originator_id, originator_version)
    );
    CREATE INDEX events_matter ON events (matter, notification_id);
    CREATE TRIGGER no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever appended'); END;
    CREATE TRIGGER no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever appended'); END;
    CREATE TABLE answers (
        sender_org TEXT NOT NULL, sender_task TEXT NOT NULL, command_id TEXT NOT NULL, final INTEGER NOT NULL,
        content_hash TEXT NOT NULL, answer_number INTEGER NOT NULL, status TEXT NOT NULL,
        first_position INTEGER NOT NULL, answer BLOB NOT NULL,
        PRIMARY KEY (sender_org, sender_task, command_id, final)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX answers_number ON answers (sender_org, sender_task, answer_number);
    CREATE TABLE tracking (application_name TEXT PRIMARY KEY, notification_id INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE acknowledgements (
        topic TEXT NOT NULL, position INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
        at_offset INTEGER NOT NULL, acknowledged_at INTEGER NOT NULL, PRIMARY KEY (topic, at_offset)
    ) WITHOUT ROWID;
    CREATE TABLE parked (topic TEXT PRIMARY KEY, position INTEGER NOT NULL, code TEXT NOT NULL);
    """,
    """
    DROP INDEX answers_number;
    ALTER TABLE answers RENAME TO answers_before;
    CREATE TABLE answers (
        sender_org TEXT NOT NULL, sender_task TEXT NOT NULL, command_id TEXT NOT NULL, final INTEGER NOT NULL,
        content_hash TEXT NOT NULL, answer_number INTEGER, status TEXT NOT NULL,
        first_position INTEGER NOT NULL, answer BLOB NOT NULL, sender_person TEXT NOT NULL,
        PRIMARY KEY (sender_org, sender_task, command_id, sender_person, final)
    ) WITHOUT ROWID;
    INSERT INTO answers SELECT *, '' FROM answers_before;
    DROP TABLE answers_before;
    CREATE UNIQUE INDEX answers_number ON answers (sender_org, sender_task, answer_number);
    """,
    """
    -- Acknowledgements stand in ranges, not in a row each: one for records that follow each other and were taken at once, of
    -- those that are here. (The state of an event may be packed from here on: an older program would not read it.)
    CREATE TABLE acknowledged (
        topic TEXT NOT NULL, epoch INTEGER NOT NULL, first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,
        first_offset INTEGER NOT NULL, last_offset INTEGER NOT NULL, first_position INTEGER NOT NULL,
        last_position INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, times BLOB NOT NULL,
        PRIMARY KEY (topic, first_offset)
    ) WITHOUT ROWID;
    INSERT INTO acknowledged
        SELECT topic, epoch, min(sequence), max(sequence), min(at_offset), max(at_offset), min(position), max(position),
            acknowledged_at, acknowledged_at, x''
        FROM (
            SELECT *, at_offset - row_number() OVER (
                PARTITION BY topic, epoch, acknowledged_at, at_offset - sequence ORDER BY at_offset
            ) AS island FROM acknowledgements
        ) AS a
        GROUP BY topic, epoch, acknowledged_at, at_offset - sequence, island;
    DROP TABLE acknowledgements;
    """,
    """
    -- The feed begins at 1: what stood before it would count in its stream, and in no feed. What may stand there already is
    -- for the audit to name. (The seals of events bind the whole header from here on: an older program would not open them.)
    CREATE TRIGGER position_counts AFTER INSERT ON events WHEN NEW.notification_id < 1
        BEGIN SELECT RAISE(ABORT, 'positions begin at 1'); END;
    """,
    """
    -- A disclosure keeps the address of its schema from here on: an older program would give other bytes for it.
    SELECT 1;
    """,
)


def schema_of(ledger: str) -> str:
    """The PostgreSQL schema of a ledger."""
    return "kuty_" + ledger.replace("-", "_")


def migrate_postgres(dsn: str, ledger: str, *, role: str | None = None) -> None:
    """Bring a ledger's schema to the newest version. `dsn` belongs to an owner of the database; `role` is the
    application's, which must exist: it may append and read events, and write answers and positions, and no more.

    Any number of processes may do it at once. Raises psycopg's errors.
    """
    schema = sql.Identifier(schema_of(ledger))
    with psycopg.connect(dsn, **POSTGRES_SETTINGS) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"migrate/{schema_of(ledger)}"),))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
        connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(schema))
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (version bigint PRIMARY KEY)")
        done = connection.execute("SELECT version FROM migrations").fetchall()
        for number, script in missing_versions(f"schema {schema_of(ledger)}", POSTGRES, done):
            connection.execute(script.encode())
            connection.execute("INSERT INTO migrations VALUES (%s)", (number,))
        if role is not None:
            for grant in (
                "USAGE ON SCHEMA {s}",
                "SELECT ON {s}.migrations, {s}.ledger",
                "SELECT, INSERT ON {s}.events, {s}.answers",
                "SELECT, INSERT, UPDATE ON {s}.tracking, {s}.acknowledged",
                "SELECT, INSERT, UPDATE, DELETE ON {s}.parked",
            ):
                connection.execute(sql.SQL("GRANT " + grant + " TO {r}").format(s=schema, r=sql.Identifier(role)))


def migrate_sqlite(path: Path) -> None:
    """Bring a ledger's file to the newest version; makes the file. Any number of processes may do it at once."""
    # Broker and read models lie beside it, and they are readable: nobody else on the machine may look into the folder.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch()
    connection = open_sqlite(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)")
        done = connection.execute("SELECT version FROM migrations").fetchall()
        for number, script in missing_versions(str(path), SQLITE, done):
            for statement in statements(script):
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (?)", (number,))
        connection.execute("COMMIT")
    finally:
        connection.close()


def statements(script: str) -> Iterable[str]:
    """The statements of a script one by one, as SQLite wants them."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
