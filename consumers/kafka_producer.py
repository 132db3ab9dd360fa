"""Appending to Kafka: windows of whole batches, outcomes that are told apart, and no trust after a doubt."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from consumers.broker_settings import MAX_REQUEST_BYTES, Connection, client_settings
from consumers.kafka_client import answering
from consumers.kafka_inside import BATCH_BYTES, WholeBatch, Window, learn_topics, let_go
from consumers.log import UNKNOWN, Entry, Outcome
from consumers.record_format import LARGEST_RECORD
from consumers.unpacking import GZIP, ZSTD

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
RECORD_OVERHEAD = 512
CODECS: Mapping[int, str | None] = {0: None, GZIP: "gzip", ZSTD: "zstd"}
"""As the client calls them."""
CodecOf = Callable[[str], int]


def unpacked_all(topic: str) -> int:
    """No topic's batches are packed."""
    return 0


class KafkaAppender:
    """Appends one window at a time through an idempotent producer, and does not believe the producer after a doubt.

    A window is written as whole batches, one answer each, instead of record by record through the client's `send`:
    that is two to three times faster, and the answers say more. `codec_of` names the codec of a topic's batches in
    Kafka's record format, 0 for none; `largest` holds the bytes of the largest record of the topics of which that is known.
    source: design D11
    """

    def __init__(self, connection: Connection, codec_of: CodecOf = unpacked_all) -> None:
        self._connection = connection
        self._codec_of = codec_of
        self.largest: dict[str, int] = {}
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
        window = Window(producer)
        sent: list[tuple[list[int], WholeBatch]] = []
        for topic, whole in places.items():
            if topic in gone:
                outcomes[whole[0]] = Outcome("refused", code="topic_gone")
                continue
            codec = self._codec_of(topic)
            # A record is measured as it is read: packed, the broker would take one that no reader of ours does.
            limit = self.largest.get(topic, LARGEST_RECORD) if codec else MAX_REQUEST_BYTES
            for part in self._parts(topic_entries, topic, whole, outcomes, limit):
                sent.append((part, window.put(topic, [topic_entries[place][1] for place in part], codec)))
        window.send(give_up_at)
        self._settle(sent, outcomes)
        return outcomes

    def _parts(
        self, topic_entries: Sequence[tuple[str, Entry]], topic: str, whole: list[int], outcomes: list[Outcome], limit: int
    ) -> Iterator[list[int]]:
        """Cut one topic's entries into batches below the size that a topic takes, up to one that nobody takes."""
        part: list[int] = []
        size = 0
        for place in whole:
            entry = topic_entries[place][1]
            length = RECORD_OVERHEAD + len(entry.value) + sum([len(content) for _, content in entry.headers])
            if length > limit:
                outcomes[place] = Outcome("refused", code="too_large")
                break
            if part and (size + length > BATCH_BYTES or topic in self._one_by_one):
                yield part
                part, size = [], 0
            part.append(place)
            size += length
        if part:
            yield part

    def _settle(self, sent: list[tuple[list[int], WholeBatch]], outcomes: list[Outcome]) -> None:
        """Read the answer of each batch; throw the producer away when one of them is in doubt.

        A refusal may fail the batches of every topic with the same error. Those are aborted ones: only a batch that
        failed by itself is refused, and its record is to blame when it was alone in it.
        """
        doubt = False
        for part, batch in sent:
            answer = batch.answer
            if answer is None:
                doubt = True
                continue
            if answer.error is None:
                for index, place in enumerate(part):
                    outcomes[place] = Outcome("acknowledged", answer.offset + index, answer.appended)
                continue
            doubt = True
            code = REFUSALS.get(type(answer.error))
            if code is None or not answer.alone:
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
        absent = learn_topics(producer, self._known | topics, give_up_at)
        self._known |= topics - absent
        return absent & set(topics)

    def _discard_producer(self) -> None:
        """Let go of the producer without waiting: what it still holds fails, what it has sent stays unknown."""
        producer, self.producer = self.producer, None
        if producer is not None:
            let_go(producer)

    def forget(self) -> None:
        """Ask anew which topics are there, with the next window."""
        with self._lock:
            self._known.clear()

    def close(self) -> None:
        """Let go of the producer."""
        with self._lock:
            self._discard_producer()


def open_producer(connection: Connection, codec: int = 0) -> KafkaProducer:
    """A producer with our settings and nothing around it; the relay's own, whose batches come packed, and the benchmark's
    bare one, which packs by itself."""
    return KafkaProducer(**{**client_settings("producer", connection), "compression_type": CODECS[codec]})


def _places_by_topic(topic_entries: Sequence[tuple[str, Entry]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, (topic, _) in enumerate(topic_entries):
        places.setdefault(topic, []).append(place)
    return places
