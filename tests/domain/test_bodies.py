"""Who acts or is named is judged for the day: between its joining and the end of bodies of its kind, both ends included.

source: domain/vocabulary.md 1.12, 1.15-1.17, domain/law.md 2.6, domain/pathway.md 4.4 rows 1, 12, 42, 44, 50
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import pytest
from given import Step, World, given
from stories import (
    AUTHORITY,
    COUNTY,
    EXPERT,
    FIRST,
    INTAKE,
    KEHA_EXPERT,
    OWN_WORKER,
    as_1,
    joining,
    last,
    meeting,
    plan,
    referral,
    registered,
    statement,
    subsidy,
)

from domain import events as e
from domain.chapters.agreements.decisions import AcceptPlan
from domain.chapters.clients.decisions import RegisterClient
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.notices.decisions import SendNotification
from domain.chapters.periods.decisions import StartPeriod
from domain.chapters.plans.decisions import DraftPlan, StartPlan
from domain.chapters.referrals.decisions import AcceptReferral
from domain.code_lists import code_list
from domain.context import Caller
from domain.directory import Directory, enter
from domain.disclosure.windows import standings_of
from domain.pathway import Pathway
from domain.rules import Days, RuleSet
from projections.kinds import kinds

TRIAL, OFFICE = "0000012-3", "0000013-1"
LAST_DAY, FIRST_DAY = date(2024, 12, 31), date(2025, 1, 1)
ENDED = {TRIAL: ("trial_municipality", "municipal_trial"), OFFICE: ("te_office", "te_services")}


def joined(directory: Directory, org: str, kind: str, since: date = date(2023, 1, 1)) -> Directory:
    tasks = {"employment_authority": f"authority-{org}", "referrer": f"referrer-{org}"}
    said = {name: value for name, value in joining(org, kind, tasks, since) if name != "occurred_on"}
    return enter(directory, e.OrganisationJoined(**said), int(directory.version) + 1)


def expert(org: str) -> Caller:
    return Caller(org, "employment_authority", "employment_expert", "E-09")


@cache
def referred(org: str) -> World:
    """A client whom a body of the old employment side referred in December 2024; the case is open."""
    kind, source = ENDED[org]
    start = registered()
    directory = joined(start.directory, org, kind)
    world = World(directory=directory)
    by = Caller(org, "referrer", "referrer", "E-09")
    december = lambda day: date(2024, 12, day)  # noqa: E731
    steps = (
        Step(
            INTAKE,
            december(2),
            RegisterClient(identity_kind="identity_code", registered_from="referral"),
            {"identity_code_valid": True},
        ),
        Step(by, december(3), referral(source=source)),
        Step(INTAKE, december(4), lambda p: AcceptReferral(referral_id=last(p.referrals))),
    )
    for step in steps:
        world = world.after(step)
    return world


@pytest.mark.parametrize("org", ENDED)
def test_a_referral_by_a_body_of_the_employment_side_makes_it_the_authority(org: str) -> None:
    assert referred(org).pathway.employment_authority(LAST_DAY) == org
    benefit = given(referred(org)).when(subsidy(), by=expert(org), on=LAST_DAY)
    benefit.then(e.BenefitStatusChanged)
    given(referred(org)).when(subsidy(), by=EXPERT, on=LAST_DAY).then_refused("E_NOT_ENTITLED")


WANTED: dict[str, Callable[[], Any]] = {
    "a plan": plan,
    "a benefit": subsidy,
    "a follow-up": lambda: meeting("employment_side", "client"),
}


@pytest.mark.parametrize("org", ENDED)
@pytest.mark.parametrize("what", WANTED)
def test_a_body_acts_up_to_its_last_day_and_on_no_later_one(org: str, what: str) -> None:
    given(referred(org)).when(WANTED[what](), by=expert(org), on=LAST_DAY).then(
        {"a plan": e.PlanDraftingStarted, "a benefit": e.BenefitStatusChanged, "a follow-up": e.FollowUpHeld}[what]
    )
    given(referred(org)).when(WANTED[what](), by=expert(org), on=FIRST_DAY).then_refused("E_NOT_ENTITLED")


@pytest.mark.parametrize("org", ENDED)
def test_what_it_says_late_of_a_day_of_its_own_is_taken(org: str) -> None:
    late = plan(occurred_on=LAST_DAY)
    started = given(referred(org)).when(late, by=expert(org), on=date(2025, 2, 3)).then(e.PlanDraftingStarted)
    draft = lambda p: DraftPlan(plan_id=last(p.plans), includes_kuty=False)  # noqa: E731
    given(started.world).when(draft, by=expert(org), on=date(2025, 2, 3)).then_refused("E_NOT_ENTITLED")
    drafted = given(started.world).but(draft, by=OWN_WORKER, on=date(2025, 2, 3))
    yes = lambda p: AcceptPlan(plan_id=last(p.plans), plan_version=1)  # noqa: E731
    drafted.when(yes, by=expert(org), on=date(2025, 2, 3)).then_refused("E_NOT_ENTITLED")


def test_a_correction_is_judged_by_the_day_of_what_it_corrects() -> None:
    told = given(referred(TRIAL)).but(subsidy(), by=expert(TRIAL), on=LAST_DAY)

    def correction(p: Pathway) -> CorrectFact:
        target = next(fact for fact in p.facts.values() if isinstance(fact.event, e.BenefitStatusChanged))
        return CorrectFact(
            target_event_id=target.event_id,
            correction_reason="wrong_entry",
            new_values={"from_on": "2023-01-10"},
        )

    told.when(correction, by=expert(TRIAL), on=date(2025, 2, 3)).then(e.FactCorrected)


@pytest.mark.parametrize("org", ENDED)
def test_nobody_is_named_who_ended(org: str) -> None:
    named = plan(employment_authority_org_id=org)
    named_by_county = given(referred(org)).when(named, by=OWN_WORKER, on=FIRST_DAY)
    named_by_county.then_refused("E_PARTY_MISSING", at="/employment_authority_org_id")
    # Of somebody who ended nobody is left: the next authority begins.
    given(referred(org)).when(plan(), by=EXPERT, on=FIRST_DAY).then(
        e.PlanDraftingStarted, employment_authority_org_id=AUTHORITY
    )


def test_a_source_that_ended_is_closed_or_stored_as_its_successor() -> None:
    trial = Caller(TRIAL, "referrer", "referrer", "E-09")
    given(referred(TRIAL)).when(referral(source="municipal_trial"), by=trial, on=FIRST_DAY).then_refused("E_NOT_ENTITLED")
    authority = Caller(AUTHORITY, "referrer", "referrer", "E-01")
    spoken = given(referred(TRIAL)).when(referral(source="te_services"), by=authority, on=FIRST_DAY)
    spoken.then(e.ReferralSubmitted, source="employment_authority")
    given(referred(TRIAL)).when(referral(source="municipal_trial"), by=authority, on=FIRST_DAY).then_refused(
        "E_SOURCE_CLOSED", at="/source"
    )
    posing = Caller("0000007-8", "referrer", "referrer", "D-71")
    given(referred(TRIAL)).when(referral(source="te_services"), by=posing, on=LAST_DAY).then_refused("E_NOT_ENTITLED")


def test_which_source_names_an_authority_follows_from_the_legal_bodies() -> None:
    """domain/vocabulary.md 1.12: on every day on which the source may be used, its bodies are the employment side's."""
    rules, sources = RuleSet.current(), code_list("referral_source")
    for source in sources:
        days = (date(2022, 1, 3), date(2024, 6, 3), LAST_DAY, FIRST_DAY, date(2026, 6, 1))
        of_side = {rules.of_employment_side(source.code, on) for on in days if source.valid_on(on)}
        assert of_side == {source.marks.get("employment_side", False)}, source.code


