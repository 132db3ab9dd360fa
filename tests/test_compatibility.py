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
from jsonschema import Draft202012Validator

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
A, B, C = ({"required": [name]} for name in "abc")
OF_A = {"properties": {"a": TEXT}}
NO_OTHER, NOTHING_ELSE = {"additionalProperties": False}, {"unevaluatedProperties": False}
PATTERNS = {"type": "object", "patternProperties": {"^x": TEXT, "y$": {**TEXT, "maxLength": 3}}, **NO_OTHER}
FIRST_IS_TEXT = {"prefixItems": [TEXT]}
THREE = {"type": "object", "properties": {"a": TEXT, "b": TEXT, "c": TEXT}, "additionalProperties": False}
A_FACT, TAKEN_BACK, A_RUMOUR = (
    {"type": "object", "properties": {"kind": {"type": "string", "enum": [kind]}}, "required": ["kind"]}
    for kind in ("fact", "withdrawn", "rumour")
)
PERHAPS_A_RUMOUR = {"type": "object", "properties": A_RUMOUR["properties"]}


def one_of(*arms: Any, **words: Any) -> Schema:
    return {**words, "oneOf": [*arms]}


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
        pytest.param(one_of(A, B, **THREE), one_of(A, B, C, **THREE), EVERYBODY, id="a third way that was said beside one"),
        pytest.param(one_of(A, B, **TWO), one_of(A, B, C, **THREE), READERS, id="a third way by a field that is new"),
        pytest.param(one_of(A, B, **TWO), one_of(A, B, **THREE), NOBODY, id="a field beside two ways"),
        pytest.param(one_of(A, B, **TWO), one_of(B, A, **TWO), NOBODY, id="ways in another order"),
        pytest.param(one_of(A, B, **TWO), one_of({}, B, **TWO), EVERYBODY, id="a way becomes wider than its field"),
        pytest.param(one_of(A_FACT, TAKEN_BACK), one_of(A_FACT, TAKEN_BACK, A_RUMOUR), READERS, id="a way of another kind"),
        pytest.param(
            one_of(A_FACT), one_of(A_FACT, PERHAPS_A_RUMOUR), READERS, id="a way that has another kind where it has one"
        ),
        pytest.param(one_of(A_FACT), one_of(A_FACT, {"properties": {"a": TEXT}}), EVERYBODY, id="a way of any kind"),
        pytest.param(one_of(A_FACT), one_of(A_FACT, A_FACT), EVERYBODY, id="the one way twice"),
        pytest.param(one_of(A_FACT, TAKEN_BACK), one_of(A_FACT, TAKEN_BACK, A_FACT), EVERYBODY, id="the first way twice"),
        pytest.param(one_of(A_FACT, TAKEN_BACK), one_of(A_FACT, TAKEN_BACK, TAKEN_BACK), EVERYBODY, id="the last way twice"),
        pytest.param(one_of(A_FACT, A_FACT), one_of(A_FACT), READERS, id="what came never comes by now"),
        pytest.param(one_of(TEXT), one_of(TEXT, {"type": "null"}), READERS, id="a way of another type"),
        pytest.param(one_of({"type": "integer"}), one_of({"type": "integer"}, {"type": "number"}), EVERYBODY, id="numbers"),
        pytest.param(one_of(TEXT), one_of(TEXT, True), EVERYBODY, id="a way that takes anything"),
        pytest.param(one_of(TEXT), one_of(TEXT, False), NOBODY, id="a way that takes nothing"),
        pytest.param(one_of(False), one_of(TEXT), READERS, id="something comes where nothing did"),
        pytest.param({"anyOf": [TEXT, True]}, {"anyOf": [TEXT]}, EVERYBODY, id="anything is no longer taken"),
        pytest.param(
            one_of({"properties": {"a": TEXT}, "additionalProperties": False}, type="object", properties={}),
            one_of({"properties": {"a": TEXT}, "additionalProperties": False}, type="object", properties={"a": LISTED}),
            ("ours", "sent"), id="a way that is closed by itself, and a field of all ways",
        ),
        pytest.param(
            ONE_OF_TWO, one_of({**A, **NO_OTHER}, {**B, **NO_OTHER}, type="object", properties=TWO["properties"]), EVERYBODY,
            id="each way has no field but its own, where all of them had none but theirs",
        ),
        pytest.param({"anyOf": [{**OF_A, **NO_OTHER}]}, {"anyOf": [OF_A], **NO_OTHER}, EVERYBODY, id="closed beside an arm"),
        pytest.param(
            {"anyOf": [{**FIRST_IS_TEXT, "items": False}]}, {"anyOf": [FIRST_IS_TEXT], "items": False}, EVERYBODY,
            id="a list is closed beside an arm",
        ),
        pytest.param(
            {**OF_A, "anyOf": [{}], **NOTHING_ELSE}, {**OF_A, "anyOf": [NOTHING_ELSE]}, EVERYBODY, id="closed in an arm"
        ),
        pytest.param(
            {**OF_A, "anyOf": [NOTHING_ELSE]}, {**OF_A, "anyOf": [{}], **NOTHING_ELSE}, EVERYBODY, id="closed in no arm"
        ),
        pytest.param(PATTERNS, {**PATTERNS, "properties": {"xa": TEXT}}, NOBODY, id="a field of a pattern gets a name"),
        pytest.param(PATTERNS, {**PATTERNS, "properties": {"xy": TEXT}}, NOBODY, id="a field of two patterns gets a name"),
        pytest.param(PATTERNS, {**PATTERNS, "properties": {"xa": {"type": "integer"}}}, EVERYBODY, id="it becomes a number"),
        pytest.param(PATTERNS, {**PATTERNS, "properties": {"xa": False}}, EVERYBODY, id="it may not be there any more"),
        pytest.param(PATTERNS, {**PATTERNS, "properties": {"ay": {**TEXT, "maxLength": 2}}}, EVERYBODY, id="it is shorter"),
        pytest.param(PATTERNS, {**PATTERNS, "properties": {"a": LISTED}}, NOBODY, id="a field of no pattern is new"),
        pytest.param({"const": True}, {"const": 1}, EVERYBODY, id="true becomes 1"),
        pytest.param({"enum": [True, False]}, {"enum": [1, 0]}, EVERYBODY, id="true and false become numbers"),
        pytest.param({"enum": [0]}, {"enum": [0, False]}, READERS, id="false beside 0"),
        pytest.param(one_of({"const": True}), one_of({"const": True}, {"const": 1}), READERS, id="1 beside true"),
        pytest.param({"const": None}, {}, EVERYBODY, id="null becomes anything"),
        pytest.param({}, {"const": None}, EVERYBODY, id="anything becomes null"),
    ],
)  # fmt: skip
def test_who_breaks_by_a_change(old: Schema, new: Schema, breaks: tuple[str, ...]) -> None:
    assert tuple(who for who in EVERYBODY if broken(old, new, whose=who)) == breaks  # type: ignore[arg-type]


