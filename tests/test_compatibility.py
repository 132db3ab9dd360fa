"""What may be changed in a committed schema, and what breaks those who read or send by it.

source: integration.md 3; decisions/0030
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.describe.compatibility import broken
from deploy.describe.schemas import all_schemas, whose

Schema = dict[str, Any]
Change = Callable[[Schema], None]
DAY = "publications/KB/attendance.recorded.v1.json"
TEXT = {"type": "string"}


# --- changes of today's schemas that somebody breaks by ---------------------------------------------------------------


def _told(schema: Schema) -> Schema:
    fields: Schema = schema["oneOf"][0]["properties"]
    return fields


def _any_kind(schema: Schema) -> None:
    _told(schema)["kind"] = {"type": "string", "x-known-codes": ["fact", "revised"]}


def _hours_of_any_length(schema: Schema) -> None:
    hours = _told(schema)["body"]["properties"]["hours"]
    del hours["exclusiveMinimum"], hours["multipleOf"]


def _other_fields_are_numbers(schema: Schema) -> None:
    _told(schema)["body"]["additionalProperties"] = {"type": "integer"}


def _other_reference(schema: Schema) -> None:
    _told(schema)["replaces"]["x-reference"] = "your own name"


def _names_are_numbers(schema: Schema) -> None:
    schema["properties"]["references"]["additionalProperties"] = {"type": "integer"}


def _a_name_is_a_number(schema: Schema) -> None:
    schema["properties"]["references"]["properties"] = {"period_id": {"type": "integer"}}


def _whole_double_hours(schema: Schema) -> None:
    schema["properties"]["hours"]["anyOf"][0]["multipleOf"] = 2


def _a_number_or_nothing(schema: Schema) -> None:
    schema["properties"]["client"] = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def _fifty_entries(schema: Schema) -> None:
    schema["properties"]["entries"]["minItems"] = 50


def _no_new_values(schema: Schema) -> None:
    _object_of(schema["properties"]["new_values"])["additionalProperties"] = False


def _a_new_value_is_a_number(schema: Schema) -> None:
    _object_of(schema["properties"]["new_values"])["properties"] = {"goal": {"type": "integer"}}


def _object_of(schema: Schema) -> Schema:
    return next(one for one in (schema, *schema.get("anyOf", ())) if one.get("type") == "object")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (DAY, _any_kind),
        (DAY, _hours_of_any_length),
        (DAY, _other_fields_are_numbers),
        (DAY, _other_reference),
        ("receipt.v1.json", _names_are_numbers),
        ("receipt.v1.json", _a_name_is_a_number),
        ("messages/record_attendance.v1.json", _whole_double_hours),
        ("messages/record_attendance.v1.json", _a_number_or_nothing),
        ("messages/record_group_attendance.v1.json", _fifty_entries),
        ("events/fact.corrected.v1.json", _no_new_values),
        ("messages/correct_fact.v1.json", _a_new_value_is_a_number),
    ],
)
def test_a_change_of_a_schema_of_today_is_found(name: str, change: Change) -> None:
    new = deepcopy(all_schemas()[name])
    change(new)
    assert broken(all_schemas()[name], new, whose=whose(name)) != []


# --- the same in small: (old, new, who breaks by it) -------------------------------------------------------------------

EVERYBODY, READERS, NOBODY = ("ours", "read", "sent"), ("read",), ()
LISTED = {"type": "string", "enum": ["a"]}
OF_A_LIST = {**LISTED, "x-code-list": "day_status"}
KNOWN = {"type": "string", "x-known-codes": ["a", "b"]}
OPEN_LIST = {**KNOWN, "x-code-list": "day_status"}
MAP = {"type": "object", "additionalProperties": TEXT}
TWO = {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "additionalProperties": False}
ONE_OF_TWO = {**TWO, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
ANY_OF_TWO = {**TWO, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        pytest.param(TEXT, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, EVERYBODY, id="a text becomes a number"),
        pytest.param(TEXT, {"anyOf": [TEXT, {"type": "null"}]}, READERS, id="a text may be null"),
        pytest.param({"anyOf": [TEXT, {"type": "null"}]}, TEXT, EVERYBODY, id="null is no longer taken"),
        pytest.param(TEXT, {}, EVERYBODY, id="a text becomes anything, and nothing is said of it"),
        pytest.param({"type": "array"}, {"type": "array", "items": TEXT}, EVERYBODY, id="parts become texts"),
        pytest.param({"type": "array", "items": TEXT}, {"type": "array"}, READERS, id="parts become anything"),
        pytest.param({"type": "array"}, {"type": "array", "minItems": 3}, EVERYBODY, id="a shortest list"),
        pytest.param({"type": "array", "minItems": 3}, {"type": "array"}, READERS, id="no shortest list"),
        pytest.param({"type": "number"}, {"type": "number", "exclusiveMaximum": 9}, EVERYBODY, id="a bound"),
        pytest.param({"type": "number", "multipleOf": 2}, {"type": "number", "multipleOf": 3}, EVERYBODY, id="other steps"),
        pytest.param({"type": "number", "multipleOf": 2}, {"type": "number", "multipleOf": 1}, READERS, id="smaller steps"),
        pytest.param(MAP, {**MAP, "additionalProperties": {"type": "integer"}}, EVERYBODY, id="values become numbers"),
        pytest.param(MAP, {**MAP, "additionalProperties": False}, EVERYBODY, id="a map is closed"),
        pytest.param(MAP, {"type": "object"}, READERS, id="values become anything"),
        pytest.param({"type": "object"}, {"type": "object", "additionalProperties": False}, EVERYBODY, id="closed"),
        pytest.param({"type": "object"}, MAP, EVERYBODY, id="other fields become texts"),
        pytest.param(TWO, {**TWO, "allOf": [{"required": ["a"]}]}, EVERYBODY, id="another demand"),
        pytest.param(TWO, ONE_OF_TWO, EVERYBODY, id="one of two has to be there"),
        pytest.param(ONE_OF_TWO, {**TWO, "required": ["a", "b"]}, EVERYBODY, id="both have to be there"),
        pytest.param(ANY_OF_TWO, ONE_OF_TWO, EVERYBODY, id="not both at once any more"),
        pytest.param(ONE_OF_TWO, ANY_OF_TWO, READERS, id="both at once"),
        pytest.param(ONE_OF_TWO, TWO, ("ours", "read"), id="neither of two"),
        pytest.param(LISTED, KNOWN, EVERYBODY, id="known codes of no list"),
        pytest.param(OF_A_LIST, OPEN_LIST, NOBODY, id="a list that is open by now"),
        pytest.param(OPEN_LIST, OF_A_LIST, EVERYBODY, id="a list that is closed again"),
        pytest.param(OPEN_LIST, {**TEXT, "x-code-list": "day_status"}, EVERYBODY, id="no codes"),
        pytest.param(OF_A_LIST, LISTED, EVERYBODY, id="the list is no longer named"),
        pytest.param({**TEXT, "x-reference": "a"}, {**TEXT, "x-reference": "b"}, EVERYBODY, id="it names something else"),
        pytest.param(TEXT, {**TEXT, "contentEncoding": "base64"}, EVERYBODY, id="a word that nobody thought of"),
        pytest.param(TEXT, {**TEXT, "description": "b", "examples": ["x"], "deprecated": True}, NOBODY, id="a note"),
        pytest.param({**TEXT, "x-forms": ["D"]}, {**TEXT, "x-forms": ["D", "own"]}, NOBODY, id="told in one more form"),
        pytest.param({**TEXT, "x-forms": ["D", "own"]}, {**TEXT, "x-forms": ["D"]}, EVERYBODY, id="told in one form less"),
        pytest.param({**TWO, "required": ["a"]}, TWO, ("ours", "read"), id="no longer always there"),
    ],
)  # fmt: skip
def test_who_breaks_by_a_change(old: Schema, new: Schema, breaks: tuple[str, ...]) -> None:
    assert tuple(who for who in EVERYBODY if broken(old, new, whose=who)) == breaks  # type: ignore[arg-type]


# --- any word of any schema -------------------------------------------------------------------------------------------

TELLS_NOTHING = {"description", "title", "default", "examples", "deprecated"}
MAY_WIDEN = {
    "enum", "maxLength", "minLength", "maximum", "minimum", "exclusiveMinimum", "maxItems", "multipleOf", "items",
    "additionalProperties",
}  # fmt: skip
"""Words by which a schema of those who write may take more than it did."""


def may_differ(who: str, word: str, old: Any, new: Any) -> bool:
    """Whether by the decision a word may be dropped (no new value) or otherwise than it was, in a schema of these."""
    return (
        word in TELLS_NOTHING
        or (who != "read" and word in MAY_WIDEN)
        or (who == "sent" and word in ("required", "oneOf", "anyOf"))
        or (word == "additionalProperties" and (old is False or (old, new) == (True, None)))
        or old in ([], {})
    )


def places(schema: Schema, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a schema a word stands: the way to each."""
    for word, value in schema.items():
        yield (*path, word)
        if word == "properties":
            for name, of in value.items():
                yield from places(of, (*path, word, name))
        elif word in ("anyOf", "oneOf"):
            for number, arm in enumerate(value):
                yield from places(arm, (*path, word, number))
        elif isinstance(value, dict) and word in ("items", "additionalProperties"):
            yield from places(value, (*path, word))


def changed(word: str, value: Any) -> Iterator[Any]:
    """Other values that a word might have."""
    if word == "properties":
        yield from ({name: of for name, of in value.items() if name != one} for one in value)
    elif isinstance(value, str):
        yield f"{value} or so"
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1)
    elif isinstance(value, list):
        yield from (value[1:], value[:-1])
    elif isinstance(value, dict):
        yield {"type": "null"}


EVERYWHERE = [(name, place) for name, schema in sorted(all_schemas().items()) for place in places(schema)]


@given(st.sampled_from(EVERYWHERE), st.data())
def test_any_word_that_is_dropped_or_changed_is_found_unless_it_may_be(
    where: tuple[str, tuple[str | int, ...]], data: st.DataObject
) -> None:
    name, (*way, word) = where
    old, new = all_schemas()[name], deepcopy(all_schemas()[name])
    inner: Any = new
    for step in way:
        inner = inner[step]
    before = inner.pop(word)
    others = [other for other in changed(str(word), before) if other != before]
    if (other := data.draw(st.sampled_from([None, *others]))) is not None:
        inner[word] = other
    assert may_differ(whose(name), str(word), before, other) or broken(old, new, whose=whose(name)) != [], (way, word, other)
