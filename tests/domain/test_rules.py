"""The law on a date: rows begin and end, nothing is guessed between them."""

from __future__ import annotations

import ast
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from domain.rules import NoRule, Overlap, RuleSet, UnknownRuleSet, read_rules
from domain.vocabulary import code_list

MARCH_2025 = date(2025, 3, 3)
RULES = RuleSet.current()

DEADLINES = [
    "referral.first_response_days",
    "plan_start_target_days",
    "assessment.max_days",
    "absence_report.max_interval_days",
    "sickness.self_notice_max_days",
    "child_sickness.max_days",
    "followup.interval_days",
    "cumulative.review_months",
    "period.end_alert_days",
    "log_request.answer_days",
    "gdpr_request.answer_days",
    "breach.notify_hours",
    "review_request.days",
    "court_appeal.days",
    "contract.end_alert_days",
    "retention.years",
]


def test_a_week_had_five_days_until_the_law_made_them_four() -> None:
    assert RULES.value("week.max_days", date(2015, 6, 30)) == 5
    assert RULES.value("week.max_days", date(2015, 7, 1)) == 4
    assert RULES.number("week.max_days", MARCH_2025) == 4


def test_the_limits_of_a_period_and_a_day() -> None:
    keys = ["period.min_months", "period.max_months", "day.min_hours", "day.max_hours", "week.min_days", "week.max_hours"]
    assert [RULES.value(key, MARCH_2025) for key in keys] == [3, 24, 4, 8, 1, 32]


@pytest.mark.parametrize("key", DEADLINES)
def test_every_deadline_has_a_number(key: str) -> None:
    assert RULES.number(key, MARCH_2025) > 0


def test_a_date_without_a_row_is_an_error_that_names_key_and_date() -> None:
    with pytest.raises(NoRule, match=r"week\.max_days on 2001-08-31"):
        RULES.value("week.max_days", date(2001, 8, 31))
    with pytest.raises(NoRule, match=r"plan\.mandatory_parties, plan_kind diary on 2025-03-03"):
        RULES.value("plan.mandatory_parties", MARCH_2025, plan_kind="diary")


def test_a_disabled_row_is_no_rule() -> None:
    with pytest.raises(NoRule):
        RULES.value("year.max_days", MARCH_2025)


def test_a_benefit_client_enters_by_the_multi_sectoral_plan_alone_from_2026() -> None:
    for benefit in ("labour_market_subsidy", "earnings_related_allowance", "general_social_security_benefit"):
        assert "activation_plan" in RULES.plan_kinds(benefit, date(2025, 12, 31))
        assert RULES.plan_kinds(benefit, date(2026, 1, 1)) == {"multi_sectoral_employment_plan"}
    assert "activation_plan" in RULES.plan_kinds("social_assistance", date(2026, 1, 1))


def test_kela_is_a_mandatory_party_only_where_its_services_are_coordinated() -> None:
    three = {"client", "organiser", "employment_side"}
    kind = "multi_sectoral_employment_plan"
    assert RULES.mandatory_parties("activation_plan", MARCH_2025) == three
    assert RULES.mandatory_parties("activation_plan", MARCH_2025, kela_services_coordinated=True) == three
    assert RULES.mandatory_parties(kind, MARCH_2025) == three
    assert RULES.mandatory_parties(kind, MARCH_2025, kela_services_coordinated=True) == {*three, "kela"}
    assert RULES.mandatory_parties("client_plan", MARCH_2025) == {"client", "organiser"}


def test_organiser_and_employment_side_changed_hands_on_their_days() -> None:
    assert RULES.codes("organiser_kind", date(2022, 12, 31)) == {"municipality"}
    assert RULES.codes("organiser_kind", date(2023, 1, 1)) == {"wellbeing_services_county"}
    assert RULES.codes("employment_side_kind", date(2021, 2, 28)) == {"te_office"}
    assert RULES.codes("employment_side_kind", date(2024, 12, 31)) == {"te_office", "trial_municipality"}
    assert RULES.codes("employment_side_kind", date(2025, 1, 1)) == {"employment_authority"}


def test_benefits_changed_names_and_money_is_exact() -> None:
    assert "labour_market_subsidy" in RULES.codes("benefit.codes", date(2026, 4, 30))
    assert "labour_market_subsidy" not in RULES.codes("benefit.codes", date(2026, 5, 1))
    assert RULES.value("allowance.kulukorvaus_eur_day", MARCH_2025) == Decimal("9.00")


def test_benefit_rows_and_benefit_codes_agree_on_every_boundary() -> None:
    benefits = code_list("benefit_status")
    for on in (MARCH_2025, date(2026, 4, 30), date(2026, 5, 1)):
        assert RULES.codes("benefit.codes", on) == {code for code in benefits.codes if benefits.valid_on(code, on)}


def test_a_ground_is_valid_on_its_days_and_for_its_plan() -> None:
    assert RULES.eligibility_key_valid("EL-O25-LMS500", MARCH_2025, "activation_plan")
    assert not RULES.eligibility_key_valid("EL-O25-LMS500", date(2026, 1, 1))
    assert RULES.eligibility_key_valid("EL-2026-SA", date(2026, 1, 1), "activation_plan")
    assert not RULES.eligibility_key_valid("EL-2026-MSP", date(2026, 1, 1), "activation_plan")
    assert not RULES.eligibility_key_valid("EL-NO-DUTY", MARCH_2025, "activation_plan")
    assert not RULES.eligibility_key_valid("EL-NONE", MARCH_2025)


