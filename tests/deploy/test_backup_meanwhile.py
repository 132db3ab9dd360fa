"""A backup while everything runs: one moment of three databases; broken off, it leaves nothing that looks whole."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from described import Local
from house import AINO, LEDGER, House, app_of, furnished
from stories import OWN_WORKER

from deploy.backup.places import PARTS, place_of
from deploy.backup.restoring import restore
from deploy.backup.sealed_file import UNFINISHED, backup_key, make_backup_key
from deploy.backup.taking import last_backups, take
from deploy.settings import Settings
from deploy.wiring import opened
from domain.events import SubjectRegistered
from domain.store import Place, StoreUnavailable, lock_number, one_moment, schema_of

ROUNDS = 4
ROOT = Path(__file__).parents[2]


def quiet(_: int) -> None:
    """No bar."""


@pytest.fixture(params=["files", "PostgreSQL"])
def lively(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A ledger in the middle of a history, in three files or three databases."""
    shutil.copytree(furnished("3"), tmp_path / "home", dirs_exist_ok=True)
    make_backup_key(tmp_path / "backup.key")
    files = Settings(home=tmp_path / "home", ledger=LEDGER, backup_key=str(tmp_path / "backup.key"))
    if request.param == "files":
        return files
    postgres = request.getfixturevalue("postgres")
    store, keys, vault = (postgres.fresh_database() for _ in range(3))
    there = replace(files, store_dsn=store, keys_dsn=keys, vault_dsn=vault)
    paths = take(files, PARTS, dict.fromkeys(PARTS, tmp_path / "first"), backup_key(files.backup_key), quiet)
    restore(there, paths, backup_key(files.backup_key), None, quiet)
    return there


@contextmanager
def written_into(home: House) -> Iterator[list[str]]:
    """Somebody registers clients and changes their details all the while; the names of those who were registered."""
    stop, names, failed = threading.Event(), list[str](), list[BaseException]()

    def write() -> None:
        try:
            while not stop.is_set():
                asked = {"registered_from": "own_contact", "identity_kind": "none", "family_name": f"Uusi {len(names)}"}
                answer = home.post("/clients", OWN_WORKER, asked)
                assert answer.status_code == 201, answer.text
                name = answer.json()["references"]["client"]
                changed = home.post(f"/clients/{name}/details", OWN_WORKER, {"phone": f"040 {len(names)}"})
                assert changed.status_code == 201, changed.text
                names.append(name)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield names
    finally:
        stop.set()
        thread.join()
    assert failed == []


def until_one_more(names: list[str]) -> None:
    """Wait until somebody else was registered."""
    count, pause = len(names), threading.Event()
    for _ in range(3000):
        if len(names) > count:
            return
        pause.wait(0.01)
    raise TimeoutError("nobody was registered")


def test_what_is_recorded_at_the_moment_of_a_backup_has_its_keys_and_its_people_in_it(
    lively: Settings, tmp_path: Path
) -> None:
    key, taken = backup_key(lively.backup_key), list[list[Path]]()
    # given backups that are taken while clients are registered
    with opened(lively, wait_s=0.0) as wired, Local(app_of(wired)) as http, written_into(House(wired, http)) as names:
        for number in range(ROUNDS):
            until_one_more(names)
            taken.append(take(lively, PARTS, dict.fromkeys(PARTS, tmp_path / f"b{number}"), key, quiet))
        until_one_more(names)
    # then each of them holds a whole ledger of one moment
    heads = []
    for number, paths in enumerate(taken):
        target = Settings(home=tmp_path / f"r{number}", ledger=LEDGER, backup_key=lively.backup_key)
        target.home.mkdir()
        shutil.copy(lively.home / "master.key", target.home)
        done = restore(target, paths, key, None, quiet)
        assert done.lost == {}
        heads.append(done.head)
        with opened(target, wait_s=0.0) as restored:
            clients = [record.header.stream for record in restored.store.records(0, 10_000, [SubjectRegistered.NAME])]
            assert AINO in clients
            known = restored.vault.get(clients)
            assert sorted(known) == sorted(clients)
            for client in set(clients) - {AINO}:
                kept = restored.vault.look(client)
                assert kept is not None
                told = len(restored.store.stream(client)) == 2
                # A change that no fact tells of yet is marked as one, and the next fact tells of it.
                assert (kept.record.phone is not None) == (told or bool(kept.untold))
    assert heads == sorted(set(heads))


