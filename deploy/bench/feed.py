"""Eight writers in two processes and a reader that follows the feed: does it miss an event?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from deploy.bench.figures import Figures
from deploy.bench.ground import Servers, accepted, bring, laid_out
from deploy.bench.history import INSTRUCTOR, LONG, OWN_WORKER, Refs, day, start
from deploy.bench.processes import piped
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.answers import Answer

PROCESSES, WRITERS = 2, 4
"""Writers are threads, so many in each process."""
CLIENTS_EACH = 50
WAITING = 16
"""How many commands a writer has on their way at a time."""
PAGE = 5_000


def measure(servers: Servers, quick: bool) -> Figures:
    """Read what is there as soon as it is said to be, and compare with what is there in the end."""
    events = 10_000 if quick else 100_000
    settings = servers.settings(kafka=False)
    with laid_out(settings) as parts:
        clients = bring(parts.store, parts.vault, PROCESSES * WRITERS * CLIENTS_EACH, lambda _: start(LONG))
        first = parts.store.head()
        began = time.perf_counter()
        writers = [_writing(settings, clients[number::PROCESSES], events // PROCESSES) for number in range(PROCESSES)]
        seen = _follow(parts, first, writers)
        took = time.perf_counter() - began
        there = _event_ids(parts, first)
    for writer in writers:
        if writer.returncode != 0:
            raise RuntimeError(f"a writer ended with {writer.returncode}")
    figures = Figures()
    skipped = len(there.keys() - seen.keys()) + sum(there[event] != seen.get(event, there[event]) for event in there)
    figures.keep(
        {"feed_skipped": float(skipped)},
        "feed",
        {"events": len(there), "writers": PROCESSES * WRITERS, "processes": PROCESSES, "events_per_s": len(there) / took},
    )
    return figures


def _writing(settings: Settings, clients: list[Refs], events: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.bench.feed", str(events)],
        env={**os.environ, **settings.environment()},
        stdin=subprocess.PIPE,
        text=True,
    )
    with piped(process.stdin) as line:
        line.write(json.dumps(clients))
    return process


def _follow(parts: Wired, position: int, writers: list[subprocess.Popen[str]]) -> dict[str, int]:
    """Event ids with their positions, as a reader that only ever looks behind its own position gets them."""
    seen: dict[str, int] = {}
    while True:
        ended = all(writer.poll() is not None for writer in writers)
        records = parts.store.records(position, PAGE)
        for record in records:
            seen[record.header.event_id] = position = record.position
        if not records:
            if ended:
                return seen
            parts.store.wait_for_commit(0.1, after=position)


def _event_ids(parts: Wired, after: int) -> dict[str, int]:
    """What is there, read when nobody writes any more."""
    there: dict[str, int] = {}
    while records := parts.store.records(after, PAGE):
        there |= {record.header.event_id: record.position for record in records}
        after = records[-1].position
    return there


def main(events: int) -> None:
    """Write as several threads, on the clients that come in; the ledger is that of the environment's settings."""
    clients: list[Refs] = json.load(sys.stdin)
    parts = open_ledger_parts(Settings.from_environment())
    with ThreadPoolExecutor(WRITERS) as pool:
        for writing in [pool.submit(_write, parts, clients[w::WRITERS], events // WRITERS) for w in range(WRITERS)]:
            writing.result()
    parts.close()


def _write(parts: Wired, clients: list[Refs], events: int) -> None:
    waiting: deque[Future[Answer]] = deque()
    asked = (
        (by, refs, day(by, on).command(refs)) for on in LONG.days() for by in (INSTRUCTOR, OWN_WORKER) for refs in clients
    )
    for _, (by, refs, command) in zip(range(events), asked, strict=False):
        waiting.append(parts.store.submit(command, by, uuid.uuid4().hex, client=refs["client"]))
        if len(waiting) >= WAITING:
            accepted(command.NAME, [waiting.popleft().result()])
    accepted("record_attendance", [future.result() for future in waiting])


if __name__ == "__main__":
    main(int(sys.argv[1]))
