"""Where intake goes on in the topics of recipients when one of two histories was given up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing

from consumers import wire
from consumers.log import Read
from deploy.feed import reads_between
from deploy.histories import History
from deploy.wiring import Wired
from domain.directory import Recipient
from domain.envelopes import attributes_of, readable_id
from domain.store import Reopening


def unanswered(wired: Wired, at: Reopening, history: History) -> dict[str, int]:
    """In each topic that was read: the first message that the history which holds does not answer for good. Every other one
    is known by its id. Raises `BrokerUnavailable`."""
    broker, there = wired.broker, wired.broker.topics()
    topics = {topic: one for topic, one in _in_topics(wired, history).items() if topic in there}
    begins, ends = broker.begin_offsets(topics), broker.end_offsets(topics)
    read_to = at.writing.tracking(list(topics))
    found: dict[str, int] = {}
    with closing(broker.reader()) as reader:
        for topic, one in topics.items():
            if end := read_to.get(topic, 0):
                reads = reads_between(reader, topic, begins[topic], min(ends[topic], end))
                first = _first_unanswered(reads, _answered_to(at, one))
                found[topic] = first if first is not None else end
    return found


def lost(wired: Wired, at: Reopening, history: History) -> dict[str, int]:
    """In each topic that ends before the place to which it was read: its beginning. Raises `BrokerUnavailable`."""
    broker, there = wired.broker, wired.broker.topics()
    topics = list(_in_topics(wired, history))
    left = [topic for topic in topics if topic in there]
    begins, ends = broker.begin_offsets(left), broker.end_offsets(left)
    read_to = at.writing.tracking(topics)
    return {topic: begins.get(topic, 0) for topic in topics if read_to.get(topic, 0) > ends.get(topic, 0)}


def _in_topics(wired: Wired, history: History) -> dict[str, Recipient]:
    return {wire.in_topic(wired.store.ledger, name): one for name, one in history.directory.recipients.items()}


def _answered_to(at: Reopening, recipient: Recipient) -> Callable[[str], bool]:
    return lambda message_id: at.answered((recipient.org, recipient.task), message_id)


def _first_unanswered(reads: Iterable[Read], answered: Callable[[str], bool]) -> int | None:
    for each in reads:
        own = readable_id(attributes_of(each.headers))
        aside = f"{each.offset}@{hashlib.sha256(each.value).hexdigest()[:32]}"
        if not any(answered(name) for name in (own, aside) if name):
            return each.offset
    return None
