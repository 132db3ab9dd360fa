"""What a long record costs: one command on a client with 600 events, and on one with 50."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from deploy.bench.figures import Figures, median
from deploy.bench.ground import Servers, accepted, bring, laid_out
from deploy.bench.history import COUNTY, INSTRUCTOR, LONG, OWN_WORKER, Asked, Refs, day, start
from domain.context import Caller
from domain.store import EventStore

SHORT_EVENTS, LONG_EVENTS = 50, 600
PAIRS = 4
"""So many clients of each kind take turns."""


def measure(servers: Servers, quick: bool) -> Figures:
    """One caller, clients of both kinds in turn; the ratio of the median times."""
    times = 10 if quick else 40
    short: list[float] = []
    long: list[float] = []
    with laid_out(servers.settings(kafka=False)) as parts:
        store = parts.store
        clients = bring(store, parts.vault, 2 * PAIRS, lambda _: start(LONG))
        supplies = [_days(refs) for refs in clients]
        for number, (refs, supply) in enumerate(zip(clients, supplies, strict=True)):
            wanted = SHORT_EVENTS if number < PAIRS else LONG_EVENTS
            while store.stream_version(refs["client"]) < wanted - times // PAIRS:
                _timed(store, next(supply), refs)
        for turn in range(times // PAIRS):
            for number in range(PAIRS):
                for kept, place in ((short, number), (long, PAIRS + number)):
                    took = _timed(store, next(supplies[place]), clients[place])
                    if turn:  # the first one of each reads the pathway, and is not counted
                        kept.append(took * 1000)
        events = [store.stream_version(clients[place]["client"]) for place in (0, PAIRS)]
    figures = Figures()
    figures.keep(
        {"long_client_ratio": median(long) / median(short)},
        "long_client",
        {"short_ms": median(short), "long_ms": median(long), "short_events": events[0], "long_events": events[1]},
    )
    return figures


def _days(refs: Refs) -> Iterator[Asked]:
    client = Caller(COUNTY, "organiser", "client", refs["client"])
    for on in LONG.days():
        for by in (INSTRUCTOR, OWN_WORKER, client):
            yield day(by, on)


def _timed(store: EventStore, asked: Asked, refs: Refs) -> float:
    by, command = asked.by(refs), asked.command(refs)
    began = time.perf_counter()
    answer = store.execute(command, by, uuid.uuid4().hex, client=refs["client"])
    took = time.perf_counter() - began
    accepted(command.NAME, [answer])
    return took
