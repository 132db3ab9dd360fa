"""The committed schemas: what is published fits them, and none is ever changed so that somebody breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from golden import examples
from golden.files import read
from json_schema import faults
from pydantic import ValidationError
from whole_histories import published

from deploy.describe.compatibility import WHAT_TO_DO, BreakingChange, broken
from deploy.describe.event_schemas import event_schema
from deploy.describe.grounds import grounds_of
from deploy.describe.origins import own_facts
from deploy.describe.publication_schemas import COLUMNS, exact_schema, publication_schema, telling, tellings
from deploy.describe.schemas import (
    all_schemas,
    heartbeat_schema,
    is_read_by_others,
    receipt_schema,
    served_schemas,
    whose,
    write_schemas,
)
from domain.catalogue import CLIENT_FACTS, EVENTS, event_class
from domain.chapters.corrections.decisions import CorrectFact, asked_as
from domain.dates import FROM_OUTSIDE
from domain.disclosure.policy import policy
from domain.event import ClientFact, Never
from projections.kinds import kinds

COMMITTED = Path(__file__).resolve().parents[1] / "docs/reference/schemas"
Schema = dict[str, Any]


# --- nobody breaks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", all_schemas())
def test_a_schema_breaks_nobody_who_reads_or_writes_by_the_committed_one(name: str) -> None:
    path = COMMITTED / name
    assert path.exists(), f"{name} is not committed: make docs"
    lost = broken(orjson.loads(path.read_bytes()), all_schemas()[name], whose=whose(name))
    assert lost == [], WHAT_TO_DO


def test_every_committed_schema_is_served_and_those_of_older_versions_as_they_were_committed() -> None:
    """source: integration.md 3"""
    files = COMMITTED.rglob("*.json")
    committed = {path.relative_to(COMMITTED).as_posix(): orjson.loads(path.read_bytes()) for path in files}
    assert committed == served_schemas(), "deploy/describe/older has a copy of each schema of an older version"


def attendance() -> Schema:
    return deepcopy(all_schemas()["events/attendance.recorded.v1.json"])


def _remove(schema: Schema) -> None:
    del schema["properties"]["hours"]


def _retype(schema: Schema) -> None:
    schema["properties"]["case_id"] = {"type": "integer"}


def _require(schema: Schema) -> None:
    schema["required"].append("swap_of_on")


def _forget_a_code(schema: Schema) -> None:
    schema["properties"]["account"]["enum"].remove("payer")


def _reclassify(schema: Schema) -> None:
    schema["properties"]["account"]["x-data-class"] = "D service"


def _narrow_an_arm(schema: Schema) -> None:
    schema["properties"]["hours"]["anyOf"][0]["maximum"] = 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_remove, "hours is removed"),
        (_retype, "becomes integer"),
        (_require, "swap_of_on is required"),
        (_forget_a_code, "loses payer"),
        (_reclassify, "x-data-class"),
        (_narrow_an_arm, "maximum is tighter"),
    ],
)
def test_a_change_that_breaks_somebody_is_found(change: Callable[[Schema], None], said: str) -> None:
    new = attendance()
    change(new)
    (fault,) = broken(attendance(), new)
    assert said in fault


def test_an_optional_field_and_another_code_break_nobody() -> None:
    new = attendance()
    new["properties"]["note"] = {"type": "string"}
    new["properties"]["account"]["enum"].append("auditor")
    assert broken(attendance(), new) == []


# --- readers' schemas are open, senders' closed ------------------------------------------------------------------------

READ = [name for name in all_schemas() if is_read_by_others(name)]
SENT = [name for name in all_schemas() if name.startswith("messages/")]


def objects(schema: Any) -> Iterator[Schema]:
    """Every schema of an object, wherever it stands: one that names no fields says of every name that it may be there."""
    if isinstance(schema, dict):
        if "properties" in schema or "object" in schema.get("type", ()):
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


def listed(schema: Any) -> Iterator[Schema]:
    """Every schema that lists words, wherever it stands."""
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield schema
        for inner in schema.values():
            yield from listed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from listed(inner)


@pytest.mark.parametrize("name", READ)
def test_what_agencies_read_is_open_for_fields_and_codes_that_are_added(name: str) -> None:
    """source: integration.md 3"""
    schema = all_schemas()[name]
    assert [one for one in objects(schema) if one.get("additionalProperties", True) is False] == []
    assert [one for one in listed(schema) if "x-code-list" in one] == []


@pytest.mark.parametrize("name", SENT)
def test_what_agencies_send_has_no_other_field(name: str) -> None:
    schema = all_schemas()[name]
    assert [one for one in objects(schema) if one.get("additionalProperties") is not False] == []


# --- what a correction may say -----------------------------------------------------------------------------------------

CORRECTION = all_schemas()[f"messages/{CorrectFact.NAME}.v1.json"]
FIELDS: Schema = CORRECTION["properties"]["new_values"]["anyOf"][0].get("properties", {})
OWN_FACTS = [
    (kind.key, name)
    for kind in kinds().sending(CorrectFact.NAME)
    for name in sorted(own_facts(kind) & CLIENT_FACTS.keys())
    if not isinstance(CLIENT_FACTS[name].CORRECTED, Never)
]
EVERY_SORT: tuple[Any, ...] = (
    None, True, False, 0, 1, 7, 8, 10, 11, -1, 0.5, 0.25, 24.5, 1899, 2025, "", " ", "x", "x" * 90, "x" * 1001, "f" * 32,
    "2025-03-10", "2025-3-10", "C-1/2", "C 1", "Ä", [], [None], ["x"], [1], ["f" * 32], [{}], {}, {"x": 1},
    [{"weekday": 1, "hours": 5}], [{"weekday": 8, "hours": 5}], [{"day_on": "2025-03-10", "day_status": "absent_other"}],
)  # fmt: skip


def values_near(schema: Mapping[str, Any]) -> list[Any]:
    """A value of every sort, and every word that the field lists, alone and in a list."""
    words = [word for one in listed(schema) for word in one["enum"]]
    return [*EVERY_SORT, *words, *([word] for word in words), words]


def is_taken(fact: type[ClientFact], name: str, value: Any) -> bool:
    """Whether the types of the ledger have nothing against the value of the field; a name of the sender's own stands for a
    reference."""
    whole = {**examples.events()[fact.NAME].model_dump(mode="json"), name: value}
    narrower = asked_as(fact).get(name)
    try:
        if narrower is not None and value is not None:
            narrower.validate_json(orjson.dumps(value), strict=True)
        fact.model_validate_json(orjson.dumps(whole), strict=True, context=FROM_OUTSIDE)
    except ValidationError as wrong:
        return narrower is None and all(fault["loc"][:1] != (name,) for fault in wrong.errors(include_context=False))
    return True


def saying(**new_values: Any) -> dict[str, Any]:
    """A correction, in the command itself and in what is corrected with it."""
    said = {"target_event_id": "p" * 32, "new_values": new_values}
    return {"client": "c" * 43, "correction_reason": "wrong_entry", **said, "further": [said]}


@pytest.mark.parametrize(("key", "name"), OWN_FACTS)
def test_what_the_ledger_takes_in_a_correction_fits_the_schema_of_the_message(key: str, name: str) -> None:
    """source: domain/pathway.md 4.4 row 45"""
    fact = CLIENT_FACTS[name]
    for field, described in event_schema(fact)["properties"].items():
        taken = [value for value in values_near(described) if is_taken(fact, field, value)]
        assert taken, field
        assert [(value, found) for value in taken if (found := faults(saying(**{field: value}), CORRECTION))] == []
    whole = examples.events()[name].model_dump(mode="json")
    assert faults(saying(**whole), CORRECTION) == []


def test_whoever_corrects_corrects_what_its_organisation_stated_in_any_task() -> None:
    """An organisation has several tasks, the county's among them; its systems speak in one. So the one schema has the fields
    of every fact that is ever corrected."""
    facts = [fact for fact in CLIENT_FACTS.values() if not isinstance(fact.CORRECTED, Never)]
    assert {name for _, name in OWN_FACTS} < {fact.NAME for fact in facts}
    assert FIELDS.keys() == {name for fact in facts for name in fact.model_fields}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"day_satus": "absent_other"}, "day_satus is not among the fields"),
        ({"day_status": "absent"}, "is not listed"),
        ({"hours": "4"}, "is no number"),
        ({"hours": 4.2}, "between the steps"),
        ({"ended_on": "10.3.2025"}, "is no date"),
        ({"ended_on": None}, "is no string"),
        ({"self_rated_work_ability": 11}, "out of its limits"),
        ({"schedule": [{"weekday": 1, "hours": 4, "room": "2"}]}, "room is not among the fields"),
        ({"schedule": []}, "too few"),
    ],
)
def test_what_is_written_wrong_in_a_correction_is_found_before_it_is_sent(said: dict[str, Any], why: str) -> None:
    found = faults(saying(**said), CORRECTION)
    assert [fault for fault in found if why in fault] == found, found
    assert {fault.split(":")[0].split("/new_values")[0] for fault in found} == {"", "/further/0"}


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_a_correction_takes_just_anything(field: str) -> None:
    assert faults(saying(**{field: {"nonsense": 1}}), CORRECTION) != []


def test_a_reader_by_todays_schema_takes_a_field_and_a_code_that_are_added_later() -> None:
    """source: integration.md 3"""
    told = telling("KB", EVENTS["attendance.recorded"])
    assert told is not None
    value = {"kind": "fact", "body": {"case_id": "a" * 43, "period_id": "b" * 43, "day_status": "absent_storm", "new": 1}}
    assert faults(value, publication_schema(told)) == []
    assert faults({**value, "kind": "rumour"}, publication_schema(told)) != []


def day_told() -> Schema:
    return deepcopy(all_schemas()["publications/PR/attendance.recorded.v1.json"])


def _fields_told(schema: Schema) -> Schema:
    body: Schema = schema["oneOf"][0]["properties"]["body"]["properties"]
    return body


def _close(schema: Schema) -> None:
    schema["oneOf"][0]["properties"]["body"]["additionalProperties"] = False


def _list_codes(schema: Schema) -> None:
    _fields_told(schema)["account"]["enum"] = ["provider"]


def _forget_a_known_code(schema: Schema) -> None:
    _fields_told(schema)["account"]["x-known-codes"].remove("provider")


def _add_a_kind(schema: Schema) -> None:
    schema["oneOf"][0]["properties"]["kind"]["enum"].append("rumour")


def _open_the_kinds(schema: Schema) -> None:
    del schema["oneOf"][0]["properties"]["kind"]["enum"]


def _let_a_text_be_longer(schema: Schema) -> None:
    schema["oneOf"][0]["properties"]["client"]["properties"]["family_name"]["maxLength"] = 800


def _let_a_text_be_nothing(schema: Schema) -> None:
    fields = _fields_told(schema)
    fields["period_id"] = {"anyOf": [fields["period_id"], {"type": "null"}]}


def _come_in_another_way(schema: Schema) -> None:
    schema["oneOf"].append({"type": "object", "properties": {"kind": {"type": "string", "const": "rumour"}}})


@pytest.mark.parametrize(
    "change",
    [
        _close, _list_codes, _forget_a_known_code, _add_a_kind, _open_the_kinds, _let_a_text_be_longer,
        _let_a_text_be_nothing, _come_in_another_way,
    ],
)  # fmt: skip
def test_a_change_that_breaks_those_who_read_is_found(change: Callable[[Schema], None]) -> None:
    new = day_told()
    change(new)
    assert broken(day_told(), new, whose="read") != []


def test_a_code_that_is_added_to_a_list_breaks_no_reader() -> None:
    new = day_told()
    _fields_told(new)["account"]["x-known-codes"].append("auditor")
    _fields_told(new)["note"] = {"type": "string"}
    assert broken(day_told(), new, whose="read") == []


def test_a_schema_that_was_closed_for_its_readers_may_be_opened_and_not_be_closed_again() -> None:
    told = telling("KB", EVENTS["attendance.recorded"])
    assert told is not None
    assert broken(exact_schema(told), publication_schema(told), whose="read") == []
    assert broken(publication_schema(told), exact_schema(told), whose="read") != []


def message() -> Schema:
    return deepcopy(all_schemas()["messages/record_attendance.v1.json"])


def _forget_a_field(schema: Schema) -> None:
    del schema["properties"]["hours"]


def _want_a_field(schema: Schema) -> None:
    schema["required"].append("hours")


def _want_one_of_two(schema: Schema) -> None:
    schema["anyOf"] = [{"required": ["hours"]}, {"required": ["account"]}]


def _tighten_a_message(schema: Schema) -> None:
    schema["properties"]["client"]["maxLength"] = 20


@pytest.mark.parametrize("change", [_forget_a_field, _want_a_field, _want_one_of_two, _tighten_a_message])
def test_a_change_that_breaks_those_who_send_is_found(change: Callable[[Schema], None]) -> None:
    new = message()
    change(new)
    assert broken(message(), new, whose="sent") != []


def test_who_sends_may_be_allowed_more() -> None:
    new = message()
    new["properties"]["client"]["maxLength"] = 900
    new["properties"]["note"] = {"type": "string"}
    new["required"].remove("day_status")
    assert broken(message(), new, whose="sent") == []


def test_a_field_under_a_new_name_may_still_be_sent_under_the_old_one() -> None:
    """docs/how-to/second-version-of-an-event.md: agencies' systems go on sending the old words for a while"""
    new = message()
    new["properties"]["status_of_day"] = new["properties"]["day_status"]
    new["required"].remove("day_status")
    new["anyOf"] = [{"required": ["status_of_day"]}, {"required": ["day_status"]}]
    assert broken(message(), new, whose="sent") == []


