"""What a record costs on disk, beside the bytes that it is made of: in PostgreSQL's tables, and on Kafka's topics.

Counted for each event of one ledger, the same for both: its header as hashed and the clear bytes of its sections, which are
the sealed ones without nonce and tag. Of a publication: its value and the contents of its headers as they are sent.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from kafka import KafkaAdminClient

from consumers import wire
from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from consumers.log import Entry
from deploy.bench.figures import Figures
from deploy.bench.ground import Servers
from deploy.bench.large import large_ledger, on_the_wire, published
from deploy.wiring import Wired
from domain.record import Record
from domain.store import schema_of

SEALED_MORE = 12 + 16
"""Bytes by which a sealed section is longer than its clear one: nonce and tag of AES-GCM."""
PAGE = 2_000
BATCH = 30
ON_DISK_WITHIN_S = 10.0


class Sent(NamedTuple):
    """What was sent to a topic, and its bytes there. `clear` is what it is made of."""

    records: int
    clear: int
    kept: int

    @property
    def of_clear(self) -> float:
        """Bytes on disk for each byte of content."""
        return self.kept / self.clear


def measure(servers: Servers, quick: bool) -> Figures:
    """Store and topics of the large ledger; stretches of its feed go to fresh topics, in batches and one by one."""
    parts = large_ledger(servers, quick)
    events = published(parts)
    clear = clear_bytes(parts)
    kept = bytes_of_tables(parts)
    stretches = 100 if quick else 300
    sample = [range(after, after + BATCH) for after in range(0, events - BATCH, max(BATCH, events // stretches))]
    sent = [one for each in sample for one in on_the_wire(parts, each.start, each.stop)]
    clear_sent = sum(clear_of(record) for each in sample for record in parts.store.records(each.start, BATCH))
    full = {size: _sent_again(parts, sent, "events", size, clear_sent) for size in (BATCH, 1)}
    told = {size: _sent_again(parts, sent, "out", size) for size in (BATCH, 1)}
    figures = Figures()
    figures.keep(
        {
            "store_bytes_of_record": sum(kept.values()) / clear,
            "topic_bytes_of_record": full[BATCH].of_clear,
            "topic_bytes_of_record_alone": full[1].of_clear,
            "out_bytes_of_publication": told[BATCH].of_clear,
            "out_bytes_of_publication_alone": told[1].of_clear,
        },
        "disk",
        {
            "events": events,
            "header_and_body_bytes": clear / events,
            "store_bytes": sum(kept.values()) / events,
            **{f"store_bytes_{table}": size / events for table, size in kept.items()},
            **{f"topic_bytes_in_{size}": sent.kept / sent.records for size, sent in full.items()},
            **{f"out_bytes_in_{size}": sent.kept / sent.records for size, sent in told.items()},
            "publication_bytes": told[1].clear / told[1].records,
        },
    )
    return figures


def clear_of(record: Record) -> int:
    """Bytes of header and body."""
    return len(record.header_bytes) + sum(len(sealed) - SEALED_MORE for sealed in record.sections.values())


def clear_bytes(parts: Wired) -> int:
    """Header and body of every event of the ledger."""
    return sum(clear_of(record) for records in parts.store.pages(PAGE) for record in records)


def bytes_of_tables(parts: Wired) -> dict[str, int]:
    """Every table of the ledger's store with its indexes and what is kept beside it, in bytes; keys and vault are not among
    them."""
    with psycopg.connect(parts.settings.owner_dsn) as connection:
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname = %s",
            (schema_of(parts.store.ledger),),
        )
        return dict(rows.fetchall())


def _sent_again(
    parts: Wired, sent: Sequence[tuple[str, Entry]], kind: str, size: int, clear: int | None = None
) -> Sent:
    """What goes to topics of one kind, sent anew to fresh ones, so many to a batch; `clear` where it is not the entries
    themselves that it is made of."""
    by_topic: dict[str, list[Entry]] = {}
    for topic, entry in sent:
        if wire.kind_of(topic) == kind:
            by_topic.setdefault(topic, []).append(entry)
    fresh, bootstrap = f"disk-{uuid.uuid4().hex[:8]}", parts.settings.kafka
    named = {topic: topic.replace(parts.store.ledger, fresh) for topic in by_topic}
    broker = KafkaBroker(Connection(bootstrap), wire.codec_of)
    try:
        broker.create_topics({name: wire.OUT for name in named.values()})
        for topic, entries in by_topic.items():
            for start in range(0, len(entries), size):
                taken = broker.append([(named[topic], entry) for entry in entries[start : start + size]])
                if any(outcome.status != "acknowledged" for outcome in taken):
                    raise RuntimeError(f"{topic} was not taken: {taken[0]}")
        kept = bytes_of_topics(bootstrap, list(named.values()))
        broker.delete_topics(named.values())
    finally:
        broker.close()
    everything = [entry for entries in by_topic.values() for entry in entries]
    return Sent(len(everything), sum(map(_clear_entry, everything)) if clear is None else clear, kept)


def _clear_entry(entry: Entry) -> int:
    return len(entry.value) + sum(len(content) for _, content in entry.headers)


def bytes_of_topics(bootstrap: str, topics: Sequence[str]) -> int:
    """What the broker keeps of the topics, in bytes, once it no longer grows."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        seen, give_up_at = -1, time.monotonic() + ON_DISK_WITHIN_S
        while time.monotonic() < give_up_at:
            kept = sum(
                int(partition["partition_size"])
                for node in admin.describe_log_dirs(list(topics))
                for folder in node["log_dirs"]
                for topic in folder["topics"]
                for partition in topic["partitions"]
            )
            if kept == seen:
                return kept
            seen = kept
        return seen
    finally:
        admin.close()
