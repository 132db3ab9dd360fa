"""Every schema is served to anybody, at the address that `ce_dataschema` names. source: integration.md 3"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from described import Local
from house import LEDGER, House, house_after
from json_schema import faults
from stories import PAYER

from consumers import wire
from deploy.describe.schemas import served_schemas
from deploy.serving import app_of
from deploy.settings import Settings
from deploy.wiring import opened

ADDRESS = "http://127.0.0.1:8000"
"""Where schemas are unless KUTY_SCHEMAS_ADDRESS says otherwise."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("14", tmp_path_factory.mktemp("schemas")) as at:
        yield at


def served(home: House, address: str) -> dict[str, Any]:
    """What a validator gets that asks for a schema at its address."""
    assert address.startswith(f"{ADDRESS}/schemas/")
    answer = home.http.get(address.removeprefix(ADDRESS))
    assert answer.status_code == 200, address
    schema: dict[str, Any] = answer.json()
    assert schema["$id"] == address
    return schema


def test_every_schema_is_listed_and_served_to_who_has_no_token_under_its_own_address(home: House) -> None:
    listed = [one["address"] for one in home.http.get("/schemas").json()["schemas"]]
    assert listed == sorted(f"/schemas/{path}" for path in served_schemas())
    for address in listed:
        answer = home.http.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
        committed = served_schemas()[address.removeprefix("/schemas/")]
        assert answer.json() == {**committed, "$id": f"{ADDRESS}{address}"}


def test_a_schema_may_be_kept_by_anybody_and_is_not_sent_twice(home: House) -> None:
    """source: RFC 9110 13.1.2, RFC 9111 5.2.2"""
    answer = home.http.get("/schemas/receipt.v1.json")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    again = home.http.get("/schemas/receipt.v1.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_schema_is_served_where_agencies_reach_the_api_and_tokens_for_anybody_are_not(tmp_path: Path) -> None:
    """docs/explanation/integration.md 3; the proxy passes on the name under which it was asked (RFC 9110 7.2)."""
    settings = Settings(home=tmp_path, ledger=LEDGER, schemas_address="https://kuty.example:8443/county")
    with opened(settings, wait_s=0) as wired, Local(app_of(wired)) as http:
        answer = http.get("/schemas/receipt.v1.json", headers={"host": "kuty.example:8443"})
        assert (answer.status_code, answer.json()["$id"]) == (200, f"{settings.schemas_address}/schemas/receipt.v1.json")
        asked = [http.get("/dev/people", headers={"host": host}).status_code for host in ("kuty.example", "localhost:8000")]
        assert asked == [400, 200]


@pytest.mark.parametrize(
    "path",
    ["/schemas/nothing.v1.json", "/schemas/publications/KB/nothing.v1.json", "/schemas/publications/XX/case.opened.v1.json",
     "/schemas/receipt.v1", "/schemas/", "/schemas/..%2freceipt.v1.json"],
)  # fmt: skip
def test_a_schema_that_is_not_there_is_not_found(path: str, home: House) -> None:
    answer = home.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_what_comes_over_http_names_a_schema_that_it_fits(home: House) -> None:
    told = home.get("/out/kela-payment", PAYER, wait=0, limit=500).json()["publications"]
    assert told
    for one in told:
        schema = served(home, one["headers"]["ce_dataschema"])
        assert faults(one["value"], schema) == []


def test_what_stands_on_the_topics_names_a_schema_that_it_fits(home: House) -> None:
    body = {"client": home.name("provider-s01", home.aino), "period_id": "nobody's", "day_status": "present"}
    home.send("provider-s01", "schema-1", "record_attendance.v1", body)
    home.settle()
    # and a repetition, which no event stands for and intake itself answers
    home.send("provider-s01", "schema-1", "record_attendance.v1", body)
    home.settle()
    receipts = home.wired.broker.read(wire.receipts_topic(LEDGER, "provider-s01"), 0, 1000)
    assert [wire.sequence_of(read) is None for read in receipts][-2:] == [False, True]
    for read in receipts:
        schema = served(home, dict(read.headers)["ce_dataschema"].decode())
        assert schema["$id"] == f"{ADDRESS}/schemas/receipt.v1.json"
