"""A redelivery that was on its way when the store went back comes to its end with everything. source: design D16, D21"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from forked import Forked, attendance, audited, check_models
from house import LEDGER, House, furnished
from stories import INSTRUCTOR

from consumers.disclosed import line_of
from consumers.disclosure import Disclosure
from deploy.settings import Settings
from domain.disclosure.publish import Line
from domain.events import DisclosureMade, DisclosureWithdrawn

COUNTY = "county"
WINDOW = 5


@pytest.fixture
def settled(tmp_path: Path) -> Forked:
    """A settled ledger of one history."""
    shutil.copytree(furnished("12"), tmp_path, dirs_exist_ok=True)
    ledger = Forked(Settings(home=tmp_path, ledger=LEDGER))
    with ledger.house() as home:
        home.settle()
    return ledger


def begun(home: House) -> None:
    """Five publications of a redelivery to the county, published."""
    redelivery = Disclosure(home.wired.store, home.wired.vault, window=WINDOW).begin_redelivery(COUNTY)
    assert (redelivery.epoch, redelivery.repeated) == (2, WINDOW)
    assert redelivery.publications > 2 * WINDOW
    publish(home)


def publish(home: House) -> None:
    while home.wired.relay.step():
        pass


def day(home: House, on: date, key: str) -> None:
    """A day, of which the county is told."""
    answer = home.post(f"/clients/{home.name('provider-s01')}/attendance", INSTRUCTOR, attendance(home, on), key=key)
    assert answer.json()["status"] == "recorded"


def held(home: House, epoch: int) -> dict[str, str]:
    """What the county holds by what an epoch of its line has told it: a publication by the fact that it tells."""
    store, found = home.wired.store, dict[str, str]()
    for record in store.stream(Line(COUNTY, epoch).stream):
        event = store.opened(record)
        if isinstance(event, DisclosureWithdrawn):
            found.pop(event.source_event_id, None)
        elif isinstance(event, DisclosureMade):
            found[event.source_event_id] = event.publication_id
    return found


def whole(ledger: Forked, epoch: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The county's newest epoch is this one, has come to its end, and has everything that the first one had."""
    with ledger.house() as home:
        home.settle()
        progress = home.wired.disclosure.progress_of(COUNTY)
        assert (progress.epoch, progress.ended) == (epoch, True)
        assert line_of(home.wired.store, COUNTY).epoch == epoch
        assert progress.repeated == progress.publications > 2 * WINDOW
        assert held(home, 1).items() <= held(home, epoch).items()
    audited(ledger, capsys)
    check_models(ledger)


def test_one_that_began_behind_the_backup_goes_on_in_the_history_that_is_adopted(
    settled: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    older = settled.copy()
    with settled.house() as home:
        begun(home)
    settled.put_back(older)
    assert settled.adopt() == 0
    with settled.house() as home:
        # the first step finds out from the events that it is on its way
        home.wired.disclosure.step()
        assert home.wired.store.tracking(f"disclosure/repeated/{COUNTY}") or home.wired.disclosure.progress_of(COUNTY).ended
    whole(settled, 2, capsys)


def test_an_adopted_history_begins_anew_with_all_where_the_epoch_before_it_was_not_whole(
    settled: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a backup from the middle of a redelivery, and one more event on the topic
    with settled.house() as home:
        begun(home)
        older = settled.copy()
        home.on(date(2025, 3, 6))
        publish(home)
    # and a store that went back to it, and has told the county something else
    settled.put_back(older)
    with settled.house(guarded=False) as home:
        home.on(date(2025, 3, 7))
        day(home, date(2025, 3, 4), "void")
        while home.wired.disclosure.step():
            pass
    assert settled.adopt() == 0
    whole(settled, 3, capsys)


def test_a_store_that_is_right_begins_anew_with_all_where_the_epoch_before_was_not_whole(
    settled: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    with settled.house() as home:
        begun(home)
        older = settled.copy()
        home.on(date(2025, 3, 6))
        day(home, date(2025, 3, 4), "void")
        home.settle()
    settled.put_back(older)
    assert settled.new_epoch() == 0
    whole(settled, 3, capsys)


def test_what_was_told_in_the_middle_of_a_redelivery_is_not_lost_with_it(
    settled: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its history is whole, and what was told meanwhile is not repeated yet."""
    with settled.house() as home:
        begun(home)
        # given all of the history but the end, and then more in the old epoch than there is of windows
        home.on(date(2025, 3, 6))
        day(home, date(2025, 3, 4), "meanwhile")
        follower = Disclosure(home.wired.store, home.wired.vault, window=WINDOW)
        while (progress := follower.progress_of(COUNTY)).repeated < progress.publications:
            assert not progress.ended
            follower._step()
            follower.repeat(COUNTY)
        publish(home)
        older = settled.copy()
        day(home, date(2025, 3, 6), "void")
        home.settle()
    settled.put_back(older)
    assert settled.new_epoch() == 0
    whole(settled, 3, capsys)
