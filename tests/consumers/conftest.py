"""What every test of the relay begins with: a feed that is made by hand, and an empty broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from feed_by_hand import NOW, Feed, fed

from consumers.embedded_broker import EmbeddedBroker


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    with fed(tmp_path) as made:
        yield made


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(lambda: NOW)
    yield broker
    broker.close()
