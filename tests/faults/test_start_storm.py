"""Many processes make the same ledger's tables and start to serve it at one moment: none of them crashes."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from faults.crew import kuty
from logins import login_dsn

from consumers import wire
from consumers.broker import KafkaBroker
from deploy.local.parts import Kafka, Postgres
from deploy.migration import migrate, provision, token_key
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts, opened

T = TypeVar("T")
AT_ONCE = 8
DEADLINE_S = 120.0
SERVING = ("intake", "clerk", "disclosure", "relay", "projector")
"""Roles that start twice each, in the same moment."""


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Exit code and what was said on standard error."""
    return [
        (process.returncode, said)
        for process, (_, said) in ((one, one.communicate(timeout=DEADLINE_S)) for one in processes)
    ]


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        yield Path(folder)


@pytest.fixture
def distributed(postgres: Postgres, kafka: Kafka, home: Path) -> Settings:
    """A fresh database whose owner makes everything, and logins that are not there yet."""
    owner = postgres.fresh_database()
    named = home.name.replace("-", "_")
    return Settings(
        ledger=f"storm-{home.name[-6:].lower().replace('_', '0').strip('-')}",
        home=home, kafka=kafka.bootstrap, owner_dsn=owner,
        store_dsn=login_dsn(owner, f"store_{named}"), models_dsn=login_dsn(owner, f"models_{named}"),
    )  # fmt: skip


def all_at_once(work: Callable[[], T]) -> list[T]:
    """What each of many got who did the same in the same moment. Raises what one of them raised."""
    together = threading.Barrier(AT_ONCE)

    def one(_: int) -> T:
        together.wait(DEADLINE_S)
        return work()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


@pytest.mark.parametrize("attempt", range(5))
def test_tables_and_logins_are_made_once_however_many_make_them(distributed: Settings, attempt: int) -> None:
    all_at_once(lambda: migrate(distributed))
    with psycopg.connect(distributed.owner_dsn) as connection:
        schema = f"kuty_{distributed.ledger.replace('-', '_')}"
        made = connection.execute(
            "SELECT table_schema FROM information_schema.tables WHERE table_name = 'migrations' ORDER BY 1"
        ).fetchall()
    assert made == [(schema,), (f"{schema}_keys",), (f"{schema}_vault",)]


@pytest.mark.parametrize("attempt", range(5))
def test_embedded_tables_are_made_once_however_many_make_them(home: Path, attempt: int) -> None:
    settings = Settings(ledger="storm", home=home)
    all_at_once(lambda: migrate(settings))
    with opened(settings) as wired:
        assert wired.store.head() == 0


@pytest.mark.parametrize("where", ["home", "distributed"])
def test_whoever_opens_a_fresh_ledger_first_finds_the_same_keys_as_everybody(
    request: pytest.FixtureRequest, home: Path, where: str
) -> None:
    settings = request.getfixturevalue("distributed") if where == "distributed" else Settings(ledger="storm", home=home)
    migrate(settings)

    def own_name() -> tuple[str, bytes]:
        wired = open_ledger_parts(settings)
        try:
            return wired.pseudonyms("county").of("0" * 32), token_key(settings)
        finally:
            wired.close()

    assert len(set(all_at_once(own_name))) == 1


def test_databases_of_one_server_may_be_given_the_same_logins_at_one_moment(postgres: Postgres, home: Path) -> None:
    owners = iter([postgres.fresh_database() for _ in range(AT_ONCE)])
    login = f"shared_{home.name.replace('-', '_')}"

    def make() -> None:
        owner = next(owners)
        settings = Settings(ledger="storm", home=home, owner_dsn=owner, store_dsn=login_dsn(owner, login))
        migrate(settings)
        with opened(settings) as wired:
            assert wired.store.head() == 0

    all_at_once(make)


@pytest.mark.parametrize("attempt", range(3))
def test_a_recipients_model_is_made_once_however_many_make_it(distributed: Settings, attempt: int) -> None:
    migrate(distributed)
    all_at_once(lambda: provision(distributed, ["provider-s01"]))
    with opened(distributed) as wired:
        assert wired.models.of("provider-s01").feed().live_epoch == 0


def test_every_role_may_start_twice_in_the_moment_in_which_the_ledger_is_made(distributed: Settings) -> None:
    assert ended([kuty(distributed, "migrate")]) == [(0, "")]
    # when two of each role start while the ledger is opened and its first organisations join
    processes = [kuty(distributed, "serve", "--role", role) for role in SERVING for _ in range(2)]
    opening = [kuty(distributed, "ledger", "open", "0000001-9", "--on", "2025-01-07") for _ in range(2)]
    try:
        assert sorted(code for code, _ in ended(opening)) in ([0, 0], [0, 1])
        for process in processes:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]  # where it is watched, and that it runs
            assert "" not in lines, process.communicate()[1]
        # then each is there, and what one of them does stands in the topics once
        with opened(distributed) as wired:
            assert wired.store.mode == "simulated"
    finally:
        for process in processes:
            process.terminate()
    assert ended(processes) == [(0, "")] * len(processes)
    broker = KafkaBroker(distributed.connection)
    topic = wire.events_topic(distributed.ledger)
    reads = broker.read(topic, 0, 100, 5.0)
    broker.close()
    assert [wire.sequence_of(read) for read in reads[:1]] == [1]
