"""How it goes."""

from __future__ import annotations

from datetime import date

from given import given
from stories import CLIENT, EXPERT, INSTRUCTOR, INTAKE, OWN_WORKER, PAYER, STRANGER, as_1, last, meeting, plan

from domain.chapters.referrals.decisions import AcceptReferral, ReceiveReferral, SubmitReferral
from domain.events import FollowUpHeld, PlanDraftingStarted

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


def test_an_authority_does_not_learn_of_the_case_after_its_own() -> None:
    """domain/disclosure.md 5.3, column EA: up to and including the closing; whoever comes back is not told to it."""
    after = date(2025, 10, 20)
    gone = given(as_1())
    back = gone.but(SubmitReferral(source="self_referral"), by=CLIENT, on=date(2025, 10, 1))
    back = back.but(lambda p: ReceiveReferral(referral_id=last(p.referrals), received_via="phone"), by=INTAKE, on=after)
    back = back.but(lambda p: AcceptReferral(referral_id=last(p.referrals)), by=INTAKE, on=date(2025, 10, 6))
    assert len(back.world.pathway.cases) == 2
    for world in (gone, back):
        world.when(HELD, by=EXPERT, on=after).then_refused("E_CASE_CLOSED")
        world.when(plan(), by=EXPERT, on=after).then_refused("E_CASE_CLOSED")
    # it begins again where it answers for the client's home
    back.when(HELD, by=OWN_WORKER, on=after).then(FollowUpHeld)
    back.when(plan(), by=EXPERT, on=after, answered_for_by=[EXPERT.org]).then(PlanDraftingStarted)


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
