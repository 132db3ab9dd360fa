"""Validators of others take every schema that is served, and what is told, answered and sent fits the one that it names.

source: integration.md 3; decisions/0030
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from clients.running import Server
from clients.tools import Tools
from clients.validating import SENT, VALIDATORS, Record, heartbeats, receipts, send, served, told
from golden.files import read
from jsonschema import Draft202012Validator

from domain.identifiers import synthetic_identity_code

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "generate-a-client.md").read_text(encoding="utf-8")
BY_EACH = pytest.mark.parametrize("validator", VALIDATORS)
Schemas = dict[str, Any]


def words_of_the_page() -> list[str]:
    """What it tells to declare."""
    [declared] = re.findall(r"addVocabulary\((\[.*?\])\)", PAGE)
    words: list[str] = json.loads(declared)
    return words


@pytest.fixture(scope="module")
def schemas(server: Server) -> Schemas:
    return served(server)


@pytest.fixture(scope="module")
def referrals(server: Server) -> list[Record]:
    """Two messages to a real server: one that it records, and one in which a field is written wrong."""
    code = synthetic_identity_code(date(1991, 2, 4), 905)
    right = {"identity_code": code, "source": "employment_authority", "legal_basis": "LB-189-PLAN"}
    wrong = {**right, "lengthy_unemployment": True}
    statuses = [send(server, message_id, body)["status"] for message_id, body in (("right", right), ("wrong", wrong))]
    assert statuses == ["recorded", "refused"]
    address = f"{server.url}/schemas/messages/{SENT}.json"
    return [{"schema": address, "value": body} for body in (right, wrong)]


@pytest.fixture(scope="module")
def records(server: Server, referrals: list[Record], openapi: Path) -> list[Record]:
    """What Kela was told and how who refers was answered, on topics and over HTTP; every message that golden files and the
    document show, and the one that was sent."""
    bodies = [(name, golden["body"]) for name, golden in read("messages").items()]
    sending = json.loads(openapi.read_text(encoding="utf-8"))["paths"]["/ledgers/{ledger}/in/{recipient}"]["post"]
    examples = sending["requestBody"]["content"]["application/json"]["examples"]
    bodies += [(f"{name}.v1", example["value"]) for name, example in examples.items()]
    sent = [{"schema": f"{server.url}/schemas/messages/{name}.json", "value": body} for name, body in bodies]
    return [*told(server), *receipts(server, len(referrals)), *heartbeats(server), *sent, referrals[0]]


@BY_EACH
def test_a_validator_of_others_takes_every_schema_and_what_names_it_fits(
    validator: str, tools: Tools, schemas: Schemas, records: list[Record]
) -> None:
    rooms = {one["schema"].partition("/schemas/")[2].partition("/")[0] for one in records}
    assert rooms == {"publications", "messages", "receipt.v1.json", "heartbeat.v1.json"}
    assert VALIDATORS[validator](tools, schemas, records, words_of_the_page()) == []


# --- each can fail ----------------------------------------------------------------------------------------------------


def planted(schemas: Schemas, record: Record, plant: Callable[[Any], None]) -> Schemas:
    """The schema of the record alone, with a fault."""
    schema = copy.deepcopy(schemas[record["schema"]])
    plant(schema)
    return {record["schema"]: schema}


def no_schema(schema: Any) -> None:
    schema["oneOf"][0]["properties"]["kind"]["type"] = "text"


def lie(schema: Any) -> None:
    schema["oneOf"][0]["properties"]["body"]["properties"]["case_id"] = {"type": "integer"}


def another_format(schema: Any) -> None:
    schema["oneOf"][0]["properties"]["body"]["properties"]["case_id"] = {"type": "string", "format": "date"}


def closed(schema: Any) -> None:
    schema["oneOf"][0]["properties"]["body"] |= {"properties": {}, "additionalProperties": False}


@BY_EACH
@pytest.mark.parametrize("plant", [no_schema, lie, another_format, closed])
def test_a_schema_that_lies_is_told(
    plant: Callable[[Any], None], validator: str, tools: Tools, schemas: Schemas, records: list[Record]
) -> None:
    of_a_day = next(one for one in records if one["schema"].endswith("/KB/attendance.recorded.v1.json"))
    faults = VALIDATORS[validator](tools, planted(schemas, of_a_day, plant), [of_a_day], words_of_the_page())
    assert [fault.partition(": ")[0] for fault in faults] == [of_a_day["schema"]] * len(faults) != []


@BY_EACH
def test_a_schema_that_is_not_served_is_told(validator: str, tools: Tools, records: list[Record]) -> None:
    assert VALIDATORS[validator](tools, {}, records[:1], []) == [f"{records[0]['schema']}: is not served"]


@BY_EACH
def test_a_field_that_is_written_wrong_is_told_before_it_is_sent(
    validator: str, tools: Tools, schemas: Schemas, referrals: list[Record]
) -> None:
    wrong = referrals[1]
    found = VALIDATORS[validator](tools, {wrong["schema"]: schemas[wrong["schema"]]}, [wrong], words_of_the_page())
    assert found != []


# --- what the page says -----------------------------------------------------------------------------------------------


def words_in(schema: Any) -> Iterator[str]:
    """The words of a schema that are not the dialect's."""
    if isinstance(schema, dict):
        yield from (word for word in schema if word.startswith("x-"))
        for inner in schema.values():
            yield from words_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from words_in(inner)


def test_the_page_names_the_words_that_a_strict_validator_has_to_know(tools: Tools, schemas: Schemas) -> None:
    assert words_of_the_page() == sorted({*words_in(schemas)})
    of_kela = {address: schema for address, schema in schemas.items() if "/publications/KB/" in address}
    found = VALIDATORS["ajv"](tools, of_kela, [], [])
    assert len(found) > 10
    assert all("strict mode: unknown keyword" in fault for fault in found)


def test_a_validator_looks_at_every_format_that_there_is(schemas: Schemas) -> None:
    formats = {*re.findall(r'"format": "(.*?)"', json.dumps(schemas))}
    assert formats == {"date", "date-time"} <= Draft202012Validator.FORMAT_CHECKER.checkers.keys()


def test_the_schema_behind_a_urn_and_ones_kind_are_found_as_the_page_says(
    server: Server, schemas: Schemas, asyncapi: list[Path]
) -> None:
    [(urn, address)] = re.findall(r"Of `(urn:\S+)` the schema is\s+at `(/schemas/\S+)`", PAGE)
    kinds = {one["kind"]: one["address"] for one in server.ask("/asyncapi").json()["documents"]}
    assert {"KB", "RF"} <= kinds.keys()
    documents = {f"/asyncapi/{path.name}": path.read_text(encoding="utf-8") for path in asyncapi}
    assert all(f"`/schemas/publications/{kind}/`" in documents[document] for kind, document in kinds.items())
    # golden publications of before there were addresses
    for name, golden in read("publications").items():
        kind, type_name = name.split("/")[0], golden["headers"]["ce_type"]
        if kind in kinds:
            assert golden["headers"]["ce_dataschema"] == urn.replace("<type>", type_name)
            schema = schemas[server.url + address.replace("<kind>", kind).replace("<type>", type_name)]
            assert list(Draft202012Validator(schema).iter_errors(json.loads(golden["value"]))) == []
