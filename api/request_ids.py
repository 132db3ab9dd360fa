"""The id of a request: in its answer, in a problem, and in every line that is logged meanwhile."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

REQUEST_ID = "X-Request-Id"
PRESENT: ContextVar[str] = ContextVar("kuty_request_id", default="")
"""The id of the request that is being answered; empty outside of any."""
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_IDENTITY = re.compile(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]", re.IGNORECASE)


def request_id(given: str) -> str:
    """The caller's own id where it can stand in a log: 8 to 64 letters, digits, `.`, `_` and `-`, with no personal identity
    code among them; else a new one."""
    sane = _SANE.fullmatch(given) is not None and _IDENTITY.search(given) is None
    return given if sane else uuid.uuid4().hex
