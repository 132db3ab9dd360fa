"""What one client's facts add up to. No rule stands here: history is folded, never refused.

The pathway keeps every fact in the order of recording, with its present (corrected) value, and groups facts into parts:
referrals, cases, plans, periods … Each chapter says what its parts are; here they are one pathway. A state is not stored; it
is what the dated facts say on a day (design D4). Folding up to a position answers "as then known"; `on(date)` answers "as
it was".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, NamedTuple

from domain import events as e
from domain.catalogue import CLIENT_FACTS, EVENTS, fixed_in
from domain.chapters.assessments.parts import Assessment as Assessment
from domain.chapters.assessments.parts import Assessments
from domain.chapters.attendance.parts import Attendance
from domain.chapters.benefits.parts import Benefits
from domain.chapters.cases.parts import Case as Case
from domain.chapters.cases.parts import Cases
from domain.chapters.clients.parts import Clients
from domain.chapters.decisions.parts import Decisions
from domain.chapters.exits.parts import Exits
from domain.chapters.follow_ups.parts import FollowUps
from domain.chapters.notices.parts import Notice as Notice
from domain.chapters.notices.parts import Notices
from domain.chapters.own_workers.parts import OwnWorkers
from domain.chapters.parallel_services.parts import ParallelRun as ParallelRun
from domain.chapters.parallel_services.parts import ParallelServices
from domain.chapters.periods.parts import Period as Period
from domain.chapters.periods.parts import Periods
from domain.chapters.placements.parts import Placement as Placement
from domain.chapters.placements.parts import Placements
from domain.chapters.plans.parts import Plan as Plan
from domain.chapters.plans.parts import Plans
from domain.chapters.plans.parts import PlanVersion as PlanVersion
from domain.chapters.referrals.parts import Referral as Referral
from domain.chapters.referrals.parts import Referrals
from domain.chapters.retention.parts import Retention
from domain.code_lists import code_list
from domain.dates import A_DAY
from domain.event import ClientFact, Erased, Event
from domain.fact import Fact as Fact
from domain.fact import corrected
from domain.folding import PartOfPath, Parts, counted, folds

CaseState = Literal["assessing", "planning", "placing", "active", "between_periods", "closed", "not_open"]


class Naming(NamedTuple):
    """Somebody is named the client's employment authority: on which day, for which case; none before it is opened."""

    on: date
    version: int
    org: str
    case_id: str | None


@dataclass(frozen=True)
class Pathway(
    Clients,
    Referrals,
    OwnWorkers,
    Cases,
    Assessments,
    Benefits,
    Plans,
    Decisions,
    Placements,
    Periods,
    Attendance,
    ParallelServices,
    FollowUps,
    Exits,
    Notices,
    Retention,
):
    """One client's facts and what they add up to: every chapter's part of it, and what is asked across them."""

    def matter_of(self, event: Event) -> str:
        """The matter that a new fact of this client belongs to: of a case, also before there is one, that of its part.
        Raises `KeyError` for an unknown part."""
        if isinstance(event, e.CaseEvent):
            return self.cases[event.case_id].opened.matter
        if isinstance(event, e.FactCorrected):
            return self.facts[event.target_event_id].matter
        if isinstance(event, ClientFact) and event.MATTER == "case":
            part: PartOfPath = getattr(self, _COLLECTIONS[event.PART.key])[getattr(event, event.PART.key)]
            return part.beginning.matter
        return self.client_matter

    def has_part(self, field: str, reference: str) -> bool:
        """Whether the reference is a part of this client, of the kind that the field names: `replaces_placement_id` names a
        placement. Of what no fact begins, such as a consent as yet, there is none."""
        collection = _collection_of(field)
        return collection is not None and reference in getattr(self, collection)

    def on(self, day: date) -> Pathway:
        """The pathway as it was by the end of a day: only facts dated on it or before, as known at this position."""
        return replay(self.client, (fact for fact in self.facts.values() if fact.occurred_on <= day))

    def case_state(self, case_id: str, on: date) -> CaseState:
        """What a guard sees on the day (domain/pathway.md 4.3)."""
        case = self.cases.get(case_id)
        if case is None or case.opened.occurred_on > on:
            return "not_open"
        return self.stage(case_id, on) if case.is_open(on) else "closed"

    def stage(self, case_id: str, on: date) -> CaseState:
        """What the case had come to by the end of the day, its closing left out: a fact dated on the closing day is judged
        as on its own day (domain/pathway.md 4.4 row 40)."""
        started = [p for p in self.periods_of(case_id) if p.started and p.started.event.starts_on <= on]
        if any(period.is_open(on) for period in started):
            return "active"
        if started:
            return "between_periods"
        if any(agreed.occurred_on <= on for agreed in self.agreed_plans(case_id)):
            return "placing"
        if any(
            a.completed and a.completed.occurred_on <= on and a.completed.event.result == "need"
            for a in self.assessments_of(case_id)
        ):
            return "planning"
        return "assessing"

    def is_scheduled(self, period: Period, on: date, before: int | None = None) -> bool:
        """Whether the day is a scheduled one of the period: by its weekday, or since it replaces such a day; the replaced
        one is not any more (domain/pathway.md 4.4 row 27). `before` leaves out swaps recorded at that version or later."""
        period_id = period.planned.event.period_id
        by_weekday = period.has_weekday(on) and not self.days.replaced_by(period_id, on, before)
        return by_weekday or self.days.swapped_for(period_id, on, before) is not None

    def has_lapsed(self, period: Period) -> bool:
        """Whether the period was planned, never taken up, and its case has been closed: the plan of it fell away with the
        closing (domain/pathway.md 4.4 row 40)."""
        case = self.cases.get(period.planned.event.case_id)
        return period.started is None and case is not None and case.closed is not None

    def authorities_named(self) -> list[Naming]:
        """Who was named the client's employment authority, in the order of the days: by its own referral, or by a plan's
        beginning (domain/disclosure.md 5.3, column EA)."""
        case_of = {case.opened.event.referral_id: key for key, case in self.cases.items()}
        referred = [
            Naming(r.submitted.occurred_on, r.submitted.version, r.submitted.event.sender_org_id, case_of.get(key))
            for key, r in self.referrals.items()
            if r.submitted.event.source in _OF_EMPLOYMENT_SIDE and r.submitted.event.sender_org_id
        ]
        planned = [
            Naming(p.started.occurred_on, p.started.version, authority, p.started.event.case_id)
            for p in self.plans.values()
            if (authority := p.started.event.employment_authority_org_id)
        ]
        return sorted([*referred, *planned], key=lambda naming: naming[:2])

    def authority_days(self) -> Iterator[tuple[str, date, date]]:
        """Who is the client's employment authority, from which day to which: from its naming until somebody else is named,
        at the longest until its case closes (domain/disclosure.md 5.3, column EA)."""
        namings = self.authorities_named()
        for index, named in enumerate(namings):
            case = self.cases.get(named.case_id or "")
            end = case.closed.occurred_on if case and case.closed else date.max
            successor = next((later.on for later in namings[index + 1 :] if later.org != named.org), None)
            last = min(end, successor - A_DAY) if successor else end
            if named.on <= last:
                yield named.org, named.on, last

    def employment_authority(self, on: date) -> str | None:
        """Who was named last by the day as the client's employment authority, be it one on the day or not."""
        return next((naming.org for naming in reversed(self.authorities_named()) if naming.on <= on), None)


