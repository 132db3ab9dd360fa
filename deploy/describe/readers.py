"""Schemas of what others read are open: fields and codes may be added within a version, and no reader breaks by that.

What a sender writes is closed, so that a misspelled field is found before it is sent. A reader's schema demands no less of
what is there today. It does not say that nothing else will be: a field that it does not have is passed over, and a code of a
list that it does not know is a text like any other. The words of `kind`, `status` and of every other field without a code
list are all there will be in the version: whoever reads them does something else for each. source: integration.md 3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KNOWN_CODES = "x-known-codes"
"""The codes of the list that there are by now."""


def opened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every object open, and codes of lists as what is known of them."""
    kept: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "additionalProperties" and value is False:
            continue
        if word == "enum" and "x-code-list" in schema:
            kept[KNOWN_CODES] = value
        elif word == "properties":
            kept[word] = {name: opened(of) for name, of in value.items()}
        else:
            kept[word] = _opened(value)
    return kept


def _opened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return opened(value)
    return [_opened(one) for one in value] if isinstance(value, list) else value
