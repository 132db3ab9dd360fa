"""What producer and consumers share of kafka-python: its errors as ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as kafka_errors

from consumers.log import BrokerUnavailable, TopicGone

# The client logs every failed attempt to connect; what matters of it is raised by the port.
if logging.getLogger("kafka").level == logging.NOTSET:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


@contextmanager
def answering() -> Iterator[None]:
    """Turn the client's errors into the port's."""
    try:
        yield
    except kafka_errors.UnknownTopicOrPartitionError as error:
        raise TopicGone(str(error)) from error
    except kafka_errors.KafkaError as error:
        topics = getattr(error, "topics", ())
        raise BrokerUnavailable(f"the broker does not answer as it should: {_said(error)}", topics) from error


def _said(error: kafka_errors.KafkaError) -> str:
    """In the client's own words, which mostly begin with the name of a class: that says nothing to who runs a command."""
    return str(next(iter(error.args), None) or getattr(error, "description", None) or error)