# --- ways, and every value that may come in them -----------------------------------------------------------------------

KIND = {"enum": ["fact", "withdrawn", True, 1]}
ARM = st.one_of(
    st.booleans(),
    st.sets(st.sampled_from(["a", "b", "kind"])).map(lambda names: {"required": sorted(names)} if names else {}),
    st.builds(
        lambda words, wanted: {"properties": {"kind": {"enum": words}}, **({"required": ["kind"]} if wanted else {})},
        st.lists(st.sampled_from(KIND["enum"]), min_size=1, max_size=2),
        st.booleans(),
    ),
    st.builds(lambda name: {"properties": {name: TEXT}, "additionalProperties": False}, st.sampled_from(["a", "b", "kind"])),
)
WITH_WAYS = st.builds(
    lambda names, closed, word, arms: {
        "type": "object",
        "properties": {name: KIND if name == "kind" else TEXT for name in sorted(names)},
        **({"additionalProperties": False} if closed else {}),
        word: arms,
    },
    st.sets(st.sampled_from(["a", "b", "kind"])),
    st.booleans(),
    st.sampled_from(["oneOf", "oneOf", "anyOf"]),
    st.lists(ARM, min_size=1, max_size=3),
)
VALUES: list[Any] = [
    {name: value for name, value in (("a", a), ("b", b), ("kind", kind)) if value is not None}
    for a in (None, "x", 1)
    for b in (None, "x")
    for kind in (None, "fact", "withdrawn", "rumour", True, 1)
]


@given(WITH_WAYS, st.data())
def test_what_came_in_one_way_still_does_where_nothing_is_called_broken(old: Schema, data: st.DataObject) -> None:
    """Held against a validator of others: what nobody breaks by takes all that was taken."""
    new = {**data.draw(st.sampled_from([old, {**old, "properties": {"a": TEXT, "b": TEXT, "kind": KIND}}]))}
    word = next(word for word in ("anyOf", "oneOf") if word in old)
    arms = [*old[word], *data.draw(st.lists(st.one_of(ARM, st.sampled_from(old[word])), max_size=2))]
    new[word] = data.draw(st.permutations(arms))
    for who in ("ours", "sent"):
        if broken(old, new, whose=who) == []:  # type: ignore[arg-type]
            before, after = Draft202012Validator(old), Draft202012Validator(new)
            assert [value for value in VALUES if before.is_valid(value) and not after.is_valid(value)] == []


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
