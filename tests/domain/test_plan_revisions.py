"""A plan in force is revised: its next version lies before the parties (domain/pathway.md 4.4 row 17)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from given import Given, given
from stories import (
    CLIENT,
    CONTRACTS,
    EXPERT,
    INSTRUCTOR,
    KELA_TEAM,
    OWN_WORKER,
    SOCIAL_WORKER,
    as_1,
    draft,
    joining,
    last,
    plan,
    planned,
    week,
    yes,
)

from domain.chapters.cases.decisions import CloseCase
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.periods.decisions import InterruptPeriod
from domain.chapters.plans.decisions import RevisePlan
from domain.commands import Command
from domain.context import Caller
from domain.events import PeriodPlanned, PlanAcceptedByParty, PlanAgreed, PlanDrafted, PlanRevised
from domain.pathway import Pathway

ON = date(2025, 6, 9)
DRAFTED = date(2025, 2, 14)
OTHER_AUTHORITY = Caller("0000012-3", "employment_authority", "employment_expert", "E-99")
JOINT = {"plan_kind": "multi_sectoral_employment_plan", "kela_services_coordinated": False, "eligibility_keys": None}
THREE = ("client", "organiser", "employment_side")


def revised(**but: object) -> Callable[[Pathway], Command]:
    """The plan's newest terms with something else in them: Monday and Tuesday from now on, unless said otherwise."""

    def command(p: Pathway) -> Command:
        newest = p.plans[str(but.get("plan_id", last(p.plans)))].versions[1].drafted.event
        terms = {name: value for name, value in newest if name in RevisePlan.model_fields}
        return RevisePlan(**{**terms, "schedule": week(1, 2), "revision_reason": "schedule", **but})

    return command


def in_force(**but: object) -> Given:
    """A multi-sectoral plan of three parties, agreed."""
    begun = given(as_1("6a")).but(plan(**JOINT | {"parties": THREE} | but), by=EXPERT, on=date(2025, 2, 10))
    world = begun.but(draft(), by=EXPERT, on=DRAFTED)
    for who in (CLIENT, EXPERT, OWN_WORKER):
        world = world.but(yes(), by=who, on=DRAFTED)
    return world


def test_a_plan_in_force_gets_its_next_version_with_its_reason() -> None:
    outcome = given(as_1("12")).when(revised(), by=OWN_WORKER, on=ON)
    outcome.then(PlanRevised, plan_version=2, revises_version=1, revision_reason="schedule", parties=None)
    given(as_1("12")).when(revised(), by=EXPERT, on=ON).then(PlanRevised)


def test_the_version_in_force_holds_until_the_parties_agree() -> None:
    lying = given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON)
    (before,) = lying.world.pathway.plans.values()
    assert (before.latest, before.agreed) == (2, 1)
    agreed = lying.but(yes(), by=CLIENT, on=ON).but(yes(), by=EXPERT, on=ON).when(yes(), by=OWN_WORKER, on=ON)
    agreed.then(PlanAcceptedByParty, PlanAgreed)
    (after,) = agreed.world.pathway.plans.values()
    assert after.agreed == 2


def test_nobody_accepts_the_version_that_was_revised() -> None:
    lying = given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON)
    lying.when(yes(plan_version=1, party_kind="client"), by=OWN_WORKER, on=ON).then_nothing_happens()
    lying.when(yes(plan_version=3), by=CLIENT, on=ON).then_refused("E_UNKNOWN_REFERENCE")


def unchanged(**but: object) -> Callable[[Pathway], Command]:
    """The terms of the version in force once more."""
    (agreed,) = as_1("12").pathway.plans.values()
    return revised(**{"schedule": agreed.versions[1].drafted.event.schedule} | but)


def test_a_revision_without_a_change_is_none() -> None:
    given(as_1("12")).when(unchanged(), by=OWN_WORKER, on=ON).then_refused("E_NO_CHANGE")
    given(as_1("12")).when(unchanged(revision_reason="review"), by=OWN_WORKER, on=ON).then_refused("E_NO_CHANGE")


def test_another_document_is_a_change_for_the_rest_of_the_plan_stands_there() -> None:
    # source: domain/events.md 11.8
    given(as_1("12")).when(unchanged(plan_document_id="doc-2"), by=OWN_WORKER, on=ON).then(PlanRevised)


def test_a_revision_that_was_agreed_changes_nothing_a_second_time() -> None:
    lying = given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON)
    agreed = lying.but(yes(), by=CLIENT, on=ON).but(yes(), by=EXPERT, on=ON).but(yes(), by=OWN_WORKER, on=ON)
    agreed.when(revised(), by=OWN_WORKER, on=ON).then_refused("E_NO_CHANGE")


def test_the_same_revision_twice_changes_nothing() -> None:
    given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON).when(revised(), by=EXPERT, on=ON).then_nothing_happens()


