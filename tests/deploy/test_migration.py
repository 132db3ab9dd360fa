"""What a ledger's tables and files may be used for, and by whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.cli import ROLES, main
from deploy.halts import MODEL, advice_on
from deploy.migration import migrate, owns_nothing, provision
from deploy.settings import Settings, WrongSetting
from deploy.wiring import PROVISIONER, Provisioner, open_ledger_parts
from domain.directory import Recipient
from domain.store import Use, schema_of
from projections.read_models import schema_name
from projections.read_models_postgres import NotMade, PostgresModels

LOGIN = "kuty_migration_test"


def test_nobody_else_on_the_machine_looks_into_an_embedded_ledger(tmp_path: Path) -> None:
    migrate(Settings(home=tmp_path / "var", ledger="demo"))
    assert (tmp_path / "var" / "demo").stat().st_mode & 0o077 == 0


def test_who_looked_and_what_was_destroyed_stays_written(postgres: Any, tmp_path: Path) -> None:
    owner = postgres.fresh_database()
    store = make_conninfo(owner, user=LOGIN, password="secret")
    settings = Settings(home=tmp_path, ledger="demo", store_dsn=store, owner_dsn=owner)
    migrate(settings)
    wired = open_ledger_parts(settings)
    use = Use(
        used_at=datetime(2025, 1, 2, tzinfo=UTC), subject_ref="a" * 32, org="c", task="organiser", role="own_worker",
        person="w1", purpose="service", what="search",
    )  # fmt: skip
    wired.vault.log_use([use])
    wired.keys.create(["m" * 32])
    wired.keys.destroy("m" * 32)
    assert wired.vault.uses("a" * 32) == [use]
    for forbidden in (
        "UPDATE kuty_demo_vault.uses SET subject_ref = 'b'",
        "DELETE FROM kuty_demo_vault.uses",
        "TRUNCATE kuty_demo_vault.uses",
        "DELETE FROM kuty_demo_keys.destroyed_keys",
        "UPDATE kuty_demo_keys.destroyed_keys SET proof = ''",
    ):
        with psycopg.connect(store) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(forbidden.encode())
    wired.close()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(LOGIN)))


@pytest.mark.parametrize("name", ["demo-keys", "demo-vault", "demo-kela-payment"])
def test_a_ledger_whose_name_would_take_the_place_of_another_ones_part_is_refused(
    divided: Settings, name: str
) -> None:
    settings = replace(divided, ledger=name)
    with pytest.raises(WrongSetting, match=f"^KUTY_LEDGER is '{name}', .* choose another name"):
        migrate(settings)
    migrate(divided)


def test_a_ledger_is_refused_where_another_one_has_the_place_of_its_keys(divided: Settings) -> None:
    migrate(replace(divided, ledger="west-keys"))
    with pytest.raises(WrongSetting, match="whose keys would stand in the schema kuty_west_keys"):
        migrate(replace(divided, ledger="west"))


@pytest.fixture
def divided(postgres: Any, tmp_path: Path) -> Iterator[Settings]:
    """A ledger on PostgreSQL under logins that own nothing, with the read model of one recipient."""
    owner = postgres.fresh_database()
    store, models = (make_conninfo(owner, user=f"{LOGIN}_{name}", password="secret") for name in ("store", "models"))
    settings = Settings(
        home=tmp_path, ledger="demo", store_dsn=store, models_dsn=models, owner_dsn=owner, token_key="t" * 44
    )  # fmt: skip
    migrate(settings)
    provision(settings, ["kela-payment"])
    yield settings
    with psycopg.connect(owner, autocommit=True) as connection:
        for name in ("store", "models"):
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(f"{LOGIN}_{name}")))


def test_a_recipient_whose_schema_cannot_be_made_keeps_no_other_from_its_own(divided: Settings) -> None:
    def recipient(name: str) -> Recipient:
        return Recipient(name, "0000005-1", "benefit_payment", date(2025, 1, 1))

    recipients = [recipient("kela-b"), recipient("kela-c")]
    provisioner = Provisioner(divided, lambda: recipients)
    with psycopg.connect(divided.owner_dsn, autocommit=True) as owner:
        owner.execute(f"CREATE SCHEMA {schema_name('demo', 'kela-b')}".encode())
        with pytest.raises(NotMade) as not_made:
            provisioner.step()
        assert advice_on(not_made.value) == MODEL
        # when somebody joins after it
        recipients.append(recipient("kela-d"))
        with pytest.raises(NotMade, match=r"^the schema of kela-b cannot be made: [a-z]"):
            provisioner.step()
        with closing(PostgresModels(divided.models_dsn, "demo", connections=1)) as models:
            assert [models.of(name).feed().live_epoch for name in ("kela-c", "kela-d")] == [0, 0]
        # and when the name is free, then that one alone is missing yet
        owner.execute(f"DROP SCHEMA {schema_name('demo', 'kela-b')}".encode())
    assert (provisioner.step(), provisioner.step()) == (1, 0)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {PROVISIONER}))
def test_what_a_role_is_given_makes_nothing_and_reads_no_more_than_it_needs(divided: Settings, role: str) -> None:
    """Design D19."""
    given = divided.of_roles((role,))
    owner = psycopg.conninfo.conninfo_to_dict(divided.owner_dsn)
    assert not [value for value in given.environment().values() if str(owner["password"]) in value]
    assert bool(given.models_dsn) == (role in ("api", "projector"))
    assert bool(given.token_key) == (role == "api")
    owns_nothing(given)
    events, model = schema_of("demo"), schema_name("demo", "kela-payment")
    made = ("CREATE SCHEMA x", "CREATE TABLE public.x (n int)", f"CREATE TABLE {events}.x (n int)", "CREATE ROLE x",
            f"DROP TABLE {events}_keys.matter_keys", f"DROP SCHEMA {events} CASCADE", "CREATE DATABASE x")  # fmt: skip
    foreign = {
        given.store_dsn: [f"SELECT * FROM {model}.feed", f"CREATE TABLE {model}.x (n int)", f"SET ROLE {model}"],
        given.models_dsn: [f"SELECT * FROM {events}_{name}" for name in ("keys.matter_keys", "vault.clients")],
    }
    foreign.pop("", None)
    for dsn, read in foreign.items():
        for forbidden in (*made, *read):
            with psycopg.connect(dsn, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden.encode())


def test_a_role_refuses_the_rights_of_the_owner(
    divided: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in divided.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["serve", "--role", "clerk"]) == 1
    assert "clerk must not have the rights of the owner" in capsys.readouterr().err
    # nor under another name
    monkeypatch.setenv("KUTY_OWNER_DSN", "")
    monkeypatch.setenv("KUTY_STORE_DSN", divided.owner_dsn)
    assert main(["serve", "--role", "clerk"]) == 1
    said = capsys.readouterr().err
    assert "KUTY_STORE_DSN may make schemas or roles" in said
    assert str(psycopg.conninfo.conninfo_to_dict(divided.owner_dsn)["password"]) not in said
    with pytest.raises(WrongSetting):
        owns_nothing(Settings(store_dsn=divided.store_dsn, models_dsn=divided.owner_dsn))


NEWER = "INSERT INTO {}migrations VALUES (999)"
LOOKING = (("migrate",), ("demo", "--clients", "1"), ("serve", "--role", "clerk"), ("audit", "chains"))


@pytest.mark.parametrize("file", ["events.db", "keys.db", "vault.db"])
def test_files_of_a_newer_program_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    migrate(Settings(home=tmp_path))
    with closing(sqlite3.connect(tmp_path / "demo" / file)) as connection:
        connection.execute(NEWER.format(""))
        connection.commit()
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    for words in LOOKING:
        assert main(words) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"kuty: {tmp_path / 'demo' / file} is at version 999, and this program knows versions up to ")
        assert said.endswith(": run the program that made it, or a newer one\n")


@pytest.mark.parametrize("schema", ["kuty_demo", "kuty_demo_keys", "kuty_demo_vault"])
def test_schemas_of_a_newer_program_are_left_alone(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], schema: str
) -> None:
    owner = postgres.fresh_database()
    store = make_conninfo(owner, user=f"{LOGIN}_newer", password="secret")
    settings = Settings(home=tmp_path, store_dsn=store, owner_dsn=owner)
    migrate(settings)
    with psycopg.connect(owner) as connection:
        connection.execute(NEWER.format(f"{schema}.").encode())
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    for words in LOOKING:
        monkeypatch.setenv("KUTY_OWNER_DSN", "" if words[0] in ("serve", "audit") else owner)
        assert main(words) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"kuty: schema {schema} is at version 999, and this program knows versions up to ")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(f"{LOGIN}_newer")))
