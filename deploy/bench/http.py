"""The same commands over HTTP: the API in one process of its own, then in as many as there are cores; 32 connections from
this one, which shares the cores with them and with the database."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import psutil

from deploy.bench.figures import Figures, median, percentile
from deploy.bench.ground import Servers, bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, OWN_WORKER, Refs, start
from deploy.bench.processes import running
from deploy.bench.record import CALLERS
from deploy.bench.web import Connection, Door
from deploy.commands.serving import API
from deploy.local.ports import free_port

CLIENTS_EACH = 12
DEADLINE_S = 60.0


def measure(servers: Servers, quick: bool) -> Figures:
    """The medians over rounds of commands a second."""
    rounds, seconds = (3, 2.0) if quick else (7, 4.0)
    figures = Figures()
    for key, processes in (("http_commands_per_s", 1), ("http_workers_commands_per_s", os.cpu_count() or 1)):
        taken = _measured(servers, processes, rounds, seconds)
        rate = median(per_s for per_s, _ in taken)
        figures.keep(
            {key: rate},
            key.removesuffix("_commands_per_s"),
            {
                "processes": processes,
                "commands_per_s": rate,
                "p50_ms": median(percentile(latencies, 0.5) for _, latencies in taken) * 1000,
                "p99_ms": median(percentile(latencies, 0.99) for _, latencies in taken) * 1000,
                "commands_per_s_rounds": [per_s for per_s, _ in taken],
            },
        )
    return figures


def _measured(servers: Servers, processes: int, rounds: int, seconds: float) -> list[tuple[float, list[float]]]:
    settings = replace(servers.settings(kafka=False), port=free_port(), api_workers=processes)
    with laid_out(settings) as parts:
        clients = bring(parts.store, parts.vault, CALLERS * CLIENTS_EACH, lambda _: start(LONG))
        door = Door(parts)
        supplies = [requests(door, clients[caller::CALLERS]) for caller in range(CALLERS)]
        with running(settings, [API]):
            _all_listen(settings.port, processes)
            asyncio.run(_round(settings.port, supplies, seconds))
            return [asyncio.run(_round(settings.port, supplies, seconds)) for _ in range(rounds)]


def _all_listen(port: int, processes: int) -> None:
    """Return when so many processes listen on the port. Raises TimeoutError."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        ends = psutil.net_connections("tcp4")
        if sum(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in ends) == processes:
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"there are not {processes} processes that listen on port {port}")
        time.sleep(0.1)


def requests(door: Door, clients: Sequence[Refs]) -> Iterator[bytes]:
    """Day after day, each client in turn, by the instructor and by the own worker."""
    for on in LONG.days():
        for by in (INSTRUCTOR, OWN_WORKER):
            for refs in clients:
                yield door.attendance(by, refs, on.isoformat())


async def _round(port: int, supplies: Sequence[Iterator[bytes]], seconds: float) -> tuple[float, list[float]]:
    latencies: list[float] = []
    stop_at = time.perf_counter() + seconds

    async def caller(supply: Iterator[bytes]) -> None:
        async with Connection(port) as connection:
            while (began := time.perf_counter()) < stop_at:
                await connection.post(next(supply))
                latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller(supply) for supply in supplies))
    return len(latencies) / (time.perf_counter() - began), latencies
