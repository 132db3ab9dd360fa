"""Who is a recipient of one client's facts, and on which days: the windows of domain/disclosure.md 5.3.

A window is judged on a fact's own date, as known at the position being processed. One that ended normally stops nothing:
a day recorded late still goes to the recipient of that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import zip_longest

from domain import events as e
from domain.directory import Directory, Recipient
from domain.pathway import Fact, Pathway, Period, Placement

EVER = date.max
_DAY = timedelta(days=1)

TASK_OF_COLUMN = {
    "county": "organiser",
    "EA": "employment_authority",
    "KEHA": "statement_issuer",
    "KB": "benefit_payment",
    "FU": "benefit_payment",
    "KS": "social_assistance",
    "KM": "multi_sectoral_team",
    "PR": "provider",
    "RF": "referrer",
    "ST": "statistics",
}
"""A column is one task of an organisation; the task of benefit payment has two, by the kind of the payer."""

NOT_TOLD = frozenset({"statistics", "supervision"})
"""Tasks that get nothing by this follower: counts are made by a task of their own, supervision asks case by case."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a window, both ends included. `placement_id` says whose window it is in the column PR."""

    first: date
    last: date
    placement_id: str = ""

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Standing:
    """One recipient towards one client: its column and the days of its window."""

    recipient: Recipient
    column: str
    spans: tuple[Span, ...] = ()

    def covers(self, day: date) -> bool:
        """Whether the day lies in the window."""
        return any(span.first <= day <= span.last for span in self.spans)

    def first_days(self) -> Iterator[date]:
        """The first day of each unbroken stretch of the window: there it is a new recipient (rule 7)."""
        last: date | None = None
        for span in sorted(self.spans, key=lambda s: s.first):
            if last is None or (last is not EVER and span.first > last + _DAY):
                yield span.first
            last = max(last or span.last, span.last)


def column_of(recipient: Recipient, directory: Directory) -> str | None:
    """The column of a recipient's task; none for a task that has no column."""
    if recipient.task == "benefit_payment":
        organisation = directory.organisation(recipient.org)
        return "FU" if organisation and organisation.joined.agency_kind == "unemployment_fund" else "KB"
    return next((column for column, task in TASK_OF_COLUMN.items() if task == recipient.task), None)


def standings_of(pathway: Pathway, directory: Directory) -> tuple[Standing, ...]:
    """Every recipient that may be told something of this client, each once; the county first, then by short name."""
    found: dict[str, Standing] = {}
    named = [
        *(("employment_authority", org, span) for org, span in _authorities(pathway)),
        *(("benefit_payment", org, span) for org, span in _payers(pathway)),
        *(("provider", org, span) for org, span in _providers(pathway)),
        *(("referrer", org, span) for org, span in _senders(pathway)),
        *(("social_assistance", r.org, span) for r in _of(directory, "social_assistance") for span in _assisted(pathway)),
        *(("multi_sectoral_team", r.org, span) for r in _of(directory, "multi_sectoral_team") for span in _joint(pathway)),
    ]
    for task, org, span in named:
        recipient = directory.recipient(org, task)
        column = column_of(recipient, directory) if recipient else None
        if recipient is None or column is None or span.last < recipient.from_on:
            continue
        dated = span if span.first >= recipient.from_on else Span(recipient.from_on, span.last, span.placement_id)
        known = found.get(recipient.short_name, Standing(recipient, column))
        found[recipient.short_name] = Standing(recipient, column, (*known.spans, dated))
    county = directory.recipient(directory.organiser, "organiser")
    if county:
        found.pop(county.short_name, None)
    first = (Standing(county, "county", (Span(date.min, EVER),)),) if county else ()
    return (*first, *(found[name] for name in sorted(found)))


def benefit_spans(pathway: Pathway) -> Iterator[tuple[Span, Fact[e.BenefitStatusChanged]]]:
    """The days on which each benefit status holds, as known now, in order of days."""
    edges = sorted(
        {b.event.from_on for b in pathway.benefits}
        | {b.event.until_on + _DAY for b in pathway.benefits if b.event.until_on and b.event.until_on < EVER}
    )
    for first, after in zip_longest(edges, edges[1:]):
        held = pathway.benefit(first)
        if held:
            yield Span(first, after - _DAY if after else EVER), held


