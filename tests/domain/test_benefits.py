"""What the client lives on, and what the payer is told of the service."""

from __future__ import annotations

from datetime import date

from given import given
from stories import (
    ASSISTANCE,
    EXPERT,
    FIRST,
    FUND,
    FUND_CLERK,
    HOSPITAL,
    KEHA_EXPERT,
    KELA,
    LAST,
    PAYER,
    as_1,
    registered,
    statement,
    subsidy,
)

from domain.chapters.benefits.decisions import ChangeBenefitStatus
from domain.context import Caller
from domain.events import BenefitStatusChanged, LabourPolicyStatementIssued

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


def test_a_payer_speaks_for_its_own_payees() -> None:
    given(as_1("6")).when(subsidy(), by=PAYER, on=ON).then(BenefitStatusChanged)
    given(as_1("6")).when(subsidy(), by=FUND_CLERK, on=ON).then_refused("E_NOT_ENTITLED")
    fund = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND)
    given(as_1("6")).when(fund, by=FUND_CLERK, on=ON).then(BenefitStatusChanged)
    assistance = ChangeBenefitStatus(benefit="social_assistance", from_on=date(2025, 1, 1))
    given(as_1("6")).when(assistance, by=ASSISTANCE, on=ON).then(BenefitStatusChanged)
    given(as_1("6")).when(assistance, by=PAYER, on=ON).then_refused("E_NOT_ENTITLED")
    given(as_1("6")).when(subsidy(), by=ASSISTANCE, on=ON).then_refused("E_NOT_ENTITLED")


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
    unpaid = given(as_1("12")).but(poor, by=ASSISTANCE, on=TOLD)
    unpaid.when(statement(), by=EXPERT, on=TOLD).then_refused("E_PAYER_UNKNOWN")
    given(as_1("12")).when(statement(occurred_on=date(2025, 3, 5)), by=EXPERT, on=TOLD).then_refused("E_FUTURE")


def test_a_payer_takes_over_nobody_elses_payee() -> None:
    taking = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND, from_on=date(2025, 3, 10))
    given(as_1("12")).when(taking, by=FUND_CLERK, on=TOLD).then_refused("E_NOT_ENTITLED")
    before = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND, from_on=date(2022, 3, 10))
    given(as_1("12")).when(before, by=FUND_CLERK, on=TOLD).then(BenefitStatusChanged)
    given(as_1("12")).when(subsidy(from_on=date(2025, 3, 3)), by=PAYER, on=TOLD).then(BenefitStatusChanged)
    given(as_1("12")).when(taking, by=EXPERT, on=TOLD).then(BenefitStatusChanged)
