"""Intake: each message decided once and answered once, wherever it was killed and whichever door it came by."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import CODE, UNKNOWN_CODE, House
from provider_days import BENEFIT, DAYS, SENDER, attendance, statuses, week_after
from stories import INSTRUCTOR

from consumers import wire
from consumers.intake import Intake
from consumers.log import Entry, Outcome
from domain.context import Caller
from domain.envelopes import Incoming
from domain.rulebook import COMMANDS
from domain.store import StoreUnavailable


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with week_after(tmp_path) as at:
        yield at


def test_a_message_is_recorded_and_answered(home: House) -> None:
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    receipt = home.receipts(SENDER)[-1]
    assert (receipt["message_id"], receipt["status"]) == ("m-1", "recorded")
    assert receipt["type"] == "attendance.recorded.v1"
    assert home.pathway.days[DAYS[0]]
    echo = home.get(f"/out/{SENDER}", INSTRUCTOR, wait=0, limit=500).json()["publications"][-1]
    assert echo["value"]["message_id"] == "m-1"


def test_the_numbers_in_a_senders_line_have_no_holes(home: House) -> None:
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.send(SENDER, "m-2", "record_attendance.v1", attendance(home, day_status="late"))
    home.send(SENDER, "m-3", "record_attendance.v1", b"{")
    home.send(SENDER, "m-4", "record_attendance.v1", attendance(home, client=..., identity_code=UNKNOWN_CODE))
    home.send(SENDER, "m-5", "start_plan.v1", {})
    home.settle()
    receipts = home.receipts(SENDER)
    numbers = [receipt["number"] for receipt in receipts]
    assert numbers == list(range(1, len(numbers) + 1))
    assert statuses(home)[-5:] == ["recorded", "refused", "quarantined", "waiting", "refused"]
    assert receipts[-1]["codes"][0]["code"] == "E_NOT_ENTITLED"  # another task's type (domain/pathway.md 4.8)


def test_a_repeat_is_answered_with_the_first_number_and_changes_nothing(home: House) -> None:
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    for _ in range(2):
        home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, hours=4))
    home.settle()
    first, second, third, other = home.receipts(SENDER)[-4:]
    assert [r["status"] for r in (first, second, third)] == ["recorded", "already_recorded", "already_recorded"]
    assert first["number"] == second["number"] == third["number"]
    assert second["first"] == "recorded"
    assert (other["status"], other["codes"][0]["code"]) == ("refused", "E_KEY_REUSED")
    assert "number" not in other
    topic = wire.receipts_topic("house", SENDER)
    own = [wire.sequence_of(read) for read in home.wired.broker.read(topic, 0, 100)][-4:]
    assert own == [first["number"], None, None, None]


def test_the_receipt_of_a_repeat_is_published_before_the_position_moves(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    broker, append = home.wired.broker, home.wired.broker.append
    monkeypatch.setattr("consumers.setbacks.FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(broker, "append", lambda entries: [Outcome("unknown") for _ in entries])
    home.wired.intake.step()
    assert home.wired.intake.behind() == 1
    monkeypatch.setattr(broker, "append", append)
    home.settle()
    assert home.wired.intake.behind() == 0
    assert statuses(home)[-2:] == ["recorded", "already_recorded"]


def test_an_intake_that_dies_after_a_decision_does_not_decide_again(home: House) -> None:
    for number, day in enumerate(DAYS):
        home.send(SENDER, f"m-{number}", "record_attendance.v1", attendance(home, day))
    home.wired.intake.step()
    head = home.wired.store.head()
    another = Intake(home.wired.store, home.wired.broker, home.wired.receiving, wait=0)
    assert another.step() == 0
    another.close()
    assert home.wired.store.head() == head
    home.settle()
    assert statuses(home)[-3:] == ["recorded"] * 3


def test_bytes_without_an_envelope_are_set_aside_by_their_place(home: House) -> None:
    topic = wire.in_topic("house", SENDER)
    home.wired.broker.append([(topic, Entry(None, b"\x00\xff", ()))])
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    aside, recorded = home.receipts(SENDER)[-2:]
    assert (aside["status"], aside["codes"][0]["code"]) == ("quarantined", "E_ENVELOPE")
    assert aside["offset"] == home.wired.broker.end_offsets([topic])[topic] - 2
    assert recorded["status"] == "recorded"
    [kept] = [r for r in home.wired.store.records(0, 10_000, ["message.quarantined"])]
    event = home.wired.store.opened(kept)
    assert (event.topic, event.offset, event.size) == (topic, aside["offset"], 2)  # type: ignore[union-attr]


def test_an_id_that_can_be_read_is_answered_though_the_rest_of_the_envelope_cannot(home: House) -> None:
    topic = wire.in_topic("house", SENDER)
    for headers in ((("ce_id", b"m-1"),), (("ce_id", b"\xff"),)):
        home.wired.broker.append([(topic, Entry(None, b"{}", headers))])
    home.settle()
    named, nameless = home.receipts(SENDER)[-2:]
    assert (named["message_id"], named["status"]) == ("m-1", "quarantined")
    assert nameless["message_id"].startswith(f"{nameless['offset']}@")


def test_a_mistake_of_ours_refuses_one_message_and_the_line_goes_on(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise ZeroDivisionError

    kind = COMMANDS["record_attendance"]
    sound = kind.decide
    object.__setattr__(kind, "decide", broken)
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    object.__setattr__(kind, "decide", sound)
    home.send(SENDER, "m-2", "record_attendance.v1", attendance(home))
    home.settle()
    refused, recorded = home.receipts(SENDER)[-2:]
    assert (refused["status"], refused["codes"][0]["code"]) == ("refused", "E_INTERNAL")
    assert recorded["status"] == "recorded"


def test_a_mistake_of_ours_before_anything_is_decided_stops_nobody_either(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    # given one message that nothing can be done about, and one that waits and is tried again
    home.send(SENDER, "m-0", "record_attendance.v1", attendance(home, client=..., identity_code=UNKNOWN_CODE))
    home.settle()
    assert statuses(home)[-1] == "waiting"
    monkeypatch.setattr(home.wired.vault, "find", broken)
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, client=..., identity_code=UNKNOWN_CODE))
    home.send(SENDER, "m-2", "record_attendance.v1", attendance(home))
    home.settle()
    # then each of the two is refused, and the line goes on
    told = {receipt["message_id"]: receipt for receipt in home.receipts(SENDER)[-3:]}
    assert {name: told[name]["status"] for name in told} == {"m-0": "refused", "m-1": "refused", "m-2": "recorded"}
    assert told["m-0"]["codes"][0]["code"] == told["m-1"]["codes"][0]["code"] == "E_INTERNAL"
    assert home.wired.intake.behind() == home.wired.vault.held_count() == 0


def test_a_topic_has_one_reader_though_another_one_failed(home: House) -> None:
    returned = threading.Event()
    still_reading: list[bool] = []

    class Failing:
        def receive(self, message: Incoming) -> Any:
            if message.recipient.short_name == "kela-payment":
                raise StoreUnavailable("no answer")
            returned.wait(0.5)  # as long as the step waits for us, it does not come
            still_reading.append(returned.is_set())
            return home.wired.receiving.receive(message)

    intake = Intake(home.wired.store, home.wired.broker, Failing(), wait=0.0)  # type: ignore[arg-type]
    home.send("kela-payment", "m-1", "change_benefit_status.v1", BENEFIT)
    home.send(SENDER, "m-2", "record_attendance.v1", attendance(home))
    with pytest.raises(StoreUnavailable):
        intake.step()
    returned.set()
    intake.close()
    # then nobody reads on behind a step that has failed
    assert still_reading == [False]


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_specversion", "ce_actorperson"])
def test_an_attribute_that_is_there_twice_is_neither(home: House, name: str) -> None:
    given = {"ce_id": b"m-1", "ce_type": b"record_attendance.v1", "ce_specversion": b"1.0", "ce_actorperson": b"P-1"}
    headers = (*given.items(), (name, given[name] + b"2"))
    topic = wire.in_topic("house", SENDER)
    home.wired.broker.append([(topic, Entry(None, orjson.dumps(attendance(home)), headers))])
    before = home.wired.store.stream_version(home.aino)
    home.settle()
    receipt = home.receipts(SENDER)[-1]
    assert receipt["status"] == "quarantined"
    assert [code["pointer"] for code in receipt["codes"]] == [f"/{name}"]
    assert home.wired.store.stream_version(home.aino) == before


def test_what_speaks_of_a_destroyed_matter_is_refused_like_what_was_never_there(home: House) -> None:
    """Design D15, D22: nobody can tell any more what a reference into it once named."""
    erased, name = attendance(home), home.name(SENDER)
    never = {**erased, "period_id": home.wired.pseudonyms(SENDER).of("0" * 32)}
    system = Caller(INSTRUCTOR.org, "provider", "system", "system")
    home.wired.keys.destroy(next(iter(home.pathway.cases.values())).opened.matter)
    for body in (erased, never):
        answer = home.post(f"/in/{SENDER}", system, body, **{"ce-id": home.id(), "ce-type": "record_attendance.v1"})
        reason = answer.json()["codes"][0]
        assert (answer.status_code, reason["code"], reason["pointer"]) == (422, "E_UNKNOWN_REFERENCE", "/period_id")
        said = {field: value for field, value in body.items() if field != "client"}
        answer = home.post(f"/clients/{name}/attendance", INSTRUCTOR, said)
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (422, "E_UNKNOWN_REFERENCE")


# --- the same over both ---


def test_both_doors_give_the_same_receipts(home: House) -> None:
    system = Caller(INSTRUCTOR.org, INSTRUCTOR.task, "system", "system")
    bodies = [
        ("record_attendance.v1", attendance(home)),
        ("record_attendance.v1", attendance(home, day_status="late", mood=1)),
        ("record_attendance.v1", attendance(home, hours=2, occurred_on=DAYS[1].isoformat())),
        ("record_attendance.v1", attendance(home, client=..., identity_code=UNKNOWN_CODE)),
        ("correct_fact.v1", {"client": home.name(SENDER), "target_event_id": "x", "correction_reason": "wrong_entry"}),
    ]
    posted = []
    for number, (type_name, body) in enumerate(bodies):
        headers = {"ce-id": f"d-{number}", "ce-type": type_name}
        posted.append(home.post(f"/in/{SENDER}", system, body, **headers).json())
    home.settle()
    on_topic = home.receipts(SENDER)[-len(bodies) :]
    assert on_topic == posted
    answer = home.get("/receipts", INSTRUCTOR, since=on_topic[0]["number"] - 1).json()
    assert answer["receipts"] == on_topic
    assert answer["next"] == on_topic[-1]["number"]
    again = home.post(f"/in/{SENDER}", system, bodies[0][1], **{"ce-id": "d-0", "ce-type": "record_attendance.v1"})
    assert (again.status_code, again.json()["status"]) == (200, "already_recorded")


def test_a_reference_may_be_asked_for_ahead_of_time(home: House) -> None:
    answer = home.post("/client-references", INSTRUCTOR, {"identity_code": CODE})
    assert answer.json()["client"] == home.name(SENDER)
    assert home.wired.vault.uses(home.aino)[-1].what == "search"
    assert home.post("/client-references", INSTRUCTOR, {"identity_code": UNKNOWN_CODE}).status_code == 404
    assert (
        home.post("/client-references", INSTRUCTOR, {"identity_code": "x"}).json()["codes"][0]["code"] == "E_IDENTITY_CODE"
    )
    assert home.post("/client-references", INSTRUCTOR, {}).json()["codes"][0]["code"] == "E_FIELD_MISSING"
    assert home.post("/client-references", INSTRUCTOR, {"identity_code": CODE, "x": 1}).status_code == 422


def test_a_correction_names_the_senders_own_publication(home: House) -> None:
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    told = home.get(f"/out/{SENDER}", INSTRUCTOR, wait=0, limit=500).json()["publications"][-1]
    correction = {
        "client": home.name(SENDER),
        "target_event_id": told["headers"]["ce_id"],
        "correction_reason": "wrong_entry",
        "new_values": {"day_status": "absent_other", "hours": None},
    }
    home.send(SENDER, "m-2", "correct_fact.v1", correction)
    home.settle()
    assert home.receipts(SENDER)[-1]["status"] == "recorded", home.receipts(SENDER)[-1]
    day = next(iter(home.pathway.days[DAYS[0]].values()))
    assert day.event.day_status == "absent_other"


def test_a_reader_of_publications_waits_for_the_next_one(home: House) -> None:
    last_one = home.get(f"/out/{SENDER}", INSTRUCTOR, wait=0, limit=500).json()["next"]
    assert home.get(f"/out/{SENDER}", INSTRUCTOR, wait=0, after=last_one).json()["publications"] == []
    with ThreadPoolExecutor(8) as readers:
        waiting = [readers.submit(home.get, f"/out/{SENDER}", INSTRUCTOR, wait=20, after=last_one) for _ in range(8)]
        home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
        home.settle()
        told = [answer.result().json()["publications"] for answer in waiting]
    assert all(one[0]["value"]["message_id"] == "m-1" for one in told)


def test_a_redelivery_begins_a_fresh_epoch(home: House) -> None:
    answer = home.post("/redeliveries", INSTRUCTOR, {})
    assert (answer.status_code, answer.json()["epoch"]) == (202, 2)
    home.settle()
    assert home.wired.models.of(SENDER).feed().live_epoch == 2
