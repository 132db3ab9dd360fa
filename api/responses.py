"""How the answers of a route are described: a problem, a page with links, a limit."""

from __future__ import annotations

from typing import Any

from api.problems import PROBLEM

Described = dict[int | str, dict[str, Any]]
LINK: dict[str, Any] = {
    "Link": {"description": "The next page, and what describes the answer (RFC 8288).", "schema": {"type": "string"}}
}


def refused(described: dict[int, str]) -> Described:
    """For OpenAPI, the problems that a route answers, by status."""
    return {
        status: {"description": text, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for status, text in described.items()
    }
