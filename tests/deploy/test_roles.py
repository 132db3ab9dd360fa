"""Roles are taken again after what passes, stay halted after what does not, and come to rest together."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

import psycopg
import pytest

from consumers.doubts import StoreBehindTopic
from consumers.log import BrokerUnavailable, TopicRefused, TopicSettingsDiffer
from consumers.relay import FeedRefused
from consumers.saying import Saying
from deploy.halts import TABLES
from deploy.roles import LOOKS_S, MOVED_ON, Running, Stuck, settle
from domain.store import EpochMoved, StoreUnavailable

DEADLINE_S = 20.0


class Scripted:
    """A role that does what it is told: a number is work done, an exception is raised. After that it has nothing to do."""

    def __init__(self, name: str, *script: int | Exception) -> None:
        self.name = name
        self.script = list(script)
        self.steps = 0
        self.idle = threading.Event()

    def step(self) -> int:
        self.steps += 1
        if not self.script:
            self.idle.set()
            return 0
        did = self.script.pop(0)
        if isinstance(did, Exception):
            raise did
        return did


def started(*roles: Scripted, wait: Callable[[], None] | None = None) -> Running:
    pausing = threading.Event()
    return Running(list(roles), wait or (lambda: pausing.wait(0.01) and None)).start()


def test_a_role_goes_on_as_long_as_there_is_work_and_then_waits() -> None:
    role, waited = Scripted("relay", 3, 2, 1), threading.Event()
    running = started(role, wait=lambda: waited.set())
    assert waited.wait(DEADLINE_S)
    running.stop()
    assert role.script == []


@pytest.mark.parametrize("name", ["clerk", "provisioner", "forgetting"])
def test_a_role_that_looks_at_its_times_is_woken_by_no_commit(name: str) -> None:
    # given a role that had nothing to do twice, and work that comes after that
    role = Scripted(name, 1, 0, 1, 0, 1)
    woken: list[None] = []
    running = started(role, wait=lambda: woken.append(None))
    # then it comes to that work by itself, and nobody has asked whether something was committed
    assert role.idle.wait(DEADLINE_S)
    running.stop()
    assert role.script == []
    assert woken == []


def test_a_role_that_looks_at_its_times_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOOKS_S, "clerk", 3600.0)  # type: ignore[misc]
    role = Scripted("clerk")
    running = started(role)
    assert role.idle.wait(DEADLINE_S)
    running.stop()
    assert running.roles[0].join(DEADLINE_S)


@pytest.mark.parametrize("error", [BrokerUnavailable("no broker"), ConnectionError("no line"), KeyError("a fault of ours")])
def test_a_step_that_failed_is_taken_again(error: Exception) -> None:
    role = Scripted("relay", error, error, 1)
    running = started(role)
    assert role.idle.wait(DEADLINE_S)
    running.stop()
    assert running.halted == {}
    assert role.steps >= 4


def test_what_others_of_the_process_say_too_is_said_quietly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kuty.roles")
    both = [Scripted(name, StoreUnavailable("connection refused")) for name in ("forgetting", "epoch")]
    running = Running(list(both), lambda: None, ["epoch"]).start()
    for one in both:
        assert one.idle.wait(DEADLINE_S)
    running.stop()
    levels = {(line.getMessage().split()[0], line.levelname) for line in caplog.records}
    assert levels == {("forgetting", "WARNING"), ("epoch", "INFO")}


@pytest.mark.parametrize("halt", [StoreBehindTopic, FeedRefused, TopicSettingsDiffer, TopicRefused])
def test_a_role_that_halts_stays_halted_and_the_others_go_on(halt: type[Exception]) -> None:
    halting, other = Scripted("relay", halt("the topic has 9, the store 5")), Scripted("clerk", 1, 1)
    running = started(halting, other)
    assert other.idle.wait(DEADLINE_S)
    assert running.roles[0].join(DEADLINE_S)
    running.stop()
    assert running.halted == {"relay": "the topic has 9, the store 5"}
    assert halting.steps == 1


def test_a_halt_is_one_line_that_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    running = started(Scripted("relay", FeedRefused("position 3 of kuty.demo.events.v1: too_large")))
    assert running.roles[0].join(DEADLINE_S)
    running.stop()
    [line] = [record for record in caplog.records if record.name == "kuty.roles"]
    assert line.levelname == "CRITICAL"
    assert line.getMessage() == (
        "relay halts: position 3 of kuty.demo.events.v1: too_large; let the broker take the record, then start the relay"
        " again: docs/runbooks/a-parked-topic.md"
    )


def test_tables_that_are_gone_are_one_line_and_no_mistake_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    role = Scripted("clerk", psycopg.errors.UndefinedTable('relation "keys" does not exist\nLINE 1: SELECT'))
    running = started(role)
    assert role.idle.wait(DEADLINE_S)
    running.stop()
    [line] = [record for record in caplog.records if record.levelname == "WARNING" and "again in" in record.getMessage()]
    assert line.getMessage() == f'clerk tries again in 0.1 s: relation "keys" does not exist; {TABLES.told}'
    assert line.exc_info is None


def test_a_process_whose_roles_have_all_halted_stays_until_it_is_stopped() -> None:
    """One that ended would be started again, to halt again, for ever."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    running = started(Scripted("relay", StoreBehindTopic("the topic has 9, the store 5")))
    assert running.roles[0].join(DEADLINE_S)
    looked: list[bool] = []

    def stop_it() -> None:
        looked.append(done.wait(1.0))  # the main thread would have come back by then
        os.kill(os.getpid(), signal.SIGTERM)

    done = threading.Event()
    stopping = threading.Thread(target=stop_it)
    stopping.start()
    try:
        code = running.until_signal()
        done.set()
    finally:
        stopping.join()
        for number, action in before.items():
            signal.signal(number, action)
    assert (looked, code) == ([False], 1)


