"""A client generated from the OpenAPI document compiles, and its typed calls say what the server says."""

from __future__ import annotations

from pathlib import Path

import pytest
from clients.generated import CLIENTS
from clients.running import Server
from clients.tools import Tools


@pytest.mark.parametrize("language", CLIENTS)
def test_a_generated_client_compiles_and_its_typed_calls_are_answered(
    language: str, tools: Tools, openapi: Path, server: Server, tmp_path: Path
) -> None:
    assert CLIENTS[language](tools, openapi, tmp_path, server.words) == server.said
