"""What senders with other clients and other habits write to a topic, and what of it is read."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cramjam
import pytest
from blocks import ROOT
from house import LEDGER, house_after
from kafka import KafkaProducer
from kafka.record.default_records import DefaultRecordBatchBuilder
from provider_days import SENDER

from consumers import wire
from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from consumers.intake import LONGEST_PAUSE_S, Intake
from consumers.kafka_inside import batch_reads
from consumers.log import DAY_MS, UNKNOWN, UNREADABLE, Entry, Outcome, Read, Reader, TopicDamaged, TopicSettings
from consumers.record_format import LARGEST_RECORD, encoded_record
from consumers.unpacking import GZIP, LARGEST_UNPACKED, LZ4, SNAPPY, ZSTD, TooLarge, unpacked
from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import PartsWanted
from domain.varints import varint

DEADLINE_S = 60.0
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def kafka(parts_folder: Path) -> Iterator[LocalKafka]:
    """A broker of these tests alone: what they send is large, and transactions want settings of their own."""
    with LocalKafka(parts_folder / "kafka-for-senders", cache=PartsWanted.from_environment().cache) as running:
        yield running


@pytest.fixture
def broker(kafka: LocalKafka) -> Iterator[KafkaBroker]:
    made = KafkaBroker(Connection(kafka.bootstrap))
    yield made
    made.close()


@pytest.fixture
def topic(broker: KafkaBroker) -> str:
    name = f"kuty.senders.in.{uuid.uuid4().hex[:12]}.v1"
    broker.create_topics({name: TopicSettings(retention_ms=90 * DAY_MS)})
    return name


@pytest.fixture
def sender(kafka: LocalKafka) -> Iterator[KafkaProducer]:
    made = KafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=uuid.uuid4().hex)
    made.init_transactions()
    yield made
    made.close()


def send(sender: KafkaProducer, topic: str, *values: bytes, commit: bool = True) -> None:
    sender.begin_transaction()
    for value in values:
        sender.send(topic, value, partition=0)
    sender.flush()
    if commit:
        sender.commit_transaction()
    else:
        sender.abort_transaction()


def read_to(broker: KafkaBroker, topic: str, position: int, after: int = 0) -> list[Read]:
    """What a reader is given until it stands at a position."""
    reader = broker.reader()
    reads: list[Read] = []
    give_up_at = time.monotonic() + DEADLINE_S
    try:
        reader.follow({topic: after})
        while reader.positions()[topic] < position:
            assert time.monotonic() < give_up_at, (reads, reader.positions())
            reads += reader.poll(100, 0.2).get(topic, [])
    finally:
        reader.close()
    return reads


def test_what_a_sender_took_back_is_not_read_and_is_passed_over(
    broker: KafkaBroker, topic: str, sender: KafkaProducer
) -> None:
    # given messages that were sent, and some that were taken back before, between and behind them
    send(sender, topic, b"no 1", b"no 2", commit=False)
    send(sender, topic, b"yes 1", b"yes 2")
    send(sender, topic, b"no 3", commit=False)
    send(sender, topic, b"yes 3")
    send(sender, topic, b"no 4", commit=False)
    [(_, end)] = broker.end_offsets([topic]).items()
    assert end == 7 + 5  # seven messages and the ends of five transactions
    reads = read_to(broker, topic, end)
    assert [read.value for read in reads] == [b"yes 1", b"yes 2", b"yes 3"]
    # also where a reader begins in the middle
    assert [read.value for read in read_to(broker, topic, end, after=reads[1].offset)] == [b"yes 2", b"yes 3"]


def test_an_open_transaction_stalls_its_own_topic_alone(broker: KafkaBroker, topic: str, sender: KafkaProducer) -> None:
    other = f"{topic}.other"
    broker.create_topics({other: TopicSettings(retention_ms=90 * DAY_MS)})
    sender.begin_transaction()
    sender.send(topic, b"not yet", partition=0)
    sender.flush()
    broker.append([(topic, Entry(None, b"behind it", ())), (other, Entry(None, b"elsewhere", ()))])
    reader = broker.reader()
    reader.follow({topic: 0, other: 0})
    give_up_at = time.monotonic() + DEADLINE_S
    found: dict[str, list[Read]] = {}
    while other not in found:
        assert time.monotonic() < give_up_at
        found |= reader.poll(10, 0.2)
    assert topic not in found
    # what stands in a topic is seen all the same by who looks at its end
    assert [read.value for read in broker.tail({topic: 5})[topic]] == [b"not yet", b"behind it"]
    sender.commit_transaction()
    while topic not in found:
        assert time.monotonic() < give_up_at
        found |= reader.poll(10, 0.2)
    assert found[topic][0].value == b"not yet"
    reader.close()


def test_a_small_batch_that_would_become_a_large_one_is_not_unpacked(
    broker: KafkaBroker, topic: str, kafka: LocalKafka
) -> None:
    # given 200 megabytes of blanks in a record of 200 kilobytes, with a message before and behind it
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type="gzip", max_request_size=300 * MEGABYTE)
    for value in (b"before", b" " * (200 * MEGABYTE), b"behind"):
        producer.send(topic, value, partition=0).get(DEADLINE_S)
    producer.close()
    reads = read_to(broker, topic, 3)
    assert [(read.offset, read.value, read.headers) for read in reads] == [
        (0, b"before", ()), (1, b"", UNREADABLE), (2, b"behind", ()),
    ]  # fmt: skip


def test_what_stands_behind_an_open_transaction_is_seen_to_wait_for_intake(
    broker: KafkaBroker, sender: KafkaProducer, tmp_path: Path
) -> None:
    """By that the figures say that intake is late, and the alarm rings: a transaction may hang for as long as it likes."""
    topic, receipts = wire.in_topic(LEDGER, SENDER), wire.receipts_topic(LEDGER, SENDER)
    broker.create_topics({topic: TopicSettings(retention_ms=90 * DAY_MS), receipts: wire.OUT})
    with house_after("1", tmp_path) as home, closing(
        Intake(home.wired.store, broker, home.wired.receiving, wait=0.2)
    ) as intake:
        sender.begin_transaction()
        sender.send(topic, b"not yet", partition=0)
        sender.flush()
        broker.append([(topic, Entry(None, b"behind it", ()))])
        steps_until(intake, lambda: intake.waiting() == {SENDER: (0, 2)})
        assert [intake.step() for _ in range(3)] == [0, 0, 0]
        assert intake.waiting() == {SENDER: (0, 2)}
        # and when it has come to its end, all is answered
        sender.commit_transaction()
        steps_until(intake, lambda: intake.waiting() == {})
        assert home.wired.store.tracking(topic) == 3  # two messages and the end of the transaction


def test_who_cannot_be_told_is_read_on_from_where_it_stands_while_the_others_are_read(
    broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = {name: wire.in_topic(LEDGER, name) for name in (SENDER, "authority")}
    receipts = wire.receipts_topic(LEDGER, SENDER)
    broker.create_topics({topic: TopicSettings(retention_ms=90 * DAY_MS) for topic in topics.values()})
    broker.create_topics({receipts: wire.OUT})
    begins, told = broker.end_offsets(topics.values()), broker.end_offsets([receipts])[receipts]
    append, seconds, silent = broker.append, [0.0], [receipts]

    def appended(entries: Any) -> list[Outcome]:
        return [UNKNOWN for _ in entries] if silent and entries[0][0] == receipts else append(entries)

    monkeypatch.setattr(broker, "append", appended)

    def send(name: str, *message_ids: str) -> None:
        for message_id in message_ids:
            named = (("ce_specversion", b"1.0"), ("ce_id", message_id.encode()), ("ce_type", b"start_plan.v1"))
            append([(topics[name], Entry(None, b"{}", named))])

    with house_after("1", tmp_path) as home, closing(
        Intake(home.wired.store, broker, home.wired.receiving, wait=0.2, monotonic=lambda: seconds[0])
    ) as intake:
        store = home.wired.store
        store.place(begins)

        def answered(name: str) -> int:
            return store.tracking(topics[name]) - begins[topics[name]]

        # given a repeat of one sender that cannot be answered, and messages behind it
        send(SENDER, "m-1", "m-1", "m-2", "m-3")
        send("authority", "a-1")
        steps_until(intake, lambda: answered("authority") == 1 and answered(SENDER) == 1)
        # then the others are read on, and it is not
        send("authority", "a-2", "a-3")
        steps_until(intake, lambda: answered("authority") == 3)
        assert (answered(SENDER), broker.end_offsets([receipts])[receipts]) == (1, told)
        # and when it can be told, then it is read from there, and told once
        silent.clear()
        seconds[0] += LONGEST_PAUSE_S
        steps_until(intake, lambda: answered(SENDER) == 4)
        assert broker.end_offsets([receipts])[receipts] == told + 1


def steps_until(intake: Intake, there: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while not there():
        assert time.monotonic() < give_up_at, intake.waiting()
        intake.step()


def test_one_large_record_of_a_packed_batch_hides_no_other(broker: KafkaBroker, topic: str, kafka: LocalKafka) -> None:
    producer = KafkaProducer(
        bootstrap_servers=kafka.bootstrap, compression_type="gzip", linger_ms=60_000, batch_size=30 * MEGABYTE,
        max_request_size=40 * MEGABYTE,
    )  # fmt: skip
    sent = [producer.send(topic, value, partition=0) for value in (b"a", b" " * (LARGEST_RECORD + 1), b"b")]
    producer.flush()
    assert [one.get(DEADLINE_S).offset for one in sent] == [0, 1, 2]
    producer.close()
    assert [(read.value, read.headers) for read in read_to(broker, topic, 3)] == [(b"a", ()), (b"", UNREADABLE), (b"b", ())]


def lying(offset: int, entry: Entry) -> bytes:
    """A record that says that it is a byte shorter than it is, where it is a lie."""
    written = encoded_record(offset, entry)
    return varint((written[0] >> 1) - 1) + written[1:] if entry.value == b"lie" else written


def test_a_record_that_lies_about_its_length_stops_nobody(
    broker: KafkaBroker, topic: str, kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a packed batch that the broker takes: it compares no length of a record with what it finds
    liar, other = KafkaBroker(Connection(kafka.bootstrap), lambda _: GZIP), f"{topic}.other"
    broker.create_topics({other: TopicSettings(retention_ms=90 * DAY_MS)})
    monkeypatch.setattr("consumers.kafka_inside.encoded_record", lying)
    values = (b"before" * 100, b"true", b"lie", b"behind it")
    outcomes = liar.append([(topic, Entry(None, value, ())) for value in values])
    liar.close()
    assert [outcome.status for outcome in outcomes] == ["acknowledged"] * 4
    broker.append([(name, Entry(None, b"after", ())) for name in (topic, other)])
    # then what stands before and after it is read, here and elsewhere, also when somebody begins in the middle
    reads = read_to(broker, topic, 5)
    assert [(read.offset, read.value, read.headers) for read in reads] == [
        (0, values[0], ()), (1, b"true", ()), (3, b"", UNREADABLE), (4, b"after", ()),
    ]  # fmt: skip
    assert [read.offset for read in read_to(broker, topic, 5, after=2)] == [3, 4]
    assert [read.value for read in read_to(broker, other, 1)] == [b"after"]


def test_a_topic_of_ours_that_cannot_be_read_is_said_to_be_damaged_each_time_it_is_asked_for(
    broker: KafkaBroker, kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = f"kuty.senders.out.{uuid.uuid4().hex[:12]}.v1"
    broker.create_topics({ours: TopicSettings(retention_ms=90 * DAY_MS)})
    liar = KafkaBroker(Connection(kafka.bootstrap), lambda _: GZIP)
    monkeypatch.setattr("consumers.kafka_inside.encoded_record", lying)
    liar.append([(ours, Entry(None, value, ())) for value in (b"before" * 100, b"lie")])
    liar.close()
    reader = broker.reader()
    reader.follow({ours: 0})
    for _ in range(3):
        with pytest.raises(TopicDamaged, match=ours):
            poll_until_it_raises(reader)
    reader.close()


def poll_until_it_raises(reader: Reader) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        assert reader.poll(10, 0.2) == {}


PACKERS: dict[int, Any] = {
    GZIP: gzip.compress,
    SNAPPY: lambda content: bytes(cramjam.snappy.compress_raw(content)),
    LZ4: lambda content: bytes(cramjam.lz4.compress(content)),
    ZSTD: lambda content: bytes(cramjam.zstd.compress(content)),
}


@pytest.mark.parametrize("codec", PACKERS, ids=["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("size", [0, 1, 100_000, LARGEST_UNPACKED])
def test_whatever_a_sender_packs_with_is_unpacked(codec: int, size: int) -> None:
    content = (b'{"day_status":"present"}' * (size // 20 + 1))[:size]
    assert unpacked(codec, PACKERS[codec](content)) == content


def bomb_of(codec: int) -> bytes:
    """A batch, of a megabyte at most for gzip, that would become 200 megabytes."""
    content = PACKERS[codec](b" " * (200 * MEGABYTE))

    def swapped(builder: Any) -> bool:
        builder._buffer[builder.HEADER_STRUCT.size :] = content
        return True

    bomb = type("Bomb", (DefaultRecordBatchBuilder,), {"__slots__": (), "_maybe_compress": swapped})
    builder: Any = bomb(2, codec, False, -1, -1, -1, MEGABYTE)
    builder.append(0, timestamp=0, key=None, value=b"", headers=[])
    return bytes(builder.build())


READING = """
import re, sys
from pathlib import Path
from kafka.record.default_records import DefaultRecordBatch
from consumers.kafka_inside import batch_reads

