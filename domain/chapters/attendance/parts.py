"""The days of participation, as each account tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from immutables import Map

from domain.chapters.attendance.events import AbsenceReportSent, AttendanceRecorded, ServiceDayNotArranged
from domain.fact import Fact
from domain.folding import ClientStream

Speaker: TypeAlias = tuple[str, str]
"""(period, account): many accounts of one day stand side by side."""
OFFICIAL = ("provider", "county")
"""Accounts that decide what a day was; the client's and the payer's stand beside them and may differ."""
HOLDS_FIRST = ("county", "provider", "payer", "client")
"""Of several accounts of one day, which one holds before which. source: domain/pathway.md 4.5 I6"""
SWAPPED_BY = tuple(account for account in HOLDS_FIRST if account in OFFICIAL)
"""Whose word moves a scheduled day to another one: the client swaps days with the organiser (domain/law.md 2.7)."""
Day: TypeAlias = Fact[AttendanceRecorded]


class Days(Mapping[date, Mapping[Speaker, Day]]):
    """What was said of each day, by account: the account recorded last where one spoke twice. Versions share what they have
    in common, so that one more day costs the same however many there are."""

    __slots__ = ("_behind", "_replacing", "_shown")

    def __init__(
        self,
        shown: Map[date, Map[Speaker, Day]] = Map(),
        behind: Map[tuple[date, Speaker], tuple[Day, ...]] = Map(),
        replacing: Map[tuple[str, date], frozenset[date]] = Map(),
    ) -> None:
        self._shown, self._behind, self._replacing = shown, behind, replacing

    def with_fact(self, fact: Day) -> Days:
        """The days with one more account of a day."""
        on, account = fact.occurred_on, _account(fact)
        day = self._shown.get(on) or Map()
        shown, behind = day.get(account), self._behind
        if shown is not None:
            earlier, later = sorted((shown, fact), key=lambda told: told.version)
            behind = behind.set((on, account), (*behind.get((on, account), ()), earlier))
            fact = later
        replacing = self._replacing
        if fact.event.swap_of_on is not None:
            swapped = (fact.event.period_id, fact.event.swap_of_on)
            replacing = replacing.set(swapped, replacing.get(swapped, frozenset()) | {on})
        return Days(self._shown.set(on, day.set(account, fact)), behind, replacing)

    def with_changed(self, old: Day, new: Day) -> Days:
        """The days with the new value of an account, which may have moved to another day."""
        return self.without(old).with_fact(new)

    def without(self, fact: Day) -> Days:
        """The days without one account of a day: what the same account had said of it before shows again."""
        on, account = fact.occurred_on, _account(fact)
        hidden = self._behind.get((on, account), ())
        behind = self._behind.delete((on, account)) if hidden else self._behind
        day = self._shown[on].delete(account)
        days = Days(self._shown.set(on, day) if day else self._shown.delete(on), behind, self._replacing)
        for told in (self._shown[on][account], *hidden):
            if told is not fact:
                days = days.with_fact(told)
        return days

    def swapped_for(self, period_id: str, on: date, before: int | None = None) -> date | None:
        """The scheduled day that the day replaces, by an official account: the county's before the provider's; none that was
        recorded at the version `before` or later."""
        named = (self._said(on, (period_id, account), before) for account in SWAPPED_BY)
        return next((said.event.swap_of_on for said in named if said and said.event.swap_of_on is not None), None)

    def _said(self, on: date, account: Speaker, before: int | None) -> Day | None:
        """What an account said last of the day, at a version before the one given."""
        shown = self.get(on, {}).get(account)
        if shown is None or before is None or shown.version < before:
            return shown
        hidden = [told for told in self._behind.get((on, account), ()) if told.version < before]
        return max(hidden, key=lambda told: told.version, default=None)

    def replaced_by(self, period_id: str, on: date, before: int | None = None) -> frozenset[date]:
        """The days that replace the scheduled day, `before` as in `swapped_for`."""
        # Of what was ever said, what still holds.
        said = self._replacing.get((period_id, on), frozenset())
        return frozenset(day for day in said if self.swapped_for(period_id, day, before) == on)

    def __getitem__(self, on: date) -> Mapping[Speaker, Day]:
        return self._shown[on]

    def __contains__(self, on: object) -> bool:
        return on in self._shown

    def __iter__(self) -> Iterator[date]:
        return iter(sorted(self._shown))

    def __len__(self) -> int:
        return len(self._shown)


def _account(fact: Day) -> Speaker:
    return fact.event.period_id, fact.event.account


@dataclass(frozen=True)
class Attendance(ClientStream):
    """The client's days and the reports about them."""

    days: Days = field(default_factory=Days)
    not_arranged: tuple[Fact[ServiceDayNotArranged], ...] = ()
    reports: Mapping[str, Fact[AbsenceReportSent]] = field(default_factory=dict)
