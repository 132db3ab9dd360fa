"""From a command to another agency's read model: HTTP, store, disclosure, relay, Kafka, projector, each its own process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from deploy.bench.figures import Figures, median, percentile
from deploy.bench.ground import Servers, bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, Refs, start
from deploy.bench.large import published
from deploy.bench.processes import running
from deploy.bench.watch import Watch
from deploy.bench.web import Connection, Door
from deploy.commands.serving import API
from deploy.local.ports import free_port
from deploy.wiring import PROVISIONER, ROLES, Wired

RECIPIENT = "kela-benefit-payment"
"""It is told every day that the provider records."""
PER_S = 50
CLIENTS = 50
CONNECTIONS = 16
DEADLINE_S = 30.0

Told = tuple[str, date]
"""A client by the recipient's name for it, and a day."""


class Sent(NamedTuple):
    """When a command was sent, and when its answer had come."""

    at: float
    answered_at: float


def measure(servers: Servers, quick: bool) -> Figures:
    """At 50 commands a second: the time from sending each command to its row in the payer's model; medians of rounds."""
    rounds, each = (2, 4 * PER_S) if quick else (7, 8 * PER_S)
    settings = replace(servers.settings(kafka=True), port=free_port())
    taken: list[dict[str, list[float]]] = []
    with laid_out(settings) as parts:
        clients = bring(parts.store, parts.vault, CLIENTS, lambda _: start(LONG))
        while parts.disclosure.step():
            pass
        published(parts)
        with running(settings, [API, PROVISIONER, *ROLES]):
            _settled(parts)
            with Watch(parts, RECIPIENT) as watch:
                for number in range(rounds + 1):
                    sent = _drive(parts, clients, settings.port, each, number * each)
                    _settled(parts)
                    if number:  # the first one warms every process up, and is not counted
                        taken.append(_stages(parts, sent, watch))
    stages = {
        f"{stage}_p{share}_ms": median(percentile(one[stage], share / 100) for one in taken)
        for share in (50, 99)
        for stage in taken[0]
    }
    figures = Figures()
    figures.keep(
        {"visible_p50_ms": stages["visible_p50_ms"], "visible_p99_ms": stages["visible_p99_ms"]},
        "visible",
        {
            "commands": rounds * each,
            "commands_per_s": PER_S,
            **stages,
            "visible_p50_ms_rounds": [percentile(one["visible"], 0.5) for one in taken],
            "visible_p99_ms_rounds": [percentile(one["visible"], 0.99) for one in taken],
        },
    )
    return figures


def _settled(parts: Wired) -> None:
    """Return when everything that was recorded is in the model. Raises TimeoutError."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        told = parts.store.stream_version(f"recipient/{RECIPIENT}/1")
        there = max((line.sequence for line in parts.models.of(RECIPIENT).positions().values()), default=0)
        if parts.store.tracking(parts.disclosure.name) == parts.store.head() and told == there:
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{RECIPIENT} was told {told} things, {there} are in its model")
        time.sleep(0.1)


def _drive(parts: Wired, clients: list[Refs], port: int, count: int, skip: int) -> dict[Told, Sent]:
    """Send commands, each at its moment, whatever became of those before; when each was sent and answered."""
    door, names = Door(parts), parts.pseudonyms(RECIPIENT)
    days = list(LONG.days())
    sent: dict[Told, Sent] = {}

    async def connection(numbers: Iterator[int], began: float) -> None:
        async with Connection(port) as open_one:
            for number in numbers:
                refs, on = clients[number % CLIENTS], days[number // CLIENTS]
                request = door.attendance(INSTRUCTOR, refs, on.isoformat())
                await asyncio.sleep(max(0.0, began + (number - skip) / PER_S - time.perf_counter()))
                at = time.perf_counter()
                await open_one.post(request)
                sent[names.of(refs["client"]), on] = Sent(at, time.perf_counter())

    async def all_of_them() -> None:
        numbers, began = iter(range(skip, skip + count)), time.perf_counter()
        await asyncio.gather(*(connection(numbers, began) for _ in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    return sent


def _stages(parts: Wired, sent: dict[Told, Sent], watch: Watch) -> dict[str, list[float]]:
    """Milliseconds from the sending of each command until it was answered, disclosed, published, visible."""
    with parts.models.of(RECIPIENT).look() as look:
        rows = {(row.client, row.occurred_on): row for row in look.everything() if row.name == "attendance.recorded"}
    published, disclosed = watch.published(), watch.disclosed()
    stages: dict[str, list[float]] = {"answered": [], "disclosed": [], "published": [], "visible": []}
    for told, (at, answered_at) in sent.items():
        sequence = rows[told].sequence
        moments = (answered_at, disclosed[sequence], published[sequence], watch.visible.at(sequence))
        for times, moment in zip(stages.values(), moments, strict=True):
            times.append((moment - at) * 1000)
    return stages
