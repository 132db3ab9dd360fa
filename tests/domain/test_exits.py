"""Where the client went, and the end of the case."""

from __future__ import annotations

from datetime import date

import pytest
from given import given
from stories import EXPERT, LAST, OWN_WORKER, as_1, last, plan

from domain.chapters.cases.decisions import CloseCase
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.exits.decisions import RecordExit
from domain.code_lists import code_list
from domain.events import CaseClosed, ExitRecorded, NotificationDue

ON = LAST
CLOSED = date(2025, 9, 5)
TO_WORK = RecordExit(exit_kind="pay_subsidised_work")
BY_EXIT = CloseCase(closing_code="exit")


def test_an_exit_ends_the_service_and_the_authority_has_to_be_told() -> None:
    outcome = given(as_1("22")).when(TO_WORK, by=OWN_WORKER, on=ON)
    outcome.then(ExitRecorded, NotificationDue, exit_kind="pay_subsidised_work", health_exit_kind=None)
    assert outcome.drafts[0].event.period_id == last(as_1("22").pathway.periods)  # type: ignore[attr-defined]
    due = outcome.drafts[1].event
    assert isinstance(due, NotificationDue)
    assert (due.notification_kind, due.due_on) == ("end", ON)


def test_an_exit_that_reveals_health_is_kept_apart() -> None:
    retired = given(as_1("22")).when(RecordExit(exit_kind="retired"), by=OWN_WORKER, on=ON)
    retired.then(ExitRecorded, NotificationDue, exit_kind="health_related", health_exit_kind="retired")


def test_a_new_period_makes_no_end_notice_and_needs_no_ended_period() -> None:
    again = RecordExit(exit_kind="new_kuty_period")
    given(as_1("22")).when(again, by=OWN_WORKER, on=ON).then(ExitRecorded)
    given(as_1("21")).when(again, by=OWN_WORKER, on=date(2025, 9, 1)).then(ExitRecorded)


def test_sick_leave_leaves_the_period_to_be_ended_and_the_case_open() -> None:
    ill = given(as_1("21")).when(RecordExit(exit_kind="sick_leave"), by=OWN_WORKER, on=date(2025, 9, 1))
    ill.then(ExitRecorded, NotificationDue, health_exit_kind="sick_leave")
    assert ill.world.pathway.open_case(date(2025, 9, 1)) is not None


def test_while_a_period_runs_nobody_leaves_the_service() -> None:
    given(as_1("21")).when(TO_WORK, by=OWN_WORKER, on=date(2025, 9, 1)).then_refused("E_OPEN_PERIOD", at="/exit_kind")


def test_a_period_has_one_exit() -> None:
    given(as_1("23")).when(TO_WORK, by=OWN_WORKER, on=ON).then_refused("E_DUPLICATE_EXIT", at="/period_id")
    other = RecordExit(exit_kind="education")
    given(as_1("23")).when(other, by=OWN_WORKER, on=ON).then_refused("E_DUPLICATE_EXIT")


def test_a_client_who_never_began_may_leave_once_too() -> None:
    outcome = given(as_1("9")).when(RecordExit(exit_kind="education"), by=OWN_WORKER, on=date(2025, 2, 18))
    outcome.then(ExitRecorded, NotificationDue, period_id=None)
    twice = given(outcome.world).when(RecordExit(exit_kind="education"), by=OWN_WORKER, on=date(2025, 2, 18))
    twice.then_refused("E_DUPLICATE_EXIT")


