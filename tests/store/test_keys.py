"""Keys, kept apart and wrapped: made once, gone for good."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from store.small_ledger import MASTER_KEY, WITHIN_S, Clock, Ground, kept, put_back, put_of_version

from deploy.halts import KEYS_LOST, advice_on
from domain.store import (
    KeyDestroyed,
    Keys,
    KeysLost,
    KeysWentBack,
    SqliteDatabase,
    StoreUnavailable,
    WrongMasterKey,
)
from domain.store.checking.copies import CheckedKeys
from domain.store.sealed.keys import MOST_ASKED, TABLES
from domain.store.tables.database import marks


def test_a_key_is_made_once_and_found_by_another_process(ground: Ground) -> None:
    ours, theirs = ground.keys(), ground.keys()
    made = ours.create(["a", "b"])
    assert theirs.create(["b", "c"])["b/1"] == made["b/1"]
    assert theirs.get(["a/1", "b/1", "never/1"]) == made
    assert len(set(made.values())) == 2
    assert {len(key) for key in made.values()} == {32}


def test_keys_are_wrapped_in_the_database(ground: Ground) -> None:
    made = ground.keys().create(["a"])
    ((_, wrapped),) = ground.database("keys").read("SELECT key_id, wrapped FROM matter_keys")
    assert made["a/1"] not in bytes(wrapped)


def test_another_master_key_is_noticed_at_once(ground: Ground) -> None:
    ground.keys().create(["a"])
    with pytest.raises(WrongMasterKey):
        Keys(ground.database("keys"), b"x" * 32)


def test_of_two_master_keys_the_one_by_which_the_first_key_is_made_is_the_right_one(ground: Ground) -> None:
    """Nothing is written by looking: who comes to an empty key database with a wrong one learns it when it makes a key."""
    ours, theirs = ground.keys(), Keys(ground.database("keys"), b"x" * 32)
    assert ground.database("keys").read("SELECT * FROM named_keys") == []
    ours.create(["a"])
    for make in (lambda: theirs.create(["b"]), lambda: theirs.named("token")):
        with pytest.raises(WrongMasterKey):
            make()
    assert ours.get(["a/1", "b/1"]).keys() == {"a/1"}


def test_a_destroyed_key_is_gone_everywhere_and_never_made_again(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    ours.create(["a", "b"])
    assert theirs.get(["a/1"])
    # when one process destroys a key
    proof = ours.destroy("a")
    # then no process has it any more, not even in its memory
    assert ours.get(["a/1", "b/1"]).keys() == {"b/1"}
    clock.seconds += WITHIN_S
    assert theirs.get(["a/1"]) == {}
    assert not theirs.holds("a/1")
    assert ours.destroy("a") == proof
    with pytest.raises(KeyDestroyed):
        theirs.create(["a"])
    with pytest.raises(LookupError):
        ours.destroy("never")


def test_many_keys_destroyed_at_one_moment_by_many_are_all_missed_by_nobody(ground: Ground) -> None:
    """Numbers become visible in their order: a look at those behind the last one seen cannot pass one over."""
    clock = Clock()
    ours = ground.keys(clock)
    matters = [f"m{n}" for n in range(40)]
    held = ours.create(matters)
    proofs: dict[str, set[str]] = {matter: set() for matter in matters}

    def destroy(keys: Keys) -> None:
        for matter in matters:
            proofs[matter].add(keys.destroy(matter))

    # when four processes destroy the same keys, and we look all the time
    others = [threading.Thread(target=destroy, args=(ground.keys(),)) for _ in range(4)]
    for other in others:
        other.start()
    while any(other.is_alive() for other in others):
        clock.seconds += WITHIN_S
        ours.look()
    clock.seconds += WITHIN_S
    ours.look()
    # then each is gone, once
    assert [key_id for key_id in held if ours.holds(key_id)] == []
    assert {len(same) for same in proofs.values()} == {1}
    assert ours.erasures == len(matters)


def test_keys_that_many_give_up_at_one_moment_are_all_noted(ground: Ground) -> None:
    threads = [
        threading.Thread(target=ground.keys().give_up, args=([f"{n}-{m}/1" for m in range(40)],)) for n in range(4)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = ground.keys()
    assert keys.lost([f"{n}-{m}/1" for n in range(4) for m in range(40)]) == []
    assert keys.erasures == 160


def test_a_key_that_was_being_read_while_it_was_destroyed_is_not_kept(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    theirs.create(["a"])
    read = ours._database.read

    def destroyed_meanwhile(statement: str, parameters: Sequence[Any] = ()) -> Any:
        rows = read(statement, parameters)
        if "matter_keys" in statement:
            theirs.destroy("a")
            clock.seconds += WITHIN_S
            ours.look()
        return rows

    ours._database.read = destroyed_meanwhile  # type: ignore[method-assign]
    ours.get(["a/1"])
    assert not ours.holds("a/1")


def test_nothing_is_believed_while_nobody_knows_whether_keys_were_destroyed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    ours = ground.keys(clock)
    ours.create(["a"])

    def silent(statement: str, parameters: Sequence[Any] = ()) -> Any:
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(ours._database, "read", silent)
    for _ in range(3):
        clock.seconds += WITHIN_S
        with pytest.raises(StoreUnavailable):
            ours.get(["a/1"])


def test_a_named_key_is_the_same_for_all(ground: Ground) -> None:
    ours, theirs = ground.keys(), ground.keys()
    assert ours.named("pseudonym/kela") == theirs.named("pseudonym/kela") != ours.named("pseudonym/county")
    assert len(ours.named("token")) == 64


def test_many_keys_are_fetched_together(ground: Ground) -> None:
    made = ground.keys().create(f"m{n}" for n in range(1200))
    assert ground.keys().get(made) == made


class Queue:
    """A lock that says when somebody comes to wait for it."""

    def __init__(self) -> None:
        self.lock, self.came = threading.Lock(), threading.Semaphore(0)

    def __enter__(self) -> None:
        self.came.release()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_who_waits_for_a_look_has_its_outcome(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is silent nobody waits for others' patience one after the other."""
    clock, queue, given_up = Clock(), Queue(), threading.Event()
    keys = ground.keys(clock)
    looks: list[str] = []
    outcomes: list[str] = []

    def silent(statement: str, parameters: Sequence[Any] = ()) -> Any:
        looks.append(statement)
        given_up.wait()
        raise StoreUnavailable("silent")

    def look() -> None:
        try:
            keys.look()
        except StoreUnavailable as error:
            outcomes.append(str(error))

    monkeypatch.setattr(keys._database, "read", silent)
    monkeypatch.setattr(keys, "_looking", queue)
    clock.seconds += WITHIN_S
    # given one that looks, and nine that wait for it
    threads = [threading.Thread(target=look) for _ in range(10)]
    for thread in threads:
        thread.start()
        queue.came.acquire()
    # when it is given up
    given_up.set()
    for thread in threads:
        thread.join()
    # then all know, and nobody asked again
    assert (outcomes, len(looks)) == (["silent"] * 10, 1)