def test_a_lock_that_a_backup_takes_is_let_go_at_once(lively: Settings, tmp_path: Path) -> None:
    """Writers go on while tables are copied."""
    during: list[int] = []
    with opened(lively, wait_s=0.0) as wired, Local(app_of(wired)) as http:
        home = House(wired, http, aino=AINO)

        def write_once(_: int) -> None:
            if not during:
                during.append(0)
                path = f"/clients/{home.name('county')}/details"
                during[0] = home.post(path, OWN_WORKER, {"phone": "040 9"}).status_code

        head = wired.store.head()
        paths = take(lively, PARTS, dict.fromkeys(PARTS, tmp_path / "b"), backup_key(lively.backup_key), write_once)
        assert during == [201]
        assert wired.store.head() == head + 1
    target = Settings(home=tmp_path / "r", ledger=LEDGER, backup_key=lively.backup_key)
    target.home.mkdir()
    shutil.copy(lively.home / "master.key", target.home)
    assert restore(target, paths, backup_key(lively.backup_key), None, quiet).head == head


def backing_up(settings: Settings, folder: Path, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "backup", "--to", str(folder)], cwd=ROOT, text=True,
        env={**os.environ, **settings.environment()}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
    )  # fmt: skip


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    shutil.copytree(furnished("12"), tmp_path / "home", dirs_exist_ok=True)
    make_backup_key(tmp_path / "backup.key")
    return Settings(home=tmp_path / "home", ledger=LEDGER, backup_key=str(tmp_path / "backup.key"))


def test_a_disk_that_is_full_is_named_and_no_half_file_is_left(embedded: Settings, tmp_path: Path) -> None:
    """A limit on the size of files fails a write as a full disk does."""
    full = backing_up(
        embedded, tmp_path / "b", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    )
    said, wrong = full.communicate(timeout=60)
    assert (full.returncode, said) == (1, "")
    assert wrong.startswith(f"kuty: {tmp_path / 'b'}/house-")
    assert wrong.endswith(f"-store.kuty: {os.strerror(errno.EFBIG)}\n")
    assert list((tmp_path / "b").iterdir()) == []
    assert last_backups(embedded) == {}


def test_a_backup_that_is_killed_leaves_no_file_that_looks_whole(embedded: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    killed = backing_up(embedded, folder)
    pause = threading.Event()
    while not (folder.exists() and any(folder.iterdir())):
        assert killed.poll() is None
        pause.wait(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    whole = [file for file in folder.iterdir() if file.suffix == ".kuty"]
    # Where it was faster than the kill it is whole; else there is none, or not all of them, and none that is not whole.
    assert all(file.name.endswith(UNFINISHED) for file in set(folder.iterdir()) - set(whole))
    again = backing_up(embedded, folder)
    said, wrong = again.communicate(timeout=60)
    assert again.returncode == 0, wrong
    assert len(said.split()) == len(PARTS)


def test_a_ledger_that_somebody_else_holds_is_said_to_be_held(lively: Settings, tmp_path: Path) -> None:
    with (
        held(lively),
        pytest.raises(StoreUnavailable, match="another writer has held the ledger"),
    ):
        take(lively, PARTS, dict.fromkeys(PARTS, tmp_path / "b"), backup_key(lively.backup_key), quiet)
    assert list((tmp_path / "b").iterdir()) == []


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Another writer's transaction."""
    if settings.store_dsn:
        with psycopg.connect(settings.store_dsn) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"ledger/{schema_of(LEDGER)}"),))
            yield
    else:
        with closing(sqlite3.connect(settings.home / LEDGER / "events.db", isolation_level=None)) as other_file:
            other_file.execute("BEGIN IMMEDIATE")
            yield


class Dawdling:
    """A place whose snapshot begins, and then gives others time to write."""

    def __init__(self, place: Place, meanwhile: Callable[[], None]) -> None:
        self._place = place
        self._meanwhile = meanwhile
        self.name = place.name

    def snapshot(self, stack: ExitStack) -> Any:
        snapshot = self._place.snapshot(stack)
        begin = snapshot.begin

        def dawdle() -> int:
            version = begin()
            self._meanwhile()
            return version

        snapshot.begin = dawdle  # type: ignore[method-assign]
        return snapshot


def test_nobody_writes_between_the_moments_of_keys_and_store(lively: Settings) -> None:
    """A key that is made after the keys' moment is of no event of the store's."""
    with opened(lively, wait_s=0.0) as wired, Local(app_of(wired)) as http:
        home, done = House(wired, http), list[int]()
        asked = {"registered_from": "own_contact", "identity_kind": "none", "family_name": "Uusi"}
        writer = threading.Thread(target=lambda: done.append(home.post("/clients", OWN_WORKER, asked).status_code))

        def write() -> None:
            writer.start()
            writer.join(0.5)

        dawdling: Any = Dawdling(place_of(lively, "keys"), write)
        with one_moment({"keys": dawdling, "store": place_of(lively, "store")}) as moment:
            store, keys = moment["store"][1], moment["keys"][1]
            matters = {f"{matter}/1" for (matter,) in store.rows("events", ["matter"])}
            made = {key_id for (key_id,) in keys.rows("matter_keys", ["key_id"])}
        writer.join()
    assert done == [201]
    assert matters <= made
