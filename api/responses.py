"""How the answers of a route are described: a problem, a page with links, a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.problems import PROBLEM

Described = dict[int | str, dict[str, Any]]
LINK: dict[str, Any] = {
    "Link": {"description": "The next page, and what describes the answer (RFC 8288).", "schema": {"type": "string"}}
}


READ_OTHERWISE = {
    400: "There is no such parameter, or it was given twice.",
    401: "Nobody is signed in.",
    404: "Not there, or not for the caller to know.",
    409: "A live ledger, which the settings do not open.",
    422: "A parameter is wrong.",
    503: "Not available just now; ask again.",
}
"""What whatever is read may be answered instead, by status."""


def refused(described: Mapping[int, str]) -> Described:
    """For OpenAPI, the problems that a route answers, by status."""
    return {
        status: {"description": text, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for status, text in described.items()
    }
