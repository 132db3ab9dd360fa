"""What agencies' systems are answered, held against its description, and what its headers say.

source: RFC 8288, RFC 8631, RFC 9110, RFC 9651, integration.md 2, 3 and 4
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import yaml
from house import CODE, UNKNOWN_CODE, House, house_after
from provider_days import BENEFIT, attendance, week_after
from stories import EXPERT, INSTRUCTOR, OWN_WORKER, PAYER, STEPS

from api.problems import problem_response
from deploy.describe.asyncapi import document_of, documented
from domain.context import Caller
from domain.disclosure.once_more import Allowance
from domain.messages import message_types
from domain.refusals import Reason, refusals
from projections.kinds import kinds

PROVIDER = Caller(INSTRUCTOR.org, "provider", "system", "system")
AUTHORITY = Caller(EXPERT.org, EXPERT.task, "system", "system")
LEDGER = "/ledgers/{ledger}"
DAY = {"ce-type": "record_attendance.v1"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with week_after(tmp_path_factory.mktemp("answers")) as at:
        yield at


@pytest.fixture(scope="module")
def described(home: House) -> dict[str, Any]:
    document: dict[str, Any] = home.http.get("/openapi.json").json()
    return document


def links(answer: Any) -> dict[str, str]:
    """By relation, where the links of an answer lead from the address that was asked for. source: RFC 8288 3"""
    found = re.findall(r'<([^>]*)>; rel="([a-z-]+)"', answer.headers.get("link", ""))
    return {rel: urljoin(str(answer.url), target) for target, rel in found}


def vary(answer: Any) -> set[str]:
    return {name.strip().lower() for name in answer.headers.get("vary", "").split(",") if name.strip()}


# --- described ---


def test_every_sort_of_answer_comes_and_is_as_it_is_described(home: House) -> None:
    """Each of them is held against the description as it comes (`described.Described`)."""
    body = {"identity_code": UNKNOWN_CODE, **BENEFIT}
    group = {"entries": [attendance(home, client="nobody"), attendance(home)]}
    sent = [
        home.post("/in/provider-s01", PROVIDER, group, **{"ce-type": "record_group_attendance.v1", "ce-id": "g-1"}),
        home.post("/in/provider-s01", PROVIDER, attendance(home), **DAY, **{"ce-id": "d-1"}),
        home.post("/in/provider-s01", PROVIDER, attendance(home, hours=7), **DAY, **{"ce-id": "d-2"}),
        home.post("/in/provider-s01", PROVIDER, attendance(home, client=3), **DAY, **{"ce-id": "d-3"}),
        home.post("/in/provider-s01", PROVIDER, b"{", **DAY, **{"ce-id": "d-4"}),
        home.post("/in/provider-s01", PROVIDER, b"{", **DAY, **{"ce-id": ""}),
        home.post("/in/authority", AUTHORITY, body, **{"ce-type": "change_benefit_status.v1", "ce-id": "b-1"}),
    ]
    assert [one.status_code for one in sent] == [207, 200, 409, 422, 400, 400, 202]
    assert [one.headers["content-type"] for one in sent[-3:-1]] == ["application/json", "application/problem+json"]
    home.settle()
    asked = (
        home.get("/receipts", PROVIDER, limit=500),
        home.get("/receipts", PROVIDER, since=10_000),
        home.get("/receipts/g-1", PROVIDER),
        home.get("/receipts/nothing", PROVIDER),
        home.get("/waiting", AUTHORITY),
        home.get("/waiting", AUTHORITY, limit=0),
        home.get("/out/provider-s01", PROVIDER, wait=0, limit=500),
        home.get("/out/provider-s01", PROVIDER, wait=0, epoch=9),
        home.get("/out/provider-s01", PROVIDER, wait=0, nothing=9),
        home.get("/out/provider-s01/status", PROVIDER),
        home.get("/out/provider-s02/status", PROVIDER),
        home.post("/client-references", PROVIDER, {"identity_code": CODE}),
        home.post("/client-references", PROVIDER, {"identity_code": UNKNOWN_CODE}),
        home.post("/redeliveries", PAYER, {}, key="r-1"),
        home.post("/redeliveries", PAYER, {}, key="r-1"),
    )
    assert [one.status_code for one in asked] == [200, 409, 200, 404, 200, 422, 200, 409, 400, 200, 404, 200, 404, 202, 200]
    home.settle()


def test_the_doors_of_agency_systems_have_names_that_a_program_can_have(described: dict[str, Any]) -> None:
    named = {
        way["operationId"]
        for methods in described["paths"].values()
        for way in methods.values()
        if way["tags"] == ["agency systems"]
    }
    assert named == {
        "send_message", "read_receipts", "read_receipt", "read_waiting", "read_publications", "read_out_status", "redeliver",
        "client_reference",
    }  # fmt: skip


def reached(document: dict[str, Any], name: str) -> str:
    """The text of a schema and of all that it names, and so on."""
    schemas, wanted, texts = document["components"]["schemas"], {name}, dict[str, str]()
    while new := wanted - texts.keys():
        texts |= {one: str(schemas[one]) for one in new}
        wanted |= set(re.findall(r"#/components/schemas/(\w+)", "".join(texts.values())))
    return "".join(texts.values())


def test_a_field_without_a_value_is_described_as_left_out_and_never_as_null(described: dict[str, Any]) -> None:
    for name in ("Receipt", "PublicationPage", "Publication", "OutStatus", "WaitingMessages", "Redelivery"):
        assert "null" not in reached(described, name), name


# --- the state of a line ---


def test_the_status_says_where_the_line_stands(home: House) -> None:
    told = home.get("/out/kela-payment", PAYER, wait=0, limit=500).json()
    status = home.get("/out/kela-payment/status", PAYER).json()
    assert (status["recipient"], status["epoch"], status["last"]) == ("kela-payment", told["epoch"], told["next"])
    oldest = home.get("/out/kela-payment", PAYER, wait=0, until=status["oldest"]).json()["publications"]
    assert [one["headers"]["ce_logsequence"] for one in oldest] == [str(status["oldest"])] == ["1"]
    assert "history" not in status


def test_the_lag_is_what_the_topic_does_not_have_yet(tmp_path: Path) -> None:
    with week_after(tmp_path) as home:
        at = lambda: home.get("/out/kela-payment/status", PAYER).json()  # noqa: E731
        before = at()
        assert before["lag"] == 0
        home.post("/in/provider-s01", PROVIDER, attendance(home), **DAY, **{"ce-id": "d-1"})
        while home.wired.disclosure.step():
            pass
        # when the publication is recorded, and the broker has not taken it, then it can be read here already
        told = at()
        assert (told["last"], told["lag"]) == (before["last"] + 1, 1)
        assert home.get("/out/kela-payment", PAYER, wait=0, after=before["last"]).json()["next"] == told["last"]
        home.settle()
        assert (at()["last"], at()["lag"]) == (told["last"], 0)
        # and what others are told meanwhile moves nothing
        service = {"service": "other", "service_note": "x", "told_by": "client", "from_on": "2025-03-04"}
        assert home.post(f"/clients/{home.name('county')}/parallel-services", OWN_WORKER, service).status_code == 201
        assert at() == {**told, "lag": 0}
        while home.wired.disclosure.step():
            pass
        assert at() == {**told, "lag": 0}


def test_a_redelivery_on_its_way_shows_how_far_it_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.redelivery.WINDOW", 3)
    with week_after(tmp_path) as home:
        monkeypatch.setattr(home.wired.disclosure, "_window", 3)
        whole = home.get("/out/kela-payment/status", PAYER).json()["last"]
        home.post("/redeliveries", PAYER, {})
        status = home.get("/out/kela-payment/status", PAYER).json()
        assert (status["epoch"], status["last"], status["lag"]) == (2, 3, 3)
        assert status["history"] == {"publications": whole, "repeated": 3}
        home.settle()
        status = home.get("/out/kela-payment/status", PAYER).json()
        assert (status["epoch"], status["last"], status["lag"], "history" in status) == (2, whole, 0, False)


def test_the_status_names_every_type_and_ground_of_the_kinds_document(home: House) -> None:
    """The AsyncAPI document says the same; beside it stands the withdrawal that says nothing (proof-of-delivery.md)."""
    documents = {kind.key: document_of(kind) for kind in documented()}
    asked = 0
    for recipient in home.wired.store.directory.recipients.values():
        kind = kinds().of(recipient)
        role = next(role for role in kind.roles if role != "client")
        status = home.get(f"/out/{recipient.short_name}/status", Caller(recipient.org, recipient.task, role, "p-1")).json()
        messages = documents[kind.key]["components"]["messages"] if kind.key in documents else {}
        grounds = {name: one["x-legal-bases"] for name, one in messages.items() if "x-legal-bases" in one}
        told = {one["type"]: one["grounds"] for one in status["types"] if one["type"] != "disclosure.withdrawn.v1"}
        assert told == grounds, recipient.short_name
        assert status["sends"] == sorted(message_types(kind))
        asked += bool(told)
    assert asked > 5


def test_what_comes_is_among_the_types_and_grounds_that_the_status_names(home: House) -> None:
    for by, name in ((PROVIDER, "provider-s01"), (PAYER, "kela-payment"), (OWN_WORKER, "county"), (AUTHORITY, "authority")):
        status = home.get(f"/out/{name}/status", by).json()
        named = {
            (one["type"], ground["legal_basis"], ground["purpose"]) for one in status["types"] for ground in one["grounds"]
        }
        told = [one["headers"] for one in home.get(f"/out/{name}", by, wait=0, limit=500).json()["publications"]]
        assert {(one["ce_type"], one["ce_legalbasis"], one["ce_purpose"]) for one in told} <= named
        assert told


# --- links ---


def test_the_next_page_is_linked_until_there_is_none(home: House) -> None:
    """RFC 8288 3: `next` is the next one in a series; whoever follows it comes to an end."""
    for path, by, query in (
        ("/out/provider-s01", PROVIDER, {"limit": 7, "wait": 25}),
        ("/out/provider-s01", PROVIDER, {"limit": 2, "wait": 25, "type": "attendance.recorded.v1", "until": 40}),
        ("/receipts", PROVIDER, {"limit": 3}),
    ):
        name = "receipts" if path == "/receipts" else "publications"
        whole = home.get(path, by, **{**query, "limit": 500, **({"wait": 0} if name == "publications" else {})}).json()[name]
        found, answer = [], home.get(path, by, **query)
        while "next" in links(answer):
            assert len(answer.json()[name]) > 0
            found += answer.json()[name]
            following = links(answer)["next"]
            answer = home.http.get(following.replace("wait=25", "wait=0"), headers=home.headers(by))
            assert answer.status_code == 200
        assert found + answer.json()[name] == whole


def test_what_waits_is_linked_from_page_to_page(tmp_path: Path) -> None:
    with week_after(tmp_path) as home:
        for number in range(3):
            body = {"identity_code": UNKNOWN_CODE, **BENEFIT, "from_on": f"2025-03-0{number + 1}"}
            named = {"ce-type": "change_benefit_status.v1", "ce-id": f"a%26{number}"}
            assert home.post("/in/authority", AUTHORITY, body, **named).status_code == 202
        first = home.get("/waiting", AUTHORITY, limit=2)
        second = home.http.get(links(first)["next"], headers=home.headers(AUTHORITY))
        assert [one["message_id"] for page in (first, second) for one in page.json()["waiting"]] == ["a&0", "a&1", "a&2"]
        assert "next" not in links(second)


def test_the_pages_of_a_question_are_linked_too(tmp_path: Path) -> None:
    with house_after(STEPS[-1][0], tmp_path) as home:
        path = "/recipients/authority/notices"
        whole = home.get(path, EXPERT).json()["answer"]["notices"]
        assert len(whole) > 1
        found, answer = [], home.get(path, EXPERT, limit=1)
        while "next" in links(answer):
            found += answer.json()["answer"]["notices"]
            answer = home.http.get(links(answer)["next"], headers=home.headers(EXPERT))
        assert found + answer.json()["answer"]["notices"] == whole


def test_what_a_system_reads_is_linked_to_the_document_that_describes_it(home: House) -> None:
    for path, by, document in (
        ("/out/kela-payment?wait=0", PAYER, "benefit_payment"),
        ("/out/provider-s01/status", PROVIDER, "provider"),
        ("/receipts", PROVIDER, "provider"),
        ("/waiting", AUTHORITY, "employment_authority"),
    ):
        answer = home.http.get(f"/ledgers/house{path}", headers=home.headers(by))
        told = home.http.get(links(answer)["describedby"])
        assert told.headers["content-type"].startswith("application/yaml")
        assert yaml.safe_load(told.text)["id"] == f"urn:kuty:asyncapi:{document}"


def test_a_receipt_is_linked_to_the_document_of_its_kind_too(home: House) -> None:
    answer = home.post("/in/provider-s01?dry_run=true", PROVIDER, attendance(home), **DAY, **{"ce-id": "dry-1"})
    assert links(answer)["describedby"].endswith("/asyncapi/provider.yaml")
    # and since nothing was recorded, no reading can wait for it
    assert "kuty-token" not in answer.headers
    sent = home.post("/in/provider-s01", PROVIDER, attendance(home, hours=5), **DAY, **{"ce-id": "dry-1"})
    assert "kuty-token" in sent.headers


@pytest.mark.parametrize("message_id", ["m-1", "a/b/c"])
def test_links_lead_there_also_where_a_proxy_serves_all_of_it_below_a_path_of_its_own(message_id: str, home: House) -> None:
    """source: RFC 3986 5.2.4"""
    home.post("/in/provider-s01", PROVIDER, attendance(home), **DAY, **{"ce-id": quote(message_id, safe="")})
    place, outside = f"/ledgers/house/receipts/{quote(message_id, safe='')}", "https://county.example/kuty"
    targets = {
        path: re.findall("<([^>]*)>", home.http.get(path, headers=home.headers(PROVIDER)).headers["link"])
        for path in (place, "/ledgers/house/receipts?limit=1", "/", "/docs", "/asyncapi")
    }
    assert len(targets[place]) == 1
    for path, found in targets.items():
        for target in found:
            inside = urljoin(f"{outside}{path}", target)
            assert inside.startswith(f"{outside}/"), (path, target)
            answer = home.http.get(inside.removeprefix(outside), headers=home.headers(PROVIDER))
            assert answer.status_code == 200, (path, target)


def test_the_entry_pages_are_linked_to_the_description_of_the_api(home: House) -> None:
    """RFC 8631 3 and 4"""
    for path in ("/", "/docs", "/asyncapi"):
        found = links(home.http.get(path))
        assert home.http.get(found["service-desc"]).json()["openapi"].startswith("3.1")
        assert home.http.get(found["service-doc"]).headers["content-type"].startswith("text/html")


# --- what an answer depends on ---


def test_an_answer_names_the_headers_on_which_it_depends(home: House) -> None:
    """RFC 9110 12.5.5"""
    client = home.name("kela-payment")
    question = f"/recipients/kela-payment/clients/{client}/allowance-days"
    for path, by in (("/out/kela-payment?wait=0", PAYER), ("/receipts", PAYER), ("/health", PAYER), (question, PAYER)):
        answer = home.http.get(f"/ledgers/house{path}", headers=home.headers(by))
        assert answer.status_code == 200
        assert "authorization" in vary(answer), path
        assert ("kuty-token" in vary(answer)) == (path == question)
        refused = home.http.get(f"/ledgers/house{path}", headers={"accept-language": "fi"})
        assert (refused.status_code, refused.headers["content-language"]) == (401, "fi")
        assert {"authorization", "accept-language"} <= vary(refused)
    known = home.get(question, PAYER, headers={"if-none-match": home.get(question, PAYER).headers["etag"]})
    assert (known.status_code, vary(known)) == (304, {"authorization", "kuty-token"})
    # what everybody is answered alike depends on nobody, but for the language of a problem
    assert vary(home.http.get("/asyncapi")) == set()
    assert vary(home.http.get("/asyncapi/nobody.yaml")) == {"accept-language"}


# --- limits ---


def test_whatever_is_refused_for_now_says_when_to_come_again(home: House) -> None:
    """RFC 9110 10.2.3. Each of the two codes of 429 has a test of its own."""
    later = {code for code, entry in refusals().items() if entry.status == 503}
    assert later == {"E_NOT_AT_HEAD", "E_UNAVAILABLE"}
    for code in later:
        assert int(problem_response([Reason(code)], "en").headers["retry-after"]) >= 1
    now = {code for code, entry in refusals().items() if entry.status == 429}
    assert now == {"E_TOO_MANY_READERS", "E_TOO_MANY_REDELIVERIES"}


def test_a_redelivery_in_a_live_ledger_says_how_many_are_left(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft on RateLimit headers, with structured fields (RFC 9651). A simulated ledger has no limit."""
    free = home.post("/redeliveries", PAYER, {})
    assert (free.status_code, "ratelimit" in free.headers) == (202, False)
    home.settle()
    left = Allowance(2, timedelta(hours=23, microseconds=1))
    monkeypatch.setattr("deploy.serving.allowance_of", lambda store, name: left)
    limited = home.post("/redeliveries", PAYER, {})
    assert limited.headers["ratelimit-policy"] == '"redeliveries";q=3;w=86400'
    assert limited.headers["ratelimit"] == '"redeliveries";r=2;t=82801'


def test_who_reads_is_told_how_many_may_wait(home: House) -> None:
    answer = home.get("/out/kela-payment", PAYER, wait=0)
    assert answer.headers["ratelimit-policy"] == '"waiting-readers";q=8;qu="concurrent-requests"'
    assert answer.headers["ratelimit"] == '"waiting-readers";r=8'
