"""The OpenAPI document: what the specification and other people's tools want of it, and that it says what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from described import Document
from house import ISSUER
from json_schema import Inside, faults
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from api.caller import Verifier
from api.exchange import OF_A_CALLER
from deploy.describe.openapi import openapi_document
from domain.commands import CommandKind
from domain.message_fields import UNRESOLVED, places, resolved
from domain.messages import message_types
from domain.rulebook import COMMANDS
from projections.kinds import kinds

WRITTEN = Document(openapi_document())
DOCUMENT = Document(create_app({}, Verifier(ISSUER.public_key), development=ISSUER).openapi())
"""What a developer's own server says: all that is written, as test_documents.py has it, and what is for development."""
OPERATIONS = [(path, way, one) for path, ways in DOCUMENT.paths.items() for way, one in ways.items()]
IDS = [one["operationId"] for _, _, one in OPERATIONS]
JSON, PROBLEM = "application/json", "application/problem+json"
HEALTH = "/ledgers/{ledger}/health"
BOTH = pytest.mark.parametrize("document", [WRITTEN, DOCUMENT], ids=["written", "served"])
EACH = pytest.mark.parametrize(("path", "way", "operation"), OPERATIONS, ids=IDS)


@BOTH
def test_the_document_is_one_by_the_specification(document: Document) -> None:
    """OpenAPI 3.1, as its validator has it."""
    assert [error.message for error in OpenAPIV31SpecValidator(dict(document.whole)).iter_errors()] == []
    assert document.whole["openapi"].startswith("3.1")


def test_it_says_whose_it_is_and_where_it_is_served() -> None:
    assert DOCUMENT.whole["info"]["license"]["identifier"] == "Apache-2.0"
    [server] = DOCUMENT.whole["servers"]
    assert set(re.findall(r"\{(\w+)\}", server["url"])) == set(server["variables"])


def test_every_operation_has_a_name_of_its_own_that_reads_as_a_function() -> None:
    assert [name for name in IDS if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []
    assert len(set(IDS)) == len(IDS)
    assert {kind.name for kind in COMMANDS.values()} - set(IDS) == {"open_ledger", "destroy_payload_key"}


@EACH
def test_an_operation_says_what_it_does_and_stands_under_one_tag(path: str, way: str, operation: Mapping[str, Any]) -> None:
    assert len(operation["tags"]) == 1
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT.whole["tags"]}
    assert operation["summary"]
    assert operation["description"]


@BOTH
def test_every_tag_is_used_and_described(document: Document) -> None:
    used = {operation["tags"][0] for ways in document.paths.values() for operation in ways.values()}
    assert {tag["name"] for tag in document.whole["tags"]} == used
    assert all(tag["description"] for tag in document.whole["tags"])


@EACH
def test_an_operation_says_whether_it_wants_a_token(path: str, way: str, operation: Mapping[str, Any]) -> None:
    """Whatever is of a ledger wants one; what there is to know before has no 401."""
    wants = path.startswith(OF_A_CALLER)
    assert operation["security"] == ([{"token": []}] if wants else [])
    assert ("401" in operation["responses"]) is wants


@EACH
def test_an_operation_says_what_comes_of_it_by_status_and_media_type(
    path: str, way: str, operation: Mapping[str, Any]
) -> None:
    """RFC 9457: a problem is `application/problem+json`; RFC 9110 15.4.5: what is read may be known already.

    A refused message is answered with its receipt (integration.md 2)."""
    answers = operation["responses"]
    assert any(status.startswith("2") for status in answers)
    assert {"500", "503"} <= answers.keys()
    assert ("304" in answers) is (way == "get")
    for status, answer in answers.items():
        assert answer["description"]
        content = answer.get("content", {})
        assert bool(content) is (status != "304"), status
        for media_type, one in content.items():
            bytes_of = {"type": "string", "format": "binary"}
            whole = one["schema"] == (bytes_of if media_type == "application/yaml" else {"type": "object"})
            assert "$ref" in one["schema"] or (whole and media_type not in (JSON, PROBLEM)), (status, media_type)
        if int(status) >= 400:
            problem = content[PROBLEM] if PROBLEM in content or operation["operationId"] != "send_message" else None
            assert problem in (None, {"schema": {"$ref": "#/components/schemas/Problem"}})
            assert {"X-Request-Id", "Content-Language"} <= answer["headers"].keys()
        assert ("Retry-After" in answer["headers"]) is (status in ("429", "503"))


