"""A store is written into with its own keys only: what was lost is not made anew, where it would be taken for the old."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from store.small_ledger import PROVIDER, WORKER, Ground, Join, RecordDay, Register

from domain.events import Erased
from domain.store import ClientRecord, KeyDestroyed, KeysLost

TABLES = ("matter_keys", "named_keys", "destroyed_keys")


def kept(ground: Ground) -> list[Any]:
    keys = ground.database("keys")
    return [keys.read(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]


def removed(ground: Ground, statement: str) -> list[Any]:
    """Take keys away; what is there then."""
    ground.owned("keys").write(lambda ask: ask(statement, ()))
    return kept(ground)


@pytest.mark.parametrize(
    ("table", "column", "name"),
    [
        ("matter_keys", "key_id", "ledger/1"),
        ("named_keys", "name", "master-key-check"),
        ("named_keys", "name", "content-mac"),
        ("named_keys", "name", "token"),
    ],
)
def test_a_store_whose_keys_lack_one_of_its_own_is_not_opened(ground: Ground, table: str, column: str, name: str) -> None:
    store = ground.open()
    store.execute(Join(org_id="s01"), WORKER, "join")
    store.close()
    left = removed(ground, f"DELETE FROM {table} WHERE {column} = '{name}'")
    with pytest.raises(KeysLost) as refused:
        ground.open()
    assert str(refused.value) == (
        f"what is there was made with keys that are not where the settings say ({name}): name or copy the keys, vault and"
        " master key that belong to it (docs/runbooks/lost-keys-or-vault.md)"
    )
    assert kept(ground) == left


def test_a_store_beside_an_empty_key_database_is_not_opened_and_nothing_is_made(ground: Ground) -> None:
    store = ground.open()
    store.execute(Join(org_id="s01"), WORKER, "join")
    store.close()
    for table in TABLES:
        removed(ground, f"DELETE FROM {table}")
    with pytest.raises(KeysLost, match="master-key-check, content-mac, token, ledger/1"):
        ground.open()
    assert kept(ground) == [[], [], []]


def test_the_key_of_a_matter_that_was_lost_is_not_made_anew(ground: Ground) -> None:
    """Nothing recorded before would open under another one of its name, and nobody could tell why."""
    store = ground.open()
    client = store.execute(Register(), WORKER, "1").client or ""
    matter = store.stream(client)[0].header.matter
    store.execute(Register(), WORKER, "of a newer one")  # without the newest one they have gone back, and nobody goes on
    left = removed(ground, f"DELETE FROM matter_keys WHERE key_id = '{matter}/1'")
    store.keys._known.clear()  # as in a process that has not needed it for long
    head = store.head()
    # when somebody goes on with the client, nothing is refused that the right keys would take
    day = RecordDay(on=date(2025, 1, 2))
    for ask in (lambda: store.execute(day, PROVIDER, "2", client=client), lambda: store.opened_all(store.stream(client))):
        with pytest.raises(KeysLost, match=f"{matter}/1"):
            ask()
    assert store.head() == head
    with pytest.raises(KeysLost, match=f"{matter}/1"):
        store.check_keys()
    # and others go on
    assert store.execute(Register(), WORKER, "3").status == "recorded"
    # when it was given up as lost, it is as it is of what was erased
    ground.keys().give_up([f"{matter}/1"])
    store.check_keys()
    with pytest.raises(KeyDestroyed):
        store.execute(day, PROVIDER, "2", client=client)
    assert store.opened_all(store.stream(client)) == [Erased("subject.registered")]
    store.close()
    assert set(left[0]) < set(kept(ground)[0])
    assert f"{matter}/1" not in {row[0] for row in kept(ground)[0]}


@pytest.mark.parametrize("name", ["vault", "vault-index"])
def test_a_vault_with_entries_whose_key_is_gone_is_not_opened(ground: Ground, name: str) -> None:
    assert ground.vault().find("170590-901X") is None
    removed(ground, f"DELETE FROM named_keys WHERE name = '{name}'")
    # as long as nothing was sealed with it, another one does
    ground.vault().register("ab" * 16, ClientRecord(given_names="Aino"))
    left = removed(ground, f"DELETE FROM named_keys WHERE name = '{name}'")
    with pytest.raises(KeysLost, match=name):
        ground.vault()
    assert kept(ground) == left


def test_a_recipient_that_was_told_something_gets_no_other_names(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ground.open()
    key = store.pseudonym_key("county")
    assert store.pseudonym_key("county") == key
    # when the key is lost after it was told something
    told = removed(ground, "DELETE FROM named_keys WHERE name = 'pseudonym/county'")
    again = ground.open()
    monkeypatch.setattr(again, "stream_version", {"recipient/county/1": 3, "recipient/kela/1": 0}.get)
    with pytest.raises(KeysLost, match="pseudonym/county"):
        again.pseudonym_key("county")
    assert kept(ground) == told
    assert len(again.pseudonym_key("kela")) == 64
    store.close()
    again.close()
