"""Reading from Kafka: a reader without a group, and the tails and offsets of many topics."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from consumers.broker_settings import Connection, client_settings
from consumers.kafka_client import answering
from consumers.kafka_inside import (
    Incarnations,
    about,
    by_leader,
    ends_of,
    leaderless,
    learn_topics,
    positions_of,
    read_whole,
    take_turns,
)
from consumers.log import BrokerUnavailable, OffsetOutOfRange, Read, TopicGone

FOR_ONE = 16 * 1024
"""Bytes of each topic that are fetched for one record of it. A larger batch comes only as the first of a fetch: with much
less there would be a fetch for each topic."""
FOR_A_TURN = 1024 * 1024
"""Bytes of each topic that wait for their turns, one batch as large as a topic takes: of every topic some may wait."""


class KafkaReader:
    """A reader over one consumer without a group: positions are the caller's, nothing is committed or reset.

    A topic that was deleted and made again is noticed by its id at the next refresh of metadata; the chain of
    hashes in the records is the sure sign. source: faults.md 3
    """

    def __init__(self, connection: Connection, each: int | None = None) -> None:
        self._connection = connection
        settings = client_settings("consumer", connection)
        if each is not None:
            settings["max_partition_fetch_bytes"] = FOR_A_TURN
        with answering():
            self._consumer = KafkaConsumer(**settings)
        read_whole(self._consumer)
        if each is not None:
            take_turns(self._consumer, each)
        self._topics = Incarnations(self._consumer)
        self._incarnations: dict[str, Any] = {}
        self._checked = 0
        self._silent: Set[str] = frozenset()

    def follow(self, positions: Mapping[str, int]) -> None:
        with answering():
            self._consumer.assign([TopicPartition(topic, 0) for topic in positions])
            absent = learn_topics(self._consumer, set(positions), time.monotonic() + self._connection.deadline_s)
            if absent:
                raise TopicGone(min(absent))
            self._incarnations = {topic: self._topics.id_of(topic) for topic in positions}
            self._silent = leaderless(self._consumer, positions)
            for topic, offset in positions.items():
                self._consumer.seek(TopicPartition(topic, 0), offset)

    def poll(self, limit: int, timeout: float) -> dict[str, list[Read]]:
        with answering():
            try:
                found = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=limit)
            except kafka_errors.OffsetOutOfRangeError as error:
                raise self._out_of_range(error.args[0]) from error
            except kafka_errors.LogTruncationError as error:
                raise self._lost_end(error.divergent_offsets) from error
            self._check_incarnations()
        return {partition.topic: records for partition, records in found.items()}

    def positions(self) -> dict[str, int]:
        return positions_of(self._consumer)

    def ends(self) -> dict[str, int]:
        return ends_of(self._consumer)

    def silent(self) -> Set[str]:
        return self._silent

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=500)

    def _out_of_range(self, wanted: Mapping[TopicPartition, int]) -> OffsetOutOfRange:
        partition, offset = next(iter(wanted.items()))
        limit_ms = self._connection.deadline_s * 1000
        begin = self._consumer.beginning_offsets([partition], timeout_ms=limit_ms)[partition]
        end = self._consumer.end_offsets([partition], timeout_ms=limit_ms)[partition]
        return OffsetOutOfRange(partition.topic, offset, begin, end)

    def _lost_end(self, ends: Mapping[TopicPartition, Any]) -> OffsetOutOfRange:
        """What was read stands there no more from the offset on that the broker names; where it names none, nothing is known
        to."""
        partition, end = next(iter(ends.items()))
        lost = self._out_of_range({partition: self.positions()[partition.topic]})
        return OffsetOutOfRange(lost.topic, lost.offset, lost.begin, max(lost.begin, end.offset if end else lost.begin))

    def _check_incarnations(self) -> None:
        refreshes = self._topics.refreshes
        if refreshes == self._checked:
            return
        self._checked = refreshes
        self._silent = leaderless(self._consumer, self._incarnations)
        for topic, incarnation in self._incarnations.items():
            present = self._topics.id_of(topic)
            if present is None:
                raise TopicGone(topic)
            if present != incarnation:
                raise TopicGone(topic, "was deleted and made again")


def read_tails(connection: Connection, back: Mapping[str, int]) -> dict[str, list[Read]]:
    """The last records of each topic, as many as are asked of it: two requests for the offsets of all, then one line of
    fetches."""
    give_up_at = time.monotonic() + 2 * connection.deadline_s
    tails: dict[str, list[Read]] = {topic: [] for topic in back}
    with _consumer(connection) as consumer:
        begins = _offsets(consumer, consumer.beginning_offsets, tails, connection)
        ends = _offsets(consumer, consumer.end_offsets, tails, connection)
        waiting = {topic: ends[topic] for topic in tails if ends[topic] > begins[topic]}
        consumer.assign([TopicPartition(topic, 0) for topic in waiting])
        for topic, end in waiting.items():
            consumer.seek(TopicPartition(topic, 0), max(begins[topic], end - back[topic]))
        while waiting:
            if time.monotonic() > give_up_at:
                raise BrokerUnavailable(f"the tails of {len(waiting)} topics did not come in time", waiting)
            for partition, records in consumer.poll(timeout_ms=500).items():
                tails[partition.topic] += records
                if records[-1].offset + 1 >= waiting.get(partition.topic, 0):
                    waiting.pop(partition.topic, None)
    return tails


def read_at(connection: Connection, offsets: Mapping[str, int]) -> dict[str, Read]:
    """The record at one offset of each topic: of each the batch that it stands in, in one line of fetches."""
    give_up_at = time.monotonic() + 2 * connection.deadline_s
    found: dict[str, Read] = {}
    with _consumer(connection, max_partition_fetch_bytes=FOR_ONE) as consumer:
        _learn(consumer, set(offsets), connection)
        consumer.assign([TopicPartition(topic, 0) for topic in offsets])
        for topic, offset in offsets.items():
            consumer.seek(TopicPartition(topic, 0), offset)
        while len(found) < len(offsets):
            if time.monotonic() > give_up_at:
                missing = offsets.keys() - found.keys()
                raise BrokerUnavailable(f"records of {len(missing)} topics did not come in time", missing)
            for partition, records in consumer.poll(timeout_ms=500).items():
                found.setdefault(partition.topic, records[0])
                consumer.pause(partition)
    return found


@contextmanager
def _consumer(connection: Connection, **more: Any) -> Iterator[KafkaConsumer]:
    with answering():
        consumer = KafkaConsumer(**{**client_settings("looker", connection), **more})
        read_whole(consumer)
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
    _learn(consumer, wanted, connection)
    offsets: dict[str, int] = {}
    failed: kafka_errors.KafkaError | None = None
    for led in by_leader(consumer, wanted):
        try:
            answer = ask(led, timeout_ms=connection.deadline_s * 1000)
        except kafka_errors.KafkaError as error:
            failed = error
        else:
            offsets |= {partition.topic: offset for partition, offset in answer.items()}
    if failed is not None:
        raise about(failed, [TopicPartition(topic, 0) for topic in wanted - offsets.keys()])
    return offsets


def _learn(consumer: KafkaConsumer, topics: set[str], connection: Connection) -> None:
    absent = learn_topics(consumer, topics, time.monotonic() + connection.deadline_s)
    if absent:
        raise TopicGone(min(absent))
    if without := leaderless(consumer, topics):
        raise BrokerUnavailable(f"{min(without)} has no leader", without)
