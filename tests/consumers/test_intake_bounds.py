"""Intake and the doors: whatever is sent, what is recorded of it and what is answered stay small, and say the bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from house import UNKNOWN_CODE, House
from provider_days import BENEFIT, DAYS, SENDER, attendance, week_after
from stories import INSTRUCTOR

from consumers import wire
from consumers.log import Entry
from domain.context import Caller
from domain.json_gate import LIMIT, read_json
from domain.messages import wish_of_message
from domain.record import LARGEST_RECORD

SYSTEM = Caller(INSTRUCTOR.org, INSTRUCTOR.task, "system", "system")
UNKNOWN_KEYS = {f"k{n}": 1 for n in range(24_000)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all: next to nothing of what is sent here is recorded, and each day that is, is another one."""
    with week_after(tmp_path_factory.mktemp("bounds")) as at:
        yield at


def codes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"], one["pointer"]) for one in answer["codes"]]


def test_a_refusal_names_fifty_codes_and_then_a_count_and_publication_goes_on(home: House) -> None:
    # domain/pathway.md 4.9 Bounds
    body = attendance(home, **UNKNOWN_KEYS)
    assert 250_000 < len(orjson.dumps(body)) < 262_144
    home.send(SENDER, "many", "record_attendance.v1", body)
    home.send(SENDER, "after", "record_attendance.v1", attendance(home))
    home.settle()
    refused, recorded = home.receipts(SENDER)[-2:]
    assert (refused["message_id"], refused["status"], len(refused["codes"])) == ("many", "refused", 50)
    assert len(refused["codes"]) + refused["more"] == len(UNKNOWN_KEYS)
    assert (recorded["message_id"], recorded["status"]) == ("after", "recorded")
    assert all(len(record.state) < LARGEST_RECORD for record in home.wired.store.records(0, 10_000))
    [numbered] = home.get("/receipts", SYSTEM, since=refused["number"] - 1, limit=1).json()["receipts"]
    assert numbered == refused
    named = {"ce-specversion": "1.0", "ce-id": "many", "ce-type": "record_attendance.v1"}
    again = home.post(f"/in/{SENDER}", SYSTEM, body, **named).json()
    assert (again["first"], again["codes"], again["more"]) == ("refused", refused["codes"], refused["more"])


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_the_same_over_http(home: House, dry_run: str) -> None:
    named = {"ce-specversion": "1.0", "ce-id": home.id(), "ce-type": "record_attendance.v1"}
    answer = home.post(f"/in/{SENDER}?dry_run={dry_run}", SYSTEM, attendance(home, **UNKNOWN_KEYS), **named)
    assert (answer.status_code, len(answer.json()["codes"])) == (422, 50)
    assert answer.json()["more"] == len(UNKNOWN_KEYS) - 50
    assert len(answer.content) < 100_000


def test_the_same_for_a_workers_command_and_its_repeat(home: House) -> None:
    body = attendance(home, client=..., **UNKNOWN_KEYS)
    path = f"/clients/{home.name(SENDER)}/attendance"
    for _ in range(2):
        answer = home.post(path, INSTRUCTOR, body, "key-many")
        assert (answer.status_code, len(answer.json()["codes"])) == (422, 50)
        assert answer.json()["more"] == len(UNKNOWN_KEYS) - 50
        assert len(answer.content) < 100_000


def test_a_correction_of_fields_that_nobody_knows_is_judged_in_no_time(home: House) -> None:
    home.send(SENDER, "day", "record_attendance.v1", attendance(home, DAYS[1]))
    home.settle()
    published = home.get(f"/out/{SENDER}", INSTRUCTOR, wait=0, limit=500).json()["publications"]
    told = next(one for one in reversed(published) if one["value"].get("message_id") == "day")
    body = {
        "client": home.name(SENDER),
        "target_event_id": told["headers"]["ce_id"],
        "correction_reason": "wrong_entry",
        "new_values": UNKNOWN_KEYS,
    }
    began = time.monotonic()
    named = {"ce-specversion": "1.0", "ce-id": home.id(), "ce-type": "correct_fact.v1"}
    answer = home.post(f"/in/{SENDER}", SYSTEM, body, **named).json()
    assert time.monotonic() - began < 60  # about a second; with every code compared to every other it takes minutes
    assert {code for code, _ in codes(answer)} == {"E_FIELD_NOT_ALLOWED"}
    assert (len(answer["codes"]), answer["more"]) == (50, len(UNKNOWN_KEYS) - 50)


def test_a_group_of_wrong_entries_is_summed_up_in_fifty_codes(home: House) -> None:
    entries = [{"client": home.name(SENDER), "day_status": "late", "hours": "x", "more": n} for n in range(100)]
    home.send(SENDER, "group", "record_group_attendance.v1", {"occurred_on": "2025-03-24", "entries": entries})
    home.settle()
    summary = next(receipt for receipt in home.receipts(SENDER) if receipt["message_id"] == "group")
    assert (summary["status"], len(summary["codes"]), len(summary["parts"])) == ("refused", 50, 100)
    assert summary["more"] == 100 * 4 - 50