# --- keys that went back (design D21) ---


def going_back(ground: Ground, clock: Clock, afterwards: Callable[[Keys], object]) -> tuple[Keys, Keys, list[Any]]:
    """Two processes that know the keys `a` and `b`, of which a copy was taken before `b` and what was done `afterwards`, and
    the copy stands in their place; with what was there before that."""
    ours, theirs = ground.keys(clock), ground.keys(clock)
    ours.create(["a"])
    theirs.get(["a/1"])
    older = kept(ground, "keys")
    afterwards(ours)
    clock.seconds += WITHIN_S
    theirs.get(["a/1", "b/1"])
    newer = kept(ground, "keys")
    put_back(ground, "keys", older)
    clock.seconds += 1
    return ours, theirs, newer


def test_keys_that_went_back_are_believed_by_nobody_who_made_or_read_what_is_lost(ground: Ground) -> None:
    clock = Clock()
    ours, theirs, newer = going_back(ground, clock, lambda keys: keys.create(["b"]))
    for keys in (ours, theirs):
        for ask in (keys.look, keys.check, lambda keys=keys: keys.get(["a/1"]), lambda keys=keys: keys.create(["c"])):
            with pytest.raises(KeysWentBack, match="went back: what was there a moment ago is not \\(b/1\\)"):
                ask()
            clock.seconds += 1
    # when the right ones are there again, all go on
    put_back(ground, "keys", newer)
    assert ours.get(["a/1", "b/1"]) == theirs.get(["a/1", "b/1"])
    ours.check()