def ended_authority() -> World:
    """AS-1 up to the eve of the start, with the authority as a body of a kind that ended with 2024."""
    world = as_1("11")
    directory = world.directory
    organisation = directory.organisations[AUTHORITY]
    gone = [entry.model_copy(update={"agency_kind": "trial_municipality"}) for entry in organisation.joinings]
    start = Directory(version="0", organiser=COUNTY, mode="simulated")
    for entry in (*(o.joined for org, o in directory.organisations.items() if org != AUTHORITY), *gone):
        start = enter(start, entry, int(start.version) + 1)
    for provider in directory.providers.values():
        start = enter(start, provider, int(start.version) + 1)
    for terms in directory.contracts.values():
        start = enter(start, terms, int(start.version) + 1)
    return World(directory=start, pathway=world.pathway, recorded=world.recorded)


def test_no_notice_is_due_or_sent_to_a_body_that_ended() -> None:
    start = lambda p: StartPeriod(period_id=last(p.periods))  # noqa: E731
    given(ended_authority()).when(start, by=OWN_WORKER, on=FIRST).then(e.PeriodStarted)
    due = as_1("12 started")
    gone = World(directory=ended_authority().directory, pathway=due.pathway, recorded=due.recorded)
    send = lambda p: SendNotification(notification_id=last(p.notices))  # noqa: E731
    given(gone).when(send, by=OWN_WORKER, on=FIRST).then_refused("E_RECIPIENT", at="/recipient_org_id")


def test_a_statement_comes_from_a_body_that_issues_them_on_the_day() -> None:
    started = as_1("12")
    given(started).when(statement(), by=EXPERT, on=FIRST).then(e.LabourPolicyStatementIssued)
    given(started).when(statement(), by=KEHA_EXPERT, on=FIRST).then(e.LabourPolicyStatementIssued)
    gone = World(directory=ended_authority().directory, pathway=started.pathway, recorded=started.recorded)
    given(gone).when(statement(), by=EXPERT, on=FIRST).then_refused("E_NOT_ENTITLED")


