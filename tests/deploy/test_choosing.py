"""Between two histories is chosen by two people, where there are two, and by nobody else. source: design D21"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from forked import NEW_CODE, Forked, Ledger
from house import LEDGER, furnished
from stories import KELA

from consumers import wire
from consumers.log import Entry
from deploy.given_up import Origin, keep, put_in_place
from deploy.histories import Compared
from deploy.settings import Settings
from deploy.wiring import Wired
from domain.store import Lost


def refused(ledger: Ledger, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert ledger.kuty(*words) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


ADOPT = ("ledger", "adopt", "--by", "T-01", "--second", "C-01")
FRESH = ("ledger", "new-epoch", "--by", "T-01", "--second", "C-01")


@pytest.mark.parametrize("command", ["adopt", "new-epoch"])
def test_two_people_choose(ledger: Forked, capsys: pytest.CaptureFixture[str], command: str) -> None:
    before = ledger.records()
    words = ("ledger", command, "--by", "T-01", "--second")
    assert "T-01 cannot be the second person too" in refused(ledger, capsys, *words, "T-01")
    assert "is no staff reference" in refused(ledger, capsys, *words, "Aino Esimerkki")
    assert ledger.records() == before


def test_where_there_is_nothing_to_choose_nothing_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(furnished("12"), tmp_path, dirs_exist_ok=True)
    whole = Forked(Settings(home=tmp_path, ledger=LEDGER))
    assert "nothing to adopt" in refused(whole, capsys, *ADOPT)
    assert "nothing is to be given up" in refused(whole, capsys, *FRESH)
    with whole.house() as home:
        assert home.wired.store.epochs == ()


def test_a_choice_that_is_not_published_yet_is_not_made_again(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.new_epoch() == 0
    for words in (ADOPT, FRESH):
        assert "epoch 2 was opened already and is not published yet: start the relay" in refused(ledger, capsys, *words)


def test_a_topic_that_does_not_verify_is_not_adopted(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    # given an event on the topic that nobody sealed so
    with ledger.house(guarded=False) as home:
        topic = wire.events_topic(LEDGER)
        last = home.wired.broker.read(topic, 0, 10_000)[-1]
        headers = {**dict(last.headers)}
        position = int(headers["ce_position"]) + 1
        headers |= {"ce_position": b"%d" % position, "ce_logsequence": b"%d" % position}
        home.wired.broker.append([(topic, Entry(last.key, last.value, tuple(sorted(headers.items())), position))])
    before = ledger.records()
    assert "the topic does not verify, nothing is done" in refused(ledger, capsys, *ADOPT)
    assert ledger.records() == before


def test_the_topic_of_another_ledger_is_not_adopted(
    ledger: Forked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Ledger(Settings(home=tmp_path / "other", ledger=LEDGER))
    with other.house() as home:
        home.until("1").settle()
    shutil.copy(tmp_path / "other" / LEDGER / "broker.db", ledger.settings.home / LEDGER / "broker.db")
    for rest in ("-wal", "-shm"):
        (ledger.settings.home / LEDGER / f"broker.db{rest}").unlink(missing_ok=True)
    before = ledger.records()
    said = refused(ledger, capsys, *ADOPT)
    assert "of two ledgers" in said or "does not verify" in said
    assert ledger.records() == before


def test_somebody_who_writes_in_between_stops_it(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import deploy.choosing as choosing

    compared = choosing.compare

    def written_meanwhile(wired: object) -> object:
        found = compared(wired)  # type: ignore[arg-type]
        from deploy.wiring import open_ledger_parts

        other = open_ledger_parts(ledger.settings)
        other.store.ask_first(lambda: None)
        other.store.track("nobody", 1)
        other.disclosure.step()
        from domain.chapters.ledgers.decisions import AdvanceClock
        from domain.context import Caller

        moment = AdvanceClock.model_validate({"to_at": "2025-03-07T09:00:00Z"})
        other.store.execute(moment, Caller("0000001-9", "organiser", "system", "system"), "meanwhile")
        other.close()
        return found

    monkeypatch.setattr(choosing, "compare", written_meanwhile)
    assert "somebody wrote into the store while it was compared" in refused(ledger, capsys, *ADOPT)


def test_what_is_published_while_the_topic_is_compared_stops_it(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import deploy.choosing as choosing

    compared = choosing.compare

    def published_meanwhile(wired: Wired) -> Compared:
        found = compared(wired)
        topic = wire.events_topic(LEDGER)
        last = wired.broker.read(topic, 0, 10_000)[-1]
        at = b"%d" % (found.topic.end + 1)
        headers = {**dict(last.headers), "ce_position": at, "ce_logsequence": at}
        wired.broker.append([(topic, Entry(last.key, last.value, tuple(sorted(headers.items())), found.topic.end + 1))])
        return found

    monkeypatch.setattr(choosing, "compare", published_meanwhile)
    before = ledger.records()
    for words in (ADOPT, FRESH):
        assert "while the topic was compared" in refused(ledger, capsys, *words)
        with ledger.house(guarded=False) as home:
            home.wired.broker.lose_end(wire.events_topic(LEDGER), 1)  # type: ignore[attr-defined]
    assert ledger.records() == before


def test_a_store_that_cannot_be_read_is_named_as_that(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    with ledger.house(guarded=False) as home:
        [record] = home.wired.store.records(4, 1)
    with closing(sqlite3.connect(ledger.settings.home / LEDGER / "events.db")) as file, file:
        file.execute("DROP TRIGGER no_update")
        state = record.state[:-1] + bytes([record.state[-1] ^ 1])
        file.execute("UPDATE events SET state = ? WHERE notification_id = 5", (state,))
    said = refused(ledger, capsys, *ADOPT)
    assert "the store does not verify, nothing is done" in said
    assert "a-damaged-record.md" in said


def test_a_database_that_does_not_say_whether_it_has_committed_is_not_taken_for_one_that_has_not(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise Lost("the connection broke")

    with monkeypatch.context() as patched:
        patched.setattr("domain.store.tables.sqlite_writing.SqliteWriting.commit", lost)
        assert "it is not known whether it was done: give the command again" in refused(ledger, capsys, *ADOPT)
    assert ledger.adopt() == 0


def test_a_running_server_has_the_ledger(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    with ledger.house(guarded=False) as home:
        _ = home.wired.broker
        assert "another process has the ledger" in refused(ledger, capsys, *ADOPT)


def test_events_whose_keys_are_not_there_are_counted(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    # given keys that went back too: those of the matter are gone
    with ledger.house(guarded=False) as home:
        matter = list(home.pathway.facts.values())[-1].matter
        home.wired.keys.destroy(matter)
    assert ledger.adopt() == 0
    assert "events that were taken over cannot be read: their keys are not there" in capsys.readouterr().err


def test_whose_key_is_lost_stops_it_until_that_is_noted(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is dropped because an older copy of the keys stands in their place: these may come back."""
    with ledger.house(guarded=False) as home:
        reference = home.wired.vault.find(NEW_CODE)
        assert reference
        key_id = home.wired.store.stream(reference)[0].header.key_id
    keys, before = ledger.settings.home / LEDGER / "keys.db", ledger.records()
    with closing(sqlite3.connect(keys)) as database, database:
        database.execute("DELETE FROM matter_keys WHERE key_id = ?", (key_id,))
    # when it is chosen, then nothing is done
    assert f"of 1 client in what is to be given up ({reference}) the key is not there" in refused(ledger, capsys, *ADOPT)
    assert (ledger.records(), ledger.kept.exists()) == (before, False)
    # when it is lost for good, then the choice is made, and all that is decided again is of the others
    with closing(sqlite3.connect(keys)) as database, database:
        database.execute("INSERT INTO destroyed_keys VALUES (1, ?, 'lost')", (key_id,))
    assert ledger.adopt() == 0
    capsys.readouterr()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    came = {line.split(" ", 1)[0]: line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()}
    assert came["f-client"].startswith("not decided, nobody can say who the client is: its key was destroyed or lost")
    assert came["m-fork"].startswith("recorded, as answer")