def test_a_revision_may_be_revised_before_it_is_agreed() -> None:
    lying = given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON)
    lying.when(revised(goal="Another goal"), by=EXPERT, on=ON).then(PlanRevised, plan_version=3, revises_version=1)


def test_a_closed_case_has_no_plan_to_revise() -> None:
    after = given(as_1()).when(revised(), by=OWN_WORKER, on=date(2025, 9, 30))
    after.then_refused("E_CASE_CLOSED")


def test_a_plan_that_was_never_agreed_is_drafted_and_not_revised() -> None:
    given(as_1("8 drafted")).when(revised(), by=EXPERT, on=DRAFTED).then_refused("E_STATE", at="/plan_id")


def test_a_revision_fulfils_what_every_version_does() -> None:
    given(as_1("12")).when(revised(goal=None), by=OWN_WORKER, on=ON).then_refused("E_GOAL_SUPPORT_REQUIRED", at="/goal")
    given(as_1("12")).when(revised(goal="With F32.1"), by=OWN_WORKER, on=ON).then_refused("E_HEALTH_CONTENT", at="/goal")
    given(as_1("12")).when(revised(kuty_until_on=date(2025, 1, 1)), by=OWN_WORKER, on=ON).then_refused("E_PERIOD_LENGTH")
    given(as_1("12")).when(revised(occurred_on=date(2025, 6, 10)), by=OWN_WORKER, on=ON).then_refused("E_FUTURE")


@pytest.mark.parametrize("stranger", [OTHER_AUTHORITY, KELA_TEAM, INSTRUCTOR])
def test_those_outside_a_plan_revise_none_of_it(stranger: Caller) -> None:
    given(as_1("12")).when(revised(), by=stranger, on=ON).then_refused("E_NOT_ENTITLED")


def test_an_authority_that_another_one_has_followed_revises_nothing_and_learns_of_no_closing() -> None:
    followed = plan(plan_kind="employment_plan", employment_authority_org_id=OTHER_AUTHORITY.org, eligibility_keys=None)
    given(as_1("12")).when(revised(), by=EXPERT, on=ON).then(PlanRevised)
    (first,) = as_1("12").pathway.plans
    join = joining(
        OTHER_AUTHORITY.org, "employment_authority", {"employment_authority": "other"}, date(2025, 1, 1), business_id=None
    )
    joined = given(as_1("12")).but(join, by=CONTRACTS, on=date(2025, 4, 1))
    after = joined.but(followed, by=OWN_WORKER, on=date(2025, 4, 1))
    after.when(revised(plan_id=first), by=EXPERT, on=ON).then_refused("E_NOT_ENTITLED")
    interrupted = after.but(
        lambda p: InterruptPeriod(period_id=last(p.periods), end_reason="other", valid_reason="yes"),
        by=OWN_WORKER,
        on=date(2025, 6, 10),
    )
    closed = interrupted.but(CloseCase(closing_code="moved_away"), by=OWN_WORKER, on=date(2025, 6, 10))
    closed.when(revised(plan_id=first), by=EXPERT, on=date(2025, 6, 11)).then_refused("E_NOT_ENTITLED")


def test_parties_are_written_down_only_when_they_change() -> None:
    same = in_force().when(revised(parties=THREE, kela_services_coordinated=False), by=EXPERT, on=ON)
    same.then(PlanRevised, parties=None, kela_services_coordinated=None)
    joined = in_force().when(revised(parties=(*THREE, "kela"), revision_reason="parties"), by=EXPERT, on=ON)
    joined.then(PlanRevised, parties=("client", "employment_side", "kela", "organiser"))


def test_kela_that_became_a_party_accepts_the_version_that_made_it_one() -> None:
    joined = in_force().but(
        revised(parties=(*THREE, "kela"), kela_services_coordinated=True, revision_reason="parties"), by=EXPERT, on=ON
    )
    almost = joined.but(yes(), by=CLIENT, on=ON).but(yes(), by=EXPERT, on=ON)
    waiting = almost.when(yes(), by=OWN_WORKER, on=ON).then(PlanAcceptedByParty)
    given(waiting.world).when(yes(), by=KELA_TEAM, on=ON).then(PlanAcceptedByParty, PlanAgreed)


def test_nobody_is_waited_for_who_is_no_party() -> None:
    coordinated = revised(kela_services_coordinated=True, revision_reason="parties")
    in_force().when(coordinated, by=EXPERT, on=ON).then_refused("E_PARTY_MISSING", at="/parties")
    for parties in ((), ("kela",), ("organiser", "employment_side")):
        less = revised(parties=parties, revision_reason="parties")
        in_force().when(less, by=EXPERT, on=ON).then_refused("E_PARTY_MISSING", at="/parties")


def test_a_revision_of_the_parties_names_them() -> None:
    in_force().when(revised(revision_reason="parties"), by=EXPERT, on=ON).then_refused("E_FIELD_MISSING", at="/parties")


