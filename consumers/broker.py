"""Apache Kafka behind the broker port. The only file that imports kafka-python."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from consumers.broker_settings import MAX_REQUEST_BYTES, Connection, client_settings
from consumers.log import (
    UNKNOWN,
    BrokerUnavailable,
    Entry,
    OffsetOutOfRange,
    Outcome,
    Read,
    TopicGone,
    TopicSettings,
    TopicSettingsDiffer,
)

# The client logs every failed attempt to connect; what matters of it is raised by the port.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

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
TOPICS_PER_REQUEST = 250
METADATA_STEP_S = 0.02


class KafkaBroker:
    """The broker port over Kafka. Any thread may call any method; one window is appended at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._appending = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._known: set[str] = set()
        self._one_topic_at_a_time = False
        self._administering = threading.Lock()
        self._admin: KafkaAdminClient | None = None
        self._reading = threading.Lock()
        self._reader: KafkaReader | None = None
        self._next_read: tuple[str, int] | None = None

    # -- topics ------------------------------------------------------------------------------------------

    def create_topics(self, wanted: Mapping[str, TopicSettings]) -> None:
        with self._administration() as admin:
            present = set(admin.list_topics())
            missing = [topic for topic in wanted if topic not in present]
            for some in _chunks(missing):
                answer = admin.create_topics({topic: _new_topic(wanted[topic]) for topic in some}, raise_errors=False)
                for topic in answer["topics"]:
                    error = kafka_errors.for_code(topic["error_code"])
                    if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                        raise error(f"{topic['name']}: {topic['error_message']}")
                admin.wait_for_topics(some, timeout_ms=self._connection.deadline_s * 1000)
            for some in _chunks([topic for topic in wanted if topic in present]):
                resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in some]
                described = admin.describe_configs(resources, config_filter="all")["topic"]
                for topic in some:
                    _check_settings(topic, wanted[topic], {k: v["value"] for k, v in described[topic].items()})

    def topics(self) -> dict[str, str]:
        with self._administration() as admin:
            return {topic["name"]: str(topic["topic_id"]) for topic in admin.describe_topics() if not topic["is_internal"]}

    def delete_topics(self, topics: Iterable[str]) -> None:
        with self._administration() as admin:
            for some in _chunks(list(topics)):
                admin.delete_topics(some)
        with self._appending:
            self._known.clear()

    def delete_before(self, offsets: Mapping[str, int]) -> None:
        with self._administration() as admin:
            admin.delete_records({TopicPartition(topic, 0): offset for topic, offset in offsets.items()})

    # -- appending ---------------------------------------------------------------------------------------

    def append(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        with self._appending:
            if not self._one_topic_at_a_time:
                return self._append_window(topic_entries)
            # The last window failed in a way that did not tell whose record was refused: now each topic is on
            # its own, so the refused one stands alone and the others get through.
            outcomes = [UNKNOWN] * len(topic_entries)
            for places in _places_by_topic(topic_entries).values():
                answers = self._append_window([topic_entries[place] for place in places])
                for place, answer in zip(places, answers, strict=True):
                    outcomes[place] = answer
            self._one_topic_at_a_time = False
            return outcomes

    def _append_window(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        give_up_at = time.monotonic() + self._connection.deadline_s
        producer = self._open_producer()
        gone = self._learn(producer, {topic for topic, _ in topic_entries}, give_up_at)
        refused: dict[str, str] = dict.fromkeys(gone, "topic_gone")
        futures: list[Any] = []
        accumulate, add = producer._accumulator.append, futures.append
        partitions = {topic: TopicPartition(topic, 0) for topic, _ in topic_entries}
        for topic, entry in topic_entries:
            if topic in refused:
                add(refused[topic])
                refused[topic] = ""
                continue
            if len(entry.value) > MAX_REQUEST_BYTES:
                add("too_large")
                refused[topic] = ""
                continue
            add(accumulate(partitions[topic], None, entry.key, entry.value, list(entry.headers))[0])
        with suppress(kafka_errors.KafkaError):  # each record says below what became of it
            producer.flush(max(0.0, give_up_at - time.monotonic()))
        return self._outcomes(topic_entries, futures, give_up_at)

    def _outcomes(self, topic_entries: Sequence[tuple[str, Entry]], futures: list[Any], give_up_at: float) -> list[Outcome]:
        """Read the futures; throw the producer away when one of them is in doubt.

        A future that holds a text was never sent: the text is the code of the refusal, empty for what came after
        a refused record of the same topic.
        """
        outcomes: list[Outcome] = []
        suspects: dict[str, list[int]] = {}
        doubt = False
        for place, future in enumerate(futures):
            if isinstance(future, str):
                outcomes.append(Outcome("refused", code=future) if future else UNKNOWN)
                continue
            if not future.is_done:
                _wait(future, give_up_at)
            if future.is_done and future.exception is None:
                written = future.value
                outcomes.append(Outcome("acknowledged", written.offset, written.timestamp))
                continue
            doubt = True
            outcomes.append(UNKNOWN)
            if future.is_done and type(future.exception) in REFUSALS:
                suspects.setdefault(topic_entries[place][0], []).append(place)
        if doubt:
            self._discard_producer()
            if len(suspects) == 1:
                ((place, *_),) = suspects.values()
                outcomes[place] = Outcome("refused", code=REFUSALS[type(futures[place].exception)])
            # A fatal refusal fails the batches of every topic with the same error: nobody can be blamed yet.
            self._one_topic_at_a_time = len(suspects) > 1
        return outcomes

    def _open_producer(self) -> KafkaProducer:
        if self._producer is None:
            with _answering():
                self._producer = open_producer(self._connection)
            self._known.clear()
        return self._producer

    def _learn(self, producer: KafkaProducer, topics: set[str], give_up_at: float) -> set[str]:
        """Fetch the metadata of all new topics in one request (the client would ask topic by topic: measured
        120 s for 1,000). Returns the topics that are not there."""
        missing = topics - self._known
        if not missing:
            return set()
        absent = preload_metadata(producer._metadata, self._known | topics, give_up_at)
        self._known |= topics - absent
        return absent & topics

    def _discard_producer(self) -> None:
        """Let go of the producer without waiting: what it still holds fails, what it has sent stays unknown."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer._unregister_cleanup()
            producer._closed = True
            producer._sender.force_close()

    # -- reading -----------------------------------------------------------------------------------------

    def reader(self) -> "KafkaReader":
        return KafkaReader(self._connection)

    def read(self, topic: str, offset: int, limit: int, timeout: float = 0.0) -> list[Read]:
        with self._reading:
            if self._reader is None:
                self._reader = self.reader()
            if self._next_read != (topic, offset):
                self._reader.follow({topic: offset})
            self._next_read = None
            reads = self._reader.poll(limit, timeout).get(topic, [])
            self._next_read = (topic, reads[-1].offset + 1 if reads else offset)
            return reads

    def begin_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        with _consumer(self._connection) as consumer:
            return _offsets(consumer, consumer.beginning_offsets, topics, self._connection)

    def end_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        with _consumer(self._connection) as consumer:
            return _offsets(consumer, consumer.end_offsets, topics, self._connection)

    def tail(self, topics: Iterable[str], back: int) -> dict[str, list[Read]]:
        give_up_at = time.monotonic() + 2 * self._connection.deadline_s
        tails: dict[str, list[Read]] = {topic: [] for topic in topics}
        with _consumer(self._connection) as consumer:
            begins = _offsets(consumer, consumer.beginning_offsets, tails, self._connection)
            ends = _offsets(consumer, consumer.end_offsets, tails, self._connection)
            waiting = {topic: ends[topic] for topic in tails if ends[topic] > begins[topic]}
            consumer.assign([TopicPartition(topic, 0) for topic in waiting])
            for topic, end in waiting.items():
                consumer.seek(TopicPartition(topic, 0), max(begins[topic], end - back))
            while waiting:
                if time.monotonic() > give_up_at:
                    raise BrokerUnavailable(f"the tails of {len(waiting)} topics did not come in time")
                for partition, records in consumer.poll(timeout_ms=500).items():
                    tails[partition.topic] += [_read(record) for record in records]
                    if records[-1].offset + 1 >= waiting.get(partition.topic, 0):
                        waiting.pop(partition.topic, None)
        return tails

    def close(self) -> None:
        with self._appending:
            if self._producer is not None:
                self._discard_producer()
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        with self._administering:
            if self._admin is not None:
                self._admin.close()
                self._admin = None

    @contextmanager
    def _administration(self) -> Iterator[KafkaAdminClient]:
        with self._administering:
            try:
                with _answering():
                    if self._admin is None:
                        self._admin = KafkaAdminClient(**client_settings("admin", self._connection))
                    yield self._admin
            except BrokerUnavailable:
                admin, self._admin = self._admin, None
                if admin is not None:
                    admin.close()
                raise


class KafkaReader:
    """A reader over one consumer without a group: positions are the caller's, nothing is committed or reset.

    A topic that was deleted and made again is noticed by its id at the next refresh of metadata; the chain of
    hashes in the records is the sure sign. source: reliability.md F12
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with _answering():
            self._consumer = KafkaConsumer(**client_settings("consumer", connection))
        self._metadata = self._consumer._cluster
        self._incarnations: dict[str, Any] = {}
        self._checked_at = 0.0

    def follow(self, positions: Mapping[str, int]) -> None:
        with _answering():
            self._consumer.assign([TopicPartition(topic, 0) for topic in positions])
            absent = preload_metadata(self._metadata, set(positions), time.monotonic() + self._connection.deadline_s)
            if absent:
                raise TopicGone(min(absent))
            self._incarnations = {topic: self._metadata.topic_id(topic) for topic in positions}
            for topic, offset in positions.items():
                self._consumer.seek(TopicPartition(topic, 0), offset)

    def poll(self, limit: int, timeout: float) -> dict[str, list[Read]]:
        with _answering():
            try:
                found = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=limit)
            except kafka_errors.OffsetOutOfRangeError as error:
                raise self._out_of_range(error.args[0]) from error
            except kafka_errors.LogTruncationError as error:
                raise self._out_of_range(dict.fromkeys(error.divergent_offsets, -1)) from error
            self._check_incarnations()
        return {partition.topic: [_read(record) for record in records] for partition, records in found.items()}

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=500)

    def _out_of_range(self, wanted: Mapping[TopicPartition, int]) -> OffsetOutOfRange:
        partition, offset = next(iter(wanted.items()))
        limit_ms = self._connection.deadline_s * 1000
        begin = self._consumer.beginning_offsets([partition], timeout_ms=limit_ms)[partition]
        end = self._consumer.end_offsets([partition], timeout_ms=limit_ms)[partition]
        return OffsetOutOfRange(partition.topic, offset, begin, end)

    def _check_incarnations(self) -> None:
        if self._metadata._last_successful_refresh_ms == self._checked_at:
            return
        self._checked_at = self._metadata._last_successful_refresh_ms
        for topic, incarnation in self._incarnations.items():
            present = self._metadata.topic_id(topic)
            if present is None:
                raise TopicGone(topic)
            if present != incarnation:
                raise TopicGone(topic, "was deleted and made again")


