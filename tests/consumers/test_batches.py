"""What is made of a batch that says something else than it holds, or holds more than is read: its sender stops nobody."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from architecture import ROOT
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumers import record_format
from consumers.batches import MOST_RECORDS
from consumers.kafka_inside import PackingBuilder, batch_reads
from consumers.log import UNREADABLE, Entry, Headers, Read, TopicDamaged
from consumers.record_format import MOST_HEADERS, encoded_record
from consumers.unpacking import GZIP, LARGEST_UNPACKED
from domain.varints import varint

IN, OUT = "kuty.x.in.provider.v1", "kuty.x.out.provider.v1"


def batch(records: Sequence[bytes], codec: int = GZIP) -> DefaultRecordBatch:
    """A batch of records as they are given, its checksum and its count right."""
    builder: Any = (PackingBuilder if codec else DefaultRecordBatchBuilder)(2, codec, False, -1, -1, -1, 1 << 30)
    for record in records:
        builder._buffer += record
    builder._first_timestamp = builder._max_timestamp = 1
    builder._num_records, builder._last_offset = len(records), len(records) - 1
    made = DefaultRecordBatch(bytes(builder.build()))
    assert made.validate_crc()
    return made


def record(offset: int, value: bytes = b"{}", headers: Headers = (("ce_id", b"1"),)) -> bytes:
    return encoded_record(offset, Entry(b"k", value, headers))


def with_length(written: bytes, more: int) -> bytes:
    """A record that says of itself that it has so many bytes more than it has."""
    assert written[0] < 0x80
    return varint((written[0] >> 1) + more) + written[1:]


def told(reads: Any) -> list[tuple[int, bool]]:
    """Of each its offset, and whether it can be read."""
    return [(read.offset, read.headers != UNREADABLE) for read in reads]


LIES = {
    "shorter than it is": with_length(record(1), -1),
    "longer than it is": with_length(record(1), 1),
    "longer than the batch": varint(1_000_000) + record(1)[1:],
    "longer than is read, and than the batch": varint(2 << 20) + record(1)[1:],
    "of no length": varint(-5) + record(1)[1:],
    "at the place of the one before": record(0),
    "before the batch": record(0)[:3] + varint(-7) + record(0)[4:],
    "behind the batch": record(3),
    "far away": varint(len(record(1)) - 2 + 9) + record(1)[1:3] + varint(1 << 62) + record(1)[4:],
    "of more headers than it has": record(1, headers=())[:-1] + varint(3),
    "of a number without end": varint(40) + b"\x00\x00" + b"\xff" * 40,
    "of a name that goes backwards": varint(17) + b"\x00\x00\x02\x01\x01\x04" + varint(-300) + b"x" * 9,
}


@pytest.mark.parametrize("codec", [0, GZIP], ids=["as it is", "packed"])
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_of_a_senders_batch_is_read_what_can_be_and_one_record_stands_for_the_rest(lie: bytes, codec: int) -> None:
    reads = list(batch_reads(IN, batch([record(0), lie, record(2)], codec)))
    assert told(reads) == [(0, True), (2, False)]
    assert reads[-1] == Read(IN, 2, 1, None, b"", UNREADABLE)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_the_same_in_a_topic_of_our_own_is_damage_and_says_where(lie: bytes) -> None:
    with pytest.raises(TopicDamaged, match=rf"{OUT} is damaged: the batch at offset 0 cannot be read"):
        list(batch_reads(OUT, batch([record(0), lie, record(2)])))


@pytest.mark.parametrize("topic", [OUT, "kuty.x.events.v1", "kuty.x.receipts.provider.v1"])
@pytest.mark.parametrize("wrong", ["more than is unpacked", "bytes that cannot be unpacked", "a codec that nobody knows"])
def test_what_cannot_be_unpacked_in_a_topic_of_our_own_is_damage_too(wrong: str, topic: str) -> None:
    """Nobody answers it there, and no reader of ours knows such a record."""
    packed = batch([record(0, b"x" * (LARGEST_UNPACKED if wrong == "more than is unpacked" else 10))])
    content = bytes(packed._buffer)
    given = SimpleNamespace(
        _buffer=content[:-9] if wrong == "bytes that cannot be unpacked" else content, _pos=packed._pos,
        compression_type=7 if wrong == "a codec that nobody knows" else GZIP, records_count=1, base_offset=0, last_offset=0,
        first_timestamp=1, max_timestamp=1, timestamp_type=0, LOG_APPEND_TIME=1,
    )  # fmt: skip
    with pytest.raises(TopicDamaged, match=rf"{topic} is damaged: the batch at offset 0 cannot be read"):
        list(batch_reads(topic, given))
    # of a sender's the line goes on
    assert told(batch_reads(IN, given)) == [(0, False)]


def test_bytes_behind_a_senders_last_record_take_nothing_from_it() -> None:
    assert told(batch_reads(IN, batch([record(0), record(1) + b"more"]))) == [(0, True), (1, True)]


@pytest.mark.parametrize("topic", [IN, OUT])
def test_a_record_of_more_headers_than_are_read_hides_no_other(topic: str) -> None:
    many = [record(n, headers=(("", b""),) * (MOST_HEADERS + n)) for n in range(2)]
    assert told(batch_reads(topic, batch([*many, record(2)]))) == [(0, True), (1, False), (2, True)]


def test_a_senders_batch_of_more_records_than_are_read_is_passed_over_as_a_whole() -> None:
    bare = [record(n, b"", ()) for n in range(MOST_RECORDS + 1)]
    assert told(batch_reads(IN, batch(bare[:-1]))) == [(n, True) for n in range(MOST_RECORDS)]
    assert told(batch_reads(IN, batch(bare))) == [(MOST_RECORDS, False)]
    assert len(told(batch_reads(OUT, batch(bare)))) == MOST_RECORDS + 1


def test_records_of_a_sender_are_made_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*given: Any) -> Any:
        for read in record_format.decoded_records(*given):
            made.append(read.offset)
            yield read

    monkeypatch.setattr("consumers.batches.decoded_records", counted)
    reads = iter(batch_reads(IN, batch([record(n) for n in range(100)])))
    assert [next(reads).offset for _ in range(3)] == [0, 1, 2]
    assert made == [0, 1, 2]


def test_a_long_name_of_a_header_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[bytes, str] = {}
    monkeypatch.setattr(record_format, "_read_names", remembered)
    named = [record(n, headers=((f"{n}" * 1_000, b""), ("ce_id", b"1"))) for n in range(3)]
    assert [read.headers[0][0] for read in batch_reads(IN, batch(named))] == ["0" * 1_000, "1" * 1_000, "2" * 1_000]
    assert remembered == {b"ce_id": "ce_id"}


def test_a_few_kilobytes_of_empty_headers_take_no_memory() -> None:
    """Two bytes each in the batch; as they were read a batch of 32 MiB of them took more than a gigabyte."""
    script = """
        import resource
        from test_batches import IN, batch, batch_reads, varint
        def bomb(n, headers=500_000):
            body = b"\\0\\0" + varint(n) + b"\\1\\1" + varint(headers) + b"\\0\\1" * headers
            return varint(len(body)) + body
        packed = batch([bomb(n) for n in range(20)])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert [read.headers[0][0] for read in batch_reads(IN, packed)] == ["kuty-unreadable"] * 20
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120, check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{ROOT / 'tests/consumers'}"},
    )  # fmt: skip
    assert int(said.stdout) < 100 * 1024, "kilobytes"
