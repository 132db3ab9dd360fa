"""What an event says that it moves holds, for any event with any content (domain/event.py, design D23).

An event that is forgotten here cannot be: the events come from the catalogue, their content from their own types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from any_fact import DAYS, any_client_event, any_event
from disclosure.paths import (
    LAST,
    OWN_WORKER,
    PARISH,
    PERIOD,
    Path,
    in_service,
    members,
    moved,
    placement,
    ref,
    revision,
    whole,
)
from disclosure.test_short_and_long_way import told_by
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.catalogue import CLIENT_FACTS, moving
from domain.disclosure.desired import desired, in_force, view_of
from domain.disclosure.entitlement import told_of
from domain.disclosure.kinds import Span
from domain.disclosure.policy import policy
from domain.disclosure.windows import standings_of
from domain.event import ClientFact, Moves
from domain.events import PeriodStarted, PlanAgreed, PlanDrafted, PlanRevised
from domain.pathway import Fact, Pathway, evolved, replay
from projections.kinds import kinds

MANY = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def still(what: Moves) -> list[str]:
    return sorted(name for name, cls in CLIENT_FACTS.items() if not cls.MOVES & what)


@cache
def histories() -> tuple[Pathway, ...]:
    """In service; closed; joint plans without Kela, to go on with it, to go on without it; a last placement unconfirmed."""
    joint = {"plan_kind": "multi_sectoral_employment_plan", "kela_services_coordinated": False, "eligibility_keys": None}
    three = ("client", "organiser", "employment_side")
    alone, to_come, to_go = (in_service(**joint, parties=parties) for parties in (three, three, (*three, "kela")))
    to_come.add(revision(parties=(*three, "kela")), date(2025, 6, 9))
    to_go.add(revision(parties=three), date(2025, 6, 9))
    # The end of the period is dated after the placements: it is told by whose placement was the last one.
    unconfirmed = whole()
    late = date(2025, 9, 3)
    unconfirmed.facts = [moved(f, occurred_on=late) if f.name == "period.completed" else f for f in unconfirmed.facts]
    unconfirmed.add(placement("second", PARISH, from_on=LAST, until_on=LAST), LAST)
    return tuple(replay("c" * 32, path.facts) for path in (in_service(), whole(), alone, to_come, to_go, unconfirmed))


MEMBERS, POLICY = members(), policy(kinds())


def one_more(data: st.DataObject, name: str) -> tuple[Pathway, Fact[Any]]:
    """One of the histories, and one more fact of a kind on any day."""
    pathway = data.draw(st.sampled_from(histories()))
    event, on = data.draw(any_event(CLIENT_FACTS[name])), data.draw(DAYS)
    if len(pathway.placements) > 1 and event.PART.begun != "placement_id" and "placement_id" in type(event).model_fields:
        event = event.model_copy(update={"placement_id": ref(data.draw(st.sampled_from(("placement", "second"))))})
    return pathway, Path(list(pathway.facts.values())).add(event, on, OWN_WORKER)


@pytest.mark.parametrize("name", still(Moves.WINDOWS))
@MANY
@given(data=st.data())
def test_an_event_that_does_not_say_so_moves_nobodys_window(name: str, data: st.DataObject) -> None:
    pathway, fact = one_more(data, name)
    before, after = (standings_of(path, MEMBERS, kinds()) for path in (pathway, evolved(pathway, [fact])))
    assert after == before, f"{name} moves somebody's days: declare it, MOVES = Moves.WINDOWS"


@pytest.mark.parametrize("name", still(Moves.WINDOWS | Moves.IN_FORCE))
@MANY
@given(data=st.data())
def test_an_event_that_does_not_say_so_changes_nothing_that_is_in_force(name: str, data: st.DataObject) -> None:
    pathway, fact = one_more(data, name)
    after = evolved(pathway, [fact])
    for standing in standings_of(pathway, MEMBERS, kinds()):
        same = in_force(after, standing) == in_force(pathway, standing)
        assert same, f"{name} is in force for {standing.kind.name}: declare it, MOVES = Moves.IN_FORCE"


def test_whatever_is_in_force_on_some_day_says_so() -> None:
    for pathway in histories():
        standing = next(one for one in standings_of(pathway, MEMBERS, kinds()) if one.kind.replaced)
        for day in (date(2025, 1, 1) + timedelta(days=n) for n in range(0, 300, 3)):
            for key in in_force(pathway, replace(standing, spans=(Span(day, date.max),))):
                kind = pathway.facts[key].name
                assert Moves.IN_FORCE in CLIENT_FACTS[kind].MOVES, f"{kind} is in force: declare it, MOVES = Moves.IN_FORCE"


@pytest.mark.parametrize("name", still(Moves.CUT | Moves.FOLLOWS))
@MANY
@given(data=st.data())
def test_an_event_that_does_not_say_so_looks_the_same_whatever_days_are_asked_for(name: str, data: st.DataObject) -> None:
    pathway, fact = one_more(data, name)
    after = evolved(pathway, [fact])
    for standing in view_of(after, MEMBERS, kinds()).standings.values():
        spans = tuple(replace(span, first=fact.occurred_on, last=fact.occurred_on) for span in standing.spans)
        for narrow in (replace(standing, spans=spans), replace(standing, spans=(*standing.spans, Span(date.min, date.max)))):
            one, other = told_of(fact, after, standing, POLICY), told_of(fact, after, narrow, POLICY)
            if one is not None and other is not None and one.profile == other.profile:
                same = one.fields == other.fields
                assert same, f"{name} changes with the days of {standing.kind.name}: declare it, Moves.CUT or Moves.FOLLOWS"


@pytest.mark.parametrize("name", still(Moves.WINDOWS | Moves.IN_FORCE | Moves.DAYS))
@MANY
@given(data=st.data())
def test_an_event_that_does_not_say_so_changes_nothing_that_was_told_before(name: str, data: st.DataObject) -> None:
    pathway, fact = one_more(data, name)
    after = desired_by_all(evolved(pathway, [fact]))
    before = told_before(next(number for number, one in enumerate(histories()) if one is pathway))
    for recipient, told in before.items():
        told_now = {key: one for key, one in after[recipient].items() if key != fact.event_id}
        assert told_now == told, f"{name} changes what {recipient} is told of others: declare it, MOVES = Moves.WINDOWS"


@pytest.mark.parametrize("name", sorted(moving(Moves.DAYS)))
@MANY
@given(data=st.data())
def test_an_event_that_moves_days_changes_what_was_told_of_days_not_arranged_and_nothing_else(
    name: str, data: st.DataObject
) -> None:
    pathway, fact = one_more(data, name)
    after = desired_by_all(evolved(pathway, [fact]))
    before = told_before(next(number for number, one in enumerate(histories()) if one is pathway))
    for recipient, told in before.items():
        changed = {key for key in told.keys() | after[recipient].keys() if told.get(key) != after[recipient].get(key)}
        names = {pathway.facts[key].name for key in changed - {fact.event_id}}
        assert names <= {"service_day.not_arranged"}, recipient


@cache
def told_before(number: int) -> dict[str, dict[str, Mapping[str, Any]]]:
    return desired_by_all(histories()[number])


def desired_by_all(pathway: Pathway) -> dict[str, dict[str, Mapping[str, Any]]]:
    """By recipient and fact, the fields that are told."""
    view = view_of(pathway, MEMBERS, kinds())
    return {
        name: {key: told.fields for key, told in desired(view, standing, POLICY).items()}
        for name, standing in view.standings.items()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    closes=st.booleans(),
    extra=st.lists(st.tuples(any_client_event("fact.corrected", "subject.registered"), DAYS), min_size=1, max_size=4),
)
def test_any_events_are_told_the_same_by_both_ways(closes: bool, extra: list[tuple[ClientFact, date]]) -> None:
    path = whole() if closes else in_service()
    # A part begins once, and a version of a plan; a version is agreed once, the first one already; a period starts once.
    begun: set[object] = {(True, 1), ("period.started", PERIOD)}
    for event, on in extra:
        of_version = isinstance(event, PlanDrafted | PlanRevised | PlanAgreed)
        part = (isinstance(event, PlanAgreed), event.plan_version) if of_version else getattr(event, event.PART.begun, None)
        # Of a part that is joined from either side each fact comes once.
        part = (event.NAME, part) if part and event.PART.slot and event.PART.kept_in else part
        part = (event.NAME, event.period_id) if isinstance(event, PeriodStarted) else part
        if part is None or part not in begun:
            path.add(event, on)
            begun.add(part)
    assert told_by(path.told()) == told_by(path.told(always_whole=True))
