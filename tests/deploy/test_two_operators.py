"""Two operators who choose at the same moment: what one gives up is in its file, and nothing else is. source: design D21"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from forked import Forked, forked
from house import LEDGER

from deploy import choosing, given_up
from deploy.choosing import Chosen, Persons, adopt, new_epoch
from deploy.given_up import NotGivenUp, Origin, keep, put_in_place, read
from deploy.migration import migrate
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.record import Record
from domain.store import Lost

Choose = Callable[[Wired, Persons, Path | None], Chosen]
STORE, TOPIC = Origin("demo", 1, 50, 60, "a" * 64), Origin("demo", 1, 50, 72, "b" * 64)


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob("*.unfinished"))


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Forked:
    """A ledger that went back and took commands, its store in a file or on PostgreSQL."""
    if request.param == "sqlite":
        laid_out: Forked = request.getfixturevalue("ledger")
        return laid_out
    dsn = request.getfixturevalue("postgres").fresh_database()
    found = Forked(Settings(home=tmp_path, ledger=LEDGER, store_dsn=dsn, owner_dsn=dsn))
    migrate(found.settings)
    with found.house() as home:
        home.until("12")
        home.settle()
    found.fork = forked(found)
    return found


@pytest.mark.parametrize(("first", "second"), [(adopt, new_epoch), (new_epoch, adopt)], ids=["adopt", "new-epoch"])
def test_who_comes_second_leaves_the_file_of_the_first_alone(
    either: Forked, monkeypatch: pytest.MonkeyPatch, first: Choose, second: Choose
) -> None:
    ledger = either
    stored, published = ledger.records(), ledger.published()
    void: list[Record] = stored if first is adopt else published
    a = open_ledger_parts(ledger.settings, wait_s=0)
    b = open_ledger_parts(ledger.settings, wait_s=0, broker=a.broker)
    came: list[str] = []
    whole = choosing._Choosing._epoch

    def in_the_middle(self: Any, *rest: Any) -> Any:
        # The first has written what it gives up beside its place, and holds the ledger.
        monkeypatch.setattr(choosing._Choosing, "_epoch", whole)
        with monkeypatch.context() as shorter:
            shorter.setattr("domain.store.tables.database.SQLITE_PATIENCE_S", 0.1)
            shorter.setattr("domain.store.tables.postgres_writing.LONGEST_CALL_S", 1.0)
            with pytest.raises(Lost):
                second(b, Persons("X-01", "X-02"), None)
        came.append("second")
        return whole(self, *rest)

    monkeypatch.setattr(choosing._Choosing, "_epoch", in_the_middle)
    try:
        done = first(a, Persons("T-01", "C-01"), None)
    finally:
        b.close()
        a.close()
    assert (came, done.epoch) == (["second"], 2)
    file = read(ledger.kept)
    file.check()
    assert [record.state for record in file.events()] == [record.state for record in void[file.origin.after :]]
    assert file.origin.hash == void[-1].hash
    assert unfinished(ledger.kept.parent) == []


def test_each_writes_its_own_file_and_one_of_them_gets_the_name(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "given-up.jsonl", tmp_path / "elsewhere.jsonl"
    # Of two ledgers: each holds a lock of its own.
    other = STORE._replace(ledger="other")
    one, two = (keep(path, origin, [], [], []) for origin in (STORE, other))
    put_in_place(one, path, STORE)
    with pytest.raises(NotGivenUp, match="holds another history that was given up"):
        put_in_place(two, path, other)
    assert read(path).origin == STORE
    # and what is not the history that is about to go gets no name at all
    with pytest.raises(NotGivenUp, match="nothing is done"):
        put_in_place(two, elsewhere, STORE)
    assert not elsewhere.exists()


def test_of_two_ledgers_at_one_moment_one_gets_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "given-up.jsonl", STORE._replace(ledger="other")
    one, two = (keep(path, origin, [], [], []) for origin in (STORE, other))
    placed: list[Origin] = []
    look = given_up._check_place

    def in_the_middle(at: Path, origin: Origin) -> None:
        look(at, origin)
        monkeypatch.setattr(given_up, "_check_place", look)
        put_in_place(one, path, STORE)
        placed.append(STORE)

    # when the other ledger looks whether the name is free, and this one takes it before the other does
    monkeypatch.setattr(given_up, "_check_place", in_the_middle)
    with suppress(NotGivenUp):
        put_in_place(two, path, other)
        placed.append(other)
    # then what has the name is the history of the one that was told so
    assert [read(path).origin] == placed


@pytest.fixture(params=[errno.EPERM, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.__getitem__)
def no_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose file system gives a file one name: vfat, CIFS, many that are mounted from elsewhere."""

    def refused(*_: object) -> None:
        raise OSError(request.param, "no second name")

    monkeypatch.setattr("os.link", refused)