LARGE = [[1]] * 50_000


@pytest.mark.parametrize(
    ("said", "entry", "told"),
    [
        # what is said once, and no entry may say
        ({"zzz": LARGE}, {}, [("E_FIELD_NOT_ALLOWED", "/zzz")]),
        # what an entry may say, larger than it can be
        ({"day_status": LARGE}, {}, [("E_TOO_LARGE", "/entries")]),
        ({"day_status": "x" * 2_000}, {"hours": "x" * 2_000}, [("E_TOO_LARGE", "/entries")]),
        # as much as entries may be
        ({"day_status": "x" * 1_000}, {"hours": "x" * 1_000}, None),
    ],
)
def test_a_groups_message_is_as_much_work_as_a_single_one_of_its_size_may_be(
    home: House,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    entry: dict[str, Any],
    told: list[tuple[str, str]] | None,
) -> None:
    # design D24; domain/pathway.md 4.9 Bounds
    message_id = home.id()
    raw = orjson.dumps({"entries": [{"client": home.name(SENDER), **entry}] * 100, **said})
    assert len(raw) <= LIMIT
    read: list[int] = []
    judged: list[int] = []

    def reading(raw: bytes) -> dict[str, Any]:
        read.append(len(raw))
        return read_json(raw)

    def wishing(kind: Any, body: dict[str, Any], names: Any) -> Any:
        judged.append(len(orjson.dumps(body)))
        return wish_of_message(kind, body, names)

    monkeypatch.setattr("domain.store.receiving.asked.read_json", reading)
    monkeypatch.setattr("domain.store.deciding.kept_answers.read_json", reading)
    monkeypatch.setattr("domain.store.receiving.asked.wish_of_message", wishing)
    home.send(SENDER, message_id, "record_group_attendance.v1", raw)
    home.wired.intake.step()
    # once when it comes, once to know it again, and its entries to know them again
    assert sum(read) <= 2 * len(raw) + LIMIT
    assert sum(judged) <= LIMIT
    home.settle()
    receipt = next(one for one in reversed(home.receipts(SENDER)) if one["message_id"] == message_id)
    if told is not None:
        assert (receipt["status"], codes(receipt), judged) == ("refused", told, [])
    else:
        assert (receipt["status"], len(receipt["parts"]), len(judged)) == ("refused", 100, 100)


@pytest.mark.parametrize(
    ("command", "body", "pointer"),
    [
        ("send_absence_report", {"absences": [{"day_on": "2025-03-24", "day_status": "absent_other"}] * 401}, "/absences"),
        ("send_absence_report", {"absences": [[0] * 401]}, "/absences/0"),
        ("hold_follow_up", {"parties_present": ["client"] * 401}, "/parties_present"),
        ("correct_fact", {"new_values": {"needs": ["work_ability"] * 401}}, "/new_values/needs"),
        ("record_attendance", {"nothing we know": [0] * 401}, "/nothing we know"),
    ],
)
def test_a_list_holds_four_hundred_entries(home: House, command: str, body: dict[str, Any], pointer: str) -> None:
    # domain/pathway.md 4.9 Bounds
    named = {"ce-specversion": "1.0", "ce-id": home.id(), "ce-type": f"{command}.v1"}
    answer = home.post(f"/in/{SENDER}", SYSTEM, {"client": home.name(SENDER), **body}, **named).json()
    assert ("E_TOO_LARGE", pointer) in codes(answer)
    assert "400" in answer["codes"][0]["what_to_do"]["en"]
    shorter = orjson.loads(orjson.dumps(body).replace(b"[0", b"[1"))
    at = shorter
    for step in pointer.strip("/").split("/")[:-1]:
        at = at[step] if isinstance(at, dict) else at[int(step)]
    last = pointer.rsplit("/", 1)[-1]
    key: Any = last if isinstance(at, dict) else int(last)
    at[key] = at[key][:400]
    answer = home.post(f"/in/{SENDER}", SYSTEM, {"client": home.name(SENDER), **shorter}, **named, key=home.id()).json()
    assert "E_TOO_LARGE" not in [code for code, _ in codes(answer)]


def test_a_text_that_grows_in_its_normal_form_is_measured_as_it_is_kept(home: House) -> None:
    # One code point of four bytes becomes three of four bytes each (UAX 15).
    body = {"client": home.name(SENDER), "new": "\U0001d160" * 60_000}
    named = {"ce-specversion": "1.0", "ce-id": home.id(), "ce-type": "record_attendance.v1"}
    answer = home.post(f"/in/{SENDER}", SYSTEM, orjson.dumps(body), **named).json()
    assert ("E_TOO_LARGE", "") in codes(answer)


