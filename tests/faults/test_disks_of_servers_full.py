"""The disks of PostgreSQL and of Kafka are filled in the middle of work. Whoever is asked says 503 or goes on without the
server that has no room; the servers are started again whenever they end, and once there is room again nothing else has to be
done: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import psycopg
import pytest
from faults.asked import MOST, Asked, check_everything
from faults.crew import until
from faults.keeper import Kept
from faults.ledgers import at_head, running
from faults.machine.small_disk import SmallDisk, small_disk
from faults.place import RECORDED, UNAVAILABLE, begun, said_in
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import Kafka, PartsWanted, Postgres
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.settings import Settings

REST_DEADLINE_S = 120.0
TAKEN_WITHOUT = 6
"""So many commands at least are given while a server that they do not need has no room."""


@pytest.fixture(scope="module")
def disk(parts_folder: Path) -> Iterator[SmallDisk]:
    with small_disk(parts_folder / "disk-of-postgres", 400) as disk:
        yield disk


@pytest.fixture(scope="module")
def own_postgres(disk: SmallDisk) -> Iterator[LocalPostgres]:
    """A server all of whose data are on the small disk."""
    wanted = PartsWanted.from_environment()
    with LocalPostgres(disk.folder / "postgres", binaries=wanted.postgres_binaries) as postgres:
        yield postgres


def ledger_in(home: Path, **given: str) -> Settings:
    name = f"filled-{home.name[5:].replace('_', 'x').lower()}"
    return Settings(ledger=name, home=home, port=free_port(), kafka_deadline_s=5.0, **given)  # type: ignore[arg-type]


@pytest.mark.campaign
def test_commands_go_on_while_the_read_models_have_no_room(
    own_postgres: LocalPostgres, kafka: Kafka, parts_folder: Path, home: Path
) -> None:
    with small_disk(parts_folder / "disk-of-models", 48) as small:
        # given read models in a database whose tables are on a disk of their own
        room = small.folder / "tables"
        room.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(room, pwd.getpwuid((own_postgres.folder / "data").stat().st_uid).pw_uid, -1)
        with psycopg.connect(own_postgres.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(str(room)))
            connection.execute("CREATE DATABASE models TABLESPACE small")
        models = make_conninfo(own_postgres.dsn, dbname="models")
        settings = ledger_in(home, store_dsn=own_postgres.fresh_database(), models_dsn=models, kafka=kafka.bootstrap)
        with begun(settings) as (_, place):
            pass
        asked = Asked(place)
        with running(settings) as wired:
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            log = own_postgres.folder / "server.log"
            before = log.stat().st_size
            # when it is full, which is said once the room in pages that are there is taken
            small.fill()
            answers: list[int] = []
            while len(answers) < TAKEN_WITHOUT or b"No space left on device" not in log.read_bytes()[before:]:
                answers.append(asked.one().status)
                assert len(answers) < MOST, "the read models have come after all"
            # then every command is taken, and what is known is shown
            assert answers == [201] * len(answers)
            assert wired.lag()["projector"]
            assert place.read().status == 200
            # and when there is room, the read models come after
            small.empty()
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            check_everything(wired, asked)
        wired.close()
        with psycopg.connect(own_postgres.dsn, autocommit=True) as connection:
            connection.execute("DROP DATABASE models WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")


def test_a_store_whose_disk_is_full_takes_nothing_and_goes_on_when_there_is_room(
    own_postgres: LocalPostgres, disk: SmallDisk, kafka: Kafka, home: Path, fault_seed: str
) -> None:
    settings = ledger_in(home, store_dsn=own_postgres.fresh_database(), kafka=kafka.bootstrap)
    with begun(settings) as (_, place):
        pass
    asked = Asked(place)
    with Kept(own_postgres) as kept, running(settings) as wired:
        assert [asked.one().status for _ in range(2)] == [201, 201]
        # when tables have no room to grow
        disk.fill(Random(fault_seed).randrange(200_000))
        answer = asked.until_unavailable()
        # then nothing is taken, and what was told is told
        assert answer.headers["retry-after"] == "1"
        assert "Nothing was recorded, or the same id will tell." in said_in(answer)
        if not kept.ended:
            assert place.follow().status == 200
        # and when the server itself has no room for what it is about to do, and ends
        with suppress(psycopg.Error), psycopg.connect(own_postgres.dsn, autocommit=True) as connection:
            while True:
                connection.execute("CREATE TABLE IF NOT EXISTS taken (line text)")
                connection.execute("SELECT pg_logical_emit_message(false, 'taken', repeat('x', 1000000))")
        assert asked.one().status == UNAVAILABLE
        assert place.follow().status in (200, UNAVAILABLE)
        # then there being room is all that it takes
        disk.empty()
        asked.again()
        assert asked.one().status in RECORDED
        until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
        assert place.read().status == 200
        check_everything(wired, asked)


@pytest.mark.campaign
def test_commands_go_on_while_kafka_has_no_room(postgres: Postgres, parts_folder: Path, home: Path) -> None:
    wanted = PartsWanted.from_environment()
    with (
        small_disk(parts_folder / "disk-of-kafka", 64) as small,
        LocalKafka(small.folder / "kafka", cache=wanted.cache, jars=wanted.jars, java=wanted.java) as own,
    ):
        settings = ledger_in(home, store_dsn=postgres.fresh_database(), kafka=own.bootstrap)
        with begun(settings) as (_, place):
            pass
        asked = Asked(place)
        with Kept(own) as kept, running(settings) as wired:
            assert [asked.one().status for _ in range(2)] == [201, 201]
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            # when Kafka has no room
            small.fill()
            answers = [asked.one().status for _ in range(TAKEN_WITHOUT)]
            # then every command is taken, and what is known is shown, though Kafka ends
            assert answers == [201] * TAKEN_WITHOUT
            until(lambda: kept.ended > 0, "Kafka notices")
            assert place.read().status == 200
            assert asked.one().status == 201
            # and when there is room, everybody hears of it
            small.empty()
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            check_everything(wired, asked)
