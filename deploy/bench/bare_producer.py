"""What the Kafka client alone does with the same bytes and settings: the yardstick of the relay."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from consumers.broker_settings import Connection
from consumers.kafka_inside import learn_topics
from consumers.kafka_producer import open_producer
from consumers.log import Entry
from consumers.wire import codec_of

METADATA_DEADLINE_S = 30.0


def produce_bare(bootstrap: str, topic_entries: Sequence[tuple[str, Entry]], window: int | None = None) -> float:
    """Records per second of bare idempotent producers (acks of all replicas) that send the entries and wait
    once for all of them, or after every `window` records. A producer packs everything by one codec, so that there is one of
    it for each codec of the topics.

    Making the clients and their metadata ready is not counted: the relay does it once in its life. Raises the
    client's error when a record is not acknowledged.
    """
    topics = {topic for topic, _ in topic_entries}
    with ExitStack() as opened:
        producers: dict[int, Any] = {}
        for codec in sorted({codec_of(topic) for topic in topics}):
            producers[codec] = open_producer(Connection(bootstrap), codec)
            opened.callback(producers[codec].close)
            own = {topic for topic in topics if codec_of(topic) == codec}
            learn_topics(producers[codec], own, time.monotonic() + METADATA_DEADLINE_S)
        sender = {topic: producers[codec_of(topic)] for topic in topics}
        size = window or len(topic_entries)
        started = time.perf_counter()
        for start in range(0, len(topic_entries), size):
            futures = [
                sender[topic].send(topic, entry.value, entry.key, list(entry.headers), 0)
                for topic, entry in topic_entries[start : start + size]
            ]
            for producer in producers.values():
                producer.flush()
            for future in futures:
                future.get(0)
        return len(topic_entries) / (time.perf_counter() - started)
