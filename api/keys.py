"""The caller's own id of what it asks for: whatever changes something is done once under it. source: design D13"""

from __future__ import annotations

from typing import Any

from fastapi import Request

from api.problems import problem
from domain.envelopes import MESSAGE_ID

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 80},
    "description": "Your own id of this command, of 1 to 80 ASCII characters without a blank: sent again, it changes nothing"
    " and is answered the same.",
}


def idempotency_key(request: Request) -> str:
    """The caller's own id of the command. Raises Problem (`E_IDEMPOTENCY_KEY_MISSING`, `E_ENVELOPE`)."""
    given = request.headers.getlist("idempotency-key")
    key = given[0].strip('"') if given else ""
    if not key:
        raise problem("E_IDEMPOTENCY_KEY_MISSING")
    if len(given) > 1 or MESSAGE_ID.fullmatch(key) is None:
        raise problem("E_ENVELOPE", "/Idempotency-Key")
    return key
