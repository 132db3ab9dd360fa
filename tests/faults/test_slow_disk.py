"""A disk that takes long to sync: answers take longer, and nothing else changes. Of one that does not come to an end with it
or fails it is answered within seconds that nobody knows whether it was done; asked for again it is there once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.asked import Asked, check_everything
from faults.crew import until, whole
from faults.ledgers import at_head, running
from faults.machine.ill import IllMachine
from faults.place import UNAVAILABLE, begun, said_in

from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import Kafka, PartsWanted, Postgres
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.settings import Settings
from deploy.wiring import opened

SLOW_S = 0.2
HANGS_S = 600.0
A_FEW_SECONDS = 30.0
"""What no answer may take, on a machine that is busy; the client's own patience is longer."""
REST_DEADLINE_S = 240.0


@pytest.fixture(autouse=True)
def _well_again(machine: IllMachine) -> Iterator[None]:
    yield
    machine.be_well()


def asked_while_slow_and_while_hanging(asked: Asked, machine: IllMachine) -> None:
    """Commands and messages: as long as a sync takes, and of unknown outcome while it does not end."""
    assert [asked.one().status for _ in range(2)] == [201, 201]
    machine.a_sync_takes(SLOW_S)
    for _ in range(4):
        began = time.monotonic()
        assert asked.one().status == 201
        assert time.monotonic() - began >= SLOW_S
    machine.a_sync_takes(HANGS_S)
    began = time.monotonic()
    for answer in asked.together(4):
        assert answer.status == UNAVAILABLE
        assert "the same id will tell" in said_in(answer)
    assert time.monotonic() - began < A_FEW_SECONDS
    machine.be_well()
    asked.again()
    assert asked.one().status == 201


def asked_while_syncs_fail(asked: Asked, machine: IllMachine) -> None:
    """Commands and messages: none is said to be recorded that may be on no disk."""
    assert [asked.one().status for _ in range(2)] == [201, 201]
    machine.syncs_fail()
    for answer in (*asked.together(4), asked.one(), asked.one()):
        assert answer.status == UNAVAILABLE
        assert "the same id will tell" in said_in(answer)
    machine.be_well()
    asked.again()
    assert [asked.one().status for _ in range(2)] == [201, 201]


def test_a_slow_disk_under_postgresql_makes_answers_late_and_nothing_else(
    machine: IllMachine, kafka: Kafka, parts_folder: Path, home: Path
) -> None:
    binaries = PartsWanted.from_environment().postgres_binaries
    postgres = LocalPostgres(parts_folder / "postgres-on-a-slow-disk", binaries=binaries)
    with machine.felt_by_what_starts():
        postgres.start()
    with started(postgres):
        ledger = f"slow-{home.name[5:].replace('_', 'x').lower()}"
        settings = Settings(
            ledger=ledger, home=home, store_dsn=postgres.fresh_database(), kafka=kafka.bootstrap, port=free_port()
        )
        with begun(settings) as (_, place):
            pass
        asked = Asked(place)
        with running(settings) as wired:
            asked_while_slow_and_while_hanging(asked, machine)
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            check_everything(wired, asked)


@pytest.mark.campaign
def test_a_slow_disk_under_an_embedded_ledger_makes_answers_late_and_nothing_else(
    machine: IllMachine, home: Path, tmp_path: Path
) -> None:
    settings = Settings(ledger="slow", home=home, port=free_port())
    with begun(settings) as (_, place):
        pass
    asked = Asked(place)
    with whole(settings, tmp_path / "serve.log", machine.environment()) as serving:
        asked_while_slow_and_while_hanging(asked, machine)
        until(place.is_at_rest, "rest", REST_DEADLINE_S)
        assert serving.ended_by_itself == []
    with opened(settings) as wired:
        check_everything(wired, asked)


def test_what_an_embedded_ledger_could_not_sync_is_not_said_to_be_recorded_and_is_there_once(
    machine: IllMachine, home: Path, tmp_path: Path
) -> None:
    settings = Settings(ledger="broken", home=home, port=free_port())
    with begun(settings) as (_, place):
        pass
    asked = Asked(place)
    log = tmp_path / "serve.log"
    with whole(settings, log, machine.environment()) as serving:
        for _ in range(3):
            asked_while_syncs_fail(asked, machine)
            until(place.is_at_rest, "rest", REST_DEADLINE_S)
        # and what was recorded is on the disk whenever the process is killed
        serving.kill()
        until(place.is_at_rest, "rest", REST_DEADLINE_S)
        assert serving.ended_by_itself == []
    with opened(settings) as wired:
        check_everything(wired, asked)


@pytest.mark.campaign
def test_a_slow_disk_under_kafka_makes_nobody_wait_who_asks_for_something(
    machine: IllMachine, postgres: Postgres, parts_folder: Path, home: Path
) -> None:
    wanted = PartsWanted.from_environment()
    kafka = LocalKafka(
        parts_folder / "kafka-on-a-slow-disk", cache=wanted.cache, jars=wanted.jars, java=wanted.java
    )  # fmt: skip
    with machine.felt_by_what_starts():
        kafka.start()
    with started(kafka):
        settings = Settings(
            ledger="slow", home=home, store_dsn=postgres.fresh_database(), kafka=kafka.bootstrap, port=free_port(),
            kafka_deadline_s=60.0,
        )  # fmt: skip
        # given topics that were made on a slow disk
        machine.a_sync_takes(SLOW_S)
        with begun(settings) as (_, place):
            pass
        asked = Asked(place)
        with running(settings) as wired:
            # when its disk hangs
            machine.a_sync_takes(HANGS_S)
            for _ in range(6):
                began = time.monotonic()
                assert asked.one().status == 201
                assert time.monotonic() - began < A_FEW_SECONDS
            # then everybody hears of it, at the latest when it is well
            machine.be_well()
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            check_everything(wired, asked)


@contextmanager
def started(part: LocalPostgres | LocalKafka) -> Iterator[None]:
    """A server that was started for the block."""
    try:
        yield
    finally:
        part.stop()
