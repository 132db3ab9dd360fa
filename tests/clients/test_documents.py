"""Other people's parsers and linters take the documents without a finding."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from clients.running import Server, answers, checked
from clients.tools import Tools


def test_a_linter_finds_nothing_in_the_openapi_document(tools: Tools, openapi: Path) -> None:
    """By the OpenAPI Specification 3.1 and the recommended rules of Redocly."""
    assert tools.linted(openapi) == []


def test_the_official_parser_finds_nothing_in_any_asyncapi_document(tools: Tools, asyncapi: list[Path]) -> None:
    """By the AsyncAPI Specification 3.0."""
    assert asyncapi
    assert tools.checked("asyncapi.cjs", *asyncapi) == []


def test_every_java_class_of_a_message_has_a_name(named: dict[str, list[str]], asyncapi: list[Path]) -> None:
    assert named.keys() == {path.stem for path in asyncapi}
    assert all(named.values())
    assert [name for names in named.values() for name in names if re.search("anonymous", name, re.IGNORECASE)] == []


def test_no_two_schemas_of_a_document_want_one_class(asyncapi: list[Path]) -> None:
    """The later one would take the place of the other without a word."""
    for path in asyncapi:
        schemas = defaultdict[str, set[str]](set)
        for title, schema in named_classes(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)):
            schemas[title].add(schema)
        assert [title for title, different in schemas.items() if len(different) > 1] == [], path.stem


def named_classes(part: Any) -> Iterator[tuple[str, str]]:
    """Every schema that becomes a class, by its name."""
    if isinstance(part, dict) and isinstance(part.get("title"), str) and ("properties" in part or "enum" in part):
        yield part["title"], json.dumps(part, sort_keys=True)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from named_classes(inner)


def test_the_java_classes_of_messages_compile(classes: str) -> None:
    assert "jackson-databind" in classes


def test_what_a_server_answers_is_what_the_document_says(tools: Tools, openapi: Path, server: Server) -> None:
    given = answers(server)
    assert {one["status"] for one in given} >= {200, 404}
    assert tools.checked("answers.cjs", text=checked(openapi, given)) == []
