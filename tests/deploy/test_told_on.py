"""When the broker took a publication, as the API says it: what is asked of the store, and kept of it, is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.told_on import KEPT, LOOK_AGAIN_S, SPAN, ToldOn

TAKEN = 3 * SPAN


class Stage:
    """A store in which the broker has taken so many publications of each line, and what was asked of it."""

    def __init__(self) -> None:
        self.taken, self.now = TAKEN, 100.0
        self.asked: list[tuple[str, int, int, int]] = []
        self.read = 0
        store: Any = SimpleNamespace(ledger="l", acknowledged_at=self._acknowledged_at, records=self._records)
        self.told_on = ToldOn(store, lambda: self.now)

    def _acknowledged_at(self, topic: str, epoch: int, after: int, until: int) -> Mapping[int, int]:
        self.asked.append((topic, epoch, after, until))
        return {sequence: 1_000 * sequence for sequence in range(after + 1, min(until, self.taken) + 1)}

    def _records(self, *_: Any) -> list[Any]:
        self.read += 1
        return []


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_times_of_those_beside_each_other_are_asked_for_together(stage: Stage) -> None:
    for sequence in (1, SPAN, SPAN + 1, TAKEN, 2, SPAN + 5):
        assert stage.told_on("kela", 1, sequence) == datetime.fromtimestamp(sequence, UTC)
    assert [(after, until) for _, _, after, until in stage.asked] == [
        (0, SPAN), (SPAN, 2 * SPAN), (2 * SPAN, 3 * SPAN),
    ]  # fmt: skip


def test_what_was_not_taken_yet_is_looked_for_once_a_second(stage: Stage) -> None:
    for _ in range(100):
        assert stage.told_on("kela", 1, TAKEN + 7) is None
        assert stage.told_on("kela", 1, TAKEN + 8) is None
    assert (len(stage.asked), stage.read) == (1, 1)
    stage.taken += 8
    stage.now += LOOK_AGAIN_S
    assert stage.told_on("kela", 1, TAKEN + 7) == datetime.fromtimestamp(TAKEN + 7, UTC)
    assert (len(stage.asked), stage.read) == (2, 1)


def test_no_more_than_so_much_is_remembered(stage: Stage) -> None:
    for line in range(KEPT + 10):
        stage.told_on("kela", line, 1)
    assert len(stage.told_on._spans) == KEPT
    # of the oldest it is asked once more
    stage.told_on("kela", 0, 1)
    assert len(stage.asked) == KEPT + 11
