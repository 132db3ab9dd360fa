"""Who may ask is judged before what there is: no refusal tells of a case that the caller is not told of (design D22)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from given import Ask, Step, World, given
from stories import (
    AUTHORITY,
    CONTRACTS,
    COUNTY,
    DOCTOR,
    EXPERT,
    FIRST,
    FOUNDATION,
    FUND,
    FUND_CLERK,
    INSTRUCTOR,
    KEHA_EXPERT,
    KELA,
    LAST,
    MANAGER,
    OWN_WORKER,
    PAYER,
    STRANGER,
    as_1,
    closed,
    day,
    debts,
    draft,
    instructor,
    joining,
    last,
    meeting,
    place,
    plan,
    planned,
    referral,
    registered,
    report,
    start,
    statement,
    subsidy,
    week,
    welcome,
    yes,
)

from domain.chapters.agreements.decisions import AcceptPlan, AgreePlan
from domain.chapters.cases.decisions import CloseCase
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.parallel_services.decisions import StartParallelService
from domain.chapters.periods.decisions import InterruptPeriod
from domain.chapters.plans.decisions import RevisePlan
from domain.commands import Command
from domain.context import Caller
from domain.events import FactCorrected
from domain.messages import GROUP
from domain.pathway import Pathway
from projections.kinds import kinds

TODAY = date(2025, 12, 1)


def dated(ask: Ask, on: date) -> Ask:
    """The same command, said of a day."""
    return lambda p: (ask(p) if callable(ask) else ask).model_copy(update={"occurred_on": on})


PROVIDER: dict[str, tuple[Caller, Callable[[date], Ask]]] = {
    "hold_follow_up": (INSTRUCTOR, lambda on: dated(meeting("client"), on)),
    "accept_placement": (MANAGER, lambda on: dated(welcome, on)),
    "name_instructor": (MANAGER, lambda on: dated(instructor, on)),
    "record_attendance": (INSTRUCTOR, lambda on: dated(day(), on)),
    "record_not_arranged": (INSTRUCTOR, lambda on: closed(on)),
    "send_absence_report": (INSTRUCTOR, lambda on: dated(report(on, on), on)),
}


def answers(world: World, ask: Callable[[date], Ask], by: Caller) -> list[Any]:
    """What a caller is answered, day by day from the day after the placement's end on."""
    outcomes = [given(world).when(ask(LAST + timedelta(days=n)), by=by, on=TODAY) for n in range(1, 40)]
    return [each.refused.codes if each.refused else [draft.event.NAME for draft in each.drafts] for each in outcomes]


@pytest.mark.parametrize("name", PROVIDER)
def test_a_provider_does_not_read_the_closing_of_a_case_after_its_placement(name: str) -> None:
    by, ask = PROVIDER[name]
    # given a case that goes on, one closed three days later, and one closed in a month
    still_open = as_1("23")
    worlds = [still_open]
    for after in (3, 30):
        closing = CloseCase(closing_code="exit")
        worlds.append(given(still_open).but(closing, by=OWN_WORKER, on=LAST + timedelta(days=after)).world)
    # then every day is answered the same in all of them
    said = [answers(world, ask, by) for world in worlds]
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize("name", ["record_attendance", "record_not_arranged"])
def test_a_provider_does_not_read_the_closing_from_days_of_its_placement_after_an_early_end(name: str) -> None:
    """domain/disclosure.md 5.3, column PR: it is told that the period ended, and nothing of the closing."""
    by, ask = PROVIDER[name]
    early = InterruptPeriod(period_id=last(as_1("13").pathway.periods), end_reason="other", valid_reason="yes")
    ended = given(as_1("13")).but(early, by=OWN_WORKER, on=date(2025, 3, 31))
    worlds = [ended.world]
    for on in (date(2025, 4, 10), date(2025, 5, 5)):
        worlds.append(ended.but(CloseCase(closing_code="moved_away"), by=OWN_WORKER, on=on).world)
    days = [date(2025, 4, 1) + timedelta(days=n) for n in range(60)]
    said = [said_by(world, by, [ask(on) for on in days]) for world in worlds]
    assert said[0] == said[1] == said[2]


