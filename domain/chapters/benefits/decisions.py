"""Benefit and payer: what the client lives on, who pays it, and the statement that the payer needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from domain import events as e
from domain.chapters.benefits.events import BenefitHeld, LabourPolicyStatement
from domain.chapters.benefits.parts import Status, holding, status_of
from domain.chapters.guards import (
    as_known_to_authority,
    by_own_authority,
    day_of,
    employment_authority,
    entitled,
    known,
    not_ahead,
    of_county,
    only_when,
    recorded,
    rule,
    said,
)
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.dates import A_DAY
from domain.pathway import Fact, Pathway
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
    pathway = as_known_to_authority(pathway, on, context)
    event = e.BenefitStatusChanged(**said(command))
    entitled(not _is_followed(pathway, event.from_on, context))
    judge_benefit(no, pathway, event, on, context)
    no.stop()
    held = pathway.benefit(command.from_on)
    if held and held.event == event and _is_told(pathway, held, context):
        return []
    return [recorded(pathway, event, on, context)]


def _is_told(pathway: Pathway, held: Fact[e.BenefitStatusChanged], context: Context) -> bool:
    """Whether the caller knows the status: to an authority whose time is over, one of a later day is not said to be recorded
    already. source: domain/disclosure.md 5.3, column EA"""
    org, days = context.caller.org, (held.occurred_on, context.today)
    if context.caller.task != "employment_authority" or held.actor_org == org:
        return True
    return any(employment_authority(pathway, day, context) == org for day in days)


def judge_benefit(no: Refusals, pathway: Pathway, event: e.BenefitStatusChanged, on: date, context: Context) -> None:
    """What a benefit status has to fulfil on its first day; before anything else, whose it is to state."""
    entitled(_may_state(pathway, event, on, context))
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
    not_ahead(no, on, context)


def _may_state(pathway: Pathway, event: e.BenefitStatusChanged, on: date, context: Context) -> bool:
    """Whether it is the caller's to state: the employment authority of the client states any status, the county what it was
    told of social assistance, a payer those of its own payees alone. source: domain/pathway.md 4.4 row 42"""
    caller, social_assistance = context.caller, event.benefit == "social_assistance"
    match caller.task:
        case "employment_authority":
            return by_own_authority(pathway, on, context)
        case "benefit_payment":
            own = event.payer_org_id == caller.org and _own_payee(pathway, event.from_on, context)
            return own and not _takes_over(pathway, event, on, context)
        case "social_assistance":
            own = social_assistance and _own_payee(pathway, event.from_on, context)
            return own and not _takes_over(pathway, event, on, context)
        case _:
            return of_county(context) and social_assistance


def _own_payee(pathway: Pathway, from_on: date, context: Context) -> bool:
    """Whether the client is the caller's payee from the day on: the status of the day names it, or that of the day before
    does and none other has begun; or no status is known at all, and its organisation sent the client's referral. Nobody
    takes over another payer's payee by saying so, and with it the days. source: domain/pathway.md 4.4 row 42"""
    if not pathway.benefits:
        return pathway.referred_by(context.caller.org)
    held = pathway.benefit(from_on) or (pathway.benefit(from_on - A_DAY) if from_on > date.min else None)
    return held is not None and _names(held.event, context)


def _is_followed(pathway: Pathway, from_on: date, context: Context) -> bool:
    """Whether a payer would begin again after its time while another one's is known to begin later: it does not find by
    trying days on which one. source: domain/disclosure.md 5.3, columns KB, FU, KS (design D22)"""
    if context.caller.task not in ("benefit_payment", "social_assistance") or pathway.benefit(from_on) is not None:
        return False
    return any(said.event.from_on > from_on and not _names(said.event, context) for said in pathway.benefits)


def _takes_over(pathway: Pathway, event: e.BenefitStatusChanged, on: date, context: Context) -> bool:
    """Whether by the statement some day would become the caller's on which another status holds."""
    stated = [(status_of(each), each.event) for each in pathway.benefits]
    new = (Status(event.from_on, event.until_on, on, False, pathway.version + 1), event)
    ends = [status.until_on for status, _ in stated if status.until_on is not None and status.until_on < date.max]
    edges = {event.from_on, *(status.from_on for status, _ in stated), *(end + A_DAY for end in ends)}
    for day in edges:
        held = holding(stated, day)
        if held is not None and not _names(held, context) and holding([*stated, new], day) is event:
            return True
    return False


def _names(held: e.BenefitStatusChanged, context: Context) -> bool:
    if context.caller.task == "social_assistance":
        return held.benefit == "social_assistance"
    return held.payer_org_id == context.caller.org


def issue_labour_policy_statement(pathway: Pathway, command: IssueLabourPolicyStatement, context: Context) -> list[Draft]:
    """A statement by the employment authority of the day or the KEHA Centre. source: domain/pathway.md 4.4 row 50"""
    no, on = Refusals(), day_of(command, context)
    pathway = as_known_to_authority(pathway, on, context)
    period = known(pathway.periods, command.period_id, "/period_id")
    entitled(_issues(pathway, on, context))
    payer = command.payer_org_id or pathway.payer(on)
    fields = said(command, "payer_org_id") | {"case_id": period.planned.event.case_id, "payer_org_id": payer}
    if any(fields.items() <= dict(issued.event).items() for issued in _statements_told(pathway, context)):
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


def _statements_told(pathway: Pathway, context: Context) -> Iterator[Fact[e.LabourPolicyStatementIssued]]:
    """The statements that the issuer was told of: its own, the employment authority all. source: domain/disclosure.md 5.3"""
    for issued in pathway.statements.values():
        if context.caller.task == "employment_authority" or issued.actor_org == context.caller.org:
            yield issued


def judge_statement(
    no: Refusals, pathway: Pathway, event: e.LabourPolicyStatementIssued, on: date, context: Context
) -> None:
    """What a statement has to fulfil on its day. source: domain/law.md 2.7"""
    entitled(_issues(pathway, on, context))
    judge_service_time(no, pathway, event.period_id, event.service_from_on, event.service_until_on)
    period = pathway.periods.get(event.period_id)
    no.when(bool(period and period.started and on < period.started.occurred_on), "E_ORDER", "/occurred_on")
    payer = pathway.payer(on)
    no.when(payer is None, "E_PAYER_UNKNOWN", "/payer_org_id")
    no.when(payer is not None and payer != event.payer_org_id, "E_RECIPIENT", "/payer_org_id")


def _issues(pathway: Pathway, on: date, context: Context) -> bool:
    """Whether the caller is the client's employment authority of the day, or the KEHA Centre, and bodies of its kind issue
    statements on the day. source: domain/vocabulary.md 1.12"""
    caller = context.caller
    authority = caller.task == "employment_authority" and caller.org == employment_authority(pathway, on, context)
    kind = context.directory.kind_in(caller.org, caller.task, on)
    return (authority or caller.task == "statement_issuer") and kind in (rule(context, "statement.issuer_kinds", on) or ())


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
        roles=frozenset({"employment_expert", "own_worker", "kela_clerk", "fund_clerk"}),
    ),
    CommandKind(
        IssueLabourPolicyStatement,
        issue_labour_policy_statement,
        "client",
        path="labour-policy-statements",
        roles=frozenset({"employment_expert", "keha_expert"}),
    ),
)
