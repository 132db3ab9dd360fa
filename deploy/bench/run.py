"""`kuty bench`: every figure in one run, on servers started for it; a table, and a file with what is behind it."""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence

import psutil
import psycopg

from deploy.bench import disk, feed, fold, health, http, long_client, many, rebuild, record, relay, replay, visible
from deploy.bench.against import COMPARED, compare
from deploy.bench.figures import TARGETS, Figures, reached, table
from deploy.bench.ground import Servers

log = logging.getLogger("kuty.bench")

Measure = Callable[[Servers, bool], Figures]

MEASURES: Mapping[str, tuple[Measure, tuple[str, ...]]] = {
    "record": (record.measure, ("record_ratio_32", "record_p99_ratio_32")),
    "http": (http.measure, ("http_commands_per_s", "http_workers_commands_per_s")),
    "long_client": (long_client.measure, ("long_client_ratio",)),
    "fold": (fold.measure, ("fold_ratio",)),
    "visible": (visible.measure, ("visible_p50_ms", "visible_p99_ms")),
    "feed": (feed.measure, ("feed_skipped",)),
    "rebuild": (rebuild.measure, ("rebuild_ratio", "rebuild_of_bare")),
    "replay": (replay.measure, ("replay_events_per_s", "replay_peak_mb")),
    "disk": (
        disk.measure,
        (
            "store_bytes_of_record",
            "topic_bytes_of_record",
            "topic_bytes_of_record_alone",
            "out_bytes_of_publication",
            "out_bytes_of_publication_alone",
        ),
    ),
    "relay": (relay.measure, ("relay_ratio", "relay_ratio_1000")),
    "redelivery": (many.measure_redelivery, ("redelivery_per_s", "redelivery_grown_mb")),
    "joins": (many.measure_joins, ("joins_s",)),
    "health": (health.measure, ("health_1000_ms",)),
}
"""In the order in which they are run: what fills the servers comes last."""
LIBRARIES = ("eventsourcing", "kafka-python", "psycopg", "pydantic", "cryptography", "fastapi", "uvicorn", "httptools")


def main(arguments: argparse.Namespace) -> int:
    """Measure what `arguments.only` names (none: everything), `quick` or in full, `against` another checkout where one is
    named, and write `arguments.out`.

    The exit code is 0 when every figure was measured and is what it has to be.
    """
    wanted = chosen(arguments.only or ())
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.open("a").close()  # better said before an hour of measuring than after
    figures, broken = Figures(), list[str]()
    servers = Servers()
    try:
        print(f"{servers.parts.described} {'A quick run: figures are rough.' if arguments.quick else ''}".strip())
        machine = facts(servers)
        for name in wanted:
            print(f"measuring {name} …", flush=True)
            try:
                taken = MEASURES[name][0](servers, arguments.quick)
            except Exception as error:  # what was measured before, and what comes after, is worth having without it
                log.exception("%s was not measured", name)
                print(f"  not measured: {error}", flush=True)
                broken.append(name)
                continue
            for key, value in taken.values.items():
                print(f"  {key} {value:,.6g}", flush=True)
            figures.values |= taken.values
            figures.raw |= taken.raw
            gc.collect()
    finally:
        servers.close()
    if arguments.against:
        print(f"measuring {arguments.against} …", flush=True)
        compare(figures, arguments.against, arguments.quick)
    ordered = {key: figures.values[key] for key in TARGETS if key in figures.values}
    written = {**ordered, "raw": figures.raw, "machine": {**machine, "quick": arguments.quick}}
    arguments.out.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    print(table(figures))
    print(f"Everything behind these figures: {arguments.out}")
    if broken:
        print(f"Not measured, the log says why: {', '.join(broken)}")
    return 0 if not broken and all(reached(key, value) is not False for key, value in ordered.items()) else 1


def chosen(keys: Sequence[str]) -> list[str]:
    """The measurements that give the figures. Raises UnknownFigure."""
    unknown = [key for key in keys if key not in TARGETS]
    if unknown:
        raise UnknownFigure(f"there is no figure {unknown[0]}; there is {', '.join(TARGETS)}")
    wanted = {COMPARED[key][0] if key in COMPARED else key for key in keys}
    return [name for name, (_, given) in MEASURES.items() if not keys or wanted & set(given)]


class UnknownFigure(ValueError):
    """A key that no measurement gives; the message names those that there are."""


def facts(servers: Servers) -> dict[str, str | int | float]:
    """What the figures depend on besides the code."""
    with psycopg.connect(servers.postgres.dsn) as connection:
        version, fsync, commit = (
            str(shown)
            for name in ("server_version", "fsync", "synchronous_commit")
            for (shown,) in connection.execute(f"SHOW {name}".encode())
        )
    return {
        "cores": os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": version,
        "fsync": fsync,
        "synchronous_commit": commit,
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }
