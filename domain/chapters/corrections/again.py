"""Whether facts would be allowed had others been as a correction says: by the guards of a first recording by their author.

A fact that was not allowed before the correction either stands in nobody's way: history may be older than a rule.
source: domain/pathway.md 4.4 row 45
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from domain.chapters.judging import guard_of
from domain.context import Caller, Context
from domain.event import ClientFact
from domain.pathway import Fact, Pathway, without
from domain.refusals import Reason, Refusals, Refused


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
    try:
        guard(no, without(pathway, fact), fact.event, fact.occurred_on, replace(context, caller=author))
        no.stop()
    except Refused as refused:
        return Judgement(refused.codes, no.warnings)
    return Judgement((), no.warnings)


def no_longer_allowed(
    before: Pathway, after: Pathway, besides: Collection[str], context: Context
) -> Iterator[tuple[str, Fact[Any]]]:
    """The facts that a correction would leave against their own rows, each with a code; `besides` are its targets."""
    for key, fact in after.facts.items():
        if key in besides:
            continue
        against = judged_again(fact, after, context).reasons
        known = judged_again(before.facts[key], before, context).reasons if against else ()
        for code in dict.fromkeys(reason.code for reason in against if reason not in known):
            yield code, fact
