"""Topics that are filled again after something was erased, fresh epochs that do not say where they end, and lines that stand
still while the database is away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from history_as_1 import kela
from publications_given import LEDGER, damaged
from stage import Stage

from consumers.log import Entry
from consumers.wire import NO_CONTENT, OUT, heartbeat, out_topic
from domain.store import StoreUnavailable
from projections.digest import Digest, Digested, Undigestible

TOPIC = out_topic(LEDGER, "kela")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("consumers.projector.LOOK_AGAIN_S", 0.0)
    made = Stage(tmp_path, look_ahead=20)
    yield made
    made.projector.close()
    made.models.close()
    made.broker.close()


def erased(entry: Entry) -> Entry:
    """What goes out for a publication whose key was destroyed."""
    others = [one for one in damaged(entry, ce_type=b"disclosure.withdrawn.v1").headers if one[0] != "ce_prevhash"]
    return entry._replace(value=NO_CONTENT, headers=tuple(sorted([*others, ("ce_prevhash", b"erased")])))


def beat(epoch: int, last: int) -> Entry:
    return heartbeat(epoch, last, "urn:kuty:organisation:0000001-9", datetime(2025, 9, 30, 12, 0, tzinfo=UTC))


# --- what was erased ---


@pytest.mark.parametrize("restart", [True, False], ids=["while it was down", "while it followed"])
def test_a_topic_filled_again_after_something_was_erased_is_gone_on_with(stage: Stage, restart: bool) -> None:
    entries = kela().entries
    stage.put(entries[:40])
    stage.drain()
    days = stage.asked().answer.days
    stage.broker.delete_topics([TOPIC])
    stage.broker.create_topics({TOPIC: OUT})
    if restart:
        stage.restart()
    # when one of the publications comes again without content, and what is new behind it
    stage.put([*entries[:4], erased(entries[4]), *entries[5:40]])
    for _ in range(6):
        stage.projector.step()
    assert (stage.feed().halted, stage.asked().complete, stage.asked().answer.days) == ("", True, days)
    stage.put(entries[40:])
    stage.drain()
    # then nothing was taken out of the model: of what was told it is the recipient's to say how long it is kept
    assert (stage.feed().halted, stage.asked().answer.days) == ("", 65)


def test_what_waits_for_a_missing_record_may_be_erased_when_it_comes_again(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:5], *entries[6:10], erased(entries[8])])
    stage.drain()
    stage.put(entries[5:])
    stage.drain()
    assert (stage.feed().halted, stage.asked().answer.days) == ("", 65)


def test_content_where_there_was_none_halts(stage: Stage) -> None:
    """Else whoever can write into a topic could have a publication passed over by being there first."""
    entries = kela().entries
    stage.put([*entries[:4], erased(entries[4]), *entries[5:10], entries[4]])
    stage.drain()
    assert stage.feed().halted == "sequence 5 of epoch 1 came twice with different bytes"


def test_what_follows_something_erased_after_it_was_told_has_content_and_the_next_one_names_it(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:10], damaged(entries[10], ce_prevhash=b"erased")])
    stage.drain()
    assert (stage.feed().halted, stage.models.of("kela").positions()[1].sequence) == ("", 11)
    # and the chain goes on from it: the next one of before names another
    stage.put([entries[11]])
    stage.drain()
    assert stage.feed().halted == "sequence 12 of epoch 1 does not follow the one before"


def test_a_repetition_with_content_that_says_erased_is_none(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:10], damaged(entries[3], ce_prevhash=b"erased")])
    stage.drain()
    assert stage.feed().halted == "sequence 4 of epoch 1 came twice with different bytes"


# --- where history ends ---


def test_a_fresh_epoch_whose_first_record_cannot_be_digested_answers_where_it_said_that_history_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = kela()
    first, *others = told.again(2, until_sequence=77).entries
    read = Digest.read

    def reads(digest: Digest, sequence: int, headers: Mapping[str, bytes], *more: Any) -> Digested:
        if (sequence, headers["ce_epoch"]) == (1, b"2"):
            raise Undigestible("newer than this software")
        return read(digest, sequence, headers, *more)

    monkeypatch.setattr(Digest, "read", reads)
    stage.put([*told.entries, first, others[0]])
    stage.drain()
    assert (stage.feed().live_epoch, stage.asked().answer.days) == (1, 65)
    stage.put(others[1:])
    stage.drain()
    assert stage.feed().live_epoch == 2


@pytest.mark.parametrize("restart", [True, False])
def test_a_fresh_epoch_that_cannot_say_where_history_ends_answers_from_a_heartbeat_on(stage: Stage, restart: bool) -> None:
    told = kela()
    first, *others = told.again(2, until_sequence=77).entries
    # given that the first record's key was destroyed before it was sent
    stage.put([*told.entries, erased(first), *others[:40]])
    stage.drain()
    # and a heartbeat that names more than has come
    stage.put([beat(2, 77)])
    stage.drain()
    assert (stage.feed().live_epoch, stage.asked().answer.days) == (1, 65)
    if restart:
        stage.restart()
    stage.put([*others[40:], beat(2, 77)])
    stage.drain()
    assert (stage.feed().live_epoch, stage.asked().freshness.sequence) == (2, 77)


def test_a_fresh_epoch_that_repeats_nothing_answers_at_once(stage: Stage) -> None:
    """It begins where the record had to be restored and nothing holds of what was told."""
    stage.put([*kela().entries, *kela().again(2, until_sequence=0).entries[:1]])
    stage.drain()
    assert stage.feed().live_epoch == 2


# --- halts ---


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if "stands still" in line.getMessage()]


def delete(stage: Stage) -> None:
    stage.broker.delete_topics([TOPIC])


def cut(stage: Stage) -> None:
    stage.put(kela().entries[10:40])
    stage.broker.delete_before({TOPIC: 20})


def cut_while_down(stage: Stage) -> None:
    cut(stage)
    stage.restart()


def gap(stage: Stage) -> None:
    stage.put(kela().entries[11:])


@pytest.mark.parametrize("happens", [delete, cut, cut_while_down, gap])
def test_whatever_halts_a_line_is_one_log_line_that_says_what_to_do(
    stage: Stage, caplog: pytest.LogCaptureFixture, happens: Any
) -> None:
    stage.put(kela().entries[:10])
    stage.drain()
    happens(stage)
    for _ in range(5):
        stage.projector.step()
    assert stage.feed().halted
    [line] = said(caplog)
    assert line.startswith(f"kela stands still: {stage.feed().halted}; docs/runbooks/a-")
    assert line.endswith(" says what to do")


@pytest.mark.parametrize("happens", [delete, cut])
def test_a_topic_that_is_lost_while_the_database_is_away_is_said_and_taken_up_when_it_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, happens: Any
) -> None:
    stage.put(kela().entries[:10])
    stage.drain()
    happens(stage)

    def away(*_: Any) -> None:
        raise StoreUnavailable("the database does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(stage.models.of("kela"), "write", away)
        for _ in range(5):
            with suppress(StoreUnavailable):
                stage.projector.step()
    # when the database is back, then the model says why it stands still
    stage.later(60.0)
    for _ in range(3):
        stage.projector.step()
    assert stage.feed().halted
    # and it goes on when there is something to go on with
    if happens is delete:
        stage.put(kela().entries)
    else:
        stage.put(kela().again(2, until_sequence=77).entries)
    stage.drain()
    assert (stage.feed().halted, stage.asked().answer.days) == ("", 65)