def running(period: Period) -> Span | None:
    """The days of a started period that payers may hear of: from its start up to and including its end."""
    if not period.started:
        return None
    first = min(period.started.event.starts_on, period.started.occurred_on)
    return Span(first, period.completed.event.ended_on if period.completed else EVER)


def last_placement(pathway: Pathway, period: Period) -> Placement | None:
    """The placement that a period had at its end."""
    at_end = pathway.placement_on(period.last_on)
    return at_end or pathway.placements.get(period.placement_id or "")


def _of(directory: Directory, task: str) -> list[Recipient]:
    return [r for r in directory.recipients.values() if r.task == task]


def _authorities(p: Pathway) -> Iterator[tuple[str, Span]]:
    """The employment authority last named by its own referral or by a plan's beginning, up to its case's closing."""
    namings: list[tuple[date, int, str, date]] = []
    for key, referral in p.referrals.items():
        asked = referral.submitted
        if asked.event.source in ("employment_authority", "te_services") and asked.event.sender_org_id:
            case = next((c for c in p.cases.values() if c.opened.event.referral_id == key), None)
            end = case.closed.occurred_on if case and case.closed else EVER
            namings.append((asked.occurred_on, asked.version, asked.event.sender_org_id, end))
    for plan in p.plans.values():
        started = plan.started
        if started.event.employment_authority_org_id:
            closed = _closing(p, started.event.case_id)
            namings.append((started.occurred_on, started.version, started.event.employment_authority_org_id, closed))
    yield from _in_turn(namings)


def _in_turn(namings: list[tuple[date, int, str, date]]) -> Iterator[tuple[str, Span]]:
    """Each named one from its day to its end, or to the day before somebody else is named."""
    namings.sort()
    for index, (first, _, org, end) in enumerate(namings):
        successor = next((n[0] for n in namings[index + 1 :] if n[2] != org), None)
        last = min(end, successor - _DAY) if successor else end
        if first <= last:
            yield org, Span(first, last)


def _closing(p: Pathway, case_id: str) -> date:
    case = p.cases.get(case_id)
    return case.closed.occurred_on if case and case.closed else EVER


def _payers(p: Pathway) -> Iterator[tuple[str, Span]]:
    """The days on which somebody pays the benefit and a started period runs."""
    runs = [span for period in p.periods.values() if (span := running(period))]
    if runs:
        for span, held in benefit_spans(p):
            if held.event.payer_org_id:
                yield from ((held.event.payer_org_id, shared) for run in runs if (shared := _shared(span, run)))


def _assisted(p: Pathway) -> Iterable[Span]:
    return [span for span, held in benefit_spans(p) if held.event.benefit == "social_assistance"]


def _joint(p: Pathway) -> Iterator[Span]:
    """The days of a multi-sectoral plan to which Kela is a party, until another plan begins or the case closes."""
    starts = sorted((plan.started for plan in p.plans.values()), key=lambda s: (s.occurred_on, s.version))
    for index, started in enumerate(starts):
        event = started.event
        if event.plan_kind == "multi_sectoral_employment_plan" and "kela" in event.parties:
            successor = starts[index + 1].occurred_on - _DAY if index + 1 < len(starts) else EVER
            last = min(_closing(p, event.case_id), successor)
            if started.occurred_on <= last:
                yield Span(started.occurred_on, last)


def _providers(p: Pathway) -> Iterator[tuple[str, Span]]:
    for key, placement in p.placements.items():
        asked = placement.proposed
        if asked.occurred_on <= asked.event.until_on:
            yield asked.event.provider_org_id, Span(asked.occurred_on, asked.event.until_on, key)


def _senders(p: Pathway) -> Iterator[tuple[str, Span]]:
    for referral in p.referrals.values():
        if referral.submitted.event.sender_org_id:
            yield referral.submitted.event.sender_org_id, Span(referral.submitted.occurred_on, EVER)


def _shared(one: Span, other: Span) -> Span | None:
    first, last = max(one.first, other.first), min(one.last, other.last)
    return Span(first, last) if first <= last else None
