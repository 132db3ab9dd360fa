"""One history is given up for another in one transaction of the owner, on both databases (design D21)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from store.small_ledger import LEDGER, PROVIDER, WORKER, Ground, RecordDay, Register

from domain.directory import Directory
from domain.epochs import Epochs, Opening
from domain.events import AnswerWithdrawn, EpochOpened
from domain.record import Header, Record
from domain.store import (
    LOOK_AGAIN_S,
    Choice,
    EpochMoved,
    Given,
    NewEpoch,
    Rebuilding,
    Reopening,
    Sealer,
    hash_of,
    reopening_postgres,
    reopening_sqlite,
)

DEADLINE_S = 60.0
FIRST = date(2025, 1, 1)


def day(n: int) -> RecordDay:
    return RecordDay(on=FIRST + timedelta(days=n))


def nobody(_: Header) -> None:
    return None


@contextmanager
def reopening(ground: Ground) -> Iterator[Reopening]:
    opened = (
        reopening_postgres(ground.place, LEDGER)
        if ground.kind == "postgresql"
        else reopening_sqlite(Path(ground.place) / "ledger.db")
    )
    with opened as at:
        yield at


def adopted(ground: Ground, common: int, lost: Sequence[Record], at_point: Callable[[str], None] = lambda _: None) -> None:
    """What the command does: the store goes on with `lost` behind `common`, and everything else behind it is given up."""
    keys = ground.keys()
    with reopening(ground) as at:
        given = [
            Given((row.sender_org, row.sender_task), row.command_id, row.person, "instructor", "day", row.status, row.number,
                  row.command_id, row.position)
            for row in at.answers_behind(common)
        ]  # fmt: skip
        at.give_up(common)
        at_point("given up")
        rebuilding = Rebuilding(Sealer(keys), nobody)
        epoch = NewEpoch(at, rebuilding, Sealer(keys), keys, LEDGER, Directory(organiser="county"), None)
        epoch.take_over(lost)
        at_point("taken over")
        end = lost[-1]
        _, withdrawn = epoch.open(Choice("adopted", "a", "b", 1, end.position, end.hash, {}), given, end.position)
        at.writing.write((), (), {"relay": 3})
        at_point("opened")
        at.writing.commit(end.position + 1 + len(withdrawn))


@pytest.fixture
def lost(ground: Ground) -> list[Record]:
    """What the topic has behind the second event; the store went back to that, and took two other days."""
    store = ground.open()
    client = store.execute(Register(), WORKER, "client").client
    store.execute(day(0), PROVIDER, "both", client=client)
    older = ground.kept()
    for n in (1, 2, 3):
        store.execute(day(n), PROVIDER, f"topic {n}", client=client)
    records = store.records(2, 10)
    store.close()
    ground.restore(older)
    other = ground.open()
    for n in (7, 8):
        other.execute(day(n), PROVIDER, f"fork {n}", client=client)
    other.close()
    return records


def test_the_other_history_is_taken_over_byte_by_byte_and_who_was_answered_is_told(
    ground: Ground, lost: list[Record]
) -> None:
    adopted(ground, 2, lost)
    store = ground.open()
    records = store.records(0, 100)
    assert [record.state for record in records[2:5]] == [record.state for record in lost]
    # then behind them stand the opening and one withdrawn answer for each that was given in the other history
    opening, *withdrawn = (store.opened(record) for record in records[5:])
    assert isinstance(opening, EpochOpened)
    assert (opening.old_epoch, opening.old_size, opening.old_root) == (1, 5, lost[-1].hash)
    assert (opening.epoch_ground, opening.second_person_id, records[5].header.actor_person) == ("adopted", "b", "a")
    assert [(one.message_id, one.old_status, one.old_number) for one in withdrawn if isinstance(one, AnswerWithdrawn)] == [
        ("fork 7", "recorded", 2), ("fork 8", "recorded", 3),
    ]  # fmt: skip
    assert [record.epoch for record in records] == [1, 1, 1, 1, 1, 2, 2, 2]
    assert store.epochs == Epochs([Opening(6, 1, 5, lost[-1].hash, {})])
    # and answers, numbers and positions of followers are those of the history that holds
    numbered = [(command_id, answer.number) for command_id, answer in store.answers(PROVIDER.sender)]
    assert numbered == [
        ("both", 1), ("topic 1", 2), ("topic 2", 3), ("topic 3", 4), ("withdrawn 2 1", 5), ("withdrawn 2 2", 6),
    ]  # fmt: skip
    assert store.answer(PROVIDER.sender, "fork 7") is None
    assert store.tracking("relay") == 3
    # and life goes on in it: the id of a withdrawn answer is free again
    client = lost[0].header.stream
    again = store.execute(day(7), PROVIDER, "fork 7", client=client)
    assert (again.status, again.number, store.execute(day(3), PROVIDER, "topic 3", client=client).status) == (
        "recorded", 7, "already_recorded",
    )  # fmt: skip
    assert list(store.amiss(nobody)) == []
    store.close()


def test_what_had_no_effect_at_the_last_common_event_gives_way_to_what_holds(ground: Ground, lost: list[Record]) -> None:
    # given a store that went back, in which a command of the topic's history came again and had no effect
    store = ground.open()
    client = lost[0].header.stream
    store.close()
    with ground.asked() as ask:
        guards = ground.guards_off(ask)
        ask("DELETE FROM events WHERE notification_id > 2")
        ask("DELETE FROM answers WHERE first_position > 2")
        for guard in guards:
            ask(guard)
    store = ground.open()
    assert store.execute(day(0), PROVIDER, "topic 1", client=client).status == "already_recorded"
    assert store.execute(day(0), PROVIDER, "idle", client=client).status == "already_recorded"
    store.close()
    # when the topic is adopted
    adopted(ground, 2, lost)
    # then its answer holds, and what it does not answer stays answered
    store = ground.open()
    [topic, idle] = (store.answer(PROVIDER.sender, name) for name in ("topic 1", "idle"))
    assert topic is not None and (topic.status, topic.number) == ("recorded", 2)  # noqa: PT018
    assert idle is not None and (idle.status, idle.number) == ("already_recorded", None)  # noqa: PT018
    store.close()


@pytest.mark.parametrize(
    ("before", "person", "withdrawn"),
    [("waits", "i1", True), ("final", "i2", True), ("final", "", False)],
    ids=["that it waits", "another person", "a person who was not kept"],
)
def test_an_answer_is_withdrawn_unless_what_holds_gave_its_person_a_last_one(
    ground: Ground, lost: list[Record], before: str, person: str, withdrawn: bool
) -> None:
    # given that what holds has under the id of a void answer only something else
    with ground.asked() as ask:
        ask(
            "INSERT INTO answers (sender_org, sender_task, command_id, final, content_hash, status, first_position, answer,"
            " sender_person) VALUES (%s, %s, 'fork 7', %s, 'x', %s, 1, %s, %s)",
            (*PROVIDER.sender, before == "final", "waiting" if before == "waits" else "recorded", b"", person),
        )
    adopted(ground, 2, lost)
    store = ground.open()
    told = [store.opened(record) for record in store.records(6, 10)]
    assert ("fork 7" in {one.message_id for one in told if isinstance(one, AnswerWithdrawn)}) == withdrawn
    store.close()


def test_events_are_only_ever_appended_afterwards_too(ground: Ground, lost: list[Record]) -> None:
    adopted(ground, 2, lost)
    for change in ("DELETE FROM events", "UPDATE events SET topic = 'x'"):
        with pytest.raises(Exception, match="only ever appended"), ground.asked() as ask:
            ask(change)


def test_a_process_of_the_epoch_before_takes_and_shows_nothing(ground: Ground, lost: list[Record]) -> None:
    # given a process that has written into the other history, and remembers it
    running = ground.open(patience=0.0)
    client = lost[0].header.stream
    running.execute(day(9), PROVIDER, "fork 9", client=client)
    adopted(ground, 2, lost)
    # then it writes nothing, however its connections are
    for _ in range(2):
        with pytest.raises(EpochMoved, match="the ledger is in epoch 2 now, and this process began in epoch 1") as moved:
            running.execute(day(10), PROVIDER, "fork 10", client=client)
        assert moved.value.epoch == 2
    # and shows nothing that is of two histories
    running._recorder.seen.clock = lambda: time.monotonic() + 2 * LOOK_AGAIN_S  # type: ignore[attr-defined]
    with pytest.raises(EpochMoved):
        running.pathway(client)
    running.close()
    # and one that is started again goes on
    again = ground.open()
    assert again.execute(day(10), PROVIDER, "fork 10", client=client).status == "recorded"
    again.close()


def test_what_is_remembered_and_what_is_read_are_never_joined(ground: Ground, lost: list[Record]) -> None:
    """Within the second in which a process has not asked for the epoch yet."""
    running = ground.open(patience=0.0)
    client = lost[0].header.stream
    assert running.pathway(client).version == 4
    adopted(ground, 2, [*lost])
    with pytest.raises(Exception, match=r"ask again|epoch 2"):
        running.pathway(client)
    running.close()


@pytest.mark.parametrize("point", ["given up", "taken over", "opened"])
def test_killed_in_the_middle_it_has_done_nothing(ground: Ground, lost: list[Record], point: str) -> None:
    before = ground.kept()
    spawned = multiprocessing.get_context("spawn").Process(target=killed_at, args=(ground, lost, point))
    spawned.start()
    spawned.join(DEADLINE_S)
    assert spawned.exitcode == -signal.SIGKILL
    # then all is as it was, and it can be done
    assert ground.kept() == before
    adopted(ground, 2, lost)
    store = ground.open()
    assert hash_of(store.records(4, 1)[0].state) == lost[-1].hash
    store.close()


def killed_at(ground: Ground, lost: Sequence[Record], point: str) -> None:
    def die(at: str) -> None:
        if at == point:
            os.kill(os.getpid(), signal.SIGKILL)

    adopted(ground, 2, lost, die)