def test_every_command_of_a_provider_is_among_them() -> None:
    [provider] = kinds().of_task("provider")
    # of corrections only its own facts are asked, whatever their day
    assert provider.sends - {GROUP, "correct_fact"} == PROVIDER.keys()


def test_a_service_without_a_ground_to_tell_learns_nothing_of_the_case() -> None:
    telling = StartParallelService(service="other", service_note="rowing", told_by="service")
    for world in (registered(), as_1("3"), as_1("24")):
        given(world).when(telling, by=DOCTOR, on=TODAY).then_refused("E_NO_LEGAL_BASIS")


def test_a_provider_is_not_told_of_others_days_by_the_codes_of_its_own() -> None:
    # a day outside its placement is that alone, whatever others have recorded of it (domain/pathway.md 4.4 row 27)
    late = dated(day(), LAST + timedelta(days=2))
    given(as_1("23")).when(late, by=INSTRUCTOR, on=TODAY).then_refused("E_OUTSIDE_PERIOD")


def test_a_placement_is_its_providers_from_the_asking_to_its_end() -> None:
    for ask in (welcome, instructor):
        for on in (date(2025, 2, 19), LAST + timedelta(days=1)):
            given(as_1("10 proposed")).when(dated(ask, on), by=MANAGER, on=TODAY).then_refused("E_NOT_ENTITLED")



def test_the_county_in_another_task_is_an_agency_like_every_other() -> None:
    """domain/privacy.md 3.9, design D8: (organisation, task). Its own hospital refers, and is no social worker."""
    on = date(2025, 4, 1)
    hospital = joining(COUNTY, "health_care", {"referrer": "county-hospital"}, date(2025, 1, 2))
    world = given(as_1("14")).but(hospital, by=CONTRACTS, on=on)
    for role in ("referrer", "own_worker"):
        by = Caller(COUNTY, "referrer", role, "D-72")
        world.when(debts(), by=by, on=on).then_refused("E_NOT_ENTITLED", at="/told_by")
        world.when(meeting("organiser"), by=by, on=on).then_refused("E_NOT_ENTITLED")
    told = world.but(debts(), by=OWN_WORKER, on=on)
    assert told.world.pathway.parallel_services
# --- A payer, and the next one ----------------------------------------------------------------------------------------

KELAS_LAST = date(2025, 3, 31)
FUND_PAYS = {"benefit": "earnings_related_allowance", "payer_org_id": FUND}
FUNDS_FIRST = [date(2025, 4, n) for n in (1, 2, 10)] + [date(2025, 5, 12)]


def said_by(world: World, by: Caller, asks: Iterable[Ask]) -> list[Any]:
    """What a caller is answered to each."""
    outcomes = [given(world).when(ask, by=by, on=TODAY) for ask in asks]
    return [each.refused.codes if each.refused else [draft.event.NAME for draft in each.drafts] for each in outcomes]


def followed(world: World, first: date) -> World:
    """Kela's time ends with March; the fund's begins on some later day."""
    ended = given(world).but(subsidy(until_on=KELAS_LAST), by=EXPERT, on=TODAY)
    return ended.but(subsidy(**FUND_PAYS, from_on=first), by=EXPERT, on=TODAY).world


def referred_by_kela() -> World:
    refers = joining(KELA, "kela", {"referrer": "kela-referrer"}, date(2023, 1, 1))
    joined = given(registered()).but(refers, by=CONTRACTS, on=date(2025, 1, 20))
    ours = referral(source="kela_services", legal_basis="LB-SHL-35")
    return joined.but(ours, by=Caller(KELA, "referrer", "referrer", "K-14"), on=date(2025, 1, 20)).world


@pytest.mark.parametrize("story", [lambda: as_1("12"), referred_by_kela], ids=["a payee", "a payee whom it referred"])
def test_a_payer_does_not_find_the_next_payers_first_day_by_trying_days(story: Callable[[], World]) -> None:
    """domain/pathway.md 4.4 row 42, design D22"""
    known = given(story()).but(subsidy(), by=EXPERT, on=TODAY).world if story is referred_by_kela else story()
    # given ledgers that differ in the day on which the next payer's time begins
    worlds = [followed(known, first) for first in FUNDS_FIRST]
    days = [date(2025, 3, 24) + timedelta(days=n) for n in range(60)]
    asks: list[Ask] = [subsidy(from_on=on) for on in days]
    asks += [subsidy(from_on=on, until_on=on + timedelta(days=20)) for on in days]
    asks += [subsidy(from_on=date(2025, 3, 24), until_on=on) for on in days]
    # then a payer is answered the same of every day in all of them
    said = [said_by(world, PAYER, asks) for world in worlds]
    assert all(each == said[0] for each in said)
    # and the time before, its own, is its own to speak of
    assert said[0][0] == ["benefit_status.changed"]


