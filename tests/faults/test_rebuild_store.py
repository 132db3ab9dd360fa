"""A store that was lost is made again from its topic on Kafka: the same rows, byte by byte, and life goes on in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from faults.crew import kuty, until
from faults.doors import Distributed
from faults.history import History
from faults.killing import Killing
from faults.ledgers import at_head, running, undisturbed
from faults.likeness import differences, likeness_of
from faults.proof import check_answers, check_events_topic, check_out_topics, check_receipts
from psycopg import sql

from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.settings import Settings
from domain.store import schema_of

CLIENTS = 2
SEED = 2
"""Gives a correction."""
BEFORE = 45
"""Days of the history before the store is lost; some twenty messages are answered by then."""
DEADLINE_S = 120.0

Table = list[tuple[Any, ...]]


class Rows(NamedTuple):
    """What the topic has to give back."""

    events: Table
    answers: Table


def rows_of(dsn: str, ledger: str) -> Rows:
    """Every column of every event and of every answer."""
    with psycopg.connect(dsn) as connection:
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema_of(ledger))))
        events = connection.execute(
            "SELECT notification_id, originator_id, originator_version, topic, state, matter FROM events ORDER BY 1"
        ).fetchall()
        answers = connection.execute("SELECT * FROM answers WHERE answer_number IS NOT NULL ORDER BY 1, 2, 3, 4").fetchall()
    return Rows(events, answers)


@pytest.fixture
def settings(postgres: Postgres, kafka: Kafka) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        ledger = f"rebuilt-{Path(folder).name[5:].replace('_', 'x').lower()}"
        yield Settings(
            ledger=ledger, home=Path(folder), store_dsn=postgres.fresh_database(), kafka=kafka.bootstrap, port=free_port()
        )


def test_a_lost_store_is_rebuilt_from_its_topic_and_the_history_goes_on(
    settings: Settings, postgres: Postgres, killing: Killing
) -> None:
    server = (settings.host, settings.port)
    # given a ledger in the middle of its history
    with running(settings) as wired:
        doors = Distributed(wired, server)
        history = History(doors, CLIENTS, SEED)
        history.give()
        doors.begin()
        history.run(BEFORE)
        until(lambda: at_head(wired), "rest", DEADLINE_S)
        doors.close()
    before = rows_of(settings.store_dsn, settings.ledger)
    assert len(before.events) > 300
    # when another store is made from the topic
    elsewhere = postgres.fresh_database()
    count = killing.folder / "count"
    made = kuty(
        settings, "rebuild", "store", "--from-topic", "--into", elsewhere, beside=killing.machine.environment(count=count)
    )
    said, wrong = made.communicate(timeout=DEADLINE_S)
    # then it is equal
    assert made.returncode == 0, wrong
    assert said.splitlines()[-1] == "equal to the present store"
    assert rows_of(elsewhere, settings.ledger) == before
    # and when the store itself is lost, keys and vault are not, and it is made again in its place, which is killed often
    with psycopg.connect(settings.store_dsn) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema_of(settings.ledger))))
    killing.broken_off_often(settings, int(count.read_text()), "rebuild", "store", "--from-topic")
    assert rows_of(settings.store_dsn, settings.ledger) == before
    # then the history goes on in it as if nothing had happened
    with running(settings) as wired:
        history.doors = doors = Distributed(wired, server)
        doors.begin()
        history.run()
        doors.close()
        until(lambda: at_head(wired), "rest", DEADLINE_S)
        after = rows_of(settings.store_dsn, settings.ledger)
        assert Rows(after.events[: len(before.events)], before.answers) == before
        check_events_topic(wired)
        check_out_topics(wired)
        check_answers(wired, history.with_effect)
        assert check_receipts(wired, history.told) > 0  # what intake had answered already was answered again
        with undisturbed(CLIENTS, SEED) as other:
            found = differences(likeness_of(wired, history.references), likeness_of(other.doors.wired, other.references))
        assert found == []
