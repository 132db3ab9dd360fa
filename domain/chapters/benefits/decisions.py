"""Benefit and payer: what the client lives on, who pays it, and the statement that the payer needs."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.benefits.events import BenefitHeld, LabourPolicyStatement
from domain.chapters.guards import (
    by_own_authority,
    day_of,
    employment_authority,
    entitled,
    known,
    not_ahead,
    only_when,
    recorded,
    rule,
    said,
)
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals


class ChangeBenefitStatus(BenefitHeld, ClientCommand):
    """Say what the client lives on from a day on, and who pays the unemployment benefit. Social assistance has no payer."""

    NAME = "change_benefit_status"


class IssueLabourPolicyStatement(LabourPolicyStatement, ClientCommand):
    """Tell the payer whether the conditions of the benefit hold during the service. No payer given: that of the day."""

    NAME = "issue_labour_policy_statement"


def change_benefit_status(pathway: Pathway, command: ChangeBenefitStatus, context: Context) -> list[Draft]:
    """The benefit from a day on; a payer speaks for its own payees only. source: domain/pathway.md 4.4 row 42"""
    no, on = Refusals(), day_of(command, context)
    event = e.BenefitStatusChanged(**said(command))
    judge_benefit(no, pathway, event, on, context)
    no.when(not by_own_authority(pathway, on, context), "E_NOT_ENTITLED")
    not_ahead(no, on, context)
    no.stop()
    held = pathway.benefit(command.from_on)
    if held and held.event == event:
        return []
    return [recorded(pathway, event, on, context)]


def judge_benefit(no: Refusals, pathway: Pathway, event: e.BenefitStatusChanged, on: date, context: Context) -> None:
    """What a benefit status has to fulfil on its first day."""
    no.when(event.benefit not in (rule(context, "benefit.codes", event.from_on) or ()), "E_BENEFIT_CODE", "/benefit")
    paid = event.benefit in code_list("benefit_status").marked("unemployment_benefit")
    only_when(no, paid, event, "payer_org_id")
    payer = event.payer_org_id
    first = max(on, event.from_on)
    kind = context.directory.kind_in(payer, "benefit_payment", first)
    pays = kind in (rule(context, "payer.compensation_for_expenses", first) or ())
    no.when(payer is not None and not pays, "E_PAYER_UNKNOWN", "/payer_org_id")
    backwards = event.until_on is not None and event.until_on < event.from_on
    no.when(backwards, "E_PERIOD_LENGTH", "/until_on")
    no.when(not _own_payee(pathway, event, context), "E_NOT_ENTITLED")


def _own_payee(pathway: Pathway, event: e.BenefitStatusChanged, context: Context) -> bool:
    """Whether a clerk speaks of a payee of its own: nobody takes over another payer's by saying so, and with them their
    days. source: domain/pathway.md 4.4 row 42, domain/events.md 11.21, domain/privacy.md 3.9"""
    match context.caller.task:
        case "benefit_payment":
            return event.payer_org_id == context.caller.org and pathway.payer(event.from_on) in (None, context.caller.org)
        case "social_assistance":
            return event.benefit == "social_assistance"
        case _:
            return True


def issue_labour_policy_statement(pathway: Pathway, command: IssueLabourPolicyStatement, context: Context) -> list[Draft]:
    """A statement by the employment authority of the day or the KEHA Centre. source: domain/pathway.md 4.4 row 50"""
    period = known(pathway.periods, command.period_id, "/period_id")
    no, on = Refusals(), day_of(command, context)
    caller = context.caller
    authority = caller.task == "employment_authority" and caller.org == employment_authority(pathway, on, context)
    entitled((authority or caller.task == "statement_issuer") and _issues_statements(on, context))
    payer = command.payer_org_id or pathway.payer(on)
    fields = said(command, "payer_org_id") | {"case_id": period.planned.event.case_id, "payer_org_id": payer}
    if any(fields.items() <= dict(issued.event).items() for issued in pathway.statements.values()):
        return []
    if payer is None:
        judge_service_time(no, pathway, command.period_id, command.service_from_on, command.service_until_on)
        no.when(True, "E_PAYER_UNKNOWN", "/payer_org_id")
        no.stop()
    event = e.LabourPolicyStatementIssued(labour_statement_id=context.new_id("labour_statement"), **fields)
    judge_statement(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def _issues_statements(on: date, context: Context) -> bool:
    """Whether bodies of the caller's kind issue statements on the day. source: domain/vocabulary.md 1.12"""
    kind = context.directory.kind_in(context.caller.org, context.caller.task, on)
    return kind in (rule(context, "statement.issuer_kinds", on) or ())


def judge_statement(
    no: Refusals, pathway: Pathway, event: e.LabourPolicyStatementIssued, on: date, context: Context
) -> None:
    """What a statement has to fulfil on its day. source: domain/law.md 2.7"""
    judge_service_time(no, pathway, event.period_id, event.service_from_on, event.service_until_on)
    payer = pathway.payer(on)
    no.when(payer is None, "E_PAYER_UNKNOWN", "/payer_org_id")
    no.when(payer is not None and payer != event.payer_org_id, "E_RECIPIENT", "/payer_org_id")


def judge_service_time(no: Refusals, pathway: Pathway, period_id: str, first: date, last: date) -> None:
    """The dates lie in the started period."""
    period = pathway.periods.get(period_id)
    inside = period is not None and period.covers(first) and period.covers(last) and first <= last
    no.when(not inside, "E_ORDER", "/service_from_on")


COMMANDS = (
    CommandKind(
        ChangeBenefitStatus,
        change_benefit_status,
        "client",
        path="benefit-statuses",
        roles=frozenset({"employment_expert", "kela_clerk", "fund_clerk"}),
    ),
    CommandKind(
        IssueLabourPolicyStatement,
        issue_labour_policy_statement,
        "client",
        path="labour-policy-statements",
        roles=frozenset({"employment_expert", "keha_expert"}),
    ),
)