def test_a_payer_that_referred_does_not_find_another_payers_days_by_trying_days() -> None:
    """Row 42: it begins where none is known; where one is, the days of that are not told by which days it may begin."""
    asks = [subsidy(from_on=date(2025, 3, 24) + timedelta(days=n)) for n in range(60)]
    said = [
        said_by(given(referred_by_kela()).but(subsidy(**FUND_PAYS, from_on=first), by=EXPERT, on=TODAY).world, PAYER, asks)
        for first in FUNDS_FIRST
    ]
    assert all(each == said[0] for each in said)


def test_a_payer_corrects_what_it_said_of_its_own_days_whoever_pays_after_them() -> None:
    """domain/pathway.md 4.4 row 45: any sender corrects its own facts."""
    first = date(2025, 4, 1)
    again = given(as_1("12")).but(subsidy(until_on=KELAS_LAST), by=EXPERT, on=TODAY).but(
        subsidy(from_on=first), by=PAYER, on=TODAY
    )
    key = again.world.pathway.benefits[-1].event_id
    followed_later = again.but(subsidy(**FUND_PAYS, from_on=date(2025, 6, 2)), by=EXPERT, on=TODAY)
    other = CorrectFact(
        target_event_id=key, correction_reason="wrong_entry", new_values={"benefit": "basic_unemployment_allowance"}
    )
    for known in (again, followed_later):
        known.when(other, by=PAYER, on=TODAY).then(FactCorrected)


def test_a_payer_reads_nothing_of_the_next_payers_days_from_the_days_that_it_swaps() -> None:
    """domain/disclosure.md 5.3, columns KB, FU: of days that are another payer's it is told nothing."""
    quiet = followed(as_1("12"), date(2025, 4, 1))
    busy = given(quiet)
    for on in (date(2025, 4, 1), date(2025, 4, 3)):
        busy = busy.but(day(occurred_on=on), by=INSTRUCTOR, on=TODAY)
        busy = busy.but(day(occurred_on=on, account="payer"), by=FUND_CLERK, on=TODAY)
    busy = busy.but(closed(date(2025, 4, 7)), by=INSTRUCTOR, on=TODAY)
    free = date(2025, 3, 28)
    asks = [day(occurred_on=free, swap_of_on=date(2025, 4, 1) + timedelta(days=n)) for n in range(20)]
    assert said_by(quiet, PAYER, asks) == said_by(busy.world, PAYER, asks)
    own = day(occurred_on=free, swap_of_on=date(2025, 3, 27))
    assert said_by(quiet, PAYER, [own]) == [["attendance.recorded"]]


def test_a_week_is_full_for_a_payer_by_its_own_days() -> None:
    """Row 27: the limit counts what providers and the county say; what other payers say is not told by it."""
    quiet = followed(as_1("12"), date(2025, 4, 1))
    busy = given(quiet)
    for on in (date(2025, 4, n) for n in (1, 2, 3, 4)):
        busy = busy.but(day(occurred_on=on, account="payer"), by=FUND_CLERK, on=TODAY)
    monday = day(occurred_on=KELAS_LAST, account="payer")
    assert said_by(quiet, PAYER, [monday]) == said_by(busy.world, PAYER, [monday]) == [["attendance.recorded"]]


# --- A provider, and the next one -------------------------------------------------------------------------------------


