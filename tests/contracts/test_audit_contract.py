"""What an audit finds when somebody who may write to the tables changes something: on SQLite and on PostgreSQL alike.

Every change here leaves each record's own bytes as they were, so that its hashes and digests say nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from store.audited_house import ASIDE, House
from store.small_ledger import SYSTEM, WORKER, Ground, Register

from domain.context import Draft
from domain.events import SubjectIdentifierChanged
from domain.identifiers import synthetic_identity_code
from domain.record import digest, state_bytes
from domain.store import ClientRecord, Conflict, KeyDestroyed
from domain.store.tables.packing import packed


@pytest.fixture
def home(ground: Ground, tmp_path: Path) -> Iterator[House]:
    house = House(ground, tmp_path)
    yield house
    house.store.close()


def swapped(table: str, key: str, one: object, other: object, *columns: str) -> list[str]:
    """Exchange some columns of two rows."""
    kept = f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}"
    there = f"{key} IN ('{one}', '{other}')"
    values = ", ".join(
        f"{name} = (SELECT kept.{name} FROM kept WHERE kept.{key} <> {table}.{key} AND kept.{there})" for name in columns
    )
    # What has to be unique is not, for a moment.
    aside = [f"UPDATE {table} SET {name} = NULL WHERE {there}" for name in columns if name.endswith("_index")]
    return [kept, *aside, f"UPDATE {table} SET {values} WHERE {there}", "DROP TABLE kept"]


def positions(one: int, other: int) -> list[str]:
    """Exchange the positions of two events."""
    return [
        f"UPDATE events SET notification_id = {to} WHERE notification_id = {at}"
        for at, to in ((one, ASIDE), (other, one), (ASIDE, other))
    ]


def test_a_ledger_of_its_own_making_is_sound(home: House) -> None:
    found = home.audited()
    assert found.faults == []
    assert found.events == home.store.head()


def test_positions_that_were_swapped_within_a_stream_are_found(home: House) -> None:
    one, other = [record.position for record in home.store.stream(home.clients[0])][2:4]
    home.tampered(*positions(one, other))
    found = home.faults()
    assert any(what.startswith("version ") for what in found)


@pytest.mark.parametrize("also_answers", [False, True], ids=["events alone", "answers too"])
def test_positions_that_were_swapped_across_streams_are_found(home: House, also_answers: bool) -> None:
    """Of two clients: what a sender was answered says where it stood, and his answers are numbered in their order."""
    one, other = (home.store.stream(client)[2].position for client in home.clients)
    answers = [
        statement.replace("events", "answers").replace("notification_id", "first_position")
        for statement in positions(one, other)
    ]
    home.tampered(*positions(one, other), *(answers if also_answers else ()))
    found = home.faults()
    assert any("answer 2 of s01/provider follows 0" in what for what in found), found
    assert any("is not what its event says" in what for what in found), found


def test_an_event_that_was_moved_before_what_gave_rise_to_it_is_found(home: House) -> None:
    told = home.store.stream("recipient/provider-s01/1")[0]
    fact = home.store.stream(home.clients[0])[1]
    home.tampered(*positions(fact.position, told.position))
    assert "what gave rise to it does not stand before it" in home.faults()


def test_an_event_that_was_moved_across_a_change_of_the_register_is_found(home: House) -> None:
    """Whoever else rewrites the answers and the numbers too: each event names the register that it was recorded with."""
    joined = next(r for r in home.store.records(0, 100) if r.header.name == "organisation.joined")
    home.tampered(*positions(joined.position, joined.position + 1))
    assert any("it was recorded with the register of position" in what for what in home.faults())


def test_a_key_that_is_gone_without_a_destruction_is_a_fault(home: House) -> None:
    matter = home.matter()
    home.asked("keys", f"DELETE FROM matter_keys WHERE key_id = '{matter}/1'")
    [fault] = home.audited().faults
    assert f"the key of the matter {matter} is gone and no payload_key.destroyed names it" in fault.what
    assert (fault.position, fault.stream) == (home.store.stream(home.clients[0])[0].position, home.clients[0])


def test_a_key_that_was_destroyed_before_the_record_said_so_is_a_fault_until_it_does(home: House) -> None:
    """A ledger of an older version: the key store alone knows."""
    home.store.keys.destroy(home.matter())
    [fault] = home.faults()
    assert "the key store says that it was destroyed" in fault
    # when that is recorded afterwards
    home.record_destruction()
    found = home.audited()
    assert found.faults == []
    assert any("erased by position" in note for note in found.notes)


def test_between_the_fact_and_the_end_of_the_key_nothing_is_wrong(home: House) -> None:
    home.record_destruction()
    found = home.audited()
    assert found.faults == []
    assert any("the clerk has to destroy its key" in note for note in found.notes)
    # when the key goes
    home.store.keys.destroy(home.matter())
    found = home.audited()
    assert found.faults == []
    assert any(note.endswith(f"erased by position {home.store.head()}") for note in found.notes)


def test_an_event_that_was_put_behind_the_end_of_its_matter_is_a_fault(home: House) -> None:
    """Record 0024: nothing is recorded in a matter from the fact on. Who has no keys can put noise there, as if erased."""
    matter = home.matter()
    home.record_destruction()
    home.store.keys.destroy(matter)
    ended, day = home.store.head(), next(r for r in home.store.records(0, 99) if r.header.name == "attendance.recorded")
    assert day.header.matter == matter
    # given a copy of a day behind it, whose hashes and digests add up
    version, hash_ = home.store.stream_end(home.clients[0])
    noise = {name: os.urandom(len(sealed)) for name, sealed in day.sections.items()}
    header = msgspec.structs.replace(
        day.header, event_id="e" * 32, stream_version=version + 1, previous_hash=hash_, command_id="made-up",
        answer_number=None, content_hash=None, section_digests={name: digest(sealed) for name, sealed in noise.items()},
    )  # fmt: skip
    state = packed(state_bytes(header.to_bytes(), noise))
    home.tampered(
        "INSERT INTO events (notification_id, originator_id, originator_version, topic, state, matter)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        values=(ended + 1, header.stream, header.stream_version, header.type, state, matter),
    )
    # then it is not counted as erased
    assert home.faults() == [f"it is of the matter {matter}, of which nothing is recorded behind position {ended}"]


def test_what_was_sealed_before_the_end_of_its_matter_is_not_recorded_behind_it(home: House) -> None:
    """A follower seals outside the ledger's lock: whatever it is overtaken by, its next look knows of the end."""
    matter, told = home.matter(), "recipient/provider-s01/1"
    draft = Draft(SubjectIdentifierChanged(identifier_change="identity_code_added"), "e" * 32, date(2025, 1, 2), matter)
    version, hash_ = home.store.stream_end(told)
    sealed = home.store.build(told, version + 1, hash_, draft, SYSTEM, "e" * 32)
    # when the end of the matter is recorded before it, and its key is still there
    home.record_destruction()
    head = home.store.head()
    with pytest.raises(Conflict):
        home.store.append([sealed], tracking=("a follower", 0, head))
    # then nothing is written, and nothing is sealed in it any more
    assert (home.store.head(), home.store.tracking("a follower")) == (head, 0)
    with pytest.raises(KeyDestroyed):
        home.store.build(told, version + 1, hash_, draft, SYSTEM, "e" * 32)


