"""The ledger, its clock and its rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from given import World, given
from pydantic import ValidationError
from stories import COUNTY, OPERATOR, READY, RULE_KEEPER, register

from domain.chapters.ledgers.decisions import AdvanceClock, OpenLedger, PublishRules
from domain.events import ClockAdvanced, LedgerOpened, RulesetPublished

SIMULATED = OpenLedger(organiser_org_id=COUNTY, mode="simulated")
NOON = datetime(2025, 1, 3, 12, tzinfo=UTC)
RULES = PublishRules(
    ruleset_version="2026-03", content_kind="rules", content_hash="a" * 64, effective_on=READY, dry_run_differences=0
)


def test_a_ledger_is_live_or_simulated_for_life() -> None:
    opened = given(World()).when(SIMULATED, by=OPERATOR, on=READY).then(LedgerOpened, mode="simulated")
    given(opened.world).when(SIMULATED, by=OPERATOR, on=READY).then_nothing_happens()
    live = OpenLedger(organiser_org_id=COUNTY, mode="live")
    given(opened.world).when(live, by=OPERATOR, on=READY).then_refused("E_CONFLICT")


def test_a_simulated_clock_moves_forward_only() -> None:
    moved = given(register()).when(AdvanceClock(to_at=NOON), by=OPERATOR, on=READY).then(ClockAdvanced, advanced_to_at=NOON)
    given(moved.world).when(AdvanceClock(to_at=NOON), by=OPERATOR, on=READY).then_nothing_happens()
    back = AdvanceClock(to_at=NOON - timedelta(seconds=1))
    given(moved.world).when(back, by=OPERATOR, on=READY).then_refused("E_CLOCK_BACKWARDS", at="/to_at")


def test_the_clock_does_not_begin_before_the_ledger() -> None:
    before = AdvanceClock(to_at=datetime(2025, 1, 2, 8, 59, tzinfo=UTC))
    given(register()).when(before, by=OPERATOR, on=READY).then_refused("E_CLOCK_BACKWARDS")


def test_a_moment_is_kept_in_utc_and_dated_in_helsinki() -> None:
    late = AdvanceClock(to_at=datetime(2025, 1, 3, 23, 30, tzinfo=timezone(timedelta(hours=1))))
    outcome = given(register()).when(late, by=OPERATOR, on=READY).then(ClockAdvanced)
    assert outcome.drafts[0].occurred_on == date(2025, 1, 4)
    with pytest.raises(ValidationError):
        AdvanceClock(to_at=datetime(2025, 1, 3, 12))  # noqa: DTZ001 - a moment without a zone is the mistake shown


def test_a_live_clock_is_nobodys_to_move() -> None:
    live = given(World()).but(OpenLedger(organiser_org_id=COUNTY, mode="live"), by=OPERATOR, on=READY)
    live.when(AdvanceClock(to_at=NOON), by=OPERATOR, on=READY).then_refused("E_CLOCK_LIVE")


def test_rules_are_published_by_their_hash_once() -> None:
    published = given(register()).when(RULES, by=RULE_KEEPER, on=READY).then(RulesetPublished, content_hash="a" * 64)
    assert published.drafts[0].valid_from_on == READY
    given(published.world).when(RULES, by=RULE_KEEPER, on=READY).then_nothing_happens()
    other = RULES.model_copy(update={"content_hash": "b" * 64})
    given(published.world).when(other, by=RULE_KEEPER, on=READY).then_refused("E_CONFLICT", at="/ruleset_version")


def test_rules_that_overlap_are_not_published() -> None:
    given(register()).when(RULES, by=RULE_KEEPER, on=READY, rows_overlap=True).then_refused("E_OVERLAP")


def test_a_change_of_the_past_states_its_ground() -> None:
    past = RULES.model_copy(update={"effective_on": date(2025, 1, 1)})
    given(register()).when(past, by=RULE_KEEPER, on=READY).then_refused("E_REASON_REQUIRED", at="/past_change_ground")
    grounded = past.model_copy(update={"past_change_ground": "The act was read wrongly."})
    given(register()).when(grounded, by=RULE_KEEPER, on=READY).then(RulesetPublished)


def test_nothing_is_published_tomorrow() -> None:
    ahead = RULES.model_copy(update={"occurred_on": date(2025, 1, 3)})
    given(register()).when(ahead, by=RULE_KEEPER, on=READY).then_refused("E_FUTURE")