@EACH
def test_a_parameter_is_described_and_never_null(path: str, way: str, operation: Mapping[str, Any]) -> None:
    names = [(one["in"], one["name"]) for one in operation["parameters"]]
    assert len(set(names)) == len(names)
    assert [name for place, name in names if place == "path"] == re.findall(r"\{(\w+)\}", path)
    for one in operation["parameters"]:
        assert one["description"], one["name"]
        assert "null" not in json.dumps(one["schema"]), one["name"]
    assert {("header", "Accept-Language"), ("header", "X-Request-Id")} <= set(names)
    assert (("header", "If-None-Match") in names) is (way == "get")


@EACH
def test_an_answer_has_the_headers_that_always_come_and_few_that_may(
    path: str, way: str, operation: Mapping[str, Any]
) -> None:
    """RFC 9110 12.5.5: what a caller is answered depends on who asks."""
    name, private = operation["operationId"], path.startswith(OF_A_CALLER)
    command = COMMANDS.get(name)
    asked = {one["name"] for one in operation["parameters"]}
    leads_on = operation["tags"] == ["agency systems"] or "after" in asked
    for status, answer in operation["responses"].items():
        always = {header for header, one in answer["headers"].items() if one.get("required")}
        problem = int(status) >= 400
        expected = {
            "Vary": private or problem,
            "Cache-Control": problem or name != "read_asyncapi",
            "ETag": not problem and (way == "get" or bool(command and command.of_client)),
            "KUTY-Token": not problem and bool(command),
        }
        assert {header: header in always for header in expected} == expected, status
        may = MAY_COME.get(name, set()) | ({"Link"} if leads_on else set()) | (OF_415 if status == "415" else set())
        assert answer["headers"].keys() - always <= may, status


OF_415 = {"Accept", "Accept-Encoding"}
MAY_COME = {"send_message": {"KUTY-Token", "Content-Language"}, "redeliver": {"RateLimit-Policy", "RateLimit"}}
"""Headers that some answers have: with a dry run comes no token, with a receipt texts in all languages, and redeliveries are
limited in a live ledger alone."""


def schemas_in(one: Any) -> Iterator[dict[str, Any]]:
    """Every object below a place of the document."""
    if isinstance(one, dict):
        yield one
    for inner in one.values() if isinstance(one, dict) else one if isinstance(one, list) else ():
        yield from schemas_in(inner)


def test_a_null_beside_a_type_is_a_type() -> None:
    """JSON Schema 2020-12, Validation 6.1.1 and 6.1.2: an enum that may be null holds it."""
    for schema in schemas_in(DOCUMENT.whole):
        arms = schema.get("anyOf", [])
        if isinstance(arms, list) and {"type": "null"} in arms:
            assert all(arm == {"type": "null"} or "$ref" in arm or arm.get("anyOf") for arm in arms), schema
        if isinstance(schema.get("enum"), list) and isinstance(schema.get("type"), list):
            assert (None in schema["enum"]) is ("null" in schema["type"]), schema


def test_what_a_worker_or_a_system_sends_is_a_schema_with_a_name() -> None:
    schemas = DOCUMENT.whole["components"]["schemas"]
    for kind in COMMANDS.values():
        if kind.name in IDS:
            assert set(kind.command.model_fields) <= set(schemas[kind.command.__name__]["properties"])
    sent = {name for sender in kinds() for name in message_types(sender)}
    named = {name: "".join(word.title() for word in re.split(r"[._]", name)) for name in sent}
    assert {one["$ref"].rpartition("/")[2] for one in schemas["Message"]["anyOf"]} == set(named.values())
    assert all({"client", "identity_code"} <= schemas[name]["properties"].keys() for name in named.values()
               if name != "RecordGroupAttendanceV1")  # fmt: skip


