"""The receipt of one message by its id, and what waits: the agency's own alone, however its ids are written.

source: integration.md 2
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from house import LEDGER, UNKNOWN_CODE, House
from provider_days import BENEFIT, DAYS, attendance, week_after
from stories import EXPERT, INSTRUCTOR, OWN_WORKER

from deploy.local.ports import free_port
from deploy.serving import served
from domain.context import Caller

PROVIDER = Caller(INSTRUCTOR.org, "provider", "system", "system")
AUTHORITY = Caller(EXPERT.org, EXPERT.task, "system", "system")
DAY, BENEFITS = "record_attendance.v1", "change_benefit_status.v1"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with week_after(tmp_path) as at:
        yield at


def send(home: House, message_id: str, body: Any, type_name: str = DAY, name: str = "provider-s01") -> Any:
    by = PROVIDER if name == "provider-s01" else AUTHORITY
    written = quote(message_id, safe="")  # as the HTTP binding of CloudEvents has it, 3.1.3.2
    return home.post(f"/in/{name}", by, body, **{"ce-id": written, "ce-type": type_name})


def receipt(home: House, message_id: str, by: Caller = PROVIDER) -> Any:
    return home.get(f"/receipts/{quote(message_id, safe='')}", by)


def code(answer: Any) -> tuple[int, str, str]:
    [one] = answer.json()["codes"]
    return answer.status_code, one["code"], one["pointer"]


def hold(home: House, *ids: str) -> None:
    """Messages of the authority that wait: it may not know the one of whom they speak."""
    for number, message_id in enumerate(ids):
        body = {"identity_code": UNKNOWN_CODE, **BENEFIT, "from_on": f"2025-03-{number + 1:02}"}
        assert send(home, message_id, body, BENEFITS, "authority").status_code == 202


# --- by id ---


IDS = ("m-1", "a/b", "/", "a//b/", "..", "x?y=1&z#t", "100%", "%2F", "+;=@:!$'()*,~|^`", "m" * 80)


def test_a_receipt_is_found_by_any_id_that_a_message_may_have(home: House) -> None:
    """`ce_id`: 1 to 80 ASCII characters without a blank. In a path it is percent-encoded. source: RFC 3986 2.1"""
    port = free_port()
    with served(home.http.app, "127.0.0.1", port):  # type: ignore[arg-type]
        for message_id in IDS:
            sent = send(home, message_id, attendance(home))
            assert sent.json()["message_id"] == message_id
            connection = HTTPConnection("127.0.0.1", port, timeout=60.0)
            path = f"/ledgers/{LEDGER}/receipts/{quote(message_id, safe='')}"
            connection.request("GET", path, headers=home.headers(PROVIDER))
            answer = connection.getresponse()
            assert (answer.status, orjson.loads(answer.read())) == (200, sent.json()), message_id


def test_who_used_an_id_gets_his_own_receipt_under_it(home: House) -> None:
    """A system's message waits; what an instructor recorded under the same key is no answer to it."""
    assert send(home, "d-1", attendance(home, period_id="message:later")).status_code == 202
    day = {name: value for name, value in attendance(home).items() if name != "client"}
    assert home.post(f"/clients/{home.name('provider-s01')}/attendance", INSTRUCTOR, day, key="d-1").status_code == 201
    assert [receipt(home, "d-1", by).json()["status"] for by in (PROVIDER, INSTRUCTOR)] == ["waiting", "recorded"]
    # and a colleague who said nothing under it sees the newest of both
    assert receipt(home, "d-1", replace(INSTRUCTOR, person="I-77")).json()["status"] == "recorded"


def test_it_is_the_receipt_that_stands_in_the_line(home: House) -> None:
    send(home, "d-1", attendance(home))
    send(home, "d-2", attendance(home, client="nobody"))
    for message_id, status in (("d-1", "recorded"), ("d-2", "refused")):
        [there] = [one for one in home.get("/receipts", PROVIDER).json()["receipts"] if one["message_id"] == message_id]
        assert receipt(home, message_id).json() == there
        assert there["status"] == status
    # and a repeat changes nothing of it
    before = receipt(home, "d-1").json()
    assert send(home, "d-1", attendance(home)).json()["status"] == "already_recorded"
    assert receipt(home, "d-1").json() == before


