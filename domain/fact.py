"""A recorded fact as a pathway holds it, and the facts of one client in the order of recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Generic, TypeVar

from immutables import Map

from domain.chapters.corrections.events import FactCorrected
from domain.event import Event

E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Fact(Generic[E_co]):
    """A recorded event with its place and author; `event` and `occurred_on` as they hold now, corrections applied."""

    event_id: str
    event: E_co
    occurred_on: date
    recorded_at: datetime
    position: int
    version: int
    matter: str
    actor_org: str
    actor_task: str
    actor_role: str
    actor_person: str
    command_id: str
    corrected_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The event's name without version."""
        return self.event.NAME

    @property
    def days(self) -> tuple[date, date | None]:
        """The first and the last day that the fact speaks of; none means until further notice."""
        return self.event.FOUND.days_of(self.event, self.occurred_on)


def corrected(target: Fact[Event], correction: FactCorrected, by: str) -> Fact[Event]:
    """The target as it holds after the correction; unchanged when this correction is already applied."""
    if by in target.corrected_by:
        return target
    values = {name: getattr(target.event, name) for name in type(target.event).model_fields}
    values |= correction.new_values or {}
    return replace(
        target,
        event=type(target.event).model_validate(values),
        occurred_on=correction.corrected_occurred_on or target.occurred_on,
        corrected_by=(*target.corrected_by, by),
    )


class Facts(Mapping[str, Fact[Event]]):
    """The facts by event id, in the order of recording. Versions share what they have in common: one more fact, or another
    value of one, costs the same however many there are."""

    __slots__ = ("_at", "_end", "_ids")

    def __init__(self, facts: Iterable[Fact[Event]] = ()) -> None:
        with Map[int, Fact[Event]]().mutate() as at, Map[str, int]().mutate() as ids:
            for fact in facts:
                place = ids.get(fact.event_id)
                if place is None:
                    ids[fact.event_id] = place = len(at)
                at[place] = fact
            self._at, self._ids, self._end = at.finish(), ids.finish(), len(at)

    def with_fact(self, fact: Fact[Event]) -> Facts:
        """The facts with one more at their end, or with another value of one in its place."""
        grown = object.__new__(Facts)
        place = self._ids.get(fact.event_id)
        if place is None:
            place = self._end
            grown._ids, grown._end = self._ids.set(fact.event_id, place), place + 1
        else:
            grown._ids, grown._end = self._ids, self._end
        grown._at = self._at.set(place, fact)
        return grown

    def without(self, event_id: str) -> Facts:
        """The facts but for one; its place in the order stays empty."""
        fewer = object.__new__(Facts)
        fewer._at, fewer._ids, fewer._end = self._at.delete(self._ids[event_id]), self._ids.delete(event_id), self._end
        return fewer

    def _in_order(self, places: Iterable[int]) -> Iterator[Fact[Event]]:
        return (fact for place in places if (fact := self._at.get(place)) is not None)

    def newest_first(self) -> Iterator[Fact[Event]]:
        """The facts from the last recorded one on."""
        return self._in_order(range(self._end - 1, -1, -1))

    def __getitem__(self, event_id: str) -> Fact[Event]:
        return self._at[self._ids[event_id]]

    def __iter__(self) -> Iterator[str]:
        return (fact.event_id for fact in self._in_order(range(self._end)))

    def __len__(self) -> int:
        return len(self._at)
