"""A recorded fact was wrong; this is how it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from given import Given, Step, World, given
from stories import (
    CLIENT,
    EXPERT,
    FIRST,
    FUND,
    INSTRUCTOR,
    INTAKE,
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
    draft,
    granted,
    instructor,
    last,
    place,
    planned,
    start,
    welcome,
    yes,
)

from domain import events as e
from domain.catalogue import CLIENT_FACTS
from domain.chapters.corrections.decisions import CorrectFact, FurtherCorrection
from domain.chapters.periods.decisions import CompletePeriod
from domain.commands import Command
from domain.context import Caller
from domain.events import FactCorrected
from domain.pathway import Pathway, revalued
from domain.refusals import Refused
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


def test_a_fact_that_is_none_of_this_client_is_not_found() -> None:
    unknown = CorrectFact(target_event_id="d" * 32, correction_reason="wrong_entry")
    running().when(unknown, by=INSTRUCTOR, on=ON).then_refused("E_TARGET", at="/target_event_id")


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
    for number in (3, 4, 5, 7):
        world = world.but(day(), by=INSTRUCTOR, on=date(2025, 3, number))
    thursday, friday = date(2025, 3, 6), date(2025, 3, 7)
    absent = world.but(day("absent_other", occurred_on=thursday), by=INSTRUCTOR, on=friday)
    present = mend(of(e.AttendanceRecorded, thursday), {"day_status": "present", "hours": 5})
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
    moved = mend(of(e.AttendanceRecorded, INTERVIEW), None, corrected_occurred_on=date(2025, 6, 3))
    outcome = running().when(moved, by=INSTRUCTOR, on=ON).then(FactCorrected, new_values=None)
    assert INTERVIEW not in outcome.world.pathway.days
    assert date(2025, 6, 3) in outcome.world.pathway.days
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
        e.ExitRecorded: (OWN_WORKER, {"exit_kind": "health_related"}, "E_FIELD_MISSING"),
        e.ReferralReceived: (INTAKE, {"received_via": "pigeon"}, "E_CODE"),
        e.PlanAcceptedByParty: (OWN_WORKER, {"party_kind": "client"}, "E_NOT_CORRECTABLE"),
        e.PlanAgreed: (OWN_WORKER, {"parties": ["client"]}, "E_PARTY_MISSING"),
        e.PlacementConfirmed: (MANAGER, {"placement_id": "d" * 32}, "E_NOT_CORRECTABLE"),
        e.InstructorNamed: (MANAGER, {"instructor_role": "boss"}, "E_CODE"),
        e.FollowUpHeld: (OWN_WORKER, {"next_step": None}, "E_FIELD_MISSING"),
        e.CaseClosed: (OWN_WORKER, {"closing_code": "moved_away"}, "E_FIELD_NOT_ALLOWED"),
    }
    # These stand in no row of AS-1: tests/domain/test_plan_revisions.py and test_interruptions.py correct one each.
    assert wrong.keys() == GUARDS.keys() - {e.PlanRevised, e.PeriodInterrupted, e.SubjectIdentifierChanged}
    for kind, (who, values, code) in wrong.items():
        outcome = given(as_1()).when(mend(of(kind), values), by=who, on=date(2025, 9, 8))
        assert outcome.refused is not None, kind
        assert outcome.refused.codes[0].code == code, (kind, outcome.refused)


def test_a_start_that_is_corrected_moves_the_period() -> None:
    later = mend(of(e.PeriodStarted), {"starts_on": "2025-03-04"})
    world: World = given(as_1("12")).when(later, by=OWN_WORKER, on=ON).then(FactCorrected).world
    (period,) = world.pathway.periods.values()
    assert period.covers(date(2025, 3, 4))
    assert not period.covers(FIRST)


def test_a_correction_after_the_case_has_closed_is_taken() -> None:
    late = given(as_1()).when(mend(A_DAY, SICKNESS), by=INSTRUCTOR, on=date(2025, 9, 30))
    late.then(FactCorrected, new_values=SICKNESS)


# --- What no correction may bring about (domain/pathway.md 4.4 row 45) --------------------------------------------------

LATER = date(2025, 9, 8)
REFUSED_ALWAYS = {
    "subject.registered", "referral.accepted", "case.opened", "notification.due", "notification.sent",
    "payload_key.destroyed",
}  # fmt: skip


def test_every_kind_of_fact_is_judged_by_a_guard_but_those_that_row_45_names() -> None:
    unguarded = {name for name, cls in CLIENT_FACTS.items() if cls not in GUARDS}
    assert unguarded == REFUSED_ALWAYS | {"fact.corrected"}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (e.SubjectRegistered, {"identity_kind": "none"}),
        (e.ReferralAccepted, {}),
        (e.CaseOpened, {"service_programme": "kuty"}),
        (e.NotificationDue, {"due_on": "2099-01-01"}),
        (e.NotificationSent, {"recipient_org_id": FUND}),
    ],
)
def test_a_kind_without_a_guard_is_not_corrected(kind: type[e.Event], values: dict[str, Any]) -> None:
    moved = mend(of(kind), values, corrected_occurred_on=date(2025, 1, 2))
    given(as_1()).when(moved, by=OWN_WORKER, on=LATER).then_refused("E_NOT_CORRECTABLE", at="/target_event_id")


def refused(world: World, *, by: Caller = OWN_WORKER, on: date = LATER, **correction: Any) -> Refused:
    kind = correction.pop("kind")
    outcome = given(world).when(mend(of(kind), correction.pop("values", None), **correction), by=by, on=on)
    assert outcome.refused is not None, outcome.drafts
    return outcome.refused


def codes(refusal: Refused) -> list[str]:
    return list(dict.fromkeys(reason.code for reason in refusal.codes))


def in_the_way(refusal: Refused, world: World) -> set[tuple[str, str, date]]:
    """Code, kind and day of each fact that hangs on what was to be corrected."""
    facts = world.pathway.facts
    return {(code, facts[key].name, facts[key].occurred_on) for code, key in refusal.facts}


def test_an_agreement_names_every_mandatory_party_and_nobody_who_has_not_accepted() -> None:
    few = refused(as_1(), kind=e.PlanAgreed, values={"parties": ["client"]})
    assert [(r.code, r.pointer) for r in few.codes] == [("E_PARTY_MISSING", "/new_values/parties")]
    many = ["client", "employment_side", "organiser", "kela"]
    assert codes(refused(as_1(), kind=e.PlanAgreed, values={"parties": many})) == ["E_PARTY_MISSING"]


def test_an_agreement_is_not_moved_before_its_acceptances_nor_they_behind_it() -> None:
    early = refused(as_1(), kind=e.PlanAgreed, corrected_occurred_on=date(2025, 2, 13))
    assert codes(early) == ["E_ORDER"]
    late = refused(as_1(), kind=e.PlanAcceptedByParty, corrected_occurred_on=date(2025, 2, 15))
    assert in_the_way(late, as_1()) == {("E_ORDER", "plan.agreed", date(2025, 2, 14))}


def test_a_closing_is_not_moved_before_the_service() -> None:
    early = codes(refused(as_1(), kind=e.CaseClosed, corrected_occurred_on=date(2025, 2, 1)))
    assert early == ["E_OPEN_PERIOD", "E_ORDER"]


def test_a_start_is_not_moved_past_recorded_days() -> None:
    world = as_1("present 2025-03-10")
    late = refused(world, kind=e.PeriodStarted, values={"starts_on": "2025-03-11"}, on=date(2025, 3, 11))
    days = {d for code, name, d in in_the_way(late, world) if (code, name) == ("E_OUTSIDE_PERIOD", "attendance.recorded")}
    assert days == {date(2025, 3, d) for d in (3, 4, 6, 10)}


def two_periods() -> World:
    """P1 from 27 February to 30 May 2025, P2 from 2 June; present on 29 May and on 9 June."""
    one, may, two, until = date(2025, 2, 27), date(2025, 5, 30), date(2025, 6, 2), date(2025, 9, 5)
    february = date(2025, 2, 14)
    world = as_1("7")
    for step in (
        Step(EXPERT, february, draft(kuty_from_on=one, kuty_until_on=may)),
        *(Step(who, february, yes()) for who in (CLIENT, EXPERT, OWN_WORKER)),
        Step(SOCIAL_WORKER, february, granted(granted_from_on=one, granted_until_on=until)),
        Step(OWN_WORKER, february, place(from_on=one, until_on=until)),
        Step(MANAGER, february, welcome),
        Step(MANAGER, february, instructor),
        Step(OWN_WORKER, february, planned(starts_on=one, planned_end_on=may)),
        Step(OWN_WORKER, one, start()),
        Step(INSTRUCTOR, date(2025, 5, 29), day()),
        Step(OWN_WORKER, may, lambda p: CompletePeriod(period_id=last(p.periods))),
        Step(EXPERT, may, draft(kuty_from_on=two, kuty_until_on=until)),
        *(Step(who, may, yes()) for who in (CLIENT, EXPERT, OWN_WORKER)),
        Step(OWN_WORKER, may, planned(starts_on=two, planned_end_on=until)),
        Step(OWN_WORKER, two, start()),
        Step(INSTRUCTOR, date(2025, 6, 9), day()),
    ):
        world = world.after(step)
    return world


def test_the_end_of_a_period_is_not_moved_over_the_next_one() -> None:
    world = two_periods()
    over = refused(world, kind=e.PeriodCompleted, values={"ended_on": "2025-06-13"}, on=date(2025, 6, 16))
    assert codes(over) == ["E_OVERLAP"]


@pytest.mark.parametrize(
    ("kind", "values", "code", "hanging"),
    [
        (e.PlanDrafted, {"kuty_from_on": "2025-03-04"}, "E_NO_PLAN", "period.planned"),
        (e.PlanDrafted, {"schedule": [{"weekday": 1, "hours": 5}]}, "E_NO_PLAN", "period.planned"),
        (e.DecisionIssued, {"granted_until_on": "2025-08-29"}, "E_NO_DECISION", "period.started"),
        (e.PlacementProposed, {"from_on": "2025-03-04"}, "E_NO_PLACEMENT", "period.started"),
        (e.PlacementProposed, {"until_on": "2025-06-01"}, "E_OUTSIDE_PERIOD", "attendance.recorded"),
        (e.OwnWorkerAssigned, {"effective_on": "2025-03-04"}, "E_NO_OWN_WORKER", "period.started"),
        (e.BenefitStatusChanged, {"payer_org_id": FUND}, "E_RECIPIENT", "labour_policy_statement.issued"),
        (e.AssessmentCompleted, {"special_support_need": True}, "E_SOCIAL_WORKER_REQUIRED", "own_worker.assigned"),
    ],
)
def test_what_hangs_on_a_fact_and_would_no_longer_be_allowed_refuses_its_correction(
    kind: type[e.Event], values: dict[str, Any], code: str, hanging: str
) -> None:
    refusal = refused(as_1(), kind=kind, values=values)
    assert (code, hanging) in {(c, name) for c, name, _ in in_the_way(refusal, as_1())}


def test_what_hangs_on_nothing_that_changes_is_in_nobodys_way() -> None:
    for kind, values in (
        (e.AttendanceRecorded, {"day_status": "absent_other", "hours": None}),
        (e.AssessmentCompleted, {"last_worked_year": 2016}),
        (e.FollowUpHeld, {"parties_present": ["client"]}),
    ):
        given(as_1()).when(mend(of(kind), values), by=OWN_WORKER, on=LATER).then(FactCorrected)


def test_a_new_value_has_to_lie_in_the_bounds_of_a_first_recording() -> None:
    for kind, values in (
        (e.AssessmentCompleted, {"self_rated_work_ability": 99}),
        (e.AssessmentCompleted, {"last_worked_year": 16}),
        (e.DecisionIssued, {"max_days_per_week": 8}),
    ):
        refusal = refused(as_1(), kind=kind, values=values)
        assert [(r.code, r.pointer) for r in refusal.codes] == [("E_FIELD_TYPE", f"/new_values/{next(iter(values))}")]


@pytest.mark.parametrize(
    ("kind", "moved_to", "code", "hanging"),
    [
        (e.ReferralSubmitted, date(2025, 1, 21), "E_ORDER", "referral.received"),
        (e.AssessmentStarted, date(2025, 2, 7), "E_ORDER", "assessment.completed"),
        (e.PlanDraftingStarted, date(2025, 2, 17), "E_ORDER", "plan.drafted"),
        (e.PlanDrafted, date(2025, 2, 15), "E_ORDER", "plan.accepted_by_party"),
        (e.PlanAgreed, date(2025, 2, 24), "E_STATE", "period.planned"),
        (e.PlacementProposed, date(2025, 2, 21), "E_NOT_ENTITLED", "placement.confirmed"),
        (e.PlacementConfirmed, date(2025, 2, 21), "E_ORDER", "instructor.named"),
        (e.PlacementConfirmed, date(2025, 3, 4), "E_NO_PLACEMENT", "period.started"),
        (e.InstructorNamed, date(2025, 3, 4), "E_NO_PLACEMENT", "period.started"),
        (e.DecisionIssued, date(2025, 3, 4), "E_NO_DECISION", "period.started"),
        (e.PeriodPlanned, date(2025, 3, 4), "E_ORDER", "period.started"),
        (e.PeriodStarted, date(2025, 3, 5), "E_ORDER", "labour_policy_statement.issued"),
    ],
)
def test_what_came_after_a_fact_does_not_come_before_it(
    kind: type[e.Event], moved_to: date, code: str, hanging: str
) -> None:
    refusal = refused(as_1(), kind=kind, corrected_occurred_on=moved_to)
    assert (code, hanging) in {(c, name) for c, name, _ in in_the_way(refusal, as_1())}


NONE_IN_AS_1 = (e.PlanRevised, e.PeriodInterrupted)
NOT_BEFORE = {"E_STATE", "E_OUTSIDE_PERIOD", "E_FIELD_NOT_ALLOWED", "E_ORDER", "E_FUTURE", "E_NOT_ENTITLED"}
"""What has days or a period of its own says so with a code of its own row; a provider speaks from the asking on."""


@pytest.mark.parametrize("kind", [cls for cls in GUARDS if issubclass(cls, e.CaseEvent) and cls not in NONE_IN_AS_1])
def test_no_fact_of_a_case_is_moved_before_the_case(kind: type[e.Event]) -> None:
    before = codes(refused(as_1(), kind=kind, corrected_occurred_on=date(2025, 1, 21)))
    assert NOT_BEFORE & set(before), before


def test_what_a_decision_fills_in_is_not_made_another_by_a_correction() -> None:
    other = refused(as_1(), kind=e.AbsenceReportSent, values={"reporting_org_id": FUND})
    assert [(r.code, r.pointer) for r in other.codes] == [("E_NOT_ENTITLED", "/new_values/reporting_org_id")]


# --- Several facts in one command ---------------------------------------------------------------------------------------


def both(*further: Mapping[str, Any], **first: Any) -> Callable[[Pathway], Command]:
    """Corrections of several facts, each target found in the pathway."""
    said = {"correction_reason": "wrong_entry"}

    def ask(p: Pathway) -> Command:
        more = tuple(FurtherCorrection(**{**one, "target_event_id": one["target_event_id"](p)}) for one in further)
        return CorrectFact(**{**said, **first, "target_event_id": first["target_event_id"](p), "further": more})

    return ask


TO_FUND = {"payer_org_id": FUND}


def test_a_payer_is_corrected_together_with_the_statement_that_went_to_it() -> None:
    world = as_1("12a")
    alone = refused(world, kind=e.BenefitStatusChanged, values=TO_FUND, by=EXPERT, on=date(2025, 3, 5))
    assert in_the_way(alone, world) == {("E_RECIPIENT", "labour_policy_statement.issued", date(2025, 3, 4))}
    statement = {"target_event_id": of(e.LabourPolicyStatementIssued), "new_values": TO_FUND}
    benefit = {"target_event_id": of(e.BenefitStatusChanged), "new_values": TO_FUND}
    outcome = given(world).when(both(statement, **benefit), by=EXPERT, on=date(2025, 3, 5))
    outcome.then(FactCorrected, FactCorrected)
    targets = [of(kind)(world.pathway) for kind in (e.LabourPolicyStatementIssued, e.BenefitStatusChanged)]
    assert [draft.corrects for draft in outcome.drafts] == targets
    assert outcome.world.pathway.payer(date(2025, 3, 4)) == FUND


def test_what_was_asked_is_sealed_under_the_matter_that_is_destroyed_first() -> None:
    """The decision stands in its first event: the case's matter goes before the client's own (domain/events.md 11.4)."""
    statement = {"target_event_id": of(e.LabourPolicyStatementIssued), "new_values": TO_FUND}
    benefit = {"target_event_id": of(e.BenefitStatusChanged), "new_values": TO_FUND}
    for order in ((statement, benefit), (benefit, statement)):
        drafts = given(as_1("12a")).when(both(order[1], **order[0]), by=EXPERT, on=date(2025, 3, 5)).drafts
        case = next(iter(as_1("12a").pathway.cases.values())).opened.matter
        assert [d.matter for d in drafts] == [case, as_1("12a").pathway.client_matter]


def test_all_of_a_command_are_recorded_or_none() -> None:
    wrong = {"target_event_id": of(e.AttendanceRecorded, date(2025, 5, 8)), "new_values": {"hours": None}}
    outcome = running().when(both(wrong, target_event_id=A_DAY, new_values=SICKNESS), by=INSTRUCTOR, on=ON)
    outcome.then_refused("E_FIELD_MISSING", at="/further/0/new_values/hours")


def test_a_further_fact_is_the_callers_to_correct_too() -> None:
    foreign = {"target_event_id": of(e.PlacementProposed), "new_values": {"site_needs": "x"}}
    both_asked = both(foreign, target_event_id=A_DAY, new_values=SICKNESS)
    running().when(both_asked, by=INSTRUCTOR, on=ON).then_refused("E_NOT_ENTITLED")


def test_one_fact_is_corrected_once_in_a_command() -> None:
    twice = both({"target_event_id": A_DAY, "new_values": SICKNESS}, target_event_id=A_DAY, new_values=SICKNESS)
    running().when(twice, by=INSTRUCTOR, on=ON).then_refused("E_CONFLICT", at="/further/0/target_event_id")


def test_of_several_facts_those_that_do_not_change_are_left_out() -> None:
    same = {"target_event_id": of(e.AttendanceRecorded, INTERVIEW), "new_values": {"day_status": "absent_job_interview"}}
    outcome = running().when(both(same, target_event_id=A_DAY, new_values=SICKNESS), by=INSTRUCTOR, on=ON)
    outcome.then(FactCorrected, target_event_id=A_DAY(WORLD.pathway))


def test_a_fact_that_was_not_allowed_before_is_in_nobodys_way() -> None:
    """History may be older than a rule: here a day that the placement never covered."""
    world = as_1("present 2025-03-10")
    stray = world.pathway.facts[of(e.AttendanceRecorded, date(2025, 3, 4))(world.pathway)]
    outside = replace(world, pathway=revalued(world.pathway, [replace(stray, occurred_on=date(2025, 2, 25))]))
    other = mend(of(e.AttendanceRecorded, date(2025, 3, 6)), SICKNESS)
    given(outside).when(other, by=INSTRUCTOR, on=ON).then(FactCorrected)


def test_days_without_service_are_dated_by_their_first_one_after_a_correction_too() -> None:
    """The own day of `service_day.not_arranged` is its first day (domain/events.md 11.2)."""
    moved = mend(of(e.ServiceDayNotArranged), {"from_on": "2025-07-06"})
    given(as_1()).when(moved, by=INSTRUCTOR, on=LATER).then(FactCorrected, corrected_occurred_on=date(2025, 7, 6))
    apart = mend(of(e.ServiceDayNotArranged), {"from_on": "2025-07-06"}, corrected_occurred_on=date(2025, 7, 8))
    given(as_1()).when(apart, by=INSTRUCTOR, on=LATER).then_refused("E_FIELD_NOT_ALLOWED", at="/corrected_occurred_on")


def test_a_new_reference_names_a_part_of_this_client() -> None:
    """A first recording is refused for a part that there is none of: so is a correction."""
    nobody = refused(as_1(), kind=e.DecisionIssued, values={"hearing_id": "d" * 32})
    assert [(r.code, r.pointer) for r in nobody.codes] == [("E_UNKNOWN_REFERENCE", "/new_values/hearing_id")]
    other = refused(as_1(), kind=e.PlacementProposed, values={"replaces_placement_id": "d" * 32})
    assert codes(other) == ["E_UNKNOWN_REFERENCE"]


def test_an_author_has_to_hold_its_task_on_the_day_that_a_fact_is_moved_to() -> None:
    """The employment authority joined on 1 January 2025 (domain/vocabulary.md 1.15)."""
    before = refused(as_1(), kind=e.BenefitStatusChanged, corrected_occurred_on=date(2024, 12, 31), by=EXPERT)
    assert [(r.code, r.pointer) for r in before.codes] == [("E_NOT_ENTITLED", "/corrected_occurred_on")]
