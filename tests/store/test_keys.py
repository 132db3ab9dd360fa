"""Keys, kept apart and wrapped: made once, gone for good."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from store.small_ledger import WITHIN_S, Clock, Ground

from domain.store import KeyDestroyed, Keys, StoreUnavailable, WrongMasterKey


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
