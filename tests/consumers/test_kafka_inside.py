"""Reading batches whole gives what the client itself would give, record by record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumers.kafka_client import answering
from consumers.kafka_inside import NOBODY, Administration, batch_reads
from consumers.log import BrokerUnavailable, Read, TopicDamaged

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


class Cluster:
    """What an administration asks: two brokers, each of which leads some topics; one may be away."""

    def __init__(self) -> None:
        self.leads = {TopicPartition(f"t{number}", 0): number % 2 for number in range(6)}
        self.away: set[int] = set()
        self.asked: list[int] = []

    async def leaders(self, partitions: Iterable[TopicPartition]) -> dict[int, set[TopicPartition]]:
        found: dict[int, set[TopicPartition]] = {}
        for partition in partitions:
            found.setdefault(self.leads[partition], set()).add(partition)
        return found

    async def offsets(self, administration: Any, asked: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        for leader in await administration._async_get_leader_for_partitions(asked):
            self.asked.append(leader)
            if leader in self.away:
                raise KafkaConnectionError("no route to it")
        return dict.fromkeys(asked, 7)


@pytest.mark.parametrize("led_by", [1, NOBODY])
def test_whose_leader_does_not_answer_is_said_of_each_topic(monkeypatch: pytest.MonkeyPatch, led_by: int) -> None:
    cluster = Cluster()
    client = Administration.__mro__[1]
    monkeypatch.setattr(client, "_async_get_leader_for_partitions", cluster.leaders)
    monkeypatch.setattr(
        client, "_async_list_partition_offsets", lambda administration, asked: cluster.offsets(administration, asked)
    )
    administration = Administration.__new__(Administration)
    administration._leaders, administration._ask_again_at = {}, 0.0
    asked = dict.fromkeys(cluster.leads, -1)
    assert asyncio.run(administration._async_list_partition_offsets(asked)) == dict.fromkeys(asked, 7)
    # given that one of two brokers is away, and that the cluster knows it or not
    cluster.away = {1}
    cluster.leads = {topic: led_by if leader else 0 for topic, leader in cluster.leads.items()}
    administration._leaders = {}
    with pytest.raises(BrokerUnavailable) as failed, answering():
        asyncio.run(administration._async_list_partition_offsets(asked))
    assert failed.value.topics == {"t1", "t3", "t5"}
