"""A line that waits for a missing publication is behind, its answers are not complete, and after a while somebody is told;
what comes after all is taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from history_as_1 import kela
from publications_given import damaged
from stage import COUNTY, KELA, Stage

from consumers.lines import LOOK_AHEAD
from consumers.log import Entry
from consumers.waits import LONG_S
from consumers.wire import heartbeat
from projections.read_models import NoSuchGeneration

ENTRIES = kela().entries


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.projector.close()
    made.models.close()
    made.broker.close()


def beat(last: int, epoch: int = 1) -> Entry:
    return heartbeat(epoch, last, "urn:kuty:organisation:0000001-9", datetime(2025, 9, 30, 12, 0, tzinfo=UTC))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.name == "consumers.waits"]


def seconds_go_by(stage: Stage, seconds: float) -> None:
    for _ in range(10):
        stage.drain()
        stage.later(seconds / 10)
    stage.drain()


def test_an_answer_without_what_is_missing_is_not_complete(stage: Stage) -> None:
    stage.put([*ENTRIES[:5], *ENTRIES[6:]])
    stage.drain()
    answered = stage.asked()
    assert (answered.complete, answered.freshness.waiting_for, answered.freshness.halted) == (False, 6, "")
    # when what is missing comes, then it is
    stage.put([ENTRIES[5]])
    stage.drain()
    answered = stage.asked()
    assert (answered.complete, answered.freshness.waiting_for, answered.answer.days) == (True, 0, 65)


def test_a_line_is_behind_by_what_it_holds_back(stage: Stage) -> None:
    stage.put([*ENTRIES[:5], *ENTRIES[6:]])
    stage.drain()
    assert (stage.standing().offset, stage.standing().end, stage.standing().halted) == (5, len(ENTRIES) - 1, "")
    stage.put([ENTRIES[5]])
    stage.drain()
    assert (stage.standing().offset, stage.standing().end) == (len(ENTRIES), len(ENTRIES))


def test_who_has_waited_for_a_minute_is_told_of_once_and_still_takes_what_comes(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.put([*ENTRIES[:5], *ENTRIES[6:20]])
    seconds_go_by(stage, LONG_S - 1)
    assert (said(caplog), stage.standing().waits_for) == ([], 0)
    seconds_go_by(stage, 20)
    seconds_go_by(stage, 10 * LONG_S)
    [line] = said(caplog)
    assert line.startswith("kela has waited for 6")
    assert line.endswith(" s for sequence 6, which is missing; docs/runbooks/a-gap-in-a-topic.md says what to do")
    assert (stage.standing().waits_for, stage.standing().halted) == (6, "")
    # when it is sent again after all
    stage.put(ENTRIES[5:])
    seconds_go_by(stage, 1)
    assert (stage.standing().waits_for, stage.asked().complete, stage.asked().answer.days) == (0, True, 65)


def test_what_comes_out_of_order_and_in_time_is_told_to_nobody(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    # given that now the one and now the other is missing, each for less than a minute
    stage.put([*ENTRIES[:5], *ENTRIES[6:10], *ENTRIES[11:20]])
    seconds_go_by(stage, LONG_S - 10)
    stage.put([ENTRIES[5]])
    seconds_go_by(stage, LONG_S - 10)
    stage.put([ENTRIES[10]])
    seconds_go_by(stage, LONG_S)
    assert (said(caplog), stage.asked().freshness.sequence) == ([], 20)


# --- heartbeats ---


@pytest.mark.parametrize("restart", [False, True])
def test_a_heartbeat_that_names_more_than_has_come_is_a_gap_that_waits(
    stage: Stage, caplog: pytest.LogCaptureFixture, restart: bool
) -> None:
    # given that the last of what was told was lost, so that nothing comes behind it
    stage.put([*ENTRIES[:20], beat(21), beat(21)])
    stage.drain()
    if restart:
        stage.restart()
    seconds_go_by(stage, LONG_S + 20)
    answered = stage.asked()
    assert (answered.complete, answered.freshness.waiting_for, answered.freshness.halted) == (False, 21, "")
    assert (stage.standing().offset, stage.standing().end, stage.standing().waits_for) == (20, 22, 21)
    [line] = said(caplog)
    assert " for sequence 21, which is missing; " in line
    # when it is sent again, and more
    stage.put(ENTRIES[20:])
    stage.drain()
    assert (stage.feed().waiting_for, stage.feed().next_offset, stage.asked().complete) == (0, 22 + len(ENTRIES) - 20, True)


def test_a_heartbeat_that_names_what_has_come_or_less_is_none(stage: Stage) -> None:
    stage.put([*ENTRIES[:20], beat(20), beat(7), beat(0)])
    stage.drain()
    assert (stage.feed().waiting_for, stage.feed().next_offset, stage.asked().complete) == (0, 23, True)


def test_a_line_of_which_nothing_has_come_but_a_heartbeat_waits_from_its_beginning(stage: Stage) -> None:
    """All that was told is older than the topic keeps, and the model was lost."""
    stage.put([beat(20)])
    stage.drain()
    with pytest.raises(NoSuchGeneration):
        stage.asked()
    assert (stage.feed().waiting_for, stage.standing().offset, stage.standing().end) == (1, 0, 1)
    # when it is told again
    stage.put(kela().again(2, until_sequence=77).entries)
    stage.drain()
    assert (stage.feed().waiting_for, stage.asked().complete, stage.asked().answer.days) == (0, True, 65)


def test_a_line_to_which_nothing_was_told_waits_for_nothing(stage: Stage) -> None:
    stage.put([beat(0)])
    stage.drain()
    assert (stage.feed().waiting_for, stage.feed().next_offset) == (0, 1)


def test_one_that_waits_holds_up_nobody(stage: Stage) -> None:
    stage.recipients.append(COUNTY)
    stage.put([*ENTRIES[:5], beat(6)])
    stage.put([*ENTRIES, beat(77)], COUNTY)
    stage.drain()
    assert (stage.standing(KELA).offset, stage.standing(COUNTY).offset) == (5, 78)


GAP, BROKEN = "gap: sequence 6 of epoch 1 is missing", "sequence 6 of epoch 1 does not follow the one before"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("came", "look_ahead", "why"),
    [
        ([*ENTRIES[:5], *ENTRIES[6:20]], LOOK_AHEAD, GAP),  # what waits never comes: the epoch is over
        ([*ENTRIES[:5], *ENTRIES[6:20]], 5, GAP),
        ([*ENTRIES[:5], damaged(ENTRIES[5], ce_prevhash=b"0" * 64), *ENTRIES[6:20]], LOOK_AHEAD, BROKEN),
    ],
)
def test_what_the_answering_epoch_lacks_is_said_while_a_fresh_one_is_built_beside_it(
    tmp_path: Path, came: list[Entry], look_ahead: int, why: str, restart: bool
) -> None:
    stage = Stage(tmp_path, look_ahead=look_ahead)
    again = kela().again(2, until_sequence=77).entries
    stage.put([*came, *again[:40]])
    stage.drain()
    if restart:
        stage.restart()
    stage.put(again[40:50])
    stage.drain()
    answered = stage.asked()
    assert (answered.freshness.epoch, answered.freshness.sequence, answered.complete) == (1, 5, False)
    assert (answered.freshness.waiting_for, answered.freshness.halted) == (0, why)
    # until the fresh one answers
    stage.put(again[50:])
    stage.drain()
    answered = stage.asked()
    assert (answered.freshness.epoch, answered.complete, answered.answer.days) == (2, True, 65)
    assert stage.standing().halted == ""
    stage.projector.close()
    stage.models.close()
    stage.broker.close()
