"""Reading batches whole gives what the client itself would give, record by record."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumers.kafka_inside import batch_reads
from consumers.log import Read, TopicDamaged

RECORDS: list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]] = [
    (b"key", b"value", [("ce_id", b"1"), ("ce_type", b"heartbeat.v1")]),
    (None, b"", []),
    (b"k" * 300, b"v" * 70_000, [("name" * 50, b"x" * 200), ("ääni", "🎯".encode()), ("empty", b"")]),
    *[(b"%d" % number, b"v" * number, [("ce_logsequence", b"%d" % number)] * (number % 20)) for number in range(300)],
]


def batch(compression: int = 0) -> bytearray:
    builder: Any = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 10_000_000)
    for number, (key, value, headers) in enumerate(RECORDS):
        builder.append(number, timestamp=1_700_000_000_000 + number, key=key, value=value, headers=headers)
    return bytearray(builder.build())


@pytest.mark.parametrize("compression", [0, 1])
def test_a_batch_reads_as_the_client_reads_it(compression: int) -> None:
    content = batch(compression)
    expected = [
        Read("t", r.offset, r.timestamp, r.key, r.value or b"", tuple(r.headers)) for r in DefaultRecordBatch(content)
    ]
    assert batch_reads("t", DefaultRecordBatch(content)) == expected
    assert [(r.key, r.value, list(r.headers)) for r in expected] == RECORDS


@pytest.mark.parametrize("cut", [1, 40, 5_000])
def test_a_batch_cut_short_is_a_fault(cut: int) -> None:
    content = batch()[:-cut]
    with pytest.raises(TopicDamaged):
        batch_reads("t", DefaultRecordBatch(content))


def test_bytes_behind_the_last_record_are_a_fault() -> None:
    with pytest.raises(TopicDamaged):
        batch_reads("t", DefaultRecordBatch(batch() + b"\0"))