def test_keys_from_before_an_upgrade_under_a_running_process_are_keys_that_went_back(ground: Ground) -> None:
    """design D21: nothing mends itself there, and it is no mistake in the program."""
    clock = Clock()
    ours = ground.keys(clock)
    made = ours.create(["a"])
    newer = kept(ground, "keys")
    # when a copy stands in their place that an older program made
    put_of_version(ground, "keys", TABLES[:1])
    for ask in (ours.look, lambda: ours.get(["b/1"]), lambda: ours.create(["b"])):
        clock.seconds += WITHIN_S
        with pytest.raises(KeysWentBack, match="version 2 of its tables") as back:
            ask()
        assert advice_on(back.value) == KEYS_LOST
    # and when the right ones are there again, it goes on
    put_of_version(ground, "keys", TABLES)
    put_back(ground, "keys", newer)
    assert ours.get(["a/1"]) == made


def test_a_named_key_that_went_back_is_missed(ground: Ground) -> None:
    clock = Clock()
    ours, theirs, _ = going_back(ground, clock, lambda keys: keys.named("pseudonym/county"))
    with pytest.raises(KeysWentBack, match="pseudonym/county"):
        ours.look()
    theirs.look()  # it has not seen that one


def test_a_destruction_that_went_back_is_missed_also_where_its_number_is_given_again(ground: Ground) -> None:
    clock = Clock()
    ours, theirs, newer = going_back(ground, clock, lambda keys: keys.destroy("a"))
    for keys in (ours, theirs):
        with pytest.raises(KeysWentBack, match="the destruction of a/1"):
            keys.get(["a/1"])
    # when another key has its number, in a process that began on the copy
    began = ground.keys(clock)
    began.create(["c"])
    began.destroy("c")
    with pytest.raises(KeysWentBack, match="the destruction of a/1"):
        theirs.look()
    # and when it is destroyed once more, as the record says, nobody has it
    put_back(ground, "keys", newer)
    for keys in (ours, theirs):
        assert keys.get(["a/1"]) == {}


def test_what_went_back_and_was_destroyed_once_more_between_two_looks_is_forgotten(ground: Ground) -> None:
    """The number is the same as before, and so is the key: a look at what is new alone would not see it."""
    clock = Clock()
    ours = ground.keys(clock)
    ours.create(["a"])
    older = kept(ground, "keys")
    ours.destroy("a")
    put_back(ground, "keys", older)
    assert ours.get(["a/1"])  # within the second for which a look is believed
    ground.keys(clock).destroy("a")
    clock.seconds += 1
    assert ours.get(["a/1"]) == {}
    assert not ours.holds("a/1")


def test_keys_that_went_back_are_missed_however_many_others_were_read_since(ground: Ground) -> None:
    """What went back lacks what was made last, whatever was read last. The connection stays open."""
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    old = ground.keys(clock).create(f"old{n}" for n in range(150))
    older = kept(ground, "keys")
    # given one that makes keys, another one that reads them, and that both read many from before
    new = ours.create(f"new{n}" for n in range(5))
    for keys in (ours, theirs):
        keys.get(new)
        keys.get(old)
    put_back(ground, "keys", older)
    # when it is looked again, then nothing is sealed under a key that is nowhere but in memory, now or later
    for keys in (ours, theirs):
        for _ in range(3):
            clock.seconds += 1
            with pytest.raises(KeysWentBack, match="new"):
                keys.get(["new3/1"])


