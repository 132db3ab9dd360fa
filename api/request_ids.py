"""The id of a request: in its answer, in a problem, and in every line that is logged meanwhile."""

from __future__ import annotations

import uuid

from domain.log_ids import present_ids, sane_id

REQUEST_ID = "X-Request-Id"
NAME = "request_id"
"""How log lines and problems call it."""


def request_id(given: str) -> str:
    """The caller's own id where it can stand in a log (`sane_id`); else a new one that can: of those that are made
    by chance one in two thousand looks like a personal identity code."""
    while not (named := sane_id(given)):
        given = uuid.uuid4().hex
    return named


def present_request_id() -> str:
    """The id of the request that is being answered; empty outside of any."""
    return str(present_ids().get(NAME, ""))
