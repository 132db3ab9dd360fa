"""Facts add up one by one as they do all at once, whatever is corrected, and as they would with nothing shared."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from stories import as_1

from domain import events as e
from domain.fact import Fact, Facts, corrected
from domain.pathway import Pathway, evolve, replay

STORY = [fact for fact in as_1().pathway.facts.values() if not fact.corrected_by]
DAYS = [fact for fact in STORY if fact.name == "attendance.recorded"]
CHANGES: dict[str, Any] = {
    "attendance.recorded": {"day_status": "absent_other", "hours": None},
    "period.started": {"starts_on": date(2025, 3, 4)},
    "period.completed": {"ended_on": date(2025, 5, 29)},
    "plan.agreed": {"parties": ("client",)},
    "plan.drafted": {"goal": "Another goal"},
    "assessment.completed": {"assessment_id": "a" * 32},  # no decision lets it: the history is folded all the same
    "placement.proposed": {"placement_id": "b" * 32},
    "plan.accepted_by_party": {},
    "own_worker.assigned": {"worker_id": "W-09"},
    "benefit_status.changed": {"until_on": date(2025, 12, 31)},
    "case.opened": {},
    "service_day.not_arranged": {"not_arranged_reason": "other"},
    "instructor.named": {"instructor_id": "I-09"},
    "decision.issued": {"reasons": "x"},
}
"""New values by event; every one may move to another day besides."""

corrections = st.lists(
    st.tuples(st.integers(0, len(STORY) - 1), st.integers(0, 30), st.booleans(), st.integers(0, len(STORY))), max_size=12
)


def history(drawn: list[tuple[int, int, bool, int]]) -> list[Fact[Any]]:
    """The story with corrections behind their targets; a fact may be corrected again, and one day moved onto another."""
    facts: list[Fact[Any]] = list(STORY)
    for number, (target, days, moves, place) in enumerate(drawn):
        fact = STORY[target]
        values = CHANGES.get(fact.name, {})
        on = fact.occurred_on + timedelta(days=days) if moves else None
        correction = e.FactCorrected(
            target_event_id=fact.event_id,
            correction_reason="wrong_entry",
            corrected_occurred_on=on,
            new_values=values or None,
        )
        at = max(place, facts.index(fact) + 1)
        facts.insert(at, replace(STORY[0], event_id=f"c{number:031x}", event=correction, corrected_by=()))
    return [replace(fact, version=number, position=number) for number, fact in enumerate(facts, start=1)]


def folded_anew(facts: list[Fact[Any]]) -> Pathway:
    """The oracle: after each correction everything is folded again from the facts as they then hold."""
    held: dict[str, Fact[Any]] = {}
    for fact in facts:
        held[fact.event_id] = fact
        if isinstance(fact.event, e.FactCorrected):
            target = held[fact.event.target_event_id]
            held[target.event_id] = corrected(target, fact.event, fact.event_id)
    plain = [fact for fact in held.values() if not isinstance(fact.event, e.FactCorrected)]
    pathway = replay("c" * 32, plain)
    return replace(pathway, facts=Facts(held.values()), version=facts[-1].version)


@settings(max_examples=60, deadline=None)
@given(drawn=corrections)
def test_facts_add_up_one_by_one_as_they_do_all_at_once(drawn: list[tuple[int, int, bool, int]]) -> None:
    facts = history(drawn)
    stepwise = Pathway("c" * 32)
    for fact in facts:
        stepwise = evolve(stepwise, fact)
    assert stepwise == replay("c" * 32, facts) == folded_anew(facts)


@settings(max_examples=30, deadline=None)
@given(drawn=corrections, until=st.integers(1, len(STORY)))
def test_what_is_added_later_changes_no_earlier_pathway(drawn: list[tuple[int, int, bool, int]], until: int) -> None:
    facts = history(drawn)
    earlier = replay("c" * 32, facts[:until])
    before = replay("c" * 32, facts[:until])
    for fact in facts[until:]:
        evolve(earlier, fact)
    later = earlier
    for fact in facts[until:]:
        later = evolve(later, fact)
    assert earlier == before
    assert list(earlier.facts) == [fact.event_id for fact in facts[:until]]


def moved(target: Fact[Any], on: date, number: int) -> Fact[Any]:
    event = e.FactCorrected(target_event_id=target.event_id, correction_reason="wrong_date", corrected_occurred_on=on)
    return replace(STORY[0], event_id=f"d{number:031x}", event=event, version=900 + number)


def test_two_accounts_moved_on_one_day_come_apart_again() -> None:
    first, second = DAYS[0], DAYS[1]
    account = (first.event.period_id, first.event.account)
    together = evolve(replay("c" * 32, STORY), moved(second, first.occurred_on, 1))
    assert together.days[first.occurred_on][account].event_id == second.event_id
    assert second.occurred_on not in together.days
    apart = evolve(together, moved(second, second.occurred_on, 2))
    assert apart.days[first.occurred_on][account].event_id == first.event_id
    assert apart.days[second.occurred_on][account].event_id == second.event_id


def test_the_facts_are_in_the_order_of_recording_and_the_newest_comes_first_backwards() -> None:
    facts = as_1().pathway.facts
    assert [fact.version for fact in facts.values()] == sorted(fact.version for fact in facts.values())
    assert [*facts.newest_first()] == [*facts.values()][::-1]
    assert Facts(facts.values()) == facts