def test_a_key_that_another_process_made_is_missed_where_it_was_the_newest_that_was_seen(ground: Ground) -> None:
    """Whoever has looked knows that these keys are newer than a copy without it, also where it needs none of them."""
    clock = Clock()
    ours = ground.keys(clock)
    older = kept(ground, "keys")
    ground.keys(clock).create(["d"])
    clock.seconds += 1
    ours.look()
    put_back(ground, "keys", older)
    clock.seconds += 1
    with pytest.raises(KeysWentBack, match="d/1"):
        ours.look()


def test_the_newest_key_that_was_destroyed_is_not_missed(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    ours.create(["a"])
    ours.create(["b"])
    theirs.get(["b/1"])
    ours.destroy("b")
    for keys in (ours, theirs):
        clock.seconds += 1
        keys.look()
    # and its number is another one's
    ours.create(["c"])
    for keys in (ours, theirs):
        clock.seconds += 1
        assert keys.get(["a/1", "b/1", "c/1"]).keys() == {"a/1", "c/1"}


def rewritten_without(ground: Ground, *key_ids: str) -> None:
    """The keys as a restore writes them again that empties the tables first: no connection ends."""
    if ground.kind == "postgresql":
        rows = [row for row in ground.owned("keys").read("SELECT * FROM matter_keys") if row[0] not in key_ids]

        def work(ask: Callable[..., Any]) -> None:
            ask("TRUNCATE matter_keys", ())
            for row in rows:
                ask("INSERT INTO matter_keys VALUES (%s, %s, %s)", row)

        ground.owned("keys").write(work)
        return
    with closing(sqlite3.connect(f"{ground.place}/keys.db")) as file, closing(sqlite3.connect(":memory:")) as copy:
        file.backup(copy)
        copy.executemany("DELETE FROM matter_keys WHERE key_id = ?", [(key_id,) for key_id in key_ids])
        copy.commit()
        copy.backup(file)


def taken_out(ground: Ground, *key_ids: str) -> dict[str, Any]:
    """Take keys out of the tables as they are; their rows."""
    database = ground.owned("keys")
    rows = {row[0]: row for row in database.read("SELECT * FROM matter_keys") if row[0] in key_ids}
    for key_id in key_ids:
        database.write(lambda ask, key_id=key_id: ask("DELETE FROM matter_keys WHERE key_id = %s", (key_id,)))
    return rows


def test_on_a_new_connection_and_in_other_tables_every_key_that_is_known_is_looked_for(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    made = ours.create(["first", *(f"m{n}" for n in range(100))])
    theirs.get(made)
    rewritten_without(ground, "first/1")
    clock.seconds += 1
    with pytest.raises(KeysWentBack, match=r"\(first/1\)"):
        ours.look()
    theirs._database.close()
    with pytest.raises(KeysWentBack, match=r"\(first/1\)"):
        theirs.look()


def test_after_a_look_that_missed_something_everything_is_looked_for_until_all_is_there(ground: Ground) -> None:
    clock = Clock()
    ours = ground.keys(clock)
    ours.create(["first"])
    ours.create(f"m{n}" for n in range(150))
    ours.create(["last"])
    clock.seconds += 1
    ours.look()
    rows = taken_out(ground, "first/1", "last/1")
    clock.seconds += 1
    with pytest.raises(KeysWentBack, match="last/1"):
        ours.look()
    # when the newest one alone is there again
    put_back_key(ground, rows["last/1"])
    with pytest.raises(KeysWentBack, match=r"\(first/1\)"):
        ours.look()
    put_back_key(ground, rows["first/1"])
    ours.look()


def test_keys_that_many_make_at_one_moment_are_the_same_for_all_and_have_a_number_each(ground: Ground) -> None:
    made: list[dict[str, bytes]] = []

    def make(n: int, keys: Keys) -> None:
        made.append(keys.create([*(f"both{m}" for m in range(20)), *(f"{n}-{m}" for m in range(20))]))

    threads = [threading.Thread(target=make, args=(n, ground.keys())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one[f"both{m}/1"] for one in made for m in range(20)}) == 20
    numbers = [number for (number,) in ground.database("keys").read("SELECT number FROM matter_keys ORDER BY number")]
    assert numbers == list(range(1, 101))


def test_one_question_names_so_many_keys_and_no_more(ground: Ground) -> None:
    """A database takes so many parameters: of a large ledger all that is known would be more."""
    ours = ground.keys(Clock())
    ours.create(f"m{n}" for n in range(1200))
    ours._named.update({f"pseudonym/{n}": b"" for n in range(1200)})
    asked: list[int] = []

    def ask(statement: str, parameters: Sequence[Any]) -> Any:
        asked.append(len(parameters))
        return ours._database.read(statement, parameters)

    with pytest.raises(KeysWentBack, match="and 1195 more"):
        ours._look_for_known(ask, True)
    assert max(asked) == MOST_ASKED


def test_a_key_is_erased_only_where_that_is_noted(ground: Ground) -> None:
    ours = ground.keys()
    made = ours.create(["a", "b"])
    ours.destroy("b")
    assert ours.opening(["a/1", "b/1"]) == {"a/1": made["a/1"]}
    # one that nobody destroyed opens nothing, and is not left out
    with pytest.raises(KeysLost, match="never/1"):
        ours.opening(["a/1", "never/1", "b/1"])
    with ours.lost_count_as_erased():
        assert ours.opening(["never/1", "b/1"]) == {}
    # until somebody has given it up
    ours.give_up(["never/1"])
    assert ground.keys().opening(["never/1", "b/1"]) == {}


def test_of_many_keys_that_are_lost_some_are_named(ground: Ground) -> None:
    with pytest.raises(KeysLost, match=r"\(m1/1, m2/1, m3/1, m4/1, m5/1 and 2 more\)"):
        ground.keys().opening(f"m{n}/1" for n in range(1, 8))


def test_a_file_of_keys_that_was_moved_away_is_not_written_into(tmp_path: Path) -> None:
    ground = Ground("sqlite", str(tmp_path))
    ground.migrate()
    clock = Clock()
    ours = ground.keys(clock)
    ours.create(["a"])
    file, older = tmp_path / "keys.db", tmp_path / "older.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(older)) as target:
        source.backup(target)
    ours.create(["b"])
    # when it is moved away, there is no key any more
    for name in ("keys.db", "keys.db-wal", "keys.db-shm"):
        (tmp_path / name).rename(tmp_path / f"away.{name}")
    with pytest.raises(StoreUnavailable):
        ours.create(["c"])
    # and when another one is put there, that is the one which is asked
    older.rename(file)
    with pytest.raises(KeysWentBack, match="b/1"):
        ours.create(["c"])
    assert SqliteDatabase(file).read("SELECT key_id FROM matter_keys") == [("a/1",)]


# --- keys that were put back, and destructions that were made up ---


def put_back_key(ground: Ground, row: Any) -> None:
    ground.owned("keys").write(lambda ask: ask(f"INSERT INTO matter_keys VALUES ({marks(len(row))})", row))


def test_a_destroyed_key_that_somebody_put_back_goes_once_more_and_from_every_memory(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    ours.create(["a"])
    [row] = ground.database("keys").read("SELECT * FROM matter_keys")
    proof = ours.destroy("a")
    put_back_key(ground, row)
    clock.seconds += 1
    assert theirs.get(["a/1"])
    assert ours.proof("a") == (proof, False)
    # when what the record says is carried out again
    assert ours.destroy("a") == proof
    assert ours.proof("a") == (proof, True)
    clock.seconds += 1
    for keys in (ours, theirs):
        assert keys.get(["a/1"]) == {}
        assert not keys.holds("a/1")


def test_a_key_that_was_put_back_goes_from_every_memory_however_many_were_learned_since(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = ground.keys(clock), ground.keys(clock)
    ours.create(["a", "b"])
    [row] = taken_out(ground, "a/1").values()
    put_back_key(ground, row)
    proof = ours.destroy("a")
    ours.destroy("b")
    put_back_key(ground, row)
    clock.seconds += 1
    others = ground.keys(clock).create(f"m{n}" for n in range(150))
    forgot: list[str] = []
    for name, keys in (("ours", ours), ("theirs", theirs)):
        assert keys.get(["a/1"])
        keys.get(others)
        keys.forget_with(lambda name=name: forgot.append(name))
    # when it is destroyed once more, by a process that never had it
    assert ground.keys(clock).destroy("a") == proof
    clock.seconds += 1
    # then nobody has it, nor what was made with it
    for keys in (ours, theirs):
        assert keys.get(["a/1"]) == {}
        assert not keys.holds("a/1")
    assert forgot == ["ours", "theirs"]
    # and with the next destruction, which is carried out once, nothing of it comes again
    assert ours.destroy("a") == proof
    clock.seconds += 1
    ours.look()
    assert forgot == ["ours", "theirs"]


def test_a_key_that_came_back_between_two_questions_does_not_count_as_erased(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ground.keys().create(["a"])
    [row] = taken_out(ground, "a/1").values()
    ours = ground.keys()
    get = ours.get

    def back_meanwhile(key_ids: Any) -> Any:
        found = get(key_ids)
        put_back_key(ground, row)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(ours, "get", back_meanwhile)
        with pytest.raises(KeysLost, match="a/1"):
            ours.opening(["a/1"])
    assert ours.opening(["a/1"]) == made


def test_of_a_key_that_was_given_up_and_came_back_the_proof_is_that_of_its_destruction(ground: Ground) -> None:
    ours = ground.keys()
    ours.create(["a"])
    [row] = taken_out(ground, "a/1").values()
    ground.keys().give_up(["a/1"])
    put_back_key(ground, row)
    # when it is destroyed, as the record says by its proof
    proof, gone = ours.proof("a")
    assert (len(proof), gone) == (64, False)
    assert ours.destroy("a") == proof
    # then that is what the keys say of it from then on, to an audit as well
    assert (ours.proof("a"), ours.destroy("a")) == ((proof, True), proof)
    assert CheckedKeys(ground.database("keys"), MASTER_KEY).destroyed() == {"a/1": proof}


def test_keys_in_tables_of_before_are_found_and_those_that_were_destroyed_are_gone(ground: Ground) -> None:
    older = ground.owned("older")
    older.migrate(TABLES[:1])
    rows = {}
    made = ground.keys().create(["a", "b", "c"])
    for key_id, wrapped, _ in ground.database("keys").read("SELECT * FROM matter_keys"):
        rows[key_id] = (key_id, wrapped)
    [probe] = ground.database("keys").read("SELECT * FROM named_keys")
    proof = ground.keys().destroy("c")

    def as_before(ask: Callable[..., Any]) -> None:
        for key_id in ("a/1", "b/1"):
            ask("INSERT INTO matter_keys VALUES (%s, %s)", rows[key_id])
        ask("INSERT INTO named_keys VALUES (%s, %s)", probe)
        ask("INSERT INTO destroyed_keys VALUES (7, 'c/1', %s)", (proof,))

    older.write(as_before)
    # when they are brought to the newest version
    Keys.migrate(older)
    clock = Clock()
    ours, theirs = Keys(older, MASTER_KEY, clock=clock), Keys(ground.owned("older"), MASTER_KEY, clock=clock)
    assert ours.opening(["a/1", "b/1", "c/1"]) == {"a/1": made["a/1"], "b/1": made["b/1"]}
    assert (ours.erasures, ours.proof("c")) == (7, (proof, True))
    # then they are gone on with
    theirs.create(["d"])
    older.write(lambda ask: ask("INSERT INTO matter_keys (key_id, wrapped) VALUES (%s, %s)", rows["c/1"]))
    assert ours.destroy("c") == proof
    clock.seconds += 1
    theirs.look()
    assert theirs.erasures == 8


def test_a_destruction_that_somebody_made_up_lifts_nothing(ground: Ground) -> None:
    ours = ground.keys()
    ours.create(["a"])
    proof = ours.proof("a")
    ground.owned("keys").write(lambda ask: ask("INSERT INTO destroyed_keys VALUES (9, 'a/1', 'f00d')", ()))
    assert ours.proof("a") == proof
    assert proof[1] is False
