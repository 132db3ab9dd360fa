"""Whatever a body holds, it gets a clear answer: never an error of ours, never half a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from house import House, house_after
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stories import CONTRACTS, EXPERT, INSTRUCTOR, INTAKE, OPERATOR, OWN_WORKER, REFERRER, SOCIAL_WORKER, last

from domain.commands import CommandKind
from domain.context import Caller
from domain.messages import message_types
from domain.rulebook import COMMANDS
from domain.store import ClientRecord
from projections.kinds import kinds

PEOPLE = {
    "county": (OWN_WORKER, SOCIAL_WORKER, INTAKE, CONTRACTS, OPERATOR),
    "provider-s01": (INSTRUCTOR,),
    "authority": (EXPERT,),
    "authority-referrer": (REFERRER,),
}
KINDS = [kind for kind in COMMANDS.values() if kind.name not in ("open_ledger", "advance_clock")]
CLEAR = {200, 201, 202, 400, 409, 410, 412, 413, 415, 422, 404}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("14", tmp_path_factory.mktemp("any")) as at:
        yield at


def names(home: House, short_name: str) -> list[str]:
    pathway = home.pathway
    parts = (pathway.plans, pathway.periods, pathway.placements, pathway.cases, pathway.notices, pathway.referrals)
    return [home.name(short_name, last(each)) for each in parts] + [home.name(short_name), "message:none", home.aino]


def anything(known: list[str]) -> st.SearchStrategy[Any]:
    words = st.sampled_from(
        [*known, "2025-03-10", "2025-02-30", "9999-12-31", "0001-01-01", "present", "F32.1", "", " ", "\u202e", "a" * 3000]
    )
    numbers = st.sampled_from([0, 1, -1, 4, 5.0, 0.25, 1e300, 2**53, 2**63])
    plain = st.none() | st.booleans() | numbers | words | st.text(max_size=20)
    return st.recursive(
        plain, lambda more: st.lists(more, max_size=3) | st.dictionaries(st.text(max_size=8), more, max_size=3)
    )


def bodies(kind: CommandKind, known: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    of_person = ClientRecord.model_fields if kind.name in ("register_client", "change_client_details") else ()
    fields = st.sampled_from([*kind.command.model_fields, *of_person, "client", "identity_code", "entries", "x"])
    return st.dictionaries(fields, anything(known), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_command_gets_a_clear_answer(home: House, data: st.DataObject) -> None:
    short_name = data.draw(st.sampled_from(sorted(PEOPLE)))
    by = data.draw(st.sampled_from(PEOPLE[short_name]))
    kind = data.draw(st.sampled_from(KINDS))
    body = data.draw(bodies(kind, names(home, short_name)))
    about = f"/clients/{home.name(short_name)}" if kind.target == "client" else ""
    answer = home.post(f"{about}/{kind.path}", by, body)
    assert answer.status_code in CLEAR, (kind.name, body, answer.text)
    if answer.status_code >= 400:
        assert all(code["text"] for code in answer.json()["codes"])
        assert home.aino not in answer.text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_message_gets_a_receipt(home: House, data: st.DataObject) -> None:
    short_name = data.draw(st.sampled_from(["provider-s01", "authority", "authority-referrer"]))
    by = PEOPLE[short_name][0]
    types = message_types(kinds().of(home.wired.store.directory.recipients[short_name]))
    type_name = data.draw(st.sampled_from(sorted(types)))
    body = data.draw(bodies(types[type_name], names(home, short_name)))
    if data.draw(st.booleans()):
        body["client"] = home.name(short_name)
    system = Caller(by.org, by.task, "system", "system")
    answer = home.post(f"/in/{short_name}", system, body, **{"ce-id": home.id(), "ce-type": type_name})
    # A group's message whose entries were read is answered entry by entry (RFC 4918 11.1).
    clear = {*CLEAR, 207} if type_name == "record_group_attendance.v1" else CLEAR
    assert answer.status_code in clear, (type_name, body, answer.text)
    assert answer.json()["status"] in ("recorded", "already_recorded", "waiting", "refused", "quarantined")
    assert answer.json()["status"] != "refused" or answer.json()["codes"][0]["code"] != "E_INTERNAL", (type_name, body)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(raw=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_get_a_clear_answer(home: House, raw: bytes) -> None:
    assert home.post("/client-references", INSTRUCTOR, raw).status_code in CLEAR
    path = f"/clients/{home.name('provider-s01')}/attendance"
    assert home.post(path, INSTRUCTOR, raw).status_code in CLEAR
    system = Caller(INSTRUCTOR.org, "provider", "system", "system")
    headers = {"ce-id": home.id(), "ce-type": "record_attendance.v1"}
    assert home.post("/in/provider-s01", system, raw, **headers).status_code in CLEAR


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_question_gets_a_clear_answer(home: House, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(["clients/{client}/case", "clients/{client}/plan", "clients/{client}/participation"]))
    query = data.draw(
        st.dictionaries(st.sampled_from(["on", "known_at", "x", "after", "limit"]), st.text(max_size=12), max_size=3)
    )
    client = data.draw(st.sampled_from([home.name("county"), "x", "a" * 79]))
    answer = home.get(f"/recipients/county/{path.replace('{client}', client)}", OWN_WORKER, **query)
    assert answer.status_code in CLEAR, (path, query, answer.text)
