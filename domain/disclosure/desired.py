"""All that one recipient may be told of one client, as known at a position: `desired` of design D9.

A new recipient gets the facts in force on its first day, and every fact dated in its window; nothing older (rule 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from domain.catalogue import moving
from domain.directory import Directory
from domain.disclosure.entitlement import Told, told_of
from domain.disclosure.kinds import Kind, Kinds, Standing
from domain.disclosure.policy import Policy
from domain.disclosure.windows import standings_of
from domain.event import Event, Moves
from domain.pathway import Fact, Pathway

IN_FORCE = moving(Moves.IN_FORCE)
"""Names of the facts that go on being in force after their day."""

Author = tuple[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """One client as known at a position: the pathway, who stands where towards it, and who stated what."""

    pathway: Pathway
    standings: Mapping[str, Standing]
    authors: Mapping[str, Author]

    def states_itself(self, fact_id: str, standing: Standing) -> bool:
        """Whether the recipient stated this fact (rule 9)."""
        return self.authors.get(fact_id) == (standing.recipient.org, standing.recipient.task)

    def erased(self, pathway: Pathway) -> View:
        """The view after an event that can be read no more: the pathway has moved on, nothing else."""
        return View(pathway, self.standings, self.authors)


def view_of(pathway: Pathway, directory: Directory, kinds: Kinds[Kind]) -> View:
    """The client as known now, worked out whole."""
    authors = authors_of(pathway)
    standings = {s.recipient.short_name: s for s in standings_of(pathway, directory, kinds)}
    for author in dict.fromkeys(authors.values()):
        _add_author(standings, author, directory, kinds)
    return View(pathway, standings, authors)


def with_fact(view: View, pathway: Pathway, fact: Fact[Event], directory: Directory, kinds: Kinds[Kind]) -> View:
    """The view after one more fact that moves no window."""
    author = _author_of(fact, pathway)
    if author is None:
        return View(pathway, view.standings, view.authors)
    standings = view.standings
    if all((s.recipient.org, s.recipient.task) != author for s in standings.values()):
        standings = dict(standings)
        _add_author(standings, author, directory, kinds)
    return View(pathway, standings, {**view.authors, fact.event_id: author})


def authors_of(pathway: Pathway) -> dict[str, Author]:
    """By fact, the recipient that stated it. What else a decision recorded beside the sender's own fact is nobody's."""
    stated: dict[str, Author] = {}
    command: tuple[str, ...] | None = None
    first = ""
    for fact in pathway.facts.values():
        if _command_of(fact) != command:
            command, first = _command_of(fact), fact.name
        if fact.name == first:
            stated[fact.event_id] = (fact.actor_org, fact.actor_task)
    return stated


def _command_of(fact: Fact[Event]) -> tuple[str, ...]:
    """By what the facts of one command are known: its id is unique in its person."""
    return fact.actor_org, fact.actor_task, fact.actor_person, fact.command_id


def _author_of(fact: Fact[Event], pathway: Pathway) -> Author | None:
    """As `authors_of`, of the newest fact alone."""
    first = fact.name
    for known in pathway.facts.newest_first():
        if _command_of(known) != _command_of(fact):
            break
        first = known.name
    return (fact.actor_org, fact.actor_task) if fact.name == first else None


def _add_author(standings: dict[str, Standing], author: Author, directory: Directory, kinds: Kinds[Kind]) -> None:
    recipient = directory.recipient(*author)
    if recipient and recipient.short_name not in standings:
        kind = kinds.of(recipient)
        if kind.column:
            standings[recipient.short_name] = Standing(recipient, kind)


def desired(view: View, standing: Standing, policy: Policy) -> dict[str, Told]:
    """By fact, what the recipient may be told, in the order of recording."""
    holding = in_force(view.pathway, standing)
    told: dict[str, Told] = {}
    for key, fact in view.pathway.facts.items():
        own, held = view.states_itself(key, standing), key in holding
        found = told_of(fact, view.pathway, standing, policy, own=own, in_force=held)
        if found is not None:
            told[key] = found
    return told


def in_force(pathway: Pathway, standing: Standing) -> frozenset[str]:
    """The facts, dated before it, that hold on a first day of the recipient (rule 7)."""
    if not standing.kind.replaced:
        return frozenset()
    return frozenset(fact.event_id for day in standing.first_days() for fact in _holding(pathway, day))


def _holding(p: Pathway, day: date) -> Iterator[Fact[Event]]:
    for fact in _candidates(p, day):
        if fact.occurred_on < day:
            yield fact


def _candidates(p: Pathway, day: date) -> Iterator[Fact[Event]]:
    benefit = p.benefit(day)
    if benefit:
        yield benefit
    for change in p.benefits:
        if change.event.from_on > day:
            yield change
    case = p.open_case(day)
    if case is None:
        return
    case_id = case.opened.event.case_id
    yield from _last(case.own_workers, day)
    yield from _last(p.agreed_plans(case_id), day)
    for decision in p.decisions.values():
        event = decision.event
        grants = event.outcome == "granted" and (event.granted_until_on is None or day <= event.granted_until_on)
        if event.case_id == case_id and grants:
            yield decision
    for period in p.periods_of(case_id):
        if period.started and period.started.occurred_on < day:
            # Open until it is ended, past its planned end too: who comes in its middle is told its week with it.
            if period.ended is None or day <= period.ended.event.ended_on:
                yield period.planned
                yield period.started
        elif day <= period.planned.event.planned_end_on and not p.has_lapsed(period):
            yield period.planned


def _last(facts: Iterable[Fact[Event]], day: date) -> Iterator[Fact[Event]]:
    earlier = [fact for fact in facts if fact.occurred_on < day]
    if earlier:
        yield max(earlier, key=lambda fact: (fact.occurred_on, fact.version))