def test_a_key_that_was_destroyed_and_is_there_again_is_a_fault(home: House) -> None:
    """As a copy of the keys from before brings it back."""
    keys, key_id = home.ground.database("keys"), f"{home.matter()}/1"
    [row] = keys.read("SELECT * FROM matter_keys WHERE key_id = %s", (key_id,))
    home.record_destruction()
    home.store.keys.destroy(home.matter())
    keys.write(lambda ask: ask("INSERT INTO matter_keys VALUES (%s, %s, %s)", row))
    assert any("is there again, and was destroyed" in what for what in home.faults())


def test_a_destruction_that_the_key_store_has_and_no_fact_names_is_a_fault_also_where_the_key_is_there(home: House) -> None:
    home.asked("keys", f"INSERT INTO destroyed_keys VALUES (9, '{home.matter()}/1', 'f00d')")
    assert home.faults() == ["the key is there, no payload_key.destroyed names it, and by the key store it was destroyed"]


def test_another_proof_of_a_destruction_is_a_fault(home: House) -> None:
    home.record_destruction(digest="ab" * 32)
    home.store.keys.destroy(home.matter())
    assert home.faults() == ["the key store has another proof of the destruction"]


def test_keys_that_were_swapped_are_found_each_and_hide_nothing_else(home: House) -> None:
    one, other = (f"{home.matter(n)}/1" for n in range(2))
    home.asked("keys", *swapped("matter_keys", "key_id", one, other, "wrapped"))
    found = home.faults()
    assert [what for what in found if "is not the one under its name" in what] == [
        f"the key of the matter {home.matter(n)} is not the one under its name" for n in range(2)
    ]


