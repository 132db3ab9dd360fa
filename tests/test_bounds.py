"""Nothing recorded can exceed what a topic takes: every event at its largest, and no text or list without a bound.

What is largest follows from the types alone: the longest text of each field, the fullest list, and beside the event the
accepted command of a body as large as one may be. source: design D24, domain/pathway.md 4.9
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from json_schema import faults
from pydantic import BaseModel, ValidationError

from consumers import wire
from consumers.log import Entry, TopicSettings
from deploy.describe.event_schemas import schema_of
from domain import events as e
from domain.answers import Answer
from domain.catalogue import CLIENT_FACTS, EVENTS, REGISTER_FACTS, type_of
from domain.code_lists import code_list
from domain.context import Caller, Draft
from domain.disclosure.publications import Publication
from domain.events import Event
from domain.json_gate import LIMIT
from domain.message_fields import MOST_ENTRIES, NEW_VALUES, reasons_of
from domain.message_schemas import body_schema, message_schema
from domain.messages import MOST_CLIENTS, message_types
from domain.receipts import MOST_IN_THE_WAY, group_answered, receipt_of_event
from domain.record import LARGEST_RECORD, Header, Record
from domain.refusals import MOST_CODES, Reason, refusals
from domain.rulebook import COMMANDS
from domain.store import ClientRecord, StaffCard
from domain.store.deciding.chaining import Place, compose
from domain.store.deciding.kept_answers import refusal_event
from domain.store.sealed.field_classes import PUBLICATION
from domain.store.sealed.keys import Keys
from domain.store.sealed.sealing import Sealer
from projections.kinds import kinds

WIDEST = "\U0001f9ed"
"""A character of four bytes, and of two steps in some encodings: no text is longer than one of these."""
AT = datetime(2025, 12, 31, 23, 59, 59, 999999, UTC)
LONGEST_NAME = "a" * 40
OUTSIDE = 200
"""Bytes of a batch and a record around key, value and headers, far more than there are."""
KEPT_BY_US = {"previous_publication_hash", "person", "org"}
"""Texts without a length in the schema: a hash that we make, and what only an operator's own file says."""

# --- the largest value of a type --------------------------------------------------------------------------------------


def largest(schema: Mapping[str, Any]) -> Any:
    """The value of a schema whose JSON is longest."""
    if "anyOf" in schema or "oneOf" in schema:
        return max((largest(arm) for arm in (*schema.get("anyOf", ()), *schema.get("oneOf", ()))), key=size)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return max(schema["enum"], key=size)
    match schema.get("type"):
        case "string":
            return largest_text(schema)
        case "array":
            entry = schema["items"]
            if "enum" in entry:
                return list(entry["enum"])
            if "weekday" in entry.get("properties", {}):  # at most one a weekday (domain/events.md 11.1)
                return [{**largest(entry), "weekday": weekday} for weekday in range(1, 8)]
            return [largest(entry)] * schema.get("maxItems", MOST_ENTRIES)
        case "object":
            return {name: largest(part) for name, part in schema.get("properties", {}).items()}
        case "integer":
            return schema.get("maximum", 2**53)
        case "number":
            return 23.5
        case "boolean":
            return False
    return None


def largest_text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date":
        return "2025-12-31"
    if schema.get("format") == "date-time":
        return AT.isoformat()
    pattern = schema.get("pattern")
    if pattern and pattern != r"\S":
        return longest_match(pattern, schema.get("maxLength"))
    return cast(str, WIDEST * schema.get("maxLength", 64))


def longest_match(pattern: str, most: int | None) -> str:
    """The longest text of a pattern that bounds it: fixed digits, or a first character and so many others."""
    fixed = re.fullmatch(r"\^\[0-9a?-?f?\]\{(\d+)\}\$", pattern)
    if fixed:
        return "0" * int(fixed[1])
    first = re.fullmatch(r"\^\[A-Za-z0-9\]\[[^\]]+\]\{0,(\d+)\}\$", pattern)
    if first:
        return "A" * (1 + int(first[1]))
    assert most is not None, f"{pattern} bounds nothing"
    return "a" * most


