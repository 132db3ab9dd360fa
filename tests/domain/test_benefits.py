"""What the client lives on, and what the payer is told of the service."""

from __future__ import annotations

from datetime import date

from given import Given, given
from stories import (
    ASSISTANCE,
    CONTRACTS,
    EXPERT,
    FIRST,
    FUND,
    FUND_CLERK,
    HOSPITAL,
    KEHA_EXPERT,
    KELA,
    LAST,
    OWN_WORKER,
    PAYER,
    as_1,
    joining,
    referral,
    registered,
    statement,
    subsidy,
)

from domain.chapters.benefits.decisions import ChangeBenefitStatus
from domain.context import Caller
from domain.events import BenefitStatusChanged, LabourPolicyStatementIssued
from domain.rulebook import COMMANDS

ON = date(2025, 2, 7)
TOLD = date(2025, 3, 4)
OTHER_AUTHORITY = Caller("0000012-3", "employment_authority", "employment_expert", "E-99")


def test_the_authority_says_what_the_client_lives_on() -> None:
    outcome = given(as_1("6")).when(subsidy(), by=EXPERT, on=ON)
    outcome.then(BenefitStatusChanged, benefit="labour_market_subsidy", payer_org_id=KELA)
    assert outcome.drafts[0].matter == as_1("6").pathway.client_matter


def test_the_same_status_twice_changes_nothing() -> None:
    given(as_1("6a")).when(subsidy(), by=EXPERT, on=ON).then_nothing_happens()


def test_a_benefit_is_judged_on_the_day_that_it_begins() -> None:
    merged = subsidy(benefit="general_social_security_benefit", from_on=date(2026, 4, 30))
    given(as_1("6")).when(merged, by=EXPERT, on=date(2026, 5, 4)).then_refused("E_BENEFIT_CODE", at="/benefit")
    in_force = subsidy(benefit="general_social_security_benefit", from_on=date(2026, 5, 1))
    given(as_1("6")).when(in_force, by=EXPERT, on=date(2026, 5, 4)).then(BenefitStatusChanged)
    ended = subsidy(from_on=date(2026, 5, 1))
    given(as_1("6")).when(ended, by=EXPERT, on=date(2026, 5, 4)).then_refused("E_BENEFIT_CODE")


NEXT = date(2025, 6, 1)
FUND_PAYS = {"benefit": "earnings_related_allowance", "payer_org_id": FUND}
ASSISTED = {"benefit": "social_assistance", "payer_org_id": None}


