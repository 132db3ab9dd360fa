"""Appending to Kafka: windows of whole batches, outcomes that are told apart, and no trust after a doubt."""

import threading
import time
from collections.abc import Iterator, Sequence, Set
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.producer.producer_batch import FinalState, ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from consumers.broker_settings import MAX_REQUEST_BYTES, Connection, client_settings
from consumers.kafka_client import answering, preload_metadata
from consumers.log import UNKNOWN, Entry, Outcome
from consumers.record_format import encoded_record

REFUSALS: dict[type[Exception], str] = {
    kafka_errors.MessageSizeTooLargeError: "too_large",
    kafka_errors.RecordListTooLargeError: "too_large",
    kafka_errors.InvalidTimestampError: "timestamp_refused",
    kafka_errors.InvalidRecordError: "record_refused",
    kafka_errors.UnsupportedForMessageFormatError: "record_refused",
    kafka_errors.PolicyViolationError: "policy_refused",
    kafka_errors.TopicAuthorizationFailedError: "not_allowed",
    kafka_errors.InvalidTopicError: "topic_gone",
    kafka_errors.UnknownTopicOrPartitionError: "topic_gone",
}
BATCH_BYTES = 1_000_000
RECORD_OVERHEAD = 512


class KafkaAppender:
    """Appends one window at a time through an idempotent producer, and does not believe the producer after a doubt.

    A window is written as whole batches, one answer each, instead of record by record through the client's `send`:
    that is two to three times faster, and the answers say more. source: design D11
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.producer: KafkaProducer | None = None
        self._known: set[str] = set()
        self._one_by_one: set[str] = set()

    def append(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        """One window: a batch of records for each topic, handed to the sender at once, and every answer waited for."""
        with self._lock:
            return self._append(topic_entries)

    def _append(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        give_up_at = time.monotonic() + self._connection.deadline_s
        producer = self._open_producer()
        places = _places_by_topic(topic_entries)
        gone = self._learn(producer, places.keys(), give_up_at)
        outcomes = [UNKNOWN] * len(topic_entries)
        sent: list[tuple[list[int], WholeBatch]] = []
        moment: int | None = None
        for topic, whole in places.items():
            if topic in gone:
                outcomes[whole[0]] = Outcome("refused", code="topic_gone")
                continue
            for part in self._parts(topic_entries, topic, whole, outcomes):
                batch, moment = _batch(TopicPartition(topic, 0), [topic_entries[place][1] for place in part], moment)
                _enqueue(producer._accumulator, batch)
                sent.append((part, batch))
        _flush(producer, [batch for _, batch in sent], give_up_at)
        self._settle(sent, outcomes)
        return outcomes

    def _parts(
        self, topic_entries: Sequence[tuple[str, Entry]], topic: str, whole: list[int], outcomes: list[Outcome]
    ) -> Iterator[list[int]]:
        """Cut one topic's entries into batches below the size that a topic takes, up to one that nobody takes."""
        part: list[int] = []
        size = 0
        for place in whole:
            entry = topic_entries[place][1]
            length = len(entry.value)
            if length > MAX_REQUEST_BYTES:
                outcomes[place] = Outcome("refused", code="too_large")
                break
            length += RECORD_OVERHEAD + sum([len(content) for _, content in entry.headers])
            if part and (size + length > BATCH_BYTES or topic in self._one_by_one):
                yield part
                part, size = [], 0
            part.append(place)
            size += length
        if part:
            yield part

    def _settle(self, sent: list[tuple[list[int], "WholeBatch"]], outcomes: list[Outcome]) -> None:
        """Read the answer of each batch; throw the producer away when one of them is in doubt.

        A refusal may fail the batches of every topic with the same error. Those are aborted ones: only a batch that
        failed by itself is refused, and its record is to blame when it was alone in it.
        """
        doubt = False
        for part, batch in sent:
            answer = batch.produce_future
            offset, appended, error_of = answer.value if answer.is_done else (-1, -1, None)
            if answer.is_done and error_of is None:
                for index, place in enumerate(part):
                    outcomes[place] = Outcome("acknowledged", offset + index, appended)
                continue
            doubt = True
            code = REFUSALS.get(type(error_of(0))) if error_of else None
            if code is None or batch.final_state is not FinalState.FAILED:
                continue
            if len(part) == 1:
                outcomes[part[0]] = Outcome("refused", code=code)
            else:
                self._one_by_one.add(batch.topic_partition.topic)
        if doubt:
            self._discard_producer()

    def _open_producer(self) -> KafkaProducer:
        if self.producer is None:
            with answering():
                self.producer = open_producer(self._connection)
            self._known.clear()
        return self.producer

    def _learn(self, producer: KafkaProducer, topics: Set[str], give_up_at: float) -> set[str]:
        """Fetch the metadata of all new topics in one request (the client would ask topic by topic: measured
        120 s for 1,000). Returns the topics that are not there."""
        missing = topics - self._known
        if not missing:
            return set()
        absent = preload_metadata(producer._metadata, self._known | topics, give_up_at)
        self._known |= topics - absent
        return absent & set(topics)

    def _discard_producer(self) -> None:
        """Let go of the producer without waiting: what it still holds fails, what it has sent stays unknown."""
        producer, self.producer = self.producer, None
        if producer is not None:
            producer._unregister_cleanup()
            producer._closed = True
            producer._sender.force_close()

    def forget(self) -> None:
        """Ask anew which topics are there, with the next window."""
        with self._lock:
            self._known.clear()

    def close(self) -> None:
        """Let go of the producer."""
        with self._lock:
            self._discard_producer()


