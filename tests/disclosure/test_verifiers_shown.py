"""The verifiers that the page about generated clients shows, in Python and JavaScript, hash what stands on the topic:
numbers and letters that another program would write otherwise, and records whose key was destroyed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from clients.verifying import verdict
from publications_given import Told

from domain.disclosure.publications import Publication, publication_hash

IN_EACH_LANGUAGE = pytest.mark.parametrize("language", ["python", "javascript"])
NOTE = 'Ähtäri, "Ö" \\ / \u2028 \u00e9 e\u0301 😀 \x7f'
OTHERWISE_WRITTEN = {"hours": 4.0, "share": 1e21, "small": 1e-7, "number": 2**53 + 1, "note": NOTE}
"""JavaScript writes 4.0 as 4, 1e-7 and 1e21 with other signs, and a number behind 2^53 as another one."""


def entry(told: Publication) -> dict[str, Any]:
    """As `GET /out` answers it."""
    headers = {name: value.decode() for name, value in told.headers}
    return {"headers": headers, "value": json.loads(told.value), "text": told.value.decode(), "hash": told.hash}


def page_of(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"ledger": {"name": "test", "mode": "simulated"}, "epoch": 1, "publications": list(entries), "next": len(entries)}


def three() -> list[dict[str, Any]]:
    told = Told()
    for day in ("2025-03-03", "2025-03-04", "2025-03-05"):
        told.fact("attendance.recorded", day, OTHERWISE_WRITTEN)
    return [entry(one) for one in told.publications]


@IN_EACH_LANGUAGE
def test_what_another_program_would_write_otherwise_verifies(language: str) -> None:
    entries = three()
    assert verdict(language, "", page_of(*entries)) == (0, f"epoch 1 verifies to 3 {entries[-1]['hash']}")


@IN_EACH_LANGUAGE
def test_a_record_whose_key_was_destroyed_ends_the_chain_and_not_the_sequence(language: str) -> None:
    """As docs/explanation/proof-of-delivery.md says it of keys destroyed before sending."""
    first, second, third = three()
    headers, text = {**second["headers"], "ce_prevhash": "erased"}, '{"kind":"withdrawn"}'
    made = publication_hash(tuple(sorted((name, value.encode()) for name, value in headers.items())), text.encode())
    erased = {"headers": headers, "value": {"kind": "withdrawn"}, "text": text, "hash": made}
    assert verdict(language, "", page_of(first, erased, third)) == (0, f"epoch 1 verifies to 3 {third['hash']}")
    # and content whose chain is broken otherwise is not taken for it
    assert verdict(language, "", page_of(first, third)) == (1, "2 of epoch 1 is missing")
    forged = {**third, "headers": {**third["headers"], "ce_logsequence": "2"}}
    assert verdict(language, "", page_of(first, forged))[0] == 1
