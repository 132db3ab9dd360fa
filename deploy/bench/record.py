"""Recording: real commands of 32 callers on different clients, beside the stock library's `save` at the same concurrency."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import NamedTuple

from deploy.bench.figures import Figures, median, percentile
from deploy.bench.ground import Servers, accepted, bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, OWN_WORKER, Refs, day, start
from deploy.bench.stock import saver, stock_application
from domain.chapters.attendance.decisions import RecordAttendance
from domain.commands import Command
from domain.context import Caller
from domain.store import EventStore

CALLERS = 32
CLIENTS_EACH, TURNS, DAYS = 40, 4, 60
"""A caller has so many clients; some of them take turns until they have so many days, then the next ones: records as long
as AS-1's."""


class Round(NamedTuple):
    """One round of one side. Latencies in milliseconds."""

    per_s: float
    p50: float
    p99: float


Supply = Iterator[tuple[Caller, Command, str, str]]
"""What one caller goes on asking: who, what, under which id, of which client."""
AT_MOST_PER_S = 8_000


def measure(servers: Servers, quick: bool) -> Figures:
    """Rounds of both sides in turn: medians of ours, beside the fastest one of the stock library."""
    rounds, seconds = (3, 2.0) if quick else (7, 3.0)
    ours: list[Round] = []
    threads: list[Round] = []
    stock: list[Round] = []
    stock_database = servers.postgres.fresh_database()
    with laid_out(servers.settings(kafka=False)) as parts, stock_application(stock_database) as application:
        clients = bring(parts.store, parts.vault, CALLERS * CLIENTS_EACH, lambda _: start(LONG))
        supplies = [supply(clients[caller::CALLERS]) for caller in range(CALLERS)]
        savers = [saver(application, application.begin()) for _ in range(CALLERS)]
        for number in range(rounds + 1):
            first = number == 0  # warms both up, and is not counted
            took = [
                asyncio.run(_tasks(parts.store, portions(supplies, seconds), seconds)),
                _threads(savers, seconds),
                _threads([_of_thread(parts.store, each) for each in portions(supplies, seconds / 3)], seconds / 3),
            ]
            if not first:
                for kept, round_ in zip((ours, stock, threads), took, strict=True):
                    kept.append(round_)
    figures = Figures()
    rate, their_rate = median(r.per_s for r in ours), median(r.per_s for r in stock)
    p99, their_p99 = median(r.p99 for r in ours), median(r.p99 for r in stock)
    figures.keep(
        {
            "record_ratio_32": rate / max(s.per_s for s in stock),
            "record_p99_ratio_32": median(r.p99 / s.p99 for r, s in zip(ours, stock, strict=True)),
        },
        "record",
        {
            "commands_per_s": rate,
            "p50_ms": median(r.p50 for r in ours),
            "p99_ms": p99,
            "commands_per_s_rounds": [r.per_s for r in ours],
            "commands_per_s_from_threads": median(r.per_s for r in threads),
            "p99_ms_from_threads": median(r.p99 for r in threads),
            "stock_per_s": their_rate,
            "stock_p50_ms": median(r.p50 for r in stock),
            "stock_p99_ms": their_p99,
            "stock_per_s_rounds": [r.per_s for r in stock],
        },
    )
    return figures


def supply(clients: Sequence[Refs]) -> Supply:
    """Day after day, each client in turn: what the instructor says of it, then what the own worker says."""
    for first in range(0, len(clients), TURNS):
        for on in islice(LONG.days(), DAYS):
            for by in (INSTRUCTOR, OWN_WORKER):
                for refs in clients[first : first + TURNS]:
                    yield by, day(by, on).command(refs), uuid.uuid4().hex, refs["client"]


def portions(supplies: list[Supply], seconds: float) -> list[Supply]:
    """Enough for one round, made before its time begins: what is measured goes from the decision to the commit.

    What is left of it comes first in the next one.
    """
    enough = int(seconds * AT_MOST_PER_S / len(supplies))
    ready: list[Supply] = [iter(list(islice(each, enough))) for each in supplies]
    supplies[:] = [chain(left, each) for left, each in zip(ready, supplies, strict=True)]
    return ready


async def _tasks(store: EventStore, supplies: Sequence[Supply], seconds: float) -> Round:
    """The callers as tasks of one event loop, as the API has them."""
    latencies: list[float] = []
    stop_at = time.perf_counter() + seconds

    async def caller(each: Supply) -> None:
        while (began := time.perf_counter()) < stop_at:
            by, command, command_id, client = next(each)
            answer = await store.execute_async(command, by, command_id, client=client)
            latencies.append(time.perf_counter() - began)
            accepted(RecordAttendance.NAME, [answer])

    began = time.perf_counter()
    await asyncio.gather(*(caller(each) for each in supplies))
    return _round(latencies, time.perf_counter() - began)


def _of_thread(store: EventStore, each: Supply) -> Callable[[int], None]:
    def command(number: int) -> None:
        by, command, command_id, client = next(each)
        accepted(RecordAttendance.NAME, [store.execute(command, by, command_id, client=client)])

    return command


def _threads(callers: Sequence[Callable[[int], None]], seconds: float) -> Round:
    latencies: list[float] = []
    stop_at = time.perf_counter() + seconds

    def run(call: Callable[[int], None]) -> None:
        number = 0
        while (began := time.perf_counter()) < stop_at:
            call(number)
            latencies.append(time.perf_counter() - began)
            number += 1

    began = time.perf_counter()
    with ThreadPoolExecutor(len(callers)) as pool:
        for done in [pool.submit(run, call) for call in callers]:
            done.result()
    return _round(latencies, time.perf_counter() - began)


def _round(latencies: list[float], seconds: float) -> Round:
    return Round(len(latencies) / seconds, percentile(latencies, 0.5) * 1000, percentile(latencies, 0.99) * 1000)
