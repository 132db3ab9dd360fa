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
Day: TypeAlias = Fact[AttendanceRecorded]


class Days(Mapping[date, Mapping[Speaker, Day]]):
    """What was said of each day, by account: the account recorded last where one spoke twice. Versions share what they have
    in common, so that one more day costs the same however many there are."""

    __slots__ = ("_behind", "_shown")

    def __init__(
        self,
        shown: Map[date, Map[Speaker, Day]] = Map(),
        behind: Map[tuple[date, Speaker], tuple[Day, ...]] = Map(),
    ) -> None:
        self._shown, self._behind = shown, behind

    def with_fact(self, fact: Day) -> Days:
        """The days with one more account of a day."""
        on, account = fact.occurred_on, _account(fact)
        day = self._shown.get(on) or Map()
        shown, behind = day.get(account), self._behind
        if shown is not None:
            earlier, later = sorted((shown, fact), key=lambda told: told.version)
            behind = behind.set((on, account), (*behind.get((on, account), ()), earlier))
            fact = later
        return Days(self._shown.set(on, day.set(account, fact)), behind)

    def with_changed(self, old: Day, new: Day) -> Days:
        """The days with the new value of an account, which may have moved to another day."""
        return self.without(old).with_fact(new)

    def without(self, fact: Day) -> Days:
        """The days without one account of a day: what the same account had said of it before shows again."""
        on, account = fact.occurred_on, _account(fact)
        hidden = self._behind.get((on, account), ())
        behind = self._behind.delete((on, account)) if hidden else self._behind
        day = self._shown[on].delete(account)
        days = Days(self._shown.set(on, day) if day else self._shown.delete(on), behind)
        for told in (self._shown[on][account], *hidden):
            if told is not fact:
                days = days.with_fact(told)
        return days

    def __getitem__(self, on: date) -> Mapping[Speaker, Day]:
        return self._shown[on]

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
