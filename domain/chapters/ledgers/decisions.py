"""The ledger itself: its opening, the clock of a simulated one, and the rules that it follows."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from domain import events as e
from domain.chapters.guards import day_of, said
from domain.chapters.ledgers.events import LedgerTerms, RulesetTerms
from domain.chapters.organisations.decisions import LEDGER
from domain.commands import Command, CommandKind
from domain.context import HELSINKI, Context, Draft
from domain.directory import Directory
from domain.refusals import Refusals

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class OpenLedger(LedgerTerms, Command):
    """Open the ledger of one organiser: live or simulated, for life. It begins with the rules that are in force."""

    NAME = "open_ledger"


class AdvanceClock(Command):
    """Move the clock of a simulated ledger forward to a moment (with its time zone)."""

    NAME = "advance_clock"
    to_at: AwareDatetime


class PublishRules(RulesetTerms, Command):
    """Put rules, policy, lists or labels into force from a day on, by the hash of their content, after a dry run."""

    NAME = "publish_rules"
    content_hash: Sha256
    dry_run_differences: Annotated[int, Field(ge=0)]


def open_ledger(directory: Directory, command: OpenLedger, context: Context) -> list[Draft]:
    """The first fact. source: domain/pathway.md 4.7"""
    if (directory.organiser, directory.mode) == (command.organiser_org_id, command.mode):
        return []
    no = Refusals()
    no.when(directory.mode != "", "E_CONFLICT")
    no.stop()
    event = e.LedgerOpened(**said(command) | {"ruleset_version": context.rules.version})
    return [context.draft(event, context.today, LEDGER)]


def advance_clock(directory: Directory, command: AdvanceClock, context: Context) -> list[Draft]:
    """Time passes in a simulated ledger, never back. source: design D5"""
    now = directory.clock_at or context.recorded_at
    no = Refusals()
    no.when(directory.mode != "simulated", "E_CLOCK_LIVE")
    no.when(command.to_at < now, "E_CLOCK_BACKWARDS", "/to_at")
    no.stop()
    if directory.clock_at == command.to_at:
        return []
    moment = command.to_at.astimezone(UTC)
    return [context.draft(e.ClockAdvanced(advanced_to_at=moment), moment.astimezone(HELSINKI).date(), LEDGER)]


def publish_rules(directory: Directory, command: PublishRules, context: Context) -> list[Draft]:
    """Rules in force by their hash. `rows_overlap` is what reading the file found. source: domain/pathway.md 4.4 row 64"""
    event = e.RulesetPublished(**said(command))
    if event in directory.rulesets:
        return []
    no, on = Refusals(), day_of(command, context)
    no.when(bool(context.look_ups.get("rows_overlap")), "E_OVERLAP", "/content_hash")
    changes_past = command.effective_on < context.today and command.past_change_ground is None
    no.when(changes_past, "E_REASON_REQUIRED", "/past_change_ground")
    taken = any(
        (known.content_kind, known.ruleset_version) == (command.content_kind, command.ruleset_version)
        and known.content_hash != command.content_hash
        for known in directory.rulesets
    )
    no.when(taken, "E_CONFLICT", "/ruleset_version")
    no.when(on > context.today, "E_FUTURE", "/occurred_on")
    no.stop()
    return [context.draft(event, on, LEDGER, valid_from_on=command.effective_on)]


COMMANDS = (
    CommandKind(OpenLedger, open_ledger, "ledger", path="ledger", roles=frozenset({"system"})),
    CommandKind(AdvanceClock, advance_clock, "ledger", path="clock", roles=frozenset({"system"})),
    CommandKind(PublishRules, publish_rules, "directory", path="rulesets", roles=frozenset({"rule_keeper"})),
)
