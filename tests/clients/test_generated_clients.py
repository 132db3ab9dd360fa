"""A client generated from the OpenAPI document compiles, and its typed calls say what the server says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clients.generated import CLIENTS
from clients.running import Server
from clients.tools import Tools

CAME_SINCE = {"Health": "now", "PublicationValue": "kind"}
"""Fields that are in every answer, and that a client which was generated before they came does not know."""


@pytest.fixture(scope="module")
def of_before(openapi: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document as it was before some fields came."""
    document: dict[str, Any] = json.loads(openapi.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    for name, field in CAME_SINCE.items():
        del schemas[name]["properties"][field]
        schemas[name]["required"].remove(field)
    older = tmp_path_factory.mktemp("before") / "openapi.json"
    older.write_text(json.dumps(document), encoding="utf-8")
    return older


@pytest.mark.parametrize("language", CLIENTS)
def test_a_client_generated_before_some_fields_came_compiles_and_its_typed_calls_are_answered(
    language: str, tools: Tools, of_before: Path, server: Server, tmp_path: Path
) -> None:
    """Additive within a version. source: integration.md 3"""
    assert CLIENTS[language](tools, of_before, tmp_path, server.words) == server.said
