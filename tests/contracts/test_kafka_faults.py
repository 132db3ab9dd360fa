"""What Kafka really does when it is killed, frozen or loses its disk, and that the port says so."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection, client_settings
from consumers.log import (
    DAY_MS,
    BrokerUnavailable,
    Entry,
    OffsetOutOfRange,
    Outcome,
    Read,
    Reader,
    TopicGone,
    TopicSettings,
    contiguous_end,
)
from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import PartsWanted

SHORT_DEADLINE_S = 4.0
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def own_kafka(parts_folder: Path) -> Iterator[LocalKafka]:
    """A broker of these tests alone, because it is killed."""
    with LocalKafka(parts_folder / "kafka-to-hurt", cache=PartsWanted.from_environment().cache) as running:
        yield running


@pytest.fixture
def broker(own_kafka: LocalKafka) -> Iterator[KafkaBroker]:
    made = KafkaBroker(Connection(own_kafka.bootstrap, deadline_s=SHORT_DEADLINE_S))
    yield made
    made.close()


@pytest.fixture
def topic(broker: KafkaBroker) -> str:
    return new_topic(broker)


def new_topic(broker: KafkaBroker) -> str:
    name = f"kuty.faults.out.{uuid.uuid4().hex[:12]}.v1"
    broker.create_topics({name: TopicSettings(retention_ms=90 * DAY_MS)})
    return name


def window(topic: str, *sequences: int) -> list[tuple[str, Entry]]:
    return [(topic, Entry(b"client-1", b"x" * 500, (("ce_logsequence", b"%d" % n),), n)) for n in sequences]


def sequence_of(read: Read) -> int | None:
    return int(dict(read.headers)["ce_logsequence"])


def settled_end(broker: KafkaBroker, topic: str) -> int:
    """The place to resume, asked until the broker answers again."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        try:
            return contiguous_end(broker.tail({topic: 10_000})[topic], sequence_of)
        except BrokerUnavailable:
            assert time.monotonic() < give_up_at, "the broker did not come back"


def acknowledged(outcomes: list[Outcome]) -> int:
    return sum(outcome.status == "acknowledged" for outcome in outcomes)


def resume_until(broker: KafkaBroker, topic: str, last: int) -> None:
    """What the relay does: after any doubt ask the tail and go on at the first missing sequence."""
    give_up_at = time.monotonic() + DEADLINE_S
    while (end := settled_end(broker, topic)) < last:
        assert time.monotonic() < give_up_at, f"stuck at {end}"
        try:
            broker.append(window(topic, *range(end + 1, last + 1)))
        except BrokerUnavailable:
            continue


def poll_until_it_halts(reader: Reader) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        reader.poll(10, 0.5)