def test_an_exit_needs_an_open_case_a_known_period_and_a_day_that_has_come() -> None:
    given(as_1()).when(TO_WORK, by=OWN_WORKER, on=date(2025, 9, 8)).then_refused("E_CASE_CLOSED")
    unknown = RecordExit(exit_kind="education", period_id="d" * 32)
    given(as_1("22")).when(unknown, by=OWN_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE")
    ahead = RecordExit(exit_kind="education", occurred_on=date(2025, 9, 3))
    given(as_1("22")).when(ahead, by=OWN_WORKER, on=ON).then_refused("E_FUTURE")
    later = RecordExit(exit_kind="education", from_on=date(2025, 9, 15))
    given(as_1("22")).when(later, by=OWN_WORKER, on=ON).then(ExitRecorded, NotificationDue)


def test_a_case_closes_by_its_exit() -> None:
    outcome = given(as_1("23")).when(BY_EXIT, by=OWN_WORKER, on=CLOSED).then(CaseClosed, closing_code="exit").warned()
    assert outcome.drafts[0].event.exit_id == last(as_1("23").pathway.exits)  # type: ignore[attr-defined]
    given(as_1()).when(BY_EXIT, by=OWN_WORKER, on=CLOSED).then_nothing_happens()
    given(as_1()).when(BY_EXIT, by=OWN_WORKER, on=date(2025, 9, 8)).then_refused("E_CASE_CLOSED")


def test_a_case_that_no_exit_ended_closes_for_another_reason() -> None:
    given(as_1("5")).when(BY_EXIT, by=OWN_WORKER, on=date(2025, 2, 7)).then_refused("E_ORDER", at="/closing_code")
    moved = CloseCase(closing_code="moved_away")
    given(as_1("5")).when(moved, by=OWN_WORKER, on=date(2025, 2, 7)).then(CaseClosed, exit_id=None)
    mixed = lambda p: CloseCase(closing_code="moved_away", exit_id=last(p.exits))  # noqa: E731
    given(as_1("23")).when(mixed, by=OWN_WORKER, on=CLOSED).then_refused("E_FIELD_NOT_ALLOWED")
    strange = CloseCase(closing_code="exit", exit_id="d" * 32)
    given(as_1("23")).when(strange, by=OWN_WORKER, on=CLOSED).then_refused("E_UNKNOWN_REFERENCE")


def test_a_notice_not_yet_sent_warns_and_keeps_no_case_open() -> None:
    given(as_1("23 exit")).when(BY_EXIT, by=OWN_WORKER, on=CLOSED).then(CaseClosed).warned("W_OPEN_NOTICE")


def test_in_a_closed_case_nothing_new_begins_and_it_does_not_close_tomorrow() -> None:
    given(as_1()).when(plan(), by=EXPERT, on=date(2025, 9, 8)).then_refused("E_CASE_CLOSED")
    ahead = CloseCase(closing_code="exit", occurred_on=date(2025, 9, 6))
    given(as_1("23")).when(ahead, by=OWN_WORKER, on=CLOSED).then_refused("E_FUTURE")


def test_an_exit_names_no_period_that_had_not_begun_by_its_day() -> None:
    """domain/pathway.md 4.4 rows 38, 45: state is that of the fact's own date"""
    period = last(as_1().pathway.periods)
    before = RecordExit(exit_kind="pay_subsidised_work", occurred_on=date(2025, 2, 26), period_id=period)
    given(as_1("22")).when(before, by=OWN_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE", at="/period_id")
    world = as_1()
    key = next(key for key, fact in world.pathway.facts.items() if isinstance(fact.event, ExitRecorded))
    moved = CorrectFact(target_event_id=key, correction_reason="wrong_entry", corrected_occurred_on=date(2025, 2, 26))
    given(world).when(moved, by=OWN_WORKER, on=CLOSED).then_refused("E_UNKNOWN_REFERENCE")


@pytest.mark.parametrize("kind", sorted(code_list("exit_kind").codes))
def test_a_case_closes_by_an_exit_that_ends_it_and_goes_on_after_every_other(kind: str) -> None:
    """domain/vocabulary.md 1.9, domain/pathway.md 4.4 row 40: after X8 and X9 the case goes on."""
    left = given(as_1("22")).but(RecordExit(exit_kind=kind), by=OWN_WORKER, on=ON)
    named = lambda p: CloseCase(closing_code="exit", exit_id=last(p.exits))  # noqa: E731
    for closing in (BY_EXIT, named):
        outcome = left.when(closing, by=OWN_WORKER, on=CLOSED)
        if kind in ("sick_leave", "new_kuty_period"):
            outcome.then_refused("E_ORDER", at="/closing_code")
        else:
            outcome.then(CaseClosed, exit_id=last(left.world.pathway.exits))
    # it may end for a reason that is no exit
    left.when(CloseCase(closing_code="client_withdrew"), by=OWN_WORKER, on=CLOSED).then(CaseClosed, exit_id=None)


def test_a_case_is_closed_by_the_exit_that_ended_it_not_by_the_last_one_recorded() -> None:
    early = given(as_1("22")).but(TO_WORK, by=OWN_WORKER, on=ON)
    before = RecordExit(exit_kind="new_kuty_period", occurred_on=date(2025, 2, 20))
    both = early.but(before, by=OWN_WORKER, on=ON)
    first, second = both.world.pathway.exits
    both.when(BY_EXIT, by=OWN_WORKER, on=CLOSED).then(CaseClosed, exit_id=first)
    wrong = CloseCase(closing_code="exit", exit_id=second)
    both.when(wrong, by=OWN_WORKER, on=CLOSED).then_refused("E_ORDER", at="/exit_id")
    # and what ended it is not corrected into what did not
    closed = both.but(BY_EXIT, by=OWN_WORKER, on=CLOSED)
    target = closed.world.pathway.exits[first].event_id
    other = CorrectFact(
        target_event_id=target, correction_reason="wrong_entry", new_values={"exit_kind": "new_kuty_period"}
    )
    closed.when(other, by=OWN_WORKER, on=CLOSED).then_refused("E_ORDER")
