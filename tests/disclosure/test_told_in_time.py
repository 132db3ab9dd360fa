"""When a recipient is told: never before what he was told already, whatever the clocks of those who tell him do
(docs/decisions/0028)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from stories import READY, STEPS

from consumers.acknowledging import NAME
from domain.context import Caller, Draft
from domain.events import PublicationsAcknowledged
from domain.record import Record
from domain.streams import LEDGER_MATTER, LEDGER_STREAM

AHEAD = timedelta(days=3650)
COUNTY = "county"


class Clock:
    """The wall clock of one process."""

    def __init__(self) -> None:
        self.at = datetime.combine(READY, time(8), UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Ledger, Clock]]]:
    """Three of one live ledger, each with a clock of its own, in which the county was told of some steps of a client."""
    clocks = [Clock(), Clock(), Clock()]
    reached = lambda _, day: [setattr(c, "at", max(c.at, datetime.combine(day, time(8), UTC))) for c in clocks]  # noqa: E731
    monkeypatch.setattr(Ledger, "reach", reached)
    with ExitStack() as running:
        made = [running.enter_context(ledger_in(tmp_path, wall_clock=clock)) for clock in clocks]
        opened(made[0], "live")
        yield [*zip(made, clocks, strict=True)]


def acknowledgement(ledger: Ledger) -> Record:
    """What the clerk has sealed, and has not recorded yet."""
    store = ledger.store
    version, previous = store.stream_end(LEDGER_STREAM)
    fact = PublicationsAcknowledged(
        recipient=COUNTY, recipient_epoch=1, until_sequence=1, first_at=store.now(), last_at=store.now()
    )
    draft = Draft(fact, uuid.uuid4().hex, store.now().date(), LEDGER_MATTER)
    caller = Caller(store.directory.organiser, "organiser", "system", "system", "administration")
    return store.build(
        LEDGER_STREAM, version + 1, previous, draft, caller, draft.event_id, recorded_at=store.now(),
        directory=store.directory,
    )  # fmt: skip


def test_nor_where_everything_was_told_once_more_in_between(processes: list[tuple[Ledger, Clock]]) -> None:
    # given what was told by a clock that was ten years ahead
    (clerk, _), (ahead, wrong), (right, clock) = processes
    client = clerk.history(STEPS[:3])
    sealed = acknowledgement(clerk)
    wrong.at += AHEAD
    follow(ahead.follower())
    clerk.store.append([sealed], tracking=(NAME, 0, 0))
    clock.at += timedelta(minutes=1)
    # when all of it is told once more by a clock that is right, and by another process what comes then
    follower = right.follower()
    follow(follower)
    follower.redeliver(COUNTY)
    follow(follower)
    for _, step in STEPS[3:6]:
        right.reach(step.on)
        right.ask(step, client)
    follow(right.follower())
    # then times rise in both epochs, of the record and on the wire
    for epoch in (1, 2):
        recorded = right.store.stream(f"recipient/{COUNTY}/{epoch}")
        assert all(one.header.recorded_at <= two.header.recorded_at for one, two in pairwise(recorded))
        assert all(one.time <= two.time for one, two in pairwise(right.told(COUNTY, epoch)))


def test_a_clock_that_goes_back_does_not_take_what_is_told_back_before_what_was_told(
    processes: list[tuple[Ledger, Clock]],
) -> None:
    # given a follower whose clock was ten years ahead when it told the county of something
    (clerk, _), (ahead, wrong), (right, clock) = processes
    client = clerk.history(STEPS[:3])
    sealed = acknowledgement(clerk)
    wrong.at += AHEAD
    follow(ahead.follower())
    before = len(ahead.told(COUNTY))
    # and behind it something that was sealed before the clock was wrong
    clerk.store.append([sealed], tracking=(NAME, 0, 0))
    # when the clock is right again, and more is recorded and told
    clock.at += timedelta(minutes=1)
    for _, step in STEPS[3:6]:
        right.reach(step.on)
        right.ask(step, client)
    follow(right.follower())
    # then each is told behind the one before, in the record and on the wire
    told = right.store.stream(f"recipient/{COUNTY}/1")
    assert len(right.told(COUNTY)) > before
    assert all(one.header.recorded_at <= two.header.recorded_at for one, two in pairwise(told))
    assert all(one.time <= two.time for one, two in pairwise(right.told(COUNTY)))
    # and what is decided is dated by the clock that is right
    assert right.store.stream(client)[-1].header.recorded_at == clock.at
