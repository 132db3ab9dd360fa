"""Redeliveries and openings of the ledger: nothing is lost, nothing repeated whole for no reason, no epoch named in vain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened, transactions
from disclosure.test_redelivery import PAYER, Clients, content
from disclosure.test_repeated_as_held import audited, facts_held, lawful_facts
from stories import OPERATOR

from consumers.disclosed import line_of, live_line_of
from consumers.redelivery import requested
from domain.context import Caller
from domain.epochs import Epochs, Opening
from domain.store import EventStore


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        yield opened(made)


def open_an_epoch(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, begins: int = 0, recipient: str = PAYER) -> None:
    """As after `kuty ledger new-epoch` where the recipient was told something that does not hold: its line begins anew."""
    lines = {recipient: begins or line_of(ledger.store, recipient).epoch + 1}
    head = ledger.store.head()
    opening = Opening(head, ledger.store.epochs.newest, head, "", lines)
    monkeypatch.setattr(EventStore, "epochs", Epochs((*ledger.store.epochs, opening)))


def test_after_an_opening_a_redelivery_goes_out_in_windows_as_before(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.history()
    follow(ledger.follower())
    open_an_epoch(ledger, monkeypatch)
    follow(ledger.follower())
    assert live_line_of(ledger.store, PAYER).epoch == 2
    # when a redelivery is begun, and another process follows
    ledger.follower(window=4).begin_redelivery(PAYER)
    sizes = transactions(monkeypatch)
    ledger.follower(window=4).step()
    assert sum(sizes) <= 4
    follow(ledger.follower(window=4))
    assert content(ledger.told(PAYER, 3)) == content(ledger.told(PAYER, 1))


@pytest.mark.parametrize("begun", [False, True])
def test_who_asks_while_a_line_that_an_opening_began_is_repeated_is_answered_with_its_epoch(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    # given a line that goes on in an epoch farther on, because others were told in what is given up
    ledger.history()
    follower = ledger.follower(window=4)
    follow(follower)
    open_an_epoch(ledger, monkeypatch, 4)
    if begun:
        follower.begin_redelivery(PAYER)
    # when everything is asked for
    caller = Caller(OPERATOR.org, OPERATOR.task, OPERATOR.role, OPERATOR.person)
    answer, progress = ledger.follower(window=4).redeliver_once(PAYER, caller, "once")
    # then the epoch is that one, also for who asks again when it has ended
    assert answer.status == "recorded"
    assert progress is not None
    assert (progress.epoch, progress.ended) == (4, False)
    follow(ledger.follower(window=4))
    again, ended = ledger.follower().redeliver_once(PAYER, caller, "once")
    assert again.status == "already_recorded"
    assert ended is not None
    assert (ended.epoch, ended.ended) == (4, True)
    assert requested(ledger.store, PAYER, caller, "another")[1] == 5


def test_an_epoch_that_an_opening_passed_over_is_the_one_that_it_began(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.history()
    follower = ledger.follower()
    follow(follower)
    _, epoch = requested(ledger.store, PAYER, OPERATOR, "before it")
    assert epoch == 2
    open_an_epoch(ledger, monkeypatch, 4)
    follow(ledger.follower())
    progress = ledger.follower().begin_redelivery(PAYER, epoch)
    assert (progress.epoch, progress.ended) == (4, True)


@pytest.mark.parametrize("tables", ["kept", "made anew"])
def test_a_redelivery_on_which_an_opening_comes_loses_nothing_of_what_it_had_not_repeated(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tables: str
) -> None:
    # given a redelivery that is not at its end
    clients = Clients(ledger, 1, place=60)
    follower = ledger.follower(window=4)
    follow(follower)
    follower.begin_redelivery(PAYER)
    clients.go_on()
    follower.step()
    # when an epoch of the ledger is opened, and the recipient's line begins anew
    open_an_epoch(ledger, monkeypatch)
    if tables == "made anew":
        ledger.store.place({f"disclosure/repeated/{PAYER}": 0, "disclosure/lines": 0})
    follow(ledger.follower(window=4))
    while clients.go_on():
        pass
    follow(ledger.follower(window=4))
    # then everything stands in it
    assert line_of(ledger.store, PAYER).epoch == 3
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 3)) == lawful_facts(ledger, PAYER)
    assert audited(ledger) == []
