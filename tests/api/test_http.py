"""What the standards of HTTP say holds on every route: methods, content types, conditions, parameters, ids of requests.

source: RFC 9110, RFC 9457, the draft on Idempotency-Key, CloudEvents HTTP binding 1.0.2, design D13
"""

from __future__ import annotations

import gzip
import io
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import orjson
import pytest
from house import AINO, CODE, LEDGER, House, app_of, house, house_after
from stories import EXPERT, INSTRUCTOR, INTAKE, OWN_WORKER, PAYER, SOCIAL_WORKER, last

from api.request_ids import present_request_id, request_id
from consumers import wire
from consumers.log import Entry
from consumers.redelivery import WINDOW
from deploy.local.ports import free_port
from deploy.logs import lines_to
from deploy.serving import Server
from domain.context import Caller
from domain.disclosure.once_more import SentOnceMoreOften
from domain.log_ids import Concerning
from projections.audit import verify_chains

SYSTEM = Caller(INSTRUCTOR.org, "provider", "system", "system")
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("14", tmp_path_factory.mktemp("http")) as at:
        yield at


def services(home: House) -> str:
    return f"/clients/{home.name('county')}/parallel-services"


def service(note: str) -> dict[str, str]:
    return {"service": "other", "service_note": note, "told_by": "client", "from_on": "2025-03-04"}


def first_code(answer: Any) -> tuple[int, str, str]:
    one = answer.json()["codes"][0]
    return answer.status_code, one["code"], one["pointer"]


# --- methods ---


def test_a_method_that_an_address_does_not_have_is_answered_with_those_that_it_has(home: House) -> None:
    client = f"/ledgers/{LEDGER}/clients/{home.name('county')}"
    for method, path, allowed in (
        ("GET", f"{client}/attendance", "POST"),
        ("HEAD", f"{client}/attendance", "POST"),
        ("DELETE", f"{client}/history", "GET, HEAD"),
        ("POST", f"/ledgers/{LEDGER}/receipts", "GET, HEAD"),
        ("PUT", "/openapi.json", "GET, HEAD"),
        ("PATCH", "/", "GET, HEAD"),
        ("POST", "/asyncapi", "GET, HEAD"),
    ):
        answer = home.http.request(method, path, headers=home.headers(OWN_WORKER))
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), (method, path)
        assert method == "HEAD" or answer.json()["codes"][0]["code"] == "E_METHOD_NOT_ALLOWED"


def test_head_is_get_without_content_on_every_route_that_is_read(home: House) -> None:
    described = home.paths
    own_id = home.get("/receipts", OWN_WORKER, limit=1).json()["receipts"][0]["message_id"]
    about = {"client": home.name("county"), "message_id": own_id, "kind": "KB", "type": "attendance.recorded.v1"}
    named = {"ledger": LEDGER, "recipient": "county", "name": "county", **about}
    paths = [path.format_map(named) for path, methods in described.items() if "get" in methods and "{site" not in path]
    own = [f"/ledgers/{LEDGER}/out/county?wait=0", "/openapi.json", "/", "/docs", "/asyncapi", "/asyncapi/provider.yaml"]
    for path in (*(one for one in paths if not one.endswith("/out/county")), *own):
        read = home.http.get(path, headers=home.headers(OWN_WORKER))
        asked = home.http.head(path, headers=home.headers(OWN_WORKER))
        assert (asked.status_code, asked.content) == (read.status_code, b""), path
        for name in ("content-type", "content-length", "cache-control"):
            assert asked.headers.get(name) == read.headers.get(name), (path, name)


# --- content ---


def test_a_body_that_is_encoded_is_refused_with_advice(home: House) -> None:
    body = orjson.dumps(service("gzip"))
    for encoding, raw in (("gzip", gzip.compress(body)), ("br", body), ("identity, gzip", body), ("GZIP", b"\0")):
        answer = home.post(services(home), OWN_WORKER, raw, **{"content-encoding": encoding})
        assert first_code(answer) == (415, "E_CONTENT_ENCODING", "")
        assert answer.headers["accept-encoding"] == "identity"
        assert "Content-Encoding" in answer.json()["codes"][0]["what_to_do"]
    assert home.post(services(home), OWN_WORKER, body, **{"content-encoding": "identity"}).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        'application/json; charset="utf-8"',
        "application/json;charset=UTF-8",
        "Application/JSON ; charset=utf-8",
        'application/json; charset="UTF-8"; profile="a;b"',
    ],
)
def test_json_in_utf_8_is_taken_however_it_is_written(content_type: str, home: House) -> None:
    answer = home.post(services(home), OWN_WORKER, service(content_type), **{"content-type": content_type})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=latin-1", 'application/json; charset="utf-16"', "application/jsonx", "text/json", "json",
     "application/json; charset", 'application/json; charset="utf-8', STRUCTURED],
)  # fmt: skip
def test_anything_else_is_not(content_type: str, home: House) -> None:
    answer = home.post(services(home), OWN_WORKER, service("no"), **{"content-type": content_type})
    assert first_code(answer) == (415, "E_CONTENT_TYPE", "")
    assert answer.headers["accept"] == "application/json"