def test_a_payer_changes_and_ends_what_its_own_payee_lives_on() -> None:
    """source: domain/pathway.md 4.4 row 42; so do the next tests"""
    known = given(as_1("6a"))
    known.when(subsidy(from_on=NEXT), by=PAYER, on=ON).then(BenefitStatusChanged)
    known.when(subsidy(until_on=date(2025, 3, 20)), by=PAYER, on=ON).then(BenefitStatusChanged)
    ended = known.but(subsidy(until_on=date(2025, 3, 20)), by=EXPERT, on=ON)
    ended.when(subsidy(from_on=date(2025, 3, 21)), by=PAYER, on=ON).then(BenefitStatusChanged)
    ended.when(subsidy(from_on=date(2025, 3, 22)), by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_payer_names_nobody_but_itself() -> None:
    known = given(as_1("6a"))
    known.when(subsidy(**FUND_PAYS), by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")
    known.when(subsidy(**ASSISTED), by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")
    known.when(subsidy(), by=FUND_CLERK, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_payer_begins_nothing_with_somebody_whom_no_status_names() -> None:
    """An identity code alone makes nobody a payee."""
    unknown = given(as_1("6"))
    for by, said in ((PAYER, {}), (FUND_CLERK, FUND_PAYS), (ASSISTANCE, ASSISTED)):
        unknown.when(subsidy(**said), by=by, on=ON).then_refused("E_NOT_ENTITLED")
        given(registered()).when(subsidy(**said), by=by, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_payer_whose_organisation_sent_the_referral_begins_where_nothing_is_known() -> None:
    ours = {"source": "kela_services", "legal_basis": "LB-SHL-35"}
    refers = joining(KELA, "kela", {"referrer": "kela-referrer"}, date(2023, 1, 1))
    joined = given(registered()).but(refers, by=CONTRACTS, on=ON)
    referred = joined.but(referral(**ours), by=Caller(KELA, "referrer", "referrer", "K-14"), on=ON)
    referred.when(subsidy(), by=PAYER, on=ON).then(BenefitStatusChanged)
    referred.when(subsidy(**ASSISTED), by=ASSISTANCE, on=ON).then(BenefitStatusChanged)
    referred.when(subsidy(**FUND_PAYS), by=FUND_CLERK, on=ON).then_refused("E_NOT_ENTITLED")
    elsewhere = referred.but(subsidy(**FUND_PAYS), by=EXPERT, on=ON)
    elsewhere.when(subsidy(), by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")
    elsewhere.when(subsidy(**ASSISTED), by=ASSISTANCE, on=ON).then_refused("E_NOT_ENTITLED")


def test_the_office_of_social_assistance_speaks_of_those_who_live_on_it() -> None:
    poor = given(as_1("6")).but(subsidy(**ASSISTED), by=EXPERT, on=ON)
    poor.when(subsidy(**ASSISTED, from_on=NEXT), by=ASSISTANCE, on=ON).then(BenefitStatusChanged)
    poor.when(subsidy(), by=ASSISTANCE, on=ON).then_refused("E_NOT_ENTITLED")
    poor.when(subsidy(from_on=NEXT), by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")
    given(as_1("6a")).when(subsidy(**ASSISTED), by=ASSISTANCE, on=ON).then_refused("E_NOT_ENTITLED")


def test_an_own_worker_tells_of_social_assistance_alone() -> None:
    given(as_1("6a")).when(subsidy(**ASSISTED, from_on=NEXT), by=OWN_WORKER, on=ON).then(BenefitStatusChanged)
    given(as_1("6")).when(subsidy(), by=OWN_WORKER, on=ON).then_refused("E_NOT_ENTITLED")
    assert "own_worker" in COMMANDS["change_benefit_status"].roles


def test_whose_it_is_to_state_is_judged_before_anything_else() -> None:
    """design D22"""
    wrong = subsidy(**FUND_PAYS, until_on=date(2023, 1, 8), occurred_on=date(2025, 2, 8))
    given(as_1("6a")).when(wrong, by=FUND_CLERK, on=ON).then_refused("E_NOT_ENTITLED")
    given(as_1("6a")).when(wrong, by=EXPERT, on=ON).then_refused("E_PERIOD_LENGTH", "E_FUTURE")
    first_day = subsidy(from_on=date.min)
    given(as_1("6a")).when(first_day, by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")


def test_a_payer_begins_nothing_on_the_day_on_which_another_ones_time_begins() -> None:
    followed = given(as_1("6a")).but(subsidy(**FUND_PAYS, from_on=NEXT), by=EXPERT, on=ON)
    followed.when(subsidy(from_on=NEXT), by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")
    followed.when(subsidy(**FUND_PAYS, from_on=NEXT, until_on=NEXT), by=FUND_CLERK, on=ON).then(BenefitStatusChanged)


def test_a_payer_takes_no_day_of_another_one_by_going_on_longer() -> None:
    """Kela pays, for March the fund does; the fund may say that it ends earlier, and not that it goes on into April."""
    march = {**FUND_PAYS, "from_on": date(2025, 3, 3), "until_on": date(2025, 3, 31)}
    between = given(as_1("6a")).but(subsidy(**march), by=EXPERT, on=ON)
    shorter = subsidy(**march | {"until_on": date(2025, 3, 14)})
    between.when(shorter, by=FUND_CLERK, on=NEXT).then(BenefitStatusChanged)
    for said in (march | {"until_on": None}, march | {"from_on": date(2025, 3, 10), "until_on": date(2025, 4, 1)}):
        between.when(subsidy(**said), by=FUND_CLERK, on=NEXT).then_refused("E_NOT_ENTITLED")


def told_of(*statements: tuple[Caller, date, dict[str, object]]) -> Given:
    world = given(as_1("6"))
    for by, on, said in statements:
        world = world.but(subsidy(**said, occurred_on=on), by=by, on=NEXT)
    return world


def test_of_equal_starts_the_later_said_holds_then_the_one_with_an_end_then_the_authoritys() -> None:
    first, end = date(2025, 3, 3), date(2025, 3, 20)
    open_, ends = {"from_on": first}, {"from_on": first, "until_on": end}
    later = date(2025, 4, 1)
    for told, payer in (
        (((EXPERT, ON, open_), (EXPERT, later, ends)), None),
        (((EXPERT, ON, ends), (EXPERT, later, open_)), KELA),
        (((EXPERT, later, ends), (EXPERT, ON, open_)), None),
        (((EXPERT, ON, open_), (EXPERT, ON, ends)), None),
        (((EXPERT, ON, ends), (EXPERT, ON, open_)), None),
        (((EXPERT, ON, {**FUND_PAYS, **open_}), (OWN_WORKER, ON, {**ASSISTED, **open_})), FUND),
    ):
        pathway = told_of(*told).world.pathway
        assert pathway.payer(date(2025, 3, 21)) == payer, told


def test_the_status_that_began_last_holds_for_its_time_and_after_it_the_one_before() -> None:
    said = {**FUND_PAYS, "from_on": date(2025, 3, 3), "until_on": date(2025, 3, 31)}
    days = (date(2025, 3, 2), date(2025, 3, 31), date(2025, 4, 1))
    between = told_of((EXPERT, ON, {}), (EXPERT, ON, said))
    assert [between.world.pathway.payer(day) for day in days] == [KELA, FUND, KELA]
    ended = told_of((EXPERT, ON, {}), (EXPERT, ON, said), (EXPERT, ON, {"until_on": date(2025, 3, 2)}))
    assert [ended.world.pathway.payer(day) for day in days] == [KELA, FUND, None]


def test_another_employment_authority_has_no_say_and_the_first_one_does() -> None:
    given(as_1("6")).when(subsidy(), by=OTHER_AUTHORITY, on=ON).then_refused("E_NOT_ENTITLED")
    given(registered()).when(subsidy(), by=EXPERT, on=ON).then(BenefitStatusChanged)


def test_an_unemployment_benefit_names_its_payer_and_social_assistance_none() -> None:
    given(as_1("6")).when(subsidy(payer_org_id=None), by=EXPERT, on=ON).then_refused("E_FIELD_MISSING", at="/payer_org_id")
    paid = subsidy(benefit="social_assistance")
    given(as_1("6")).when(paid, by=EXPERT, on=ON).then_refused("E_FIELD_NOT_ALLOWED")
    hospital = subsidy(payer_org_id=HOSPITAL)
    given(as_1("6")).when(hospital, by=EXPERT, on=ON).then_refused("E_PAYER_UNKNOWN")


def test_a_status_ends_after_it_begins_and_is_not_told_tomorrow() -> None:
    given(as_1("6")).when(subsidy(until_on=date(2023, 1, 8)), by=EXPERT, on=ON).then_refused("E_PERIOD_LENGTH")
    given(as_1("6")).when(subsidy(occurred_on=date(2025, 2, 8)), by=EXPERT, on=ON).then_refused("E_FUTURE")


def test_the_payer_of_a_past_day_stays_the_payer_of_that_day() -> None:
    fund = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND, from_on=date(2025, 4, 1))
    changed = given(as_1("12")).but(fund, by=EXPERT, on=date(2025, 4, 1)).world.pathway
    assert (changed.payer(date(2025, 3, 31)), changed.payer(date(2025, 4, 1))) == (KELA, FUND)


def test_the_authority_tells_the_payer_that_the_conditions_hold() -> None:
    outcome = given(as_1("12")).when(statement(), by=EXPERT, on=TOLD)
    outcome.then(LabourPolicyStatementIssued, payer_org_id=KELA, labour_statement_kind="start", service_from_on=FIRST)
    given(as_1("12a")).when(statement(), by=EXPERT, on=TOLD).then_nothing_happens()
    given(as_1("12")).when(statement(), by=KEHA_EXPERT, on=TOLD).then(LabourPolicyStatementIssued)


def test_a_payer_never_issues_the_statement_and_no_other_authority_does() -> None:
    given(as_1("12")).when(statement(), by=PAYER, on=TOLD).then_refused("E_NOT_ENTITLED")
    given(as_1("12")).when(statement(), by=OTHER_AUTHORITY, on=TOLD).then_refused("E_NOT_ENTITLED")


def test_a_statement_speaks_of_days_of_a_started_period() -> None:
    given(as_1("11")).when(statement(), by=EXPERT, on=date(2025, 2, 24)).then_refused("E_ORDER", at="/service_from_on")
    longer = statement(service_until_on=date(2025, 9, 3))
    given(as_1("12")).when(longer, by=EXPERT, on=TOLD).then_refused("E_ORDER")
    backwards = statement(service_from_on=LAST, service_until_on=FIRST)
    given(as_1("12")).when(backwards, by=EXPERT, on=TOLD).then_refused("E_ORDER")


def test_a_statement_goes_to_the_payer_of_the_day() -> None:
    given(as_1("12")).when(statement(payer_org_id=FUND), by=EXPERT, on=TOLD).then_refused("E_RECIPIENT", at="/payer_org_id")
    poor = ChangeBenefitStatus(benefit="social_assistance", from_on=FIRST)
    unpaid = given(as_1("12")).but(poor, by=OWN_WORKER, on=TOLD)
    unpaid.when(statement(), by=EXPERT, on=TOLD).then_refused("E_PAYER_UNKNOWN")
    given(as_1("12")).when(statement(occurred_on=date(2025, 3, 5)), by=EXPERT, on=TOLD).then_refused("E_FUTURE")


def test_a_payer_takes_over_nobody_elses_payee() -> None:
    taking = subsidy(**FUND_PAYS, from_on=date(2025, 3, 10))
    given(as_1("12")).when(taking, by=FUND_CLERK, on=TOLD).then_refused("E_NOT_ENTITLED")
    before = subsidy(**FUND_PAYS, from_on=date(2022, 3, 10))
    given(as_1("12")).when(before, by=FUND_CLERK, on=TOLD).then_refused("E_NOT_ENTITLED")
    given(as_1("12")).when(subsidy(from_on=date(2025, 3, 3)), by=PAYER, on=TOLD).then(BenefitStatusChanged)
    given(as_1("12")).when(taking, by=EXPERT, on=TOLD).then(BenefitStatusChanged)
