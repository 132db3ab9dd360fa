"""Every role runs twice at the same time, as when one was thought dead and was not: what they do is done once, and what
they send twice is the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.crew import until
from faults.doors import Distributed
from faults.history import History
from faults.ledgers import at_head, running, undisturbed
from faults.likeness import differences, likeness_of
from faults.proof import check_answers, check_events_topic, check_out_topics, check_receipts, check_store

from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.settings import Settings

CLIENTS = 2
SEED = 2
DEADLINE_S = 120.0


@pytest.fixture
def settings(postgres: Postgres, kafka: Kafka) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        ledger = f"twice-{Path(folder).name[5:].replace('_', 'x').lower()}"
        yield Settings(
            ledger=ledger, home=Path(folder), store_dsn=postgres.fresh_database(), kafka=kafka.bootstrap, port=free_port()
        )


def test_two_of_each_role_do_everything_once(settings: Settings) -> None:
    with running(settings, times=2) as wired:
        doors = Distributed(wired, (settings.host, settings.port))
        history = History(doors, CLIENTS, SEED)
        history.give()
        doors.begin()
        history.run()
        doors.close()
        until(lambda: at_head(wired), "rest", DEADLINE_S)
        check_store(wired)
        repeated = check_events_topic(wired), check_out_topics(wired), check_receipts(wired, history.told)
        print("{} events, {} publications and {} receipts came twice".format(*repeated))
        check_answers(wired, history.with_effect)
        with undisturbed(CLIENTS, SEED) as once:
            found = differences(likeness_of(wired, history.references), likeness_of(once.doors.wired, once.references))
        assert found == []
