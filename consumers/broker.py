"""Apache Kafka behind the broker port."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from kafka import KafkaAdminClient, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from consumers.broker_settings import LARGEST, Connection, check_settings, client_settings, new_topic
from consumers.kafka_client import answering
from consumers.kafka_inside import Administration
from consumers.kafka_producer import CodecOf, KafkaAppender, unpacked_all
from consumers.kafka_reader import KafkaReader, read_at, read_tails
from consumers.log import BrokerUnavailable, Entry, Outcome, Read, TopicGone, TopicRefused, TopicSettings

TOPICS_PER_REQUEST = 250
FOR_GOOD = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.PolicyViolationError,
    kafka_errors.InvalidTopicError,
    kafka_errors.InvalidConfigurationError,
)
"""Why a topic is not made or changed, however often it is asked for. Too few brokers for its copies may be enough later."""


class KafkaBroker:
    """The broker port over Kafka. Any thread may call any method; one window is appended at a time. `codec_of` names the
    codec of a topic's batches (`consumers.wire.codec_of`)."""

    def __init__(self, connection: Connection, codec_of: CodecOf = unpacked_all) -> None:
        self._connection = connection
        self._appender = KafkaAppender(connection, codec_of)
        self._administering = threading.Lock()
        self._admin: Administration | None = None
        self._reading = threading.Lock()
        self._reader: KafkaReader | None = None
        self._next_read: tuple[str, int] | None = None

    # -- topics ------------------------------------------------------------------------------------------

    def create_topics(self, wanted: Mapping[str, TopicSettings]) -> None:
        self._appender.largest.update({name: settings.max_message_bytes for name, settings in wanted.items()})
        with self._administration() as admin:
            present = set(admin.list_topics())
            missing = [topic for topic in wanted if topic not in present]
            for some in _chunks(missing):
                answer = admin.create_topics({topic: new_topic(wanted[topic]) for topic in some}, raise_errors=False)
                for topic in answer["topics"]:
                    error = kafka_errors.for_code(topic["error_code"])
                    if error in FOR_GOOD:
                        raise TopicRefused(f"topic {topic['name']} cannot be made: {_said(error, topic['error_message'])}")
                    if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                        raise error(f"{topic['name']}: {topic['error_message']}")
                admin.wait_for_topics(some, timeout_ms=self._connection.deadline_s * 1000)
            for some in _chunks([topic for topic in wanted if topic in present]):
                resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in some]
                described = admin.describe_configs(resources, config_filter="all")["topic"]
                for topic in some:
                    check_settings(topic, wanted[topic], {k: v["value"] for k, v in described[topic].items()})

    def widen(self, topic: str, max_message_bytes: int) -> None:
        larger = ConfigResource(ConfigResourceType.TOPIC, topic, {LARGEST: str(max_message_bytes)})
        with self._administration() as admin:
            if topic not in admin.list_topics():
                raise TopicGone(topic)
            # The client raises nothing here: it gives the broker's answer as text.
            said = str(admin.alter_configs([larger], incremental=True)["topic"][topic])
        if any(error.__name__ in said for error in FOR_GOOD):
            raise TopicRefused(f"topic {topic} cannot be changed: {said}")
        if said != "OK":
            raise BrokerUnavailable(f"topic {topic} was not changed: {said}")
        self._appender.largest[topic] = max_message_bytes

    def topics(self) -> dict[str, str]:
        with self._administration() as admin:
            return {topic["name"]: str(topic["topic_id"]) for topic in admin.describe_topics() if not topic["is_internal"]}

    def delete_topics(self, topics: Iterable[str]) -> None:
        with self._administration() as admin:
            for some in _chunks(list(topics)):
                admin.delete_topics(some)
        self._appender.forget()

    def delete_before(self, offsets: Mapping[str, int]) -> None:
        with self._administration() as admin:
            admin.delete_records({TopicPartition(topic, 0): offset for topic, offset in offsets.items()})

    # -- appending and reading ---------------------------------------------------------------------------

    def append(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        return self._appender.append(topic_entries)

    def reader(self, each: int | None = None) -> KafkaReader:
        return KafkaReader(self._connection, each)

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
        return self._offsets(topics, OffsetSpec.EARLIEST)

    def end_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        return self._offsets(topics, OffsetSpec.LATEST)

    def tail(self, back: Mapping[str, int]) -> dict[str, list[Read]]:
        return read_tails(self._connection, back)

    def at(self, offsets: Mapping[str, int]) -> dict[str, Read]:
        found: dict[str, Read] = {}
        for some in _chunks(list(offsets)):
            found |= read_at(self._connection, {topic: offsets[topic] for topic in some})
        return found

    def _offsets(self, topics: Iterable[str], which: OffsetSpec) -> dict[str, int]:
        # By the client that is there already: to make a consumer ready for a question costs a tenth of a second.
        wanted = {TopicPartition(topic, 0): which for topic in topics}
        if not wanted:
            return {}
        with self._administration() as admin:
            found = admin.list_partition_offsets(wanted, timeout_ms=self._connection.deadline_s * 1000)
            return {partition.topic: answer.offset for partition, answer in found.items()}

    def close(self) -> None:
        self._appender.close()
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        with self._administering:
            if self._admin is not None:
                self._admin.close()
                self._admin = None

    @contextmanager
    def _administration(self) -> Iterator[Administration]:
        with self._administering:
            try:
                with answering():
                    if self._admin is None:
                        self._admin = Administration(**client_settings("admin", self._connection))
                    yield self._admin
            except BrokerUnavailable:
                admin, self._admin = self._admin, None
                if admin is not None:
                    admin.close()
                raise


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


def _said(error: type[Exception], message: object) -> str:
    return f"{error.__name__}{f', {message}' if message else ''}"


def _chunks(topics: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(topics), TOPICS_PER_REQUEST):
        yield topics[start : start + TOPICS_PER_REQUEST]
