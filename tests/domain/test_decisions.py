"""The county decides; against the client only with reasons and after a hearing."""

from __future__ import annotations

from datetime import date

from given import given
from stories import FIRST, LAST, SOCIAL_WORKER, as_1, granted

from domain.events import DecisionIssued

ON = date(2025, 2, 17)
NOTHING = {"granted_from_on": None, "granted_until_on": None, "max_days_per_week": None, "max_hours_per_day": None}
REASONED = {"refusal_reasons": ("no_need",), "reasons": "The need is met by another service."}
HEARD = {"not_heard_ground": "manifestly_unnecessary"}


def test_a_grant_names_dates_days_and_hours() -> None:
    outcome = given(as_1("8")).when(granted(), by=SOCIAL_WORKER, on=ON)
    outcome.then(DecisionIssued, outcome="granted", granted_from_on=FIRST, granted_until_on=LAST, max_days_per_week=3)


def test_a_grant_without_its_dates_is_incomplete() -> None:
    given(as_1("8")).when(granted(granted_until_on=None), by=SOCIAL_WORKER, on=ON).then_refused("E_FIELD_MISSING")
    backwards = granted(granted_until_on=date(2025, 3, 2))
    given(as_1("8")).when(backwards, by=SOCIAL_WORKER, on=ON).then_refused("E_PERIOD_LENGTH")


def test_a_refusal_gives_its_reasons() -> None:
    bare = granted(outcome="refused", **NOTHING, **HEARD)
    given(as_1("8")).when(bare, by=SOCIAL_WORKER, on=ON).then_refused("E_REASON_REQUIRED", at="/reasons")
    reasoned = granted(outcome="refused", **NOTHING, **HEARD, **REASONED)
    given(as_1("8")).when(reasoned, by=SOCIAL_WORKER, on=ON).then(DecisionIssued, outcome="refused")


def test_a_decision_against_the_client_needs_a_hearing_or_a_ground() -> None:
    unheard = granted(outcome="refused", **NOTHING, **REASONED)
    given(as_1("8")).when(unheard, by=SOCIAL_WORKER, on=ON).then_refused("E_HEARING_REQUIRED", at="/hearing_id")
    less = granted(less_than_asked=True)
    given(as_1("8")).when(less, by=SOCIAL_WORKER, on=ON).then_refused("E_REASON_REQUIRED", "E_HEARING_REQUIRED")
    grounded = granted(less_than_asked=True, **HEARD, **REASONED)
    given(as_1("8")).when(grounded, by=SOCIAL_WORKER, on=ON).then(DecisionIssued)
    # A hearing that nobody held is none.
    unheld = granted(less_than_asked=True, hearing_id="e" * 32, **REASONED)
    given(as_1("8")).when(unheld, by=SOCIAL_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE", at="/hearing_id")


def test_an_end_names_its_last_day() -> None:
    ended = granted(outcome="ended", **NOTHING, **HEARD, **REASONED)
    given(as_1("12")).when(ended, by=SOCIAL_WORKER, on=FIRST).then_refused("E_FIELD_MISSING", at="/ends_on")


def test_a_grant_has_no_reasons_against_the_client_nor_a_diagnosis() -> None:
    given(as_1("8")).when(granted(**REASONED), by=SOCIAL_WORKER, on=ON).then_refused("E_FIELD_NOT_ALLOWED")
    ill = granted(less_than_asked=True, **HEARD, **REASONED | {"reasons": "Because of F32.1"})
    given(as_1("8")).when(ill, by=SOCIAL_WORKER, on=ON).then_refused("E_HEALTH_CONTENT")


def test_a_decision_needs_an_open_case_and_is_not_made_tomorrow() -> None:
    given(as_1("2")).when(granted(), by=SOCIAL_WORKER, on=ON).then_refused("E_STATE")
    given(as_1("8")).when(granted(occurred_on=date(2025, 2, 18)), by=SOCIAL_WORKER, on=ON).then_refused("E_FUTURE")
