"""A command of `kuty` is killed at many moments of its work, again and again on the same ledger, and then run to its end:
what is there is what an undisturbed run of it makes.

The moments are calls that change something outside of the process, chosen by `KUTY_FAULT_SEED`.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from faults.crew import Crew, Member, until
from faults.halfway import Halfway, InFolders, Ledgers, OnServers
from faults.killing import Deaths, Killing
from faults.likeness import Likeness, all_records, differences, likeness_of
from faults.machine.ill import IllMachine
from faults.place import Place
from faults.proof import check_answers, check_events_topic, check_store

from consumers.disclosed import line_of
from consumers.redelivery import WINDOW, Redelivery, Repeating
from deploy.auditing.parts import audited
from deploy.local.parts import Kafka, Postgres
from deploy.settings import Settings
from deploy.wiring import Wired

CLIENTS = 2
DAYS = 45
RECIPIENT = "county"


@pytest.fixture(autouse=True)
def _well_again(machine: IllMachine) -> Iterator[None]:
    yield
    machine.be_well()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Ledgers:
    return InFolders(tmp_path_factory.mktemp("ledger"), CLIENTS, DAYS)


@pytest.fixture(params=["embedded", pytest.param("on servers", marks=pytest.mark.campaign)])
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """Both ways to have a ledger."""
    if request.param == "embedded":
        made: Ledgers = request.getfixturevalue("folders")
        return made
    return OnServers(request.getfixturevalue("postgres"), request.getfixturevalue("kafka"), CLIENTS, DAYS)


def test_a_clock_that_was_killed_while_it_went_on_has_gone_on_once(
    ledgers: Ledgers, home: Path, killing: Killing
) -> None:
    whole, broken = ledgers.another(home / "whole"), ledgers.another(home / "broken")
    goes_on_on = whole.history.left[0]
    words = ("clock", "advance", goes_on_on.isoformat())
    with ledgers.beside(whole.settings):
        calls = killing.calls_of(whole.settings, *words)
    with ledgers.beside(broken.settings):
        killing.broken_off_often(broken.settings, calls, *words)
    with ledgers.rested(whole.settings) as one, ledgers.rested(broken.settings) as other:
        # Beside each other roles and clients take turns by chance: the order of each one's own line is compared below.
        before, after = (Counter(record.header.name for record in all_records(wired)) for wired in (one, other))
        assert after == before
        assert one.store.now() == other.store.now()
        assert one.store.today() == goes_on_on
        check_whole(other, broken)
        assert differences(likeness_of(one, whole.references), likeness_of(other, broken.references)) == []


def check_whole(wired: Wired, ledger: Halfway) -> None:
    """Nothing is lost or doubled, and chains and lines are contiguous."""
    check_store(wired)
    check_events_topic(wired)
    check_answers(wired, ledger.senders)


def test_a_read_model_is_rebuilt_though_its_rebuilding_was_killed(
    ledgers: Ledgers, home: Path, killing: Killing
) -> None:
    ledger = ledgers.another(home)
    with ledgers.beside(ledger.settings):
        calls = killing.calls_of(ledger.settings, "rebuild", RECIPIENT)
    with ledgers.rested(ledger.settings) as wired:
        before = likeness_of(wired, ledger.references)
        told = wired.models.of(RECIPIENT).feed().live_epoch
    with ledgers.beside(ledger.settings):
        killing.broken_off_often(ledger.settings, calls, "rebuild", RECIPIENT)
    # then its epoch answers, and is the same
    with ledgers.rested(ledger.settings) as wired:
        check_whole(wired, ledger)
        epoch = wired.models.of(RECIPIENT).feed().live_epoch
        assert told < epoch <= told + killing.kills + 1
        after = likeness_of(wired, ledger.references)
        assert differences(replace(after, publications={}, events={}), replace(before, publications={}, events={})) == []
        # and every epoch repeats the history whole
        line = [len(wired.store.stream(f"recipient/{RECIPIENT}/{n}")) for n in range(told + 1, epoch + 1)]
        assert line == [line[0]] * len(line)


def test_a_store_is_rebuilt_though_its_rebuilding_was_killed(folders: Ledgers, home: Path, killing: Killing) -> None:
    """On PostgreSQL: test_rebuild_store.py."""
    ledger = folders.another(home / "home")
    settings, elsewhere = ledger.settings, home / "elsewhere"
    words = ("rebuild", "store", "--from-topic", "--into")
    calls = killing.calls_of(settings, *words, str(home / "counted"))
    killing.broken_off_often(settings, calls, *words, str(elsewhere))
    assert rows_of(elsewhere) == rows_of(settings.home)
    # and where it is lost, it is made again in its own place
    lost = folders.another(home / "lost").settings
    for file in (lost.home / lost.ledger).glob("events.db*"):
        file.unlink()
    killing.broken_off_often(lost, calls, "rebuild", "store", "--from-topic")
    assert rows_of(lost.home) == rows_of(settings.home)
    with folders.rested(lost) as wired:
        check_whole(wired, ledger)


def rows_of(home: Path) -> list[list[tuple[Any, ...]]]:
    """Every event and every numbered answer of the store there."""
    with sqlite3.connect(home / "halfway" / "events.db") as connection:
        events = connection.execute("SELECT * FROM events ORDER BY 1").fetchall()
        answers = connection.execute("SELECT * FROM answers WHERE answer_number NOT NULL ORDER BY 1, 2, 3, 4").fetchall()
    connection.close()
    return [events, answers]


# --- redeliveries -----------------------------------------------------------------------------------------------------


def test_a_redelivery_is_begun_once_however_often_the_ledger_is_killed_before_it_answers(
    folders: Ledgers, home: Path, killing: Killing, tmp_path: Path
) -> None:
    ledger = folders.another(home)
    with folders.rested(ledger.settings) as wired:
        place, before, told = Place.of(ledger.history, wired), likeness_of(wired, ledger.references), epoch_of(wired)
    # when the county asks for everything once more, under one key, until it is answered
    deaths = Deaths(killing.machine, killing.random, killing.kills, range(40, 400))
    environment = {**os.environ, **ledger.settings.environment()}
    with Member("", environment, tmp_path / "serve.log", deaths.next) as serving:
        until(lambda: redelivered(place) in (200, 202), "the redelivery is answered")
        until(place.is_at_rest, "rest")
        assert redelivered(place) == 200
        assert serving.killed > 0
        assert serving.ended_by_itself == []
    # then one epoch has begun, and the model is the same
    with folders.rested(ledger.settings) as wired:
        check_repeated_once(wired, ledger, told, before)


def epoch_of(wired: Wired) -> int:
    """The one by which the recipient's model answers."""
    return wired.models.of(RECIPIENT).feed().live_epoch