def two_providers() -> World:
    """The association until the end of May, the foundation in June, in one period."""
    at_foundation = Caller(FOUNDATION, "provider", "provider_manager", "P-09")
    there = place(provider_org_id=FOUNDATION, contract_id="K-02", site_id="S-02", from_on=date(2025, 6, 2),
                  until_on=date(2025, 6, 30))  # fmt: skip
    world = as_1("9")
    for ask, by, on in (
        (place(until_on=date(2025, 5, 30)), OWN_WORKER, date(2025, 2, 20)),
        (welcome, MANAGER, date(2025, 2, 20)),
        (instructor, MANAGER, date(2025, 2, 20)),
        (planned(), OWN_WORKER, date(2025, 2, 21)),
        (start(), OWN_WORKER, FIRST),
        (there, OWN_WORKER, date(2025, 5, 12)),
        (welcome, at_foundation, date(2025, 5, 12)),
    ):
        world = world.after(Step(by, on, ask))
    return world


def test_a_provider_reads_nothing_of_the_next_providers_days_from_the_days_that_it_swaps() -> None:
    """domain/disclosure.md 5.3, column PR"""
    quiet = two_providers()
    busy = given(quiet)
    for on in (date(2025, 6, 2), date(2025, 6, 5)):
        busy = busy.but(day(occurred_on=on), by=STRANGER, on=TODAY)
    busy = busy.but(closed(date(2025, 6, 9)), by=STRANGER, on=TODAY)
    asks = [day(occurred_on=date(2025, 5, 30), swap_of_on=date(2025, 6, 1) + timedelta(days=n)) for n in range(20)]
    assert said_by(quiet, INSTRUCTOR, asks) == said_by(busy.world, INSTRUCTOR, asks)
    own = day(occurred_on=date(2025, 5, 30), swap_of_on=date(2025, 5, 29))
    assert said_by(quiet, INSTRUCTOR, [own]) == [["attendance.recorded"]]


# --- An employment authority whose time is over -----------------------------------------------------------------------

SUCCESSOR = "0000013-1"
REPLACED, OWN_DAY = date(2025, 4, 1), date(2025, 3, 20)


def replaced() -> World:
    """The authority of AS-1 until March: a second version lies before the parties, when another one is named."""
    new = joining(SUCCESSOR, "employment_authority", {"employment_authority": "city"}, date(2025, 1, 1))
    world = given(as_1("12a")).but(new, by=CONTRACTS, on=date(2025, 3, 4))
    world = world.but(_revised("Two"), by=OWN_WORKER, on=date(2025, 3, 10))
    named = plan(employment_authority_org_id=SUCCESSOR)
    return world.but(named, by=OWN_WORKER, on=REPLACED).world


def _revised(goal: str) -> Callable[[Pathway], Command]:
    """A revision of the first plan, to another goal."""
    terms = {"includes_kuty": True, "kuty_from_on": FIRST, "kuty_until_on": LAST, "schedule": week(1, 2, 4)}
    terms |= {"revision_reason": "goal", "goal": goal, "support": "A talk"}
    return lambda p: RevisePlan(plan_id=next(iter(p.plans)), **terms)  # type: ignore[arg-type]


def others_went_on(world: World) -> World:
    """What is dated after its last day, of which it is told nothing."""
    expert = Caller(SUCCESSOR, "employment_authority", "employment_expert", "E-02")
    of_first = lambda party: lambda p: yes(plan_id=next(iter(p.plans)), plan_version=2, party_kind=party)(p)  # noqa: E731
    steps: list[tuple[Ask, Caller]] = [
        (of_first("client"), OWN_WORKER),
        (of_first(None), OWN_WORKER),
        (_revised("Three"), OWN_WORKER),
        (subsidy(**FUND_PAYS, from_on=date(2025, 3, 10)), expert),
        (InterruptPeriod(period_id=last(world.pathway.periods), end_reason="other", valid_reason="yes"), OWN_WORKER),
    ]
    for ask, by in steps:
        world = world.after(Step(by, date(2025, 5, 2), ask))
    return world


