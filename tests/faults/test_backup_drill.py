"""The drill: everything that no topic holds is lost, and comes back from backups and the topic by the runbook's commands."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from faults.crew import until
from faults.doors import Distributed, Embedded
from faults.history import History
from faults.ledgers import at_head, running, undisturbed
from faults.likeness import differences, likeness_of
from faults.proof import check_answers, check_events_topic, check_out_topics, check_receipts, check_store
from faults.runbook import begun, ended
from faults.test_rebuild_store import rows_of

from consumers.embedded_broker import EmbeddedBroker
from deploy.backup.places import PARTS
from deploy.backup.restoring import restore
from deploy.backup.sealed_file import backup_key, make_backup_key
from deploy.backup.taking import take
from deploy.feed import follower_of
from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.migration import keys_database
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import opened
from deploy.world import LedgerWorld

CLIENTS = 2
SEED = 2
"""Gives a correction."""
QUIET, MEANWHILE, AFTER = 15, 10, 12
"""Days of the history before the backup begins, in which it is taken, and until all is lost."""
DEADLINE_S = 120.0
PAGE = "backup-and-restore.md"


def backup_in(folder: Path) -> str:
    """The beginning of the names of the one backup's files."""
    [store] = (folder / "backups").glob("*-store.kuty")
    return store.name.removesuffix("-store.kuty")


def take_all(settings: Settings, folder: Path) -> list[Path]:
    return take(settings, PARTS, dict.fromkeys(PARTS, folder), backup_key(settings.backup_key), lambda _: None)


@contextmanager
def opened_broker(settings: Settings) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(lambda: datetime.now(UTC), settings.home / settings.ledger / "broker.db")
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kuty-") as made:
        yield Path(made)


@pytest.fixture
def distributed(postgres: Postgres, kafka: Kafka, folder: Path) -> Settings:
    store, keys, vault = (postgres.fresh_database() for _ in range(3))
    return Settings(
        ledger=f"drill-{folder.name[5:].replace('_', 'x').lower()}", home=folder / "home", store_dsn=store, keys_dsn=keys,
        vault_dsn=vault, kafka=kafka.bootstrap, port=free_port(), backup_key=str(folder / "backup.key"),
    )  # fmt: skip


def test_all_three_databases_are_lost_and_everything_that_was_accepted_and_published_comes_back(
    distributed: Settings, folder: Path, postgres: Postgres
) -> None:
    server = (distributed.host, distributed.port)
    code, _, wrong = ended(begun(PAGE, "Before the first backup", distributed, folder))
    assert code == 0, wrong
    # given a ledger with traffic, and a backup that is taken while commands are accepted
    with running(distributed) as wired:
        doors = Distributed(wired, server)
        history = History(doors, CLIENTS, SEED)
        history.give()
        doors.begin()
        history.run(QUIET)
        head = wired.store.head()
        going_on = threading.Thread(target=history.run, args=(MEANWHILE,))
        going_on.start()
        until(lambda: wired.store.head() > head, "somebody records", DEADLINE_S)
        code, _, wrong = ended(begun(PAGE, "Take a backup", distributed, folder))
        assert code == 0, wrong
        going_on.join()
        history.run(AFTER)
        until(lambda: at_head(wired), "rest", DEADLINE_S)
        doors.close()
    before = rows_of(distributed.store_dsn, distributed.ledger)
    backup = backup_in(folder)
    code, said, wrong = ended(begun(PAGE, "Verify a backup", distributed, folder, backup))
    assert (code, said.count(": whole; ")) == (0, 3), wrong
    # when all three databases are lost, and the read models with them
    store, keys, vault = (postgres.fresh_database() for _ in range(3))
    again = replace(distributed, store_dsn=store, keys_dsn=keys, vault_dsn=vault)
    code, said, wrong = ended(begun(PAGE, "Restore", again, folder, backup))
    # then what was accepted and published is there, byte by byte, and the audits hold
    assert code == 0, (said, wrong)
    assert f"the store ends at position {len(before.events)}, " in said
    assert ", 0 of its events from the topic" not in said
    assert "every chain verifies" in said
    assert "0 do not" in said
    assert wrong == ""
    assert rows_of(again.store_dsn, again.ledger) == before
    # and the history goes on as if nothing had happened
    with running(again) as wired:
        history.doors = doors = Distributed(wired, server)
        doors.begin()
        history.run()
        doors.close()
        until(lambda: at_head(wired), "rest", DEADLINE_S)
        check_events_topic(wired)
        check_out_topics(wired)
        check_answers(wired, history.with_effect)
        check_receipts(wired, history.told)
        with undisturbed(CLIENTS, SEED) as other:
            found = differences(likeness_of(wired, history.references), likeness_of(other.doors.wired, other.references))
        assert found == []


