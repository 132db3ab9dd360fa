"""What producer and consumers share of kafka-python: its errors as ours, and metadata of many topics at once."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import errors as kafka_errors

from consumers.log import BrokerUnavailable, TopicGone

# The client logs every failed attempt to connect; what matters of it is raised by the port.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

METADATA_STEP_S = 0.02


@contextmanager
def answering() -> Iterator[None]:
    """Turn the client's errors into the port's."""
    try:
        yield
    except kafka_errors.UnknownTopicOrPartitionError as error:
        raise TopicGone(str(error)) from error
    except kafka_errors.KafkaError as error:
        raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error


def preload_metadata(metadata: Any, topics: set[str], give_up_at: float) -> set[str]:
    """Have a client learn all its topics in one request; returns those that the broker does not have.

    Raises BrokerUnavailable. The client has no public way to this; its version is pinned.
    """
    asked = metadata.set_topics(topics)
    answers = 0
    # The first answers may be to requests that left before our topics were in them; the third cannot.
    while answers < 3:
        answered = threading.Event()
        asked.add_both(lambda _, event=answered: event.set())
        if not answered.wait(max(0.0, give_up_at - time.monotonic())):
            raise BrokerUnavailable("no metadata from the broker in time")
        absent = {topic for topic in topics if metadata.partitions_for_topic(topic) is None}
        if not absent:
            return absent
        if asked.succeeded() or isinstance(asked.exception, kafka_errors.BrokerResponseError):
            answers += 1
        else:
            time.sleep(METADATA_STEP_S)
        asked = metadata.request_update()
    metadata._topics.difference_update(absent)  # else the client would go on asking for them
    return absent
