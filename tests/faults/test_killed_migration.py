"""Making the tables of a ledger, or bringing them to the newest version, is killed again and again, and then run to its end:
the tables are those that an undisturbed run makes, with what was in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from faults.killing import Killing
from logins import login_dsn

from deploy.local.parts import Postgres
from deploy.migration import migrate
from deploy.settings import Settings
from domain.store.sealed import keys, vault
from domain.store.tables import migrations


def tables_of(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """How every table of every file there is made, and which versions it says it has."""
    found = {}
    for file in sorted(home.rglob("*.db")):
        with sqlite3.connect(file) as connection:
            made = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY 1").fetchall()
            versions = connection.execute("SELECT * FROM migrations ORDER BY 1").fetchall()
            found[file.relative_to(home).as_posix()] = [*made, *versions]
        connection.close()
    return found


def test_embedded_tables_are_made_though_making_them_was_killed(home: Path, killing: Killing) -> None:
    whole, broken = Settings(home=home / "whole"), Settings(home=home / "broken")
    calls = killing.calls_of(whole, "migrate")
    killing.broken_off_often(broken, calls, "migrate")
    assert tables_of(broken.home / "demo") == tables_of(whole.home / "demo")
    assert len(tables_of(whole.home / "demo")) == 3
    # and nothing that was begun lies about
    assert names_in(broken.home) == names_in(whole.home)


def names_in(home: Path) -> set[str]:
    """The files there; those that SQLite keeps beside its own come and go."""
    return {file.relative_to(home).as_posix() for file in home.rglob("*") if file.suffix not in {".db-wal", ".db-shm"}}


def test_embedded_tables_of_the_first_version_are_brought_up_though_it_was_killed(home: Path, killing: Killing) -> None:
    # given a ledger whose files are of the first version, with an answer in it
    for name in ("whole", "broken", "counted"):
        made_at_first(home / name)
    whole, broken = Settings(home=home / "whole"), Settings(home=home / "broken")
    calls = killing.calls_of(Settings(home=home / "counted"), "migrate")
    killing.calls_of(whole, "migrate")
    # when it is brought to the newest version
    killing.broken_off_often(broken, calls, "migrate")
    # then it is, with what was in it
    assert tables_of(broken.home / "demo") == tables_of(whole.home / "demo")
    with sqlite3.connect(broken.home / "demo" / "events.db") as connection:
        assert connection.execute("SELECT command_id, answer FROM answers").fetchall() == [("c-1", b"{}")]
    connection.close()


@contextmanager
def first_version() -> Iterator[None]:
    """A program that knows no later version of the tables."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((migrations, "SQLITE"), (migrations, "POSTGRES"), (keys, "TABLES"), (vault, "TABLES")):
            patch.setattr(module, name, getattr(module, name)[:1])
        yield


def made_at_first(home: Path) -> None:
    """The files as they were made before anything was added to them."""
    with first_version():
        migrate(Settings(home=home))
    connection = sqlite3.connect(home / "demo" / "events.db")
    connection.execute("INSERT INTO answers VALUES ('org', 'organiser', 'c-1', 1, 'hash', 1, 'recorded', 1, '{}')")
    connection.execute("UPDATE answers SET answer = CAST(answer AS BLOB)")
    connection.commit()
    connection.close()


SHAPE = (
    "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema ~ '^kuty_'",
    "SELECT schemaname, tablename, indexdef FROM pg_indexes WHERE schemaname ~ '^kuty_'",
    "SELECT nspname, proname, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
    " WHERE nspname ~ '^kuty_'",
    "SELECT tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
    " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname ~ '^kuty_' AND NOT tgisinternal",
    "SELECT conrelid::regclass::text, pg_get_constraintdef(c.oid) FROM pg_constraint c"
    " JOIN pg_namespace n ON n.oid = connamespace WHERE nspname ~ '^kuty_'",
    "SELECT table_schema, table_name, grantee, privilege_type FROM information_schema.role_table_grants"
    " WHERE table_schema ~ '^kuty_'",
    "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname ~ '^kuty_'",
    "SELECT 'store', version FROM kuty_demo.migrations",
    "SELECT 'keys', version FROM kuty_demo_keys.migrations",
    "SELECT 'vault', version FROM kuty_demo_vault.migrations",
    "SELECT command_id, answer_number, answer FROM kuty_demo.answers",
)
"""What there is to see of a ledger's tables on PostgreSQL."""


def shape_of(dsn: str) -> list[list[tuple[Any, ...]]]:
    """Columns, indexes, functions, triggers, constraints, rights, versions and answers."""
    with psycopg.connect(dsn) as connection:
        return [sorted(connection.execute(one.encode()).fetchall(), key=repr) for one in SHAPE]


@pytest.mark.parametrize("begun", ["from nothing", "from the first version"])
def test_tables_on_postgresql_are_made_though_making_them_was_killed(
    begun: str, postgres: Postgres, home: Path, killing: Killing
) -> None:
    """With logins that own nothing, as in a real installation."""
    logins = [f"broken_off_{home.name.replace('-', '_')}_{name}" for name in ("store", "models")]

    def fresh() -> Settings:
        owner = postgres.fresh_database()
        store, models = (login_dsn(owner, login) for login in logins)
        settings = Settings(home=home, owner_dsn=owner, store_dsn=store, models_dsn=models)
        if begun == "from the first version":
            with first_version():
                migrate(replace(settings, store_dsn=owner, models_dsn=""))  # the rights are those of the newest tables
            with psycopg.connect(owner) as connection:
                connection.execute(
                    "INSERT INTO kuty_demo.answers VALUES ('org', 'organiser', 'c-1', true, 'hash', 1, 'recorded', 1, '{}')"
                )
        return settings

    whole, broken = fresh(), fresh()
    calls = killing.calls_of(whole, "migrate")
    killing.broken_off_often(broken, calls, "migrate")
    assert shape_of(broken.owner_dsn) == shape_of(whole.owner_dsn)
    assert all(shape_of(whole.owner_dsn)[:-1])
