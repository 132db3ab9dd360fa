"""Which case a question is about, and which facts count on the day asked about.

A question about a case is about the one that is open on the day, else the last one before it; an earlier one by its
reference. From which day on a fact counts it declares itself (`domain.event.Counts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pydantic import Field

from domain.catalogue import EVENTS
from projections.questions import Answer, ClientPseudonym, OfClient, View
from projections.read_models import Row

CASE_FACTS = ("case.opened", "case.closed")


class OfCase(OfClient):
    """A question about one case of a client: `case` is its reference, none means the one open on the day, else the last."""

    case: ClientPseudonym | None = Field(
        None, description="Your own name for the case: 1 to 80 characters. None means the open one, else the last."
    )


class ClientCase(Answer):
    """One case of the client, as far as the dates are told."""

    case_id: str
    opened_on: date | None
    closed_on: date | None

    def is_open(self, on: date) -> bool:
        """Whether it had not been closed by the end of the day."""
        return self.closed_on is None or on < self.closed_on


def counts_from(row: Row) -> date:
    """The day from which the fact counts."""
    event = EVENTS.get(row.name)
    return event.FOUND.counts_from(row.occurred_on, row.from_on) if event else row.occurred_on


def by_the_day(rows: Iterable[Row], on: date) -> list[Row]:
    """The facts that count by the end of the day."""
    return [row for row in rows if counts_from(row) <= on]


def cases_from(rows: Iterable[Row], on: date) -> list[ClientCase]:
    """The client's cases that were opened by the day, the first one first."""
    known = by_the_day(rows, on)
    closed = {row.part: row.occurred_on for row in known if row.name == "case.closed"}
    opened = sorted((row for row in known if row.name == "case.opened"), key=lambda row: (row.occurred_on, row.sequence))
    return [
        ClientCase(case_id=row.part or "", opened_on=row.occurred_on, closed_on=closed.get(row.part)) for row in opened
    ]


def case_asked(cases: list[ClientCase], case: str | None, on: date) -> ClientCase | None:
    """The case of the reference; without one the case that is open on the day, else the last."""
    if case is not None:
        return next((each for each in cases if each.case_id == case), None)
    return next((each for each in reversed(cases) if each.is_open(on)), cases[-1] if cases else None)


def of_case(rows: Iterable[Row], case: str | None) -> list[Row]:
    """The facts of one case, and those that belong to none."""
    return [row for row in rows if row.body.get("case_id") in (None, case)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a question about a case looks at, by the day: the client's cases, the one asked about, its facts and those that
    belong to no case; and the facts of all cases."""

    cases: list[ClientCase]
    case: ClientCase | None
    rows: list[Row]
    of_all: list[Row]

    @property
    def case_id(self) -> str | None:
        """The case asked about."""
        return self.case.case_id if self.case else None


def seen_by(view: View, asked: OfCase, *names: str) -> Seen:
    """The facts of these names."""
    rows = by_the_day(view.rows(*CASE_FACTS, *names, client=asked.client), view.on)
    cases = cases_from(rows, view.on)
    case = case_asked(cases, asked.case, view.on)
    if case is None:
        # Nothing is known of a case that nobody told of, and of none at all there is nothing to tell apart.
        return Seen(cases, None, [] if asked.case is not None else rows, rows)
    return Seen(cases, case, of_case(rows, case.case_id), rows)
