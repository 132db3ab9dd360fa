"""A store that went back and took commands is brought in line with its topic. source: design D21"""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from faults.runbook import begun, ended
from forked import NEW_CODE, PROVIDER, Forked, attendance, audited, check_models
from stories import INSTRUCTOR

from deploy.given_up import read
from domain.events import EpochOpened
from domain.store import ClientRecord


def test_the_topic_is_adopted_and_the_store_is_what_was_published(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    published = ledger.published()
    assert ledger.adopt() == 0
    said = capsys.readouterr().out
    assert "is in epoch 2 (adopted)" in said
    records = ledger.records()
    assert [r.state for r in records[: len(published)]] == [r.state for r in published]
    # then the choice is recorded with both persons, and with what it left
    with ledger.house() as home:
        opening = home.wired.store.opened(records[len(published)])
        assert isinstance(opening, EpochOpened)
        assert (opening.old_epoch, opening.old_size, opening.old_root) == (1, len(published), published[-1].hash)
        assert (records[len(published)].header.actor_person, opening.second_person_id) == ("T-01", "C-01")
        home.settle()
    audited(ledger, capsys)
    check_models(ledger)


def test_each_sender_is_told_that_its_answer_holds_no_longer(ledger: Forked) -> None:
    assert ledger.adopt() == 0
    with ledger.house() as home:
        home.settle()
        told = [receipt for receipt in home.receipts(PROVIDER) if receipt["status"] == "withdrawn"]
        # the message that the topic answers too is answered there, and its sender was told so
        assert {one["message_id"] for one in told} == {"f-day-0", "f-day-1", "f-idle", "f-refused", "m-fork"}
        for one in told:
            assert (one["epoch"], one["withdraws"]["epoch"], one["codes"][0]["code"]) == (2, 1, "E_WITHDRAWN")
            answered = ledger.fork.answers.get(one["message_id"])
            if answered and answered["http"] == 201:
                assert one["withdraws"] == {"status": "recorded", "number": answered["number"], "epoch": 1}
        # and over HTTP the line says the same
        over_http = home.get("/receipts", INSTRUCTOR, limit=500).json()["receipts"]
        assert [one for one in over_http if one["status"] == "withdrawn"] == told
        numbers = [one["number"] for one in over_http]
        assert numbers == list(range(1, len(numbers) + 1))


def test_what_was_given_up_is_decided_again_each_once(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.adopt() == 0
    capsys.readouterr()
    # when it is broken off and given again, or given twice
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    lines = capsys.readouterr().out.splitlines()
    came = {line.split(" ", 1)[0]: line.partition(": ")[2] for line in lines}
    assert came["f-client"].startswith("recorded, as answer")
    # the first day is that of the message on the topic, which the history that holds has
    assert came["f-day-0"].startswith("already recorded")
    assert came["f-day-1"].startswith("recorded, as answer")
    assert came["f-refused"].startswith("not decided, of what was refused nothing was kept")
    assert came["f-idle"].startswith("not decided, of what had no effect nothing was kept")
    assert came["m-fork"].startswith("recorded, as answer")
    with ledger.house() as home:
        head = home.wired.store.head()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    with ledger.house() as home:
        assert home.wired.store.head() == head
        home.settle()
        # then each sender has its answer, under the id that it used, and a repeat gives it again
        told = [(one["message_id"], one["status"]) for one in home.receipts(PROVIDER)]
        for message_id in ("f-day-1", "m-fork"):
            assert told.count((message_id, "withdrawn")) == told.count((message_id, "recorded")) == 1, message_id
        days = f"/clients/{home.name(PROVIDER)}/attendance"
        again = home.post(days, INSTRUCTOR, attendance(home, date(2025, 3, 4)), key="f-day-1")
        assert (again.status_code, again.json()["status"]) == (200, "already_recorded")
        # and the client that was registered in the fork is one, under the reference that was given out for her
        [client] = [one for one in ledger.fork.answers.values() if "client" in one.get("references", {})]
        known = home.wired.pseudonyms("county").reference(client["references"]["client"])
        assert home.wired.vault.find(NEW_CODE) == known
        assert home.wired.store.pathway(known).registered
    audited(ledger, capsys)
    check_models(ledger)


def test_a_sender_who_sends_again_is_recorded_and_nothing_is_decided_twice(ledger: Forked) -> None:
    assert ledger.adopt() == 0
    with ledger.house() as home:
        days = f"/clients/{home.name(PROVIDER)}/attendance"
        answer = home.post(days, INSTRUCTOR, attendance(home, date(2025, 3, 4)), key="f-day-1")
        assert (answer.status_code, answer.json()["status"]) == (201, "recorded")
        head = home.wired.store.head()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    records = ledger.records()[head:]
    assert not [r for r in records if r.header.command_id == "f-day-1"]


def test_a_client_of_the_fork_is_none_until_she_becomes_one_again(ledger: Forked) -> None:
    with ledger.house(guarded=False) as home:
        registered = home.wired.vault.find(NEW_CODE)
        assert registered
    assert ledger.adopt() == 0
    with ledger.house() as home:
        assert home.wired.vault.find(NEW_CODE) is None
        assert home.wired.vault.get([registered]) == {}
        # when her code goes to somebody else meanwhile, then what was given up is about that person
        other = home.wired.vault.register("b" * 32, ClientRecord(identity_code=NEW_CODE))
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    with ledger.house() as home:
        assert home.wired.store.pathway(other).registered
        assert not home.wired.store.stream_version(registered)


def test_what_was_given_up_is_kept_for_its_owner_alone_and_sealed(ledger: Forked) -> None:
    assert ledger.adopt() == 0
    assert stat.S_IMODE(ledger.kept.stat().st_mode) == 0o600
    text = ledger.kept.read_text()
    for plain in (NEW_CODE, "Uusi", "present"):
        assert plain not in text
    kept = read(ledger.kept)
    assert {"f-client", "f-day-0", "f-day-1", "f-refused", "f-idle", "m-fork"} <= {one.command_id for one in kept.answers}
    # and its events are a history by themselves: each follows the one before it
    events = list(kept.events())
    assert [record.position for record in events] == list(range(kept.origin.after + 1, kept.origin.end + 1))
    assert events[-1].hash == kept.origin.hash


def test_a_command_that_was_killed_behind_its_commit_finishes_when_it_is_given_again(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("deploy.choosing._let_go", killed)
        assert ledger.adopt() == 130
    with ledger.house() as home:
        assert home.wired.vault.find(NEW_CODE)
    capsys.readouterr()
    assert ledger.adopt() == 1
    assert "the topic was adopted already; 1 clients of what was given up left the vault now" in capsys.readouterr().err
    with ledger.house() as home:
        assert home.wired.vault.find(NEW_CODE) is None


def killed(*_: object) -> int:
    raise KeyboardInterrupt


def test_a_store_that_is_only_behind_takes_what_it_lacks(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    # given the backup as it was restored, before it took anything
    ledger.put_back("copy_1")
    assert ledger.adopt() == 0
    assert "0 were given up" in capsys.readouterr().out
    assert not ledger.kept.exists()
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)
    check_models(ledger)


def test_a_message_over_http_is_answered_in_the_epoch_as_on_the_topic(ledger: Forked) -> None:
    assert ledger.adopt() == 0
    with ledger.house() as home:
        body = {"client": home.name(PROVIDER), **attendance(home, date(2025, 3, 6))}
        system = replace(INSTRUCTOR, role="system", person="system")
        headers = {"ce-id": "m-later", "ce-type": "record_attendance.v1"}
        answer, again = (home.post(f"/in/{PROVIDER}", system, body, **headers).json() for _ in range(2))
        home.settle()
        [told] = [one for one in home.receipts(PROVIDER) if one["message_id"] == "m-later" and one["status"] == "recorded"]
        assert (told, told["epoch"]) == (answer, 2)
        assert (again["status"], again["number"], again["epoch"]) == ("already_recorded", told["number"], 2)


@pytest.mark.parametrize("heading", ["The topic is right", "The store is right"])
def test_the_commands_of_the_runbook_do_what_it_says(
    ledger: Forked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], heading: str
) -> None:
    monkeypatch.setenv("BY", "T-01")
    monkeypatch.setenv("SECOND", "C-01")
    code, said, wrong = ended(begun("a-store-that-went-back.md", heading, ledger.settings, tmp_path))
    assert code == 0, (said, wrong)
    assert "The ledger house is in epoch 2" in said
    assert ": recorded, as answer" in said
    assert (tmp_path / "given-up.jsonl").exists()
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)
    check_models(ledger)
