"""Who is a recipient of one client's facts, and on which days: the windows of domain/disclosure.md 5.3, and the spans of
days that more than one of them is made of. Each kind of recipient says its own window itself.

A window is judged on a fact's own date, as known at the position being processed. One that ended normally stops nothing:
a day recorded late still goes to the recipient of that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import zip_longest

from domain import events as e
from domain.dates import A_DAY
from domain.directory import Directory, Recipient
from domain.disclosure.kinds import EVER, Kind, Kinds, Span, Standing
from domain.pathway import Fact, Pathway, Period, Placement


def standings_of(pathway: Pathway, directory: Directory, kinds: Kinds[Kind]) -> tuple[Standing, ...]:
    """Every recipient that may be told something of this client, each once; the county first, then by short name."""
    found: dict[str, Standing] = {}
    for task, window, those in kinds.windows:
        for org, span in window(pathway):
            for recipient in _holding(directory, task, org):
                kind = kinds.of(recipient)
                dated = [
                    Span(max(span.first, days.first), min(span.last, days.last), span.placement_id)
                    for days in directory.days(recipient.org, task)
                    if days.first <= span.last and span.first <= days.last
                ]
                if not dated or kind not in those:
                    continue
                known = found.get(recipient.short_name)
                found[recipient.short_name] = Standing(recipient, kind, (*(known.spans if known else ()), *dated))
    county = directory.recipient(directory.organiser, "organiser")
    first = (Standing(county, kinds.of(county), (Span(date.min, EVER),)),) if county else ()
    return (*first, *(found[name] for name in sorted(found)))


def benefit_spans(pathway: Pathway) -> Iterator[tuple[Span, Fact[e.BenefitStatusChanged]]]:
    """The days on which each benefit status holds, as known now, in order of days."""
    edges = sorted(
        {b.event.from_on for b in pathway.benefits}
        | {b.event.until_on + A_DAY for b in pathway.benefits if b.event.until_on and b.event.until_on < EVER}
    )
    for first, after in zip_longest(edges, edges[1:]):
        held = pathway.benefit(first)
        if held:
            yield Span(first, after - A_DAY if after else EVER), held


def running(period: Period) -> Span | None:
    """The days of a started period that payers may hear of: from its start up to and including its end."""
    if not period.started:
        return None
    first = min(period.started.event.starts_on, period.started.occurred_on)
    return Span(first, period.ended.event.ended_on if period.ended else EVER)


def last_placement(pathway: Pathway, period: Period) -> Placement | None:
    """The placement that a period had at its end."""
    at_end = pathway.placement_on(period.last_on)
    return at_end or pathway.placements.get(period.placement_id or "")


def closing(pathway: Pathway, case_id: str) -> date:
    """The day on which a case closes, as far as it is known."""
    case = pathway.cases.get(case_id)
    return case.closed.occurred_on if case and case.closed else EVER


def shared(one: Span, other: Span) -> Span | None:
    """The days that two windows have in common."""
    first, last = max(one.first, other.first), min(one.last, other.last)
    return Span(first, last) if first <= last else None


def _holding(directory: Directory, task: str, org: str | None) -> Iterable[Recipient]:
    if org is None:
        return [recipient for recipient in directory.recipients.values() if recipient.task == task]
    recipient = directory.recipient(org, task)
    return (recipient,) if recipient else ()
