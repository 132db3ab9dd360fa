"""A redelivery that is asked for while the follower is behind: what it has not taken back yet is not sent once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from disclosure.test_redelivery import PAYER, first_told
from disclosure.test_repeated_as_held import days_of, facts_held, lawful_facts, replace_the_payer, told_of
from stories import OPERATOR

from consumers.disclosed import is_told
from domain.disclosure.once_more import NotAllToldYet


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        yield opened(made)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for."""
    monkeypatch.setattr("consumers.redelivery.TOLD_WITHIN_S", 0.0)


def payer_replaced(ledger: Ledger) -> str:
    """A payer that was told days, and is the payer of none of them by what the follower has not come to; one of them."""
    client = told_of(ledger, ledger.follower())
    first, *_ = days_of(ledger, client)
    assert first.event_id in lawful_facts(ledger, PAYER)
    replace_the_payer(ledger, client, first)
    return first.event_id


def days_in(ledger: Ledger, epoch: int) -> set[str]:
    """The facts of which an epoch tells the payer."""
    facts = {publication.id: fact for fact, publication in first_told(ledger, PAYER)}
    return {facts[one.id] for one in ledger.told(PAYER, epoch) if one.subject and one.kind != "withdrawn"}


@pytest.mark.usefixtures("at_once")
def test_it_does_not_begin_before_what_stood_in_the_feed_when_it_was_asked_for_is_told(ledger: Ledger) -> None:
    day = payer_replaced(ledger)
    head, follower = ledger.store.head(), ledger.follower()
    # when it is asked for, however often, then nothing of it is recorded
    for _ in range(2):
        with pytest.raises(NotAllToldYet) as behind:
            follower.redeliver_once(PAYER, OPERATOR, "once-more")
    assert (behind.value.told_up_to, behind.value.head) == (ledger.store.tracking("disclosure"), head)
    assert ledger.store.head() == head
    # when the follower has come there, then it begins under the same key, and nothing of the days is in it
    follow(follower)
    _, begun = follower.redeliver_once(PAYER, OPERATOR, "once-more")
    assert begun is not None
    assert begun.epoch == 2
    follow(follower)
    again = ledger.told(PAYER, 2)
    assert facts_held(ledger, PAYER, again) == lawful_facts(ledger, PAYER)
    assert day not in days_in(ledger, 2)


@pytest.mark.usefixtures("at_once")
def test_one_that_was_asked_for_and_did_not_begin_is_judged_again_where_it_begins(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given one that was asked for at the head, and whoever was to begin it was killed behind that being recorded
    client = told_of(ledger, ledger.follower())
    first, *_ = days_of(ledger, client)
    killed = ledger.follower()

    def kill(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("consumers.disclosure.begin", kill)
        with pytest.raises(ConnectionError):
            killed.redeliver_once(PAYER, OPERATOR, "once-more")
    # and the payer is replaced, while the follower stands still
    replace_the_payer(ledger, client, first)
    follower, head = ledger.follower(), ledger.store.head()
    # when it is asked for again under its key, or begun in any other way
    for begin in (
        lambda: follower.redeliver_once(PAYER, OPERATOR, "once-more"),
        lambda: follower.begin_redelivery(PAYER, 2),
        lambda: follower.begin_redelivery(PAYER),
    ):
        # then it does not begin
        with pytest.raises(NotAllToldYet):
            begin()
    assert ledger.store.head() == head
    # and when the follower has come there, it begins under that key without the day
    follow(follower)
    answer, begun = follower.redeliver_once(PAYER, OPERATOR, "once-more")
    assert begun is not None
    assert (answer.status, begun.epoch) == ("already_recorded", 2)
    follow(follower)
    assert first.event_id not in days_in(ledger, 2)


@pytest.mark.usefixtures("at_once")
def test_one_that_was_recorded_has_been_judged_and_is_not_held_up_by_what_is_recorded_behind_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given one that is asked for at the head
    follower = ledger.follower()
    client = told_of(ledger, follower)
    first, *_ = days_of(ledger, client)
    note = ledger.store.note

    def beside(*asked: object, **more: object) -> object:
        recorded = note(*asked, **more)  # type: ignore[arg-type]
        recorded.result()
        replace_the_payer(ledger, client, first)
        return recorded

    # when the payer is replaced between its being recorded and its beginning, while the follower stands still
    monkeypatch.setattr(ledger.store, "note", beside)
    answer, begun = follower.redeliver_once(PAYER, OPERATOR, "once-more")
    # then it has begun, and what is no longer lawful is taken back behind the history
    assert begun is not None
    assert (answer.status, begun.epoch) == ("recorded", 2)
    follow(follower)
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 2)) == lawful_facts(ledger, PAYER)
    assert first.event_id not in lawful_facts(ledger, PAYER)


def test_it_waits_a_moment_for_a_follower_that_is_coming(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    payer_replaced(ledger)
    elsewhere = ledger.follower(batch=1)
    steps = []

    def meanwhile(*_: object) -> None:
        steps.append(elsewhere.step())

    monkeypatch.setattr(ledger.store, "wait_for_commit", meanwhile)
    _, begun = ledger.follower().redeliver_once(PAYER, OPERATOR, "once-more")
    assert begun is not None
    assert (begun.epoch, bool(steps)) == (2, True)


@pytest.mark.usefixtures("at_once")
def test_what_comes_behind_and_what_gives_rise_to_nothing_does_not_hold_it_up(ledger: Ledger) -> None:
    follower = ledger.follower()
    client = told_of(ledger, follower)
    head = ledger.store.head()
    # given records of the ledger's own behind the follower, another redelivery's among them
    follower.redeliver("county")
    assert ledger.store.tracking("disclosure") < ledger.store.head()
    assert follower.redeliver_once(PAYER, OPERATOR, "once-more")[1] is not None
    # while what is told later counts for who asks later
    follow(follower)
    asked_at = ledger.store.head()
    replace_the_payer(ledger, client, days_of(ledger, client)[0])
    assert (is_told(ledger.store, head), is_told(ledger.store, asked_at)) == (True, True)
    assert not is_told(ledger.store, ledger.store.head())


@pytest.mark.usefixtures("at_once")
def test_who_asks_while_one_is_on_its_way_is_answered_with_that_one_all_the_same(ledger: Ledger) -> None:
    follower = ledger.follower(window=2)
    client = told_of(ledger, follower)
    _, begun = follower.redeliver_once(PAYER, OPERATOR, "first")
    assert begun is not None
    replace_the_payer(ledger, client, days_of(ledger, client)[0])
    for key in ("first", "second"):
        _, told = follower.redeliver_once(PAYER, OPERATOR, key)
        assert told is not None
        assert (told.epoch, told.ended) == (begun.epoch, False)
