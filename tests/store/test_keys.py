"""Keys, kept apart and wrapped: made once, gone for good."""

from __future__ import annotations

import pytest
from store.small_ledger import Ground

from domain.store import KeyDestroyed, Keys, WrongMasterKey
from domain.store.sealed import keys as key_store


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
    ground.keys()
    with pytest.raises(WrongMasterKey):
        Keys(ground.database("keys"), b"x" * 32)


def test_a_destroyed_key_is_gone_everywhere_and_never_made_again(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_store, "LOOK_FOR_DESTROYED_S", 0.0)
    ours, theirs = ground.keys(), ground.keys()
    ours.create(["a", "b"])
    assert theirs.get(["a/1"])
    # when one process destroys a key
    proof = ours.destroy("a")
    # then no process has it any more, not even in its memory
    assert ours.get(["a/1", "b/1"]).keys() == {"b/1"}
    assert theirs.get(["a/1"]) == {}
    assert ours.destroy("a") == proof
    with pytest.raises(KeyDestroyed):
        theirs.create(["a"])
    with pytest.raises(LookupError):
        ours.destroy("never")


def test_a_named_key_is_the_same_for_all(ground: Ground) -> None:
    ours, theirs = ground.keys(), ground.keys()
    assert ours.named("pseudonym/kela") == theirs.named("pseudonym/kela") != ours.named("pseudonym/county")
    assert len(ours.named("token")) == 64


def test_many_keys_are_fetched_together(ground: Ground) -> None:
    made = ground.keys().create(f"m{n}" for n in range(1200))
    assert ground.keys().get(made) == made
