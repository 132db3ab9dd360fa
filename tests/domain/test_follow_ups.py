"""How it goes."""

from __future__ import annotations

from datetime import date

from given import given
from stories import CLIENT, EXPERT, INSTRUCTOR, OWN_WORKER, PAYER, STRANGER, as_1, last, meeting

from domain.events import FollowUpHeld

ON = date(2025, 6, 2)
HELD = meeting("organiser", "instructor", "client")


def test_those_around_the_client_hold_a_follow_up_of_the_running_period() -> None:
    period = last(as_1("17a").pathway.periods)
    for who in (OWN_WORKER, INSTRUCTOR, EXPERT, CLIENT):
        given(as_1("17a")).when(HELD, by=who, on=ON).then(FollowUpHeld, period_id=period, next_step=None)


def test_a_follow_up_says_what_comes_next() -> None:
    next_step = meeting("organiser", next_step="pay_subsidised_work", next_step_from_on=date(2025, 9, 3))
    given(as_1("17a")).when(next_step, by=OWN_WORKER, on=ON).then(FollowUpHeld, next_step_from_on=date(2025, 9, 3))
    undated = meeting("organiser", next_step_from_on=date(2025, 9, 3))
    given(as_1("17a")).when(undated, by=OWN_WORKER, on=ON).then_refused("E_FIELD_MISSING", at="/next_step")


def test_between_periods_a_follow_up_names_none() -> None:
    given(as_1("22")).when(HELD, by=OWN_WORKER, on=date(2025, 9, 3)).then(FollowUpHeld, period_id=None)
    unknown = meeting("organiser", period_id="d" * 32)
    given(as_1("17a")).when(unknown, by=OWN_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE")


def test_those_who_are_not_around_hold_none() -> None:
    given(as_1("17a")).when(HELD, by=STRANGER, on=ON).then_refused("E_NOT_ENTITLED")
    given(as_1("17a")).when(HELD, by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_follow_up_is_held_in_an_open_case_and_not_tomorrow() -> None:
    given(as_1("2")).when(HELD, by=OWN_WORKER, on=ON).then_refused("E_STATE")
    ahead = meeting("organiser", occurred_on=date(2025, 6, 3))
    given(as_1("17a")).when(ahead, by=OWN_WORKER, on=ON).then_refused("E_FUTURE")


def test_somebody_meets_and_the_next_time_comes_after_this_one() -> None:
    given(as_1("17a")).when(meeting(), by=OWN_WORKER, on=ON).then_refused("E_FIELD_MISSING", at="/parties_present")
    for past in (date(2025, 6, 1), ON):
        again = meeting("organiser", next_followup_on=past)
        given(as_1("17a")).when(again, by=OWN_WORKER, on=ON).then_refused("E_ORDER", at="/next_followup_on")
    later = meeting("organiser", next_followup_on=date(2025, 9, 1))
    given(as_1("17a")).when(later, by=OWN_WORKER, on=ON).then(FollowUpHeld)


def test_a_follow_up_is_of_a_period_that_has_begun() -> None:
    planned = meeting("organiser", period_id=last(as_1("11").pathway.periods))
    day_before = date(2025, 3, 2)
    given(as_1("11")).when(planned, by=OWN_WORKER, on=day_before).then_refused("E_UNKNOWN_REFERENCE", at="/period_id")
