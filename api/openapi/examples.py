"""An example of every body, as somebody would write it: `examples.toml` has one for each command."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from api.bodies import JSON
from api.openapi.messages import MESSAGE, STRUCTURED
from api.openapi.schemas import COMPONENTS, pascal

EXAMPLES = Path(__file__).with_name("examples.toml")
CLIENT = "rD2hJmcXq0bZ8yKpTn5wVfLs3EaGuYxQ7oBzNi1tC4M"
"""A client's name, as an agency got it."""
VERSION = "V1"


@cache
def examples() -> Mapping[str, dict[str, Any]]:
    """A body by the name of its command, or of its operation."""
    read: Mapping[str, dict[str, Any]] = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))
    return read


def with_examples(operation: dict[str, Any], schemas: Mapping[str, dict[str, Any]]) -> None:
    """Give each body of the operation its example, and one that holds any message an example of each."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").removeprefix(COMPONENTS)
        own = examples().get(operation["operationId"])
        if name in (MESSAGE, STRUCTURED):
            types = [one["$ref"].removeprefix(COMPONENTS) for one in schemas[MESSAGE]["anyOf"]]
            known = {f"{pascal(command)}{VERSION}": (command, body) for command, body in examples().items()}
            messages = {known[one][0]: known[one][1] for one in types if one in known}
            told = {command: {"client": CLIENT, **body} for command, body in messages.items()}
            told = {command: body if "entries" not in body else examples()[command] for command, body in told.items()}
            content["examples"] = {
                command: {"value": body if name == MESSAGE else _event(command, body)} for command, body in told.items()
            }
        elif own is not None:
            content["example"] = own


def _event(command: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A CloudEvent in structured mode."""
    of_source = {"specversion": "1.0", "id": f"2025-{command}-17", "source": "urn:example:agency", "type": f"{command}.v1"}
    return {**of_source, "datacontenttype": JSON, "data": dict(body)}
