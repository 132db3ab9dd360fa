"""Audits of a whole ledger: the same whatever the split, taken up again where they were broken off, and the end of a key."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import house
from stories import COUNTY, LAST, OWN_WORKER

from deploy.auditing import chains, decisions, put_aside
from deploy.auditing.chains import Found
from deploy.auditing.decisions import Outcome
from deploy.auditing.parts import audited
from deploy.auditing.put_aside import NotTheSame
from deploy.cli import main
from deploy.commands.serving import fill
from deploy.feed import feed_of_store
from deploy.settings import Settings
from domain.chapters.cases.decisions import CloseCase
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.exits.decisions import RecordExit
from domain.chapters.retention.decisions import DestroyPayloadKey
from domain.context import Caller
from domain.disclosure.kept import recipient_of
from domain.events import PayloadKeyDestroyed
from domain.rulebook import kind_of
from domain.store import KeyDestroyed

CLOSED = date(2025, 9, 5)
DUE = date(2035, 9, 5)


def settings(home: Path) -> Settings:
    return Settings(home=home, ledger="house")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a ledger in which Aino's case was closed, and everybody has been told."""
    home = tmp_path_factory.mktemp("closed")
    with house(home) as one:
        one.until("22")
        one.on(LAST)
        one.execute(RecordExit(exit_kind="pay_subsidised_work"), OWN_WORKER, client=one.aino)
        one.on(CLOSED)
        one.execute(CloseCase(closing_code="exit"), OWN_WORKER, client=one.aino)
        one.settle()
    return home