def test_grounds_have_the_same_days_as_their_codes() -> None:
    grounds = code_list("eligibility_key")
    rows = {dict(row.when)["eligibility_key"]: row for row in RULES.rows if row.key == "eligibility"}
    assert set(rows) == set(grounds.codes)
    for entry in grounds:
        assert (rows[entry.code].valid_from, rows[entry.code].valid_to) == (entry.valid_from, entry.valid_to)


@pytest.mark.parametrize(
    ("task", "agency_kind", "on", "allowed"),
    [
        ("organiser", "wellbeing_services_county", date(2023, 1, 1), True),
        ("organiser", "wellbeing_services_county", date(2022, 12, 31), False),
        ("organiser", "municipality", date(2022, 12, 31), True),
        ("employment_authority", "te_office", date(2024, 12, 31), True),
        ("employment_authority", "te_office", date(2025, 1, 1), False),
        ("employment_authority", "employment_authority", date(2025, 1, 1), True),
        ("statement_issuer", "keha_centre", date(2025, 1, 1), True),
        ("statement_issuer", "kela", date(2025, 1, 1), False),
        ("benefit_payment", "kela", MARCH_2025, True),
        ("benefit_payment", "unemployment_fund", MARCH_2025, True),
        ("social_assistance", "unemployment_fund", MARCH_2025, False),
        ("multi_sectoral_team", "kela", MARCH_2025, True),
        ("provider", "provider", MARCH_2025, True),
        ("provider", "kela", MARCH_2025, False),
        ("referrer", "health_care", MARCH_2025, True),
        ("referrer", "wellbeing_services_county", MARCH_2025, False),
        ("statistics", "thl", MARCH_2025, True),
        ("supervision", "valvira", date(2025, 12, 31), True),
        ("supervision", "valvira", date(2026, 1, 1), False),
        ("supervision", "licensing_and_supervision_agency", date(2026, 1, 1), True),
        ("gardening", "kela", MARCH_2025, False),
    ],
)
def test_a_task_is_held_by_the_kinds_that_may_on_the_date(task: str, agency_kind: str, on: date, allowed: bool) -> None:
    assert RULES.task_allowed(task, agency_kind, on) is allowed


def test_every_code_that_a_rule_names_is_in_its_list() -> None:
    lists = {
        "organiser_kind": "agency_kind",
        "employment_side_kind": "agency_kind",
        "task.agency_kinds": "agency_kind",
        "statement.issuer_kinds": "agency_kind",
        "legal_body": "agency_kind",
        "payer.activity_allowance": "agency_kind",
        "payer.compensation_for_expenses": "agency_kind",
        "provider.activity_kinds": "provider_kind",
        "plan.mandatory_parties": "party_kind",
        "plan.kinds_for_benefit_client": "document_kind",
        "benefit.codes": "benefit_status",
    }
    for row in RULES.rows:
        if row.key in lists:
            assert row.value <= set(code_list(lists[row.key]).codes), row.key


def test_every_row_says_where_it_comes_from() -> None:
    assert all(row.source and row.mark in {"found", "own", "design"} for row in RULES.rows)


ROOT = Path(__file__).parents[2]


def keys_in_code() -> set[str]:
    """Every text that the code of decisions and answers writes out as a value of its own."""
    found: set[str] = set()
    for room in ("domain", "projections"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_every_row_is_read_or_says_why_it_is_only_information() -> None:
    """domain/law.md 2.11: the law is data. A row that no code reads decides nothing, and says so."""
    read = keys_in_code()
    for row in RULES.rows:
        assert (row.key in read) != bool(row.information), f"{row.key}: read it where it decides, or say why not"


def test_what_a_row_says_for_people_does_not_change_the_rules() -> None:
    told = ROW.format(end="2015-06-30") + 'information = "for people"\n'
    assert read_rules("a", told).content_hash == read_rules("a", ROW.format(end="2015-06-30")).content_hash
    assert RuleSet.load("2026-03").content_hash == "9406b52d5e8888b3e6a5313b9b6365727ad339197bb12de5e9daa7d42896efe5"


ROW = """
[[rule]]
key = "week.max_days"
value = 5
valid_to = {end}

[[rule]]
key = "week.max_days"
value = 4
valid_from = 2015-07-01
"""


def test_two_rows_of_one_key_on_one_day_are_not_taken() -> None:
    with pytest.raises(Overlap) as overlap:
        read_rules("draft", ROW.format(end="2015-07-01"))
    assert overlap.value.code == "E_OVERLAP"
    assert read_rules("draft", ROW.format(end="2015-06-30")).value("week.max_days", date(2015, 6, 30)) == 5


def test_the_hash_of_a_rule_set_follows_its_content_not_its_layout() -> None:
    plain = read_rules("a", ROW.format(end="2015-06-30"))
    commented = read_rules("b", "# a comment\n" + ROW.format(end="2015-06-30"))
    other = read_rules("a", ROW.format(end="2015-06-29"))
    assert plain.content_hash == commented.content_hash != other.content_hash


def test_a_version_is_loaded_by_its_name() -> None:
    assert RuleSet.load(RULES.version) is RULES
    assert RULES.version in RuleSet.versions()
    with pytest.raises(UnknownRuleSet):
        RuleSet.load("1999-01")
