"""Whatever a parameter, a header or a date of a body holds, on whichever route, it gets an answer of its own: never a 5xx.

Routes, parameters and fields are those of the description that the API serves, so that a new one is asked as well.
source: design D18, decisions/0017
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from house import House, house_after
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.context import Caller
from projections.kinds import kinds

ENDS = ("0001-01-01", "1899-12-31", "1900-01-01", "2199-12-31", "9999-12-31", "0000-00-00", "2025-02-30", "10000-01-01")
MOMENTS = (*(f"{day}T{clock}" for day in ENDS for clock in ("00:00:00+14:00", "23:59:59-14:00", "12:00:00Z", "12:00:00")),)
SECONDS = ("0", "-86400", "1", "1735689600000", "1760300000", "1e10", "20250310")
NUMBERS = (*(str(n) for n in (2**31, 2**63 - 1, 2**63, 2**64, -(2**63))), "9" * 400, "-1", "nan", "-inf", "1e309", "0x1")
TEXTS = ("", " ", "\0", "\u202e", "\ud7ff", "\U0010ffff", "'", '"', "/", "a/b", "..", "%", "%00", "a" * 3000, "ä" * 90, "*")
STRANGE = (*ENDS, *MOMENTS, *SECONDS, *NUMBERS, *TEXTS)
DATES = (*ENDS, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2025-03-10T12:00:00", *SECONDS)
OWN_KEY = "Idempotency-Key"
A_SCHEMA = {"kind": "KB", "type": "attendance.recorded.v1"}
"""By which one is found that is served."""


@dataclass(eq=False)
class Operation:
    """One route of the description."""

    method: str
    path: str
    described: dict[str, Any]

    def named(self, place: str) -> list[str]:
        return [one["name"] for one in self.described.get("parameters", ()) if one["in"] == place]

    @cached_property
    def body(self) -> dict[str, Any]:
        content = self.described.get("requestBody", {}).get("content", {})
        schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
        return schema


@dataclass(frozen=True)
class Asking:
    """A home, the routes of its API, and for each of them somebody who is answered where nothing strange is asked."""

    home: House
    askers: dict[Operation, list[tuple[str, Caller]]]

    def ask(
        self, operation: Operation, short_name: str, by: Caller, query: dict[str, Any], headers: dict[str, str], **path: str
    ) -> Any:
        own = {"client": self.home.name(short_name), "message_id": "m-1"}
        shown = {"name": "county", "kind": "PI", "type": "receipt.v1"}
        named = {"ledger": "house", "recipient": short_name, **own, **shown, **path}
        at = operation.path
        for name in operation.named("path"):
            at = at.replace(f"{{{name}}}", quote({**A_SCHEMA, **named}[name], safe=""))
        at += f"?{urlencode(query)}" if query else ""
        raw = orjson.dumps({}) if operation.method == "POST" else None
        sent = {"content-type": "application/json", OWN_KEY: self.home.id(), "ce-id": self.home.id(), "ce-type": "x.v1"}
        latin = {name: value.encode("utf-8") for name, value in {**sent, "ce-specversion": "1.0", **headers}.items()}
        return self.home.http.request(operation.method, at, headers={**self.home.headers(by), **latin}, content=raw)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with house_after("14", tmp_path_factory.mktemp("parameters")) as home:
        described = home.paths
        operations = [Operation(m.upper(), path, what) for path, methods in described.items() for m, what in methods.items()]
        people = [
            (recipient.short_name, Caller(recipient.org, recipient.task, role, "p-1"))
            for recipient in home.wired.store.directory.recipients.values()
            for role in kinds().of(recipient).roles
            if role != "client"
        ]
        found = Asking(home, {})
        for operation in operations:
            if operation.method == "GET":
                wait = {"wait": "0"} if "wait" in operation.named("query") else {}
                answered = (who for who in people if found.ask(operation, *who, wait, {}).status_code in (200, 400, 422))
                found.askers[operation] = list(islice(answered, 1))
            else:
                found.askers[operation] = people
        yield found


def clear(answer: Any, *asked: Any) -> None:
    assert answer.status_code < 500, (asked, answer.text)
    assert answer.headers["x-request-id"]
    if answer.status_code >= 400:
        assert answer.json()["codes"][0]["text"], asked


def test_somebody_may_ask_for_nearly_everything_that_is_read(asking: Asking) -> None:
    reads = [operation for operation in asking.askers if operation.method == "GET"]
    unasked = [operation.path for operation in reads if not asking.askers[operation]]
    assert len(reads) > 25
    assert len(unasked) < len(reads) / 4, unasked


def test_the_ends_of_the_calendar_and_seconds_are_no_mistake_of_ours_on_any_route(asking: Asking) -> None:
    """Each parameter of a query by itself, with every date and number: what is not as the schema says is not taken."""
    for operation, askers in asking.askers.items():
        for name in operation.named("query") if askers and operation.method == "GET" else ():
            schema = next(one["schema"] for one in operation.described["parameters"] if one["name"] == name)
            dated = schema.get("format") == "date" or schema.get("pattern", "").startswith("^[0-9]{4}-[0-9]{2}-[0-9]{2}")
            wait = {"wait": "0"} if "wait" in operation.named("query") and name != "wait" else {}
            for value in DATES if dated else NUMBERS:
                answer = asking.ask(operation, *askers[0], {**wait, name: value}, {})
                clear(answer, operation.path, name, value)
                taken = answer.status_code == 200
                assert not (taken and value in SECONDS and dated), (operation.path, name, value)


UNWRITTEN = ("1_0", " 1", "1 ", "+1", "01", "1.", "1\n", "yes", "on", "t", "TRUE", "True", "\u0661",
             "1" * 60, "0." + "0" * 60)  # fmt: skip


def test_a_number_or_a_truth_value_of_any_query_is_written_as_in_json(asking: Asking) -> None:
    """RFC 8259 3 and 6, as the description says the types: `1_0` is not ten, and all that is wrong is said."""
    asked = 0
    for operation, askers in asking.askers.items():
        described = [one for one in operation.described.get("parameters", ()) if one["in"] == "query"]
        kinds = {one["name"]: {one["schema"]["type"]} & {"integer", "number", "boolean"} for one in described}
        names = [name for name, found in kinds.items() if found]
        for value in (*UNWRITTEN, *(("1", "0") if any(kinds[name] == {"boolean"} for name in names) else ())):
            wrong = [name for name in names if value not in ("1", "0") or kinds[name] == {"boolean"}]
            if wrong and askers:
                answer = asking.ask(operation, *askers[0], dict.fromkeys(wrong, value), {})
                told = [(one["code"], one["pointer"]) for one in answer.json()["codes"]]
                assert (answer.status_code, sorted(told)) == (422, sorted(("E_QUERY", f"/{name}") for name in wrong)), value
                asked += len(wrong)
    assert asked > 100


def test_every_date_that_is_wrong_in_a_question_is_named(asking: Asking) -> None:
    operation, askers = next((one, of) for one, of in asking.askers.items() if one.path.endswith("/allowance-days"))
    answer = asking.ask(operation, *askers[0], {"on": "0", "known_at": "1", "from_on": "2025-02-30"}, {})
    assert [(one["code"], one["pointer"]) for one in answer.json()["codes"]] == [
        ("E_QUERY", "/on"), ("E_QUERY", "/known_at"), ("E_QUERY", "/from_on")
    ]  # fmt: skip


@settings(
    max_examples=100, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_any_parameter_of_any_route_gets_a_clear_answer(asking: Asking, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from([one for one, askers in asking.askers.items() if askers]))
    short_name, by = data.draw(st.sampled_from(asking.askers[operation]))
    strange = st.sampled_from(STRANGE) | st.text(max_size=20)
    names = [name for name in operation.named("query") if name != "wait"]
    query = data.draw(st.dictionaries(st.sampled_from([*names, "x"]), strange, max_size=3))
    if "wait" in operation.named("query"):
        query["wait"] = data.draw(st.sampled_from(["0", "nan", "-1", "inf"]))
    path = data.draw(st.dictionaries(st.sampled_from(["client", "recipient", "ledger", "message_id"]), strange, max_size=1))
    places = [*operation.named("header"), "If-Match", "If-None-Match", "X-Request-Id", "Accept-Language", "Content-Type"]
    plain = strange.map(lambda text: "".join(letter for letter in text if letter.isprintable()).strip()[:400])
    headers = data.draw(st.dictionaries(st.sampled_from(places), plain, max_size=2))
    clear(asking.ask(operation, short_name, by, query, headers, **path), operation.path, query, headers, path)


def dates_in(schema: dict[str, Any], value: Any) -> Any:
    """A body of the schema in which every date is the value; none where the schema holds no date."""
    arms = schema.get("anyOf") or schema.get("oneOf") or ()
    if schema.get("format") in ("date", "date-time"):
        return value
    if "properties" in schema:
        inner = {name: dates_in(one, value) for name, one in schema["properties"].items()}
        return {name: one for name, one in inner.items() if one is not None} or None
    if "items" in schema:
        one = dates_in(schema["items"], value)
        return None if one is None else [one]
    return next((found for arm in arms if (found := dates_in(arm, value)) is not None), None)


def pointers(body: Any, pointer: str = "") -> Iterator[str]:
    if isinstance(body, dict):
        for name, part in body.items():
            yield from pointers(part, f"{pointer}/{name}")
    elif isinstance(body, list):
        for number, part in enumerate(body):
            yield from pointers(part, f"{pointer}/{number}")
    else:
        yield pointer


def test_a_date_of_any_body_that_is_none_or_is_beyond_the_calendar_is_refused_where_it_stands(asking: Asking) -> None:
    home, asked = asking.home, 0
    for operation in asking.askers:
        if "Idempotency-Key" not in operation.named("header") or not operation.body:
            continue  # a redelivery has a key, and nothing in its body
        for value in (*SECONDS, "9999-12-31", "0001-01-01", "9999-12-31T23:59:59Z", "2025-03-10T12:00:00"):
            body = dates_in(operation.body, value) or {}
            path = operation.path.removeprefix("/ledgers/{ledger}").replace("{client}", home.name("county"))
            by = Caller(home.wired.store.organiser_org, "organiser", "own_worker", "p-1")
            answer = home.post(path, by, body)
            clear(answer, operation.path, body)
            wrong = {one["pointer"] for one in answer.json()["codes"] if one["code"] in ("E_FIELD_TYPE", "E_DATE_RANGE")}
            # What a correction says anew is judged by the fact that it corrects, and here there is none.
            judged = {pointer for pointer in pointers(body) if "/new_values/" not in pointer}
            assert judged <= wrong, (operation.path, value)
            asked += len(body)
    assert asked > 200