_FOLDS = folds(Pathway, EVENTS)
_OF_EMPLOYMENT_SIDE = code_list("referral_source").marked("employment_side")
"""Sources by which a sender names itself the employment authority; on which day which body may, `domain/rules` says."""
_TIES = {cls: fixed_in(cls) & cls.model_fields.keys() for cls in EVENTS.values()}
_COLLECTIONS = {cls.PART.begun: cls.PART.kept_in for cls in CLIENT_FACTS.values() if cls.PART.kept_in}


@cache
def _collection_of(field: str) -> str | None:
    return next((kept for key, kept in _COLLECTIONS.items() if field == key or field.endswith(f"_{key}")), None)


def replay(client: str, facts: Iterable[Fact[Event]]) -> Pathway:
    """Fold facts whose values are final into a pathway."""
    return evolved(Pathway(client), facts)


def evolve(pathway: Pathway, fact: Fact[Event]) -> Pathway:
    """The pathway with one more fact. Never refuses; an erased fact only moves the version."""
    return evolved(pathway, (fact,))


def evolved(pathway: Pathway, facts: Iterable[Fact[Any]]) -> Pathway:
    """The pathway with more facts, in the order of recording."""
    moved = object.__new__(Pathway)
    parts: Parts = vars(moved)
    parts.update(vars(pathway))
    for fact in facts:
        parts["version"] = fact.version
        parts["commands"] = counted(
            parts["commands"], fact.actor_task, fact.actor_org, fact.actor_role, fact.actor_person, fact.command_id
        )  # fmt: skip
        event = fact.event
        if isinstance(event, Erased):
            continue
        parts["facts"] = parts["facts"].with_fact(fact)
        _FOLDS[type(event)].add(parts, fact)
        if isinstance(event, e.FactCorrected):
            _correct(parts, event, fact.event_id)
    return moved


def revalued(pathway: Pathway, facts: Iterable[Fact[Event]]) -> Pathway:
    """The pathway with other values of facts that it has."""
    parts: Parts = dict(vars(pathway))
    for new in facts:
        _put(parts, parts["facts"][new.event_id], new)
    return _moved(parts)


def without(pathway: Pathway, fact: Fact[Event]) -> Pathway:
    """The pathway as if one of its facts had never been. What names a part that begins with it stays among the facts."""
    parts: Parts = dict(vars(pathway))
    parts["facts"] = parts["facts"].without(fact.event_id)
    _FOLDS[type(fact.event)].drop(parts, fact)
    return _moved(parts)


def _moved(parts: Parts) -> Pathway:
    moved = object.__new__(Pathway)
    vars(moved).update(parts)
    return moved


def _correct(parts: Parts, correction: e.FactCorrected, by: str) -> None:
    old = parts["facts"].get(correction.target_event_id)
    if old is not None:
        _put(parts, old, corrected(old, correction, by))


def _put(parts: Parts, old: Fact[Event], new: Fact[Event]) -> None:
    """Put the new value of a fact in the old one's place: in the part that holds it, and among the facts."""
    if new is old:
        return
    parts["facts"] = parts["facts"].with_fact(new)
    if all(getattr(old.event, name) == getattr(new.event, name) for name in _TIES[type(old.event)]):
        _FOLDS[type(old.event)].change(parts, old, new)
    else:
        # No decision of ours lets a fact change its part; a history in which one did is folded anew.
        kept = {name: parts[name] for name in ("version", "commands")}
        parts.update(vars(replay(parts["client"], parts["facts"].values())), **kept)
