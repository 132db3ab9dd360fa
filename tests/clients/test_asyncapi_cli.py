"""The command line of AsyncAPI says of each document what the parser says.

It asks the parser of `test_documents.py`, and brings four hundred megabytes for it: `make contracts CLI=1` fetches it. Where
it was fetched it is asked at every change.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clients.tools import CLI, NODE, kept, npm_installed, ran


@pytest.fixture(scope="session")
def cli() -> Path:
    return kept(*CLI, npm_installed) / "node_modules/@asyncapi/cli/bin/run"


def test_the_command_line_of_asyncapi_finds_nothing_in_any_document(cli: Path, asyncapi: list[Path], tmp_path: Path) -> None:
    told_nobody = tmp_path / "analytics.json"
    told_nobody.write_text(json.dumps({"analyticsEnabled": "false", "userID": ""}))
    wanted = ["--fail-severity", "hint", "--suppressWarnings", "asyncapi-latest-version"]
    for document in asyncapi:
        said = ran([NODE, cli, "validate", document, *wanted], CI="true", ASYNCAPI_METRICS_CONFIG_PATH=str(told_nobody))
        assert "is valid!" in said
