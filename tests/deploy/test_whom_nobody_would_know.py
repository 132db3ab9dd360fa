"""Clients of what is given up of whom the key or the vault's entry is not there: kept, refused, or given up knowingly, but
never decided again as somebody whom nobody knows. source: design D21"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from forked import NEW_CODE, PROVIDER, Forked, attendance, audited, check_models, copied
from house import LEDGER, House, furnished
from stories import INTAKE

from deploy.given_up import read
from deploy.settings import Settings
from domain.store import ClientRecord

NEW = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": NEW_CODE, "family_name": "Uusi"}
DATABASES = ("events.db", "keys.db", "vault.db")
NOBODY = (
    "not decided, nobody can say who the client is: its key was destroyed or lost, or the vault had no entry to be read"
)


def said(ledger: Forked, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = ledger.kuty(*words)
    out, error = capsys.readouterr()
    return code, out, error


def choice(command: str, *words: str) -> tuple[str, ...]:
    return ("ledger", command, "--by", "T-01", "--second", "C-01", *words)


def came(out: str) -> dict[str, str]:
    """What came of each command, by its id."""
    return {line.split(" ", 1)[0]: line.partition(": ")[2] for line in out.splitlines() if " of " in line}


def registered(home: House, key: str) -> str:
    """Register the new client over HTTP; her reference."""
    answer = home.post("/clients", INTAKE, NEW, key=key)
    assert answer.status_code == 201, answer.text
    return str(home.wired.pseudonyms("county").reference(answer.json()["references"]["client"]))


def with_topic_beyond(folder: Path, *went_back: str) -> tuple[Forked, str]:
    """A ledger of whose topic the end is in no store: a new client and a day of a known one. These databases stand there as
    a backup from before has them."""
    shutil.copytree(furnished("12"), folder, dirs_exist_ok=True)
    ledger, place = Forked(Settings(home=folder, ledger=LEDGER)), folder / LEDGER
    with ledger.house() as home:
        home.settle()
    for name in went_back:
        copied(place / name, folder / name)
    with ledger.house() as home:
        home.send(PROVIDER, "m-day", "record_attendance.v1",
                  {"client": home.name(PROVIDER), **attendance(home, date(2025, 3, 3))})  # fmt: skip
        reference = registered(home, "t-client")
        home.settle()
    for name in went_back:
        copied(folder / name, place / name)
    return ledger, reference


def with_store_beyond(ledger: Forked) -> str:
    """The new client whom the store of a fork has; her reference."""
    with ledger.house(guarded=False) as home:
        reference = home.wired.vault.find(NEW_CODE)
    assert reference
    return reference


def lose_key(ledger: Forked, reference: str) -> None:
    with ledger.house(guarded=False) as home:
        key_id = home.wired.store.stream(reference)[0].header.key_id
    with closing(sqlite3.connect(ledger.settings.home / LEDGER / "keys.db")) as keys, keys:
        keys.execute("DELETE FROM matter_keys WHERE key_id = ?", (key_id,))


def lose_entry(ledger: Forked, reference: str) -> None:
    with closing(sqlite3.connect(ledger.settings.home / LEDGER / "vault.db")) as vault, vault:
        vault.execute("DELETE FROM clients WHERE subject_ref = ?", (reference,))


def spoil_entry(ledger: Forked, reference: str) -> None:
    with closing(sqlite3.connect(ledger.settings.home / LEDGER / "vault.db")) as vault, vault:
        vault.execute("UPDATE clients SET sealed = ? WHERE subject_ref = ?", (b"x" * 64, reference))


def check_refused_then_given_up(
    ledger: Forked, capsys: pytest.CaptureFixture[str], command: str, reference: str, registering: str
) -> dict[str, str]:
    """The choice is refused by name until the two say that the client is lost; then nobody decides anything about her."""
    before = ledger.records()
    code, _, error = said(ledger, capsys, *choice(command))
    assert (code, error.count("\n")) == (1, 1), error
    assert f"of 1 client in what is to be given up ({reference})" in error
    assert (ledger.records(), ledger.kept.exists()) == (before, False)
    # when the command is given that the refusal names
    assert "--lost-for-good" in error
    code, out, error = said(ledger, capsys, *choice(command, "--lost-for-good"))
    assert code == 0, error
    assert "Of 1 client of what was given up nothing is kept that says who that is." in out
    # then the file has her without content
    assert [(one.subject_ref, one.sealed) for one in read(ledger.kept).clients] == [(reference, b"")]
    code, out, error = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert code == 0, error
    decided = came(out)
    assert decided[registering] == NOBODY
    with ledger.house() as home:
        assert not home.wired.store.stream_version(reference)
        assert home.wired.vault.copied([reference]) == []
        home.settle()
    audited(ledger, capsys)
    check_models(ledger)
    # and she is registered anew, as somebody else
    with ledger.house() as home:
        assert registered(home, "anew") != reference
    return decided


@pytest.mark.parametrize("went_back", [DATABASES, ("events.db", "keys.db"), ("events.db", "vault.db")], ids=" ".join)
def test_store_and_what_names_its_clients_went_back_and_the_store_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], went_back: tuple[str, ...]
) -> None:
    """A whole server goes back to one backup: no command can note what only the topic has as lost."""
    ledger, reference = with_topic_beyond(tmp_path, *went_back)
    decided = check_refused_then_given_up(ledger, capsys, "new-epoch", reference, "t-client")
    assert decided["m-day"].startswith("recorded, as answer")


@pytest.mark.parametrize("lose", [lose_key, lose_entry, spoil_entry])
def test_what_names_a_client_of_the_fork_is_not_there_and_the_topic_is_right(
    ledger: Forked, capsys: pytest.CaptureFixture[str], lose: Callable[[Forked, str], None]
) -> None:
    reference = with_store_beyond(ledger)
    lose(ledger, reference)
    decided = check_refused_then_given_up(ledger, capsys, "adopt", reference, "f-client")
    assert decided["m-fork"].startswith("recorded, as answer")


def is_not_registered(ledger: Forked, capsys: pytest.CaptureFixture[str], reference: str) -> None:
    """What was given up is decided again, and of this client nothing is."""
    code, out, _ = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert (code, came(out)["f-client"]) == (0, NOBODY)
    with ledger.house() as home:
        assert not home.wired.store.stream_version(reference)


def test_of_whom_it_is_noted_that_nobody_knows_him_nothing_is_decided_again(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `kuty restore` notes it of a client whom the vault's backup does not know."""
    reference = with_store_beyond(ledger)
    lose_entry(ledger, reference)
    with ledger.house(guarded=False) as home:
        home.wired.vault.give_up(reference)
    code, out, _ = said(ledger, capsys, *choice("adopt"))
    assert code == 0
    assert "Of 1 client of what was given up nothing is kept that says who that is." in out
    code, out, _ = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert (code, came(out)["f-client"]) == (0, NOBODY)
    with ledger.house() as home:
        assert home.wired.vault.copied([reference]) == []
        home.settle()
    audited(ledger, capsys)