@pytest.fixture
def embedded(folder: Path) -> Settings:
    make_backup_key(folder / "backup.key")
    return Settings(ledger="drill", home=folder / "home", port=free_port(), backup_key=str(folder / "backup.key"))


def test_a_folder_is_lost_and_the_ledger_goes_on_from_the_moment_of_its_backup(embedded: Settings, folder: Path) -> None:
    server = (embedded.host, embedded.port)
    with opened(embedded, wait_s=0.0) as wired, served(app_of(wired), *server):
        world = LedgerWorld(wired, server)
        history = History(Embedded(world, server), CLIENTS, SEED)
        history.give()
        world.provide()
        history.run(QUIET + MEANWHILE)
        head = wired.store.head()
        code, _, wrong = ended(begun(PAGE, "Take a backup", embedded, folder))
        assert code == 0, wrong
    # when everything is lost but the backup and the master key
    shutil.move(embedded.home / "master.key", folder / "master.key")
    shutil.rmtree(embedded.home)
    embedded.home.mkdir()
    shutil.copy(folder / "master.key", embedded.home)
    # then the store alone comes back, and topics and models are made again from it
    code, said, wrong = ended(begun(PAGE, "Restore", embedded, folder, backup_in(folder)))
    assert (code, wrong) == (0, ""), said
    assert f"the store ends at position {head}, 0 of its events from the topic" in said
    with opened(embedded, wait_s=0.0) as wired, served(app_of(wired), *server):
        world = LedgerWorld(wired, server)
        history.doors = Embedded(world, server)
        world.provide()
        world.settle()
        history.run()
        check_store(wired)
        check_out_topics(wired)
        check_answers(wired, history.with_effect)
        with undisturbed(CLIENTS, SEED) as other:
            found = differences(likeness_of(wired, history.references), likeness_of(other.doors.wired, other.references))
        assert found == []


def test_the_end_of_the_feed_comes_from_the_topic_and_what_no_backup_has_is_listed(embedded: Settings, folder: Path) -> None:
    """Cases that began after the backup: their events are in the topic, sealed under keys that are nowhere."""
    key, server = backup_key(embedded.backup_key), (embedded.host, embedded.port)
    with opened(embedded, wait_s=0.0) as wired, served(app_of(wired), *server):
        world = LedgerWorld(wired, server)
        history = History(Embedded(world, server), CLIENTS, SEED)
        history.give()
        early, known = take_all(embedded, folder / "early"), wired.store.head()
        world.provide()
        history.run(QUIET)
        head = wired.store.head()
    file = embedded.home / "drill" / "events.db"
    for lost in ("events", "keys", "vault"):
        for rest in ("", "-wal", "-shm"):
            file.with_name(f"{lost}.db{rest}").unlink(missing_ok=True)
    with opened_broker(embedded) as broker:
        done = restore(embedded, early, key, broker, lambda _: None)
    assert (done.head, done.from_topic) == (head, head - known)
    assert len(done.lost) == CLIENTS
    assert min(done.lost.values()) > known
    keys = keys_database(embedded)
    try:
        marked = {key_id for (key_id,) in keys.read("SELECT key_id FROM destroyed_keys WHERE proof = %s", ("lost",))}
    finally:
        keys.close()
    assert marked == set(done.lost)
    # and the ledger serves on, with what it can read: nobody halts, and nothing is sealed under the names of those keys
    with opened(embedded, wait_s=0.0) as wired, served(app_of(wired), *server):
        LedgerWorld(wired, server).settle()
        check_store(wired)
        assert list(wired.store.amiss(follower_of)) == []
