"""A store that went back and took commands is brought in line with its topic. source: design D21"""

from __future__ import annotations

import stat
from base64 import b64encode
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from faults.runbook import begun, ended
from forked import NEW_CODE, PROVIDER, Forked, attendance, audited, check_models
from stories import INSTRUCTOR, INTAKE

from deploy import choosing, resubmitting
from deploy.given_up import read
from domain.answers import Answer
from domain.decided import Decision
from domain.events import EpochOpened, PayloadKeyDestroyed
from domain.store import ClientRecord, Content, EventStore, NoSuchCommand, StoreUnavailable


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
    assert "the topic was adopted already; 1 client of what was given up left the vault now" in capsys.readouterr().err
    with ledger.house() as home:
        assert home.wired.vault.find(NEW_CODE) is None


def test_who_is_registered_again_before_the_command_has_come_to_its_end_stays_in_the_vault(
    ledger: Forked, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = choosing._let_go

    def registered_meanwhile(*given: Any) -> int:
        with ledger.house(guarded=False) as home:
            new = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": NEW_CODE}
            assert home.post("/clients", INTAKE, {**new, "family_name": "Uusi"}, key="meanwhile").status_code == 201
        return let_go(*given)

    monkeypatch.setattr(choosing, "_let_go", registered_meanwhile)
    monkeypatch.setattr("deploy.wiring.owned_by_us", lambda lock: lock.open("ab"))
    assert ledger.adopt() == 0
    with ledger.house(guarded=False) as home:
        known = home.wired.vault.find(NEW_CODE)
        assert known
        assert home.wired.store.stream_version(known)


@pytest.mark.parametrize(
    ("letting_go", "name"), [(choosing, "_let_go"), (resubmitting, "let_go")], ids=["given up", "not decided again"]
)
def test_who_is_about_to_be_registered_again_stays_in_the_vault(
    ledger: Forked, monkeypatch: pytest.MonkeyPatch, letting_go: ModuleType, name: str
) -> None:
    """An entry is taken up before its registration is committed: whoever lets go of it in between leaves it there."""
    let_go, execute = getattr(letting_go, name), EventStore.execute_async
    new = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": NEW_CODE}
    came: list[int] = []

    def registered_meanwhile(*given: Any) -> Any:
        async def overtaken(store: EventStore, *asked: Any, **options: Any) -> Answer:
            if options.get("client") and not came:
                came.append(0)
                let_go(*given)
            return await execute(store, *asked, **options)

        with monkeypatch.context() as during, ledger.house(guarded=False) as home:
            during.setattr(EventStore, "execute_async", overtaken)
            came.append(home.post("/clients", INTAKE, {**new, "family_name": "Uusi"}, key="meanwhile").status_code)
        return let_go(*given)

    monkeypatch.setattr("deploy.wiring.owned_by_us", lambda lock: lock.open("ab"))
    if letting_go is resubmitting:
        assert ledger.adopt() == 0
        monkeypatch.setattr(EventStore, "decide_again", not_decided)
    monkeypatch.setattr(letting_go, name, registered_meanwhile)
    assert (ledger.adopt() if letting_go is choosing else ledger.kuty("resubmit", str(ledger.kept))) == 0
    # then it is a client, and the vault says who that is
    assert came == [0, 201]
    with ledger.house(guarded=False) as home:
        known = home.wired.vault.find(NEW_CODE)
        assert known
        assert home.wired.store.stream_version(known)


def test_whose_entry_somebody_else_holds_keeps_it_when_the_commands_are_given_again(
    ledger: Forked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who would register one person each takes the entry up: who does not come to it leaves it to the other one."""
    # given that deciding again was broken off, behind the entry of the client in the vault
    assert ledger.adopt() == 0
    with monkeypatch.context() as silence:
        silence.setattr(EventStore, "decide_again", silent)
        assert ledger.kuty("resubmit", str(ledger.kept)) == 1
    # when it is given again, between the entry and the event of who is registered over HTTP, and decides nothing
    execute, came = EventStore.execute_async, list[int]()

    async def overtaken(store: EventStore, *asked: Any, **options: Any) -> Answer:
        if options.get("client") and not came:
            came.append(ledger.kuty("resubmit", str(ledger.kept)))
        return await execute(store, *asked, **options)

    monkeypatch.setattr("deploy.wiring.owned_by_us", lambda lock: lock.open("ab"))
    monkeypatch.setattr(EventStore, "decide_again", not_decided)
    monkeypatch.setattr(EventStore, "execute_async", overtaken)
    new = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": NEW_CODE}
    with ledger.house(guarded=False) as home:
        came.append(home.post("/clients", INTAKE, {**new, "family_name": "Uusi"}, key="meanwhile").status_code)
        # then the vault says who became a client
        assert came == [0, 201]
        known = home.wired.vault.find(NEW_CODE)
        assert known
        assert home.wired.store.stream_version(known)
        assert home.wired.vault.get([known])[known].family_name == "Uusi"


def silent(store: EventStore, *_: Any) -> Answer:
    raise StoreUnavailable("silent")


def not_decided(store: EventStore, *_: Any) -> Answer:
    raise NoSuchCommand("gone")


def test_an_erasure_reaches_who_was_given_up(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    with ledger.house(guarded=False) as home:
        reference = home.wired.vault.find(NEW_CODE)
        assert reference
        [entry] = home.wired.vault.copied([reference])
        matter = home.wired.store.stream(reference)[0].header.matter
    assert ledger.adopt() == 0
    # given that nothing stands in the file as the vault's own key opens it
    [kept] = read(ledger.kept).clients
    assert kept.subject_ref == reference
    assert entry.sealed and entry.sealed not in kept.sealed  # noqa: PT018
    assert b64encode(entry.sealed) not in ledger.kept.read_bytes()
    # when the key of her matter is destroyed
    with ledger.house(guarded=False) as home:
        home.wired.keys.destroy(matter)
    capsys.readouterr()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    # then nobody is entered again
    came = {line.split(" ", 1)[0]: line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()}
    assert came["f-client"].startswith("not decided, nobody can say who the client is: its key was destroyed or lost")
    with ledger.house() as home:
        assert home.wired.vault.find(NEW_CODE) is None


def test_a_key_that_was_destroyed_in_what_was_given_up_is_named(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    with ledger.house(guarded=False) as home:
        destroyed = PayloadKeyDestroyed(
            destroyed_matter="e" * 32, destroyed_key_id=f"{'e' * 32}/1", destroyed_at=home.wired.store.now(),
            destruction_digest="d" * 64,
        )  # fmt: skip
        home.wired.store.note(destroyed, INTAKE, "f-key", content=Content("key", b"{}", "")).result()
    assert ledger.adopt() == 0
    assert f"The key of the matter {'e' * 32} was destroyed in what was given up" in capsys.readouterr().err


def test_a_command_that_cannot_be_carried_out_stops_none_of_the_others_and_leaves_nobody_in_the_vault(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = EventStore.decide_again

    def broken(store: EventStore, decision: Decision, *given: Any) -> Answer:
        if decision.command_id in ("f-client", "f-day-1"):
            raise NoSuchCommand("gone") if decision.command_id == "f-client" else KeyError("a mistake of ours")
        return decide(store, decision, *given)

    assert ledger.adopt() == 0
    monkeypatch.setattr(EventStore, "decide_again", broken)
    capsys.readouterr()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 1
    lines = capsys.readouterr().out.splitlines()
    came = {line.split(" ", 1)[0]: line.partition(": ")[2] for line in lines}
    assert lines[-1].endswith(" are left for a person: docs/runbooks/a-store-that-went-back.md says what to do")
    assert came["f-client"] == "not decided, gone"
    assert came["f-day-1"] == "not carried out, and the log says why"
    assert came["m-fork"].startswith("recorded, as answer")
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