@pytest.mark.parametrize("org", ENDED)
def test_the_window_of_a_body_ends_with_it(org: str) -> None:
    world = referred(org)
    [standing] = [s for s in standings_of(world.pathway, world.directory, kinds()) if s.recipient.org == org
                  and s.recipient.task == "employment_authority"]  # fmt: skip
    assert standing.covers(LAST_DAY)
    assert not standing.covers(FIRST_DAY)


def test_a_body_that_goes_on_as_another_kind_has_both_times() -> None:
    """A municipality was on trial until 2024 and is the employment authority since."""
    directory = joined(registered().directory, TRIAL, "trial_municipality")
    directory = joined(directory, TRIAL, "employment_authority", FIRST_DAY)
    assert directory.days(TRIAL, "employment_authority") == (
        Days(date(2023, 1, 1), LAST_DAY),
        Days(FIRST_DAY, date.max),
    )
    assert directory.kind_in(TRIAL, "employment_authority", LAST_DAY) == "trial_municipality"
    assert directory.kind_in(TRIAL, "employment_authority", FIRST_DAY) == "employment_authority"
    assert not directory.holds(TRIAL, "employment_authority", date(2022, 12, 31))


def test_a_task_is_held_on_the_days_on_which_the_rules_allow_it() -> None:
    """domain/vocabulary.md 1.15, 1.17: the stretches of days are those of the single days."""
    rules = RuleSet.current()
    edges = [date(2015, 1, 1), date(2021, 2, 28), date(2021, 3, 1), date(2022, 12, 31), date(2023, 1, 1), LAST_DAY]
    edges += [FIRST_DAY, date(2025, 12, 31), date(2026, 1, 1), date(2030, 1, 1)]
    for task in code_list("organisation_task").codes:
        for kind in code_list("agency_kind").codes:
            stretches = rules.task_days(task, kind)
            for on in edges:
                allowed = any(days.first <= on <= days.last for days in stretches)
                assert allowed == rules.task_allowed(task, kind, on), (task, kind, on)


def test_a_joining_under_the_new_kind_is_no_repeat() -> None:
    trial = joining(TRIAL, "trial_municipality", {"employment_authority": "city"}, date(2023, 1, 1))
    now = joining(TRIAL, "employment_authority", {"employment_authority": "city"}, FIRST_DAY)
    world = given(registered()).but(trial, by=Caller(COUNTY, "organiser", "contract_manager", "C-01"), on=date(2025, 1, 15))
    again = world.when(now, by=Caller(COUNTY, "organiser", "contract_manager", "C-01"), on=date(2025, 1, 15))
    again.then(e.OrganisationJoined)
    assert again.world.directory.recipients["city"].from_on == date(2023, 1, 1)
    given(again.world).when(
        now, by=Caller(COUNTY, "organiser", "contract_manager", "C-01"), on=date(2025, 1, 15)
    ).then_nothing_happens()


def test_an_agency_does_not_act_before_it_joined() -> None:
    early = StartPlan(**dict(plan()) | {"occurred_on": LAST_DAY})
    given(referred(TRIAL)).when(early, by=EXPERT, on=FIRST_DAY).then_refused("E_NOT_ENTITLED")
    nobody = expert("0000099-9")
    given(referred(TRIAL)).when(plan(), by=nobody, on=FIRST_DAY).then_refused("E_NOT_ENTITLED")


def test_an_authority_begins_with_those_who_live_in_its_area() -> None:
    """domain/pathway.md 4.9 (Who may begin): the one named before has ended."""
    world = referred(TRIAL)
    entry = world.directory.organisations[AUTHORITY].joined.model_copy(update={"municipalities": ("837",)})
    ours = World(directory=enter(world.directory, entry, 99), pathway=world.pathway, recorded=world.recorded)
    for wanted, kind in ((plan(), e.PlanDraftingStarted), (subsidy(), e.BenefitStatusChanged)):
        given(ours).when(wanted, by=EXPERT, on=FIRST_DAY, answered_for_by=[AUTHORITY]).then(kind)
        given(ours).when(wanted, by=EXPERT, on=FIRST_DAY, answered_for_by=["0000099-9"]).then_refused("E_NOT_ENTITLED")
    # Whom a plan or a referral has named begins nothing: it goes on.
    theirs = given(as_1("6"))
    theirs.when(subsidy(), by=EXPERT, on=date(2025, 2, 7), answered_for_by=[]).then(e.BenefitStatusChanged)


def test_a_body_that_ended_does_not_learn_what_the_client_lives_on_now() -> None:
    """domain/disclosure.md 5.3, column EA: a statement of a day of its own is taken, whether another said the same since."""
    late = subsidy(from_on=date(2025, 2, 1), occurred_on=LAST_DAY)
    before = given(referred(TRIAL))
    since = before.but(subsidy(from_on=date(2025, 2, 1)), by=EXPERT, on=date(2025, 2, 3))
    for world in (before, since):
        world.when(late, by=expert(TRIAL), on=date(2025, 2, 10)).then(e.BenefitStatusChanged)
    since.when(subsidy(from_on=date(2025, 2, 1)), by=EXPERT, on=date(2025, 2, 10)).then_nothing_happens()
