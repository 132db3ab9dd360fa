"""The guard that an event declares, found among the decisions of its chapter, and what it says of facts already recorded.

By name, since a guard reads the whole pathway and a chapter's events know nothing of it.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from inspect import get_annotations
from typing import Any, NamedTuple

from domain.chapters.guards import Guard, ends_what_was_left_open, entitled, in_case, in_its_task
from domain.context import Caller, Context
from domain.event import CaseEvent, ClientFact, Judged
from domain.pathway import Fact, Pathway, without
from domain.refusals import Reason, Refusals, Refused


class NoGuard(TypeError):
    """An event declares a guard that its chapter does not have, or one that judges something else."""


@cache
def guard_of(event: type[ClientFact]) -> Guard | None:
    """What an event of the class has to pass when it is first recorded, and when it is corrected; none where it never is.
    Raises `NoGuard`."""
    if not isinstance(event.CORRECTED, Judged):
        return None
    chapter = importlib.import_module(event.__module__.removesuffix(".events") + ".decisions")
    guard: Guard | None = getattr(chapter, event.CORRECTED.guard, None)
    judges = str(get_annotations(guard).get("event", "")) if guard else ""
    if guard is None or event.__name__ not in [name.strip().removeprefix("e.") for name in judges.split("|")]:
        raise NoGuard(f"{event.__name__}: {chapter.__name__} has no {event.CORRECTED.guard} that judges it")
    return guard


class Judgement(NamedTuple):
    """What stands against a fact, and what only warns."""

    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()


def judged_again(fact: Fact[Any], pathway: Pathway, context: Context) -> Judgement:
    """The fact as if its author recorded it now, in the client's pathway without it."""
    guard = guard_of(type(fact.event)) if isinstance(fact.event, ClientFact) else None
    if guard is None:
        return Judgement()
    no, author = Refusals(), Caller(fact.actor_org, fact.actor_task, fact.actor_role, fact.actor_person)
    asked = as_asked_by(context, author)
    try:
        entitled(in_its_task(asked, fact.occurred_on), "/occurred_on")
        guard(no, without(pathway, fact), fact.event, fact.occurred_on, asked)
        no.stop()
        _judge_case(no, pathway, fact)
        no.stop()
    except Refused as refused:
        return Judgement(refused.codes, no.warnings)
    return Judgement((), no.warnings)


def _judge_case(no: Refusals, pathway: Pathway, fact: Fact[Any]) -> None:
    """Whatever its own guard looks at: a fact is dated in its case, unless it may be dated after the closing. Only the end
    that was recorded after the closing ends a period that had been left open. source: domain/pathway.md 4.4 rows 40, 45"""
    event = fact.event
    if not isinstance(event, CaseEvent) or event.AFTER_CLOSING:
        return
    case = pathway.cases.get(event.case_id)
    recorded_later = case is not None and case.closed is not None and case.closed.version < fact.version
    if not (recorded_later and ends_what_was_left_open(without(pathway, fact), event)):
        in_case(no, pathway, event.case_id, fact.occurred_on)


def as_asked_by(context: Context, caller: Caller) -> Context:
    """The same circumstances with another caller. Guards give nothing an id, so those need not be told apart."""
    return context if caller == context.caller else replace(context, caller=caller)


def no_longer_allowed(
    before: Pathway, after: Pathway, besides: Collection[str], context: Context
) -> Iterator[tuple[str, Fact[Any]]]:
    """The facts that a correction would leave against their own rows, each with a code; `besides` are its targets.

    A fact that was not allowed before the correction either stands in nobody's way: history may be older than a rule.
    source: domain/pathway.md 4.4 row 45
    """
    for key, fact in after.facts.items():
        if key in besides:
            continue
        against = judged_again(fact, after, context).reasons
        known = judged_again(before.facts[key], before, context).reasons if against else ()
        for code in dict.fromkeys(reason.code for reason in against if reason not in known):
            yield code, fact