# --- conditions ---


def test_if_match_is_a_list_of_strong_tags(home: House) -> None:
    """RFC 9110 13.1.1: one of several is enough, `*` is anything that is there, a weak tag never matches."""
    old = home.post(services(home), OWN_WORKER, service("old")).headers["etag"]
    for number, given in enumerate(('{new}, "x"', '"x" ,, {new}', "{old}, {new}", "*", " {new} ")):
        new = home.post(services(home), OWN_WORKER, service(f"new {number}")).headers["etag"]
        named = {"if-match": given.format(old=old, new=new)}
        answer = home.post(services(home), OWN_WORKER, service(f"then {number}"), **named)
        assert answer.status_code == 201, (given, answer.text)
    new = home.post(services(home), OWN_WORKER, service("newest")).headers["etag"]
    for given in ("W/{new}", "{old}", '"x"', "x", "{new}, x", '"', "W/*", ","):
        answer = home.post(services(home), OWN_WORKER, service("never"), **{"if-match": given.format(old=old, new=new)})
        assert first_code(answer) == (412, "E_STALE_IF_MATCH", ""), given


def test_a_stale_if_match_does_not_use_up_the_key(home: House) -> None:
    old = home.post(services(home), OWN_WORKER, service("first")).headers["etag"]
    new = home.post(services(home), OWN_WORKER, service("second")).headers["etag"]
    head = home.wired.store.head()
    stale = home.post(services(home), OWN_WORKER, service("third"), key="stale-1", **{"if-match": old})
    assert first_code(stale) == (412, "E_STALE_IF_MATCH", "")
    assert "number" not in stale.json()
    assert home.wired.store.head() == head
    answer = home.post(services(home), OWN_WORKER, service("third"), key="stale-1", **{"if-match": new})
    assert answer.status_code == 201
    # The repeat of what was recorded gets its first answer, though the record has moved on by that very command.
    again = home.post(services(home), OWN_WORKER, service("third"), key="stale-1", **{"if-match": new})
    assert (again.status_code, again.json()["number"]) == (200, answer.json()["number"])


