"""The id of a request: in its answer, in a problem, and in every line that is logged meanwhile."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

from domain.identifiers import is_identity_code

REQUEST_ID = "X-Request-Id"
PRESENT: ContextVar[str] = ContextVar("kuty_request_id", default="")
"""The id of the request that is being answered; empty outside of any."""
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_IDENTITY = re.compile(r"(?=([0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]))", re.IGNORECASE)


def request_id(given: str) -> str:
    """The caller's own id where it can stand in a log: 8 to 64 letters, digits, `.`, `_` and `-`, with no personal identity
    code among them; else a new one."""
    sane = _SANE.fullmatch(given) is not None and not _names_a_person(given)
    return given if sane else uuid.uuid4().hex


def _names_a_person(given: str) -> bool:
    """Whether an identity code stands in it by itself, right or mistyped, or a right one anywhere.

    Of the ids that machines make one in eight has digits and letters in that order by chance.
    """
    for found in _IDENTITY.finditer(given):
        around = given[: found.start()][-1:] + given[found.end(1) :][:1]
        if not any(letter.isalnum() for letter in around) or is_identity_code(found[1].upper()):
            return True
    return False