def test_a_broker_killed_under_load_loses_nothing_acknowledged_and_the_line_is_resumed(
    own_kafka: LocalKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.append(window(topic, *range(1, 101)))
    promised, sent, started = 0, 100, threading.Event()
    killed = threading.Event()

    def kill() -> None:
        started.wait(DEADLINE_S)
        own_kafka.kill()
        killed.set()
        own_kafka.start()

    killer = threading.Thread(target=kill)
    killer.start()
    give_up_at = time.monotonic() + DEADLINE_S
    while not killed.is_set() and time.monotonic() < give_up_at:
        started.set()
        try:
            outcomes = broker.append(window(topic, *range(sent + 1, sent + 501)))
        except BrokerUnavailable:
            continue
        done = acknowledged(outcomes)
        promised = max(promised, sent + done)
        if done < len(outcomes):
            break
        sent += len(outcomes)
    killer.join(DEADLINE_S)
    resume_until(broker, topic, last=sent + 500)

    reads = broker.tail({topic: 100_000})[topic]
    assert {sequence_of(read) for read in reads} == set(range(1, sent + 501))
    assert promised >= 100
    by_sequence: dict[int | None, set[bytes]] = {}
    for read in reads:
        by_sequence.setdefault(sequence_of(read), set()).add(read.value)
    assert all(len(values) == 1 for values in by_sequence.values())


def test_a_frozen_broker_leaves_the_window_unknown_within_the_deadline(
    own_kafka: LocalKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.append(window(topic, 1))

    own_kafka.freeze()
    try:
        outcomes = broker.append(window(topic, *range(2, 12)))
        with pytest.raises(BrokerUnavailable):
            broker.append(window(topic, 2))
        with pytest.raises(BrokerUnavailable):
            broker.tail({topic: 10})
    finally:
        own_kafka.thaw()

    assert {outcome.status for outcome in outcomes} == {"unknown"}
    resume_until(broker, topic, last=11)
    assert {sequence_of(read) for read in broker.tail({topic: 100})[topic]} == set(range(1, 12))


def test_a_broker_that_is_not_there_is_said_to_be_unavailable(parts_folder: Path) -> None:
    nobody = KafkaBroker(Connection("127.0.0.1:1", deadline_s=1.0))

    with pytest.raises(BrokerUnavailable):
        nobody.append(window("kuty.faults.v1", 1))
    with pytest.raises(BrokerUnavailable):
        nobody.topics()
    with pytest.raises(BrokerUnavailable):
        nobody.reader()
    nobody.close()


def test_a_reader_goes_on_by_itself_when_the_broker_comes_back(
    own_kafka: LocalKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.append(window(topic, 1))
    reader = broker.reader()
    reader.follow({topic: 0})
    found = [read for reads in reader.poll(10, DEADLINE_S).values() for read in reads]

    own_kafka.kill()
    own_kafka.start()
    resume_until(broker, topic, last=2)
    give_up_at = time.monotonic() + DEADLINE_S
    while len(found) < 2 and time.monotonic() < give_up_at:
        found += [read for reads in reader.poll(10, 1.0).values() for read in reads]

    reader.close()
    assert [sequence_of(read) for read in found] == [1, 2]


def test_a_lost_disk_halts_the_reader_and_the_tail_tells_the_relay_to_begin_again(
    own_kafka: LocalKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.append(window(topic, *range(1, 11)))
    reader = broker.reader()
    reader.follow({topic: 0})
    found = reader.poll(10, DEADLINE_S)
    assert len(found[topic]) == 10

    own_kafka.stop()
    own_kafka.wipe(topic)
    own_kafka.start()

    with pytest.raises((OffsetOutOfRange, TopicGone)) as halted:
        poll_until_it_halts(reader)
    reader.close()
    # that it is the end which was lost is said by the place behind it: by that a projector goes on (design D21)
    told = halted.value
    assert isinstance(told, TopicGone) or (told.offset, told.begin, told.end) == (10, 0, 0)
    assert settled_end(broker, topic) == 0
    resume_until(broker, topic, last=10)


def test_every_setting_of_the_clients_that_matters_is_what_we_asked_for(
    own_kafka: LocalKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.append(window(topic, 1))
    reader = broker.reader()
    broker.topics()
    connection = Connection(own_kafka.bootstrap, deadline_s=SHORT_DEADLINE_S)
    assert broker._appender.producer is not None
    assert broker._admin is not None

    for role, client in (("producer", broker._appender.producer), ("consumer", reader._consumer), ("admin", broker._admin)):
        wanted = client_settings(role, connection)  # type: ignore[arg-type]
        effective = {name: client.config[name] for name in wanted}
        assert effective == wanted | ({"acks": -1} if role == "producer" else {})

    producer, consumer = broker._appender.producer.config, reader._consumer.config
    assert producer["enable_idempotence"] is True
    assert producer["allow_auto_create_topics"] is False
    assert producer["transactional_id"] is None
    assert consumer["enable_auto_commit"] is False
    assert consumer["auto_offset_reset"] == "none"
    assert consumer["group_id"] is None
    assert consumer["allow_auto_create_topics"] is False
    assert consumer["check_crcs"] is True
    reader.close()


@pytest.mark.parametrize(
    ("bootstrap", "security"), [("kafka.example.fi:9092", "PLAINTEXT"), ("kafka.example.fi:9093", "SASL_PLAINTEXT")]
)
def test_a_broker_elsewhere_is_reached_over_tls_only(bootstrap: str, security: str) -> None:
    with pytest.raises(ValueError):
        Connection(bootstrap, security=security)  # type: ignore[arg-type]
