"""Keys or vault are a copy from before: nobody is told too little because of it, and nothing is passed over (design D21)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from stories import STEPS

from consumers.outgoing import Packing
from domain.disclosure.pseudonyms import Pseudonyms
from domain.store import KeysLost, VaultWentBack


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as at:
        follow(opened(at).follower())
        for recipient in at.store.directory.recipients:
            at.store.pseudonym_key(recipient)
        yield at


def copied(source: Path, target: Path) -> None:
    """Under the connections that there are, as a dump is restored."""
    with closing(sqlite3.connect(source)) as from_it, closing(sqlite3.connect(target)) as to_it:
        from_it.backup(to_it)


def test_what_was_sealed_with_keys_that_went_back_is_told_when_they_are_there_again(ledger: Ledger, tmp_path: Path) -> None:
    keys, older, newer = (tmp_path / name for name in ("keys.db", "older", "newer"))
    copied(keys, older)
    client = ledger.history(STEPS[:8])
    copied(keys, newer)
    copied(older, keys)
    # when another process comes to them, which has seen none of those that are lost
    with ledger_in(tmp_path) as other:
        before = other.store.tracking("disclosure")
        with pytest.raises(KeysLost, match="lost-keys-or-vault"):
            follow(other.follower())
        # then nothing counts as erased, nothing is passed over, and nothing more is recorded of the client
        assert other.store.tracking("disclosure") == before
        assert [p.type for p in other.told("county") if p.subject] == []
        with pytest.raises(KeysLost):
            other.store.pathway(client)
        # and with the right keys all is told
        copied(newer, keys)
        follow(other.follower())
        assert next(p.type for p in other.told("county") if p.subject) == "subject.registered.v1"
        assert other.store.tracking("disclosure") == other.store.head()


def test_a_publication_whose_key_went_back_does_not_go_out_as_withdrawn(ledger: Ledger, tmp_path: Path) -> None:
    keys, older = tmp_path / "keys.db", tmp_path / "older"
    copied(keys, older)
    ledger.history(STEPS[:8])
    follow(ledger.follower())
    copied(older, keys)
    with ledger_in(tmp_path) as other:
        packing = Packing(other.store, lambda recipient: Pseudonyms(other.store.pseudonym_key(recipient)))
        with pytest.raises(KeysLost):
            packing.pack(other.store.records(0, 10_000))


def test_a_client_whose_entry_is_in_no_older_vault_is_told_of_when_it_is_there_again(ledger: Ledger, tmp_path: Path) -> None:
    vault, older, newer = (tmp_path / name for name in ("vault.db", "older", "newer"))
    copied(vault, older)
    client = ledger.history(STEPS[:8])
    copied(vault, newer)
    copied(older, vault)
    before, registered_at = ledger.store.tracking("disclosure"), ledger.store.stream(client)[0].position
    # when it is followed, it is not told of without a name
    with pytest.raises(VaultWentBack, match=f"no entry of the client registered at position {registered_at}"):
        follow(ledger.follower())
    assert ledger.store.tracking("disclosure") == before
    assert [p for p in ledger.told("county") if p.subject] == []
    # and with the right vault it is told of by name
    copied(newer, vault)
    follow(ledger.follower())
    assert next(p for p in ledger.told("county") if p.subject).client["family_name"]


def test_a_client_who_was_given_up_is_told_of_without_a_name(ledger: Ledger, tmp_path: Path) -> None:
    vault, older = tmp_path / "vault.db", tmp_path / "older"
    copied(vault, older)
    client = ledger.history(STEPS[:8])
    copied(older, vault)
    ledger.vault.give_up(client)
    follow(ledger.follower())
    told = [p for p in ledger.told("county") if p.subject]
    assert told
    assert {name for p in told for name in p.client} <= {"protected"}
