"""The comparison that the other tests here rely on: equal where only ids differ, and not where anything else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
from faults.history import History
from faults.ledgers import undisturbed
from faults.likeness import Likeness, differences, likeness_of

SEED = 2


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    with undisturbed(1, SEED) as run:
        yield run


@pytest.fixture(scope="module")
def likeness(history: History) -> Likeness:
    return likeness_of(history.doors.wired, history.references)


def test_two_runs_of_one_seed_are_alike_though_every_id_differs(history: History, likeness: Likeness) -> None:
    with undisturbed(1, SEED) as again:
        assert again.references.keys() == history.references.keys()
        assert again.references != history.references
        assert differences(likeness, likeness_of(again.doors.wired, again.references)) == []


def test_runs_of_two_seeds_are_not_alike_in_anything(likeness: Likeness) -> None:
    with undisturbed(1, SEED + 1) as other:
        found = differences(likeness, likeness_of(other.doors.wired, other.references), most=10_000)
    assert {line.split(" of ")[0] for line in found} == {part.name for part in fields(Likeness)}


@pytest.mark.parametrize("part", [part.name for part in fields(Likeness)])
def test_what_is_lost_doubled_or_in_another_order_is_found(likeness: Likeness, part: str) -> None:
    lines = getattr(likeness, part)
    key = max(lines, key=lambda each: len(lines[each]))
    whole = list(lines[key])
    other = next(n for n in range(1, len(whole)) if whole[n] != whole[0])
    turned = [whole[other], *whole[1:other], whole[0], *whole[other + 1 :]]
    for wrong in (whole[1:], [*whole, whole[-1]], turned):
        assert differences(likeness, replace(likeness, **{part: {**lines, key: wrong}})) != []
    without = {name: line for name, line in lines.items() if name != key}
    assert differences(likeness, replace(likeness, **{part: without})) != []
