"""A day that a fact names does not lie before what it follows: each field with the row that says so, or why nothing does.

source: domain/pathway.md 4.4 (rows 8, 13, 17, 19, 21, 24-29, 34-38, 42, 44, 50, 61, 65), domain/events.md 11.6-11.19
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple, get_args

import pytest
from given import Ask, World, given
from pydantic import BaseModel
from stories import (
    ASSOCIATION,
    CLIENT,
    CONTRACTS,
    EXPERT,
    FIRST,
    INSTRUCTOR,
    LAST,
    OWN_WORKER,
    SICK,
    SOCIAL_WORKER,
    TEAM_LEAD,
    as_1,
    closed,
    contract,
    draft,
    granted,
    last,
    meeting,
    own_worker,
    place,
    planned,
    register,
    report,
    start,
    statement,
    subsidy,
    yes,
)

from domain import events as e
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.exits.decisions import RecordExit
from domain.chapters.follow_ups.decisions import HoldFollowUp
from domain.chapters.notices.decisions import SendNotification
from domain.chapters.parallel_services.decisions import StopParallelService
from domain.chapters.periods.decisions import CompletePeriod, InterruptPeriod
from domain.chapters.plans.decisions import RevisePlan
from domain.context import Caller
from domain.pathway import Pathway, revalued
from domain.rulebook import COMMANDS

OPENED = date(2025, 1, 22)
"""The case of AS-1."""


class TooEarly(NamedTuple):
    """A command in which one day lies before what it follows; `right` is the first day that does not."""

    field: str
    history: str | World
    ask: Callable[[date], Ask]
    by: Caller
    on: date
    wrong: date
    right: date
    code: str
    at: str


def step(on: date) -> HoldFollowUp:
    return meeting("organiser", next_step="education", next_step_from_on=on)


def again(on: date) -> HoldFollowUp:
    return meeting("organiser", next_followup_on=on)


def interrupted(on: date) -> Callable[[Pathway], InterruptPeriod]:
    return lambda p: InterruptPeriod(
        period_id=last(p.periods), end_reason="work_or_study", valid_reason="yes", ended_on=on
    )


def completed(on: date) -> Callable[[Pathway], CompletePeriod]:
    return lambda p: CompletePeriod(period_id=last(p.periods), ended_on=on)


def left(on: date) -> RecordExit:
    return RecordExit(exit_kind="pay_subsidised_work", from_on=on)


def revised(**but: Any) -> Callable[[Pathway], RevisePlan]:
    def ask(p: Pathway) -> RevisePlan:
        terms = draft(**but)(p).model_dump(exclude={"occurred_on"})
        return RevisePlan(**terms, revision_reason="goal")

    return ask


def joined(on: date) -> Ask:
    return contract(ASSOCIATION, "K-09", "S-01", on, from_on=date(2025, 6, 2))


D = date
CASES = [
    TooEarly("hold_follow_up.next_step_from_on", "18", step, OWN_WORKER, D(2025, 6, 3), D(2025, 6, 2), D(2025, 6, 3),
             "E_ORDER", "/next_step_from_on"),
    TooEarly("hold_follow_up.next_followup_on", "18", again, OWN_WORKER, D(2025, 6, 3), D(2025, 6, 3), D(2025, 6, 4),
             "E_ORDER", "/next_followup_on"),
    TooEarly("draft_plan.review_due_on", "7", lambda d: draft(review_due_on=d), EXPERT, D(2025, 2, 14), D(2025, 2, 13),
             D(2025, 2, 14), "E_ORDER", "/review_due_on"),
    TooEarly("revise_plan.review_due_on", "18", lambda d: revised(goal="Another goal", review_due_on=d), OWN_WORKER,
             D(2025, 6, 3), D(2025, 6, 2), D(2025, 6, 3), "E_ORDER", "/review_due_on"),
    TooEarly("draft_plan.kuty_until_on", "7", lambda d: draft(kuty_until_on=d), EXPERT, D(2025, 2, 14), D(2025, 3, 2),
             FIRST, "E_PERIOD_LENGTH", "/kuty_until_on"),
    TooEarly("revise_plan.kuty_until_on", "18", lambda d: revised(kuty_until_on=d), OWN_WORKER, D(2025, 6, 3),
             D(2025, 3, 2), D(2025, 9, 3), "E_PERIOD_LENGTH", "/kuty_until_on"),
    TooEarly("issue_decision.granted_until_on", "8", lambda d: granted(granted_until_on=d), SOCIAL_WORKER, D(2025, 2, 17),
             D(2025, 3, 2), FIRST, "E_PERIOD_LENGTH", "/granted_until_on"),
    TooEarly("propose_placement.until_on", "9", lambda d: place(until_on=d), OWN_WORKER, D(2025, 2, 20), D(2025, 3, 2),
             FIRST, "E_NO_CONTRACT", "/contract_id"),
    TooEarly("plan_period.starts_on", "10", lambda d: planned(starts_on=d), OWN_WORKER, D(2025, 2, 21), D(2025, 3, 2), FIRST,
             "E_NO_PLAN", "/plan_id"),
    TooEarly("plan_period.planned_end_on", "10", lambda d: planned(planned_end_on=d), OWN_WORKER, D(2025, 2, 21),
             D(2025, 6, 1), D(2025, 6, 2), "E_PERIOD_LENGTH", "/planned_end_on"),
    TooEarly("start_period.starts_on", "11", lambda d: start(starts_on=d), OWN_WORKER, FIRST, D(2025, 3, 2), FIRST,
             "E_NO_PLACEMENT", "/placement_id"),
    TooEarly("complete_period.ended_on", "20", completed, OWN_WORKER, LAST, D(2025, 9, 1), LAST, "E_EARLY_END", "/ended_on"),
    TooEarly("interrupt_period.ended_on", "12", interrupted, OWN_WORKER, D(2025, 3, 5), D(2025, 3, 2), D(2025, 3, 3),
             "E_OUTSIDE_PERIOD", "/ended_on"),
    TooEarly("record_exit.from_on", "22", left, OWN_WORKER, LAST, D(2025, 9, 1), LAST, "E_ORDER", "/from_on"),
    TooEarly("assign_own_worker.effective_on", "5", lambda d: own_worker(effective_on=d), TEAM_LEAD, D(2025, 2, 7),
             D(2025, 1, 21), OPENED, "E_ORDER", "/effective_on"),
    TooEarly("assign_own_worker.registration_until_on", "5", lambda d: own_worker(registration_until_on=d), TEAM_LEAD,
             D(2025, 2, 7), D(2025, 2, 6), D(2025, 2, 7), "E_NOT_PROFESSIONAL", "/registration_until_on"),
    TooEarly("change_benefit_status.until_on", "6", lambda d: subsidy(until_on=d), EXPERT, D(2025, 2, 7), D(2023, 1, 8),
             D(2023, 1, 9), "E_PERIOD_LENGTH", "/until_on"),
    TooEarly("issue_labour_policy_statement.service_from_on", "12", lambda d: statement(service_from_on=d), EXPERT,
             D(2025, 3, 4), D(2025, 3, 2), FIRST, "E_ORDER", "/service_from_on"),
    TooEarly("issue_labour_policy_statement.service_until_on", "12", lambda d: statement(service_until_on=d), EXPERT,
             D(2025, 3, 4), D(2025, 3, 2), FIRST, "E_ORDER", "/service_from_on"),
    TooEarly("stop_parallel_service.until_on", "15",
             lambda d: lambda p: StopParallelService(parallel_service_id=last(p.parallel_services), until_on=d), OWN_WORKER,
             D(2025, 4, 2), D(2025, 3, 31), D(2025, 4, 1), "E_ORDER", "/until_on"),
    TooEarly("record_not_arranged.from_on", "12", lambda d: closed(d, D(2025, 3, 4)), INSTRUCTOR, D(2025, 3, 4),
             D(2025, 3, 2), FIRST, "E_OUTSIDE_PERIOD", "/from_on"),
    TooEarly("record_not_arranged.until_on", "12", lambda d: closed(D(2025, 3, 4), d), INSTRUCTOR, D(2025, 3, 4), FIRST,
             D(2025, 3, 4), "E_OUTSIDE_PERIOD", "/from_on"),
    TooEarly("send_absence_report.until_on", "13", lambda d: report(SICK[0], d), INSTRUCTOR, D(2025, 3, 21), D(2025, 3, 17),
             SICK[0], "E_OUTSIDE_PERIOD", "/absences"),
    TooEarly("send_notification.occurred_on", "12 started",
             lambda d: lambda p: SendNotification(notification_id=last(p.notices), occurred_on=d), OWN_WORKER,
             D(2025, 3, 4), D(2025, 3, 2), FIRST, "E_ORDER", "/occurred_on"),
    TooEarly("contract_provider.until_on", register(), joined, CONTRACTS, D(2025, 6, 2), D(2025, 6, 1), D(2025, 6, 2),
             "E_PERIOD_LENGTH", "/until_on"),
]  # fmt: skip

JUDGED_WHERE_THEY_COUNT = {
    "draft_plan.kuty_from_on": "row 25: a start needs a plan agreed by then",
    "revise_plan.kuty_from_on": "row 25",
    "issue_decision.granted_from_on": "row 25: a start needs a decision made by then",
    "issue_decision.ends_on": "row 19: a decision may end at once what it granted; no grant reaches beyond it",
    "propose_placement.from_on": "row 25: a start needs a placement that covers its first day",
    "contract_provider.from_on": "row 21: a placement needs a contract for its whole time",
    "publish_rules.effective_on": "row 64: rows for past dates need a stated ground",
    "join_ledger.tasks.from_on": "row 65: the task is judged for its first day",
    "assign_own_worker.registration_from_on": "row 8: registered on the first day in charge",
    "change_benefit_status.from_on": "row 42: a benefit began when it began",
    "start_parallel_service.from_on": "row 34: a service began when it began; never one that begins tomorrow",
    "send_absence_report.from_on": "row 29: the absences count, and each lies in the period",
    "send_absence_report.absences.day_on": "row 29: in the range and in the period",
    "record_attendance.swap_of_on": "row 27: a scheduled day of the period, before or after",
}
"""Days that may lie before the fact that names them, and where they are judged."""
NOT_AHEAD = {"assign_own_worker.registration_checked_on": "what was looked at was looked at: not tomorrow"}


def dates_in(annotation: Any, place: str) -> Iterator[str]:
    if annotation is date:
        yield place
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, found in annotation.model_fields.items():
            if name != "occurred_on":
                yield from dates_in(found.annotation, f"{place}.{name}" if place else name)
    else:
        for arm in get_args(annotation):
            yield from dates_in(arm, place)


def test_every_day_that_a_command_names_is_judged_against_what_it_follows() -> None:
    found = {place for kind in COMMANDS.values() for place in dates_in(kind.command, kind.name)}
    corrections = {place for place in found if place.endswith("corrected_occurred_on")}  # judged as the day of their fact
    judged = {case.field for case in CASES if not case.field.endswith(".occurred_on")}
    assert found - corrections == judged | JUDGED_WHERE_THEY_COUNT.keys() | NOT_AHEAD.keys()


@pytest.mark.parametrize("case", CASES, ids=[case.field for case in CASES])
def test_what_comes_next_does_not_lie_before_what_it_follows(case: TooEarly) -> None:
    world = as_1(case.history) if isinstance(case.history, str) else case.history
    early = given(world).when(case.ask(case.wrong), by=case.by, on=case.on)
    assert early.refused is not None, early.drafts
    assert (case.code, case.at) in [(reason.code, reason.pointer) for reason in early.refused.codes]
    in_time = given(world).when(case.ask(case.right), by=case.by, on=case.on)
    assert in_time.refused is None, in_time.refused
    assert in_time.drafts


def test_an_overdue_review_stays_as_it_was_while_something_else_is_revised() -> None:
    world = given(as_1("7")).but(draft(review_due_on=date(2025, 6, 1)), by=EXPERT, on=date(2025, 2, 14))
    for who in (CLIENT, EXPERT, OWN_WORKER):
        world = world.but(yes(), by=who, on=date(2025, 2, 14))
    late = revised(goal="Another goal", review_due_on=date(2025, 6, 1))
    world.when(late, by=OWN_WORKER, on=date(2025, 6, 3)).then(e.PlanRevised, review_due_on=date(2025, 6, 1))


def test_a_day_that_an_older_version_took_stands_in_the_way_of_no_other_correction() -> None:
    # given a version of a plan with a review long before it, which is refused today
    world = given(as_1("7")).but(draft(), by=EXPERT, on=date(2025, 2, 14)).world
    version = world.pathway.plans[last(world.pathway.plans)].versions[1].drafted
    old = replace(version, event=version.event.model_copy(update={"review_due_on": date(2020, 1, 1)}))
    world = replace(world, pathway=revalued(world.pathway, [old]))

    def corrected(**values: Any) -> CorrectFact:
        return CorrectFact(target_event_id=old.event_id, correction_reason="wrong_entry", new_values=values)

    on = date(2025, 2, 17)
    given(world).when(corrected(goal="Another"), by=EXPERT, on=on).then(e.FactCorrected, new_values={"goal": "Another"})
    # but whoever speaks of the day says a right one
    wrong = corrected(goal="Another", review_due_on="2020-01-02")
    given(world).when(wrong, by=EXPERT, on=on).then_refused("E_ORDER", at="/new_values/review_due_on")


def test_nobody_looked_at_a_registration_tomorrow() -> None:
    tomorrow = own_worker(registration_checked_on=date(2025, 2, 8))
    asked = given(as_1("5")).when(tomorrow, by=TEAM_LEAD, on=date(2025, 2, 7))
    asked.then_refused("E_FUTURE", at="/registration_checked_on")