def test_the_receipt_of_what_waited_is_its_last_one(home: House) -> None:
    named = {"client": home.name("authority"), "plan_id": "message:p-1"}
    drafting = {**named, "includes_kuty": False, "measures": ["social_services"]}
    assert send(home, "p-2", drafting, "draft_plan.v1", "authority").status_code == 202
    waiting = receipt(home, "p-2", AUTHORITY).json()
    assert (waiting["status"], waiting["reason"]) == ("waiting", "waits_for_reference")
    plan = {
        "client": home.name("authority"),
        "plan_kind": "activation_plan",
        "initiator": "employment_side",
        "parties": ["client", "employment_side", "organiser"],
        "eligibility_keys": ["EL-O25-LMS500"],
    }
    assert send(home, "p-1", plan, "start_plan.v1", "authority").status_code == 201
    home.settle()
    last = receipt(home, "p-2", AUTHORITY).json()
    assert last["status"] == "recorded"
    assert last["number"] > waiting["number"]


def test_a_message_without_effect_has_its_receipt_too(home: House) -> None:
    """It is answered `already_recorded` with the code `IDEMPOTENT`, and takes no number."""
    send(home, "d-1", attendance(home))
    sent = send(home, "d-2", attendance(home))
    assert (sent.status_code, sent.json()["status"], sent.json().get("number")) == (200, "already_recorded", None)
    assert receipt(home, "d-2").json() == sent.json()
    store = home.wired.store
    assert list(store.amiss(lambda header: None)) == []


def test_the_receipts_of_a_group_and_of_each_entry_are_found(home: House) -> None:
    """An entry's id is the group's, a blank and its number."""
    entries = [attendance(home, day) for day in DAYS[:2]]
    sent = send(home, "g-1", {"entries": entries}, "record_group_attendance.v1").json()
    assert [one["message_id"] for one in sent["receipts"]] == ["g-1 1", "g-1 2"]
    for one in sent["receipts"]:
        assert receipt(home, one["message_id"]).json() == one
    assert receipt(home, "g-1").json() == {name: value for name, value in sent.items() if name != "receipts"}


def test_of_one_client_several_days_are_sent_by_saying_once_who_it_is(home: House) -> None:
    """As with every message that a test sends, what was taken is held against its description (`described.Described`).

    source: integration.md 2
    """
    days = [attendance(home, day) for day in DAYS[:2]]
    (client,) = {day.pop("client") for day in days}
    group = {"client": client, "entries": days}
    sent = send(home, "g-1", group, "record_group_attendance.v1")
    assert (sent.status_code, [one["status"] for one in sent.json()["receipts"]]) == (201, ["recorded", "recorded"])
    refused = send(home, "g-2", {**group, "client": "nobody"}, "record_group_attendance.v1")
    assert (refused.status_code, {part["status"] for part in refused.json()["parts"]}) == (207, {"refused"})


def test_whose_message_it_was_not_is_told_what_he_is_told_of_one_that_never_was(home: House) -> None:
    send(home, "d-1", attendance(home))
    strangers = [(PROVIDER, "d-9"), (AUTHORITY, "d-1"), (OWN_WORKER, "d-1")]
    answers = [receipt(home, message_id, by) for by, message_id in strangers]
    assert [code(answer) for answer in answers] == [(404, "E_NOT_FOUND", "")] * 3
    assert len({answer.content for answer in answers}) == 1
    # nor does a client, who acts through the county's door, read its line
    client = Caller(OWN_WORKER.org, "organiser", "client", home.aino)
    own = home.get("/receipts", OWN_WORKER, limit=1).json()["receipts"][0]["message_id"]
    assert receipt(home, own, OWN_WORKER).status_code == 200
    assert code(receipt(home, own, client)) == (404, "E_NOT_FOUND", "")


