"""What an audit finds in the ledger's own tables, and of keys: on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest
from store.audited_house import House
from store.small_ledger import PROVIDER, Ground, RecordDay

from deploy.auditing.chains import audit_topic
from domain.events import MessageHeld
from domain.store import CheckedKeys, Content

MASTER_KEY = b"k" * 32


@pytest.fixture
def home(ground: Ground, tmp_path: Path) -> Iterator[House]:
    house = House(ground, tmp_path)
    yield house
    house.store.close()


@pytest.mark.parametrize("position", [-1, 0, -(1 << 63)])
def test_an_event_before_the_first_position_is_found(home: House, position: int) -> None:
    """It counts in its stream, and no feed comes by it."""
    client = home.clients[0]
    columns = "originator_id, originator_version, topic, state, matter, notification_id"
    ghost = (
        f"INSERT INTO events ({columns}) SELECT originator_id, originator_version + 1, topic, state, matter, {position}"
        f" FROM events WHERE originator_id = '{client}' ORDER BY originator_version DESC LIMIT 1"
    )
    guard = "ALTER TABLE events DROP CONSTRAINT events_position_counts"
    home.tampered(*([guard] if home.ground.kind == "postgresql" else []), ghost)
    version = home.store.stream_version(client)
    assert [fault for fault in home.audited().faults if fault.stream == client] == [
        (0, client, f"version {version} stands at position {position}, and the feed begins at 1")
    ]


def test_an_epoch_that_no_event_opened_is_found(home: House) -> None:
    home.tampered("UPDATE ledger SET epoch = 3")
    assert home.faults() == ["the ledger says that it is in epoch 3, and its events that it is in 1"]


def idle(home: House) -> None:
    """A command without effect, whose answer has no number."""
    assert home.store.execute(RecordDay(on=home.first_day), PROVIDER, "idle", client=home.clients[0]).number is None


MADE_UP = {
    "for an event that never was": (
        "INSERT INTO answers SELECT sender_org, sender_task, 'x', final, content_hash, answer_number + 1, status, 999,"
        " answer, sender_person FROM answers WHERE answer_number = 4 AND sender_org = 's01'",
        "answer 5 is of no event",
    ),
    "for an event of another answer": (
        "INSERT INTO answers SELECT sender_org, sender_task, 'x', final, content_hash, answer_number + 1, status,"
        " first_position, answer, sender_person FROM answers WHERE answer_number = 4 AND sender_org = 's01'",
        "answer 5 is of no event",
    ),
    "before the first of a line": (
        "INSERT INTO answers SELECT sender_org, sender_task, 'x', final, content_hash, 0, status, first_position, answer,"
        " sender_person FROM answers WHERE answer_number = 4 AND sender_org = 's01'",
        "what the command x was answered without a number is of no event",
    ),
    "recorded, without a number": (
        "UPDATE answers SET status = 'recorded' WHERE command_id = 'idle'",
        "what the command idle was answered without a number is of no event",
    ),
    "waiting, without a number": (
        "UPDATE answers SET final = {false} WHERE command_id = 'idle'",
        "what the command idle was answered without a number is of no event",
    ),
    "from a time to come": (
        "UPDATE answers SET first_position = 999 WHERE command_id = 'idle'",
        "what the command idle was answered without a number is of no event",
    ),
}


@pytest.mark.parametrize("name", MADE_UP)
def test_answers_that_were_made_up_are_found(home: House, name: str) -> None:
    statement, said = MADE_UP[name]
    idle(home)
    assert home.faults() == []
    home.tampered(statement.format(false="false" if home.ground.kind == "postgresql" else "0"))
    assert home.faults() == [said]


@pytest.mark.parametrize("ground", ["sqlite"], indirect=True)
def test_an_answer_that_stands_between_two_is_found(home: House) -> None:
    """As SQLite takes it: a fraction. PostgreSQL has none in a column of whole numbers."""
    home.tampered(
        "INSERT INTO answers SELECT sender_org, sender_task, 'x', final, content_hash, 2.5, status, first_position, answer,"
        " sender_person FROM answers WHERE answer_number = 4 AND sender_org = 's01'"
    )
    assert home.faults() == ["answer 2.5 is of no event"]


def test_a_message_that_waits_is_missed_also_where_somebody_else_has_an_answer_under_its_id(home: House) -> None:
    """A key is each person's own (design D13): another one's answer is not the last one to what waits."""
    waits = MessageHeld(
        sender_org_id="s01", sender_task="provider", message_id="m9", message_type="record_day.v1",
        held_reason="waits_for_reference", held_until_at=datetime(2025, 1, 8, tzinfo=UTC),
    )  # fmt: skip
    home.store.note(waits, PROVIDER, "m9", content=Content("record_day.v1", b"{}")).result()
    somebody_else = replace(PROVIDER, person="i2")
    home.store.execute(RecordDay(on=date(2025, 1, 8)), somebody_else, "m9", client=home.clients[0])
    # given a vault that has nothing under that id
    assert home.faults() == ["the message m9 waits, and the vault does not have it"]


PARTS = {
    "references": {"references": {"case_id": "ca5e" * 8}},
    "warnings": {"warnings": ["W_SHORT_DAY"]},
    "message_hash": {"message": "ab" * 32},
    "facts": {"facts": [{"code": "E_STATE", "type": "case.opened.v1", "occurred_on": "2025-01-02"}]},
    "stream_version": {"version": 99},
    "entries": {"entries": ["recorded"]},
    "more": {"more": 3},
}


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_an_answer_is_compared(home: House, name: str) -> None:
    [(kept,)] = home.ask("SELECT answer FROM answers WHERE command_id = 'm4'")
    answer = orjson.dumps({**orjson.loads(bytes(kept)), **PARTS[name]})
    home.tampered("UPDATE answers SET answer = %s WHERE command_id = 'm4'", values=(answer,))
    assert home.faults() == [f"answer 4 is not what its event says: {name}"]


def test_an_answer_that_cannot_be_read_hides_no_other_fault(home: House) -> None:
    idle(home)
    home.tampered(
        "UPDATE answers SET answer = %s WHERE command_id IN ('m4', 'idle')", "DELETE FROM answers WHERE command_id = 'm1'",
        values=(b"{",),
    )  # fmt: skip
    assert sorted(home.faults()) == [
        "answer 1 is missing", "answer 4 is not what its event says: answer",
        "what the command idle was answered without a number is of no event",
    ]  # fmt: skip


GONE = ["master-key-check", "content-mac", "token", "vault", "vault-index", "pseudonym/provider-s01"]


@pytest.mark.parametrize("name", GONE)
def test_a_named_key_that_is_gone_is_found_and_not_made_anew(home: House, name: str) -> None:
    home.asked("keys", f"DELETE FROM named_keys WHERE name = '{name}'")
    kept = home.ground.database("keys").read("SELECT * FROM named_keys ORDER BY name")
    faults = home.audited().faults
    assert (0, name, "the key is gone, or not the one under its name, and what is recorded was made with it") in faults
    assert home.ground.database("keys").read("SELECT * FROM named_keys ORDER BY name") == kept
    # and so it is where the topic alone is looked at
    keys = CheckedKeys(home.ground.database("keys"), MASTER_KEY)
    assert name in {fault.stream for fault in audit_topic(home.store.records(0, 100), keys, lambda _: None).faults}


def test_named_keys_that_were_exchanged_are_found(home: House) -> None:
    wrapped = "(SELECT wrapped FROM named_keys WHERE name = 'token')"
    home.asked("keys", f"UPDATE named_keys SET wrapped = {wrapped} WHERE name = 'content-mac'")
    [fault] = home.audited().faults
    assert fault.stream == "content-mac"