def test_a_file_of_another_history_is_not_overwritten(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    another = Origin("x", 1, 1, 2, "")
    put_in_place(keep(ledger.kept, another, [], [], []), ledger.kept, another)
    before = ledger.records()
    assert "holds another history" in refused(ledger, capsys, *ADOPT)
    assert ledger.records() == before
    assert "is of the ledger x" in refused(ledger, capsys, "resubmit", str(ledger.kept))
    ledger.kept.write_bytes(orjson.dumps({"anything": KELA}))
    assert "holds no history that was given up" in refused(ledger, capsys, "resubmit", str(ledger.kept))


def test_what_was_not_given_up_is_not_decided_again(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    before = ledger.copy()
    assert ledger.adopt() == 0
    ledger.put_back(before)
    assert "was not given up yet" in refused(ledger, capsys, "resubmit", str(ledger.kept))


def test_a_ledger_that_somebody_holds_is_waited_for_and_then_left_alone(
    ledger: Forked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.store.tables.database.SQLITE_PATIENCE_S", 0.1)
    before = ledger.records()
    with closing(sqlite3.connect(ledger.settings.home / LEDGER / "events.db", isolation_level=None)) as holding:
        holding.execute("BEGIN IMMEDIATE")
        assert "nothing is done, somebody else holds the ledger" in refused(ledger, capsys, *ADOPT)
        holding.rollback()
    assert ledger.records() == before
    assert not ledger.kept.exists()
