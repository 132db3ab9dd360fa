"""The reader of JSON Schema that answers are held against is as strict as those who read them."""

from __future__ import annotations

from typing import Any

import pytest
from json_schema import Inside, faults


def pet(kind: str, field: str) -> dict[str, Any]:
    properties = {"kind": {"enum": [kind]}, field: {"type": "integer"}}
    return {"type": "object", "properties": properties, "required": ["kind"]}


DOCUMENT = {"schemas": {"Cat": pet("cat", "lives"), "Dog": pet("dog", "legs")}}
TWO = [{"$ref": "#/schemas/Cat"}, {"$ref": "#/schemas/Dog"}]
PET = {"oneOf": TWO, "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/schemas/Cat", "dog": "#/schemas/Dog"}}}
CROSSED = {**PET, "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/schemas/Dog", "dog": "#/schemas/Cat"}}}
EITHER = {"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]}
WHOLE = {"if": {"properties": {"a": {}}, "required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        ("2025-03-03", {"format": "date"}, True),
        ("20250303", {"format": "date"}, False),
        ("2025-W10-1", {"format": "date"}, False),
        ("2025-02-30", {"format": "date"}, False),
        ("2025-03-03T09:00:00.123456789+02:00", {"format": "date-time"}, True),
        ("2025-03-03T09:00:00Z", {"format": "date-time"}, True),
        ("2025-03-03T25:00:00Z", {"format": "date-time"}, False),
        ("2025-03-03T09:00:00", {"format": "date-time"}, False),
        ("abc", {"pattern": "^[a-c]+$"}, True),
        ("abc\n", {"pattern": "^[a-c]+$"}, False),
        ([1], {"type": "array", "minItems": 2}, False),
        ([1, 2, 3], {"type": "array", "maxItems": 2}, False),
        (-(2**63), {"type": "integer", "format": "int64"}, True),
        (2**63, {"type": "integer", "format": "int64"}, False),
        (3, {"oneOf": [{"type": "integer"}, {"type": "string"}]}, True),
        (3, {"oneOf": [{"type": "integer"}, {"type": "number"}]}, False),
        (3, {"oneOf": [{"type": "boolean"}, {"type": "string"}]}, False),
        (3, {"anyOf": [{"type": "integer"}, {"type": "number"}]}, True),
        ({"kind": "cat", "lives": 9}, PET, True),
        ({"kind": "cat", "lives": "nine"}, PET, False),
        ({"kind": "cow"}, PET, False),
        ({}, PET, False),
        ({"kind": "cat"}, CROSSED, False),
    ],
)
def test_a_value_fits_a_schema_or_does_not(value: Any, schema: dict[str, Any], fits: bool) -> None:
    """JSON Schema 2020-12, Core 10.2.1; OpenAPI 3.1, Discriminator Object. source: RFC 3339 5.6"""
    for whole in (False, True):
        assert (faults(value, schema, inside=Inside(DOCUMENT, whole)) == []) is fits


def test_whoever_chooses_between_schemas_passes_over_fields_that_he_does_not_know() -> None:
    """An answer with one further field is to be read as before: as it is in none that is written down, closed."""
    assert faults({"b": 1}, EITHER, inside=Inside({}, whole=True)) != []
    assert faults({"a": 1, "b": 2}, WHOLE, inside=Inside({}, whole=True)) == []
    assert faults({"a": 1, "c": 2}, WHOLE, inside=Inside({}, whole=True)) == [": b is missing"]
