"""Backups of what no topic holds, and the way back: from files and to PostgreSQL, in both directions."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from described import Local
from house import AINO, LEDGER, House, app_of, furnished, house
from stories import COUNTY, OWN_WORKER

from deploy.backup.content import Reading, TableBegun, Writing
from deploy.backup.places import PARTS, place_of
from deploy.backup.restoring import CannotRestore, restore
from deploy.backup.sealed_file import BackupDamaged, SealingFile, backup_key, make_backup_key
from deploy.backup.taking import last_backups, take
from deploy.cli import main
from deploy.migration import master_key, migrate
from deploy.settings import Settings
from deploy.wiring import opened
from domain.chapters.retention.decisions import DestroyPayloadKey
from domain.context import Caller
from domain.store import (
    ClientRecord,
    KeyDestroyed,
    Keys,
    KeysLost,
    NotEmpty,
    SqliteDatabase,
    Use,
    WrongMasterKey,
    one_moment,
)

Tables = dict[str, list[tuple[Any, ...]]]
ROW = "12"
"""Of history AS-1: a client with a plan and a period."""


def quiet(_: int) -> None:
    """No bar."""


class Files:
    """A backup's files by part, and the key that opens them."""

    def __init__(self, settings: Settings, paths: Sequence[Path]) -> None:
        self.settings = settings
        self.paths = list(paths)
        self.key = backup_key(settings.backup_key)

    def of(self, *parts: str) -> list[Path]:
        return [path for path in self.paths if path.stem.rpartition("-")[2] in parts]


def taken(settings: Settings, folder: Path, *parts: Any) -> Files:
    wanted = parts or PARTS
    return Files(settings, take(settings, wanted, dict.fromkeys(wanted, folder), backup_key(settings.backup_key), quiet))


def restored(settings: Settings, paths: Sequence[Path], **more: Any) -> Any:
    return restore(settings, paths, backup_key(settings.backup_key), more.get("broker"), quiet)


def tables(settings: Settings) -> dict[str, Tables]:
    """Every row of every part, flags as 0 and 1."""
    found: dict[str, Tables] = {}
    with one_moment({part: place_of(settings, part) for part in PARTS}) as moment:
        for part, (_, snapshot) in moment.items():
            found[part] = {
                table: sorted((tuple(map(plain, row)) for row in snapshot.rows(table, sorted(columns))), key=repr)
                for table, columns in snapshot.tables().items()
                if table != "migrations"
            }
    return found


def plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


@pytest.fixture
def source(tmp_path: Path) -> Settings:
    """A ledger in files, in the middle of a history."""
    shutil.copytree(furnished(ROW), tmp_path / "home", dirs_exist_ok=True)
    make_backup_key(tmp_path / "backup.key")
    return Settings(home=tmp_path / "home", ledger=LEDGER, backup_key=str(tmp_path / "backup.key"))