@pytest.mark.parametrize("message_id", ["m" * 81, "ä", "a b", " 1", "a 1 1", "a 1000", "\t"])
def test_what_can_be_no_id_is_refused(message_id: str, home: House) -> None:
    assert code(receipt(home, message_id)) == (422, "E_QUERY", "/message_id")


# --- what waits ---


def test_what_waits_is_listed_until_it_has_its_last_receipt(home: House) -> None:
    assert home.get("/waiting", AUTHORITY).json()["waiting"] == []
    hold(home, "b-2", "b-1")
    answer = home.get("/waiting", AUTHORITY).json()
    assert "next" not in answer
    assert [one["message_id"] for one in answer["waiting"]] == ["b-1", "b-2"]
    line = {one["message_id"]: one for one in home.get("/receipts", AUTHORITY, limit=500).json()["receipts"]}
    for one in answer["waiting"]:
        assert one == line[one["message_id"]]
        assert (one["type"], one["status"], one["reason"]) == (BENEFITS, "waiting", "subject_unresolved")
        assert one["until"] == "2025-04-03T07:00:00+00:00"  # seven days after nine of 27 March in Helsinki
        assert one["number"] > 0
    # nobody else's is
    assert home.get("/waiting", PROVIDER).json()["waiting"] == []
    # and when its time is over, it is not there any more
    home.on(DAYS[-1].replace(month=4, day=10))
    home.settle()
    assert home.get("/waiting", AUTHORITY).json()["waiting"] == []
    assert receipt(home, "b-1", AUTHORITY).json()["codes"][0]["code"] == "E_WAITING_EXPIRED"


def test_what_waits_is_read_in_pages(home: House) -> None:
    hold(home, *(f"b-{number}" for number in range(5)))
    first = home.get("/waiting", AUTHORITY, limit=2)
    assert ([one["message_id"] for one in first.json()["waiting"]], first.json()["next"]) == (["b-0", "b-1"], "b-1")
    found, page = [], first
    while "next" in page.json():
        found += page.json()["waiting"]
        page = home.get("/waiting", AUTHORITY, limit=2, after=page.json()["next"])
    found += page.json()["waiting"]
    assert [one["message_id"] for one in found] == [f"b-{number}" for number in range(5)]


def test_what_stands_in_the_vault_and_was_promised_nothing_does_not_wait(home: House) -> None:
    """The record says what waits: who was killed before it was recorded was told nothing."""
    hold(home, "b-1")
    [kept] = home.wired.vault.held()
    home.wired.vault.keep_held(type(kept)(kept.sender_org, kept.sender_task, "b-0", kept.held_until_at, kept.payload))
    assert [one["message_id"] for one in home.get("/waiting", AUTHORITY).json()["waiting"]] == ["b-1"]


def test_what_waits_is_the_agencys_own_business(home: House) -> None:
    client = Caller(OWN_WORKER.org, "organiser", "client", home.aino)
    assert code(home.get("/waiting", client)) == (404, "E_NOT_FOUND", "")
    assert home.get("/waiting", None).status_code == 401
    assert code(home.get("/waiting", AUTHORITY, after="m" * 85)) == (422, "E_QUERY", "/after")
    assert code(home.get("/waiting", AUTHORITY, after="m\0")) == (422, "E_QUERY", "/after")
    assert code(home.get("/waiting", AUTHORITY, limit=501)) == (422, "E_QUERY", "/limit")


def test_who_may_let_no_more_wait_is_not_told_to_send_the_same_again(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6585 4: after 429 a program sends the same again by itself, and that id is refused for good"""
    monkeypatch.setattr("domain.store.receiving.answering.MOST_WAITING", 1)
    hold(home, "b-1")
    body = {"identity_code": UNKNOWN_CODE, **BENEFIT, "from_on": "2025-03-09"}
    over = send(home, "b-2", body, BENEFITS, "authority")
    assert (over.status_code, over.json()["codes"][0]["code"]) == (409, "E_TOO_MANY_WAITING")
    assert "retry-after" not in over.headers