def check_repeated_once(wired: Wired, ledger: Halfway, told: int, before: Likeness) -> None:
    """One epoch has begun behind that in which the recipient was told, and its model is the same."""
    check_whole(wired, ledger)
    assert line_of(wired.store, RECIPIENT).epoch == told + 1
    assert epoch_of(wired) == told + 1
    after = likeness_of(wired, ledger.references)
    assert differences(*(replace(one, publications={}, events={}, answers={}) for one in (after, before))) == []
    assert sum(map(len, after.answers.values())) == sum(map(len, before.answers.values())) + 1


def redelivered(place: Place) -> int:
    """The status of the answer, 0 where there is none."""
    worker = place.history.cast.person("W-01")
    with suppress(OSError, HTTPException):
        return place.request("POST", "redeliveries", worker, key="once-more").status
    return 0


def progress_of(settings: Settings) -> Redelivery:
    """How far the newest redelivery has come, by what stands in the store."""
    with closing(audited(settings)) as parts:
        return Repeating(parts.store, RECIPIENT).progress()  # type: ignore[arg-type]


SLOW_S = 0.2
"""What a commit takes at least: a process that is killed when a window is done has not come to the end of the next."""
KILLS = 3
MANY_CLIENTS = 6
"""The county is told more of them than three windows hold."""


@pytest.fixture(scope="module")
def long_folders(tmp_path_factory: pytest.TempPathFactory) -> Ledgers:
    return InFolders(tmp_path_factory.mktemp("long"), MANY_CLIENTS, None)


def killed_between_windows(member: Member, settings: Settings) -> list[Redelivery]:
    """Kill who repeats what is asked for whenever a window is done; how far it had come each time when it was dead."""
    stood: list[Redelivery] = []
    while len(stood) < KILLS:
        member.kill()
        progress = progress_of(settings)
        if progress.repeated == progress.publications:
            break
        stood.append(progress)
        until(lambda: progress_of(settings).repeated > stood[-1].repeated, "another window")
    return stood


def check_stood(stood: list[Redelivery]) -> None:
    assert stood, "nobody was killed between two windows"
    assert all(0 < one.repeated < one.publications for one in stood)
    assert stood[0].publications > 3 * WINDOW


def test_a_redelivery_that_is_killed_between_its_windows_goes_on_where_it_stood(
    long_folders: Ledgers, home: Path, machine: IllMachine, tmp_path: Path
) -> None:
    ledger = long_folders.another(home)
    settings = ledger.settings
    with long_folders.rested(settings) as wired:
        place, before, told = Place.of(ledger.history, wired), likeness_of(wired, ledger.references), epoch_of(wired)
    with Member("", {**os.environ, **settings.environment(), **machine.environment()}, tmp_path / "serve.log") as serving:
        machine.a_sync_takes(SLOW_S)
        until(lambda: redelivered(place) == 202, "the redelivery begins")
        check_stood(stood := killed_between_windows(serving, settings))
        machine.be_well()
        until(place.is_at_rest, "rest")
        assert serving.killed == len(stood) == KILLS
        assert serving.ended_by_itself == []
    with long_folders.rested(settings) as wired:
        check_repeated_once(wired, ledger, told, before)


@pytest.mark.campaign
def test_a_redelivery_goes_on_on_servers_too_whoever_is_killed_between_its_windows(
    postgres: Postgres, kafka: Kafka, home: Path, tmp_path: Path
) -> None:
    servers = OnServers(postgres, kafka, MANY_CLIENTS, None)
    ledger = servers.another(home)
    settings = ledger.settings
    with servers.rested(settings) as wired:
        place, before, told = Place.of(ledger.history, wired), likeness_of(wired, ledger.references), epoch_of(wired)
    with Crew(settings, tmp_path) as crew:
        until(lambda: redelivered(place) == 202, "the redelivery begins")
        crew.members["api"].kill()
        check_stood(killed_between_windows(crew.members["disclosure"], settings))
        until(place.is_at_rest, "rest")
        assert {role: member.ended_by_itself for role, member in crew.members.items() if member.ended_by_itself} == {}
    with servers.rested(settings) as wired:
        check_repeated_once(wired, ledger, told, before)