def size(value: Any) -> int:
    return len(orjson.dumps(value))


def fitted(body: dict[str, Any]) -> dict[str, Any]:
    """The body as large as one may be that came in a message: its longest list is cut until it fits."""
    while size(body) > LIMIT:
        name = max((n for n, value in body.items() if isinstance(value, list)), key=lambda n: size(body[n]))
        body = {**body, name: body[name][: len(body[name]) * 9 // 10]}
    return body


@cache
def largest_fields(cls: type[Event]) -> dict[str, Any]:
    """The fields of the event at its largest, as JSON; of what carries other facts' fields, the largest of those."""
    fields = {name: largest(part) for name, part in schema_of(cls)["properties"].items()}
    if NEW_VALUES in fields:
        fields[NEW_VALUES] = largest_fields(CORRECTABLE)
    for name in ({"codes", "faults"} & fields.keys()):  # at most so many as a refusal names
        fields[name] = fields[name][:MOST_CODES]
    if cls is e.CommandRefused:
        fields["facts"] = fields["facts"][:MOST_IN_THE_WAY]
    return fitted(fields)


def without_carried(cls: type[Event]) -> bool:
    return not {NEW_VALUES, PUBLICATION} & cls.model_fields.keys()


CORRECTABLE = max((cls for cls in CLIENT_FACTS.values() if without_carried(cls)), key=lambda cls: size(largest_fields(cls)))
TOLD = [cls for name, cls in sorted(EVENTS.items()) if name in CLIENT_FACTS or name in REGISTER_FACTS]

NO_KEYS = SimpleNamespace(forget_with=lambda forget: None, holds=lambda key_id: True)
"""The key of the matter is given: no other is asked for."""

# --- as it is kept and sent -------------------------------------------------------------------------------------------


def in_bytes(event: Event, *, decided: bool) -> Record:
    """The record of an event with the longest header, sealed; a decided one with the largest command beside it."""
    caller = Caller(LONGEST_NAME, *(longest_code(name) for name in ("organisation_task", "actor_role")), LONGEST_NAME)
    warnings = tuple(code for code, entry in refusals().items() if entry.only_warns)
    draft = Draft(
        event, "f" * 32, AT.date(), "f" * 32, ("late_recorded", "late"), warnings, "f" * 32, "f" * 32, "f" * 32,
        AT.date(), AT.date(),
    )  # fmt: skip
    stated = {"ruleset_version": "x" * 40, "directory_version": "x" * 40, "policy_version": "x" * 40,
              "content_hash": "f" * 64, "message_hash": "f" * 64, "answer_number": 2**53}  # fmt: skip
    decision = {"body": "x" * LIMIT, "decision_id": "f" * 32, "command": "x" * 60, "client": "f" * 32,
                "caller": [LONGEST_NAME] * 5, "look_ups": {"known_reference": "f" * 32}}  # fmt: skip
    composed = compose(
        Sealer(cast(Keys, NO_KEYS)), b"k" * 32, Place(LONGEST_NAME, f"recipient/{LONGEST_NAME}/{2**31}", 2**53, "f" * 64,
        type_of(event), AT), draft, caller, "x" * 80, stated,
        target_type=type_of(CORRECTABLE) if isinstance(event, e.FactCorrected) else None,
        decision=decision if decided else None,
    )  # fmt: skip
    return Record(Header.from_bytes(composed.header), composed.header, composed.sections, 2**53)


def longest_code(name: str) -> str:
    return max((entry.code for entry in code_list(name)), key=len)


def fits(entry: Entry, topic: TopicSettings) -> bool:
    """Whether a topic takes the record, whatever the broker counts of it."""
    headers = sum(len(name) + len(value) + 10 for name, value in entry.headers)
    return len(entry.key or b"") + len(entry.value) + headers + OUTSIDE < topic.max_message_bytes


@pytest.mark.parametrize("name", sorted(name for name, cls in EVENTS.items() if PUBLICATION not in cls.model_fields))
def test_an_event_at_its_largest_fits_its_topic(name: str) -> None:
    event = EVENTS[name].model_validate(largest_fields(EVENTS[name]), strict=False)
    record = in_bytes(event, decided=name in CLIENT_FACTS or name in REGISTER_FACTS)
    assert len(record.state) <= LARGEST_RECORD
    assert fits(wire.full_record(record), wire.EVENTS)


@pytest.mark.parametrize("cls", TOLD, ids=lambda cls: cls.NAME)
def test_what_a_recipient_is_told_of_it_fits_both_topics(cls: type[Event]) -> None:
    told = publication_of(largest_fields(cls))
    assert fits(wire.publication_entry(told), wire.OUT)
    fields = {name: largest(part) for name, part in schema_of(e.DisclosureRevised)["properties"].items()}
    record = in_bytes(e.DisclosureRevised.model_validate(fields | {PUBLICATION: told.stored()}), decided=False)
    assert len(record.state) <= LARGEST_RECORD
    assert fits(wire.full_record(record), wire.EVENTS)


def publication_of(body: dict[str, Any]) -> Publication:
    """A publication that tells all of a fact, to somebody who may see all of the client and of the staff."""
    client = {name: largest(part) for name, part in schema_of(ClientRecord)["properties"].items()}
    body = {**body, **{name: largest(part) for name, part in schema_of(StaffCard)["properties"].items()},
            "days_on": ["2025-12-31"] * 24 * 31}  # fmt: skip
    classes = {**{f"body.{name}": "A" for name in body}, **{f"client.{name}": "B" for name in client}}
    return Publication(
        "f" * 32, "x" * 60, "revised", "x" * 80, "f" * 43, AT, 2**53, 2**31, "x" * 40, longest_code("legal_basis"),
        longest_code("purpose"), "f" * 64, AT.date(), client, body, "f" * 32, "x" * 80, {"until": "x" * 200}, classes,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["command.refused", "message.held", "message.settled", "message.quarantined"])
def test_the_receipt_of_an_answer_at_its_largest_fits_its_topic(name: str) -> None:
    fields = largest_fields(EVENTS[name])
    if name == "command.refused":
        wordiest = max(refusals().values(), key=lambda one: size([dict(one.texts), dict(one.for_system)]))
        fields = {**fields, "codes": [{"code": wordiest.code, "pointer": WIDEST * 200}] * MOST_CODES}
    if name == "message.quarantined":
        faults = [{"code": "E_JSON_NUMBER", "pointer": WIDEST * 200}] * MOST_CODES
        fields = {**fields, "code": "E_JSON_NUMBER", "faults": faults}
    event = EVENTS[name].model_validate(fields, strict=False)
    receipt = receipt_of_event(in_bytes(event, decided=False).header, event)
    assert fits(wire.receipt_entry(receipt, "x" * 40), wire.RECEIPTS)


def test_the_summary_of_a_groups_message_fits_its_topic() -> None:
    wordiest = max(refusals().values(), key=lambda one: size([dict(one.texts), dict(one.for_system)]))
    wrong = (Reason(wordiest.code, WIDEST * 200),) * MOST_CODES
    event = group_answered("x" * 60, [Answer("refused", codes=wrong, more=2**31)] * MOST_CLIENTS)
    record = in_bytes(event, decided=False)
    assert (len(event.codes or ()), len(record.state) <= LARGEST_RECORD) == (MOST_CODES, True)
    assert fits(wire.full_record(record), wire.EVENTS)
    summary = replace(receipt_of_event(record.header, event), message_id="x" * 80)
    assert len(summary.parts) == MOST_CLIENTS
    assert fits(wire.receipt_entry(summary, "x" * 40), wire.RECEIPTS)


def test_a_refusal_of_anything_names_fifty_codes_and_counts_the_others() -> None:
    reasons = [Reason("E_FIELD_NOT_ALLOWED", f"/{n}" + WIDEST * 300) for n in range(26_000)]
    event = refusal_event("record_attendance.v1", reasons, "f" * 64, None)
    assert (len(event.codes), event.more) == (50, 25_950)
    assert len(in_bytes(event, decided=False).state) < 100_000


# --- nothing without a bound ------------------------------------------------------------------------------------------


def unbounded(schema: Any, place: str) -> Iterator[str]:
    """The places of a schema that hold a text or a list of any length."""
    for word in ("anyOf", "oneOf"):
        for arm in schema.get(word, ()):
            yield from unbounded(arm, place)
    match schema.get("type"):
        case "string" if not {"enum", "const", "maxLength", "format"} & schema.keys() and unlimited(schema.get("pattern")):
            yield place
        case "array":
            if "maxItems" not in schema and "enum" not in schema["items"]:
                yield f"{place}[]"
            yield from unbounded(schema["items"], f"{place}/*")
        case "object":
            for name, part in schema.get("properties", {}).items():
                yield from unbounded(part, f"{place}/{name}")


def unlimited(pattern: str | None) -> bool:
    return pattern is None or re.search(r"(?<!\\)[*+]|\{\d+,\}", re.sub(r"\[[^\]]*\]", "x", pattern)) is not None


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_text_and_list_of_a_command_has_a_bound_and_its_schema_says_it(name: str) -> None:
    assert [*unbounded(body_schema(COMMANDS[name]), "")] == []


WITH_A_WEEK = [name for name, kind in sorted(COMMANDS.items()) if "schedule" in kind.command.model_fields]


@pytest.mark.parametrize("name", WITH_A_WEEK)
def test_a_week_without_a_day_is_refused_and_the_schema_says_it(name: str) -> None:
    """source: domain/events.md 11.1"""
    kind = COMMANDS[name]
    assert faults([], body_schema(kind)["properties"]["schedule"]) != []
    assert faults([{"weekday": 1, "hours": 5}], body_schema(kind)["properties"]["schedule"]) == []
    with pytest.raises(ValidationError) as refused:
        kind.command.model_validate_json(b'{"schedule": []}', strict=True)
    reasons = reasons_of(refused.value.errors(include_context=False), {"schedule": []})
    assert Reason("E_FIELD_TYPE", "/schedule") in reasons


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.sends], ids=lambda kind: kind.name)
def test_the_schema_of_a_message_says_its_bounds(kind: Any) -> None:
    for type_name, command in message_types(kind).items():
        schema = message_schema(type_name, command)
        assert {place for place in unbounded(schema, "") if not place.endswith("/identity_code")} == set(), type_name
    if "record_group_attendance" in kind.sends:
        group = message_schema("record_group_attendance.v1", COMMANDS["record_attendance"])
        assert group["properties"]["entries"]["maxItems"] == 100


@pytest.mark.parametrize("model", [*EVENTS.values(), ClientRecord, StaffCard], ids=lambda model: model.__name__)
def test_every_text_that_is_kept_has_a_bound(model: type[BaseModel]) -> None:
    texts = [place for place in unbounded(schema_of(model), "") if not place.endswith("[]")]
    assert [place for place in texts if place.rsplit("/", 1)[-1] not in KEPT_BY_US] == []


def test_a_list_of_an_event_comes_from_a_bounded_command_or_from_us() -> None:
    bodies = [body_schema(kind)["properties"] for kind in COMMANDS.values()]
    asked = {name for body in bodies for name, part in body.items() if "array" in str(part)}
    # Of a refusal and of bytes set aside: fifty; in the way of a correction: twenty; of an opening: one a recipient.
    ours = {"codes", "facts", "faults", "lines"}
    for cls in EVENTS.values():
        for place in unbounded(schema_of(cls), ""):
            if place.endswith("[]"):
                assert place.strip("/").split("/")[0].removesuffix("[]") in asked | ours, (cls.NAME, place)
