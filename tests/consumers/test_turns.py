"""What senders' topics hold in memory while they wait for their turns.

The bound, and why: docs/decisions/0020-what-senders-may-do-to-a-topic.md
"""

from __future__ import annotations

import tracemalloc
from collections import deque
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from consumers import kafka_inside
from consumers.kafka_inside import PackingBuilder, Turns, WholeBatches
from consumers.log import Entry, Read
from consumers.record_format import encoded_record
from consumers.unpacking import GZIP
from consumers.wire import in_topic

MIB = 1024 * 1024
RECORDS, SIZE = 400, 20 * 1024
"""Of a batch: so much that it unpacks to eight megabytes."""
EACH = 150


def batch(first: int, codec: int = GZIP, size: int = SIZE, lie: bool = False) -> bytes:
    """A batch as a sender's client packs it; with a lie of its last record nobody can read that one."""
    builder: Any = (PackingBuilder if codec else DefaultRecordBatchBuilder)(2, codec, False, -1, -1, -1, 1 << 30)
    for n in range(RECORDS):
        record = encoded_record(n, Entry(None, b"%d" % (first + n) + b"x" * size, ()))
        builder._buffer += record if not lie or n < RECORDS - 1 else record[:-1]
    builder._first_timestamp = builder._max_timestamp = 1
    builder._num_records, builder._last_offset = RECORDS, RECORDS - 1
    made = builder.build()
    made[:8] = first.to_bytes(8, "big")  # the offset is the broker's, and no part of the checksum
    return bytes(made)


def turns(*fetched: bytes, from_offset: int = 0) -> Turns:
    """Of each topic what was fetched of it."""

    class Fetcher:
        def __init__(self) -> None:
            self._completed_fetches = deque(range(len(fetched)))

        def _fetchable_partitions(self) -> list[TopicPartition]:
            return []

        def _parse_fetched_data(self, n: int) -> WholeBatches:
            return WholeBatches(from_offset, TopicPartition(in_topic("x", f"s{n}"), 0), MemoryRecords(fetched[n]))

        def _append(self, given: dict[TopicPartition, list[Read]], part: WholeBatches, most: int, _: bool) -> int:
            reads = part.take(most)
            given[part.topic_partition] += reads
            return len(reads)

    return Turns(Fetcher(), EACH)


def polled(turns: Turns, topics: int) -> list[dict[str, list[int]]]:
    """Of each poll, which records of which topic it gave, until nothing is left."""
    found = []
    while given := turns.records(EACH * topics)[0]:
        found.append({tp.topic: [read.offset for read in reads] for tp, reads in given.items() if reads})
        for reads in given.values():
            assert all(read.value.startswith(b"%dx" % read.offset) for read in reads if read.value)
    return found


@pytest.mark.parametrize("topics", [1, 4, 8])
def test_so_much_waits_unpacked_however_many_senders_pack_their_backlogs(
    topics: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given backlogs in two batches, each of eight megabytes when it is unpacked
    monkeypatch.setattr(kafka_inside, "MOST_WAITING", 20 * MIB)
    backlog = batch(0) + batch(RECORDS)
    assert len(backlog) < MIB // 8
    waiting = turns(*[backlog] * topics)
    # when they take turns
    tracemalloc.start()
    first = waiting.records(EACH * topics)[0]
    assert {len(reads) for reads in first.values()} == {EACH}
    assert len(first) == topics
    first.clear()
    # then no more of them is in memory than may wait
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 21 * MIB
    assert sum(part.held for part in waiting._line) <= 20 * MIB
    # and every record of each comes once, in its order, and none is ahead by more than a turn
    rest = polled(waiting, topics)
    for n in range(topics):
        given = [offset for each in rest for offset in each.get(in_topic("x", f"s{n}"), [])]
        assert given == list(range(EACH, 2 * RECORDS))
    assert {len({len(reads) for reads in each.values()}) for each in rest if each} == {1}


@pytest.mark.parametrize("codec", [0, GZIP])
def test_what_was_let_go_goes_on_where_it_was(codec: int, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    # given that nothing may wait open, and a sender whose last record cannot be read
    monkeypatch.setattr(kafka_inside, "MOST_WAITING", 0)
    monkeypatch.setattr(f"{__name__}.EACH", 133)
    waiting = turns(batch(0, codec, 10) + batch(RECORDS, codec, 10, lie=True), from_offset=70)
    # then nothing is given that stands before the place asked for, and all that stands behind it once
    found = polled(waiting, 1)
    assert [offset for given in found for reads in given.values() for offset in reads] == list(range(70, 2 * RECORDS))
    assert list(waiting._line) == []
    # and what cannot be read is said once
    assert len([line for line in caplog.records if "nothing is read" in line.getMessage()]) == 1


def test_who_waits_with_little_is_not_unpacked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = kafka_inside.reads_of
    monkeypatch.setattr(kafka_inside, "reads_of", lambda batch: opened.append(batch.topic) or real(batch))
    polled(turns(*[batch(0, size=10)] * 5), 5)
    assert len(opened) == 5
