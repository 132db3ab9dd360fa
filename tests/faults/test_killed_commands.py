"""A command of `kuty` is killed at many moments of its work, again and again on the same ledger, and then run to its end:
what is there is what an undisturbed run of it makes.

The moments are calls that change something outside of the process, chosen by `KUTY_FAULT_SEED`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import replace
from datetime import date
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from faults.crew import Member, until
from faults.doors import Embedded
from faults.history import History
from faults.killing import Deaths, Killing
from faults.likeness import all_records, differences, likeness_of
from faults.place import Place
from faults.proof import check_answers, check_events_topic, check_store

from consumers.disclosed import line_of
from deploy.local.ports import free_port
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from deploy.world import LedgerWorld

CLIENTS = 2
DEMO_SEED = 2
"""Gives a correction."""
DAYS = 45
RECIPIENT = "county"


class Ledger(NamedTuple):
    """An embedded one at rest, in the middle of its history; nobody serves it."""

    home: Path
    references: dict[str, str]
    senders: dict[str, tuple[str, str]]
    goes_on_on: date
    history: History

    def copied(self, home: Path) -> Settings:
        """The same ledger in another folder."""
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        return Settings(ledger="broken-off", home=home)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    home = tmp_path_factory.mktemp("ledger")
    settings = Settings(ledger="broken-off", home=home, port=free_port())
    server = (settings.host, settings.port)
    with opened(settings, wait_s=0.0) as wired, served(app_of(wired), *server):
        world = LedgerWorld(wired, server)
        history = History(Embedded(world, server), CLIENTS, DEMO_SEED)
        history.give()
        world.provide()
        history.run(DAYS)
        world.settle()
        return Ledger(home, history.references, history.with_effect, history.left[0], history)


def test_a_clock_that_was_killed_while_it_went_on_has_gone_on_once(ledger: Ledger, home: Path, killing: Killing) -> None:
    words = ("clock", "advance", ledger.goes_on_on.isoformat())
    whole, broken = ledger.copied(home / "whole"), ledger.copied(home / "broken")
    calls = killing.calls_of(whole, *words)
    killing.broken_off_often(broken, calls, *words)
    with opened(whole, wait_s=0.0) as one, opened(broken, wait_s=0.0) as other:
        for wired in (one, other):
            settled(wired)
        before, after = all_records(one), all_records(other)
        assert [record.header.name for record in after] == [record.header.name for record in before]
        assert one.store.now() == other.store.now()
        assert one.store.today() == ledger.goes_on_on
        check_whole(other, ledger)
        assert differences(likeness_of(one, ledger.references), likeness_of(other, ledger.references)) == []


def settled(wired: Wired) -> None:
    """Everybody has done what there was to do."""
    LedgerWorld(wired, (wired.settings.host, wired.settings.port)).settle()


def check_whole(wired: Wired, ledger: Ledger) -> None:
    """Nothing is lost or doubled, and chains and lines are contiguous."""
    check_store(wired)
    check_events_topic(wired)
    check_answers(wired, ledger.senders)


def test_a_read_model_is_rebuilt_though_its_rebuilding_was_killed(ledger: Ledger, home: Path, killing: Killing) -> None:
    settings = ledger.copied(home)
    with opened(settings) as wired:
        before = likeness_of(wired, ledger.references)
        told = wired.models.of(RECIPIENT).feed().live_epoch
    counted = ledger.copied(home / "counted")
    calls = killing.calls_of(counted, "rebuild", RECIPIENT)
    killing.broken_off_often(settings, calls, "rebuild", RECIPIENT)
    # then its epoch answers, and is the same
    with opened(settings, wait_s=0.0) as wired:
        settled(wired)
        check_whole(wired, ledger)
        epoch = wired.models.of(RECIPIENT).feed().live_epoch
        assert told < epoch <= told + killing.kills + 1
        after = likeness_of(wired, ledger.references)
        assert differences(replace(after, publications={}, events={}), replace(before, publications={}, events={})) == []
        # and every epoch repeats the history whole
        line = [len(wired.store.stream(f"recipient/{RECIPIENT}/{n}")) for n in range(told + 1, epoch + 1)]
        assert line == [line[0]] * len(line)


def test_a_store_is_rebuilt_though_its_rebuilding_was_killed(ledger: Ledger, home: Path, killing: Killing) -> None:
    settings, elsewhere = ledger.copied(home / "home"), home / "elsewhere"
    words = ("rebuild", "store", "--from-topic", "--into")
    calls = killing.calls_of(settings, *words, str(home / "counted"))
    killing.broken_off_often(settings, calls, *words, str(elsewhere))
    assert rows_of(elsewhere) == rows_of(settings.home)
    # and where it is lost, it is made again in its own place
    lost = ledger.copied(home / "lost")
    for file in (lost.home / lost.ledger).glob("events.db*"):
        file.unlink()
    killing.broken_off_often(lost, calls, "rebuild", "store", "--from-topic")
    assert rows_of(lost.home) == rows_of(settings.home)
    with opened(lost, wait_s=0.0) as wired:
        settled(wired)
        check_whole(wired, ledger)


def rows_of(home: Path) -> list[list[tuple[Any, ...]]]:
    """Every event and every numbered answer of the store there."""
    with sqlite3.connect(home / "broken-off" / "events.db") as connection:
        events = connection.execute("SELECT * FROM events ORDER BY 1").fetchall()
        answers = connection.execute("SELECT * FROM answers WHERE answer_number NOT NULL ORDER BY 1, 2, 3, 4").fetchall()
    connection.close()
    return [events, answers]


def test_a_redelivery_is_begun_once_however_often_the_ledger_is_killed_before_it_answers(
    ledger: Ledger, home: Path, killing: Killing, tmp_path: Path
) -> None:
    settings = replace(ledger.copied(home), port=free_port())
    with opened(settings, wait_s=0.0) as wired:
        place = Place.of(ledger.history, wired)
        before = likeness_of(wired, ledger.references)
        told = wired.models.of(RECIPIENT).feed().live_epoch
    # when the county asks for everything once more, under one key, until it is answered
    deaths = Deaths(killing.machine, killing.random, killing.kills, range(40, 400))
    environment = {**os.environ, **settings.environment()}
    with Member("", environment, tmp_path / "serve.log", deaths.next) as serving:
        until(lambda: redelivered(place) in (200, 202), "the redelivery is answered")
        until(place.is_at_rest, "rest")
        assert redelivered(place) == 200
        assert serving.killed > 0
        assert serving.ended_by_itself == []
    # then one epoch has begun, and the model is the same
    with opened(settings, wait_s=0.0) as wired:
        settled(wired)
        check_whole(wired, ledger)
        assert line_of(wired.store, RECIPIENT).epoch == told + 1
        assert wired.models.of(RECIPIENT).feed().live_epoch == told + 1
        after = likeness_of(wired, ledger.references)
        assert differences(*(replace(one, publications={}, events={}, answers={}) for one in (after, before))) == []
        assert sum(map(len, after.answers.values())) == sum(map(len, before.answers.values())) + 1


def redelivered(place: Place) -> int:
    """The status of the answer, 0 where there is none."""
    worker = place.history.cast.person("W-01")
    with suppress(OSError, HTTPException):
        return place.request("POST", "redeliveries", worker, key="once-more").status
    return 0