def test_who_was_registered_without_any_name_is_kept_and_registered_again(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    """An entry that says nothing is whole where nothing was said: that is no loss."""
    with ledger.house(guarded=False) as home:
        answer = home.post("/clients", INTAKE, {"identity_kind": "none", "registered_from": "own_contact"}, key="f-nameless")
        assert answer.status_code == 201, answer.text
    assert ledger.adopt() == 0
    code, out, _ = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert (code, came(out)["f-nameless"].startswith("recorded, as answer")) == (0, True)
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)


def test_a_client_whom_the_file_does_not_have_is_not_registered_again(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one who began in what was given up the file says who it is, or nobody does."""
    reference = with_store_beyond(ledger)
    from deploy import choosing

    keep = choosing.keep
    monkeypatch.setattr(choosing, "keep", lambda path, origin, clients, *rest: keep(path, origin, [], *rest))
    assert ledger.adopt() == 0
    with ledger.house() as home:
        home.wired.vault.forget(reference)
    is_not_registered(ledger, capsys, reference)


def test_what_the_vault_cannot_open_any_more_registers_nobody(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry in the file was sealed by a vault that is another one now."""
    reference = with_store_beyond(ledger)
    assert ledger.adopt() == 0
    with ledger.house() as home:
        home.wired.vault.register(reference, ClientRecord(identity_code=NEW_CODE))
    spoil_entry(ledger, reference)
    is_not_registered(ledger, capsys, reference)


def test_keys_that_are_lost_since_stop_deciding_until_it_is_said_that_they_stay_so(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    """What depends on the command that cannot be read would be refused for good: nothing is decided while it may come."""
    reference = with_store_beyond(ledger)
    with ledger.house(guarded=False) as home:
        key_id = home.wired.store.stream(reference)[0].header.key_id
    assert ledger.adopt() == 0
    keys = ledger.settings.home / LEDGER / "keys.db"
    with closing(sqlite3.connect(keys)) as database, database:
        database.execute("DELETE FROM matter_keys WHERE key_id = ?", (key_id,))
    before = ledger.records()
    code, out, error = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert (code, out, error.count("\n")) == (1, "", 1), error
    assert key_id in error
    assert ledger.records() == before
    assert "--lost-for-good" in error
    code, out, error = said(ledger, capsys, "resubmit", str(ledger.kept), "--lost-for-good")
    assert code == 0, error
    decided = came(out)
    assert decided["f-client"] == NOBODY
    assert decided["m-fork"].startswith("recorded, as answer")
    # then nothing is sealed under its name again, and it need not be said twice
    assert said(ledger, capsys, "resubmit", str(ledger.kept))[0] == 0
    with closing(sqlite3.connect(keys)) as database:
        assert database.execute("SELECT proof FROM destroyed_keys WHERE key_id = ?", (key_id,)).fetchall() == [("lost",)]
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)


@pytest.mark.parametrize("is_there", [True, False])
def test_what_waited_is_said_to_wait_where_it_does(
    ledger: Forked, capsys: pytest.CaptureFixture[str], is_there: bool
) -> None:
    with ledger.house(guarded=False) as home:
        body = {"client": home.name(PROVIDER), **attendance(home, date(2025, 3, 5)), "period_id": "message:m-nowhere"}
        home.send(PROVIDER, "m-waits", "record_attendance.v1", body)
        while home.wired.intake.step():
            pass
        assert [held.message_id for held in home.wired.vault.held()] == ["m-waits"]
    assert ledger.adopt() == 0
    if not is_there:
        with closing(sqlite3.connect(ledger.settings.home / LEDGER / "vault.db")) as vault, vault:
            vault.execute("DELETE FROM held")
    code, out, _ = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert code == 0
    waits = "it waits in the vault, and intake tries it again by itself"
    gone = "it waited, and does not wait in the vault now: where it has no other answer, its sender may send it again"
    assert came(out)["m-waits"] == f"not decided, {waits if is_there else gone}"
