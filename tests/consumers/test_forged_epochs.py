"""Somebody else begins an epoch, or goes on with one that is over: the line stands still, and a fresh epoch heals it.

Whatever the relay and the broker do in lawful order looks otherwise. source: design D11, D16
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from history_as_1 import county, kela
from publications_given import LEDGER, Told, damaged
from stage import COUNTY, KELA, Stage

from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Entry, Headers
from consumers.wire import OUT, heartbeat, out_topic, publication_entry
from domain.epochs import FIRST

TOPIC = out_topic(LEDGER, "kela")
ENDS = len(kela().entries)
"""So many publications tell of all the days."""
ALL_DAYS = 65


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("consumers.projector.LOOK_AGAIN_S", 0.0)
    made = Stage(tmp_path, KELA, COUNTY, look_ahead=20)
    yield made
    made.projector.close()
    made.models.close()
    made.broker.close()


def beginning(epoch: int) -> Entry:
    """A record that somebody else wrote, and by which an epoch begins that repeats nothing else."""
    told = Told(epoch, until_sequence=1)
    told.fact("referral.received", "2025-01-01")
    return publication_entry(told.publications[0])


def redelivered(epoch: int) -> list[Entry]:
    """All of it once more, as the ledger tells it in a fresh epoch."""
    return kela().again(epoch, until_sequence=ENDS).entries


def beat(epoch: int, last: int) -> Entry:
    return heartbeat(epoch, last, "urn:kuty:organisation:0000001-9", datetime(2025, 9, 30, 12, 0, tzinfo=UTC))


def comes(stage: Stage, *entries: Entry, restart: bool = False) -> str:
    """Why the line stands still when these have come."""
    stage.put([*entries])
    stage.drain()
    if restart:
        stage.restart()
        stage.drain()
    return str(stage.feed().halted)


def is_whole(stage: Stage, epoch: int) -> bool:
    asked = stage.asked()
    return (asked.freshness.epoch, asked.answer.days, asked.complete, stage.feed().halted) == (epoch, ALL_DAYS, True, "")


# --- Somebody else begins an epoch ---


@pytest.mark.parametrize("restart", [True, False])
def test_an_epoch_behind_which_the_one_before_goes_on_is_not_believed(stage: Stage, restart: bool) -> None:
    entries = kela().entries
    comes(stage, *entries[:60])
    comes(stage, beginning(2), restart=restart)
    # when the ledger goes on telling
    assert comes(stage, entries[60], restart=restart) == "epoch 1 goes on behind the beginning of epoch 2"
    assert comes(stage, *entries[61:], restart=restart) == "epoch 1 goes on behind the beginning of epoch 2"
    assert not stage.asked().complete
    # then a rebuild, whose epoch has the same number, heals it
    comes(stage, *redelivered(2), restart=restart)
    assert is_whole(stage, 2)


@pytest.mark.parametrize("restart", [True, False])
def test_a_heartbeat_of_an_epoch_that_is_over_says_so_too(stage: Stage, restart: bool) -> None:
    entries = kela().entries
    comes(stage, *entries[:60], beginning(2), beat(1, 60), restart=restart)
    assert stage.feed().halted == ""
    assert comes(stage, beat(1, 61), restart=restart) == "epoch 1 goes on behind the beginning of epoch 2"


def test_a_line_that_stood_still_when_somebody_else_began_an_epoch_stands_still_again(stage: Stage) -> None:
    entries = kela().entries
    assert comes(stage, *entries[:50], Entry(b"k", b"junk", ())) == "offset 50 is neither a publication nor a heartbeat"
    comes(stage, *entries[50:60], beginning(2))
    assert comes(stage, *entries[60:]) == "epoch 1 goes on behind the beginning of epoch 2"
    comes(stage, *redelivered(2))
    assert is_whole(stage, 2)


@pytest.mark.parametrize("restart", [True, False])
def test_two_epochs_that_somebody_else_began_are_found_like_one(stage: Stage, restart: bool) -> None:
    entries = kela().entries
    comes(stage, *entries[:60], restart=restart)
    comes(stage, beginning(2), restart=restart)
    comes(stage, beginning(3), restart=restart)
    assert comes(stage, *entries[60:], restart=restart) == "epoch 1 goes on behind the beginning of epoch 3"
    comes(stage, *redelivered(2), restart=restart)
    assert is_whole(stage, 2)


def test_an_epoch_far_ahead_keeps_no_later_one_from_its_place(stage: Stage) -> None:
    entries = kela().entries
    comes(stage, *entries[:60])
    comes(stage, beginning(1 << 62))
    assert comes(stage, *entries[60:]).startswith("epoch 1 goes on behind the beginning of epoch 4")
    comes(stage, *redelivered(2))
    assert is_whole(stage, 2)


@pytest.mark.parametrize("restart", [True, False])
def test_an_epoch_far_ahead_is_found_by_the_next_redelivery_too(stage: Stage, restart: bool) -> None:
    comes(stage, *kela().entries)
    comes(stage, beginning(7), restart=restart)
    assert comes(stage, *redelivered(2), restart=restart) == "epoch 2 goes on behind the beginning of epoch 7"
    comes(stage, *redelivered(3), restart=restart)
    assert is_whole(stage, 3)


def test_a_heartbeat_of_an_epoch_that_never_began_keeps_no_other_one_from_its_place(stage: Stage) -> None:
    comes(stage, *kela().entries)
    comes(stage, beat(7, 3))
    assert not stage.asked().complete
    comes(stage, *redelivered(2))
    assert is_whole(stage, 2)


def test_all_of_it_may_come_at_once(stage: Stage) -> None:
    entries = kela().entries
    comes(stage, *entries[:60])
    comes(stage, beginning(2), *entries[60:], *redelivered(2))
    assert is_whole(stage, 2)


# --- What is lawful ---


@pytest.mark.parametrize("restart", [True, False])
def test_what_comes_twice_of_an_epoch_that_is_over_is_harmless(stage: Stage, restart: bool) -> None:
    entries, again = kela().entries, redelivered(2)
    comes(stage, *entries, *again[:30], restart=restart)
    # a batch that was thought lost, a heartbeat of a relay that was thought dead
    assert comes(stage, *entries[-20:], beat(1, ENDS), beat(1, 0), restart=restart) == ""
    comes(stage, *again[30:], *entries[-5:], restart=restart)
    assert is_whole(stage, 2)
    comes(stage, *redelivered(3)[:10], *entries[-3:], *again[-3:], restart=restart)
    assert is_whole(stage, 2)


@pytest.mark.parametrize("restart", [True, False])
def test_what_comes_twice_of_an_epoch_that_stood_still_is_harmless(stage: Stage, restart: bool) -> None:
    entries, again = kela().entries, redelivered(2)
    comes(stage, *entries[:40], Entry(b"k", b"junk", ()), *entries[40:], *again[:30], restart=restart)
    comes(stage, *entries[-20:], restart=restart)
    comes(stage, *again[30:])
    assert is_whole(stage, 2)


@pytest.mark.parametrize("restart", [True, False])
def test_what_comes_twice_of_an_epoch_with_a_hole_is_harmless(stage: Stage, restart: bool) -> None:
    entries, again = kela().entries, redelivered(2)
    comes(stage, *entries[:60], *entries[61:], *again[:30], restart=restart)
    comes(stage, *entries[65:], restart=restart)
    comes(stage, *again[30:])
    assert is_whole(stage, 2)


@pytest.mark.parametrize("restart", [True, False])
def test_what_comes_twice_of_an_epoch_that_was_broken_off_is_harmless(stage: Stage, restart: bool) -> None:
    """A relay that was thought dead, or a topic whose end was lost and filled again."""
    comes(stage, *kela().entries, *redelivered(2)[:10], *redelivered(3)[:10], restart=restart)
    assert comes(stage, *redelivered(2)[5:10], beat(2, 10), restart=restart) == ""
    comes(stage, *redelivered(3)[10:])
    assert is_whole(stage, 3)
    # and what is new of it is still none of ours
    comes(stage, *redelivered(4)[:10], restart=restart)
    assert comes(stage, redelivered(2)[10], restart=restart) == "epoch 2 goes on behind the beginning of epoch 4"


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("taken", [30, ENDS])
def test_a_topic_that_is_made_again_has_both_epochs_one_behind_the_other(stage: Stage, taken: int, restart: bool) -> None:
    """Also where the older one had stood still, and nobody knows any more what came of it."""
    entries, again = kela().entries, redelivered(2)
    comes(stage, *entries[:40], Entry(b"k", b"junk", ()), *entries[40:], *again[:taken], restart=restart)
    stage.broker.delete_topics([TOPIC])
    stage.broker.create_topics({TOPIC: OUT})
    for _ in range(3):
        stage.projector.step()
    comes(stage, *entries, *again, restart=restart)
    assert is_whole(stage, 2)


@pytest.mark.parametrize("lost", [5, 40, 100])
def test_a_topic_that_lost_its_end_is_filled_in_the_order_of_before(stage: Stage, lost: int) -> None:
    entries, again = kela().entries, redelivered(2)
    written = [*entries, *again[:30]]
    comes(stage, *written)
    broker: EmbeddedBroker = stage.broker
    broker.lose_end(TOPIC, lost)
    for _ in range(3):
        stage.projector.step()
    comes(stage, *written[len(written) - lost :], *again[30:])
    assert is_whole(stage, 2)


def test_an_epoch_may_follow_one_that_was_never_sent(stage: Stage) -> None:
    """Where an opening of the ledger gave up a history, the line goes on in the first epoch that neither history had."""
    comes(stage, *kela().entries, *redelivered(4))
    assert is_whole(stage, 4)


# --- A fault of one epoch, where another one answers ---


@pytest.mark.parametrize("restart", [True, False])
def test_a_fault_of_an_epoch_that_no_longer_answers_holds_nothing_up(stage: Stage, restart: bool) -> None:
    entries, again = kela().entries, redelivered(2)
    comes(stage, *entries, *again[:10])
    # when one of the epoch that answers comes twice with different bytes, while a fresh one is built
    reason = comes(stage, damaged(entries[5], ce_time=b"2025-01-01T00:00:00Z"))
    assert reason == "sequence 6 of epoch 1 came twice with different bytes"
    assert not stage.asked().complete
    # then this is said until the fresh one answers
    assert comes(stage, *again[10:20], restart=restart) == reason
    assert not stage.asked().complete
    comes(stage, *again[20:])
    assert is_whole(stage, 2)
    # and afterwards the line stands at the end of its topic
    end = stage.broker.end_offsets([TOPIC])[TOPIC]
    assert (stage.feed().next_offset, stage.standing().offset) == (end, end)
    # so that nothing is wrong with it either when the topic has dropped what was read
    stage.broker.delete_before({TOPIC: end})
    assert comes(stage, beat(2, ENDS), restart=True) == ""
    assert is_whole(stage, 2)


def test_a_fresh_epoch_is_built_over_a_new_start_though_the_topic_has_dropped_where_the_one_before_stood_still(
    stage: Stage,
) -> None:
    entries, again = kela().entries, redelivered(2)
    comes(stage, *entries[:40], Entry(b"k", b"junk", ()), *entries[40:])
    comes(stage, *again[:30])
    stage.broker.delete_before({TOPIC: ENDS + 1})
    # when the projector is started again in its middle
    assert comes(stage, *again[30:40], restart=True) == "offset 40 is neither a publication nor a heartbeat"
    comes(stage, *again[40:])
    assert is_whole(stage, 2)


# --- Numbers that no table takes ---

LONG = b"9" * 5_000
NONE: dict[str, tuple[Headers, bytes]] = {
    "is a heartbeat of no epoch": ((("ce_epoch", LONG), ("ce_type", b"heartbeat.v1")), b"{}"),
    "has no epoch or sequence": ((("ce_epoch", b"9" * 20), ("ce_logsequence", b"1")), b"{}"),
    "has no epoch or sequence ": ((("ce_epoch", b"1"), ("ce_logsequence", b"9" * 30)), b"{}"),
    "has no epoch or sequence  ": ((("ce_epoch", b"-1"), ("ce_logsequence", b"1")), b"{}"),
    "has no epoch or sequence   ": ((("ce_epoch", b"0"), ("ce_logsequence", b"0")), b"{}"),
    "sequence 1 of epoch 2 does not say where its history ends": (
        (("ce_epoch", b"2"), ("ce_logsequence", b"1")),
        b'{"kind":"fact","history":{"until_sequence":99999999999999999999}}',
    ),
}


@pytest.mark.parametrize("why", NONE)
def test_a_number_that_no_table_takes_stands_in_the_log_as_a_fault(stage: Stage, why: str) -> None:
    headers, value = NONE[why]
    comes(stage, *kela().entries[:20])
    # when it comes, and somebody else is told something
    stage.put([Entry(b"k", value, headers)])
    stage.put(county().entries[:20], COUNTY)
    stage.drain()
    # then the one line stands still with a word, and the other one goes on
    assert stage.feed().halted.endswith(why.strip())
    assert stage.feed(COUNTY).halted == ""
    assert stage.models.of("county").positions()[FIRST].sequence == 20
    # and a fresh epoch heals it
    comes(stage, *kela().entries[20:], *redelivered(2))
    assert is_whole(stage, 2)


@pytest.mark.parametrize(("client", "fact"), [("\0x", "period.started"), ("x", "period.star\0ted")], ids=["client", "fact"])
def test_a_header_with_a_zero_byte_stands_in_the_log_as_a_fault(stage: Stage, client: str, fact: str) -> None:
    told = Told()
    told.fact("period.started", "2025-03-03", {"period_id": "p"})
    [entry] = told.entries
    forged = damaged(entry, ce_subject=client.encode(), ce_type=f"{fact}.v1".encode())
    assert comes(stage, forged) == "sequence 1 of epoch 1 has headers that can be read in two ways"


@pytest.mark.parametrize("named", [{"message_id": "m\0x"}, {"body": {"period_id": "p\0x"}}], ids=["message", "part"])
def test_what_has_a_name_that_no_database_takes_is_parked(stage: Stage, named: dict[str, Any]) -> None:
    told = Told()
    told.fact("period.started", "2025-03-03", **{"body": {"period_id": "p"}, **named})
    assert comes(stage, *told.entries) == ""
    with stage.models.of("kela").look(FIRST) as look:
        [parked] = look.parked()
    assert "\0" not in parked.client + parked.reason
    assert orjson.loads(parked.value)["kind"] == "fact"
