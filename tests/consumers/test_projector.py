"""The projector against an embedded broker: order, repetitions, gaps, chains, epochs, parked clients, many recipients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from history_as_1 import PERIOD, county, kela
from publications_given import LEDGER, Told, damaged, doubled, hidden
from stage import COUNTY, KELA, Stage

from consumers.lines import NOT_TAKEN
from consumers.log import Entry
from consumers.wire import OUT, heartbeat, out_topic
from domain.directory import Recipient
from domain.rules import RuleSet
from domain.store import StoreUnavailable
from projections.comparison import differences
from projections.kinds import kinds
from projections.questions import ask
from projections.read_models import NoSuchGeneration
from projections.read_models_sqlite import SqliteModel


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, look_ahead=20)
    yield made
    made.projector.close()
    made.models.close()
    made.broker.close()


def test_what_is_published_can_be_asked(stage: Stage) -> None:
    stage.put(kela().entries)
    stage.drain()
    answered = stage.asked()
    assert answered.answer.days == 65
    assert (answered.freshness.epoch, answered.freshness.sequence, answered.freshness.halted) == (1, 77, "")
    assert stage.projector.states()["kela"].next_offset == 77


def test_one_projector_serves_many_recipients(stage: Stage) -> None:
    stage.recipients = [KELA, COUNTY]
    stage.put(kela().entries)
    stage.put(county().entries, COUNTY)
    stage.drain()
    assert stage.asked().answer.days == 65
    assert stage.asked("CW3", COUNTY).answer.total.present_days == 65


def test_a_recipient_that_joins_is_served_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.projector.LOOK_AGAIN_S", 0.0)
    stage = Stage(tmp_path)
    stage.put(kela().entries)
    stage.drain()
    stage.recipients.append(COUNTY)
    assert stage.projector.step() == 0
    stage.put(county().entries, COUNTY)
    stage.drain()
    assert stage.asked("CW1", COUNTY).answer.state == "closed"


def test_a_deleted_topic_stops_nobody_who_joins_in_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.projector.LOOK_AGAIN_S", 0.0)
    stage = Stage(tmp_path, KELA, COUNTY)
    stage.put(kela().entries)
    stage.put(county().entries[:10], COUNTY)
    stage.drain()
    # when one topic is deleted before anything has read from it again, and somebody joins
    stage.broker.delete_topics([out_topic(LEDGER, "kela")])
    late = Recipient("kela-late", KELA.org, KELA.task, KELA.from_on)
    stage.recipients.append(late)
    stage.put(kela().entries, late)
    stage.put(county().entries[10:], COUNTY)
    for _ in range(5):
        stage.projector.step()
    # then the two others go on, and the one says why it does not
    assert stage.asked(recipient=late).answer.days == 65
    assert stage.asked("CW1", COUNTY).answer.state == "closed"
    assert stage.feed().halted == f"topic {out_topic(LEDGER, 'kela')} is not there"
    # and goes on when its topic is there again, with what it had
    stage.put(kela().entries)
    stage.drain()
    assert (stage.feed().halted, stage.asked().answer.days) == ("", 65)
    stage.projector.close()


def test_no_recipient_waits_for_the_disk_of_another_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.recipients = [KELA, COUNTY]
    stage.put(kela().entries)
    stage.put(county().entries, COUNTY)
    # when each waits in its commit until the other one is in its own
    both = threading.Barrier(2, timeout=20.0)
    write = SqliteModel.write
    monkeypatch.setattr(SqliteModel, "write", lambda *given: (both.wait(), write(*given)))
    # then nobody waits for ever
    while stage.projector.step() == 0:
        pass
    monkeypatch.undo()
    stage.drain()
    assert stage.asked().answer.days == 65
    assert stage.asked("CW1", COUNTY).answer.state == "closed"


def test_what_fails_for_one_recipient_is_done_for_the_others_first(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.recipients = [KELA, COUNTY]
    stage.put(kela().entries)
    stage.put(county().entries, COUNTY)
    model, failing = stage.models.of("kela"), [StoreUnavailable("the disk is full")]
    write = model.write

    def fails_once(*given: Any) -> None:
        if failing:
            raise failing.pop()
        write(*given)

    monkeypatch.setattr(model, "write", fails_once)
    # when one of two cannot be written
    stage.drain()
    # then the other one is written by then, and the one goes on where its model stands
    assert (stage.feed().next_offset, stage.feed(COUNTY).next_offset) == (0, len(county().entries))
    assert (stage.standing().halted, stage.standing(COUNTY).halted) == (f"{NOT_TAKEN}: StoreUnavailable", "")
    stage.later(2.0)
    stage.drain()
    assert stage.standing().halted == ""
    assert stage.asked().answer.days == 65
    assert stage.asked("CW1", COUNTY).answer.state == "closed"


def test_twice_is_once(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:40], *entries[:40], *entries[30:]])
    stage.drain()
    assert stage.asked().answer.days == 65
    assert stage.feed().halted == ""


def test_a_repetition_after_a_restart_is_dropped_too(stage: Stage) -> None:
    entries = kela().entries
    stage.put(entries[:40])
    stage.drain()
    stage.restart()
    stage.put(entries[20:])
    stage.drain()
    assert (stage.asked().answer.days, stage.feed().halted) == (65, "")


def test_a_repetition_with_other_bytes_halts(stage: Stage) -> None:
    entries = kela().entries
    stage.put(entries[:40])
    stage.drain()
    stage.put([damaged(entries[10], ce_purpose=b"marketing"), *entries[40:]])
    stage.drain()
    assert stage.feed().halted == "sequence 11 of epoch 1 came twice with different bytes"
    assert stage.asked().freshness.sequence <= 77


def test_a_repetition_with_other_bytes_halts_over_every_new_start(stage: Stage) -> None:
    entries = kela().entries
    stage.put(entries[:40])
    stage.drain()
    # given that others came with it, and it once more as it was
    stage.put([damaged(entries[10], ce_purpose=b"marketing"), entries[10], *entries[40:]])
    stage.drain()
    for _ in range(3):
        stage.restart()
        stage.put([heartbeat(1, 40, "urn:kuty:organisation:0000001-9", datetime(2025, 9, 30, 12, 0, tzinfo=UTC))])
        stage.drain()
        assert stage.feed().halted == "sequence 11 of epoch 1 came twice with different bytes"


def test_records_may_come_out_of_order_within_the_look_ahead(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:5], *entries[6:20]])
    stage.drain()
    assert (stage.feed().waiting_for, stage.feed().next_offset, stage.asked().freshness.sequence) == (6, 5, 5)
    stage.put([entries[5], *entries[20:]])
    stage.drain()
    assert (stage.asked().answer.days, stage.feed().waiting_for) == (65, 0)


def test_what_waits_for_a_missing_record_survives_a_restart(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:5], *entries[6:20]])
    stage.drain()
    stage.restart()
    stage.put([entries[5], *entries[20:]])
    stage.drain()
    assert stage.asked().freshness.sequence == 77


def test_a_gap_halts_at_the_gap_and_says_so(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:5], *entries[6:]])
    stage.drain()
    assert stage.feed().halted == "gap: sequence 6 of epoch 1 is missing"
    answered = stage.asked()
    assert (answered.freshness.sequence, answered.freshness.halted) == (5, "gap: sequence 6 of epoch 1 is missing")
    assert stage.feed().next_offset == 5


def test_a_broken_chain_halts(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:10], damaged(entries[10], ce_prevhash=b"0" * 64), *entries[11:]])
    stage.drain()
    assert stage.feed().halted == "sequence 11 of epoch 1 does not follow the one before"
    assert stage.asked().freshness.sequence == 10


@pytest.mark.parametrize(
    "changed",
    [
        lambda entry: hidden(entry, "ce_subject", "ce_specversion"),
        lambda entry: hidden(entry, "ce_occurredon", "ce_legalbasis"),
        lambda entry: doubled(entry, "ce_type", b"case.closed.v1"),
    ],
    ids=["a client within another header", "a day within another header", "a type twice"],
)
def test_headers_that_can_be_read_in_two_ways_halt(changed: Callable[[Entry], Entry], stage: Stage) -> None:
    """Of the last record, too, whose hash no other names yet."""
    entries = kela().entries
    stage.put([*entries[:10], changed(entries[10])])
    stage.drain()
    assert stage.feed().halted == "sequence 11 of epoch 1 has headers that can be read in two ways"
    assert (stage.asked().freshness.sequence, stage.standing().parked_clients) == (10, 0)


def test_a_repetition_that_can_be_read_in_two_ways_is_none(stage: Stage) -> None:
    entries = kela().entries
    stage.put([*entries[:11], hidden(entries[10], "ce_subject", "ce_specversion"), *entries[11:]])
    stage.drain()
    assert stage.feed().halted == "sequence 11 of epoch 1 came twice with different bytes"


def test_another_recipient_goes_on_while_one_stands_still(stage: Stage) -> None:
    stage.recipients = [KELA, COUNTY]
    stage.put(kela().entries[1:])
    stage.put(county().entries, COUNTY)
    stage.drain()
    assert stage.feed().halted.startswith("gap: sequence 1")
    assert stage.asked("CW1", COUNTY).answer.state == "closed"


def test_bytes_that_are_no_publication_halt(stage: Stage) -> None:
    stage.put([*kela().entries[:3], Entry(b"k", b"{}", (("ce_type", b"something.v1"),))])
    stage.drain()
    assert stage.feed().halted == "offset 3 is neither a publication nor a heartbeat"


def test_a_heartbeat_shows_that_a_quiet_line_lives(stage: Stage) -> None:
    stage.put(kela().entries)
    stage.put([heartbeat(1, 77, "urn:kuty:organisation:0000001-9", datetime(2025, 9, 30, 12, 0, tzinfo=UTC))])
    stage.drain()
    feed = stage.feed()
    assert (feed.halted, feed.next_offset, feed.heartbeat_at) == ("", 78, feed.read_at)


def test_a_truncated_topic_halts_with_its_reason(stage: Stage) -> None:
    stage.put(kela().entries[:10])
    stage.drain()
    stage.projector.close()
    stage.put(kela().entries[10:])
    stage.broker.delete_before({out_topic(LEDGER, "kela"): 20})
    stage.start()
    stage.drain()
    assert stage.feed().halted == "the topic begins at offset 20, 10 was next"
    assert stage.asked().freshness.sequence == 10


def test_a_topic_truncated_while_it_is_followed_halts(stage: Stage) -> None:
    stage.put(kela().entries[:10])
    stage.drain()
    stage.put(kela().entries[10:])
    stage.broker.delete_before({out_topic(LEDGER, "kela"): 20})
    stage.drain()
    stage.drain()
    assert stage.feed().halted.startswith("offset 10 is gone")


def made_again(stage: Stage, restart: bool) -> None:
    topic = out_topic(LEDGER, "kela")
    stage.broker.delete_topics([topic])
    stage.broker.create_topics({topic: OUT})
    if restart:
        stage.restart()


@pytest.mark.parametrize("restart", [True, False], ids=["while it was down", "while it followed"])
class TestATopicMadeAgain:
    """Design D21: with equal content it is gone on with."""

    @pytest.fixture
    def stage(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
        monkeypatch.setattr("consumers.projector.LOOK_AGAIN_S", 0.0)
        made = Stage(tmp_path, look_ahead=20)
        made.put(kela().entries[:40])
        made.drain()
        yield made
        made.projector.close()

    def test_with_the_same_content_is_gone_on_with(self, stage: Stage, restart: bool) -> None:
        made_again(stage, restart)
        # given that only a part of it has come again, then nothing is wrong
        stage.put(kela().entries[:10])
        for _ in range(3):
            stage.projector.step()
        assert (stage.feed().halted, stage.asked().freshness.sequence) == ("", 40)
        # when the rest comes, with what is new
        stage.put(kela().entries[10:])
        stage.drain()
        assert (stage.feed().halted, stage.asked().answer.days, stage.feed().next_offset) == ("", 65, 77)

    def test_with_other_content_halts(self, stage: Stage, restart: bool) -> None:
        entries = kela().entries
        made_again(stage, restart)
        stage.put([*entries[:20], damaged(entries[20], ce_purpose=b"marketing"), *entries[21:]])
        for _ in range(5):
            stage.projector.step()
        answered = stage.asked()
        assert answered.freshness.halted == "sequence 21 of epoch 1 came twice with different bytes"
        assert not answered.complete

    def test_without_what_comes_next_halts_at_the_gap(self, stage: Stage, restart: bool) -> None:
        made_again(stage, restart)
        stage.put(kela().entries[45:])
        for _ in range(5):
            stage.projector.step()
        assert stage.feed().halted == "gap: sequence 41 of epoch 1 is missing"
        assert stage.asked().freshness.sequence == 40


def test_a_topic_that_lost_its_end_is_gone_on_with_as_soon_as_it_is_filled_up(stage: Stage) -> None:
    stage.put(kela().entries[:40])
    stage.drain()
    stage.broker.lose_end(out_topic(LEDGER, "kela"), 15)
    for _ in range(3):
        stage.projector.step()
    assert (stage.feed().halted, stage.asked().complete) == ("", True)
    # when the relay sends again what is missing, and what is new
    stage.put(kela().entries[25:])
    stage.drain()
    assert (stage.feed().halted, stage.asked().answer.days) == ("", 65)


def test_a_redelivery_builds_beside_and_switches_where_history_ends(stage: Stage) -> None:
    told = kela()
    again = told.again(2, until_sequence=77)
    stage.put([*told.entries, *again.entries[:60]])
    stage.drain()
    assert stage.asked().freshness.epoch == 1
    assert stage.models.of("kela").positions()[2].sequence == 60
    stage.put(again.entries[60:])
    stage.drain()
    answered = stage.asked()
    assert (answered.freshness.epoch, answered.answer.days) == (2, 65)


def test_a_rebuilt_model_equals_the_live_one(stage: Stage) -> None:
    told = kela()
    first = next(p for p in told.publications if p.type == "attendance.recorded.v1")
    body = {"period_id": PERIOD, "account": "provider", "day_status": "absent_other", "corrected": True}
    told.revised(first.id, body, at=datetime(2025, 9, 10, tzinfo=UTC))
    told.withdrawn(told.publications[5].id, at=datetime(2025, 9, 11, tzinfo=UTC))
    stage.put([*told.entries, *told.again(2, until_sequence=len(told.publications)).entries])
    stage.drain()
    assert stage.models.of("kela").feed().live_epoch == 2
    assert differences(stage.models.of("kela"), 1, 2) == []
    for known_at in (None, "2025-09-09", "2025-09-10"):
        live = stage.asked(known_at=known_at).answer
        with stage.models.of("kela").look(1):
            question = kinds().of(KELA).question("KE2")
            asked = question.parameters.model_validate({"client": "client-1", "known_at": known_at})
            old = ask(question, stage.models.of("kela"), asked, today=date(2025, 9, 30), rules=RuleSet.current(), epoch=1)
        assert old.answer == live


def test_a_rebuild_that_lost_something_shows_it(stage: Stage) -> None:
    told = kela()
    shorter = Told(2, until_sequence=76)
    shorter.publications = told.again(2, until_sequence=76).publications[:76]
    stage.put([*told.entries, *shorter.entries])
    stage.drain()
    assert [(d.name, d.only_in) for d in differences(stage.models.of("kela"), 1, 2)] == [("period.completed", 1)]


def test_a_line_that_stands_still_goes_on_with_a_fresh_epoch(stage: Stage) -> None:
    told = kela()
    stage.put([*told.entries[:5], *told.entries[6:]])
    stage.drain()
    assert stage.feed().halted
    stage.put(told.again(2, until_sequence=77).entries)
    stage.drain()
    answered = stage.asked()
    assert (answered.freshness.halted, answered.freshness.epoch, answered.answer.days) == ("", 2, 65)


def test_nothing_answers_before_the_history_of_a_late_joiner_has_ended(stage: Stage) -> None:
    told = kela().again(1, until_sequence=77)
    stage.put(told.entries[:50])
    stage.drain()
    with pytest.raises(NoSuchGeneration):
        stage.asked()
    stage.put(told.entries[50:])
    stage.drain()
    assert stage.asked().answer.days == 65


def test_a_record_that_cannot_be_digested_parks_its_client_alone(stage: Stage) -> None:
    told = Told()
    body = {"period_id": PERIOD, "account": "provider", "day_status": "present"}
    told.fact("attendance.recorded", "2025-03-03", body, client="client-1")
    told.fact("attendance.recorded", "2025-03-03", body, client="client-2")
    told.fact("attendance.recorded", "2025-03-04", body, client="client-1", version=2)
    told.fact("attendance.recorded", "2025-03-06", body, client="client-1")
    told.fact("attendance.recorded", "2025-03-04", body, client="client-2")
    stage.put(told.entries)
    stage.drain()
    one, two = stage.asked(), stage.asked(client="client-2")
    assert (one.complete, one.answer.days, one.freshness.incomplete) == (False, 1, ("client-1",))
    assert (two.complete, two.answer.days, two.freshness.sequence) == (True, 2, 5)
    assert [p.sequence for p in one.parked] == [3, 4]
    assert one.parked[0].reason == "type attendance.recorded.v2 is newer than this software"


@pytest.mark.parametrize(
    "wrong",
    [{"new_values": ["present"]}, {"corrected_occurred_on": "in March"}, {"corrected_occurred_on": 7}],
    ids=["values", "day", "number"],
)
def test_a_correction_that_cannot_be_digested_parks_its_client_too(stage: Stage, wrong: dict[str, Any]) -> None:
    told = Told()
    body = {"period_id": PERIOD, "account": "provider", "day_status": "present"}
    target = told.fact("attendance.recorded", "2025-03-03", body, client="client-1")
    told.fact("fact.corrected", "2025-03-04", {"target_event_id": target, **wrong}, client="client-1")
    told.fact("attendance.recorded", "2025-03-04", body, client="client-2")
    stage.recipients = [COUNTY]
    stage.put(told.entries, COUNTY)
    stage.drain()
    # then its client alone waits, and the line goes on
    assert stage.standing(COUNTY).halted == ""
    one, two = (stage.asked("CW3", COUNTY, client=name) for name in ("client-1", "client-2"))
    assert ([p.sequence for p in one.parked], one.freshness.incomplete) == ([2], ("client-1",))
    assert (two.complete, two.freshness.sequence) == (True, 3)


def test_what_was_parked_is_digested_once_the_software_can(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    body = {"period_id": PERIOD, "account": "provider", "day_status": "present"}
    told.fact("attendance.recorded", "2025-03-03", body, version=2)
    told.fact("attendance.recorded", "2025-03-04", body)
    stage.put(told.entries)
    stage.drain()
    assert len(stage.asked().parked) == 2
    from domain.events import AttendanceRecorded

    monkeypatch.setattr(AttendanceRecorded, "VERSION", 2)
    monkeypatch.setattr("domain.catalogue.UPCASTS", {("attendance.recorded", 1): dict})
    stage.restart()
    stage.projector.step()
    answered = stage.asked()
    assert (answered.complete, answered.answer.days, answered.freshness.sequence) == (True, 2, 2)


def test_a_publication_without_content_that_was_sent_after_its_key_was_destroyed_is_no_fault(stage: Stage) -> None:
    told = kela()
    entries = told.entries
    erased = damaged(entries[4], ce_prevhash=b"erased", ce_type=b"disclosure.withdrawn.v1")._replace(
        value=b'{"kind":"withdrawn"}'
    )
    stage.put([*entries[:4], erased, *entries[5:]])
    stage.drain()
    assert (stage.feed().halted, stage.asked().answer.days) == ("", 64)


def test_a_projector_killed_before_its_commit_takes_everything_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.put(kela().entries)
    model = stage.models.of("kela")
    write = model.write

    def dies(*_: Any) -> None:
        raise ConnectionError("killed")

    monkeypatch.setattr(model, "write", dies)
    stage.drain()
    assert (stage.feed().next_offset, stage.standing().halted) == (0, f"{NOT_TAKEN}: ConnectionError")
    monkeypatch.setattr(model, "write", write)
    stage.later(2.0)
    stage.drain()
    assert stage.asked().answer.days == 65
