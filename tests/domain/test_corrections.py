"""A recorded fact was wrong; this is how it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from given import Given, World, given
from stories import (
    CLIENT,
    EXPERT,
    FIRST,
    FUND,
    INSTRUCTOR,
    INTERVIEW,
    MANAGER,
    OWN_WORKER,
    PAYER,
    REFERRER,
    SICK,
    SOCIAL_WORKER,
    STRANGER,
    as_1,
    day,
)

from domain import events as e
from domain.chapters.corrections.decisions import CorrectFact
from domain.commands import Command
from domain.events import FactCorrected
from domain.pathway import Pathway
from domain.rulebook import GUARDS

ON = date(2025, 6, 11)
WORLD = as_1("present 2025-06-02")
SICKNESS = {"day_status": "absent_own_sickness", "hours": None}


def of(kind: type[e.Event], on: date | None = None) -> Callable[[Pathway], str]:
    """Finds the last fact of a kind, or that of a day."""
    return lambda p: [
        key for key, fact in p.facts.items() if isinstance(fact.event, kind) and on in (None, fact.occurred_on)
    ][-1]


def mend(target: Callable[[Pathway], str], values: dict[str, Any] | None = None, **but: Any) -> Callable[[Pathway], Command]:
    said = {"correction_reason": "wrong_entry", "new_values": values}
    return lambda p: CorrectFact(**{"target_event_id": target(p)} | said | but)


def running() -> Given:
    return given(WORLD)


A_DAY = of(e.AttendanceRecorded, date(2025, 6, 2))


def test_a_present_day_turns_out_to_be_sickness() -> None:
    outcome = running().when(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=ON)
    outcome.then(FactCorrected, new_values=SICKNESS, corrected_occurred_on=None)
    assert outcome.drafts[0].corrects == A_DAY(WORLD.pathway)
    assert outcome.drafts[0].occurred_on == ON
    (now,) = outcome.world.pathway.days[date(2025, 6, 2)].values()
    assert (now.event.day_status, now.event.hours, now.corrected_by) == (*SICKNESS.values(), (outcome.drafts[0].event_id,))


def test_a_correction_stands_under_the_matter_of_its_fact() -> None:
    outcome = running().when(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=ON)
    assert outcome.drafts[0].matter == WORLD.pathway.facts[A_DAY(WORLD.pathway)].matter
    benefit = mend(of(e.BenefitStatusChanged), {"from_on": "2023-01-16"})
    assert running().when(benefit, by=EXPERT, on=ON).drafts[0].matter == WORLD.pathway.client_matter


def test_a_correction_that_changes_nothing_is_none() -> None:
    running().when(mend(A_DAY, {"hours": 5}), by=INSTRUCTOR, on=ON).then_nothing_happens()
    running().when(mend(A_DAY), by=INSTRUCTOR, on=ON).then_nothing_happens()
    once = running().but(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=ON)
    once.when(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=ON).then_nothing_happens()


def test_a_fact_may_be_corrected_again() -> None:
    once = running().but(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=ON)
    back = once.when(mend(A_DAY, {"day_status": "present", "hours": 6}), by=INSTRUCTOR, on=ON).then(FactCorrected)
    (now,) = back.world.pathway.days[date(2025, 6, 2)].values()
    assert (now.event.day_status, now.event.hours) == ("present", 6)


def test_an_unknown_fact_and_another_clients_fact_are_told_apart() -> None:
    unknown = CorrectFact(target_event_id="d" * 32, correction_reason="wrong_entry")
    running().when(unknown, by=INSTRUCTOR, on=ON).then_refused("E_TARGET", at="/target_event_id")
    running().when(unknown, by=INSTRUCTOR, on=ON, target_subject="a" * 32).then_refused("E_SUBJECT_MISMATCH")


def test_only_the_authors_organisation_and_the_own_worker_correct() -> None:
    for who in (OWN_WORKER, MANAGER):
        running().when(mend(A_DAY, SICKNESS), by=who, on=ON).then(FactCorrected)
    for who in (STRANGER, EXPERT, PAYER, SOCIAL_WORKER, CLIENT, REFERRER):
        running().when(mend(A_DAY, SICKNESS), by=who, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_client_corrects_the_own_account() -> None:
    told = running().but(day("absent_other", occurred_on=date(2025, 6, 3)), by=CLIENT, on=ON)
    own = of(e.AttendanceRecorded)
    told.when(mend(own, {"day_status": "absent_job_interview"}), by=CLIENT, on=ON).then(FactCorrected)


def test_a_correction_is_not_itself_corrected() -> None:
    once = running().but(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=ON)
    once.when(mend(of(FactCorrected), {"correction_reason": "known_later"}), by=INSTRUCTOR, on=ON).then_refused(
        "E_NOT_CORRECTABLE", at="/target_event_id"
    )


def test_what_ties_a_fact_to_its_part_or_author_stays() -> None:
    for name, value in (("period_id", "d" * 32), ("case_id", "d" * 32), ("account", "client")):
        moved = mend(A_DAY, {name: value})
        running().when(moved, by=INSTRUCTOR, on=ON).then_refused("E_NOT_CORRECTABLE", at=f"/new_values/{name}")


def test_a_new_value_has_to_fit_its_field() -> None:
    running().when(mend(A_DAY, {"diagnosis": "F32.1"}), by=INSTRUCTOR, on=ON).then_refused("E_FIELD_NOT_ALLOWED")
    running().when(mend(A_DAY, {"day_status": "ill"}), by=INSTRUCTOR, on=ON).then_refused(
        "E_CODE", at="/new_values/day_status"
    )
    running().when(mend(A_DAY, {"hours": "5"}), by=INSTRUCTOR, on=ON).then_refused("E_FIELD_TYPE", at="/new_values/hours")
    running().when(mend(A_DAY, {"day_status": "F32.1"}), by=INSTRUCTOR, on=ON).then_refused("E_HEALTH_CONTENT")
    running().when(mend(A_DAY, {"hours": None}), by=INSTRUCTOR, on=ON).then_refused(
        "E_FIELD_MISSING", at="/new_values/hours"
    )


def test_a_correction_does_not_make_a_fifth_day_of_a_week() -> None:
    world = given(as_1("12"))
    for number in (3, 4, 5, 6):
        world = world.but(day(), by=INSTRUCTOR, on=date(2025, 3, number))
    friday = date(2025, 3, 7)
    absent = world.but(day("absent_other"), by=INSTRUCTOR, on=friday)
    present = mend(of(e.AttendanceRecorded, friday), {"day_status": "present", "hours": 5})
    absent.when(present, by=INSTRUCTOR, on=friday).then_refused("E_WEEK_DAYS", at="/new_values/day_status")


def test_the_corrected_day_itself_does_not_count_twice() -> None:
    world = given(as_1("12"))
    for number in (3, 4, 5, 6):
        world = world.but(day(), by=INSTRUCTOR, on=date(2025, 3, number))
    longer = mend(of(e.AttendanceRecorded, date(2025, 3, 6)), {"hours": 6})
    world.when(longer, by=INSTRUCTOR, on=date(2025, 3, 7)).then(FactCorrected)


def test_a_short_day_warns_in_a_correction_too() -> None:
    running().when(mend(A_DAY, {"hours": 3}), by=INSTRUCTOR, on=ON).then(FactCorrected).warned("W_SHORT_DAY")


def test_a_wrong_date_is_corrected_within_the_period_and_not_into_the_future() -> None:
    moved = mend(of(e.AttendanceRecorded, INTERVIEW), None, corrected_occurred_on=date(2025, 5, 14))
    outcome = running().when(moved, by=INSTRUCTOR, on=ON).then(FactCorrected, new_values=None)
    assert INTERVIEW not in outcome.world.pathway.days
    assert date(2025, 5, 14) in outcome.world.pathway.days
    ahead = mend(A_DAY, None, corrected_occurred_on=date(2025, 6, 12))
    running().when(ahead, by=INSTRUCTOR, on=ON).then_refused("E_FUTURE", at="/corrected_occurred_on")
    outside = mend(A_DAY, None, corrected_occurred_on=date(2025, 2, 28))
    running().when(outside, by=INSTRUCTOR, on=ON).then_refused("E_OUTSIDE_PERIOD")
    told_ahead = mend(A_DAY, SICKNESS, occurred_on=date(2025, 6, 12))
    running().when(told_ahead, by=INSTRUCTOR, on=ON).then_refused("E_FUTURE")


def test_two_days_do_not_become_one() -> None:
    onto = mend(of(e.AttendanceRecorded, SICK[0]), None, corrected_occurred_on=SICK[1])
    running().when(onto, by=INSTRUCTOR, on=ON).then_refused("E_CONFLICT", at="/corrected_occurred_on")


def test_a_corrected_fact_of_any_chapter_passes_its_guards_again() -> None:
    wrong: dict[type[e.Event], tuple[Any, dict[str, Any], str]] = {
        e.ReferralSubmitted: (REFERRER, {"source": "typ"}, "E_SOURCE_CLOSED"),
        e.AssessmentStarted: (SOCIAL_WORKER, {"owner": "typ"}, "E_OWNER_CLOSED"),
        e.AssessmentCompleted: (SOCIAL_WORKER, {"needs": None}, "E_NEED_REQUIRED"),
        e.OwnWorkerAssigned: (OWN_WORKER, {"registration_until_on": "2025-02-06"}, "E_NOT_PROFESSIONAL"),
        e.BenefitStatusChanged: (EXPERT, {"benefit": "general_social_security_benefit"}, "E_BENEFIT_CODE"),
        e.PlanDraftingStarted: (EXPERT, {"eligibility_keys": ["EL-2026-SA"]}, "E_ELIGIBILITY_KEY_REQUIRED"),
        e.PlanDrafted: (EXPERT, {"goal": None}, "E_GOAL_SUPPORT_REQUIRED"),
        e.DecisionIssued: (SOCIAL_WORKER, {"less_than_asked": True}, "E_REASON_REQUIRED"),
        e.PlacementProposed: (OWN_WORKER, {"until_on": "2027-01-01"}, "E_NO_CONTRACT"),
        e.PeriodPlanned: (OWN_WORKER, {"planned_end_on": "2025-05-01"}, "E_PERIOD_LENGTH"),
        e.PeriodStarted: (OWN_WORKER, {"starts_on": "2025-02-28"}, "E_NO_PLACEMENT"),
        e.PeriodCompleted: (OWN_WORKER, {"ended_on": "2025-09-01"}, "E_EARLY_END"),
        e.AttendanceRecorded: (INSTRUCTOR, {"day_status": "not_arranged", "hours": None}, "E_CODE"),
        e.ServiceDayNotArranged: (INSTRUCTOR, {"until_on": "2025-07-28"}, "E_CONFLICT"),
        e.AbsenceReportSent: (INSTRUCTOR, {"payer_org_id": FUND}, "E_PAYER_UNKNOWN"),
        e.LabourPolicyStatementIssued: (EXPERT, {"payer_org_id": FUND}, "E_RECIPIENT"),
        e.ParallelServiceStarted: (OWN_WORKER, {"service": "other"}, "E_NOTE_REQUIRED"),
        e.ParallelServiceStopped: (OWN_WORKER, {"until_on": "2025-03-31"}, "E_ORDER"),
        e.FollowUpHeld: (OWN_WORKER, {"parties_present": []}, "E_FIELD_MISSING"),
        e.ExitRecorded: (OWN_WORKER, {"exit_kind": "health_related"}, "E_FIELD_MISSING"),
    }
    # A revision stands in no row of AS-1: tests/domain/test_plan_revisions.py corrects one. Nor does a change of details.
    assert wrong.keys() == GUARDS.keys() - {e.PlanRevised, e.SubjectIdentifierChanged}
    for kind, (who, values, code) in wrong.items():
        outcome = given(as_1()).when(mend(of(kind), values), by=who, on=date(2025, 9, 8))
        assert outcome.refused is not None, kind
        assert outcome.refused.codes[0].code == code, (kind, outcome.refused)


def test_a_start_that_is_corrected_moves_the_period() -> None:
    later = mend(of(e.PeriodStarted), {"starts_on": "2025-03-04"})
    world: World = running().when(later, by=OWN_WORKER, on=ON).then(FactCorrected).world
    (period,) = world.pathway.periods.values()
    assert period.covers(date(2025, 3, 4))
    assert not period.covers(FIRST)


def test_a_correction_after_the_case_has_closed_is_taken() -> None:
    late = given(as_1()).when(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=date(2025, 9, 30))
    late.then(FactCorrected, new_values=SICKNESS)