def test_every_schema_is_called_as_a_class_is() -> None:
    """Two models of one name would be told apart by where they stand in our code."""
    assert [name for name in DOCUMENT.whole["components"]["schemas"] if not re.fullmatch("[A-Z][A-Za-z0-9]*", name)] == []


def reached(one: Any) -> set[str]:
    """The names of all schemas that are referred to from a place of the document, and from there."""
    found: set[str] = set()
    waiting = [one]
    while waiting:
        for schema in schemas_in(waiting.pop()):
            reference = schema.get("$ref", "")
            name = reference.removeprefix("#/components/schemas/")
            if name != reference and name not in found:
                found.add(name)
                waiting.append(DOCUMENT.whole["components"]["schemas"][name])
    return found


def test_answers_are_open_for_added_fields_and_bodies_are_closed() -> None:
    """integration.md 3: additive within a version; design D18: what nobody reads is not taken

    A generator may take an object for closed that does not say that it is open: OpenAPI Generator does, for Java."""
    schemas = DOCUMENT.whole["components"]["schemas"]
    answered = reached([one["responses"] for _, _, one in OPERATIONS])
    objects = [(name, one) for name in answered for one in schemas_in(schemas[name]) if "properties" in one]
    assert len(objects) > 50
    assert [name for name, one in objects if isinstance(one["properties"], dict) and "additionalProperties" not in one] == []
    closed = [name for name in answered for one in schemas_in(schemas[name]) if one.get("additionalProperties") is False]
    assert closed == []
    sent = reached([one["requestBody"] for one in map(dict, (each[2] for each in whole())) if "requestBody" in one])
    open_ = [name for name in sent if "properties" in schemas[name] and "additionalProperties" not in schemas[name]]
    # A CloudEvent has attributes of its sender's, too: CloudEvents 1.0.2, Extension Context Attributes.
    assert [name for name in open_ if not name.endswith("Event")] == []


def whole() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation as it stands in the document."""
    for path, ways in DOCUMENT.whole["paths"].items():
        for way, one in ways.items():
            yield path, way, one


def test_a_refused_message_is_described_by_its_receipt_first() -> None:
    """integration.md 2: a refusal is a receipt. A generated client reads what comes as what stands first."""
    [answers] = [one["responses"] for _, _, one in OPERATIONS if one["operationId"] == "send_message"]
    both = [[*answer["content"]] for answer in answers.values() if len(answer.get("content", {})) > 1]
    assert len(both) == 6
    assert all(media_types == [JSON, PROBLEM] for media_types in both)


@BOTH
def test_every_reference_names_something_and_everything_that_has_a_name_is_referred_to(document: Document) -> None:
    """The library's own problem, which is never given, is gone with whatever else nobody refers to."""
    references = {one["$ref"] for one in schemas_in(document.whole) if "$ref" in one}
    named = {
        f"#/components/{kind}/{name}"
        for kind, components in document.whole["components"].items()
        for name in components
        if kind != "securitySchemes"
    }
    assert references == named


WITH_BODY = [one for _, _, one in whole() if "requestBody" in one and one["operationId"] in IDS]


@pytest.mark.parametrize("operation", WITH_BODY, ids=[one["operationId"] for one in WITH_BODY])
def test_a_body_has_an_example_that_fits_it(operation: Mapping[str, Any]) -> None:
    for media_type, content in operation["requestBody"]["content"].items():
        given = [one["value"] for one in content.get("examples", {}).values()] or [content["example"]]
        for example in given:
            assert faults(example, content["schema"], inside=Inside(DOCUMENT.whole)) == [], media_type


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS.values() if kind.name in IDS], ids=lambda kind: kind.name)
def test_the_example_of_a_command_is_read_as_one(kind: CommandKind) -> None:
    [content] = DOCUMENT.paths[next(path for path, _, one in OPERATIONS if one["operationId"] == kind.name)]["post"][
        "requestBody"
    ]["content"].values()
    body = {name: one for name, one in content["example"].items() if name in kind.command.model_fields}
    named = resolved(body, places(kind.command), lambda *_: UNRESOLVED)
    kind.command.model_validate_json(json.dumps(named), strict=True)


