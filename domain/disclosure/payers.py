"""What every payer of an unemployment benefit has in common: on which days it pays, and which facts are its own."""

from __future__ import annotations

from collections.abc import Iterator

from domain import events as e
from domain.directory import Organisation
from domain.disclosure.forms import cut_range, last_day_paid
from domain.disclosure.grounds import STATEMENT
from domain.disclosure.kinds import Span, Standing
from domain.disclosure.windows import benefit_spans, running, shared
from domain.events import Event
from domain.pathway import Fact, Pathway


def paid_days(pathway: Pathway) -> Iterator[tuple[str, Span]]:
    """The days on which somebody pays the benefit and a started period runs."""
    runs = [span for period in pathway.periods.values() if (span := running(period))]
    if runs:
        for span, held in benefit_spans(pathway):
            if held.event.payer_org_id:
                yield from ((held.event.payer_org_id, days) for run in runs if (days := shared(span, run)))


def named_as_payer(pathway: Pathway, payer: Organisation, home_municipality: str | None) -> bool:
    """Those whom a benefit status names as its payees, also before a period runs, and those whom it referred itself.
    source: domain/pathway.md 4.4 row 42"""
    named = any(held.event.payer_org_id == payer.joined.org_id for held in pathway.benefits)
    return named or referred_by(pathway, payer, home_municipality)


def referred_by(pathway: Pathway, organisation: Organisation, home_municipality: str | None) -> bool:
    """Those whose referral the organisation sent, in its other task. source: domain/pathway.md 4.4 row 42"""
    return pathway.referred_by(organisation.joined.org_id)


def for_payer(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """The payer of the fact's day; a statement, a notice, a report only where it names this payer."""
    event, org = fact.event, standing.recipient.org
    if isinstance(event, e.BenefitStatusChanged):
        # `payer_end`: to the payer whose time ends, once it has got a period.
        return bool(standing.spans) and last_day_paid(fact, pathway, org) is not None
    if isinstance(event, e.LabourPolicyStatementIssued | e.NotificationSent):
        named = event.payer_org_id if isinstance(event, e.LabourPolicyStatementIssued) else event.recipient_org_id
        period = pathway.periods.get(event.period_id or "")
        run = running(period) if period else None
        day = min(fact.occurred_on, run.last) if run else fact.occurred_on
        return named == org and pathway.payer(day) == org
    if isinstance(event, e.AbsenceReportSent):
        return event.payer_org_id == org and cut_range(event, standing) is not None
    if isinstance(event, e.ServiceDayNotArranged):
        return cut_range(event, standing) is not None
    if isinstance(event, e.PeriodCompleted | e.PeriodInterrupted):
        return standing.covers(min(fact.occurred_on, event.ended_on))
    return standing.covers(fact.occurred_on)


def of_statement(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str] | None:
    """A labour policy statement has a legal basis of its own."""
    return (STATEMENT, "benefit_payment") if isinstance(fact.event, e.LabourPolicyStatementIssued) else None


def payer_moved(fact: Fact[Event], pathway: Pathway) -> bool | None:
    """A change of the benefit may end a payer's time without moving its window."""
    return True if isinstance(fact.event, e.BenefitStatusChanged) else None