def open_producer(connection: Connection) -> KafkaProducer:
    """A producer with our settings and nothing around it; the relay's own and the benchmark's bare one."""
    return KafkaProducer(**client_settings("producer", connection))


def _batch(partition: TopicPartition, entries: list[Entry], moment: int | None) -> tuple["WholeBatch", int]:
    """A batch with these records in it, and its time. The client writes the first record of a window and reads the
    clock for it; we write the others, much faster, with the same time. The broker puts its own time over it."""
    records = MemoryRecordsBuilder(2, 0, BATCH_BYTES)
    builder = records._builder
    if moment is None:
        first, *rest = entries
        written = records.append(None, first.key, first.value, list(first.headers))
        moment = builder._first_timestamp
        start = written.offset + 1
    else:
        rest, start = entries, 0
        builder._first_timestamp = builder._max_timestamp = moment
    body = builder._buffer
    for offset, entry in enumerate(rest, start):
        body += encoded_record(offset, entry)
    builder._num_records = records._next_offset = len(entries)
    builder._last_offset = len(entries) - 1
    return WholeBatch(partition, records), moment


class WholeBatch(ProducerBatch):  # type: ignore[misc]
    """A batch that the client may not split when the broker finds it too large: it counts as one record, and its one
    answer is for all of it."""

    @property
    def record_count(self) -> int:
        return 1


def _enqueue(accumulator: Any, batch: WholeBatch) -> None:
    with accumulator._tp_lock(batch.topic_partition):
        accumulator._batches[batch.topic_partition].append(batch)
        accumulator._incomplete.add(batch)


def _flush(producer: KafkaProducer, batches: list[WholeBatch], give_up_at: float) -> None:
    """Have everything sent now and wait for every answer; the client's own flush may wait as long for each one."""
    accumulator = producer._accumulator
    accumulator.begin_flush()
    producer._sender.wakeup()
    for batch in batches:
        if not batch.produce_future.wait(max(0.0, give_up_at - time.monotonic())):
            break
    accumulator._flushes_in_progress.decrement()


def _places_by_topic(topic_entries: Sequence[tuple[str, Entry]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, (topic, _) in enumerate(topic_entries):
        places.setdefault(topic, []).append(place)
    return places
