"""The plan and its parties."""

from __future__ import annotations

from datetime import date

import pytest
from given import Given, given
from pydantic import ValidationError
from stories import (
    AUTHORITY,
    CLIENT,
    CONTRACTS,
    EXPERT,
    FUND,
    KELA_TEAM,
    OWN_WORKER,
    SOCIAL_WORKER,
    as_1,
    draft,
    joining,
    last,
    plan,
    week,
    yes,
)

from domain.chapters.agreements.decisions import AgreePlan
from domain.chapters.benefits.decisions import ChangeBenefitStatus
from domain.chapters.corrections.decisions import CorrectFact
from domain.commands import Command
from domain.context import Caller
from domain.events import PlanAcceptedByParty, PlanAgreed, PlanDrafted, PlanDraftingStarted
from domain.pathway import Pathway

ON = date(2025, 2, 10)
DRAFTED = date(2025, 2, 14)
IN_2026 = date(2026, 2, 20)
OTHER_AUTHORITY = Caller("0000012-3", "employment_authority", "employment_expert", "E-99")
JOINT = {"plan_kind": "multi_sectoral_employment_plan", "kela_services_coordinated": False, "eligibility_keys": None}


def agree(p: Pathway) -> Command:
    return AgreePlan(plan_id=last(p.plans), plan_version=p.plans[last(p.plans)].latest)


def joint(**but: object) -> Given:
    """A multi-sectoral plan with one version before the parties."""
    parties = ("client", "organiser", "employment_side", "kela")
    begun = given(as_1("6a")).but(plan(**JOINT | {"parties": parties} | but), by=EXPERT, on=ON)
    return begun.but(draft(), by=EXPERT, on=DRAFTED)


def test_an_employment_authority_begins_an_activation_plan() -> None:
    outcome = given(as_1("6a")).when(plan(), by=EXPERT, on=ON)
    outcome.then(PlanDraftingStarted, plan_kind="activation_plan", employment_authority_org_id=AUTHORITY)


def test_the_own_worker_begins_a_plan_with_the_clients_authority() -> None:
    begun = given(as_1("6a")).when(plan(initiator="organiser"), by=OWN_WORKER, on=ON)
    begun.then(PlanDraftingStarted, employment_authority_org_id=AUTHORITY)


def test_a_benefit_client_gets_no_activation_plan_from_2026_on() -> None:
    late = plan(eligibility_keys=("EL-2026-SA",))
    given(as_1("6a")).when(late, by=EXPERT, on=IN_2026).then_refused("E_PLAN_KIND_NOT_VALID", at="/plan_kind")
    given(as_1("6a")).when(plan(**JOINT), by=EXPERT, on=IN_2026).then(PlanDraftingStarted)


def test_a_social_assistance_client_still_gets_one() -> None:
    assistance = ChangeBenefitStatus(benefit="social_assistance", from_on=date(2025, 9, 1))
    poor = given(as_1("6a")).but(assistance, by=OWN_WORKER, on=date(2026, 1, 28))
    poor.when(plan(eligibility_keys=("EL-2026-SA",)), by=EXPERT, on=IN_2026).then(PlanDraftingStarted)


def test_while_the_benefit_is_unknown_either_kind_may_begin() -> None:
    given(as_1("6")).when(plan(), by=EXPERT, on=ON).then(PlanDraftingStarted)


def test_an_activation_plan_names_a_ground_that_holds_on_the_day() -> None:
    given(as_1("6a")).when(plan(eligibility_keys=None), by=EXPERT, on=ON).then_refused("E_ELIGIBILITY_KEY_REQUIRED")
    ahead = plan(eligibility_keys=("EL-2026-SA",))
    given(as_1("6a")).when(ahead, by=EXPERT, on=ON).then_refused("E_ELIGIBILITY_KEY_REQUIRED", at="/eligibility_keys")


def test_whether_kela_coordinates_is_said_of_a_joint_plan_alone() -> None:
    unsaid = plan(**JOINT | {"kela_services_coordinated": None})
    given(as_1("6a")).when(unsaid, by=EXPERT, on=ON).then_refused("E_FIELD_MISSING", at="/kela_services_coordinated")
    given(as_1("6a")).when(plan(kela_services_coordinated=True), by=EXPERT, on=ON).then_refused("E_FIELD_NOT_ALLOWED")


