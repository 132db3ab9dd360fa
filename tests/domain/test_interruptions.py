"""A period that ends before its time. source: domain/pathway.md 4.4 row 37"""

from __future__ import annotations

from datetime import date

import pytest
from given import given
from stories import EXPERT, FIRST, INSTRUCTOR, LAST, OWN_WORKER, SOCIAL_WORKER, as_1, closed, day, granted
from test_closing import interrupt

from domain import events as e
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.exits.decisions import RecordExit

ON = date(2025, 3, 10)
ENDED = granted(
    outcome="ended",
    ends_on=ON,
    refusal_reasons=("absences",),
    reasons="Too many absences.",
    not_heard_ground="urgent",
    granted_from_on=None,
    granted_until_on=None,
    max_days_per_week=None,
    max_hours_per_day=None,
)


def test_a_period_ends_early_and_the_authority_has_to_be_told() -> None:
    outcome = given(as_1("12")).when(interrupt(end_reason="work_or_study"), by=OWN_WORKER, on=ON)
    outcome.then(e.PeriodInterrupted, e.NotificationDue, ended_on=ON, end_reason="work_or_study", health_end=False).warned()
    due = outcome.drafts[1].event
    assert isinstance(due, e.NotificationDue)
    assert (due.notification_kind, due.about_event_id) == ("end", outcome.drafts[0].event_id)


def test_the_last_day_may_be_announced() -> None:
    """As in domain/scenarios.md AS-2 row 23: said on 7 August, effective on the 9th."""
    ahead = given(as_1("12")).but(interrupt(ended_on=date(2025, 3, 12)), by=OWN_WORKER, on=ON)
    ahead.but(day(), by=INSTRUCTOR, on=date(2025, 3, 11)).when(
        day(occurred_on=date(2025, 3, 13)), by=INSTRUCTOR, on=date(2025, 3, 13)
    ).then_refused("E_OUTSIDE_PERIOD")


def test_an_end_needs_its_reason() -> None:
    given(as_1("12")).when(interrupt(end_reason=None), by=OWN_WORKER, on=ON).then_refused(
        "E_REASON_REQUIRED", at="/end_reason"
    )


def test_a_reason_of_health_stands_under_its_own_class() -> None:
    outcome = given(as_1("12")).when(interrupt(end_reason="health"), by=OWN_WORKER, on=ON)
    outcome.then(e.PeriodInterrupted, e.NotificationDue, end_reason="other", health_end=True)


@pytest.mark.parametrize("reason", ["absences", "organiser"])
def test_what_is_against_the_client_follows_a_decision(reason: str) -> None:
    ask = interrupt(end_reason=reason, valid_reason="no")
    given(as_1("12")).when(ask, by=OWN_WORKER, on=ON).then(e.PeriodInterrupted, e.NotificationDue).warned("W_NO_DECISION")
    decided = given(as_1("12")).but(ENDED, by=SOCIAL_WORKER, on=ON)
    (decision_id,) = [key for key, fact in decided.world.pathway.decisions.items() if fact.event.outcome == "ended"]
    outcome = decided.when(ask, by=OWN_WORKER, on=ON)
    outcome.then(e.PeriodInterrupted, e.NotificationDue, decision_id=decision_id).warned()
    grant = next(iter(decided.world.pathway.decisions))
    wrong = interrupt(end_reason=reason, decision_id=grant)
    decided.when(wrong, by=OWN_WORKER, on=ON).then(e.PeriodInterrupted, e.NotificationDue).warned("W_NO_DECISION")
    strange = interrupt(decision_id="d" * 32)
    decided.when(strange, by=OWN_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE", at="/decision_id")


def test_only_a_period_that_runs_ends_and_it_ends_once() -> None:
    given(as_1("11")).when(interrupt(), by=OWN_WORKER, on=FIRST).then_refused("E_STATE", at="/period_id")
    once = given(as_1("12")).but(interrupt(), by=OWN_WORKER, on=ON)
    once.when(interrupt(), by=OWN_WORKER, on=ON).then_nothing_happens()
    once.when(interrupt(end_reason="other"), by=OWN_WORKER, on=ON).then_refused("E_STATE", at="/period_id")


def test_a_last_day_lies_in_the_period_and_after_nobody_was_present() -> None:
    there = given(as_1("12")).but(day(), by=INSTRUCTOR, on=ON)
    there.when(interrupt(ended_on=date(2025, 3, 2)), by=OWN_WORKER, on=ON).then_refused(
        "E_OUTSIDE_PERIOD", "E_CONFLICT", at="/ended_on"
    )
    there.when(interrupt(ended_on=date(2025, 3, 9)), by=OWN_WORKER, on=ON).then_refused("E_CONFLICT", at="/ended_on")
    there.when(interrupt(ended_on=date(2025, 9, 3)), by=OWN_WORKER, on=ON).then_refused("E_AFTER_END", at="/ended_on")
    there.when(interrupt(occurred_on=date(2025, 3, 11)), by=OWN_WORKER, on=ON).then_refused("E_FUTURE")


def test_after_an_early_end_the_period_has_no_more_days_and_an_exit_makes_no_second_notice() -> None:
    ended = given(as_1("12")).but(interrupt(), by=OWN_WORKER, on=ON)
    ended.when(closed(date(2025, 3, 11)), by=INSTRUCTOR, on=date(2025, 3, 11)).then_refused("E_OUTSIDE_PERIOD")
    ended.when(RecordExit(exit_kind="education"), by=OWN_WORKER, on=date(2025, 3, 11)).then(e.ExitRecorded)


def test_a_corrected_end_passes_its_guard_again() -> None:
    ended = given(as_1("present 2025-03-10")).but(interrupt(), by=OWN_WORKER, on=ON)
    key = next(key for key, fact in ended.world.pathway.facts.items() if isinstance(fact.event, e.PeriodInterrupted))

    def mend(**values: object) -> CorrectFact:
        return CorrectFact(target_event_id=key, correction_reason="supplemented", new_values=values)

    ended.when(mend(valid_reason="no"), by=OWN_WORKER, on=LAST).then(e.FactCorrected)
    ended.when(mend(ended_on="2025-03-09"), by=OWN_WORKER, on=LAST).then_refused("E_CONFLICT", at="/new_values/ended_on")
    ended.when(mend(health_end=True), by=OWN_WORKER, on=LAST).then_refused("E_CODE", at="/new_values/end_reason")
    ended.when(mend(valid_reason="no"), by=EXPERT, on=LAST).then_refused("E_NOT_ENTITLED")


def test_an_end_is_not_said_on_a_day_before_the_period_began() -> None:
    """domain/pathway.md 4.4 row 37: state as on the fact's own date"""
    early = interrupt(ended_on=date(2025, 3, 4), occurred_on=date(2025, 2, 26))
    given(as_1("12a")).when(early, by=OWN_WORKER, on=ON).then_refused("E_STATE", at="/period_id")
    given(as_1("12a")).when(interrupt(ended_on=FIRST, occurred_on=FIRST), by=OWN_WORKER, on=ON).then(
        e.PeriodInterrupted, e.NotificationDue
    )
