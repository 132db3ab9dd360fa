"""Markdown of the generated references: the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

GENERATED = "<!-- Generated from the code by `make docs`; a test compares it. Change the code, not this page. -->"
Schema = Mapping[str, Any]


def page(title: str, lead: str, *parts: str) -> str:
    """A page with its title, what it is, and its parts."""
    return "\n\n".join([f"# {title}", GENERATED, lead, *(part for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where it would have no rows."""
    lines = [f"| {' | '.join(cell(each) for each in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |", *lines]) if lines else ""


def cell(text: str) -> str:
    """A text that fits into a table."""
    return " ".join(text.replace("|", "\\|").split())


def paragraph(docstring: str | None) -> str:
    """A docstring as running text."""
    return " ".join((docstring or "").split())


def words(names: Iterable[str]) -> str:
    """Names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def link(text: str, page_name: str, anchor: str = "") -> str:
    """A link to another page of the reference."""
    return f"[{text}]({page_name}{f'#{anchor}' if anchor else ''})"


def anchor(title: str) -> str:
    """The anchor that a heading gets."""
    kept = "".join(sign for sign in title.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def type_words(schema: Schema) -> str:
    """What a field takes, in a few words. The schema has its definitions in place."""
    arms = [arm for arm in schema.get("anyOf", schema.get("oneOf", ())) if arm.get("type") != "null"]
    if arms:
        return " or ".join(dict.fromkeys(type_words({"description": schema.get("description", ""), **arm}) for arm in arms))
    if "x-code-list" in schema:
        return _code_words(schema)
    if "enum" in schema:
        return words(map(str, schema["enum"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type"):
        case "array":
            return f"list of {type_words(schema.get('items', {}))}"
        case "object":
            return _object_words(schema)
        case "string":
            return _text_words(schema)
        case "number" | "integer":
            return _number_words(schema)
        case "boolean":
            return "true or false"
    return "any"


def _code_words(schema: Schema) -> str:
    name = schema["x-code-list"]
    return f"code of {link(name, 'codes.md', anchor(name))}"


def _object_words(schema: Schema) -> str:
    properties: Mapping[str, Any] = schema.get("properties", {})
    if not properties:
        return "object"
    required = schema.get("required", ())
    named = (f"`{name}`{'' if name in required else '?'}: {type_words(of)}" for name, of in properties.items())
    return "{" + "; ".join(named) + "}"


def _text_words(schema: Schema) -> str:
    match schema.get("format"):
        case "date":
            return "local date"
        case "date-time":
            return "time, UTC"
    if schema.get("x-reference"):
        return str(schema["x-reference"])
    if "x-form" in schema:
        return str(schema["x-form"])
    if schema.get("pattern") == r"\S":
        return f"text of at most {schema['maxLength']} characters"
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    return f"text of at most {schema['maxLength']} characters" if "maxLength" in schema else "text"


def _number_words(schema: Schema) -> str:
    kind = "whole number" if schema["type"] == "integer" else "number"
    limits = [
        *([f"above {schema['exclusiveMinimum']}"] if "exclusiveMinimum" in schema else []),
        *([f"from {schema['minimum']}"] if "minimum" in schema else []),
        *([f"to {schema['maximum']}"] if "maximum" in schema else []),
        *([f"in steps of {schema['multipleOf']}"] if "multipleOf" in schema else []),
    ]
    return f"{kind} {' '.join(limits)}".strip()


def field_rows(schema: Schema) -> list[tuple[str, str, str]]:
    """(field, what it takes, whether it has to be there) of an object."""
    required = schema.get("required", ())
    return [
        (f"`{name}`", type_words(of) + _or_none(of, name in required), "required" if name in required else "optional")
        for name, of in schema.get("properties", {}).items()
    ]


def _or_none(schema: Schema, required: bool) -> str:
    return " or none" if required and {"type": "null"} in schema.get("anyOf", ()) else ""