@pytest.mark.usefixtures("no_links")
def test_where_a_file_has_one_name_alone_it_gets_its_own_all_the_same(tmp_path: Path) -> None:
    path, other = tmp_path / "given-up.jsonl", STORE._replace(ledger="other")
    one, two = (keep(path, origin, [], [], []) for origin in (STORE, other))
    put_in_place(one, path, STORE)
    with pytest.raises(NotGivenUp, match="holds another history that was given up"):
        put_in_place(two, path, other)
    assert read(path).origin == STORE
    # and the same one takes its place again
    put_in_place(keep(path, STORE, [], [], []), path, STORE)
    assert [file.name for file in tmp_path.iterdir() if file != two] == ["given-up.jsonl"]


@pytest.mark.usefixtures("no_links")
def test_where_a_file_has_one_name_alone_one_of_two_ledgers_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is taken first, and what takes it is no history yet: who comes then is told that it is not free."""
    path, other = tmp_path / "given-up.jsonl", STORE._replace(ledger="other")
    one, two = (keep(path, origin, [], [], []) for origin in (STORE, other))
    replace, refused = Path.replace, list[str]()

    def in_the_middle(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(NotGivenUp) as why:
            put_in_place(two, path, other)
        refused.append(str(why.value))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", in_the_middle)
    put_in_place(one, path, STORE)
    assert refused == [f"{path} is empty: delete it, or name another file"]
    assert read(path).origin == STORE


def test_a_folder_that_cannot_be_flushed_takes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flush = tmp_path / "given-up.jsonl", os.fsync
    unfinished = keep(path, STORE, [], [], [])

    def of_files_alone(number: int) -> None:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not for folders")
        flush(number)

    monkeypatch.setattr("os.fsync", of_files_alone)
    put_in_place(unfinished, path, STORE)
    assert read(path).origin == STORE


def test_what_another_ledger_is_writing_is_left_alone(tmp_path: Path) -> None:
    """Each names its own file, and one name goes on as the other does."""
    theirs = keep(tmp_path / "given-up.demo", STORE._replace(ledger="other"), [], [], [])
    keep(tmp_path / "given-up", STORE, [], [], [])
    assert theirs.exists()


def test_what_a_command_left_that_was_killed_goes_with_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "given-up.jsonl"
    left = keep(path, TOPIC, [], [], [])
    now = keep(path, STORE, [], [], [])
    assert (left != now, unfinished(tmp_path)) == (True, [now])


@pytest.mark.parametrize("choose", [adopt, new_epoch])
def test_a_choice_that_comes_to_nothing_leaves_no_file(
    ledger: Forked, monkeypatch: pytest.MonkeyPatch, choose: Choose
) -> None:
    def fails(*_: Any) -> None:
        raise Lost("the database does not answer")

    monkeypatch.setattr(choosing._Choosing, "_commit", fails)
    wired = open_ledger_parts(ledger.settings, wait_s=0)
    try:
        with pytest.raises(Lost):
            choose(wired, Persons("T-01", "C-01"), None)
    finally:
        wired.close()
    assert not ledger.kept.exists()
    assert unfinished(ledger.kept.parent) == []
