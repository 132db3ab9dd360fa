"""A store whose topic is lost, or has another history, goes on in a new epoch. source: design D21"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date

import pytest
from forked import PROVIDER, Forked, attendance, audited, check_models
from house import LEDGER
from stories import INSTRUCTOR

from consumers import wire
from deploy.commands.rebuilding import target_of
from deploy.feed import feed_of_store
from deploy.wiring import open_recorder
from domain.events import AnswerWithdrawn, EpochOpened, Erased, Event
from domain.record import Record
from projections.audit import verify_chains


def test_the_store_goes_on_in_a_new_epoch_and_readers_follow_it(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    stored, published = ledger.records(), ledger.published()
    assert ledger.new_epoch() == 0
    assert "is in epoch 2 (forked)" in capsys.readouterr().out
    records = ledger.records()
    assert [r.state for r in records[: len(stored)]] == [r.state for r in stored]
    with ledger.house() as home:
        common = sum(one.state == other.state for one, other in zip(stored, published, strict=False))
        opening = home.wired.store.opened(records[len(stored)])
        assert isinstance(opening, EpochOpened)
        assert (opening.old_size, opening.old_root, opening.epoch_ground) == (common, stored[common - 1].hash, "forked")
        withdrawn = [home.wired.store.opened(record) for record in records[len(stored) + 1 :]]
        assert withdrawn
        assert {type(one) for one in withdrawn} == {AnswerWithdrawn}
        home.settle()
        # then no position and no number of a recipient's stands twice in one epoch with different bytes
        for topic in home.wired.broker.topics():
            lines: dict[tuple[str, int, int], bytes] = {}
            for read_ in home.wired.broker.read(topic, 0, 10_000):
                sequence = wire.sequence_of(read_)
                if sequence is not None:
                    assert lines.setdefault((*wire.line_of(read_), sequence), read_.value) == read_.value, topic
    audited(ledger, capsys)
    check_models(ledger)
    # and an equal store can be made from the topic, in which both histories stand
    assert ledger.kuty("rebuild", "store", "--from-topic", "--into", str(ledger.settings.home / "rebuilt")) == 0
    assert "equal to the present store" in capsys.readouterr().out
    # whose tables know the epoch, and in which the followers go on, and do not begin anew
    with closing(sqlite3.connect(ledger.settings.home / "rebuilt" / LEDGER / "events.db")) as file:
        assert file.execute("SELECT epoch FROM ledger").fetchall() == [(2,)]
        positions = dict(file.execute("SELECT * FROM tracking").fetchall())
    topic = wire.in_topic(LEDGER, PROVIDER)
    assert positions["disclosure/late/after"] == 1
    assert {"relay", topic} <= positions.keys()
    # which is in the epoch that was opened
    with closing(open_recorder(target_of(ledger.settings, str(ledger.settings.home / "rebuilt")))) as rebuilt:
        assert rebuilt.epoch == 2


def test_who_was_answered_in_the_topics_history_alone_is_told_and_decided_again(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.new_epoch() == 0
    capsys.readouterr()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    assert " recorded, as answer" in capsys.readouterr().out
    with ledger.house() as home:
        home.settle()
        withdrawn = [one for one in home.receipts(PROVIDER) if one["status"] == "withdrawn"]
        recorded = {one["message_id"] for one in home.receipts(PROVIDER) if one["status"] == "recorded"}
        assert withdrawn
        assert {one["message_id"] for one in withdrawn} <= recorded
        # a number that was given twice is told apart by the epoch
        numbered = [one for one in home.receipts(PROVIDER) if "number" in one and "first" not in one]
        seen = [(one["number"], one.get("epoch", 1)) for one in numbered]
        assert len(set(seen)) == len(seen) > len({number for number, _ in seen})
    audited(ledger, capsys)
    check_models(ledger)


def test_a_store_that_went_back_behind_a_new_epoch_is_noticed(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    before = ledger.copy()
    assert ledger.new_epoch() == 0
    with ledger.house() as home:
        home.settle()
    ledger.put_back(before)
    with ledger.house() as home:
        body = attendance(home, date(2025, 3, 6))
        for _ in range(2):
            answer = home.post(f"/clients/{home.name(PROVIDER)}/attendance", INSTRUCTOR, body)
            assert (answer.status_code, answer.json()["codes"][0]["code"]) == (503, "E_UNAVAILABLE")
    assert ledger.adopt() == 0
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)


def test_lost_topics_are_sent_again_and_everybody_is_told_anew(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a store whose topics are all lost, while recipients had been told by them what the store does not have
    with ledger.house(guarded=False) as home:
        home.wired.broker.delete_topics(list(home.wired.broker.topics()))
    assert ledger.new_epoch() == 0
    assert "is in epoch 2 (topic_lost)" in capsys.readouterr().out
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)
    check_models(ledger)


def test_an_opening_that_names_another_history_than_its_own_is_found(ledger: Forked) -> None:
    assert ledger.new_epoch() == 0
    with ledger.house() as home:
        records, opened = list(feed_of_store(home.wired).records()), home.wired.store.opened

        def lying(record: Record) -> Event | Erased:
            event = opened(record)
            return event.model_copy(update=said) if isinstance(event, EpochOpened) else event

        said: dict[str, object] = {}
        assert verify_chains(records, lying) == []
        for lie in ({"old_root": "5e" * 32}, {"old_size": 7}, {"old_size": len(records) + 1}):
            said = dict(lie)
            [fault] = verify_chains(records, lying)
            assert (fault.stream, fault.what) == ("epochs", "it goes on from another history than the one before it")