def test_what_is_read_has_a_tag_and_is_not_sent_twice(home: House) -> None:
    county = f"/recipients/county/clients/{home.name('county')}/case"
    for path in (county, f"/clients/{home.name('county')}/history", f"/clients/{home.name('county')}/told"):
        read = home.get(path, OWN_WORKER)
        tag = read.headers["etag"]
        assert tag.startswith('"')
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = home.get(path, OWN_WORKER, headers={"if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), (path, known)
        assert home.get(path, OWN_WORKER, headers={"if-none-match": '"x"'}).content == read.content
    page = home.http.get("/pages/style.css")
    assert home.http.get("/pages/style.css", headers={"if-none-match": page.headers["etag"]}).status_code == 304
    missing = home.get("/clients/nobody/history", OWN_WORKER, headers={"if-none-match": "*"})
    assert (missing.status_code, "etag" in missing.headers) == (404, False)


def test_another_answer_has_another_tag(home: House) -> None:
    path = f"/clients/{home.name('county')}/history"
    recorded, occurred = (home.get(path, OWN_WORKER, order=order).headers["etag"] for order in ("recorded", "occurrence"))
    assert recorded != occurred
    home.post(services(home), OWN_WORKER, service("one more"))
    assert home.get(path, OWN_WORKER, headers={"if-none-match": recorded}).status_code == 200


# --- keys ---


WITHOUT_A_KEY = {
    "/ledgers/{ledger}/in/{recipient}": "the id of the message is its key",
    "/ledgers/{ledger}/client-references": "a question: all that is recorded is that somebody looked",
    "/dev/tokens": "for development alone: nothing is recorded",
}


def test_whatever_changes_something_takes_a_key(home: House) -> None:
    described = home.paths
    without = set()
    for path, methods in described.items():
        assert not {"put", "patch", "delete"} & methods.keys(), path
        named = [one for one in methods.get("post", {}).get("parameters", ()) if one["name"] == "Idempotency-Key"]
        if "post" in methods and not (named and named[0]["required"]):
            without.add(path)
    assert without <= WITHOUT_A_KEY.keys()
    assert without >= WITHOUT_A_KEY.keys() - {"/dev/tokens"}


def test_every_address_that_takes_a_key_wants_it(home: House) -> None:
    described = home.paths
    named = {"ledger": LEDGER, "recipient": "county", "client": home.name("county")}
    head = home.wired.store.head()
    for path in [path for path, methods in described.items() if "post" in methods and path not in WITHOUT_A_KEY]:
        headers = home.headers(OWN_WORKER, **{"content-type": "application/json"})
        answer = home.http.post(path.format_map(named), content=b"{}", headers=headers)
        assert first_code(answer) == (400, "E_IDEMPOTENCY_KEY_MISSING", ""), path
    assert home.wired.store.head() == head


def test_a_redelivery_is_begun_once_under_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house_after("14", tmp_path) as home:
        # given a redelivery that was recorded, and broke off before its epoch began
        with monkeypatch.context() as broken:
            broken.setattr("consumers.disclosure.begin", lambda *_, **__: 1 // 0)
            assert home.post("/redeliveries", PAYER, {}, key="r-1").status_code == 500
        assert home.get("/out/kela-payment", PAYER, wait=0).json()["epoch"] == 1
        # when it is asked for again, and once more because the answer was lost, then there is one epoch
        answers = [home.post("/redeliveries", PAYER, body, key="r-1") for body in ({}, b"", {})]
        assert [(one.status_code, one.json()["epoch"]) for one in answers] == [(200, 2)] * 3
        # and each says how much of it has been repeated
        whole = answers[0].json()["publications"]
        assert whole == home.wired.store.stream_version("recipient/kela-payment/1") > 0
        assert [one.json()["repeated"] for one in answers] == [min(whole, WINDOW)] * 3
        assert home.get("/out/kela-payment", PAYER, wait=0).json()["epoch"] == 2
        home.settle()
        assert answers[0].json()["number"] == home.receipts("kela-payment")[-1]["number"]
        assert home.receipts("kela-payment")[-1]["type"] == "redelivery.requested.v1"
        # and another key begins another one
        other = home.post("/redeliveries", PAYER, {}, key="r-2")
        assert (other.status_code, other.json()["status"], other.json()["epoch"]) == (202, "recorded", 3)
        assert home.post("/redeliveries", PAYER, {}, key="r-1").json()["epoch"] == 2
        home.settle()
        store = home.wired.store
        assert verify_chains(store.records(0, store.head() + 1), store.opened) == []


def test_the_key_of_a_redelivery_stands_for_nothing_else(home: House) -> None:
    taken = home.post(services(home), OWN_WORKER, service("taken"), key="taken-1")
    assert taken.status_code == 201
    head = home.wired.store.head()
    assert first_code(home.post("/redeliveries", OWN_WORKER, {}, key="taken-1")) == (422, "E_KEY_REUSED", "")
    assert home.wired.store.head() == head


def test_a_key_belongs_to_the_person_who_uses_it(home: House) -> None:
    other = Caller(OWN_WORKER.org, OWN_WORKER.task, OWN_WORKER.role, "another-own-worker")
    answers = [home.post(services(home), by, service(by.person), key="shared-1") for by in (OWN_WORKER, other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    again = [home.post(services(home), by, service(by.person), key="shared-1") for by in (OWN_WORKER, other)]
    assert [one.json()["references"] for one in again] == [one.json()["references"] for one in answers]
    # Each names the part by the own key.
    for by, answer in zip((OWN_WORKER, other), answers, strict=True):
        path = f"/clients/{home.name('county')}/stopped-parallel-services"
        stopped = home.post(path, by, {"parallel_service_id": "message:shared-1"})
        assert stopped.status_code == 201, stopped.text
        part = home.wired.pseudonyms("county").reference(answer.json()["references"]["parallel_service_id"])
        assert home.pathway.parallel_services[part].stopped is not None


def test_a_key_of_a_registration_belongs_to_the_person_too(home: House) -> None:
    body = {"identity_kind": "none", "registered_from": "own_contact", "family_name": "Yksi", "given_names": "Uusi"}
    other = Caller(INTAKE.org, INTAKE.task, INTAKE.role, "another-intake")
    first, second = (
        home.post("/clients", by, {**body, "family_name": name}, key="new-1")
        for by, name in ((INTAKE, "Yksi"), (other, "Kaksi"))
    )
    assert (first.status_code, second.status_code) == (201, 201), second.text
    assert first.json()["references"] != second.json()["references"]


def test_a_wish_without_effect_keeps_its_key(home: House) -> None:
    path = f"/clients/{home.name('county')}/received-referrals"
    body = {"referral_id": home.name("county", last(home.pathway.referrals)), "received_via": "electronic"}
    first = home.post(path, INTAKE, body, key="idle-1")
    assert (first.status_code, first.json()["codes"][0]["code"]) == (200, "IDEMPOTENT")
    assert "number" not in first.json()
    head = home.wired.store.head()
    again = home.post(path, INTAKE, body, key="idle-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = home.post(path, INTAKE, {**body, "received_via": "phone"}, key="idle-1")
    assert first_code(other)[:2] == (422, "E_KEY_REUSED")
    assert home.wired.store.head() == head


def test_a_header_that_stands_twice_is_not_chosen_from(home: House) -> None:
    head = home.wired.store.head()
    for path, name, by in ((services(home), "idempotency-key", OWN_WORKER), ("/in/provider-s01", "ce-id", SYSTEM)):
        plain = {"content-type": "application/json", "idempotency-key": "k", "ce-id": "k", "ce-specversion": "1.0"}
        twice = [*home.headers(by, **plain).items(), ("ce-type", "x.v1"), (name, "other")]
        answer = home.http.post(f"/ledgers/{LEDGER}{path}", content=b"{}", headers=twice)
        assert first_code(answer)[:2] == (400, "E_ENVELOPE"), name
    assert home.wired.store.head() == head


# --- parameters ---


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/recipients/county/clients/{client}/case", "known_At=2025-03-10", "/known_At"),
        ("/recipients/county/clients/{client}/case", "on=2025-03-10&on=2025-03-11", "/on"),
        ("/clients/{client}/history", "odrer=recorded", "/odrer"),
        ("/clients/{client}/as-of", "on=2025-03-10&known=2025-03-10", "/known"),
        ("/clients/{client}/told", "by=2025-03-10", "/by"),
        ("/receipts", "after=3", "/after"),
        ("/receipts", "since=0&since=1", "/since"),
        ("/out/county", "wait=0&from=1", "/from"),
        ("/health", "x", "/x"),
        ("/../../asyncapi", "task=provider", "/task"),
    ],
)
def test_a_parameter_that_there_is_none_of_is_never_answered_with_the_default(
    path: str, query: str, pointer: str, home: House
) -> None:
    at = f"/ledgers/{LEDGER}{path.format(client=home.name('county'))}".replace(f"/ledgers/{LEDGER}/../..", "")
    answer = home.http.get(f"{at}?{query}" if "=" in query else f"{at}?{query}=", headers=home.headers(OWN_WORKER))
    assert first_code(answer) == (400, "E_PARAMETER", pointer)
    assert isinstance(answer.json()["parameters"], list)


def test_a_command_that_is_to_be_tried_dry_on_a_route_without_that_is_not_recorded(home: House) -> None:
    head = home.wired.store.head()
    answer = home.post(f"{services(home)}?dry_run=true", OWN_WORKER, service("dry"))
    assert first_code(answer) == (400, "E_PARAMETER", "/dry_run")
    assert answer.json()["parameters"] == []
    misspelt = home.post("/in/provider-s01?dryrun=true", SYSTEM, {}, **{"ce-id": home.id(), "ce-type": "x.v1"})
    assert (first_code(misspelt), misspelt.json()["parameters"]) == ((400, "E_PARAMETER", "/dryrun"), ["dry_run"])
    assert home.wired.store.head() == head


# --- lines ---


def test_a_place_that_a_line_never_had_is_refused(home: House) -> None:
    told = home.get("/out/kela-payment", PAYER, wait=0, limit=500).json()
    end, epoch = told["next"], told["epoch"]
    assert home.get("/out/kela-payment", PAYER, wait=0, after=end).json()["publications"] == []
    for query, pointer in (
        ({"after": end + 1}, "/after"),
        ({"after": 2**63 - 1}, "/after"),
        ({"after": end + 1, "epoch": epoch}, "/after"),
        ({"epoch": epoch + 1}, "/epoch"),
        ({"epoch": epoch + 7, "after": 3}, "/epoch"),
    ):
        answer = home.get("/out/kela-payment", PAYER, wait=0, **query)
        assert first_code(answer) == (409, "E_NO_SUCH_PLACE", pointer), query
    numbered = home.get("/receipts", OWN_WORKER, limit=500).json()["next"]
    assert home.get("/receipts", OWN_WORKER, since=numbered).json()["receipts"] == []
    assert first_code(home.get("/receipts", OWN_WORKER, since=numbered + 1)) == (409, "E_NO_SUCH_PLACE", "/since")


def test_a_redelivery_to_somebody_who_was_never_told_anything_would_change_nothing(tmp_path: Path) -> None:
    with house(tmp_path) as fresh:
        fresh.lay_out()
        assert first_code(fresh.post("/redeliveries", PAYER, {})) == (409, "E_NO_CHANGE", "")


def test_a_redelivery_begins_when_everything_is_told_that_was_recorded_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.redelivery.TOLD_WITHIN_S", 0.0)
    with house_after("14", tmp_path) as home:
        assert home.post(services(home), OWN_WORKER, service("untold")).status_code == 201
        head = home.wired.store.head()
        behind = home.post("/redeliveries", PAYER, {}, key="r-1")
        assert first_code(behind) == (503, "E_NOT_AT_HEAD", "")
        assert (behind.headers["retry-after"], home.wired.store.head()) == ("1", head)
        home.settle()
        begun = home.post("/redeliveries", PAYER, {}, key="r-1")
        assert (begun.status_code, begun.json()["status"], begun.json()["epoch"]) == (202, "recorded", 2)


LIMITED = ('"redeliveries";q=3;w=86400', '"redeliveries";r=0;t=7201')
"""Three in 24 hours, none left. source: RFC 9651 3.1"""


def test_who_had_everything_sent_again_too_often_is_told_where_it_stands_and_when_to_ask(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def often(*_: object) -> None:
        raise SentOnceMoreOften(4, timedelta(hours=2, milliseconds=1))

    monkeypatch.setattr(home.wired.disclosure, "redeliver_once", often)
    answer = home.post("/redeliveries", PAYER, {})
    assert first_code(answer) == (429, "E_TOO_MANY_REDELIVERIES", "")
    assert (answer.headers["retry-after"], answer.json()["epoch"]) == ("7201", 4)
    assert (answer.headers["ratelimit-policy"], answer.headers["ratelimit"]) == LIMITED


def test_a_redelivery_takes_no_body_but_an_empty_one(home: House) -> None:
    """docs/explanation/integration.md 4: for every route a body is JSON in UTF-8 and not compressed"""
    for body, headers, expected in (
        (b'{"bogus": 1}', {}, (400, "E_FIELD_NOT_ALLOWED", "/bogus")),
        (b"junk", {"content-encoding": "gzip"}, (415, "E_CONTENT_ENCODING", "")),
        (b"<a/>", {"content-type": "text/xml"}, (415, "E_CONTENT_TYPE", "")),
    ):
        asked = {**home.headers(PAYER), "content-type": "application/json", "idempotency-key": "r-1", **headers}
        answer = home.http.post(f"/ledgers/{LEDGER}/redeliveries", content=body, headers=asked)
        assert first_code(answer)[1:] == expected[1:], answer.text
        assert answer.status_code in (expected[0], 422)


def test_a_wrong_parameter_is_named_once_and_by_its_name(home: House) -> None:
    for query in ("by=0", "by=1e400"):
        answer = home.http.get(
            f"/ledgers/{LEDGER}/clients/{home.name('county')}/told/kela-payment?{query}", headers=home.headers(OWN_WORKER)
        )
        assert [code["pointer"] for code in answer.json()["codes"]] == ["/by"]


def test_the_keys_of_two_workers_are_two_in_the_audit_too(home: House) -> None:
    """design D13: a key belongs to organisation, task and person"""
    for person in ("W-01", "W-02"):
        by = replace(OWN_WORKER, person=person)
        assert home.post(services(home), by, service("of " + person), key="one-for-two").status_code == 201
    store = home.wired.store
    assert verify_chains(store.records(0, store.head() + 1), store.opened) == []


# --- messages ---


def day(home: House, on: str, **more: Any) -> dict[str, Any]:
    home.on(date(2025, 4, 4))
    named = {"client": home.name("provider-s01"), "period_id": home.name("provider-s01", last(home.pathway.periods))}
    return {**named, "day_status": "present", "hours": 5, "occurred_on": on, **more}


def test_a_group_of_whom_some_are_refused_is_answered_one_by_one(home: House) -> None:
    good, bad = day(home, "2025-03-31"), day(home, "2025-03-31", client="nobody")
    headers = {"ce-type": "record_group_attendance.v1"}
    mixed = home.post("/in/provider-s01", SYSTEM, {"entries": [good, bad]}, **headers, **{"ce-id": "g-1"})
    assert mixed.status_code == 207, mixed.text
    assert [part["status"] for part in mixed.json()["parts"]] == ["recorded", "refused"]
    assert [part["message_id"] for part in mixed.json()["parts"]] == ["g-1 1", "g-1 2"]
    assert mixed.json()["codes"][0]["pointer"] == "/entries/1/client"
    again = home.post("/in/provider-s01", SYSTEM, {"entries": [good, bad]}, **headers, **{"ce-id": "g-1"})
    assert again.status_code == 207
    assert home.post("/in/provider-s01", SYSTEM, {"entries": [bad]}, **headers, **{"ce-id": "g-2"}).status_code == 207
    whole = home.post("/in/provider-s01", SYSTEM, {"entries": [day(home, "2025-04-01")]}, **headers, **{"ce-id": "g-3"})
    assert whole.status_code == 201


def test_a_message_is_taken_in_structured_mode_too(home: House) -> None:
    body = day(home, "2025-04-02")
    event = {"specversion": "1.0", "id": "s-1", "type": "record_attendance.v1", "source": "urn:s01", "data": body}
    for content_type in (STRUCTURED, f'{STRUCTURED}; charset="utf-8"'):
        answer = home.post("/in/provider-s01", SYSTEM, event, **{"content-type": content_type})
        assert answer.json()["message_id"] == "s-1"
        assert answer.status_code == (201 if content_type == STRUCTURED else 200), answer.text
    # The same in binary mode is the same message.
    binary = {"ce-id": "s-1", "ce-type": "record_attendance.v1"}
    assert home.post("/in/provider-s01", SYSTEM, body, **binary).json()["first"] == "recorded"


@pytest.mark.parametrize(
    "beside",
    [{"retries": 3}, {"sampled": True}, {"subject": None}, {"datacontenttype": None}, {"comexamplex": "x", "time": None}],
)
def test_attributes_of_every_kind_that_the_format_knows_are_taken(beside: dict[str, Any], home: House) -> None:
    """CloudEvents JSON format 1.0.2, 2.2: a boolean, a whole number, and null for what is not there."""
    event = {"specversion": "1.0", "id": home.id(), "type": "record_attendance.v1", "data": {}, **beside}
    answer = home.post("/in/provider-s01?dry_run=true", SYSTEM, event, **{"content-type": STRUCTURED})
    assert (answer.json()["status"], answer.json()["message_id"]) == ("refused", event["id"]), answer.text


@pytest.mark.parametrize(
    ("written", "meant"),
    [("s%2D2", "s-2"), ("50%25", "50%"), ('"q-1"', "q-1"), ('"q\\-%31"', "q-1"), ("a%zz", "a%zz")],
)
def test_an_id_in_a_header_is_that_of_the_body_and_of_the_topic(written: str, meant: str, home: House) -> None:
    """CloudEvents HTTP binding 1.0.2, 3.1.3.2: values of headers are percent-encoded, and may be quoted."""
    headers = {"ce-id": written, "ce-type": "record_attendance.v1"}
    answer = home.post("/in/provider-s01?dry_run=true", SYSTEM, {}, **headers)
    assert answer.json()["message_id"] == meant
    wrong = home.post("/in/provider-s01?dry_run=true", SYSTEM, {}, **{**headers, "ce-id": "%20"})
    assert first_code(wrong) == (400, "E_ENVELOPE", "/ce-id")


@pytest.mark.parametrize("path", ["/client-references", "/in/provider-s01"])
def test_names_that_there_are_none_of_are_all_told_with_pointers_that_fit(path: str, home: House) -> None:
    """RFC 6901; integration.md 2: all faults at once, and no answer as long as what was asked."""
    body = {"a/b~c": 1.5, "k" * 200_000: [], "z": {}}
    content_type = STRUCTURED if path != "/client-references" else "application/json"
    answer = home.post(path, SYSTEM, body, **{"content-type": content_type})
    pointers = [one["pointer"] for one in answer.json()["codes"]]
    assert pointers[0] == "/a~1b~0c"
    assert {len(one) for one in pointers} >= {2, 200}
    assert len(answer.content) < 3_000


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"id": None}, "E_ENVELOPE", "/id"),
        ({"specversion": None}, "E_ENVELOPE", "/specversion"),
        ({"specversion": "0.3"}, "E_ENVELOPE", "/specversion"),
        ({"type": 7}, "E_ENVELOPE", "/type"),
        ({"retries": 1.5}, "E_ENVELOPE", "/retries"),
        ({"subject": 1}, "E_ENVELOPE", "/subject"),
        ({"data": None}, "E_ENVELOPE", "/data"),
        ({"data_base64": "e30="}, "E_ENVELOPE", "/data_base64"),
        ({"datacontenttype": "text/xml"}, "E_CONTENT_TYPE", "/datacontenttype"),
    ],
)
def test_a_structured_message_that_is_none_is_refused(changes: dict[str, Any], code: str, pointer: str, home: House) -> None:
    event = {"specversion": "1.0", "id": home.id(), "type": "record_attendance.v1", "data": {}, **changes}
    event = {name: value for name, value in event.items() if value is not None}
    answer = home.post("/in/provider-s01", SYSTEM, event, **{"content-type": STRUCTURED})
    assert answer.json()["codes"][0]["code"] == code
    assert [one["pointer"] for one in answer.json()["codes"]] == [pointer]


@pytest.mark.parametrize(("name", "wrong"), [
    ("id", ""), ("id", "with a blank"), ("id", None), ("type", "No Type"), ("type", None), ("specversion", "0.3"),
    ("specversion", None), ("actorperson", "Aino Esimerkki"), ("actorperson", 7),
])  # fmt: skip
def test_a_wrong_attribute_is_named_as_its_sender_wrote_it(name: str, wrong: Any, home: House) -> None:
    """integration.md 2: a member of a structured message, a header over HTTP, a header of a record"""
    right = {"id": home.id(), "type": "record_attendance.v1", "specversion": "1.0", "actorperson": "P-1"}
    given = {key: value for key, value in {**right, name: wrong}.items() if value is not None}
    structured = home.post("/in/provider-s01", SYSTEM, {**given, "data": {}}, **{"content-type": STRUCTURED})
    assert first_code(structured) == (400, "E_ENVELOPE", f"/{name}")
    texts = {key: "with a blank" if value == 7 else value for key, value in given.items()}
    binary = {"authorization": home.headers(SYSTEM)["authorization"], "content-type": "application/json"}
    headers = {**binary, **{f"ce-{key}": value for key, value in texts.items()}}
    answer = home.http.post(f"/ledgers/{LEDGER}/in/provider-s01", content=b"{}", headers=headers)
    assert first_code(answer) == (400, "E_ENVELOPE", f"/ce-{name}")
    entry = Entry(None, b"{}", tuple((f"ce_{key}", value.encode()) for key, value in sorted(texts.items())))
    home.wired.broker.append([(wire.in_topic(LEDGER, "provider-s01"), entry)])
    home.settle()
    receipt = home.receipts("provider-s01")[-1]
    assert [(one["code"], one["pointer"]) for one in receipt["codes"]] == [("E_ENVELOPE", f"/ce_{name}")]


def test_an_attribute_that_stands_twice_is_named_as_its_header(home: House) -> None:
    twice = [*home.headers(SYSTEM, **{"content-type": "application/json"}).items(), ("ce-id", "a"), ("ce-id", "b")]
    answer = home.http.post(f"/ledgers/{LEDGER}/in/provider-s01", content=b"{}", headers=twice)
    assert first_code(answer) == (400, "E_ENVELOPE", "/ce-id")


def test_everything_that_is_wrong_with_a_structured_message_is_told_at_once(home: House) -> None:
    event = {"id": 7, "type": "record_attendance.v1", "retries": 1.5, "datacontenttype": "text/xml"}
    answer = home.post("/in/provider-s01", SYSTEM, event, **{"content-type": STRUCTURED})
    pointers = [one["pointer"] for one in answer.json()["codes"]]
    assert pointers == ["/retries", "/data", "/datacontenttype", "/id", "/specversion"]


def test_a_batch_is_refused_with_advice(home: House) -> None:
    answer = home.post("/in/provider-s01", SYSTEM, [], **{"content-type": BATCH})
    assert first_code(answer) == (415, "E_BATCH", "")
    assert "message" in answer.json()["codes"][0]["what_to_do"]
    assert answer.headers["accept"] == f"application/json, {STRUCTURED}"


def test_a_message_without_the_version_of_its_envelope_is_refused_over_http_and_over_kafka(home: House) -> None:
    body = day(home, "2025-04-03")
    without = {"ce-id": home.id(), "ce-type": "record_attendance.v1", "ce-specversion": ""}
    assert first_code(home.post("/in/provider-s01", SYSTEM, body, **without))[:2] == (400, "E_ENVELOPE")
    home.send("provider-s01", "without-1", "record_attendance.v1", body, specversion=None)
    home.settle()
    receipt = home.receipts("provider-s01")[-1]
    assert (receipt["message_id"], receipt["status"]) == ("without-1", "quarantined")
    assert receipt["codes"][0]["code"] == "E_ENVELOPE"


def test_unreadable_bytes_are_answered_to_each_message_that_brings_them(home: House) -> None:
    """integration.md 2: always one answer; `already_recorded` is the same id with the same content, by whichever way."""
    system = Caller(EXPERT.org, EXPERT.task, "system", "system")
    send = {"ce-type": "start_plan.v1"}
    sent = [home.post("/in/authority", system, b"{", **send, **{"ce-id": one}) for one in ("b-1", "b-2", "b-1")]
    answers = [one.json() for one in sent]
    assert [one.status_code for one in sent] == [400, 400, 400]
    assert [one["status"] for one in answers] == ["quarantined", "quarantined", "already_recorded"]
    assert [one["message_id"] for one in answers] == ["b-1", "b-2", "b-1"]
    assert [one["number"] - answers[0]["number"] for one in answers] == [0, 1, 0]
    home.send("authority", "b-3", "start_plan.v1", b"{")
    home.settle()
    [receipt] = [one for one in home.receipts("authority") if one["message_id"] == "b-3"]
    assert (receipt["status"], receipt["number"]) == ("quarantined", answers[0]["number"] + 2)


# --- requests ---


def test_every_answer_names_its_request(home: House) -> None:
    client = f"/ledgers/{LEDGER}/clients/{home.name('county')}"
    for method, path, by in (
        ("GET", f"{client}/history", OWN_WORKER),
        ("GET", f"{client}/history", None),
        ("GET", f"{client}/history", SOCIAL_WORKER),
        ("DELETE", f"{client}/history", OWN_WORKER),
        ("GET", "/nothing", None),
        ("GET", "/openapi.json", None),
        ("POST", f"{client}/attendance", EXPERT),
    ):
        headers = {**home.headers(by), "x-request-id": "my-own.request_1"}
        answer = home.http.request(method, path, headers=headers)
        assert answer.headers["x-request-id"] == "my-own.request_1", path
        assert answer.status_code < 400 or answer.json()["request_id"] == "my-own.request_1"
        made = {home.http.request(method, path, headers={**headers, "x-request-id": bad}).headers["x-request-id"]
                for bad in ("short", "with a space", "x" * 65, "of-010190-904B", "a\x7fbcdefgh", "")}  # fmt: skip
        assert len(made) == 6
        assert all(len(one) == 32 for one in made)


@pytest.mark.parametrize("path", ["/", "/openapi.json", f"/ledgers/{LEDGER}/health", "/dev/people", "/nothing"])
@pytest.mark.parametrize(
    "host", ["elsewhere.example", "localhost.elsewhere.example", "elsewhere.example:8000", "127.0.0.1@elsewhere.example",
             "127.0.0.1:8000:9000", "[::2]", "::1", "localhost:x", "testserver", ""]
)  # fmt: skip
def test_a_request_to_somebody_elses_name_is_a_problem(path: str, host: str, home: House) -> None:
    """source: RFC 9110 7.4; a page from elsewhere whose name leads to this machine is answered nothing."""
    answer = home.http.get(path, headers={"host": host, "accept-language": "sv"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert [one["code"] for one in answer.json()["codes"]] == ["E_HOST"]
    assert answer.headers["content-language"] == "sv"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:9", "[::1]", "[::1]:8000"])
def test_a_request_to_a_name_of_this_machine_is_answered(host: str, home: House) -> None:
    for path in ("/asyncapi", "/dev/people"):
        assert home.http.get(path, headers={"host": host}).status_code == 200


def test_an_id_that_is_made_is_one_that_stands_in_problems_and_log_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two thousand that are made by chance looks like a personal identity code, and was left out of both."""
    made = iter([UUID("e0e455cc021043d69280977004af22ec"), UUID("0f8fad5bd9cb469fa16570867728950e")])
    monkeypatch.setattr("api.request_ids.uuid.uuid4", lambda: next(made))
    with Concerning({"request_id": request_id("")}):
        assert present_request_id() == "0f8fad5bd9cb469fa16570867728950e"


def test_an_id_that_a_machine_made_is_kept_and_one_with_a_persons_code_in_it_is_not() -> None:
    """docs/explanation/integration.md 4; some of these UUIDs have a code's digits and letters in its order by chance."""
    made = [UUID(int=n**9 * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for n in range(1, 200)]
    assert [one for one in made if (one.hex, str(one)) != (request_id(one.hex), request_id(str(one)))] == []
    for code in (CODE, CODE.lower(), "010190-904B"):
        assert request_id(f"of-{code}") != f"of-{code}"
        assert request_id(f"{code}.again") != f"{code}.again"
    assert request_id(f"client{CODE}x") != f"client{CODE}x"


def test_a_mistake_of_ours_is_found_in_the_log_by_its_request(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.replay.history", lambda *_: 1 // 0)
    stream = io.StringIO()
    handler, log = lines_to(stream), logging.getLogger("kuty.api")
    log.addHandler(handler)
    try:
        answer = home.get(f"/clients/{home.name('county')}/history", OWN_WORKER, headers={"x-request-id": "broken-1"})
    finally:
        log.removeHandler(handler)
    assert (answer.status_code, answer.json()["request_id"], answer.headers["x-request-id"]) == (500, "broken-1", "broken-1")
    assert orjson.loads(stream.getvalue().splitlines()[-1])["request_id"] == "broken-1"
    assert AINO not in stream.getvalue()


def test_who_waits_is_answered_when_the_server_stops(tmp_path: Path) -> None:
    with house_after("14", tmp_path) as home:
        end = home.get("/out/kela-payment", PAYER, wait=0, limit=500).json()["next"]
        app = app_of(home.wired)
        server = Server(app, "127.0.0.1", port := free_port())
        server.start()
        answers: list[Any] = []
        path = f"http://127.0.0.1:{port}/ledgers/{LEDGER}/out/kela-payment?wait=25&after={end}"
        waiting = threading.Thread(target=lambda: answers.append(fetched(path, home.headers(PAYER))))
        waiting.start()
        # when the server stops while somebody waits
        give_up_at = time.monotonic() + 20
        while not app.state.waits and time.monotonic() < give_up_at:
            time.sleep(0.01)
        began = time.monotonic()
        server.stop()
        waiting.join(20)
        # then he is answered long before his 25 seconds are over
        assert time.monotonic() - began < 20
        [(status, content)] = answers
        assert (status, content["publications"], content["next"]) == (200, [], end)


def fetched(address: str, headers: dict[str, str]) -> tuple[int, Any]:
    with urlopen(Request(address, headers=headers), timeout=30) as answer:
        return answer.status, orjson.loads(answer.read())