def open_producer(connection: Connection) -> KafkaProducer:
    """A producer with our settings and nothing around it; the relay's own and the benchmark's bare one."""
    return KafkaProducer(**client_settings("producer", connection))


def broker_answers(bootstrap: str) -> bool:
    """Whether a broker at this loopback address answers an admin client within about two seconds."""
    try:
        admin = KafkaAdminClient(**client_settings("admin", Connection(bootstrap, deadline_s=4.0)))
    except kafka_errors.KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except kafka_errors.KafkaError:
        return False
    finally:
        admin.close()


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


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the client's errors into the port's."""
    try:
        yield
    except kafka_errors.UnknownTopicOrPartitionError as error:
        raise TopicGone(str(error)) from error
    except kafka_errors.KafkaError as error:
        raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error


@contextmanager
def _consumer(connection: Connection) -> Iterator[KafkaConsumer]:
    with _answering():
        consumer = KafkaConsumer(**client_settings("consumer", connection))
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False, timeout_ms=500)


def _offsets(
    consumer: KafkaConsumer, ask: Callable[..., Any], topics: Iterable[str], connection: Connection
) -> dict[str, int]:
    wanted = set(topics)
    if not wanted:
        return {}
    absent = preload_metadata(consumer._cluster, wanted, time.monotonic() + connection.deadline_s)
    if absent:
        raise TopicGone(min(absent))
    answer = ask([TopicPartition(topic, 0) for topic in wanted], timeout_ms=connection.deadline_s * 1000)
    return {partition.topic: offset for partition, offset in answer.items()}


def _read(record: Any) -> Read:
    return Read(record.topic, record.offset, record.timestamp, record.key, record.value or b"", tuple(record.headers))


def _wait(future: Any, give_up_at: float) -> None:
    with suppress(kafka_errors.KafkaError):  # what became of it stands in the future, or it is still open
        future.get(max(0.0, give_up_at - time.monotonic()))


def _places_by_topic(topic_entries: Sequence[tuple[str, Entry]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, (topic, _) in enumerate(topic_entries):
        places.setdefault(topic, []).append(place)
    return places


def _chunks(topics: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(topics), TOPICS_PER_REQUEST):
        yield topics[start : start + TOPICS_PER_REQUEST]


def _configs(settings: TopicSettings) -> dict[str, str]:
    configs = {
        "cleanup.policy": "delete",
        "retention.ms": str(settings.retention_ms),
        "retention.bytes": "-1",
        # The producer's clock must not decide how long a record is kept. source: design D11
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(settings.max_message_bytes),
    }
    if settings.min_insync is not None:
        configs["min.insync.replicas"] = str(settings.min_insync)
    return configs


def _new_topic(settings: TopicSettings) -> dict[str, Any]:
    # One partition: sequence order is offset order. source: design D12
    replication = -1 if settings.replication is None else settings.replication
    return {"num_partitions": 1, "replication_factor": replication, "configs": _configs(settings)}


def _check_settings(topic: str, wanted: TopicSettings, present: Mapping[str, str]) -> None:
    wrong = [
        f"{name} is {present.get(name)} and should be {value}"
        for name, value in _configs(wanted).items()
        if present.get(name) != value
    ]
    if wrong:
        raise TopicSettingsDiffer(f"topic {topic}: {'; '.join(wrong)}")
