"""What a ledger's tables and files may be used for, and by whom."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.migration import migrate
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts
from domain.store import Use

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