def test_every_message_has_an_example() -> None:
    content = DOCUMENT.whole["paths"]["/ledgers/{ledger}/in/{recipient}"]["post"]["requestBody"]["content"]
    sent = {name.rpartition(".")[0] for sender in kinds() for name in message_types(sender)}
    assert [set(one["examples"]) for one in content.values()] == [sent, sent]
    event = content["application/cloudevents+json"]["examples"]["submit_referral"]["value"]
    assert event["type"] == "submit_referral.v1"


def test_a_cloudevent_says_by_its_type_which_message_it_is() -> None:
    """OpenAPI 3.1, Discriminator Object: a value of the property stands for one schema, in which it is the only one."""
    schemas = DOCUMENT.whole["components"]["schemas"]
    structured = schemas["StructuredMessage"]
    mapping = structured["discriminator"]["mapping"]
    assert [one["$ref"] for one in structured["oneOf"]] == list(mapping.values())
    for type_name, reference in mapping.items():
        event = schemas[reference.rpartition("/")[2]]
        assert event["properties"]["type"]["enum"] == [type_name]
        assert "type" in event["required"]
        assert event["properties"]["data"]["$ref"] in {one["$ref"] for one in schemas["Message"]["anyOf"]}


# --- what holds an answer against the document finds what it is there to find ---

GOOD = {"ledger": {"name": "demo", "mode": "simulated"}, "now": "2025-03-03T09:00:00Z", "lag": {"relay": 0}, "at_head": True}
OF_ALL = {
    "content-type": JSON, "x-request-id": "request-1", "etag": '"x"', "cache-control": "no-store", "vary": "Authorization",
}  # fmt: skip
OF_PROBLEM = {"content-type": PROBLEM, "content-language": "en", "etag": None}
A_PROBLEM = {"type": "urn:kuty:problem:E_X", "title": "x", "status": 401, "codes": [], "request_id": "request-1"}


def found(status: int, content: Any, headers: Mapping[str, str | None]) -> list[str]:
    request = httpx.Request("GET", "http://localhost/ledgers/demo/health")
    told = {name: value for name, value in {**OF_ALL, **headers}.items() if value is not None}
    return DOCUMENT.faults(request, httpx.Response(status, headers=told, content=json.dumps(content)))


def test_an_answer_as_it_is_described_has_no_fault() -> None:
    assert found(200, GOOD, {}) == []


@pytest.mark.parametrize(
    ("status", "content", "headers", "fault"),
    [
        (202, GOOD, {}, "read_health is not described to answer 202"),
        (200, GOOD, {"content-type": "text/html"}, "text/html is not described"),
        (200, GOOD, {"x-new": "1"}, "the header x-new is not described"),
        (200, GOOD, {"x-request-id": None}, "the header x-request-id is missing"),
        (200, {**GOOD, "more": 1}, {}, ": more is not among the fields"),
        (200, {**GOOD, "ledger": {"name": "demo"}}, {}, "/ledger: mode is missing"),
        (200, {**GOOD, "at_head": "yes"}, {}, "/at_head: 'yes' is no boolean"),
        (200, {**GOOD, "lag": None}, {}, "/lag: None is no object"),
        *(
            (200, {**GOOD, "now": now}, {}, f"/now: {now!r} is no date-time")
            for now in ("today", "2025-03-03", "2025-03-03T09:00Z", "2025-03-03T09:00:00", "2025-03-03 09:00:00Z",
                        "20250303T090000Z", "2025-03-03T09:00:00+02", "2025-02-30T09:00:00Z")
        ),
        (200, {**GOOD, "lag": {"relay": 2**63}}, {}, f"/lag/relay: {2**63} has more than 64 bits"),
        (200, GOOD, {"vary": None}, "the header vary is missing"),
        (200, GOOD, {"cache-control": "public"}, "cache-control: 'public' is not listed"),
        (200, GOOD, {"etag": "x"}, "etag: 'x' is not like ^\"[!#-~]+\"$"),
        (401, A_PROBLEM, OF_PROBLEM, "the header www-authenticate is missing"),
        (401, A_PROBLEM, {**OF_PROBLEM, "content-language": "de"}, "content-language: 'de' is not listed"),
        (503, A_PROBLEM, OF_PROBLEM, "the header retry-after is missing"),
        (503, A_PROBLEM, {**OF_PROBLEM, "retry-after": "0"}, "retry-after: 0 is out of its limits"),
        (503, A_PROBLEM, {**OF_PROBLEM, "retry-after": "soon"}, "retry-after: 'soon' is no integer"),
        (503, A_PROBLEM, {**OF_PROBLEM, "retry-after": "1.5"}, "retry-after: '1.5' is no integer"),
    ],
)
def test_an_answer_that_is_otherwise_is_found(status: int, content: Any, headers: dict[str, str], fault: str) -> None:
    assert fault in found(status, content, headers)