def test_an_authority_begins_no_plan_for_another_ones_client() -> None:
    given(as_1("6a")).when(plan(), by=OTHER_AUTHORITY, on=ON).then_refused("E_NOT_ENTITLED")
    foreign = plan(employment_authority_org_id="0000012-3")
    given(as_1("6a")).when(foreign, by=EXPERT, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_body_without_the_task_is_no_employment_side() -> None:
    fund = plan(employment_authority_org_id=FUND)
    given(as_1("6a")).when(fund, by=OWN_WORKER, on=ON).then_refused("E_PARTY_MISSING")


def test_a_plan_begins_in_an_open_case_and_not_tomorrow() -> None:
    given(as_1("2")).when(plan(), by=EXPERT, on=ON).then_refused("E_STATE")
    given(as_1("6a")).when(plan(occurred_on=date(2025, 2, 11)), by=EXPERT, on=ON).then_refused("E_FUTURE")


def test_versions_are_numbered_from_one() -> None:
    first = given(as_1("7")).when(draft(), by=EXPERT, on=DRAFTED).then(PlanDrafted, plan_version=1)
    given(first.world).when(draft(goal="Another goal"), by=OWN_WORKER, on=DRAFTED).then(PlanDrafted, plan_version=2)


def test_the_same_version_twice_changes_nothing() -> None:
    given(as_1("8 drafted")).when(draft(), by=EXPERT, on=DRAFTED).then_nothing_happens()


def test_the_service_is_planned_with_goal_and_support() -> None:
    given(as_1("7")).when(draft(goal=None), by=EXPERT, on=DRAFTED).then_refused("E_GOAL_SUPPORT_REQUIRED", at="/goal")
    given(as_1("7")).when(draft(support=None), by=EXPERT, on=DRAFTED).then_refused("E_GOAL_SUPPORT_REQUIRED")


def test_a_plan_without_the_service_needs_neither_and_names_no_week() -> None:
    nothing = {"includes_kuty": False, "kuty_from_on": None, "kuty_until_on": None, "schedule": None}
    without = draft(**nothing, goal=None, support=None)
    given(as_1("7")).when(without, by=EXPERT, on=DRAFTED).then(PlanDrafted, includes_kuty=False)
    given(as_1("7")).when(draft(includes_kuty=False), by=EXPERT, on=DRAFTED).then_refused("E_FIELD_NOT_ALLOWED")
    given(as_1("7")).when(draft(schedule=None), by=EXPERT, on=DRAFTED).then_refused("E_FIELD_MISSING", at="/schedule")


def test_a_goal_is_no_diagnosis() -> None:
    given(as_1("7")).when(draft(goal="With F32.1"), by=EXPERT, on=DRAFTED).then_refused("E_HEALTH_CONTENT", at="/goal")


def test_what_limits_employment_stands_in_a_joint_plan_alone() -> None:
    limits = draft(capacity_limits_affecting_employment=("stamina",))
    given(as_1("7")).when(limits, by=EXPERT, on=DRAFTED).then(PlanDrafted)
    own = plan(plan_kind="client_plan", parties=("client", "organiser"), eligibility_keys=None)
    client_plan = given(as_1("6a")).but(own, by=OWN_WORKER, on=ON)
    client_plan.when(limits, by=OWN_WORKER, on=DRAFTED).then_refused("E_FIELD_NOT_ALLOWED")


def test_a_week_has_one_entry_a_weekday() -> None:
    with pytest.raises(ValidationError):
        draft(schedule=week(1, 1))(as_1("7").pathway)


def test_those_outside_a_plan_draft_none_of_it() -> None:
    given(as_1("7")).when(draft(), by=OTHER_AUTHORITY, on=DRAFTED).then_refused("E_NOT_ENTITLED")
    given(as_1("7")).when(draft(), by=KELA_TEAM, on=DRAFTED).then_refused("E_NOT_ENTITLED")
    joint(kela_services_coordinated=True).when(draft(goal="Other"), by=KELA_TEAM, on=DRAFTED).then(PlanDrafted)


def test_the_last_mandatory_yes_agrees_the_plan() -> None:
    given(as_1("8 drafted")).when(yes(), by=CLIENT, on=DRAFTED).then(PlanAcceptedByParty, party_kind="client")
    given(as_1("8 client")).when(yes(), by=EXPERT, on=DRAFTED).then(PlanAcceptedByParty, party_kind="employment_side")
    outcome = given(as_1("8 authority")).when(yes(), by=OWN_WORKER, on=DRAFTED)
    outcome.then(PlanAcceptedByParty, PlanAgreed, party_kind="organiser")
    agreed = outcome.drafts[1].event
    assert isinstance(agreed, PlanAgreed)
    assert agreed.parties == ("client", "employment_side", "organiser")


def test_a_party_says_yes_once() -> None:
    given(as_1("8 client")).when(yes(), by=CLIENT, on=DRAFTED).then_nothing_happens()
    given(as_1("8")).when(yes(), by=SOCIAL_WORKER, on=DRAFTED).then_nothing_happens()


def test_nobody_says_yes_to_an_older_version_or_before_it_lay_there() -> None:
    newer = given(as_1("8 drafted")).but(draft(goal="Another goal"), by=EXPERT, on=DRAFTED)
    newer.when(yes(plan_version=1), by=CLIENT, on=DRAFTED).then_refused("E_STALE_VERSION", at="/plan_version")
    newer.when(yes(plan_version=3), by=CLIENT, on=DRAFTED).then_refused("E_UNKNOWN_REFERENCE")
    given(as_1("8 drafted")).when(yes(occurred_on=date(2025, 2, 13)), by=CLIENT, on=DRAFTED).then_refused("E_ORDER")
    given(as_1("8 drafted")).when(yes(occurred_on=date(2025, 2, 15)), by=CLIENT, on=DRAFTED).then_refused("E_FUTURE")


def test_everybody_speaks_for_the_own_party_and_the_county_for_a_client_on_paper() -> None:
    lying = given(as_1("8 drafted"))
    lying.when(yes(party_kind="client"), by=OWN_WORKER, on=DRAFTED).then(PlanAcceptedByParty, party_kind="client")
    lying.when(yes(party_kind="client"), by=EXPERT, on=DRAFTED).then_refused("E_NOT_ENTITLED", at="/party_kind")
    lying.when(yes(party_kind="organiser"), by=CLIENT, on=DRAFTED).then_refused("E_NOT_ENTITLED")
    lying.when(yes(party_kind="employment_side"), by=OWN_WORKER, on=DRAFTED).then_refused("E_NOT_ENTITLED")
    lying.when(yes(), by=OTHER_AUTHORITY, on=DRAFTED).then_refused("E_NOT_ENTITLED")
    lying.when(yes(), by=KELA_TEAM, on=DRAFTED).then_refused("E_NOT_ENTITLED")


def test_kela_is_waited_for_only_where_its_services_are_coordinated() -> None:
    for coordinated, expected in ((False, (PlanAcceptedByParty, PlanAgreed)), (True, (PlanAcceptedByParty,))):
        waiting = joint(kela_services_coordinated=coordinated)
        almost = waiting.but(yes(), by=CLIENT, on=DRAFTED).but(yes(), by=EXPERT, on=DRAFTED)
        outcome = almost.when(yes(), by=OWN_WORKER, on=DRAFTED).then(*expected)
        if coordinated:
            given(outcome.world).when(yes(), by=KELA_TEAM, on=DRAFTED).then(PlanAcceptedByParty, PlanAgreed)


def test_a_plan_is_not_agreed_before_every_mandatory_party_has_accepted() -> None:
    given(as_1("8 authority")).when(agree, by=EXPERT, on=DRAFTED).then_refused("E_PARTY_MISSING")
    given(as_1("8")).when(agree, by=EXPERT, on=DRAFTED).then_nothing_happens()
    given(as_1("8 authority")).when(agree, by=OTHER_AUTHORITY, on=DRAFTED).then_refused("E_NOT_ENTITLED")


def test_an_agreement_alone_follows_when_kela_turned_out_not_to_be_needed() -> None:
    waiting = joint(kela_services_coordinated=True)
    almost = (
        waiting.but(yes(), by=CLIENT, on=DRAFTED).but(yes(), by=EXPERT, on=DRAFTED).but(yes(), by=OWN_WORKER, on=DRAFTED)
    )
    almost.when(agree, by=EXPERT, on=DRAFTED).then_refused("E_PARTY_MISSING")
    started = almost.world.pathway.plans[last(almost.world.pathway.plans)].started.event_id
    mended = CorrectFact(
        target_event_id=started, correction_reason="wrong_entry", new_values={"kela_services_coordinated": False}
    )
    almost.but(mended, by=EXPERT, on=DRAFTED).when(agree, by=EXPERT, on=DRAFTED).then(PlanAgreed)


def test_who_has_to_agree_by_law_is_a_party_from_the_beginning() -> None:
    """domain/law.md 2.6 `plan.mandatory_parties`"""
    for parties in ((), ("client", "organiser"), ("client", "employment_side")):
        named = {} if "employment_side" in parties else {"employment_authority_org_id": None}
        few = plan(parties=parties, **named)
        given(as_1("6a")).when(few, by=OWN_WORKER, on=ON).then_refused("E_PARTY_MISSING", at="/parties")


def test_a_version_is_no_older_than_its_plan() -> None:
    early = draft(occurred_on=date(2025, 2, 9))
    given(as_1("7")).when(early, by=EXPERT, on=ON).then_refused("E_ORDER", at="/occurred_on")


def test_an_authority_that_has_been_replaced_makes_no_plan_any_more() -> None:
    """domain/disclosure.md 5.3, column EA: the one named last is the client's."""
    other = "0000012-3"
    tasks = {"employment_authority": "city", "referrer": "city-referrer"}
    moved = given(as_1("7")).but(joining(other, "employment_authority", tasks, date(2025, 1, 1)), by=CONTRACTS, on=ON)
    named = plan(employment_authority_org_id=other)
    moved = moved.but(named, by=OWN_WORKER, on=ON)
    first = next(iter(moved.world.pathway.plans))
    late = draft(plan_id=first)
    moved.when(late, by=EXPERT, on=ON).then_refused("E_NOT_ENTITLED")
