"""The grounds that a ledger can stand on: each test of the store's contract runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from store.small_ledger import Ground, fresh_ground

from domain.store import EventStore


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A fresh, migrated place for a ledger."""
    place = str(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres").fresh_database()
    with fresh_ground(request.param, place) as ground:
        yield ground


@pytest.fixture
def store(ground: Ground) -> Iterator[EventStore]:
    """The event store of a fresh ledger."""
    opened = ground.open()
    yield opened
    opened.close()
