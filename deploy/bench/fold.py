"""What one more fact costs when a client has thousands of them, every second one a correction of the one before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from deploy.bench.figures import Figures, median
from deploy.bench.ground import Servers
from domain import events as e
from domain.pathway import Fact, Pathway, evolve, replay

FEW, MANY = 1_000, 8_000
CASE, PERIOD = "ca" * 16, "be" * 16
BEGIN = date(2000, 1, 3)


def measure(servers: Servers, quick: bool) -> Figures:
    """Few and many facts in turn, folded one by one; the ratio of the median times of one fact."""
    few, many = history(FEW), history(MANY)
    rounds = 5 if quick else 15
    short = [_per_fact_us(few, one_by_one=True) for _ in range(rounds)]
    long = [_per_fact_us(many, one_by_one=True) for _ in range(rounds)]
    at_once = [_per_fact_us(many, one_by_one=False) for _ in range(rounds)]
    figures = Figures()
    figures.keep(
        {"fold_ratio": median(long) / median(short)},
        "fold",
        {
            f"one_by_one_{FEW}_us": median(short),
            f"one_by_one_{MANY}_us": median(long),
            f"at_once_{MANY}_ms": median(at_once) * MANY / 1000,
        },
    )
    return figures


def history(size: int) -> list[Fact[e.Event]]:
    """So many facts of one client: days, each corrected by the fact after it."""
    facts: list[Fact[e.Event]] = []
    for number in range(0, size, 2):
        on = BEGIN + timedelta(days=number // 2)
        told = e.AttendanceRecorded(case_id=CASE, period_id=PERIOD, account="provider", day_status="present", hours=5)
        facts.append(_fact(told, on, number + 1))
        target = facts[-1].event_id
        mended = e.FactCorrected(target_event_id=target, correction_reason="wrong_entry", new_values={"hours": 4.0})
        facts.append(_fact(mended, on, number + 2))
    return facts


def _fact(event: e.Event, on: date, number: int) -> Fact[e.Event]:
    at = datetime(2025, 1, 7, tzinfo=UTC)
    return Fact(f"{number:032x}", event, on, at, number, number, "3a" * 16, "org", "organiser", "own_worker", "W", "c")


def _per_fact_us(facts: Sequence[Fact[e.Event]], *, one_by_one: bool) -> float:
    began = time.perf_counter()
    if one_by_one:
        pathway = Pathway("cc" * 16)
        for fact in facts:
            pathway = evolve(pathway, fact)
    else:
        replay("cc" * 16, facts)
    return (time.perf_counter() - began) * 1e6 / len(facts)
