"""The contracts can fail: a document with one fault, each time another, is not let pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from clients.generated import python_untyped
from clients.running import Server, answers, checked
from clients.tools import Failed, Tools

Document = dict[str, Any]


def planted(openapi: Path, folder: Path, plant: Callable[[Document], None]) -> Path:
    document = json.loads(openapi.read_text(encoding="utf-8"))
    plant(document)
    faulty = folder / "openapi.json"
    faulty.write_text(json.dumps(document), encoding="utf-8")
    return faulty


def lie(document: Document) -> None:
    """The money of KE2 comes as text, so that nobody rounds it."""
    document["components"]["schemas"]["AllowanceDays"]["properties"]["amount_eur"] = {"type": "integer"}


def missing_header(document: Document) -> None:
    described = document["paths"]["/ledgers/{ledger}/health"]["get"]["responses"]["200"]
    described.setdefault("headers", {})["X-Never-Sent"] = {"required": True, "schema": {"type": "string"}}


def second_tag(document: Document) -> None:
    document["paths"]["/ledgers/{ledger}/health"]["get"]["tags"].append("replay")


def without_titles(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: without_titles(inner) for name, inner in part.items() if name != "title" or not isinstance(inner, str)}
    return [without_titles(inner) for inner in part] if isinstance(part, list) else part


def test_a_schema_that_lies_is_told_by_a_generated_client(
    tools: Tools, openapi: Path, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(Failed, match=r"amount_eur\n.*valid integer"):
        python_untyped(tools, planted(openapi, tmp_path, lie), tmp_path / "client", server.words)


def test_a_schema_that_lies_is_told_by_an_answer(tools: Tools, openapi: Path, server: Server, tmp_path: Path) -> None:
    faults = tools.checked("answers.cjs", text=checked(planted(openapi, tmp_path, lie), answers(server)))
    assert len(faults) == 1
    assert "amount_eur must be integer" in faults[0]


def test_a_header_that_is_described_and_not_sent_is_told(
    tools: Tools, openapi: Path, server: Server, tmp_path: Path
) -> None:
    faults = tools.checked("answers.cjs", text=checked(planted(openapi, tmp_path, missing_header), answers(server)))
    assert faults == ["get /ledgers/{ledger}/health: the header X-Never-Sent is not sent"]


def test_a_second_tag_is_told(tools: Tools, openapi: Path, tmp_path: Path) -> None:
    findings = tools.linted(planted(openapi, tmp_path, second_tag))
    assert len(findings) == 1
    assert findings[0].startswith("operation-singular-tag")


def test_a_schema_without_a_name_makes_a_class_without_one(tools: Tools, asyncapi: list[Path], tmp_path: Path) -> None:
    document = yaml.load(asyncapi[0].read_text(encoding="utf-8"), yaml.CSafeLoader)
    nameless = tmp_path / "nameless.yaml"
    nameless.write_text(json.dumps({**document, "components": without_titles(document["components"])}), encoding="utf-8")
    names = tools.checked("models.cjs", tmp_path / "java", nameless)["nameless"]
    assert [name for name in names if name.startswith("Anonymous")]
