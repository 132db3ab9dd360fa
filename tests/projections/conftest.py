"""An empty read model, in each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from logins import login_dsn

from deploy.local.parts import Postgres
from projections.read_models import ReadModel
from projections.read_models_postgres import PostgresModels, make_login, provision_recipients
from projections.read_models_sqlite import SqliteModels


@pytest.fixture(params=["sqlite", "postgres"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReadModel]:
    if request.param == "sqlite":
        files = SqliteModels(tmp_path, "test")
        yield files.of("recipient")
        files.close()
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    dsn = postgres.fresh_database()
    make_login(dsn, "kuty_test_projector", "secret")
    provision_recipients(dsn, "test", ["recipient"], ["kuty_test_projector"])
    models = PostgresModels(login_dsn(dsn), "test", connections=3)
    yield models.of("recipient")
    models.close()


@pytest.fixture
def sqlite_model(tmp_path: Path) -> Iterator[ReadModel]:
    files = SqliteModels(tmp_path, "test")
    yield files.of("recipient")
    files.close()
