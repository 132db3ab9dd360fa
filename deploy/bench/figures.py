"""Figures: medians over repeats, percentiles, what each has to reach, the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Raw: TypeAlias = "dict[str, float | int | str | list[float]]"

TARGETS: Mapping[str, tuple[Literal[">=", "<=", "<", "="], float] | None] = {
    "record_ratio_32": (">=", 5.0),
    "record_p99_ratio_32": ("<", 1.0),
    "http_commands_per_s": None,
    "http_workers_commands_per_s": None,
    "http_against_ratio": (">=", 1.6),
    "long_client_ratio": ("<=", 2.0),
    "fold_ratio": ("<=", 2.0),
    "rebuild_ratio": (">=", 22.0),
    "rebuild_of_bare": (">=", 0.45),
    "relay_ratio": (">=", 0.8),
    "relay_ratio_1000": (">=", 0.8),
    "health_1000_ms": ("<=", 50.0),
    "visible_p50_ms": ("<=", 20.0),
    "visible_p99_ms": ("<=", 60.0),
    "feed_skipped": ("=", 0.0),
    "replay_events_per_s": None,
    "replay_against_ratio": (">=", 1.5),
    "replay_peak_mb": None,
    "redelivery_per_s": (">=", 500.0),
    "redelivery_grown_mb": ("<=", 100.0),
    "joins_s": ("<=", 20.0),
    "store_bytes_of_record": ("<=", 1.3),
    "topic_bytes_of_record": ("<=", 1.0),
    "topic_bytes_of_record_alone": ("<=", 1.2),
    "out_bytes_of_publication": ("<=", 1.0),
    "out_bytes_of_publication_alone": ("<=", 1.2),
}
"""What the figures have to reach; none where the figure itself is what is asked for."""

MEANINGS: Mapping[str, str] = {
    "record_ratio_32": "commands a second, 32 callers: ours / the fastest round of stock save",
    "record_p99_ratio_32": "99th percentile of one command: ours / stock save",
    "http_commands_per_s": "the same over HTTP, one process, commands a second",
    "http_workers_commands_per_s": "the same, as many processes as cores",
    "http_against_ratio": "that / one process of the checkout that --against names",
    "long_client_ratio": "one command on 600 events / on 50 events",
    "fold_ratio": "one fact folded among 8,000, half corrections / among 1,000",
    "rebuild_ratio": "publications a second into a read model: ours / the fastest stock runner",
    "rebuild_of_bare": "the same / a bare consumer of the same bytes",
    "relay_ratio": "records a second to one topic: relay / bare producer",
    "relay_ratio_1000": "the same, spread over 1,000 recipients",
    "health_1000_ms": "GET /health with 1,000 recipients, median, ms",
    "visible_p50_ms": "from the command to another agency's model, median, ms",
    "visible_p99_ms": "the same, 99th percentile, ms",
    "feed_skipped": "events that a tailing reader missed beside 8 writers",
    "replay_events_per_s": "full replay of the store, events a second",
    "replay_against_ratio": "the same / the checkout that --against names",
    "replay_peak_mb": "its largest resident memory, MB",
    "redelivery_per_s": "publications a second repeated to one recipient",
    "redelivery_grown_mb": "memory that it takes more than the role before it, MB",
    "joins_s": "1,000 recipients join, until all stand at the head, s",
    "store_bytes_of_record": "bytes in the store / of header and body",
    "topic_bytes_of_record": "the same on the events topic, in batches of 30",
    "topic_bytes_of_record_alone": "the same, one by one",
    "out_bytes_of_publication": "on out topics / as written, in batches of 30",
    "out_bytes_of_publication_alone": "the same, one by one",
}


@dataclass(slots=True)
class Figures:
    """What was measured: the figures by their keys, and the raw ones behind each."""

    values: dict[str, float] = field(default_factory=dict)
    raw: dict[str, Raw] = field(default_factory=dict)

    def keep(self, measured: Mapping[str, float], name: str, raw: Raw) -> None:
        """Add figures with what they were made of."""
        self.values |= {key: rounded(value) for key, value in measured.items()}
        self.raw[name] = {key: _rounded(value) for key, value in raw.items()}


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def reached(key: str, value: float) -> bool | None:
    """Whether a figure is what it has to be; none where nothing is asked of it."""
    wanted = TARGETS[key]
    match wanted:
        case None:
            return None
        case (">=", limit):
            return value >= limit
        case ("<=", limit):
            return value <= limit
        case ("<", limit):
            return value < limit
        case (_, limit):
            return value == limit


def rounded(value: float) -> float:
    """Four significant digits: more would only look exact."""
    return float(f"{value:.4g}") if abs(value) < 1000 else float(round(value))


def _rounded(value: float | int | str | list[float]) -> float | int | str | list[float]:
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return rounded(value) if isinstance(value, float) else value


def table(figures: Figures) -> str:
    """The figures, one a line: value, what it has to reach, whether it does, what it means."""
    lines = [f"{'figure':<30}{'measured':>10}  {'target':>8}  {'':<6}  what it is"]
    for key, target in TARGETS.items():
        value = figures.values.get(key)
        if value is None:
            continue
        wanted = "" if target is None else f"{target[0]} {target[1]:g}"
        said = {True: "met", False: "MISSED", None: ""}[reached(key, value)]
        lines.append(f"{key:<30}{value:>10,.6g}  {wanted:>8}  {said:<6}  {MEANINGS[key]}")
    return "\n".join(lines)