def next_epoch() -> EpochMoved:
    moved = EpochMoved("the ledger is in epoch 2 now, and this process began in epoch 1: start it again")
    moved.epoch = 2
    return moved


def test_a_process_whose_epoch_is_over_says_so_once_and_ends_to_be_started_again(caplog: pytest.LogCaptureFixture) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    caplog.set_level(logging.WARNING)
    roles = started(*(Scripted(name, next_epoch()) for name in ("intake", "relay")))
    beside = started(Scripted("epoch", next_epoch()), Scripted("forgetting"))
    try:
        code = roles.until_signal(beside)
    finally:
        beside.stop()
        for number, action in before.items():
            signal.signal(number, action)
    assert code == MOVED_ON
    [line] = [record for record in caplog.records if record.name == "kuty.roles"]
    assert (line.levelname, line.getMessage()[:46]) == ("WARNING", "ends because the ledger has begun epoch 2; who")


def test_what_stays_as_it_is_is_said_at_once_and_then_at_growing_intervals() -> None:
    moment = 0.0
    saying, said = Saying(lambda: moment), []
    for second in range(3600):
        moment = float(second)
        if saying.due("the database does not answer"):
            said.append(second)
    assert said == [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]
    assert saying.due("the broker does not answer")
    saying.quiet()
    assert saying.due("the broker does not answer")


@pytest.mark.parametrize(("failures", "steps"), [(1, "1 step"), (4, "4 steps")])
def test_a_role_that_waits_for_a_database_says_so_once_and_says_when_it_goes_on(
    failures: int, steps: str, caplog: pytest.LogCaptureFixture
) -> None:
    role = Scripted("clerk", *[StoreUnavailable("connection refused\nIs the server running?")] * failures)
    running = started(role)
    assert role.idle.wait(DEADLINE_S)
    running.stop()
    assert [record.getMessage() for record in caplog.records if record.name == "kuty.roles"] == [
        "clerk tries again in 0.1 s: connection refused; look after the database; whatever waits goes on by itself:"
        " docs/runbooks/a-database-that-does-not-answer.md",
        f"clerk goes on, after {steps} that failed",
    ]


def test_stopping_lets_each_role_finish_its_step() -> None:
    role = Scripted("clerk", *([1] * 5))
    running = started(role)
    assert role.idle.wait(DEADLINE_S)
    running.stop()
    steps = role.steps
    assert all(one.join(0.0) for one in running.roles)
    assert role.steps == steps


def test_roles_settle_when_a_whole_round_has_nothing_to_do() -> None:
    one, other = Scripted("disclosure", 2, 0, 1), Scripted("relay", 0, 3, 0)
    assert settle([one, other], lambda: 0) == 6
    assert one.steps == other.steps == 4


def test_settling_waits_for_what_is_still_on_its_way() -> None:
    role, left = Scripted("projector"), [2, 1]
    settle([role], lambda: left.pop() if left else 0)
    assert role.steps == 3


def test_what_never_comes_to_rest_is_said() -> None:
    with pytest.raises(Stuck, match="5 records are on their way"):
        settle([Scripted("projector")], lambda: 5, deadline_s=0.05)
