"""What each recipient has to be told now: `desired − disclosed` (design D9).

Most events change nobody's entitlement: there the policy on that event alone is enough (the short way). Events that may
move a window, and corrections, have every recipient whose window they moved told anew (the long way). Both give the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, cast

from domain import events as e
from domain.catalogue import moving
from domain.directory import Directory
from domain.disclosure.desired import IN_FORCE, View, desired, in_force, view_of, with_fact
from domain.disclosure.entitlement import Told, told_of, told_of_destruction
from domain.disclosure.kinds import Span, Standing
from domain.disclosure.policy import Policy
from domain.event import Event, Moves
from domain.pathway import Fact, Pathway, evolve

HowTold = Literal["fact", "revised", "withdrawn"]

MOVES_WINDOWS = moving(Moves.WINDOWS)
"""Names of the facts that may begin, end or move somebody's window."""

MOVES_DAYS = moving(Moves.DAYS)
"""Names of the facts that may say of another day that it was replaced."""

FOLLOW_WINDOWS = moving(Moves.CUT | Moves.FOLLOWS)
"""Names of the facts whose form follows the recipient's window: days cut to it, the last day paid."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a recipient has been told of one fact: its newest publication, on what ground, and what gave rise to it."""

    publication_id: str
    legal_basis: str
    cause: str


Disclosures = dict[str, dict[str, Disclosed]]
"""By recipient's short name, then by fact: what was told and not withdrawn."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to tell one recipient. `told` is none for a withdrawal; `cause` is the event being processed."""

    kind: HowTold
    standing: Standing
    fact: Fact[Event]
    told: Told | None
    cause: str


@dataclass(slots=True)
class Client:
    """One client as the follower keeps it: the view at its position, and what everybody has been told. `told_in` names by
    matter who was ever told something of it, which is known also when nobody can read any more what that was."""

    view: View
    disclosed: Disclosures = field(default_factory=dict)
    told_in: dict[str, set[str]] = field(default_factory=dict)

    def take(self, fact: Fact[Event], directory: Directory, policy: Policy, *, always_whole: bool = False) -> list[Change]:
        """Move on by one fact; what is to be told because of it, in order. `always_whole` never takes the short way."""
        before = self.view
        pathway = evolve(before.pathway, fact)
        if isinstance(fact.event, e.PayloadKeyDestroyed):
            self.view = before.erased(pathway)
            return list(self._destruction(cast(Fact[e.PayloadKeyDestroyed], fact), directory, policy))
        moved = always_whole or fact.name in MOVES_WINDOWS
        kinds = policy.kinds
        self.view = (
            view_of(pathway, directory, kinds) if moved else with_fact(before, pathway, fact, directory, kinds)
        )
        swaps = _swaps_otherwise(fact, before.pathway, pathway)
        begins = self.view.standings.keys() != before.standings.keys()  # who states something first is told what was his
        if moved or swaps or begins or _may_be_in_force(fact, self.view):
            changes = list(self._whole(before, fact, policy, always_whole or swaps))
        else:
            changes = list(self._news(fact, self.view.standings.values(), policy))
        return self._keep(changes)

    def _destruction(
        self, fact: Fact[e.PayloadKeyDestroyed], directory: Directory, policy: Policy
    ) -> Iterator[Change]:
        """The end of a matter is told to the county, and to whom something of the matter was told."""
        told_in = self.told_in.get(fact.event.destroyed_matter, set())
        for name, recipient in sorted(directory.recipients.items()):
            if name in told_in or directory.is_county(recipient.org, recipient.task):
                standing = Standing(recipient, policy.kinds.of(recipient))
                told = told_of_destruction(fact, standing, policy)
                if told is not None:
                    yield Change("fact", standing, fact, told, fact.event_id)

    def reconcile(self, directory: Directory, policy: Policy, only: Collection[str], cause: str) -> list[Change]:
        """What late joiners, and nobody else, are to be told: the whole client, as known now, against what they were told.
        `cause` is the client's newest event: it says what was known."""
        before, self.view = self.view, view_of(self.view.pathway, directory, policy.kinds)
        changes = [
            replace(change, cause=cause)
            for name in _names(self.view, self.disclosed)
            if name in only
            for change in self._against(name, before, self.view, None, policy)
        ]
        return self._keep(changes)

    def _keep(self, changes: list[Change]) -> list[Change]:
        # Facts told in the order in which they were recorded; the sort is stable.
        return sorted(changes, key=lambda change: change.fact.position)

    def _news(self, fact: Fact[Event], standings: Iterable[Standing], policy: Policy) -> Iterator[Change]:
        pathway = self.view.pathway
        for standing in standings:
            told = told_of(fact, pathway, standing, policy, own=self.view.states_itself(fact.event_id, standing))
            known = self.disclosed.get(standing.recipient.short_name)
            if told is not None and (known is None or fact.event_id not in known):
                yield Change("fact", standing, fact, told, fact.event_id)

    def _whole(self, before: View, fact: Fact[Event], policy: Policy, always: bool) -> Iterator[Change]:
        corrects = isinstance(fact.event, e.FactCorrected)
        days = _known_days(before)
        for name in _names(self.view, self.disclosed):
            old, new = before.standings.get(name), self.view.standings.get(name)
            if always or corrects or _differs(old, new, before, self.view, fact, days):
                yield from self._against(name, before, self.view, fact, policy)
            elif new is not None:
                yield from self._news(fact, (new,), policy)

    def _against(self, name: str, before: View, after: View, cause: Fact[Event] | None, policy: Policy) -> Iterator[Change]:
        """What one recipient may be told now, against what it has been told; no cause: it joined late."""
        standing = after.standings.get(name) or before.standings.get(name)
        if standing is None:
            return
        by = cause.event_id if cause else ""
        facts, known = after.pathway.facts, self.disclosed.get(name, {})
        wanted = desired(after, standing, policy) if name in after.standings else {}
        changed = _changed(name, before, wanted, known, cause, policy)
        for key, told in wanted.items():
            if key not in known:
                yield Change("fact", standing, facts[key], told, by)
            elif key in changed and known[key].cause != by:
                yield Change("revised", standing, facts[key], told, by)
        for key in known.keys() - wanted.keys():
            if key in facts:
                yield Change("withdrawn", standing, facts[key], None, by)

    def apply(self, change: Change, publication_id: str) -> None:
        """Remember that the change has been told."""
        name = change.standing.recipient.short_name
        if isinstance(change.fact.event, e.PayloadKeyDestroyed):
            return  # of what comes later nothing takes it back, and it says nothing of the client
        self.told_in.setdefault(change.fact.matter, set()).add(name)
        known = self.disclosed.setdefault(name, {})
        if change.told is None:
            known.pop(change.fact.event_id, None)
        else:
            known[change.fact.event_id] = Disclosed(publication_id, change.told.legal_basis, change.cause)


