"""The whole store read again, in a process of its own: every digest checked, every event opened, every pathway folded."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from deploy.bench.figures import Figures, median
from deploy.bench.ground import Servers
from deploy.bench.large import large_ledger
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts
from domain.pathway import Pathway, evolve
from domain.record import Damaged, fact_of
from domain.streams import is_client_stream

PAGE = 2_000


def measure(servers: Servers, quick: bool) -> Figures:
    """The median over rounds, each in a fresh process."""
    parts = large_ledger(servers, quick)
    environment = {**os.environ, **parts.settings.environment()}
    taken = []
    for _ in range(2 if quick else 5):
        done = subprocess.run(
            [sys.executable, "-m", "deploy.bench.replay"], env=environment, check=True, capture_output=True, text=True
        )
        taken.append(json.loads(done.stdout))
    per_s, peak = median(one["per_s"] for one in taken), max(one["peak_mb"] for one in taken)
    figures = Figures()
    figures.keep(
        {"replay_events_per_s": per_s, "replaypeak_mb": peak},
        "replay",
        {"events": taken[0]["events"], "clients": taken[0]["clients"], "mb_before": taken[0]["before_mb"]},
    )
    return figures


def main() -> None:
    """Replay the ledger of the environment's settings and print what it took."""
    look_seldom_for_garbage()
    parts = open_ledger_parts(Settings.from_environment())
    before = peak_mb()
    began, position = time.perf_counter(), 0
    ends: dict[str, str] = {}
    pathways: dict[str, Pathway] = {}
    for records in parts.store.pages(PAGE):
        for record, event in zip(records, parts.store.opened_all(records), strict=True):
            header = record.header
            if record.position != position + 1 or header.previous_hash != ends.get(header.stream, ""):
                raise Damaged(f"position {record.position} does not follow")
            position, ends[header.stream] = record.position, record.hash
            if is_client_stream(header.stream):
                known = pathways.get(header.stream) or Pathway(header.stream)
                pathways[header.stream] = evolve(known, fact_of(record, event))
    took = time.perf_counter() - began
    print(
        json.dumps(
            {
                "events": position,
                "clients": len(pathways),
                "per_s": position / took,
                "peak_mb": peak_mb(),
                "before_mb": before,
            }
        )
    )
    parts.close()


def peak_mb() -> float:
    """Of this process alone: what `getrusage` says may be its parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    main()