def test_a_version_that_was_never_agreed_hands_down_nothing() -> None:
    joined = revised(parties=(*THREE, "kela"), revision_reason="parties")
    never_agreed = in_force().but(joined, by=EXPERT, on=ON)
    quiet = never_agreed.but(revised(goal="Another goal"), by=EXPERT, on=ON)
    (plan_now,) = quiet.world.pathway.plans.values()
    assert plan_now.parties(2) == ("client", "employment_side", "kela", "organiser")
    assert set(plan_now.parties(3)) == set(THREE)
    assert [*plan_now.days_of("kela")] == [(ON, None)]


def test_a_plan_is_revised_from_the_day_on_which_it_was_agreed() -> None:
    before = revised(occurred_on=date(2025, 2, 13))
    given(as_1("12")).when(before, by=OWN_WORKER, on=ON).then_refused("E_ORDER", at="/occurred_on")
    ancient = revised(occurred_on=date(1, 1, 1))
    given(as_1("12")).when(ancient, by=OWN_WORKER, on=ON).then_refused("E_ORDER", at="/occurred_on")
    lying = given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON)
    (key,) = [key for key, fact in lying.world.pathway.facts.items() if isinstance(fact.event, PlanRevised)]
    moved = CorrectFact(target_event_id=key, correction_reason="wrong_date", corrected_occurred_on=date(2025, 2, 13))
    lying.when(moved, by=OWN_WORKER, on=ON).then_refused("E_ORDER", at="/corrected_occurred_on")


def test_new_parties_alone_are_a_change() -> None:
    (agreed,) = in_force().world.pathway.plans.values()
    schedule = agreed.versions[1].drafted.event.schedule
    alone = revised(schedule=schedule, parties=(*THREE, "kela"), revision_reason="parties")
    in_force().when(alone, by=EXPERT, on=ON).then(PlanRevised)


def test_an_employment_side_needs_an_authority_in_the_plan() -> None:
    own = plan(plan_kind="client_plan", parties=("client", "organiser"), eligibility_keys=None)
    nothing = {"includes_kuty": False, "kuty_from_on": None, "kuty_until_on": None, "schedule": None}
    begun = given(as_1("6a")).but(own, by=OWN_WORKER, on=date(2025, 2, 10)).but(draft(**nothing), by=OWN_WORKER, on=DRAFTED)
    agreed = begun.but(yes(), by=CLIENT, on=DRAFTED).but(yes(), by=OWN_WORKER, on=DRAFTED)
    wider = revised(**nothing, goal="Another goal", parties=THREE)
    agreed.when(wider, by=OWN_WORKER, on=ON).then_refused("E_PARTY_MISSING", at="/parties")
    coordinated = revised(**nothing, goal="Another goal", kela_services_coordinated=True)
    agreed.when(coordinated, by=OWN_WORKER, on=ON).then_refused("E_FIELD_NOT_ALLOWED", at="/kela_services_coordinated")


def test_a_revision_is_corrected_under_the_guards_of_a_revision() -> None:
    lying = given(as_1("12")).but(revised(), by=OWN_WORKER, on=ON)
    (key,) = [key for key, fact in lying.world.pathway.facts.items() if isinstance(fact.event, PlanRevised)]

    def mended(**values: object) -> Command:
        return CorrectFact(target_event_id=key, correction_reason="wrong_entry", new_values=values)

    lying.when(mended(goal=None), by=OWN_WORKER, on=ON).then_refused("E_GOAL_SUPPORT_REQUIRED")
    lying.when(mended(parties=["kela"]), by=OWN_WORKER, on=ON).then_refused("E_PARTY_MISSING", at="/new_values/parties")
    lying.when(mended(revision_reason="parties"), by=OWN_WORKER, on=ON).then_refused("E_FIELD_MISSING")
    lying.when(mended(revises_version=2), by=OWN_WORKER, on=ON).then_refused("E_NOT_CORRECTABLE")
    (plan_now,) = lying.but(mended(goal="Another goal"), by=OWN_WORKER, on=ON).world.pathway.plans.values()
    assert plan_now.versions[2].drafted.event.goal == "Another goal"
    assert isinstance(plan_now.versions[1].drafted.event, PlanDrafted)


def test_the_next_period_is_planned_by_the_version_that_was_agreed() -> None:
    next_period = planned(starts_on=date(2025, 9, 8), planned_end_on=date(2025, 12, 31), schedule=week(1, 2))
    longer = given(as_1("12")).but(revised(kuty_until_on=date(2026, 5, 31)), by=OWN_WORKER, on=ON)
    longer.when(next_period, by=OWN_WORKER, on=ON).then_refused("E_NO_PLAN")
    agreed = longer.but(yes(), by=CLIENT, on=ON).but(yes(), by=EXPERT, on=ON).but(yes(), by=SOCIAL_WORKER, on=ON)
    agreed.when(next_period, by=OWN_WORKER, on=ON).then(PeriodPlanned, plan_version=2)
