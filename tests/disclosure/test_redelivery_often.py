"""How often everything is repeated to one recipient that asks: in a live ledger three times within 24 hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from stories import OPERATOR, READY, STEPS

from consumers.disclosure import Disclosure
from consumers.redelivery import Redelivery, allowance_of
from domain.disclosure.once_more import SentOnceMoreOften

COUNTY = "county"
LATER = datetime(2025, 6, 2, 8, tzinfo=UTC)
"""When everything is asked for: long after what happened."""


class Clock:
    """The wall clock; it stands where it was put."""

    at = datetime.combine(READY, time(8), UTC)

    def __call__(self) -> datetime:
        return self.at

    def reach(self, day: date) -> None:
        self.at = max(self.at, datetime.combine(day, time(8), UTC))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A live ledger in which the county was told of some steps of one client."""
    monkeypatch.setattr(Ledger, "reach", lambda _, day: clock.reach(day))
    with ledger_in(tmp_path, wall_clock=clock) as made:
        opened(made, "live").history(STEPS[:12])
        follow(made.follower())
        yield made


def asked(follower: Disclosure, key: str, recipient: str = COUNTY) -> Redelivery:
    """A redelivery that is asked for, and goes out."""
    answer, begun = follower.redeliver_once(recipient, OPERATOR, key)
    assert begun is not None, answer
    follow(follower)
    return begun


def asked_three_times(follower: Disclosure, clock: Clock) -> None:
    for hour, epoch in ((0, 2), (7, 3), (9, 4)):
        clock.at = LATER + timedelta(hours=hour)
        assert asked(follower, f"for-{epoch}").epoch == epoch


def test_how_many_may_begin_yet_is_known_and_when_there_is_one_more(live: Ledger, clock: Clock) -> None:
    """Each counts until it is 24 hours old."""
    follower, day = live.follower(), timedelta(hours=24)
    clock.at = LATER
    assert allowance_of(live.store, COUNTY) == (3, timedelta())
    asked_three_times(follower, clock)  # at 0, 7 and 9 o'clock
    assert allowance_of(live.store, COUNTY) == (0, day - timedelta(hours=9))
    for hours, left, begun_at in ((23, 0, 0), (24, 1, 7), (32, 2, 9)):
        clock.at = LATER + timedelta(hours=hours)
        assert allowance_of(live.store, COUNTY) == (left, timedelta(hours=begun_at + 24 - hours))
    clock.at = LATER + timedelta(hours=33)
    assert allowance_of(live.store, COUNTY) == (3, timedelta())


def test_a_fourth_one_begins_when_the_first_of_three_is_24_hours_old(live: Ledger, clock: Clock) -> None:
    follower = live.follower()
    asked_three_times(follower, clock)
    # when half a minute is missing
    clock.at = LATER + timedelta(hours=24, seconds=-30)
    head = live.store.head()
    for _ in range(2):
        with pytest.raises(SentOnceMoreOften) as often:
            follower.redeliver_once(COUNTY, OPERATOR, "for-5")
        assert (often.value.epoch, often.value.wait) == (4, timedelta(seconds=30))
    # then nothing is recorded, and whoever repeats what was taken is answered as before
    assert asked(follower, "for-2").epoch == 2
    assert live.store.head() == head
    # and under the same key it begins when its time has come
    clock.at += timedelta(seconds=30)
    assert asked(follower, "for-5").epoch == 5
    with pytest.raises(SentOnceMoreOften) as often:
        follower.redeliver_once(COUNTY, OPERATOR, "for-6")
    assert often.value.wait == timedelta(hours=7)


def test_while_one_is_on_its_way_it_is_the_one_that_is_meant(live: Ledger, clock: Clock) -> None:
    follower = live.follower(window=2)
    for epoch in (2, 3):
        assert asked(follower, f"for-{epoch}").epoch == epoch
    for key in ("for-4", "meanwhile"):
        _, begun = follower.redeliver_once(COUNTY, OPERATOR, key)
        assert begun is not None
        assert (begun.epoch, begun.ended) == (4, False)


def test_every_other_one_may_still_be_begun(live: Ledger, clock: Clock) -> None:
    """By the county's operator (`kuty rebuild`), and to another recipient."""
    follower = live.follower()
    asked_three_times(follower, clock)
    assert follower.redeliver(COUNTY).epoch == 5
    other = next(name for name in live.store.directory.recipients if name != COUNTY and live.told(name))
    assert asked(follower, "of-another", other).epoch == 2


def test_in_a_simulated_ledger_it_is_repeated_as_often_as_one_asks(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as simulated:
        opened(simulated).history(STEPS[:12])
        follower = simulated.follower()
        follow(follower)
        assert [asked(follower, f"for-{epoch}").epoch for epoch in range(2, 7)] == [2, 3, 4, 5, 6]
        assert allowance_of(simulated.store, COUNTY) is None
