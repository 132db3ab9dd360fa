"""The plan: begun by one party, drafted in versions, revised while it is in force."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.guards import (
    as_known_to_authority,
    by_own_authority,
    case_of,
    case_on,
    day_of,
    employment_authority,
    entitled,
    holds,
    in_authoritys_case,
    is_client,
    is_still_authority,
    known,
    not_ahead,
    of_county,
    only_when,
    recorded,
    said,
)
from domain.chapters.plans.events import PlanBeginning, PlanTerms, Revision
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway, Plan
from domain.refusals import Refusals

JOINT_KINDS = ("activation_plan", "multi_sectoral_employment_plan")
"""Plans that open the service: which of them a client may have depends on benefit and date."""


class StartPlan(PlanBeginning, ClientCommand):
    """Begin to make a plan with its parties. An activation plan names the grounds of eligibility relied on."""

    NAME = "start_plan"


class DraftPlan(PlanTerms, ClientCommand):
    """Lay the next version of a plan before the parties; with the service in it, its goal, support, dates and week."""

    NAME = "draft_plan"


class RevisePlan(Revision, ClientCommand):
    """Lay the next version of a plan in force before its parties, and say why; the present one holds until they agree."""

    NAME = "revise_plan"


def start_plan(pathway: Pathway, command: StartPlan, context: Context) -> list[Draft]:
    """A plan without versions yet. source: domain/pathway.md 4.4 row 12"""
    no, on = Refusals(), day_of(command, context)
    pathway = as_known_to_authority(pathway, on, context)
    in_authoritys_case(pathway, on, context)
    case = case_on(pathway, on)
    authority = command.employment_authority_org_id
    if authority is None and "employment_side" in command.parties:
        own = context.caller.task == "employment_authority"
        authority = context.caller.org if own else employment_authority(pathway, on, context)
    event = e.PlanDraftingStarted(
        case_id=case.opened.event.case_id,
        plan_id=context.new_id("plan"),
        **said(command) | {"employment_authority_org_id": authority},
    )
    judge_plan(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_plan(no: Refusals, pathway: Pathway, event: e.PlanDraftingStarted, on: date, context: Context) -> None:
    """What a plan has to fulfil on the day it begins. source: domain/law.md 2.3, 2.6"""
    in_authoritys_case(pathway, on, context)
    named, caller = event.employment_authority_org_id, context.caller
    entitled(caller.task != "employment_authority" or named in (None, caller.org), "/employment_authority_org_id")
    case_of(pathway, event.case_id, on)
    benefit = pathway.benefit(on)
    codes = [benefit.event.benefit] if benefit else ["labour_market_subsidy", "social_assistance"]
    open_to_client = {kind for code in codes for kind in context.rules.plan_kinds(code, on)}
    closed = event.plan_kind in JOINT_KINDS and event.plan_kind not in open_to_client
    unlisted = not code_list("document_kind").valid_on(event.plan_kind, on)
    no.when(closed or unlisted, "E_PLAN_KIND_NOT_VALID", "/plan_kind")
    grounds = event.eligibility_keys or ()
    sound = any(context.rules.eligibility_key_valid(key, on, event.plan_kind) for key in grounds)
    no.when(event.plan_kind == "activation_plan" and not sound, "E_ELIGIBILITY_KEY_REQUIRED", "/eligibility_keys")
    only_when(no, "employment_side" in event.parties, event, "employment_authority_org_id")
    only_when(no, event.plan_kind == "multi_sectoral_employment_plan", event, "kela_services_coordinated")
    authority = event.employment_authority_org_id
    stranger = authority is not None and not holds(context, authority, "employment_authority", on)
    no.when(stranger, "E_PARTY_MISSING", "/employment_authority_org_id")
    if not (closed or unlisted):
        coordinated = bool(event.kela_services_coordinated)
        wanted = context.rules.mandatory_parties(event.plan_kind, on, kela_services_coordinated=coordinated)
        no.when(not wanted <= set(event.parties), "E_PARTY_MISSING", "/parties")


def draft_plan(pathway: Pathway, command: DraftPlan, context: Context) -> list[Draft]:
    """The next version, numbered from 1. source: domain/pathway.md 4.4 row 13"""
    plan = known(pathway.plans, command.plan_id, "/plan_id")
    no, on = Refusals(), day_of(command, context)
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context) and is_still_authority(pathway, context))
    event = e.PlanDrafted(
        case_id=plan.started.event.case_id,
        plan_version=plan.latest + 1,
        **said(command),
    )
    if plan.latest and plan.versions[plan.latest].drafted.event == event.model_copy(update={"plan_version": plan.latest}):
        return []
    judge_draft(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_draft(no: Refusals, pathway: Pathway, event: e.PlanDrafted, on: date, context: Context) -> None:
    """What a version has to fulfil on its day: by one who makes the plan, in an open case, once it has begun."""
    plan = known(pathway.plans, event.plan_id, "/plan_id")
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context))
    case_of(pathway, event.case_id, on)
    judge_terms(no, pathway, event, on, context)
    _judge_review(no, event, on)


def _judge_review(no: Refusals, event: e.PlanDrafted | e.PlanRevised, on: date) -> None:
    """A version is reviewed on its own day or later."""
    no.when(event.review_due_on is not None and event.review_due_on < on, "E_ORDER", "/review_due_on")


def judge_terms(no: Refusals, pathway: Pathway, event: e.PlanDrafted | e.PlanRevised, on: date, context: Context) -> None:
    """What a version may say on its day. source: domain/law.md 2.4 (goal and support since 2021)"""
    required = event.includes_kuty and context.rules.value("plan.goal_and_support_required", on)
    for name in ("goal", "support"):
        no.when(required and getattr(event, name) is None, "E_GOAL_SUPPORT_REQUIRED", f"/{name}")
    started = pathway.plans[event.plan_id].started
    no.when(on < started.occurred_on, "E_ORDER", "/occurred_on")
    joint = started.event.plan_kind in JOINT_KINDS
    for name in ("circumstances_affecting_employment", "capacity_limits_affecting_employment"):
        no.when(not joint and getattr(event, name) is not None, "E_FIELD_NOT_ALLOWED", f"/{name}")
    only_when(no, event.includes_kuty, event, "kuty_from_on", "kuty_until_on", "schedule")
    first, last = event.kuty_from_on, event.kuty_until_on
    no.when(first is not None and last is not None and last < first, "E_PERIOD_LENGTH", "/kuty_until_on")


def revise_plan(pathway: Pathway, command: RevisePlan, context: Context) -> list[Draft]:
    """The next version of a plan in force. source: domain/pathway.md 4.4 row 17"""
    plan = known(pathway.plans, command.plan_id, "/plan_id")
    no, on = Refusals(), day_of(command, context)
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context) and is_still_authority(pathway, context))
    terms = said(command)
    # Parties are written down only where they are others than in the version in force.
    if set(command.parties or ()) == set(plan.parties(plan.agreed)):
        terms["parties"] = None
    if command.kela_services_coordinated == plan.kela_coordinates(plan.agreed):
        terms["kela_services_coordinated"] = None
    event = e.PlanRevised(
        case_id=plan.started.event.case_id, plan_version=plan.latest + 1, revises_version=plan.agreed, **terms
    )
    judge_revision(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    newest = plan.versions[plan.latest] if plan.latest else None
    if newest and newest.agreed is None and newest.drafted.event == event.model_copy(update={"plan_version": plan.latest}):
        return []
    return [recorded(pathway, event, on, context)]


def judge_revision(no: Refusals, pathway: Pathway, event: e.PlanRevised, on: date, context: Context) -> None:
    """What a revision has to fulfil on its day: the plan is in force, something changes, and those who have to agree by law
    are parties. source: domain/law.md 2.6, domain/events.md 11.8"""
    plan = known(pathway.plans, event.plan_id, "/plan_id")
    entitled(takes_part(plan, context) and by_own_authority(pathway, on, context))
    started, revised = plan.started.event, plan.versions.get(event.revises_version)
    agreed = revised.agreed if revised else None
    no.when(pathway.cases[event.case_id].is_over(on), "E_CASE_CLOSED")
    no.when(agreed is None, "E_STATE", "/plan_id")
    no.when(agreed is not None and on < agreed.occurred_on, "E_ORDER", "/occurred_on")
    if no:
        return  # of a day on which there is nothing to revise, no rule is asked
    others = event.parties is not None or event.kela_services_coordinated is not None
    same = revised is not None and all(
        getattr(event, name) == getattr(revised.drafted.event, name) for name in PlanTerms.model_fields
    )
    no.when(same and not others, "E_NO_CHANGE")
    no.when(event.revision_reason == "parties" and not others and not same, "E_FIELD_MISSING", "/parties")
    judge_terms(no, pathway, event, on, context)
    if revised is None or event.review_due_on != revised.drafted.event.review_due_on:
        _judge_review(no, event, on)  # one that is overdue may stay as it is: a late review is a review (row 18)
    multi_sectoral = started.plan_kind == "multi_sectoral_employment_plan"
    given = event.kela_services_coordinated is not None
    no.when(given and not multi_sectoral, "E_FIELD_NOT_ALLOWED", "/kela_services_coordinated")
    if others:
        parties = event.parties if event.parties is not None else plan.parties(event.revises_version)
        coordinated = bool(event.kela_services_coordinated) if given else plan.kela_coordinates(event.revises_version)
        wanted = context.rules.mandatory_parties(started.plan_kind, on, kela_services_coordinated=coordinated)
        stranger = "employment_side" in parties and started.employment_authority_org_id is None
        no.when(stranger or not wanted <= set(parties), "E_PARTY_MISSING", "/parties")


def takes_part(plan: Plan, context: Context) -> bool:
    """Whether the caller's organisation makes this plan: the county, its employment authority, Kela where it is a party."""
    started, caller = plan.started.event, context.caller
    if is_client(context):
        return True
    if caller.task == "employment_authority":
        return caller.org == started.employment_authority_org_id
    if caller.task == "multi_sectoral_team":
        return any(plan.kela_coordinates(number) or "kela" in plan.parties(number) for number in {plan.agreed, plan.latest})
    return of_county(context)


COMMANDS = (
    CommandKind(StartPlan, start_plan, "client", path="plans", roles=frozenset({"employment_expert", "own_worker"})),
    CommandKind(
        DraftPlan,
        draft_plan,
        "client",
        path="plan-versions",
        roles=frozenset({"employment_expert", "own_worker", "kela_clerk"}),
    ),
    CommandKind(
        RevisePlan,
        revise_plan,
        "client",
        path="revised-plans",
        roles=frozenset({"employment_expert", "own_worker"}),
    ),
)
