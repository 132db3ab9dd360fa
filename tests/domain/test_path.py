"""History AS-1 from referral to exit through the decisions, and what holds on any path."""

from __future__ import annotations

from collections import Counter
from datetime import date

from stories import AUTHORITY, FIRST, KELA, LAST, as_1, registered

from domain.context import HELSINKI
from domain.rulebook import COMMANDS


def test_the_straight_path_records_a_hundred_and_six_facts() -> None:
    facts = as_1().pathway.facts.values()
    assert len(facts) - len(registered().pathway.facts) == 106
    kinds = Counter(fact.name for fact in facts)
    assert (kinds["attendance.recorded"], kinds["service_day.not_arranged"], kinds["absence_report.sent"]) == (68, 4, 2)
    assert (kinds["notification.due"], kinds["notification.sent"], kinds["exit.recorded"]) == (2, 2, 1)


def test_the_eighty_scheduled_days_are_present_absent_or_not_arranged() -> None:
    pathway = as_1().pathway
    (period,) = pathway.periods.values()
    statuses: Counter[str] = Counter()
    for on in period.scheduled_days():
        accounts = pathway.days.get(on, {})
        closed = any(told.event.from_on <= on <= told.event.until_on for told in pathway.not_arranged)
        statuses[next((fact.event.day_status for fact in accounts.values()), "not_arranged" if closed else "unknown")] += 1
    assert statuses == {"present": 65, "absent_own_sickness": 2, "absent_job_interview": 1, "not_arranged": 12}


def test_nothing_on_the_straight_path_is_late_or_warned_about() -> None:
    assert {(draft.flags, draft.warnings) for draft in as_1().recorded[len(registered().recorded) :]} == {((), ())}


def test_the_case_goes_through_its_states() -> None:
    pathway = as_1().pathway
    (case_id,) = pathway.cases
    states = {
        date(2025, 1, 21): "not_open",
        date(2025, 1, 22): "assessing",
        date(2025, 2, 6): "planning",
        date(2025, 2, 14): "placing",
        FIRST: "active",
        LAST: "between_periods",
        date(2025, 9, 5): "closed",
    }
    assert {on: pathway.case_state(case_id, on) for on in states} == states
    assert (pathway.payer(FIRST), pathway.employment_authority(FIRST)) == (KELA, AUTHORITY)


def test_every_fact_of_the_case_stands_under_the_matter_of_its_referral() -> None:
    pathway = as_1().pathway
    case = {fact.matter for fact in pathway.facts.values() if fact.event.MATTER == "case"}
    own = {fact.matter for fact in pathway.facts.values() if fact.event.MATTER == "client"}
    assert len(case) == len(own) == 1
    assert case != own


def test_recorded_on_the_day_that_it_happened() -> None:
    for step_on, fact in ((fact.recorded_at.astimezone(HELSINKI).date(), fact) for fact in as_1().pathway.facts.values()):
        assert fact.occurred_on == step_on


def test_every_command_has_a_name_a_path_and_somebody_who_may_ask() -> None:
    assert len({kind.path for kind in COMMANDS.values()}) == len(COMMANDS)
    assert all(kind.roles and kind.command.__doc__ for kind in COMMANDS.values())
