"""From a command to another agency's read model: HTTP, store, disclosure, relay, Kafka, projector, each its own process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import psycopg
from psycopg import sql

from deploy.bench.figures import Figures, percentile
from deploy.bench.ground import Servers, bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, Refs, start
from deploy.bench.large import published
from deploy.bench.processes import running
from deploy.bench.web import Connection, Door
from deploy.commands.serving import API
from deploy.local.ports import free_port
from deploy.wiring import ROLES, Wired
from projections.read_models import schema_name

RECIPIENT = "kela-benefit-payment"
"""It is told every day that the provider records."""
PER_S = 50
CLIENTS = 50
CONNECTIONS = 16
LOOK_S = 0.002
DEADLINE_S = 30.0

Told = tuple[str, date]
"""A client by the recipient's name for it, and a day."""


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
            watch = _Watch(settings.owner_dsn, schema_name(settings.ledger, RECIPIENT))
            _settled(parts, watch)
            _drive(parts, clients, settings.port, 3 * PER_S, 0)  # warms every process up, and is not counted
            _settled(parts, watch)
            sent = _drive(parts, clients, settings.port, seconds * PER_S, 3 * PER_S)
            _settled(parts, watch)
            watch.stop()
        took = list(_times(parts, sent, watch))
    figures = Figures()
    figures.keep(
        {"visible_p50_ms": percentile(took, 0.5) * 1000, "visible_p99_ms": percentile(took, 0.99) * 1000},
        "visible",
        {
            "commands": len(took),
            "commands_per_s": PER_S,
            "p90_ms": percentile(took, 0.9) * 1000,
            "largest_ms": max(took) * 1000,
        },
    )
    return figures


class _Watch:
    """Looks at the model every two milliseconds: when was each sequence there?"""

    def __init__(self, dsn: str, schema: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._ask = sql.SQL("SELECT coalesce(max(sequence), 0) FROM {}.generations").format(sql.Identifier(schema))
        self._stopping = threading.Event()
        self.sequence = 0
        self.seen: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def at(self, sequence: int) -> float:
        """When the sequence was first seen there."""
        return next(when for reached, when in self.seen if reached >= sequence)

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            found = self._connection.execute(self._ask).fetchone()
            if found is not None and found[0] > self.sequence:
                self.sequence = found[0]
                self.seen.append((self.sequence, time.perf_counter()))


def _settled(parts: Wired, watch: _Watch) -> None:
    """Return when everything that was recorded is in the model. Raises TimeoutError."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        told = parts.store.stream_version(f"recipient/{RECIPIENT}/1")
        if parts.store.tracking(parts.disclosure.name) == parts.store.head() and told == watch.sequence:
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{RECIPIENT} was told {told} things, {watch.sequence} are in its model")
        time.sleep(0.1)


def _drive(parts: Wired, clients: list[Refs], port: int, count: int, skip: int) -> dict[Told, float]:
    """Send commands, each at its moment, whatever became of those before; when each was sent."""
    door, names = Door(parts), parts.pseudonyms(RECIPIENT)
    days = list(LONG.days())
    sent: dict[Told, float] = {}

    async def connection(numbers: Iterator[int], began: float) -> None:
        async with Connection(port) as open_one:
            for number in numbers:
                refs, on = clients[number % CLIENTS], days[number // CLIENTS]
                request = door.attendance(INSTRUCTOR, refs, on.isoformat())
                await asyncio.sleep(max(0.0, began + (number - skip) / PER_S - time.perf_counter()))
                sent[names.of(refs["client"]), on] = time.perf_counter()
                await open_one.post(request)

    async def all_of_them() -> None:
        numbers, began = iter(range(skip, skip + count)), time.perf_counter()
        await asyncio.gather(*(connection(numbers, began) for _ in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    return sent


def _times(parts: Wired, sent: dict[Told, float], watch: _Watch) -> Iterator[float]:
    with parts.models.of(RECIPIENT).look() as look:
        rows = {(row.client, row.occurred_on): row for row in look.everything() if row.name == "attendance.recorded"}
    for told, at in sent.items():
        yield watch.at(rows[told].sequence) - at
