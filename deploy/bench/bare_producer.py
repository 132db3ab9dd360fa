"""What the Kafka client alone does with the same bytes and settings: the yardstick of the relay."""

import time
from collections.abc import Sequence

from consumers.broker_settings import Connection
from consumers.kafka_inside import learn_topics
from consumers.kafka_producer import open_producer
from consumers.log import Entry

METADATA_DEADLINE_S = 30.0


def produce_bare(bootstrap: str, topic_entries: Sequence[tuple[str, Entry]], window: int | None = None) -> float:
    """Records per second of a bare idempotent producer (acks of all replicas) that sends the entries and waits
    once for all of them, or after every `window` records.

    Making the client and its metadata ready is not counted: the relay does it once in its life. Raises the
    client's error when a record is not acknowledged.
    """
    producer = open_producer(Connection(bootstrap))
    try:
        learn_topics(producer, {topic for topic, _ in topic_entries}, time.monotonic() + METADATA_DEADLINE_S)
        size = window or len(topic_entries)
        started = time.perf_counter()
        for start in range(0, len(topic_entries), size):
            futures = [
                producer.send(topic, entry.value, entry.key, list(entry.headers), 0)
                for topic, entry in topic_entries[start : start + size]
            ]
            producer.flush()
            for future in futures:
                future.get(0)
        return len(topic_entries) / (time.perf_counter() - started)
    finally:
        producer.close()