@pytest.fixture
def home(closed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    shutil.copytree(closed, tmp_path, dirs_exist_ok=True)
    return tmp_path


def spoilt(home: Path) -> None:
    """A ledger with a fault of every kind: an answer, a column, two positions, a key, an entry of the vault."""
    with closing(sqlite3.connect(home / "house" / "events.db")) as events, events:
        for trigger in ("no_update", "no_delete"):
            events.execute(f"DROP TRIGGER {trigger}")
        events.execute("DELETE FROM answers WHERE answer_number = 3")
        events.execute("UPDATE events SET topic = 'case.closed.v1' WHERE notification_id = 30")
        for at, to in ((41, -1), (47, 41), (-1, 47)):
            events.execute("UPDATE events SET notification_id = ? WHERE notification_id = ?", (to, at))
    with closing(sqlite3.connect(home / "house" / "keys.db")) as keys, keys:
        some = "SELECT min(key_id) FROM matter_keys WHERE key_id <> 'ledger/1'"
        keys.execute(f"DELETE FROM matter_keys WHERE key_id = ({some})")
    with closing(sqlite3.connect(home / "house" / "vault.db")) as vault, vault:
        vault.execute("DELETE FROM clients")


def quiet(_: int) -> None:
    """Nobody watches."""


def of_chains(home: Path, bar: Callable[[int], Any] = quiet, **options: Any) -> Found:
    with closing(audited(settings(home))) as parts:
        return chains.audit_store(parts, bar, **options)


def of_decisions(home: Path, bar: Callable[[int], Any] = quiet, **options: Any) -> Outcome:
    with closing(audited(settings(home))) as parts:
        return decisions.audit_store(parts, bar, **options)


def test_two_processes_and_small_windows_find_what_one_finds_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt(home)
    whole = of_chains(home, processes=1)
    assert len(whole.faults) > 10
    assert whole.faults == sorted(whole.faults)
    monkeypatch.setattr(chains, "SMALL", 0)
    assert of_chains(home, processes=2, window=17) == whole


def test_client_by_client_comes_out_what_the_whole_feed_gives(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house(home) as one:
        looked_at: list[int] = []
        at_once = decisions.audit_topic(feed_of_store(one.wired), looked_at.append)
        head = one.wired.store.head()
    assert sum(looked_at) == 2 * head  # for what was decided, and for what was told
    found = of_decisions(home, processes=1)
    assert (found.events, found.same > 100, found.told > 100, found.other, found.wrong) == (head, True, True, [], [])
    at_once.events = head
    assert found == at_once
    monkeypatch.setattr(decisions, "SMALL", 0)
    assert of_decisions(home, processes=2) == found


def test_a_telling_that_is_not_there_is_missed_client_by_client_too(home: Path) -> None:
    with closing(sqlite3.connect(home / "house" / "events.db")) as events, events:
        events.execute("DROP TRIGGER no_delete")
        [(gone,)] = events.execute(
            "SELECT notification_id FROM events WHERE originator_id LIKE 'recipient/kela-payment/%'"
            " ORDER BY notification_id LIMIT 1 OFFSET 4"
        )
        events.execute("DELETE FROM events WHERE notification_id = ?", (gone,))
    found = of_decisions(home)
    assert any("should have been told" in what for telling in found.wrong for what in telling.differences)


class BrokenOff(KeyboardInterrupt):
    """Ctrl-C, after some steps."""


def after(steps: int) -> Callable[[int], None]:
    left = [steps]

    def bar(_: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise BrokenOff

    return bar


@pytest.mark.parametrize("steps", [2, 5, 9])
def test_an_audit_that_was_broken_off_goes_on(home: Path, steps: int) -> None:
    spoilt(home)
    whole = of_chains(home)
    with pytest.raises(BrokenOff):
        of_chains(home, after(steps), window=17)
    seen: list[int] = []
    assert of_chains(home, seen.append, resume=True, window=17) == whole
    # what was done before is not done again
    assert seen[0] == 17 * (steps - 1)
    assert sum(seen) == whole.events
    # and there is nothing left to go on with
    seen.clear()
    of_chains(home, seen.append, resume=True, window=17)
    assert seen[0] == 0


def test_decisions_that_were_broken_off_go_on(home: Path) -> None:
    whole = of_decisions(home)
    with pytest.raises(BrokenOff):
        of_decisions(home, after(2))
    seen: list[int] = []
    assert of_decisions(home, seen.append, resume=True) == whole
    assert 0 < seen[0] < whole.events


def test_what_differs_goes_into_no_file_and_is_found_again(home: Path) -> None:
    """What a telling said stands in a difference: it may stand nowhere in clear."""
    with closing(sqlite3.connect(home / "house" / "events.db")) as events, events:
        events.execute("DROP TRIGGER no_delete")
        told = "SELECT notification_id FROM events WHERE originator_id LIKE 'recipient/kela-payment/%'"
        events.execute(f"DELETE FROM events WHERE notification_id = ({told} ORDER BY notification_id LIMIT 1 OFFSET 4)")
    whole = of_decisions(home)
    assert whole.wrong
    with pytest.raises(BrokenOff):
        of_decisions(home, after(3))
    state = orjson.loads((home / "house" / "audit-decisions.json").read_bytes())["state"]
    assert (state["outcome"]["wrong"], state["outcome"]["other"], state["outcome"]["broken"]) == ([], [], [])
    assert of_decisions(home, resume=True) == whole


def test_two_processes_audit_a_store_on_postgresql(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Settings(home=tmp_path, store_dsn=postgres.fresh_database())
    fill(place, 1, 7)
    for module in (chains, decisions):
        monkeypatch.setattr(module, "SMALL", 0)
    with closing(audited(place)) as parts:
        found = chains.audit_store(parts, quiet, window=50)
        outcome = decisions.audit_store(parts, quiet)
        head = parts.store.head()
    assert (found.faults, found.events) == ([], head)
    assert (outcome.other, outcome.wrong, outcome.broken, outcome.events) == ([], [], [], head)
    assert outcome.told > outcome.same > 10


def test_who_breaks_an_audit_off_is_told_how_it_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(home))
    monkeypatch.setenv("KUTY_LEDGER", "house")

    def broken_off(*_: Any, **__: Any) -> Found:
        raise BrokenOff

    monkeypatch.setattr(chains, "look", broken_off)
    assert said(capsys, "audit", "chains") == (
        130, "kuty: broken off after 0 events; `kuty audit chains --resume` goes on from there\n"
    )  # fmt: skip
    monkeypatch.undo()
    monkeypatch.setenv("KUTY_HOME", str(home))
    monkeypatch.setenv("KUTY_LEDGER", "house")
    code, out = said(capsys, "audit", "chains", "--resume")
    assert (code, "every chain verifies" in out) == (0, True)


KILLED = """
import os, signal, sys
from pathlib import Path
from deploy.auditing import chains, put_aside
from deploy.auditing.parts import audited
from deploy.settings import Settings
put_aside.EVERY_S, chains.SMALL, steps = 0.0, 0, [0]
def bar(_):
    steps[0] += 1
    if steps[0] == 6:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    chains.audit_store(audited(Settings(home=Path(sys.argv[1]), ledger="house")), bar, window=17)
"""


def test_an_audit_that_was_killed_goes_on_and_leaves_no_process_behind(home: Path) -> None:
    spoilt(home)
    whole = of_chains(home)
    script = home / "killed.py"
    script.write_text(KILLED)
    # its output ends when the processes have ended that worked for it
    killed = subprocess.run([sys.executable, script, home], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stdout
    seen: list[int] = []
    assert of_chains(home, seen.append, resume=True) == whole
    assert seen[0] == 17 * 4


def another_ledger(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "house" / "audit-chains.json"
    content = orjson.loads(file.read_bytes())
    content["of"]["store"] = "another"
    file.write_bytes(orjson.dumps(content))


def another_program(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(put_aside, "program", lambda: "another")


def another_event(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(home / "house" / "events.db")) as events, events:
        events.execute("DROP TRIGGER no_update")
        for at, to in ((34, -1), (35, 34), (-1, 35)):
            events.execute("UPDATE events SET notification_id = ? WHERE notification_id = ?", (to, at))


def no_state(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "house" / "audit-chains.json").write_text("{")


@pytest.mark.parametrize("spoil", [another_ledger, another_program, another_event, no_state])
def test_what_was_put_aside_of_something_else_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    with pytest.raises(BrokenOff):
        of_chains(home, after(3), window=17)
    spoil(home, monkeypatch)
    with pytest.raises(NotTheSame, match="without --resume it begins anew"):
        of_chains(home, resume=True)
    assert of_chains(home).events > 100


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(words)
    out, wrong = capsys.readouterr()
    return code, out + wrong


def test_the_key_of_a_case_ends_and_whoever_was_told_of_it_learns_that(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(home))
    monkeypatch.setenv("KUTY_LEDGER", "house")
    with house(home) as one:
        [(one.aino, matter)] = {
            (record.header.stream, record.header.matter)
            for record in one.wired.store.records(0, 1_000, ["case.opened"])
        }  # fmt: skip
    destroy = ("key", "destroy", matter, "--by", "DP-1", "--second")
    code, why = said(capsys, *destroy, "DP-2")
    assert (code, why.endswith("(E_NOT_DUE)\n"), why.count("\n")) == (1, True, 1)
    assert why.startswith("kuty: nothing was destroyed: The retention time has not ended.")
    assert said(capsys, *destroy, "DP-1")[0] == 1
    with house(home) as one:
        one.on(DUE)
        one.settle()
    code, out = said(capsys, *destroy, "DP-2")
    assert code == 0, out
    # and once more is once
    assert said(capsys, *destroy, "DP-2")[0] == 0
    with house(home) as one:
        one.settle()
        records = one.wired.store.records(0, 10_000)
        told_of = {found[0] for r in records if r.header.matter == matter and (found := recipient_of(r.header.stream))}
        [end] = [record for record in records if record.header.name == PayloadKeyDestroyed.NAME]
        because = [record for record in records if record.header.causation == end.header.event_id]
        told = [found[0] for record in because if (found := recipient_of(record.header.stream))]
        assert sorted(told) == sorted(told_of)
        assert {"county", "kela-payment", "provider-s01", "authority"} <= told_of
        assert one.wired.keys.get((f"{matter}/1",)) == {}
    code, out = said(capsys, "audit", "chains")
    assert (code, f"erased by position {end.position}" in out, "every chain verifies" in out) == (0, True, True), out
    code, out = said(capsys, "audit", "decisions")
    assert (code, "do not\n" in out) == (0, True), out
    code, out = said(capsys, "audit", "decisions", "--json")
    assert (code, orjson.loads(out.splitlines()[-1])["told_otherwise"]) == (0, 0)


def test_what_the_record_says_is_destroyed_is_destroyed_by_the_clerk(home: Path) -> None:
    """As after a kill between the fact and the end of the key, and after a copy of the keys was put in their place."""
    with house(home) as one:
        one.on(DUE)
        [(stream, matter)] = {(r.header.stream, r.header.matter) for r in one.wired.store.records(0, 1_000, ["case.opened"])}
        one.aino = stream
        command = DestroyPayloadKey(destroyed_matter=matter, second_person_id="DP-2")
        officer = Caller(COUNTY, "organiser", "data_protection_officer", "DP-1")
        found = one.wired.receiving.look_ups.of(kind_of(DestroyPayloadKey), command, stream)
        one.wired.store.execute(command, officer, "destroy", client=stream, look_ups=found)
        assert one.wired.keys.get((f"{matter}/1",))
        # then nothing more is recorded there
        day = next(key for key, fact in one.pathway.facts.items() if fact.name == "attendance.recorded")
        hours = CorrectFact(target_event_id=day, correction_reason="wrong_entry", new_values={"hours": 4})
        with pytest.raises(KeyDestroyed):
            one.execute(hours, OWN_WORKER, client=stream)
        one.settle()
        assert one.wired.keys.get((f"{matter}/1",)) == {}
    assert of_chains(home).faults == []


def test_a_message_that_waits_is_looked_for_in_the_vault(home: Path) -> None:
    with house(home) as one:
        [one.aino] = {record.header.stream for record in one.wired.store.records(0, 1_000, ["case.opened"])}
        draft = {"plan_id": "message:p-1", "includes_kuty": False, "measures": ["social_services"]}
        one.send("authority", "p-2", "draft_plan.v1", {"client": one.name("authority"), **draft})
        one.settle()
        assert one.receipts("authority")[-1]["status"] == "waiting"
    assert of_chains(home).faults == []
    with closing(sqlite3.connect(home / "house" / "vault.db")) as vault, vault:
        vault.execute("DELETE FROM held")
    [fault] = of_chains(home).faults
    assert fault.what == "the message p-2 waits, and the vault does not have it"
