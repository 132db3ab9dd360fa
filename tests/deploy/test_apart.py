"""Store, keys and vault in three databases, each with an owner and a login of its own (design D15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from described import Local
from house import CODE, House, app_of
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from stories import INTAKE, OWN_WORKER

from deploy.cli import main
from deploy.migration import migrate, owns_nothing
from deploy.settings import Settings, WrongSetting
from deploy.wiring import open_ledger_parts, opened
from domain.identifiers import synthetic_identity_code
from domain.store import ClientRecord, schema_of

LEDGER = "house"
PARTS = ("store", "keys", "vault")


def login(owner: str, part: str) -> str:
    """A login that owns nothing."""
    return make_conninfo(owner, user=f"kuty_apart_{part}", password="secret")


@pytest.fixture
def owners(postgres: Any) -> Iterator[dict[str, str]]:
    """The owner of each of three databases on one server."""
    made = {part: postgres.fresh_database() for part in PARTS}
    yield made
    for owner in made.values():
        with psycopg.connect(owner, autocommit=True) as connection:
            for part in PARTS:
                if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (f"kuty_apart_{part}",)).fetchone():
                    connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(f"kuty_apart_{part}")))


@pytest.fixture
def apart(owners: dict[str, str], tmp_path: Path) -> Settings:
    return Settings(
        ledger=LEDGER, home=tmp_path,
        owner_dsn=owners["store"], store_dsn=login(owners["store"], "store"),
        keys_owner_dsn=owners["keys"], keys_dsn=login(owners["keys"], "keys"),
        vault_owner_dsn=owners["vault"], vault_dsn=login(owners["vault"], "vault"),
    )  # fmt: skip


def schemas_in(owner: str) -> set[str]:
    with psycopg.connect(owner) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kuty%'").fetchall()
    return {name for (name,) in found}


def test_each_part_is_migrated_in_its_own_database_and_a_ledger_lives_in_the_three(
    apart: Settings, owners: dict[str, str]
) -> None:
    schema = schema_of(LEDGER)
    with opened(apart, wait_s=0.0) as wired, Local(app_of(wired)) as http:
        home = House(wired, http)
        home.until("3")
        home.settle()
        assert wired.vault.find(CODE) == home.aino
        assert wired.store.pathway(home.aino).facts
    assert {part: schemas_in(owner) & {schema, f"{schema}_keys", f"{schema}_vault"} for part, owner in owners.items()} == {
        "store": {schema}, "keys": {f"{schema}_keys"}, "vault": {f"{schema}_vault"},
    }  # fmt: skip
    # and once more changes nothing
    migrate(apart)


def test_the_login_of_one_part_has_no_rights_in_another(apart: Settings, owners: dict[str, str]) -> None:
    migrate(apart)
    tables = {"store": ".events", "keys": "_keys.matter_keys", "vault": "_vault.clients"}
    for part, name in tables.items():
        for other in set(PARTS) - {part}:
            dsn = login(owners[part], other)
            with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {schema_of(LEDGER)}{name}".encode())


def test_the_stores_login_loses_its_rights_where_keys_and_vault_get_logins_of_their_own(
    apart: Settings, owners: dict[str, str]
) -> None:
    # given a ledger as it was before: all in one database under one login
    together = replace(apart, keys_dsn="", keys_owner_dsn="", vault_dsn="", vault_owner_dsn="")
    migrate(together)
    keys = f"{schema_of(LEDGER)}_keys.matter_keys"
    with psycopg.connect(together.store_dsn) as connection:
        connection.execute(f"SELECT * FROM {keys}".encode())
    # when the keys get a login of their own there
    migrate(replace(together, keys_owner_dsn=owners["store"], keys_dsn=login(owners["store"], "keys")))
    # then the store's cannot read them any more
    with psycopg.connect(together.store_dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT * FROM {keys}".encode())


@pytest.mark.parametrize("name", ["keys_owner_dsn", "vault_owner_dsn"])
def test_no_role_takes_the_owner_of_keys_or_vault(
    apart: Settings, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in replace(apart.of_roles(("clerk",)), **{name: getattr(apart, name)}).environment().items():
        monkeypatch.setenv(variable, value)
    assert main(["serve", "--role", "clerk"]) == 1
    said = capsys.readouterr().err
    assert "clerk must not have the rights of the owner" in said
    assert "`unset KUTY_OWNER_DSN KUTY_KEYS_OWNER_DSN KUTY_VAULT_OWNER_DSN`" in said
    # nor under another name
    disguised = replace(apart, **{name.replace("_owner", ""): getattr(apart, name)})
    migrate(apart)
    with pytest.raises(WrongSetting, match=f"KUTY_{name.replace('_owner', '').upper()} may make schemas or roles"):
        owns_nothing(disguised.of_roles(("clerk",)))


def without(settings: Settings, part: str) -> None:
    """The database of a part is not to be reached any more, and whoever is connected is thrown out."""
    owner = {"keys": settings.keys_owner_dsn, "vault": settings.vault_owner_dsn}[part]
    name = str(conninfo_to_dict(owner)["dbname"])
    with psycopg.connect(settings.owner_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def with_again(settings: Settings, part: str) -> None:
    owner = {"keys": settings.keys_owner_dsn, "vault": settings.vault_owner_dsn}[part]
    name = str(conninfo_to_dict(owner)["dbname"])
    with psycopg.connect(settings.owner_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


@pytest.mark.parametrize("away", ["keys", "vault"])
def test_while_keys_or_vault_are_away_nothing_is_half_recorded_and_the_same_is_taken_once_they_are_back(
    apart: Settings, away: str
) -> None:
    """Nothing spans two databases: what is needed is written before the commit that needs it, and taken away after."""
    with opened(apart, wait_s=0.0) as wired, Local(app_of(wired), raise_server_exceptions=False) as http:
        home = House(wired, http)
        home.until("3")
        head = wired.store.head()
        other = synthetic_identity_code(date(1971, 1, 2), 952)
        asked = {"registered_from": "own_contact", "identity_kind": "identity_code", "identity_code": other}
        path, details = f"/clients/{home.name('county')}/details", {"phone": "040 1234567"}
        # when one of them is away
        without(apart, away)
        try:
            first = home.post("/clients", INTAKE, asked, key="apart-1")
            changed = home.post(path, OWN_WORKER, details, key="apart-2")
        finally:
            with_again(apart, away)
        # then it is said that nothing is known
        assert first.status_code == 503, first.text
        if away == "vault":
            assert changed.status_code == 503, changed.text
        # and the same again is recorded once, and only once
        for _ in range(2):
            again = home.post("/clients", INTAKE, asked, key="apart-1")
            assert again.status_code in (200, 201), again.text
        assert home.post(path, OWN_WORKER, details, key="apart-2").status_code in (200, 201)
        facts = [record.header.name for record in wired.store.records(head, 100)]
        assert sorted(facts) == ["subject.identifier_changed", "subject.registered"]
        kept = wired.vault.look(home.aino)
        assert kept is not None
        assert (kept.record.phone, kept.untold) == ("040 1234567", frozenset())
        assert wired.vault.find(other) is not None


@pytest.mark.parametrize("broken_at", ["before the fact", "after the fact"])
def test_what_breaks_off_between_vault_and_store_is_told_or_tells_once_more(apart: Settings, broken_at: str) -> None:
    """A process that dies between two databases leaves an entry that no fact tells of; the next fact tells of it."""
    with opened(apart, wait_s=0.0) as wired, Local(app_of(wired)) as http:
        home = House(wired, http)
        home.until("3")
        aino, head = home.aino, wired.store.head()
        # given a change of details that broke off
        seen = wired.vault.look(aino)
        wired.vault.change(aino, seen=seen, changing=["contact_changed"], phone="040 7")
        if broken_at == "after the fact":
            told = home.post(f"/clients/{home.name('county')}/details", OWN_WORKER, {"phone": "040 7"})
            assert told.status_code == 201, told.text
            head += 1
            wired.vault.change(aino, changing=["contact_changed"], phone="040 7")
        # when the next one comes, by whoever, in another process
        again = open_ledger_parts(apart)
        try:
            with Local(app_of(again)) as other:
                home.http = other
                answer = home.post(f"/clients/{home.name('county')}/details", OWN_WORKER, {"phone": "040 7"})
                assert answer.status_code == 201, answer.text
        finally:
            again.close()
        # then a fact tells of it, and nothing waits to be told
        assert [record.header.name for record in wired.store.records(head, 100)] == ["subject.identifier_changed"]
        kept = wired.vault.look(aino)
        assert kept is not None
        assert (kept.record.phone, kept.untold) == ("040 7", frozenset())


def test_an_entry_whose_registration_was_never_recorded_is_taken_over(apart: Settings) -> None:
    with opened(apart, wait_s=0.0) as wired, Local(app_of(wired)) as http:
        home = House(wired, http)
        home.until("3")
        code = synthetic_identity_code(date(1971, 1, 2), 953)
        orphan = wired.vault.register("b" * 32, ClientRecord(identity_code=code))
        asked = {"registered_from": "own_contact", "identity_kind": "identity_code", "identity_code": code}
        answer = home.post("/clients", INTAKE, asked)
        assert answer.status_code == 201, answer.text
        assert wired.vault.find(code) == orphan
        assert wired.store.stream_version(orphan) == 1