def said_late(name: str) -> list[Ask]:
    """What the authority may say in March's name, each with all that it could try."""
    first = lambda p: next(iter(p.plans))  # noqa: E731
    return {
        "start_plan": [plan()],
        "draft_plan": [lambda p: draft(plan_id=first(p), schedule=week(1))(p)],
        "revise_plan": [_revised("Two"), _revised("Three"), _revised("Four")],
        "accept_plan": [lambda p, n=n: AcceptPlan(plan_id=first(p), plan_version=n) for n in range(1, 5)],
        "agree_plan": [lambda p, n=n: AgreePlan(plan_id=first(p), plan_version=n) for n in range(1, 5)],
        "change_benefit_status": [
            *(subsidy(from_on=date(2025, 3, 1) + timedelta(days=n)) for n in range(40)),
            *(subsidy(**FUND_PAYS, from_on=date(2025, 3, 1) + timedelta(days=n)) for n in range(40)),
        ],
        "issue_labour_policy_statement": [
            *(statement(service_until_on=date(2025, 4, 20) + timedelta(days=n)) for n in range(40)),
            statement(payer_org_id=FUND),
            statement(labour_statement_kind="change"),
        ],
        "hold_follow_up": [meeting("client", "employment_side")],
    }[name]


AUTHORITY_SENDS = sorted(kinds().of_task("employment_authority")[0].sends - {"correct_fact"})


@pytest.mark.parametrize("name", AUTHORITY_SENDS)
def test_an_authority_whose_time_is_over_reads_nothing_of_what_came_after_it(name: str) -> None:
    """domain/disclosure.md 5.3, column EA, design D22"""
    quiet = replaced()
    busy = others_went_on(quiet)
    asks = [dated(ask, OWN_DAY) for ask in said_late(name)]
    assert said_by(quiet, EXPERT, asks) == said_by(busy, EXPERT, asks)


def test_an_authority_whose_time_is_over_still_says_late_what_it_did_in_it() -> None:
    busy = others_went_on(replaced())
    late = [dated(ask, OWN_DAY) for ask in (said_late("accept_plan")[1], statement(labour_statement_kind="change"))]
    assert said_by(busy, EXPERT, late) == [["plan.accepted_by_party"], ["labour_policy_statement.issued"]]
    # but no version is laid before the parties, and none put into force, by who is none of them any more
    for name in ("draft_plan", "revise_plan", "agree_plan"):
        given(busy).when(dated(said_late(name)[0], OWN_DAY), by=EXPERT, on=TODAY).then_refused("E_NOT_ENTITLED")


def test_an_authority_that_is_one_again_is_judged_by_all_that_was_said() -> None:
    """domain/pathway.md 4.4 row 15: with the last mandatory party's yes comes the agreement, be it said late."""
    second = said_late("accept_plan")[1]
    of_client: Ask = lambda p: AcceptPlan(plan_id=next(iter(p.plans)), plan_version=2, party_kind="client")  # noqa: E731
    world = replaced().after(Step(OWN_WORKER, date(2025, 5, 2), of_client)).after(Step(OWN_WORKER, date(2025, 5, 2), second))
    late = dated(second, OWN_DAY)
    assert said_by(world, EXPERT, [late]) == [["plan.accepted_by_party"]]
    again = world.after(Step(OWN_WORKER, date(2025, 5, 10), plan(employment_authority_org_id=AUTHORITY)))
    assert said_by(again, EXPERT, [late]) == [["plan.accepted_by_party", "plan.agreed"]]


def test_an_authority_whose_time_is_over_reads_nothing_from_the_corrections_of_its_own_facts() -> None:
    """domain/pathway.md 4.4 row 45: a new value passes what a first recording of it would."""
    quiet = replaced()
    busy = others_went_on(quiet)
    key = next(iter(quiet.pathway.statements.values())).event_id

    def until(on: date) -> CorrectFact:
        return CorrectFact(target_event_id=key, correction_reason="wrong_entry", new_values={"service_until_on": str(on)})

    asks = [until(date(2025, 4, 20) + timedelta(days=n)) for n in range(40)] + [until(LAST + timedelta(days=1))]
    said = said_by(quiet, EXPERT, asks)
    assert said == said_by(busy, EXPERT, asks)
    assert said[0] == ["fact.corrected"] != said[-1]


def test_the_keha_centre_is_not_told_that_another_issuer_said_the_same() -> None:
    """domain/disclosure.md 5.3, column KEHA: only the statements that it issues itself."""
    without, issued = as_1("12"), as_1("12a")
    assert said_by(without, KEHA_EXPERT, [statement()]) == said_by(issued, KEHA_EXPERT, [statement()])
    own = given(issued).but(statement(), by=KEHA_EXPERT, on=TODAY)
    own.when(statement(), by=KEHA_EXPERT, on=TODAY).then_nothing_happens()
