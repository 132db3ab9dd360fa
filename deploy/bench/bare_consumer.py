"""What the Kafka client alone does with the same bytes: the yardstick of a rebuild, which also has to keep what they say."""

from __future__ import annotations

import time

from kafka import KafkaConsumer, TopicPartition

from consumers.broker_settings import Connection, client_settings
from consumers.projector import POLL_LIMIT


def consume_bare(bootstrap: str, topic: str, end: int) -> float:
    """Records a second of the client as it is, with the settings that ours has, from the first record up to the offset
    `end`. Making it ready is not counted: a projector does it once in its life."""
    consumer = KafkaConsumer(**client_settings("consumer", Connection(bootstrap)))
    partition = TopicPartition(topic, 0)
    try:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        consumer.position(partition)
        began, records, offset = time.perf_counter(), 0, 0
        while offset < end:
            for found in consumer.poll(timeout_ms=1_000, max_records=POLL_LIMIT).values():
                records += len(found)
                offset = found[-1].offset + 1
        return records / (time.perf_counter() - began)
    finally:
        consumer.close(autocommit=False)