def most():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

batch = DefaultRecordBatch(bytearray(Path(sys.argv[1]).read_bytes()))
before = most()
[read] = batch_reads("kuty.x.in.provider.v1", batch)
print(len(read.value), read.headers[0][0], most() - before)
"""
"""What a process reads of a batch, and how much memory more than before it has had at once, kB. (`ru_maxrss` is no less than
that of the process which started it.)"""


@pytest.mark.parametrize("codec", PACKERS, ids=["gzip", "snappy", "lz4", "zstd"])
def test_what_would_become_large_is_known_before_it_takes_memory(codec: int, tmp_path: Path) -> None:
    (tmp_path / "batch").write_bytes(bomb_of(codec))
    said = subprocess.run(
        [sys.executable, "-c", READING, tmp_path / "batch"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    size, name, grown_kb = said.stdout.split()
    assert (size, name) == ("0", UNREADABLE[0][0])
    assert int(grown_kb) < 100 * 1024


@pytest.mark.parametrize("codec", PACKERS, ids=["gzip", "snappy", "lz4", "zstd"])
def test_what_is_too_large_or_broken_is_not_unpacked(codec: int) -> None:
    packed = PACKERS[codec](b"x" * (LARGEST_UNPACKED + 1))
    for wrong in (packed, packed[: len(packed) // 2], b"", b"\xff\xff"):
        with pytest.raises(TooLarge):
            unpacked(codec, wrong)


def test_the_block_stream_of_the_java_library_for_snappy_is_unpacked() -> None:
    blocks = [b"a" * 40_000, b"b" * 10]
    packed = [PACKERS[SNAPPY](block) for block in blocks]
    head = b"\x82SNAPPY\x00" + (1).to_bytes(4, "big") * 2
    stream = head + b"".join(len(block).to_bytes(4, "big") + block for block in packed)
    assert unpacked(SNAPPY, stream) == b"".join(blocks)
    with pytest.raises(TooLarge):
        unpacked(SNAPPY, stream[:-3])


def test_a_codec_that_nobody_knows_makes_a_batch_that_is_passed_over() -> None:
    class Batch:
        _buffer, _pos, compression_type = b"....", 0, 7
        first_timestamp, max_timestamp, timestamp_type, LOG_APPEND_TIME = 1, 2, 1, 1
        base_offset, last_offset, records_count = 10, 14, 5

    topic = "kuty.x.in.provider.v1"
    assert batch_reads(topic, Batch()) == [Read(topic, 14, 2, None, b"", UNREADABLE)]