DAY = {"client": "c", "period_id": "p", "day_status": "present", "hours": 5, "occurred_on": "2025-03-04"}
SENT = {"specversion": "1.0", "id": "d-1", "type": "record_attendance.v1", "data": DAY}
IN, STRUCTURED = "/ledgers/demo/in/fund", "application/cloudevents+json"


def body_faults(path: str, status: int, body: Any, media_type: str = JSON, parts: Any = ()) -> list[str]:
    """What is found in a body that was taken, whatever its answer is like."""
    request = httpx.Request("POST", f"http://localhost{path}", json=body, headers={"content-type": media_type})
    response = httpx.Response(status, headers={"content-type": JSON}, json={"parts": list(parts)})
    return [one for one in DOCUMENT.faults(request, response) if one.startswith("body")]


@pytest.mark.parametrize(
    ("path", "status"),
    [*((IN, status) for status in (200, 201, 202)), ("/ledgers/demo/client-references", 200), ("/dev/tokens", 201)],
)
def test_a_body_that_was_taken_and_is_not_as_described_is_found(path: str, status: int) -> None:
    assert body_faults(path, status, {"unheard_of": 3}) != []
    assert body_faults(path, 422, {"unheard_of": 3}) == []


def test_of_a_group_the_entries_that_were_taken_are_as_described() -> None:
    group = {"entries": [{"client": 3, "period_id": "p"}, {"client": "c", "period_id": "p"}], "day_status": "present"}
    parts = [{"message_id": f"g-1 {number}", "status": status} for number, status in enumerate(("refused", "recorded"), 1)]
    assert body_faults(IN, 207, group, parts=parts) == []
    assert body_faults(IN, 207, group, parts=parts[::-1]) != []


def test_the_type_of_a_cloudevent_says_what_its_data_are_held_against() -> None:
    assert body_faults(IN, 201, SENT, STRUCTURED) == []
    assert body_faults(IN, 201, {**SENT, "type": "no_such.v1"}, STRUCTURED) == [
        "body/type: 'no_such.v1' is none of those that it may be"
    ]
    assert body_faults(IN, 201, {**SENT, "type": "accept_placement.v1"}, STRUCTURED) != []
    assert body_faults(IN, 201, {**SENT, "data": {**DAY, "hours": 25}}, STRUCTURED) == [
        "body/data/hours: 25 is out of its limits"
    ]


def test_of_two_fields_of_which_one_is_wanted_neither_and_both_are_found() -> None:
    schema = {"$ref": "#/components/schemas/AcceptPlacementV1"}
    body = {"placement_id": "p"}
    for more, fits in (({}, False), ({"client": "c", "identity_code": "i"}, False), ({"client": "c"}, True),
                       ({"identity_code": "i"}, True)):  # fmt: skip
        assert (faults({**body, **more}, schema, inside=Inside(DOCUMENT.whole)) == []) is fits, more