@pytest.fixture
def empty_home(tmp_path: Path, source: Settings) -> Settings:
    """A place in files with nothing in it but the master key."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    shutil.copy(source.home / "master.key", home)
    return replace(source, home=home)


@pytest.fixture
def empty_databases(postgres: Any, tmp_path: Path, empty_home: Settings) -> Settings:
    """Three databases on one server with nothing in them."""
    store, keys, vault = (postgres.fresh_database() for _ in range(3))
    return replace(empty_home, store_dsn=store, keys_dsn=keys, vault_dsn=vault)


@pytest.fixture(params=["files", "PostgreSQL"])
def empty(request: pytest.FixtureRequest, empty_home: Settings) -> Settings:
    return empty_home if request.param == "files" else request.getfixturevalue("empty_databases")  # type: ignore[no-any-return]


def staged_left(settings: Settings) -> list[str]:
    """What is there beside the places."""
    if not settings.store_dsn:
        return [file.name for file in (settings.home / LEDGER).glob("*restoring*")] if settings.home.exists() else []
    left = []
    for dsn in {settings.store_dsn, settings.keys_dsn, settings.vault_dsn}:
        with psycopg.connect(dsn) as connection:
            left += connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%restoring%'").fetchall()
    return left


def test_every_row_of_every_part_comes_back_and_the_ledger_goes_on(
    source: Settings, empty: Settings, tmp_path: Path
) -> None:
    before = tables(source)
    files = taken(source, tmp_path / "backup")
    # when it is restored elsewhere
    done = restored(empty, files.paths)
    # then all is there, under the same positions
    assert tables(empty) == before
    assert (done.head, done.lost, staged_left(empty)) == (len(before["store"]["events"]), {}, [])
    # and it goes on: topics and models are made again, clients are known, commands are taken once
    with opened(empty, wait_s=0.0) as wired, Local(app_of(wired)) as http:
        home = House(wired, http, aino=AINO)
        home.settle()
        assert wired.vault.get([AINO])[AINO].family_name
        path = f"/clients/{home.name('county')}/details"
        answers = [home.post(path, OWN_WORKER, {"phone": "040 1"}, key="after-1").status_code for _ in range(2)]
        assert answers == [201, 200]
        home.settle()
        assert set(wired.lag().values()) == {0}


def test_a_backup_of_postgresql_is_restored_into_files(source: Settings, empty_databases: Settings, tmp_path: Path) -> None:
    restored(empty_databases, taken(source, tmp_path / "first").paths)
    files = taken(empty_databases, tmp_path / "second")
    target = replace(source, home=tmp_path / "third")
    target.home.mkdir()
    shutil.copy(source.home / "master.key", target.home)
    restored(target, files.paths)
    assert tables(target) == tables(source)


def test_numbers_that_a_table_gives_by_itself_go_on_after_the_last_one(
    source: Settings, empty_databases: Settings, tmp_path: Path
) -> None:
    use = Use(
        used_at=datetime(2025, 1, 2, tzinfo=UTC), subject_ref=AINO, org="c", task="organiser", role="own_worker",
        person="w1", purpose="service", what="search",
    )  # fmt: skip
    with opened(source) as wired:
        wired.vault.log_use([use, use])
    restored(empty_databases, taken(source, tmp_path).paths)
    with opened(empty_databases) as wired:
        wired.vault.log_use([use])
        assert wired.vault.uses(AINO) == [use] * 3


def test_the_last_backup_is_noted_by_part(source: Settings, tmp_path: Path) -> None:
    assert last_backups(source) == {}
    files = taken(source, tmp_path / "all")
    noted = last_backups(source)
    assert {Path(one["file"]) for one in noted.values()} == {path.resolve() for path in files.paths}
    keys = taken(source, tmp_path / "keys", "keys")
    assert last_backups(source) == {**noted, "keys": last_backups(source)["keys"]}
    assert Path(last_backups(source)["keys"]["file"]) == keys.paths[0].resolve()


# --- What is refused ------------------------------------------------------------------------------------------------


def test_files_of_two_backups_are_not_mixed(source: Settings, empty_home: Settings, tmp_path: Path) -> None:
    first, second = taken(source, tmp_path / "first"), taken(source, tmp_path / "second")
    with pytest.raises(BackupDamaged, match="the files are of different backups"):
        restored(empty_home, [*first.of("store", "vault"), *second.of("keys")])
    with pytest.raises(BackupDamaged, match="are both of the store"):
        restored(empty_home, [*first.of("store"), *second.of("store")])
    assert tables_are_absent(empty_home)


def tables_are_absent(settings: Settings) -> bool:
    return not list((settings.home / LEDGER).glob("*.db*"))


def test_a_file_that_is_not_whole_restores_nothing(source: Settings, empty_home: Settings, tmp_path: Path) -> None:
    files = taken(source, tmp_path / "backup")
    [store] = files.of("store")
    store.write_bytes(store.read_bytes()[:-1])
    with pytest.raises(BackupDamaged):
        restored(empty_home, files.paths)
    assert tables_are_absent(empty_home)


def test_nothing_is_restored_over_something(source: Settings, empty: Settings, tmp_path: Path) -> None:
    files = taken(source, tmp_path / "backup")
    # given a place that was migrated, and is empty
    migrate(empty)
    restored(empty, files.paths)
    before = tables(empty)
    # then it is not empty any more
    with pytest.raises(NotEmpty):
        restored(empty, files.paths)
    assert tables(empty) == before


def test_another_master_key_restores_nothing(source: Settings, empty: Settings, tmp_path: Path) -> None:
    files = taken(source, tmp_path / "backup")
    (empty.home / "master.key").unlink()
    with pytest.raises(WrongMasterKey):
        restored(empty, files.paths)
    assert staged_left(empty) == []
    shutil.copy(source.home / "master.key", empty.home)
    restored(empty, files.paths)


def test_a_backup_of_another_ledger_is_refused(source: Settings, empty_home: Settings, tmp_path: Path) -> None:
    files = taken(source, tmp_path / "backup")
    with pytest.raises(CannotRestore, match="the backup is of the ledger house, and KUTY_LEDGER names other"):
        restored(replace(empty_home, ledger="other"), files.paths)


def test_a_store_is_not_restored_without_its_keys(source: Settings, empty: Settings, tmp_path: Path) -> None:
    files = taken(source, tmp_path / "backup")
    with pytest.raises(CannotRestore, match="there are no keys in"):
        restored(empty, files.of("store", "vault"))


def rewritten(files: Files, part: str, change: Any) -> None:
    """The file of a part with its rows changed by who has the backup key."""
    [path] = files.of(part)
    reading = Reading(path, files.key)
    entries = list(reading.entries())
    path.unlink()
    with SealingFile(path, files.key) as file:
        writing, table = Writing(file, reading.described), TableBegun("", ())
        for entry in entries:
            if isinstance(entry, TableBegun):
                table = entry
                writing.table(entry.table, entry.columns)
            elif (changed := change(table.table, dict(zip(table.columns, entry, strict=True)))) is not None:
                writing.row(tuple(changed.values()))
        writing.end()
        file.finish()
        file.publish()


def without_position_5(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    return None if table == "events" and row["notification_id"] == 5 else row


def without_an_answer(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    return None if table == "answers" and row["answer_number"] == 3 else row


@pytest.mark.parametrize("change", [without_position_5, without_an_answer])
def test_what_does_not_add_up_takes_no_place(source: Settings, empty: Settings, tmp_path: Path, change: Any) -> None:
    files = taken(source, tmp_path / "backup")
    rewritten(files, "store", change)
    with pytest.raises(CannotRestore, match=r"faults? in what was restored, and nothing was put in its place"):
        restored(empty, files.paths)
    assert staged_left(empty) == []
    for part in PARTS:
        place_of(empty, part).check_empty()


@pytest.mark.parametrize("another", [False, True], ids=["gone", "another one"])
def test_a_vault_that_was_sealed_under_other_keys_takes_no_place(
    source: Settings, empty_home: Settings, tmp_path: Path, another: bool
) -> None:
    database = SqliteDatabase(tmp_path / "other-keys.db")
    Keys.migrate(database)
    Keys(database, master_key(source)).named("vault")
    [(other,)] = database.read("SELECT wrapped FROM named_keys WHERE name = 'vault'")

    def change(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
        if row.get("name") != "vault":
            return row
        return {**row, "wrapped": bytes(other)} if another else None

    files = taken(source, tmp_path / "backup")
    rewritten(files, "keys", change)
    with pytest.raises(CannotRestore, match="the vault was sealed under other keys"):
        restored(empty_home, files.paths)
    assert staged_left(empty_home) == []


def test_what_a_restore_that_broke_off_has_left_is_taken_away(source: Settings, empty: Settings, tmp_path: Path) -> None:
    files = taken(source, tmp_path / "backup")
    # given that only the tables of one part were staged
    with place_of(empty, "keys").staged(1):
        pass
    assert staged_left(empty) != []
    restored(empty, files.paths)
    assert staged_left(empty) == []
    assert tables(empty) == tables(source)


# --- Older tables, and keys that are lost -------------------------------------------------------------------------------


AT_VERSION_1 = frozenset({"ledger", "events", "answers", "tracking", "parked"})


def test_a_backup_of_older_tables_is_restored_as_those_and_then_brought_to_the_newest(
    source: Settings, empty: Settings, tmp_path: Path
) -> None:
    """At version 1 an answer did not say which person had asked, and an acknowledgement was a row for each record."""
    files = taken(source, tmp_path / "backup")
    [path] = files.of("store")
    reading = Reading(path, files.key)
    entries = list(reading.entries())
    path.unlink()
    with SealingFile(path, files.key) as file:
        writing = Writing(file, replace(reading.described, version=1))
        columns, there = tuple[str, ...](), False
        for entry in entries:
            if isinstance(entry, TableBegun):
                columns, there = entry.columns, entry.table in AT_VERSION_1
                if there:
                    writing.table(entry.table, [c for c in columns if c != "sender_person"])
            elif there:
                writing.row([v for c, v in zip(columns, entry, strict=True) if c != "sender_person"])
        writing.end()
        file.finish()
        file.publish()
    restored(empty, files.paths)
    expected, found = tables(source)["store"], tables(empty)["store"]
    assert found["events"] == expected["events"]
    assert len(found["answers"]) == len(expected["answers"])


def test_keys_that_no_backup_has_are_named_and_nothing_new_is_sealed_under_them(
    source: Settings, empty_home: Settings, tmp_path: Path
) -> None:
    """A key made anew under the name of one that is lost would open nothing of what was sealed before."""
    # given a backup of the keys, and a client who came after it
    keys = taken(source, tmp_path / "keys", "keys")
    with house(source.home) as home:
        home.aino = AINO
        asked = {"registered_from": "own_contact", "identity_kind": "none", "family_name": "Toinen"}
        answer = home.post("/clients", OWN_WORKER, asked)
        assert answer.status_code == 201, answer.text
        name = answer.json()["references"]["client"]
    # when the keys' database is lost, and restored from its last backup
    shutil.copytree(source.home, empty_home.home, dirs_exist_ok=True)
    (empty_home.home / LEDGER / "keys.db").unlink()
    for ending in ("-wal", "-shm"):
        (empty_home.home / LEDGER / f"keys.db{ending}").unlink(missing_ok=True)
    done = restored(empty_home, keys.paths)
    # then it is said which are lost
    assert len(done.lost) == 1
    with house(empty_home.home) as home:
        home.aino = AINO
        # and who was there before goes on
        assert home.post(f"/clients/{home.name('county')}/details", OWN_WORKER, {"phone": "040 1"}).status_code == 201
        # and for the other nothing is recorded any more, as for who was erased
        lost = home.post(f"/clients/{name}/details", OWN_WORKER, {"phone": "040 2"})
        assert [code["code"] for code in lost.json()["codes"]] == ["E_SUBJECT_UNRESOLVED"]
        home.settle()


def test_a_recipient_whose_key_no_backup_has_is_named_and_told_by_other_names(
    source: Settings, empty_home: Settings, tmp_path: Path
) -> None:
    files = taken(source, tmp_path / "backup")
    rewritten(files, "keys", lambda table, row: None if row.get("name") == "pseudonym/county" else row)
    done = restored(empty_home, files.paths)
    assert list(done.lost) == ["pseudonym/county"]
    with house(source.home) as before, house(empty_home.home) as home:
        before.aino = home.aino = AINO
        assert home.name("county") != before.name("county")
        home.settle()


def test_a_key_that_was_made_and_destroyed_after_the_backup_of_the_keys_is_not_lost(
    source: Settings, empty_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    keys = taken(source, tmp_path / "keys", "keys")
    matter = registered_by(source)
    destroyed_in(source, matter)
    shutil.copytree(source.home, empty_home.home, dirs_exist_ok=True)
    for ending in ("", "-wal", "-shm"):
        (empty_home.home / LEDGER / f"keys.db{ending}").unlink(missing_ok=True)
    assert restored(empty_home, keys.paths).lost == {}
    with opened(empty_home) as wired, pytest.raises(KeyDestroyed):
        wired.keys.create([matter])
    # and nothing is wrong with that, now or later
    assert audited(empty_home, monkeypatch, capsys)[0] == 0


def audited(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    code = main(["audit", "chains"])
    return code, "".join(capsys.readouterr())


def registered_by(settings: Settings) -> str:
    """Somebody who comes after the backups that were taken so far: the own matter."""
    with house(settings.home) as home:
        asked = {"registered_from": "own_contact", "identity_kind": "none", "family_name": "Toinen"}
        answer = home.post("/clients", OWN_WORKER, asked)
        assert answer.status_code == 201, answer.text
        client = home.wired.pseudonyms("county").reference(answer.json()["references"]["client"])
        home.settle()
        return home.wired.store.pathway(client).client_matter


def destroyed_in(settings: Settings, matter: str) -> None:
    """Its key is destroyed, and the record says so, while no clerk runs."""
    with house(settings.home) as home:
        client = next(record.header.stream for record in home.wired.store.of_matter([matter]))
        digest, _ = home.wired.keys.proof(matter)
        home.wired.keys.destroy(matter)
        found = {"of_client": True, "gone": True, "digest": digest, "key_id": f"{matter}/1"}
        officer = Caller(COUNTY, "organiser", "data_protection_officer", "T-01")
        command = DestroyPayloadKey(destroyed_matter=matter, second_person_id="C-01")
        home.execute(command, officer, client=client, look_ups=found)


def test_what_is_lost_is_named_in_whichever_order_the_parts_of_different_backups_come(
    source: Settings, empty: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = taken(source, tmp_path / "older")
    matter = registered_by(source)
    newer = taken(source, tmp_path / "newer")
    # when keys come first, which are older than the rest
    assert restored(empty, older.of("keys")).is_whole
    done = restored(empty, newer.of("store", "vault"))
    # then it is said which are not among them, and they are not made anew
    assert list(done.lost) == [f"{matter}/1"]
    with opened(empty) as wired, pytest.raises(KeyDestroyed):
        wired.keys.create([matter])
    code, said = audited(empty, monkeypatch, capsys)
    assert (code, f"the key of the matter {matter} is gone and no payload_key.destroyed names it" in said) == (1, True)


def test_who_is_not_in_the_vault_is_named_where_the_store_comes_after_it(
    source: Settings, empty_home: Settings, tmp_path: Path
) -> None:
    older = taken(source, tmp_path / "older")
    registered_by(source)
    newer = taken(source, tmp_path / "newer")
    assert restored(empty_home, newer.of("keys")).is_whole
    assert restored(empty_home, older.of("vault")).is_whole
    done = restored(empty_home, newer.of("store"))
    with opened(source) as wired:
        [*_, last] = wired.store.records(0, 10_000, ["subject.registered"])
    assert (done.lost, done.unnamed, done.differing) == ({}, [last.position], [])


@pytest.mark.parametrize(
    ("part", "table", "column"), [("keys", "matter_keys", "key_id"), ("vault", "clients", "subject_ref")]
)
def test_what_is_lost_for_good_is_noted_where_there_is_no_newer_backup_than_what_is_there(
    source: Settings, tmp_path: Path, part: Any, table: str, column: str
) -> None:
    """docs/runbooks/lost-keys-or-vault.md: what stands there now is backed up, and restored."""
    matter = registered_by(source)
    with opened(source) as wired:
        client = next(record.header.stream for record in wired.store.of_matter([matter]))
    database = SqliteDatabase(source.home / LEDGER / f"{part}.db")
    lost = f"{matter}/1" if part == "keys" else client
    database.write(lambda ask: ask(f"DELETE FROM {table} WHERE {column} = %s", (lost,)))
    database.close()
    if part == "keys":
        with opened(source) as wired, pytest.raises(KeysLost, match=lost):
            wired.store.pathway(client)
    files = taken(source, tmp_path / "now", part)
    for ending in ("", "-wal", "-shm"):
        (source.home / LEDGER / f"{part}.db{ending}").unlink(missing_ok=True)
    done = restored(source, files.paths)
    assert (list(done.lost), len(done.unnamed)) == (([lost], 0) if part == "keys" else ([], 1))
    # then the roles go on, and nobody takes it for something that may come again
    with house(source.home) as home:
        home.wired.store.check_keys()
        assert home.wired.store.pathway(client).facts or part == "keys"
        assert home.wired.vault.get([client]) == {client: ClientRecord()} or part == "keys"
        home.settle()


def test_what_was_destroyed_after_the_backup_is_destroyed_before_anybody_can_read_it(
    source: Settings, empty: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given somebody whose own matter ended after the backup of keys and vault
    matter = registered_by(source)
    older = taken(source, tmp_path / "older")
    destroyed_in(source, matter)
    newer = taken(source, tmp_path / "newer")
    # when the older keys and the older vault come back
    for files in (older.of("keys"), older.of("vault"), newer.of("store")):
        assert restored(empty, files).is_whole
    # then the key is gone without any clerk, who it was is forgotten, and it adds up
    with opened(empty) as wired:
        assert wired.keys.get([f"{matter}/1"]) == {}
        client = next(record.header.stream for record in wired.store.of_matter([matter]))
        assert wired.vault.get([client]) == {}
        assert wired.vault.get([AINO])
    assert audited(empty, monkeypatch, capsys)[0] == 0


@pytest.mark.parametrize("placed", [1, 2])
@pytest.mark.parametrize("killed", [True, False])
def test_a_restore_that_is_broken_off_between_two_places_goes_on_when_it_is_given_again(
    source: Settings, empty: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, placed: int, killed: bool
) -> None:
    files = taken(source, tmp_path / "backup")
    place = type(place_of(empty, "keys"))
    take_place, taken_places = place.take_place, list[str]()

    def broken_off(self: Any) -> None:
        if len(taken_places) == placed:
            raise KeyboardInterrupt
        taken_places.append(self.part)
        take_place(self)

    with monkeypatch.context() as within:
        within.setattr(place, "take_place", broken_off)
        if killed:
            within.setattr(place, "discard", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            restored(empty, files.paths)
    assert taken_places == ["keys", "vault"][:placed]
    # when it is given again, then all is there, and nothing of it is in anybody's way
    assert restored(empty, files.paths).is_whole
    assert tables(empty) == tables(source)
    assert staged_left(empty) == []
    with pytest.raises(NotEmpty):
        restored(empty, files.paths)


def test_another_backup_is_not_restored_over_what_a_broken_off_one_has_left(
    source: Settings, empty_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = taken(source, tmp_path / "first"), taken(source, tmp_path / "second")
    place = type(place_of(empty_home, "keys"))
    take_place = place.take_place

    def broken_off(self: Any) -> None:
        take_place(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as within:
        within.setattr(place, "take_place", broken_off)
        with pytest.raises(KeyboardInterrupt):
            restored(empty_home, first.paths)
    with pytest.raises(NotEmpty):
        restored(empty_home, second.paths)


def another_ones_entry(table: str, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "subject_ref": "f" * 32} if table == "clients" and row["subject_ref"] != AINO else row


def test_a_vault_that_is_not_as_the_events_say_takes_no_place(
    source: Settings, empty: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered_by(source)
    files = taken(source, tmp_path / "backup")
    rewritten(files, "vault", another_ones_entry)
    with pytest.raises(CannotRestore, match="the entry of the vault was not made for this client"):
        restored(empty, files.paths)
    for part in PARTS:
        place_of(empty, part).check_empty()
    # and part by part it is named
    for part in PARTS:
        done = restored(empty, files.of(part))
    assert ["was not made for this client" in line for line in done.differing] == [True]


# --- The command --------------------------------------------------------------------------------------------------------


def test_the_command_takes_verifies_and_restores(
    source: Settings,
    empty_home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KUTY_LEDGER", LEDGER)
    monkeypatch.setenv("KUTY_HOME", str(source.home))
    assert main(["backup", "--to", str(tmp_path / "b")]) == 1
    assert "KUTY_BACKUP_KEY names no file" in capsys.readouterr().err
    assert main(["backup", "key", str(tmp_path / "own.key")]) == 0
    monkeypatch.setenv("KUTY_BACKUP_KEY", str(tmp_path / "own.key"))
    assert main(["backup"]) == 1
    assert "say --to FOLDER" in capsys.readouterr().err
    assert main(["backup", "--to", str(tmp_path / "b"), "--keys-to", str(tmp_path / "k")]) == 0
    files = capsys.readouterr().out.split()
    assert [Path(file).parent.name for file in files] == ["k", "b", "b"]
    # with the backup key alone
    monkeypatch.setenv("KUTY_HOME", str(tmp_path / "nowhere"))
    assert main(["backup", "verify", *files]) == 0
    assert capsys.readouterr().out.count(": whole; ") == 3
    assert main(["backup", "verify", files[2]]) == 0
    assert "not among these files: keys, vault" in capsys.readouterr().out
    # without the master key nothing begins, and no new one is made
    assert main(["restore", *files]) == 1
    assert "the ledger's master key is in no backup" in capsys.readouterr().err
    assert not (tmp_path / "nowhere" / "master.key").exists()
    monkeypatch.setenv("KUTY_HOME", str(empty_home.home))
    assert main(["restore", *files]) == 0
    assert "all verifies" in capsys.readouterr().out
    assert (empty_home.home / LEDGER).stat().st_mode & 0o077 == 0
    assert main(["audit", "chains"]) == 0
    assert main(["audit", "decisions"]) == 0
    assert main(["restore", *files]) == 1
    assert "a ledger is restored into an empty place only" in capsys.readouterr().err
