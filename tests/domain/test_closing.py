"""The end of a case, what is taken after it, and the way out of a case that an older version let close over a period.

source: domain/pathway.md 4.4 row 40
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from given import Ask, Given, Step, World, given
from stories import (
    CLIENT,
    EXPERT,
    FIRST,
    INSTRUCTOR,
    INTAKE,
    LAST,
    MANAGER,
    OWN_WORKER,
    REFERRER,
    SOCIAL_WORKER,
    TEAM_LEAD,
    as_1,
    closed,
    day,
    debts,
    draft,
    granted,
    instructor,
    last,
    meeting,
    notice,
    own_worker,
    place,
    plan,
    planned,
    referral,
    report,
    result,
    start,
    statement,
    subsidy,
    welcome,
    yes,
)

from domain import events as e
from domain.catalogue import CLIENT_FACTS
from domain.chapters.agreements.decisions import AgreePlan
from domain.chapters.assessments.decisions import StartAssessment
from domain.chapters.cases.decisions import CloseCase
from domain.chapters.clients.decisions import ChangeClientDetails
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.exits.decisions import RecordExit
from domain.chapters.parallel_services.decisions import StopParallelService
from domain.chapters.periods.decisions import CompletePeriod, InterruptPeriod
from domain.chapters.plans.decisions import RevisePlan
from domain.chapters.referrals.decisions import AcceptReferral, ReceiveReferral
from domain.commands import Command
from domain.context import Caller, Draft
from domain.pathway import Pathway
from domain.rulebook import COMMANDS, GUARDS

MOVED = CloseCase(closing_code="moved_away")
CLOSED, AFTER = date(2025, 9, 5), date(2025, 9, 8)


def interrupt(**but: object) -> Callable[[Pathway], Command]:
    said = {"end_reason": "client_choice", "valid_reason": "yes"} | but
    return lambda p: InterruptPeriod(**{"period_id": last(p.periods)} | said)


def complete(p: Pathway) -> Command:
    return CompletePeriod(period_id=last(p.periods))


def test_a_case_does_not_close_over_a_period_that_runs() -> None:
    given(as_1("21")).when(MOVED, by=OWN_WORKER, on=date(2025, 8, 25)).then_refused("E_OPEN_PERIOD")
    ended = given(as_1("12")).but(interrupt(), by=OWN_WORKER, on=date(2025, 3, 10))
    ended.when(MOVED, by=OWN_WORKER, on=date(2025, 3, 10)).then(e.CaseClosed).warned("W_OPEN_NOTICE")


def test_a_period_whose_end_is_announced_runs_until_its_last_day() -> None:
    announced = given(as_1("12")).but(interrupt(ended_on=date(2025, 3, 12)), by=OWN_WORKER, on=date(2025, 3, 10))
    announced.when(MOVED, by=OWN_WORKER, on=date(2025, 3, 11)).then_refused("E_OPEN_PERIOD")
    announced.when(MOVED, by=OWN_WORKER, on=date(2025, 3, 12)).then(e.CaseClosed)


def test_a_closing_comes_after_everything_that_happened_in_the_case() -> None:
    early = CloseCase(closing_code="exit", occurred_on=date(2025, 9, 1))
    given(as_1("23")).when(early, by=OWN_WORKER, on=CLOSED).then_refused("E_OPEN_PERIOD", "E_ORDER", at="/occurred_on")
    assessed = CloseCase(closing_code="moved_away", occurred_on=date(2025, 2, 5))
    given(as_1("5")).when(assessed, by=OWN_WORKER, on=date(2025, 2, 7)).then_refused("E_ORDER", at="/occurred_on")


def test_what_may_be_dated_after_a_closing_may_be_there_before_it_is_recorded() -> None:
    unpaid = given(as_1("23 exit")).but(subsidy(from_on=AFTER), by=EXPERT, on=AFTER).but(notice, by=OWN_WORKER, on=AFTER)
    unpaid.when(CloseCase(closing_code="exit", occurred_on=CLOSED), by=OWN_WORKER, on=AFTER).then(e.CaseClosed)


def test_a_case_closes_once() -> None:
    other = CloseCase(closing_code="moved_away", occurred_on=CLOSED)
    given(as_1()).when(other, by=OWN_WORKER, on=AFTER).then_refused("E_CASE_CLOSED")
    given(as_1()).when(MOVED, by=OWN_WORKER, on=AFTER).then_refused("E_CASE_CLOSED")
    earlier = CloseCase(closing_code="exit", occurred_on=date(2025, 9, 4))
    given(as_1()).when(earlier, by=OWN_WORKER, on=AFTER).then_refused("E_CASE_CLOSED")


def test_a_closing_on_the_day_on_which_the_next_case_opens_is_that_cases_own() -> None:
    back = returned(given(as_1()), CLOSED)
    back.when(CloseCase(closing_code="exit"), by=OWN_WORKER, on=CLOSED).then_refused("E_ORDER")
    back.when(MOVED, by=OWN_WORKER, on=CLOSED).then(e.CaseClosed)


def returned(world: Given, on: date) -> Given:
    back = world.but(referral(), by=REFERRER, on=on)
    return back.but(lambda p: AcceptReferral(referral_id=last(p.referrals)), by=INTAKE, on=on)


# --- After the closing ------------------------------------------------------------------------------------------------

Asked = tuple[Ask, Caller]
OVER: dict[str, Asked] = {
    "start_assessment": (StartAssessment(owner="adult_social_work", client_attended=True), SOCIAL_WORKER),
    "complete_assessment": (result(), SOCIAL_WORKER),
    "assign_own_worker": (own_worker(), TEAM_LEAD),
    "start_plan": (plan(), EXPERT),
    "draft_plan": (draft(), EXPERT),
    "revise_plan": (
        lambda p: RevisePlan(**dict(draft()(p)) | {"revision_reason": "goal", "goal": "Another goal"}),
        EXPERT,
    ),
    "accept_plan": (yes(), CLIENT),
    "agree_plan": (lambda p: AgreePlan(plan_id=last(p.plans), plan_version=2), EXPERT),
    "issue_decision": (granted(), SOCIAL_WORKER),
    "propose_placement": (place(), OWN_WORKER),
    "plan_period": (planned(), OWN_WORKER),
    "start_period": (start(), OWN_WORKER),
    "complete_period": (lambda p: CompletePeriod(period_id=last(p.periods), ended_on=date(2025, 9, 4)), OWN_WORKER),
    "interrupt_period": (interrupt(), OWN_WORKER),
    "start_parallel_service": (debts(), OWN_WORKER),
    "stop_parallel_service": (
        lambda p: StopParallelService(parallel_service_id=last(p.parallel_services)),
        OWN_WORKER,
    ),
    "hold_follow_up": (meeting("organiser", "client"), OWN_WORKER),
    "record_exit": (RecordExit(exit_kind="education"), OWN_WORKER),
    "close_case": (MOVED, OWN_WORKER),
}
"""Commands whose facts are not taken when they are dated after the closing, and how each is asked there."""

NOT_ITS_DAY: dict[str, tuple[Asked, str]] = {
    "accept_placement": ((welcome, MANAGER), "E_NOT_ENTITLED"),
    "name_instructor": ((instructor, MANAGER), "E_NOT_ENTITLED"),
    "record_attendance": ((day(), INSTRUCTOR), "E_OUTSIDE_PERIOD"),
    "record_not_arranged": ((closed(AFTER), INSTRUCTOR), "E_OUTSIDE_PERIOD"),
}
"""A provider does not read a closing from the code: behind its placement it is answered as if the case went on (D22)."""

STILL_TAKEN: dict[str, Asked] = {
    "send_absence_report": (report(LAST, LAST), INSTRUCTOR),
    "change_benefit_status": (subsidy(from_on=AFTER), EXPERT),
    "issue_labour_policy_statement": (statement(labour_statement_kind="end"), EXPERT),
    "send_notification": (notice, OWN_WORKER),
    "change_client_details": (ChangeClientDetails(), OWN_WORKER),
    "correct_fact": (
        lambda p: CorrectFact(
            target_event_id=next(key for key, fact in p.facts.items() if fact.name == "attendance.recorded"),
            correction_reason="wrong_entry",
            new_values={"hours": 4},
        ),
        OWN_WORKER,
    ),
}
"""The rows 20, 29, 39, 41, 42, 44-46, 48-50, 56, 59, 63 that there are."""

BEFORE_A_CASE: dict[str, Asked] = {
    "submit_referral": (referral(), REFERRER),
    "receive_referral": (
        lambda p: ReceiveReferral(referral_id=last(p.referrals), received_via="electronic"),
        INTAKE,
    ),
    "accept_referral": (lambda p: AcceptReferral(referral_id=last(p.referrals)), INTAKE),
}
"""They belong to a referral, and the client comes back by them."""


def test_every_command_about_a_client_is_in_one_of_these_tables() -> None:
    about_a_client = {name for name, kind in COMMANDS.items() if kind.target == "client"}
    tables = OVER.keys() | NOT_ITS_DAY.keys() | STILL_TAKEN.keys() | BEFORE_A_CASE.keys()
    # The end of a matter comes years after its closing: tests/domain/test_retention.py.
    assert about_a_client == tables | {"destroy_payload_key"}


def with_everything() -> Given:
    """AS-1 closed, with a start of everything that a command could end, and a notice that nobody sent."""
    world = given(as_1("22"))
    world = world.but(StartAssessment(owner="adult_social_work", client_attended=True), by=SOCIAL_WORKER, on=LAST)
    revised = {"revision_reason": "goal", "goal": "A third goal"}
    world = world.but(lambda p: RevisePlan(**dict(draft()(p)) | revised), by=EXPERT, on=LAST)
    world = world.but(debts(), by=OWN_WORKER, on=LAST).but(place(), by=OWN_WORKER, on=LAST)
    world = world.but(RecordExit(exit_kind="pay_subsidised_work"), by=OWN_WORKER, on=LAST)
    return world.but(CloseCase(closing_code="exit"), by=OWN_WORKER, on=CLOSED)


@pytest.mark.parametrize("name", OVER)
def test_after_the_closing_nothing_of_the_case_goes_on(name: str) -> None:
    ask, by = OVER[name]
    with_everything().when(ask, by=by, on=AFTER).then_refused("E_CASE_CLOSED")


@pytest.mark.parametrize("name", NOT_ITS_DAY)
def test_a_provider_whose_placement_is_over_is_answered_by_that_alone(name: str) -> None:
    (ask, by), code = NOT_ITS_DAY[name]
    with_everything().when(ask, by=by, on=AFTER).then_refused(code)


@pytest.mark.parametrize("name", STILL_TAKEN)
def test_after_the_closing_some_things_are_still_taken(name: str) -> None:
    ask, by = STILL_TAKEN[name]
    outcome = with_everything().when(ask, by=by, on=AFTER)
    assert outcome.refused is None


@pytest.mark.parametrize("name", BEFORE_A_CASE)
def test_a_client_comes_back(name: str) -> None:
    world = with_everything()
    for step, (ask, by) in BEFORE_A_CASE.items():
        outcome = world.when(ask, by=by, on=AFTER)
        assert outcome.refused is None
        world = Given(outcome.world)
        if step == name:
            return


def test_the_events_say_themselves_which_are_taken_after_a_closing() -> None:
    taken = {name for name, cls in CLIENT_FACTS.items() if issubclass(cls, e.CaseEvent) and cls.AFTER_CLOSING}
    assert taken == {"absence_report.sent", "labour_policy_statement.issued", "notification.due", "notification.sent"}


@pytest.mark.parametrize(
    ("ask", "by"),
    [
        (debts(occurred_on=CLOSED), OWN_WORKER),
        (meeting("organiser", "client", occurred_on=date(2025, 9, 1)), OWN_WORKER),
        (day(occurred_on=date(2025, 7, 31), account="client"), CLIENT),
        (StartAssessment(owner="adult_social_work", client_attended=True, occurred_on=CLOSED), SOCIAL_WORKER),
        (granted(occurred_on=CLOSED), SOCIAL_WORKER),
        (plan(occurred_on=CLOSED), EXPERT),
    ],
)
def test_what_is_dated_on_or_before_the_closing_is_taken_however_late(ask: Ask, by: Caller) -> None:
    assert given(as_1()).when(ask, by=by, on=date(2025, 12, 1)).refused is None


def test_a_period_is_planned_in_a_closed_case_as_on_its_own_day() -> None:
    short = planned(starts_on=date(2025, 12, 1), planned_end_on=date(2026, 3, 31), occurred_on=CLOSED)
    given(as_1()).when(short, by=OWN_WORKER, on=AFTER).then_refused("E_NO_PLAN")


# --- What was planned falls away --------------------------------------------------------------------------------------


def never_started() -> Given:
    return given(as_1("11")).but(MOVED, by=OWN_WORKER, on=date(2025, 2, 28))


def anew(world: Given, on: date) -> Given:
    """The client is back, with everything that a period from the first day needs."""
    world = returned(world, on).but(own_worker(effective_on=on), by=TEAM_LEAD, on=on)
    world = world.but(plan(), by=EXPERT, on=on).but(draft(kuty_from_on=FIRST), by=EXPERT, on=on)
    world = world.but(yes(), by=CLIENT, on=on).but(yes(), by=EXPERT, on=on).but(yes(), by=OWN_WORKER, on=on)
    world = world.but(granted(), by=SOCIAL_WORKER, on=on)
    return world.but(place(), by=OWN_WORKER, on=on).but(welcome, by=MANAGER, on=on).but(instructor, by=MANAGER, on=on)


def test_a_planned_period_lapses_with_the_closing_and_overlaps_nothing() -> None:
    back = anew(never_started(), date(2025, 3, 3))
    second = back.but(planned(), by=OWN_WORKER, on=date(2025, 3, 3))
    second.when(start(), by=OWN_WORKER, on=date(2025, 3, 3)).then(e.PeriodStarted, e.NotificationDue)


def test_a_lapsed_period_is_not_taken_up_any_more() -> None:
    never_started().when(start(), by=OWN_WORKER, on=FIRST).then_refused("E_CASE_CLOSED")
    lapsed = next(iter(never_started().world.pathway.periods))
    ahead = start(period_id=lapsed, occurred_on=date(2025, 2, 28), starts_on=FIRST)
    never_started().when(ahead, by=OWN_WORKER, on=FIRST).then_refused("E_CASE_CLOSED")
    back = anew(never_started(), date(2025, 3, 3))
    back.when(start(period_id=lapsed), by=OWN_WORKER, on=date(2025, 3, 4)).then_refused("E_CASE_CLOSED")


# --- The way out of older histories -----------------------------------------------------------------------------------


def closed_over(world: World, on: date, *days: date) -> Given:
    """A case that an older version let close while its period ran; days went on being recorded in it."""
    step = Step(OWN_WORKER, on, MOVED)
    pathway = world.pathway
    case = pathway.cases[last(pathway.cases)].opened
    closing = e.CaseClosed(case_id=case.event.case_id, closing_code="moved_away")
    world = world.with_fact(Draft(closing, "e" * 32, on, case.matter, warnings=("W_OPEN_PERIOD",)), step)
    period_id, placement_id = last(pathway.periods), last(pathway.placements)
    for number, when in enumerate(days):
        about = {"case_id": case.event.case_id, "period_id": period_id, "placement_id": placement_id}
        told = e.AttendanceRecorded(**about, account="provider", day_status="present", hours=5)
        at = Step(INSTRUCTOR, when, day())
        world = world.with_fact(Draft(told, f"{number:032x}", when, case.matter), at)
    return given(world)


OPENED_OVER, LATER = date(2025, 3, 14), date(2025, 4, 1)


def test_a_history_in_which_a_case_closed_over_its_period_loads_and_no_day_is_added_to_it() -> None:
    old = closed_over(as_1("12"), OPENED_OVER, date(2025, 3, 17))
    old.when(day(), by=INSTRUCTOR, on=date(2025, 3, 18)).then_refused("E_CASE_CLOSED")
    old.when(day(occurred_on=date(2025, 3, 13)), by=INSTRUCTOR, on=LATER).then(e.AttendanceRecorded)


@pytest.mark.parametrize("dated", [None, OPENED_OVER])
def test_such_a_period_is_ended_late_and_the_returning_clients_next_one_starts(dated: date | None) -> None:
    back = anew(closed_over(as_1("12"), OPENED_OVER), LATER)
    (first,) = back.world.pathway.periods
    back.when(planned(starts_on=LATER), by=OWN_WORKER, on=LATER).then_refused("E_OVERLAP")
    end = interrupt(period_id=first, ended_on=OPENED_OVER, occurred_on=dated)
    mended = back.but(end, by=OWN_WORKER, on=LATER).but(planned(starts_on=LATER), by=OWN_WORKER, on=LATER)
    mended.when(start(), by=OWN_WORKER, on=LATER).then(e.PeriodStarted, e.NotificationDue)


def test_such_a_period_ends_no_earlier_than_the_days_that_were_recorded_in_it() -> None:
    old = closed_over(as_1("12"), OPENED_OVER, date(2025, 3, 17))
    old.when(interrupt(ended_on=OPENED_OVER), by=OWN_WORKER, on=LATER).then_refused("E_CONFLICT", at="/ended_on")
    old.when(interrupt(ended_on=date(2025, 3, 17)), by=OWN_WORKER, on=LATER).then(e.PeriodInterrupted, e.NotificationDue)


def test_such_a_period_is_completed_on_its_planned_end() -> None:
    old = closed_over(as_1("12"), OPENED_OVER)
    old.when(complete, by=OWN_WORKER, on=LAST).then(e.PeriodCompleted, ended_on=LAST)
    done = old.but(complete, by=OWN_WORKER, on=LAST)
    done.when(interrupt(), by=OWN_WORKER, on=LAST).then_refused("E_CASE_CLOSED")


# --- A closing is corrected -------------------------------------------------------------------------------------------


def moved_closing(to: date) -> Callable[[Pathway], Command]:
    def ask(p: Pathway) -> Command:
        key = next(key for key, fact in p.facts.items() if isinstance(fact.event, e.CaseClosed))
        return CorrectFact(target_event_id=key, correction_reason="wrong_date", corrected_occurred_on=to)

    return ask


def test_a_corrected_closing_comes_after_what_happened_in_the_case_and_before_the_next_one() -> None:
    given(as_1()).when(moved_closing(date(2025, 9, 4)), by=OWN_WORKER, on=AFTER).then(e.FactCorrected)
    too_early = given(as_1()).when(moved_closing(date(2025, 8, 29)), by=OWN_WORKER, on=AFTER)
    too_early.then_refused("E_OPEN_PERIOD", "E_ORDER", at="/corrected_occurred_on")
    before = given(as_1()).when(moved_closing(date(2025, 1, 21)), by=OWN_WORKER, on=AFTER)
    before.then_refused("E_STATE")
    back = returned(given(as_1()), AFTER)
    late = back.when(moved_closing(date(2025, 9, 10)), by=OWN_WORKER, on=date(2025, 9, 12))
    late.then_refused("E_OPEN_CASE_EXISTS", at="/corrected_occurred_on")


# --- A fact is corrected into its case and not out of it (rows 40, 45) ------------------------------------------------

DATED_IN_ITS_CASE = sorted(
    name for name, cls in CLIENT_FACTS.items() if issubclass(cls, e.CaseEvent) and not cls.AFTER_CLOSING and cls in GUARDS
)
SAID_FIRST = {
    "placement.confirmed": {"E_NOT_ENTITLED"},
    "instructor.named": {"E_NOT_ENTITLED"},
    "attendance.recorded": {"E_OUTSIDE_PERIOD"},
    "plan.revised": {"E_ORDER"},
}
"""A provider is answered by its placement first, so that no closing can be read from the code (D22); a version of a plan by
the one that it revises."""


def interrupted_and_closed() -> Given:
    ended = given(as_1("12")).but(interrupt(), by=OWN_WORKER, on=date(2025, 3, 10))
    return ended.but(MOVED, by=OWN_WORKER, on=date(2025, 3, 14))


@pytest.mark.parametrize("name", DATED_IN_ITS_CASE)
def test_no_correction_moves_a_fact_of_any_kind_out_of_its_case(name: str) -> None:
    """Every kind, to the day before the opening and to the day after the closing."""
    world = (interrupted_and_closed() if name == "period.interrupted" else with_everything()).world
    (case,) = world.pathway.cases.values()
    assert case.closed is not None
    targets = [fact for fact in world.pathway.facts.values() if fact.name == name]
    assert targets, f"{name} stands in none of these histories: add it to with_everything"
    before, after = case.opened.occurred_on - timedelta(days=1), case.closed.occurred_on + timedelta(days=1)
    for day_, code in ((before, "E_STATE"), (after, "E_CASE_CLOSED")):
        if name == "case.closed" and day_ == after:
            continue  # a closing may be later than it was said to be
        moved = CorrectFact(
            target_event_id=targets[-1].event_id, correction_reason="wrong_date", corrected_occurred_on=day_
        )
        refused = given(world).when(moved, by=OWN_WORKER, on=date(2025, 12, 1)).refused
        assert refused is not None, f"{name} may be moved to {day_}"
        own = {reason.code for reason in refused.codes if reason.pointer != "/target_event_id"}
        assert own & {code, *SAID_FIRST.get(name, ())}, (refused.codes, day_)


def test_the_end_of_a_period_that_had_been_left_open_is_corrected_to_a_day_after_the_closing() -> None:
    late = closed_over(as_1("12"), OPENED_OVER).but(interrupt(), by=OWN_WORKER, on=LATER)
    key = next(key for key, fact in late.world.pathway.facts.items() if isinstance(fact.event, e.PeriodInterrupted))
    moved = CorrectFact(target_event_id=key, correction_reason="wrong_date", corrected_occurred_on=date(2025, 3, 31))
    late.when(moved, by=OWN_WORKER, on=LATER).then(e.FactCorrected)
