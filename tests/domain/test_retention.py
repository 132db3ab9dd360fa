"""The end of a matter: who may have its key destroyed, when, and what is recorded of it (domain/pathway.md 4.4 row 48)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from given import Given, given
from stories import AUTHORITY, COUNTY, LAST, OWN_WORKER, as_1

from domain import events as e
from domain.chapters.cases.decisions import CloseCase
from domain.chapters.exits.decisions import RecordExit
from domain.chapters.retention.decisions import DestroyPayloadKey
from domain.context import Caller

OFFICER = Caller(COUNTY, "organiser", "data_protection_officer", "DP-1")
CLOSED = date(2025, 9, 5)
DUE = date(2035, 9, 5)
"""Ten years from the closing. source: domain/pathway.md 4.6, `retention.years`"""
PROOF = "d1" * 32
FOUND: dict[str, Any] = {"of_client": True, "key_id": "k/1", "digest": PROOF, "gone": False}


def closed() -> Given:
    """AS-1 to its end, the case closed on 2025-09-05."""
    world = given(as_1("22")).but(RecordExit(exit_kind="pay_subsidised_work"), by=OWN_WORKER, on=LAST)
    return world.but(CloseCase(closing_code="exit"), by=OWN_WORKER, on=CLOSED)


def matters(world: Given) -> tuple[str, str]:
    """The matter of the case, and that of the client as such."""
    pathway = world.world.pathway
    return next(iter(pathway.cases.values())).opened.matter, pathway.client_matter


def destroy(matter: str, second: str = "DP-2") -> DestroyPayloadKey:
    return DestroyPayloadKey(destroyed_matter=matter, second_person_id=second)


def test_a_key_is_destroyed_when_its_time_is_over_and_the_record_says_so_for_ever() -> None:
    world = closed()
    case, _ = matters(world)
    outcome = world.when(destroy(case), by=OFFICER, on=DUE, **FOUND)
    (draft,) = outcome.drafts
    assert draft.event == e.PayloadKeyDestroyed(
        destroyed_matter=case, destroyed_key_id="k/1", destroyed_at=draft.event.destroyed_at, destruction_digest=PROOF
    )
    assert draft.event.destroyed_at.date() == DUE
    # and it stands in the ledger's matter, whose key is never destroyed
    assert draft.matter == "ledger"
    # and a second time is once
    after = world.but(destroy(case), by=OFFICER, on=DUE, **FOUND)
    assert after.when(destroy(case), by=OFFICER, on=DUE, **FOUND | {"gone": True}).drafts == []


@pytest.mark.parametrize(
    ("but", "found", "code"),
    [
        ({"on": date(2035, 9, 4)}, {}, "E_NOT_DUE"),
        ({"second": "DP-1"}, {}, "E_SECOND_PERSON"),
        ({"second": "dp-1"}, {}, "E_SECOND_PERSON"),
        ({}, {"of_client": False}, "E_UNKNOWN_REFERENCE"),
        ({}, {"digest": "", "gone": True}, "E_UNKNOWN_REFERENCE"),
        ({"by": Caller(AUTHORITY, "employment_authority", "data_protection_officer", "DP-1")}, {}, "E_NOT_ENTITLED"),
    ],
    ids=["a day too early", "one person alone", "in other letters", "another client's", "a key that was lost", "an agency"],
)
def test_nothing_is_destroyed(but: dict[str, Any], found: dict[str, Any], code: str) -> None:
    world = closed()
    case, _ = matters(world)
    ask = destroy(case, but.get("second", "DP-2"))
    world.when(ask, by=but.get("by", OFFICER), on=but.get("on", DUE), **FOUND | found).then_refused(code)


def test_an_open_case_is_never_due() -> None:
    world = given(as_1("22"))
    world.when(destroy(matters(world)[0]), by=OFFICER, on=date(2090, 1, 1), **FOUND).then_refused("E_NOT_DUE")


def test_the_client_as_such_goes_with_the_last_of_the_other_matters() -> None:
    """domain/events.md 11.4: the client's own matter ends with the client's last matter."""
    world = closed()
    _, own = matters(world)
    world.when(destroy(own), by=OFFICER, on=DUE, **FOUND).then_refused("E_NOT_DUE")


def test_what_was_destroyed_before_the_record_said_so_is_recorded_afterwards() -> None:
    """Its time may not be known any more: what it said of it is gone with it."""
    world = closed()
    case, _ = matters(world)
    outcome = world.when(destroy(case), by=OFFICER, on=date(2026, 1, 1), **FOUND | {"gone": True})
    assert [draft.event.NAME for draft in outcome.drafts] == ["payload_key.destroyed"]