def _changed(
    name: str,
    before: View,
    wanted: Mapping[str, Told],
    known: Mapping[str, Disclosed],
    cause: Fact[Event] | None,
    policy: Policy,
) -> set[str]:
    """The told facts whose form shows something else than before (rule 6). Without a correction that can only what is cut to
    the recipient's days, and where a kind has several profiles what falls under another one now; who is told the correction
    itself is not told its target again."""
    standing = before.standings.get(name)
    if standing is None or cause is None:
        return set()
    pathway, holding, changed = before.pathway, in_force(before.pathway, standing), set()
    correction = cause.event if isinstance(cause.event, e.FactCorrected) else None
    skipped = correction.target_event_id if correction and cause.event_id in wanted else None
    for key, told in wanted.items():
        fact = pathway.facts.get(key)
        may_change = correction or standing.kind.profile_of or (fact and fact.name in FOLLOW_WINDOWS)
        if fact is None or key not in known or key == skipped or not may_change:
            continue
        own = before.states_itself(key, standing)
        earlier = told_of(fact, pathway, standing, policy, own=own, in_force=key in holding)
        if earlier is None:
            continue
        fields = {field: value for field, value in earlier.fields.items() if not own or field in told.fields}
        same = (earlier.staff, earlier.profile, fact.occurred_on) == (told.staff, told.profile, told.occurred_on)
        if fields != told.fields or not same:
            changed.add(key)
    return changed


def _names(view: View, disclosed: Mapping[str, object]) -> list[str]:
    return [*view.standings, *(name for name in disclosed if name not in view.standings)]


def _differs(
    old: Standing | None, new: Standing | None, before: View, after: View, fact: Fact[Event], days: Span | None
) -> bool:
    """Whether the fact moved this recipient's window, on days of which something is known, or what is in force in it."""
    if old is None or new is None:
        return True
    moved = new.kind.moved_by(fact, after.pathway) if new.kind.moved_by else None
    if moved is not None:
        return moved
    if bool(old.spans) != bool(new.spans) or _clipped(old, days) != _clipped(new, days):
        return True
    return in_force(before.pathway, old) != in_force(after.pathway, new)


def _clipped(standing: Standing, days: Span | None) -> set[tuple[date, date]]:
    if days is None:
        return set()
    return {
        (max(span.first, days.first), min(span.last, days.last))
        for span in standing.spans
        if span.first <= days.last and days.first <= span.last
    }


def _known_days(view: View) -> Span | None:
    """From the first to the last day of which a fact is known, the days that a fact speaks of included."""
    first, last = date.max, date.min
    for fact in view.pathway.facts.values():
        begins, ends = fact.days
        first, last = min(first, fact.occurred_on, begins), max(last, fact.occurred_on, ends or begins)
    return Span(first, last) if view.pathway.facts else None


def _swaps_otherwise(fact: Fact[Event], before: Pathway, after: Pathway) -> bool:
    """Whether an account of a day says of another day than before that it was replaced: among the days not arranged that one
    may then be a scheduled one again. source: domain/pathway.md 4.4 row 27"""
    event: Any = fact.event
    if fact.name not in MOVES_DAYS or not after.not_arranged:
        return False
    on = fact.occurred_on
    was, now = (pathway.days.swapped_for(event.period_id, on) for pathway in (before, after))
    return was != now


def _may_be_in_force(fact: Fact[Event], view: View) -> bool:
    """Whether the fact may change what holds on some recipient's first day: it is dated before it."""
    return fact.name in IN_FORCE and any(
        fact.occurred_on < day for standing in view.standings.values() for day in standing.first_days()
    )
