"""Cells of keys and vault that hold anything at all: each is damaged by itself, and the database answers."""

from __future__ import annotations

from typing import Any

import pytest
from store.small_ledger import Ground

from domain.record import Damaged
from domain.store import ClientRecord, WrongMasterKey

CELLS: dict[str, Any] = {"no byte": b"", "one byte": b"\0", "a nonce alone": b"\0" * 12, "others": b"\0" * 40}


@pytest.mark.parametrize("name", CELLS)
def test_a_key_that_does_not_open_is_anothers_however_short_it_is(ground: Ground, name: str) -> None:
    ground.keys().create(["a"])
    ground.owned("keys").write(lambda ask: ask("UPDATE matter_keys SET wrapped = %s", (CELLS[name],)))
    with pytest.raises(WrongMasterKey):
        ground.keys().get(["a/1"])


@pytest.mark.parametrize("name", CELLS)
def test_an_entry_of_the_vault_that_does_not_open_is_damaged_however_short_it_is(ground: Ground, name: str) -> None:
    ground.vault().register("a" * 32, ClientRecord(family_name="Virtanen"))
    ground.owned("vault").write(lambda ask: ask("UPDATE clients SET sealed = %s", (CELLS[name],)))
    for ask in (lambda: ground.vault().get(["a" * 32]), lambda: ground.vault().look("a" * 32), ground.vault().check):
        with pytest.raises(Damaged):
            ask()


IN_SQLITE = pytest.mark.parametrize("ground", ["sqlite"], indirect=True)
"""PostgreSQL takes nothing else in such a column."""
NO_BYTES = pytest.mark.parametrize("cell", ["'x'", "CAST(x'ff00' AS TEXT)", "7"], ids=["a text", "no text", "a number"])


@IN_SQLITE
@NO_BYTES
def test_a_key_that_is_no_bytes_is_anothers_and_can_be_destroyed(ground: Ground, cell: str) -> None:
    ground.keys().create(["a"])
    ground.keys().named("x")
    for table in ("matter_keys", "named_keys"):
        ground.owned("keys").write(lambda ask, table=table: ask(f"UPDATE {table} SET wrapped = {cell}", ()))
    keys = ground.keys
    with pytest.raises(WrongMasterKey):
        keys()
    ground.owned("keys").write(lambda ask: ask("DELETE FROM named_keys", ()))
    with pytest.raises(WrongMasterKey):
        keys().get(["a/1"])
    proof = keys().destroy("a")
    assert keys().destroy("a") == proof
    assert keys().get(["a/1"]) == {}


@IN_SQLITE
@NO_BYTES
def test_an_entry_that_is_no_bytes_is_damaged(ground: Ground, cell: str) -> None:
    ground.vault().register("a" * 32, ClientRecord(family_name="Virtanen"))
    ground.owned("vault").write(lambda ask: ask(f"UPDATE clients SET sealed = {cell}", ()))
    with pytest.raises(Damaged):
        ground.vault().get(["a" * 32])