def test_what_is_decided_larger_than_a_topic_takes_is_refused_and_recorded_as_that(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.store.deciding.chaining.LARGEST_RECORD", 1_500)
    home.send(SENDER, "large", "record_attendance.v1", attendance(home, DAYS[2]))
    home.settle()
    receipt = home.receipts(SENDER)[-1]
    assert (receipt["message_id"], receipt["status"], codes(receipt)) == ("large", "refused", [("E_TOO_LARGE", "")])
    path, body = f"/clients/{home.name(SENDER)}/attendance", attendance(home, DAYS[2], client=...)
    worker = home.post(path, INSTRUCTOR, body, "large-2")
    assert (worker.status_code, codes(worker.json())) == (413, [("E_TOO_LARGE", "")])


def test_so_many_messages_of_one_sender_wait_and_no_more(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # design D24: every queue has a bound
    monkeypatch.setattr("domain.store.receiving.answering.MOST_WAITING", 2)
    for name in ("w-1", "w-2", "w-3", "w-2"):
        home.send(SENDER, name, "record_attendance.v1", attendance(home, client=..., identity_code=UNKNOWN_CODE))
    home.settle()
    answers = {receipt["message_id"]: receipt for receipt in home.receipts(SENDER)[-4:]}
    assert [answers[name].get("first", answers[name]["status"]) for name in ("w-1", "w-2", "w-3")] == [
        "waiting",
        "waiting",
        "refused",
    ]
    assert codes(answers["w-3"]) == [("E_TOO_MANY_WAITING", "")]
    assert len(home.wired.vault.held()) == 2
    home.send("authority", "b-1", "change_benefit_status.v1", {"identity_code": UNKNOWN_CODE, **BENEFIT})
    home.settle()
    assert home.receipts("authority")[-1]["status"] == "waiting"


def test_so_many_bytes_of_one_sender_wait_and_no_more(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # design D24: every queue has a bound
    [(before, _)] = [home.wired.vault.held_beside(INSTRUCTOR.org, INSTRUCTOR.task, "")]
    large = attendance(home, client=..., identity_code=UNKNOWN_CODE)
    raw = orjson.dumps(large).ljust(100_000)
    monkeypatch.setattr("domain.store.receiving.answering.MOST_WAITING_BYTES", 250_000)
    for name in ("l-1", "l-2", "l-3", "l-2"):
        home.send(SENDER, name, "record_attendance.v1", raw)
    home.send(SENDER, "l-4", "record_attendance.v1", large)
    home.settle()
    answers = {one["message_id"]: one for one in home.receipts(SENDER)[-5:]}
    assert [answers[f"l-{n}"].get("first", answers[f"l-{n}"]["status"]) for n in (1, 2, 3, 4)] == [
        "waiting", "waiting", "refused", "waiting",
    ]  # fmt: skip
    assert codes(answers["l-3"]) == [("E_TOO_MANY_WAITING", "")]
    count, size = home.wired.vault.held_beside(INSTRUCTOR.org, INSTRUCTOR.task, "l-2")
    assert (count, 100_000 < size < 150_000) == (before + 2, True)


@pytest.mark.parametrize(
    ("headers", "pointers"),
    [
        ({"ce_type": "record_attendance.v1"}, ["/ce_id"]),
        ({"ce_id": "e-1"}, ["/ce_type"]),
        ({}, ["/ce_id", "/ce_type"]),
        ({"ce_id": "x" * 81, "ce_type": "Record Attendance"}, ["/ce_id", "/ce_type"]),
        ({"ce_id": "e-2", "ce_type": "x.v1", "ce_specversion": "0.3"}, ["/ce_specversion"]),
        ({"ce_id": "e-3", "ce_type": "x.v1", "ce_actorperson": "Aino Esimerkki"}, ["/ce_actorperson"]),
        ({"ce_id": "e-ä", "ce_type": "x.v1"}, ["/ce_id"]),
    ],
)
def test_an_envelope_that_cannot_be_read_says_which_attributes_are_wrong(
    home: House, headers: dict[str, str], pointers: list[str]
) -> None:
    named = {"ce_specversion": "1.0", **headers}
    entry = Entry(None, b"{}", tuple((name, value.encode()) for name, value in sorted(named.items())))
    home.wired.broker.append([(wire.in_topic("house", SENDER), entry)])
    home.settle()
    receipt = home.receipts(SENDER)[-1]
    assert (receipt["status"], codes(receipt)) == ("quarantined", [("E_ENVELOPE", pointer) for pointer in pointers])
    [numbered] = home.get("/receipts", SYSTEM, since=receipt["number"] - 1).json()["receipts"]
    assert numbered == receipt
    over_http = {name.replace("_", "-"): value for name, value in named.items() if value.isascii()}
    if over_http.keys() == {name.replace("_", "-") for name in named} and "ce_actorperson" not in named:
        answer = home.post(f"/in/{SENDER}", SYSTEM, b"{}", **over_http)
        written = [("E_ENVELOPE", pointer.replace("_", "-")) for pointer in pointers]
        assert (answer.status_code, codes(answer.json())) == (400, written)
