"""From a command to another agency's read model: HTTP, store, disclosure, relay, Kafka, projector, each its own process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from deploy.bench.figures import Figures, percentile
from deploy.bench.ground import Servers, bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, Refs, start
from deploy.bench.large import published
from deploy.bench.processes import running
from deploy.bench.watch import Watch
from deploy.bench.web import Connection, Door
from deploy.commands.serving import API
from deploy.local.ports import free_port
from deploy.wiring import ROLES, Wired

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
    """At 50 commands a second: the time from sending each command to its row in the payer's model."""
    seconds = 6 if quick else 40
    settings = replace(servers.settings(kafka=True), port=free_port())
    with laid_out(settings) as parts:
        clients = bring(parts.store, parts.vault, CLIENTS, lambda _: start(LONG))
        while parts.disclosure.step():
            pass
        published(parts)
        with running(settings, [API, *ROLES]):
            watch = Watch(parts, RECIPIENT)
            _settled(parts, watch)
            _drive(parts, clients, settings.port, 3 * PER_S, 0)  # warms every process up, and is not counted
            _settled(parts, watch)
            sent = _drive(parts, clients, settings.port, seconds * PER_S, 3 * PER_S)
            _settled(parts, watch)
            watch.stop()
        stages = _stages(parts, sent, watch)
    took = stages["visible"]
    figures = Figures()
    figures.keep(
        {"visible_p50_ms": percentile(took, 0.5), "visible_p99_ms": percentile(took, 0.99)},
        "visible",
        {
            "commands": len(took),
            "commands_per_s": PER_S,
            **{f"{stage}_p50_ms": percentile(times, 0.5) for stage, times in stages.items()},
            **{f"{stage}_p99_ms": percentile(times, 0.99) for stage, times in stages.items()},
        },
    )
    return figures


def _settled(parts: Wired, watch: Watch) -> None:
    """Return when everything that was recorded is in the model. Raises TimeoutError."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        told = parts.store.stream_version(f"recipient/{RECIPIENT}/1")
        if parts.store.tracking(parts.disclosure.name) == parts.store.head() and told == watch.visible.sequence:
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{RECIPIENT} was told {told} things, {watch.visible.sequence} are in its model")
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
    published = watch.published()
    stages: dict[str, list[float]] = {"answered": [], "disclosed": [], "published": [], "visible": []}
    for told, (at, answered_at) in sent.items():
        sequence = rows[told].sequence
        moments = (answered_at, watch.disclosed.at(sequence), published[sequence], watch.visible.at(sequence))
        for times, moment in zip(stages.values(), moments, strict=True):
            times.append((moment - at) * 1000)
    return stages
