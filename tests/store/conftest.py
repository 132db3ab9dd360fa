"""The grounds that a ledger can stand on: each test of the store's contract runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from store.small_ledger import Ground

from domain.store import EventStore


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """A fresh, migrated place for a ledger."""
    if request.param == "sqlite":
        place = Ground("sqlite", str(tmp_path))
    else:
        place = Ground("postgresql", request.getfixturevalue("postgres").fresh_database())
    place.migrate()
    return place


@pytest.fixture
def store(ground: Ground) -> Iterator[EventStore]:
    """The event store of a fresh ledger."""
    opened = ground.open()
    yield opened
    opened.close()