def test_writing_refuses_to_replace_a_schema_by_one_that_breaks_somebody(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    path = tmp_path / "events/attendance.recorded.v1.json"
    before = orjson.loads(path.read_bytes())
    before["properties"]["once_there"] = {"type": "string"}
    path.write_bytes(orjson.dumps(before))
    with pytest.raises(BreakingChange, match="once_there is removed"):
        write_schemas(tmp_path)
    assert "once_there" in orjson.loads(path.read_bytes())["properties"]


# --- what is written fits ---------------------------------------------------------------------------------------------


def test_every_publication_of_whole_histories_fits_its_schema_and_its_grounds() -> None:
    wrong = []
    for column, publication in published():
        told = telling(column, event_class(publication.type))
        assert told is not None, f"{column} is told {publication.type} and has no schema for it"
        wrong += faults(orjson.loads(publication.value), publication_schema(told), f"{column} {publication.type}")
        if (publication.legal_basis, publication.purpose) not in grounds_of(told):
            wrong.append(f"{column} {publication.type}: {publication.legal_basis} for {publication.purpose}")
    assert wrong == []


def test_a_field_too_many_is_none_that_is_told_today() -> None:
    told = telling("KB", EVENTS["attendance.recorded"])
    assert told is not None
    value = {"kind": "fact", "body": {"case_id": "a" * 43, "period_id": "b" * 43, "goal": "A rhythm"}}
    assert faults(value, exact_schema(told)) == ["/body: goal is not among the fields"]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_has_a_schema_for_every_cell_that_delivers(column: str) -> None:
    delivered = {name for name in EVENTS if policy(kinds()).cell(name, column).shape in "DR"}
    assert delivered <= {told.event.NAME for told in tellings()[column]}


@pytest.mark.parametrize("column", [column for column in COLUMNS if column != "county"])
def test_no_schema_of_another_agency_has_a_field_that_its_profile_hides(column: str) -> None:
    profiles = [policy(kinds()).profiles[name] for name in kinds()[column].profiles]
    for told in tellings()[column]:
        if told.forms == ("D",) or told.forms[0].startswith("R:"):
            for name, schema in told.fields.items():
                letter = schema.get("x-data-class", "A")[0]
                shown = any(profile.shows(letter, name) or profile.staff_card for profile in profiles)
                assert shown or "own_fact" in told.forms or letter == "A", (column, told.type, name)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_event_as_it_is_kept_fits_its_schema(name: str) -> None:
    event = examples.events()[name]
    assert faults(event.model_dump(mode="json"), event_schema(type(event))) == []


def test_golden_receipts_and_messages_and_a_heartbeat_fit_their_schemas() -> None:
    wrong = faults({"kind": "heartbeat", "epoch": 2, "last_sequence": 7}, heartbeat_schema(), "heartbeat")
    for name, golden in read("receipts").items():
        wrong += faults(orjson.loads(golden["value"]), receipt_schema(), name)
    for name, golden in read("messages").items():
        wrong += faults(golden["body"], all_schemas()[f"messages/{name}.json"], name)
    assert wrong == []
