"""The relay from the store to Kafka, beside a bare producer that is given the same bytes and settings."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from deploy.bench.bare_producer import produce_bare
from deploy.bench.figures import Figures, median
from deploy.bench.ground import Servers
from deploy.bench.history import COUNTY
from deploy.bench.large import large_ledger, on_the_wire, published
from deploy.bench.many import RECIPIENTS, joined
from deploy.wiring import Wired
from domain.context import Caller, Draft
from domain.events import AttendanceRecorded, DisclosureMade, Event
from domain.record import Record

STREAMS = 500
FOLLOWER = "bench"
PORTION = 1_000
SYSTEM = Caller(COUNTY, "organiser", "system", "system")


class Rate(NamedTuple):
    """Records a second of both sides in one round."""

    ours: float
    bare: float


def measure(servers: Servers, quick: bool) -> Figures:
    """To the events topic alone, and spread over 1,000 recipients."""
    rounds, events = (3, 4_000) if quick else (7, 10_000)
    parts = large_ledger(servers, quick)
    published(parts)
    days, told = _examples(parts)
    append(parts, _on_one_topic(days, (rounds + 1) * events))
    one = _rounds(parts, servers.kafka.bootstrap, rounds, events)
    recipients = joined(parts)
    append(parts, _to_recipients(told, recipients, (rounds + 1) * events))
    many = _rounds(parts, servers.kafka.bootstrap, rounds, events)
    figures = Figures()
    figures.keep(
        {"relay_ratio": _ratio(one), "relay_ratio_1000": _ratio(many)},
        "relay",
        {
            "one_topic_per_s": median(rate.ours for rate in one),
            "one_topic_bare_per_s": median(rate.bare for rate in one),
            "recipients": RECIPIENTS,
            "recipients_per_s": median(rate.ours for rate in many),
            "recipients_bare_per_s": median(rate.bare for rate in many),
        },
    )
    return figures


def append(parts: Wired, places: Iterator[tuple[str, Draft]]) -> None:
    """Seal drafts in their streams and append them as a follower does."""
    ends: dict[str, tuple[int, str]] = {}
    portion: list[Record] = []

    def write() -> None:
        position = parts.store.tracking(FOLLOWER)
        parts.store.append(portion, tracking=(FOLLOWER, position, position + len(portion)))
        portion.clear()

    directory, at = parts.store.directory, parts.store.now()
    for stream, draft in places:
        version, hash_ = ends.get(stream) or parts.store.stream_end(stream)
        record = parts.store.build(
            stream, version + 1, hash_, draft, SYSTEM, draft.event_id, recorded_at=at, directory=directory
        )
        ends[stream] = (version + 1, record.hash)
        portion.append(record)
        if len(portion) == PORTION:
            write()
    if portion:
        write()


def _rounds(parts: Wired, bootstrap: str, rounds: int, events: int) -> list[Rate]:
    """Slices of the feed in turn: first the relay, then the bare producer with what the relay sent."""
    taken: list[Rate] = []
    parts.relay.step()
    while len(taken) < rounds and parts.relay.position < parts.store.head():
        before = parts.relay.position
        began = time.perf_counter()
        while parts.relay.position < min(before + events, parts.store.head()):
            parts.relay.step()
        took = time.perf_counter() - began
        sent = on_the_wire(parts, before, parts.relay.position)
        taken.append(Rate(len(sent) / took, produce_bare(bootstrap, sent)))
    published(parts)
    return taken


def _ratio(rates: Sequence[Rate]) -> float:
    return median(rate.ours / rate.bare for rate in rates)


def _examples(parts: Wired) -> tuple[list[tuple[str, Event]], list[tuple[str, Event]]]:
    """Days and disclosures as they stand in the feed, each with its matter."""
    days = _first(parts, AttendanceRecorded.NAME)
    return days, _first(parts, DisclosureMade.NAME)


def _first(parts: Wired, name: str) -> list[tuple[str, Event]]:
    records = parts.store.records(0, PORTION, (name,))
    events = parts.store.opened_all(records)
    return [(record.header.matter, event) for record, event in zip(records, events, strict=True) if isinstance(event, Event)]


def _on_one_topic(days: Sequence[tuple[str, Event]], count: int) -> Iterator[tuple[str, Draft]]:
    streams = [f"bench/{number}" for number in range(STREAMS)]  # no client of whom anybody would have to be told
    for number in range(count):
        matter, event = days[number % len(days)]
        yield streams[number % STREAMS], Draft(event, uuid.uuid4().hex, date(2025, 3, 3), matter)


def _to_recipients(told: Sequence[tuple[str, Event]], recipients: Sequence[str], count: int) -> Iterator[tuple[str, Draft]]:
    for number in range(count):
        matter, event = told[number % len(told)]
        stream = f"recipient/{recipients[number % len(recipients)]}/1"
        yield stream, Draft(event, uuid.uuid4().hex, date(2025, 3, 3), matter, causation=uuid.uuid4().hex)