def test_a_key_without_events_is_counted_and_no_fault(home: House) -> None:
    home.store.keys.create(["f" * 32])
    found = home.audited()
    assert found.faults == []
    assert "1 keys with which no event is sealed" in found.notes


VAULT: dict[str, tuple[list[str], str]] = {
    "entries swapped": (["sealed"], "the entry of the vault was not made for this client"),
    "codes swapped": (["code_index"], "the entry of the vault is found by another identity code than its own"),
}


@pytest.mark.parametrize("name", VAULT)
def test_entries_of_the_vault_that_were_swapped_are_found(home: House, name: str) -> None:
    columns, said = VAULT[name]
    home.asked("vault", *swapped("clients", "subject_ref", *home.clients, *columns))
    found = home.audited()
    assert {(fault.stream, fault.what) for fault in found.faults} == {(client, said) for client in home.clients}


def test_an_entry_that_is_gone_is_found_unless_the_record_says_that_its_matter_is(home: House) -> None:
    home.asked("vault", f"DELETE FROM clients WHERE subject_ref = '{home.clients[0]}'")
    assert home.faults() == ["the client is registered, and the vault has no entry"]
    home.record_destruction()
    home.store.keys.destroy(home.matter())
    assert home.faults() == []


def test_an_entry_under_a_second_reference_is_found(home: House) -> None:
    home.asked("vault", f"INSERT INTO clients (subject_ref, sealed) SELECT '{'f' * 32}', sealed FROM clients LIMIT 1")
    assert home.faults() == ["the entry of the vault was not made for this client"]


def test_an_entry_whose_registration_was_never_recorded_is_counted(home: House) -> None:
    """What an attempt leaves that broke off. Whoever can make one up has the vault's key."""
    home.vault.register("e" * 32, ClientRecord(given_names="Eero"))
    found = home.audited()
    assert found.faults == []
    assert "1 entries of the vault of persons whom no event registers" in found.notes


def test_a_code_that_no_event_tells_of_is_found(home: House) -> None:
    client = home.store.execute(Register(), WORKER, "third").client
    assert client is not None
    home.vault.register(client, ClientRecord(given_names="Eero"))
    assert home.faults() == []
    home.vault.change(client, identity_code=synthetic_identity_code(date(1991, 1, 1), 950))
    assert home.faults() == ["the vault has an identity code, and no event says that it came"]


REST_OF_VAULT = {
    "a card of somebody else": ("UPDATE staff SET person = 'w2'", "the staff card of w2 of county from 2025-01-01"),
    "a card that goes on": ("UPDATE staff SET until_on = '2025-02-01'", "the staff card of w1 of county from 2025-01-01"),
    "looks at somebody else": (
        "UPDATE uses SET subject_ref = (SELECT max(subject_ref) FROM uses)", "1 lines of the use log were not written for"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REST_OF_VAULT)
def test_what_else_the_vault_keeps_is_not_believed(home: House, name: str) -> None:
    statement, said = REST_OF_VAULT[name]
    home.asked("vault", statement)
    [fault] = home.faults()
    assert said in fault


def test_a_follower_that_is_further_than_the_feed_is_found(home: House) -> None:
    home.tampered("UPDATE tracking SET notification_id = 99 WHERE application_name = 'disclosure'")
    assert home.faults() == [f"the follower has come to position 99, and the feed ends at {home.store.head()}"]


def test_a_record_whose_bytes_are_damaged_hides_no_other_fault(home: House) -> None:
    home.tampered(
        "UPDATE events SET state = %s WHERE notification_id = 2", "DELETE FROM answers WHERE command_id = 'm4'",
        values=(b"{}",),
    )  # fmt: skip
    found = home.audited().faults
    assert any(fault.position == 2 and fault.what.startswith("a record needs a header line") for fault in found)
    assert any("is missing" in fault.what for fault in found)
