"""What somebody sends is read by people: names are of one line, texts of several, and neither holds signs that nobody sees.

What is recorded already is read as it stands: history loads for ever (design D3).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest
from pydantic import BaseModel
from stories import as_1, draft, joining, provider

from domain.catalogue import EVENTS
from domain.messages import NoNames, wish_of_body
from domain.refusals import Refused
from domain.rulebook import COMMANDS
from domain.vocabulary import shows_as_written

UNSEEN = ["\x07", "\x00", "\x1b[2J", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\x7f"]
"""Bell, null, an escape sequence, turned lines, signs without width, a line separator, delete."""
SITE = provider("0000012-3", "municipality", "S-09")
MEMBER = joining("0000012-3", "health_care", {"referrer": "clinic"}, date(2025, 1, 2))


def read(command: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """What the door says of a body."""
    try:
        wish_of_body(COMMANDS[command], body, None, NoNames())
    except Refused as refused:
        return [(reason.code, reason.pointer) for reason in refused.codes]
    return []


def body_of(command: BaseModel) -> dict[str, Any]:
    return command.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("sign", [*UNSEEN, "\n", "\t"])
def test_a_name_is_of_one_line_of_signs_that_are_seen(sign: str) -> None:
    assert read("join_ledger", {**body_of(MEMBER), "org_name": f"Klinikka{sign}"}) == [("E_FIELD_TYPE", "/org_name")]
    sites = [{**body_of(SITE)["sites"][0], "site_name": f"Paja{sign}"}]
    wrong = read("register_provider", {**body_of(SITE), "sites": sites})
    assert wrong == [("E_FIELD_TYPE", "/sites/0/site_name")]


def test_a_long_text_has_lines_and_no_other_sign_that_is_not_seen() -> None:
    plan = body_of(draft()(as_1("7").pathway))
    plan.pop("plan_id")
    known = [("E_FIELD_MISSING", "/plan_id")]
    assert read("draft_plan", {**plan, "goal": "First this.\nThen\tthat. Näin ✓"}) == known
    for sign in UNSEEN:
        assert ("E_FIELD_TYPE", "/goal") in read("draft_plan", {**plan, "goal": f"First this.{sign}"})


def test_a_municipality_is_one_and_a_code_is_known_in_any_spelling() -> None:
    sites = [{**body_of(SITE)["sites"][0], "municipality": "999"}]
    assert read("register_provider", {**body_of(SITE), "sites": sites}) == [("E_FIELD_TYPE", "/sites/0/municipality")]
    assert read("join_ledger", {**body_of(MEMBER), "municipalities": ["837", "999"]}) == [
        ("E_FIELD_TYPE", "/municipalities/1")
    ]
    wish = wish_of_body(COMMANDS["join_ledger"], {**body_of(MEMBER), "business_id": " 0000012-3 "}, None, NoNames())
    assert wish.command.business_id == "0000012-3"  # type: ignore[attr-defined]


def test_what_was_recorded_before_is_read_as_it_stands() -> None:
    body = {**body_of(SITE), "org_name": "An older\nname"} | {"sites": []}
    event = EVENTS["provider.registered"].model_validate_json(orjson.dumps(body))
    assert event.org_name == "An older\nname"  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["Äänekoski", "O’Brien-Virtanen", "李", "مريم", "Ждан"])
def test_every_script_is_seen(text: str) -> None:
    assert shows_as_written(text)
