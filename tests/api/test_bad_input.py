"""What bad input gets: a stable code in three languages, and nothing half recorded. The same over HTTP and as a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from house import House, house
from stories import EXPERT, INSTRUCTOR, OWN_WORKER, REFERRER, last

from domain.context import Caller
from domain.refusals import refusal

BAD_WEEK = [date(2025, 3, 24) + timedelta(days=n) for n in range(5)]


@pytest.fixture(scope="module")
def fourth_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """AS-1 until its first absence, with a week of four present days; all that was recorded is settled."""
    with house(tmp_path_factory.mktemp("fourth-day")) as home:
        home.until("13 first")
        home.on(BAD_WEEK[-1])
        for day in BAD_WEEK[:4]:
            answer = home.post(attendance_path(home), INSTRUCTOR, attendance(home, occurred_on=day.isoformat()))
            assert answer.status_code in (200, 201), answer.text
        home.settle()
        yield home


def attendance_path(home: House) -> str:
    return f"/clients/{home.name('provider-s01')}/attendance"


def attendance(home: House, **changes: Any) -> dict[str, Any]:
    body = {
        "period_id": home.name("provider-s01", last(home.pathway.periods)),
        "day_status": "present",
        "hours": 5,
        "occurred_on": BAD_WEEK[-1].isoformat(),
    }
    return {**body, **changes}


def referral(home: House, **changes: Any) -> dict[str, Any]:
    return {"source": "employment_authority", "legal_basis": "LB-189-PLAN", **changes}


def plan_without_goal(home: House) -> dict[str, Any]:
    return {
        "plan_id": home.name("authority", last(home.pathway.plans)),
        "includes_kuty": True,
        "kuty_from_on": "2025-03-03",
        "kuty_until_on": "2025-09-02",
        "schedule": [{"weekday": 1, "hours": 5}],
        "support": "A talk every week",
    }


@dataclass(frozen=True)
class Bad:
    """One line of the table: who sends what, and the first code that comes of it."""

    by: Caller
    sender: str
    kind: str
    path: str
    body: Callable[[House], Any]
    code: str
    pointer: str | None = ""
    quarantined: bool = False


def by_provider(code: str, pointer: str | None, **changes: Any) -> Bad:
    return Bad(
        INSTRUCTOR, "provider-s01", "record_attendance.v1", "attendance", lambda h: attendance(h, **changes), code, pointer
    )


def unreadable(code: str, raw: Callable[[bytes], bytes], pointer: str | None = None) -> Bad:
    return Bad(
        INSTRUCTOR,
        "provider-s01",
        "record_attendance.v1",
        "attendance",
        lambda h: raw(orjson.dumps(attendance(h))),
        code,
        pointer,
        quarantined=True,
    )


TABLE = {
    "unknown field": by_provider("E_FIELD_NOT_ALLOWED", "/mood", mood="good"),
    "wrong code": by_provider("E_CODE", "/day_status", day_status="late"),
    "code not valid on that date": Bad(
        REFERRER,
        "authority-referrer",
        "submit_referral.v1",
        "referrals",
        lambda h: referral(h, source="municipal_trial"),
        "E_SOURCE_CLOSED",
        "/source",
    ),
    "diagnosis-like text in a coded field": by_provider("E_HEALTH_CONTENT", "/day_status", day_status="F32.1"),
    "date in the future": by_provider("E_FUTURE", "/occurred_on", occurred_on="2025-04-01"),
    "seconds for a date": by_provider("E_FIELD_TYPE", "/occurred_on", occurred_on="1735689600"),
    "a date beyond the calendar": by_provider("E_DATE_RANGE", "/occurred_on", occurred_on="9999-12-31"),
    "fifth day in a week": by_provider("E_WEEK_DAYS", None),
    "plan without goal": Bad(
        EXPERT, "authority", "draft_plan.v1", "plan-versions", plan_without_goal, "E_GOAL_SUPPORT_REQUIRED", None
    ),
    "broken JSON": unreadable("E_JSON_SYNTAX", lambda raw: raw[:-1]),
    "NUL": unreadable("E_JSON_NUL", lambda raw: raw.replace(b"present", b"pres\\u0000ent"), "/day_status"),
    "raw NUL": unreadable("E_JSON_NUL", lambda raw: raw.replace(b"present", b"pres\x00ent")),
    "duplicate JSON key": unreadable("E_JSON_DUPLICATE_KEY", lambda raw: raw[:-1] + b',"hours":4}', "/hours"),
    "not UTF-8": unreadable("E_UTF8", lambda raw: raw.replace(b"present", b"pres\xffent")),
    "an array": unreadable("E_JSON_NOT_OBJECT", lambda raw: b"[" + raw + b"]"),
    "NaN": unreadable("E_JSON_NUMBER", lambda raw: raw.replace(b'"hours":5', b'"hours":NaN')),
    "too deep": unreadable("E_JSON_DEPTH", lambda raw: raw[:-1] + b',"more":' + b"[" * 40 + b"]" * 40 + b"}"),
}


def facts(home: House) -> list[str]:
    """Everything recorded but the answers to messages: what must not change."""
    answers = ("command.refused", "message.quarantined", "message.held")
    return [r.header.event_id for r in home.wired.store.records(0, 10_000) if r.header.name not in answers]


@pytest.mark.parametrize("line", TABLE)
def test_over_http_a_problem_says_what_is_wrong_in_the_readers_language(line: str, fourth_day: House) -> None:
    bad, before = TABLE[line], facts(fourth_day)
    path = f"/clients/{fourth_day.name(bad.sender)}/{bad.path}"
    for language in ("fi", "sv", "en"):
        answer = fourth_day.post(path, bad.by, bad.body(fourth_day), **{"accept-language": language})
        entry = refusal(bad.code)
        assert answer.status_code == entry.status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["codes"][0]["code"] == bad.code
        assert problem["codes"][0]["text"] == entry.texts[language]
        assert problem["codes"][0]["what_to_do"] == entry.what_to_do[language]
        if bad.pointer is not None:
            assert problem["codes"][0]["pointer"] == bad.pointer
        assert problem["title"] == entry.texts[language]
    assert facts(fourth_day) == before


@pytest.mark.parametrize("line", TABLE)
def test_as_a_message_it_gets_a_receipt_that_says_the_same(line: str, fourth_day: House) -> None:
    bad, before = TABLE[line], facts(fourth_day)
    body = bad.body(fourth_day)
    if isinstance(body, dict):
        body = {**body, "client": fourth_day.name(bad.sender)}
    message_id = fourth_day.id()
    fourth_day.send(bad.sender, message_id, bad.kind, body)
    fourth_day.settle()
    receipt = fourth_day.receipts(bad.sender)[-1]
    assert receipt["status"] == ("quarantined" if bad.quarantined else "refused")
    assert receipt["codes"][0]["code"] == bad.code
    assert receipt["codes"][0]["text"] == dict(refusal(bad.code).texts)
    assert set(receipt["codes"][0]["text"]) == {"fi", "sv", "en"}
    assert isinstance(receipt["number"], int)
    if bad.quarantined:
        assert isinstance(receipt["offset"], int)
    assert receipt["message_id"] == message_id
    assert facts(fourth_day) == before


@pytest.mark.parametrize("line", TABLE)
def test_posted_to_the_door_for_agencies_it_gets_the_same_receipt(line: str, fourth_day: House) -> None:
    bad, before = TABLE[line], facts(fourth_day)
    body = bad.body(fourth_day)
    if isinstance(body, dict):
        body = {**body, "client": fourth_day.name(bad.sender)}
    system = Caller(bad.by.org, bad.by.task, "system", "system")
    headers = {"ce-id": fourth_day.id(), "ce-type": bad.kind, "ce-specversion": "1.0"}
    dry = fourth_day.post(f"/in/{bad.sender}?dry_run=true", system, body, **headers)
    assert facts(fourth_day) == before
    answer = fourth_day.post(f"/in/{bad.sender}", system, body, **headers)
    assert answer.status_code == dry.status_code == refusal(bad.code).status
    assert answer.json()["status"] == ("quarantined" if bad.quarantined else "refused")
    assert answer.json()["codes"][0]["code"] == bad.code
    assert answer.json()["codes"] == dry.json()["codes"]
    assert "number" not in dry.json()
    assert facts(fourth_day) == before


def test_bytes_that_cannot_be_read_are_answered_under_the_senders_id_and_do_not_take_it(fourth_day: House) -> None:
    system = Caller(INSTRUCTOR.org, "provider", "system", "system")
    message_id = fourth_day.id()
    headers = {"ce-id": message_id, "ce-type": "record_attendance.v1"}
    aside = fourth_day.post("/in/provider-s01", system, b"{not JSON", **headers).json()
    assert (aside["message_id"], aside["status"]) == (message_id, "quarantined")
    [numbered] = fourth_day.get("/receipts", system, since=aside["number"] - 1).json()["receipts"]
    assert numbered == aside
    fourth_day.settle()
    assert fourth_day.receipts("provider-s01")[-1] == aside
    readable = {**attendance(fourth_day, day_status="late"), "client": fourth_day.name("provider-s01")}
    decided = fourth_day.post("/in/provider-s01", system, readable, **headers).json()
    assert (decided["message_id"], decided["codes"][0]["code"]) == (message_id, "E_CODE")


# --- what only HTTP knows, or only a bigger history ---


def test_a_megabyte_is_refused_before_it_is_read(fourth_day: House) -> None:
    head = fourth_day.wired.store.head()
    big = orjson.dumps({"more": "x" * 1_000_000})
    answer = fourth_day.post(attendance_path(fourth_day), INSTRUCTOR, big)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (413, "E_TOO_LARGE")

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 65_536

    headers = fourth_day.headers(INSTRUCTOR, **{"idempotency-key": "big", "content-type": "application/json"})
    answer = fourth_day.http.post(f"/ledgers/house{attendance_path(fourth_day)}", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (413, "E_TOO_LARGE")
    assert fourth_day.wired.store.head() == head


def test_a_megabyte_as_a_message_is_quarantined(fourth_day: House) -> None:
    fourth_day.send("provider-s01", fourth_day.id(), "record_attendance.v1", orjson.dumps({"more": "x" * 1_000_000}))
    fourth_day.settle()
    receipt = fourth_day.receipts("provider-s01")[-1]
    assert (receipt["status"], receipt["codes"][0]["code"]) == ("quarantined", "E_TOO_LARGE")


def test_another_content_type_is_refused(fourth_day: House) -> None:
    answer = fourth_day.post(
        attendance_path(fourth_day), INSTRUCTOR, attendance(fourth_day), **{"content-type": "text/plain"}
    )
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (415, "E_CONTENT_TYPE")


def test_a_command_without_a_key_is_refused(fourth_day: House) -> None:
    headers = fourth_day.headers(INSTRUCTOR, **{"content-type": "application/json"})
    path = f"/ledgers/house{attendance_path(fourth_day)}"
    answer = fourth_day.http.post(path, content=orjson.dumps(attendance(fourth_day)), headers=headers)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (400, "E_IDEMPOTENCY_KEY_MISSING")
    for key in ("x" * 81, "two words"):
        answer = fourth_day.post(attendance_path(fourth_day), INSTRUCTOR, attendance(fourth_day), key=key)
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (400, "E_ENVELOPE")


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_who_sends_a_command_hears_of_its_key_and_not_of_a_messages_attributes(fourth_day: House, language: str) -> None:
    more = {"accept-language": language, "content-type": "application/json", "idempotency-key": "two words"}
    path = f"/ledgers/house{attendance_path(fourth_day)}"
    body, headers = orjson.dumps(attendance(fourth_day)), fourth_day.headers(INSTRUCTOR, **more)
    [code] = fourth_day.http.post(path, content=body, headers=headers).json()["codes"]
    assert "Idempotency-Key" in code["what_to_do"]
    assert "ce_" not in code["what_to_do"]
    assert "ce_id" in refusal("E_ENVELOPE").for_system[language]


def test_a_key_is_used_once(fourth_day: House) -> None:
    path, body = attendance_path(fourth_day), attendance(fourth_day, occurred_on="2025-03-19")
    assert fourth_day.post(path, INSTRUCTOR, body, key="once").status_code == 201
    before = fourth_day.wired.store.head()
    other = fourth_day.post(path, INSTRUCTOR, {**body, "hours": 4}, key="once")
    assert (other.status_code, other.json()["codes"][0]["code"]) == (422, "E_KEY_REUSED")
    assert fourth_day.wired.store.head() == before


def test_a_second_exit_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    with house(tmp_path_factory.mktemp("exit")) as home:
        home.until("23 exit")
        before = facts(home)
        answer = home.post(f"/clients/{home.name('county')}/exits", OWN_WORKER, {"exit_kind": "pay_subsidised_work"})
        assert answer.status_code == 409
        assert answer.json()["codes"][0]["code"] == "E_DUPLICATE_EXIT"
        assert facts(home) == before
