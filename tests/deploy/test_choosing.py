"""The way back for a store that went back and took commands: its topic is adopted, or the store goes on in a new epoch.

source: design D21
"""

from __future__ import annotations

import json
import shutil
import stat
from datetime import date
from pathlib import Path

import orjson
import pytest
from forked import NEW_CODE, Fork, Ledger, attendance, forked
from house import LEDGER, furnished
from stories import INSTRUCTOR, KELA

from consumers import wire
from consumers.log import Entry
from deploy.feed import feed_of_store, feed_of_topic
from deploy.given_up import read
from deploy.settings import Settings
from domain.disclosure.publications import FIRST_HASH
from domain.events import AnswerWithdrawn, EpochOpened
from domain.record import Record
from domain.store import ClientRecord
from projections.kinds import model_of

PROVIDER = "provider-s01"


class Forked(Ledger):
    """One of these, laid out once and copied for each test."""

    fork: Fork

    @property
    def kept(self) -> Path:
        return self.settings.home / LEDGER / "given-up-of-epoch-1.jsonl"

    def records(self) -> list[Record]:
        with self.house(guarded=False) as home:
            return list(feed_of_store(home.wired).records())

    def published(self) -> list[Record]:
        with feed_of_topic(self.settings) as feed:
            return list(feed.records())


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fork]:
    folder = tmp_path_factory.mktemp("forked") / "home"
    shutil.copytree(furnished("12"), folder)
    return folder, forked(Ledger(Settings(home=folder, ledger=LEDGER)))


@pytest.fixture
def ledger(laid_out: tuple[Path, Fork], tmp_path: Path) -> Forked:
    folder, fork = laid_out
    shutil.copytree(folder, tmp_path / "home")
    found = Forked(Settings(home=tmp_path / "home", ledger=LEDGER))
    found.fork = fork
    return found


def audited(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    """Store and topic are one history, and every audit of it holds."""
    for words in (("chains",), ("chains", "--from-topic"), ("decisions",), ("decisions", "--from-topic")):
        capsys.readouterr()
        assert ledger.kuty("audit", *words) == 0, (words, capsys.readouterr().out)
    assert [(r.state, r.epoch) for r in ledger.records()] == [(r.state, r.epoch) for r in ledger.published()]


def check_models(ledger: Forked) -> None:
    """No line of a recipient stands still, and the line that answers is contiguous and chained as it went out."""
    with ledger.house() as home:
        for recipient in home.wired.recipients():
            told = [
                publication
                for read in home.wired.broker.read(wire.out_topic(LEDGER, recipient.short_name), 0, 10_000)
                if (publication := wire.read_publication(read)) is not None
            ]
            if not told or not model_of(recipient):
                continue
            feed = home.wired.models.of(recipient.short_name).feed()
            assert (feed.halted, feed.waiting_for) == ("", 0), recipient.short_name
            newest = [one for one in told if one.epoch == feed.live_epoch == max(each.epoch for each in told)]
            assert [one.sequence for one in newest] == list(range(1, len(newest) + 1)), recipient.short_name
            before = FIRST_HASH
            for one in newest:
                assert one.previous_hash == before
                before = one.hash


# --- the topic is right ----------------------------------------------------------------------------------------------


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


# --- the store is right ----------------------------------------------------------------------------------------------


def test_the_store_goes_on_in_a_new_epoch_and_readers_follow_it(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    stored, published = ledger.records(), ledger.published()
    assert ledger.new_epoch() == 0
    assert "is in epoch 2 (forked)" in capsys.readouterr().out
    records = ledger.records()
    assert [r.state for r in records[: len(stored)]] == [r.state for r in stored]
    with ledger.house() as home:
        common = sum(one.state == other.state for one, other in zip(stored, published, strict=False))
        opening = home.wired.store.opened(records[len(stored)])
        assert isinstance(opening, EpochOpened)
        assert (opening.old_size, opening.old_root, opening.epoch_ground) == (common, stored[common - 1].hash, "forked")
        withdrawn = [home.wired.store.opened(record) for record in records[len(stored) + 1 :]]
        assert withdrawn
        assert {type(one) for one in withdrawn} == {AnswerWithdrawn}
        home.settle()
        # then no position and no number of a recipient's stands twice in one epoch with different bytes
        for topic in home.wired.broker.topics():
            lines: dict[tuple[str, int, int], bytes] = {}
            for read_ in home.wired.broker.read(topic, 0, 10_000):
                sequence = wire.sequence_of(read_)
                if sequence is not None:
                    assert lines.setdefault((*wire.line_of(read_), sequence), read_.value) == read_.value, topic
    audited(ledger, capsys)
    check_models(ledger)
    # and an equal store can be made from the topic, in which both histories stand
    assert ledger.kuty("rebuild", "store", "--from-topic", "--into", str(ledger.settings.home / "rebuilt")) == 0
    assert "equal to the present store" in capsys.readouterr().out


def test_who_was_answered_in_the_topics_history_alone_is_told_and_decided_again(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.new_epoch() == 0
    capsys.readouterr()
    assert ledger.kuty("resubmit", str(ledger.kept)) == 0
    assert " recorded, as answer" in capsys.readouterr().out
    with ledger.house() as home:
        home.settle()
        withdrawn = [one for one in home.receipts(PROVIDER) if one["status"] == "withdrawn"]
        recorded = {one["message_id"] for one in home.receipts(PROVIDER) if one["status"] == "recorded"}
        assert withdrawn
        assert {one["message_id"] for one in withdrawn} <= recorded
        # a number that was given twice is told apart by the epoch
        numbered = [one for one in home.receipts(PROVIDER) if "number" in one and "first" not in one]
        seen = [(one["number"], one.get("epoch", 1)) for one in numbered]
        assert len(set(seen)) == len(seen) > len({number for number, _ in seen})
    audited(ledger, capsys)
    check_models(ledger)


def test_a_store_that_went_back_behind_a_new_epoch_is_noticed(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    before = ledger.copy()
    assert ledger.new_epoch() == 0
    with ledger.house() as home:
        home.settle()
    ledger.put_back(before)
    with ledger.house() as home:
        body = attendance(home, date(2025, 3, 6))
        for _ in range(2):
            answer = home.post(f"/clients/{home.name(PROVIDER)}/attendance", INSTRUCTOR, body)
            assert (answer.status_code, answer.json()["codes"][0]["code"]) == (503, "E_UNAVAILABLE")
    assert ledger.adopt() == 0
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)


def test_lost_topics_are_sent_again_and_everybody_is_told_anew(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a store whose topics are all lost, while recipients had been told by them what the store does not have
    with ledger.house(guarded=False) as home:
        home.wired.broker.delete_topics(list(home.wired.broker.topics()))
    assert ledger.new_epoch() == 0
    assert "is in epoch 2 (topic_lost)" in capsys.readouterr().out
    with ledger.house() as home:
        home.settle()
    audited(ledger, capsys)
    check_models(ledger)


# --- what is refused -------------------------------------------------------------------------------------------------


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


def test_a_file_of_another_history_is_not_overwritten(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.kept.write_text(json.dumps({"what": "history", "about": "", "ledger": "x", "epoch": 1, "after": 1, "end": 2,
                                       "hash": ""}) + "\n")  # fmt: skip
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


