"""What is taken from the inside of kafka-python (its version is pinned), each part for a figure that was measured.

- Batches written and packed whole, and a producer let go at once: `relay_ratio`, 0.77 of a bare producer. Record by record
  through `send` it is a half to a third of that, and what was handed over beside `send` no `close` gives up.
- Batches read whole: `rebuild_ratio`, 21 times the library's runner.
- Topics read in turns: one sender's backlog held every other sender up for minutes.
- All topics learned in one request: `relay_ratio_1000`, 0.93. The client asks topic by topic: 120 s for 1,000.
- Leaders of topics remembered for a while: `health_1000_ms`. The client asks who they are before each question.

Nothing else in the project looks inside; figures: docs/explanation/benchmarks.md. source: design D11
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.producer.producer_batch import FinalState, ProducerBatch
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder

from consumers.batches import Batch, OneByOne, reads_of
from consumers.log import BrokerUnavailable, Entry, Read, TopicDamaged
from consumers.packing import packed
from consumers.record_format import encoded_record

BATCH_BYTES = 1_000_000
METADATA_STEP_S = 0.02
NOBODY = -1
"""Who leads a topic whose copies are all away."""
MOST_WAITING = 64 * 1024 * 1024
"""Bytes of batches that are open while their topics wait for a turn, of all topics together."""
LEADERS_S = 60.0
"""How long it is taken that topics have the same leaders, as long as nobody says otherwise."""


# --- all topics at once ---


def learn_topics(client: KafkaProducer | KafkaConsumer, topics: set[str], give_up_at: float) -> set[str]:
    """Have a client learn all its topics in one request; returns those that the broker does not have.

    Raises BrokerUnavailable.
    """
    metadata = _metadata(client)
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


def leaderless(client: KafkaConsumer, topics: Iterable[str]) -> set[str]:
    """Which of the topics that it has learned nobody leads now: to ask about one waits until the deadline."""
    metadata = _metadata(client)
    return {topic for topic in topics if metadata.leader_for_partition(TopicPartition(topic, 0)) == NOBODY}


def by_leader(client: KafkaConsumer, topics: Iterable[str]) -> list[list[TopicPartition]]:
    """The partitions of topics that it has learned, those that one broker leads together."""
    led: dict[Any, list[TopicPartition]] = {}
    for partition in (TopicPartition(topic, 0) for topic in topics):
        led.setdefault(_metadata(client).leader_for_partition(partition), []).append(partition)
    return [*led.values()]


def about(error: kafka_errors.KafkaError, partitions: Iterable[TopicPartition]) -> kafka_errors.KafkaError:
    """The same error, with the topics that it is about."""
    error.topics = frozenset(partition.topic for partition in partitions)
    return error


class Incarnations:
    """The ids of the topics that a consumer follows, as the broker told them last; `refreshes` counts how often it did."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._metadata = _metadata(consumer)
        self.refreshes = 0
        self._metadata.add_listener(self._told)

    def id_of(self, topic: str) -> Any:
        """The id of the topic's present incarnation; none when it is not there."""
        return self._metadata.topic_id(topic)

    def _told(self, _: Any) -> None:
        self.refreshes += 1


def _metadata(client: KafkaProducer | KafkaConsumer) -> Any:
    return client._cluster if isinstance(client, KafkaConsumer) else client._metadata


class Administration(KafkaAdminClient):  # type: ignore[misc]
    """The client's administration, which remembers for a while which broker leads a topic: asking for that is most of the
    time of a question about many topics. An answer that says otherwise is believed at once."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._leaders: dict[TopicPartition, Any] = {}
        self._ask_again_at = 0.0

    async def _async_get_leader_for_partitions(self, partitions: Collection[TopicPartition]) -> dict[Any, Any]:
        now = time.monotonic()
        if now >= self._ask_again_at or not self._leaders.keys() >= set(partitions):
            found = await super()._async_get_leader_for_partitions(partitions)
            if without := found.get(NOBODY):
                raise about(kafka_errors.LeaderNotAvailableError(f"{min(without).topic} has no leader"), without)
            self._leaders = {partition: leader for leader, led in found.items() for partition in led}
            self._ask_again_at = now + LEADERS_S
        leading: dict[Any, Any] = {}
        for partition in partitions:
            leading.setdefault(self._leaders[partition], set()).add(partition)
        return leading

    async def _async_list_partition_offsets(self, asked: Mapping[TopicPartition, Any], *given: Any, **named: Any) -> Any:
        """Each leader is asked by itself: of one that does not answer it is said whose topics it leads."""
        found: dict[TopicPartition, Any] = {}
        failed: kafka_errors.KafkaError | None = None
        silent: set[TopicPartition] = set()
        for led in (await self._async_get_leader_for_partitions(asked)).values():
            some = {partition: asked[partition] for partition in led}
            try:
                found |= await super()._async_list_partition_offsets(some, *given, **named)
            except kafka_errors.UnknownTopicOrPartitionError:
                raise
            except kafka_errors.KafkaError as error:
                failed = error
                silent |= led
        if failed is not None:
            raise about(failed, silent)
        return found

    def _list_partition_offsets_process_response(self, response: Any) -> Any:
        try:
            return super()._list_partition_offsets_process_response(response)
        except kafka_errors.KafkaError:
            self._leaders = {}
            raise

    async def _async_delete_records(self, *given: Any, **named: Any) -> Any:
        self._leaders = {}
        return await super()._async_delete_records(*given, **named)


# --- batches written whole ---


class BatchAnswer(NamedTuple):
    """What the broker said to a batch. `alone`: it failed by itself, and not because another one did."""

    offset: int
    appended: int
    error: Exception | None
    alone: bool


class WholeBatch(ProducerBatch):  # type: ignore[misc]
    """A batch that the client may not split when the broker finds it too large: it counts as one record, and its one
    answer is for all of it."""

    @property
    def record_count(self) -> int:
        return 1

    @property
    def answer(self) -> BatchAnswer | None:
        """The broker's answer; none as long as it is not known."""
        if not self.produce_future.is_done:
            return None
        offset, appended, error_of = self.produce_future.value
        return BatchAnswer(offset, appended, error_of(0) if error_of else None, self.final_state is FinalState.FAILED)


def _packed(builder: Any) -> bool:
    """Pack what a builder holds; whether it is smaller so. The client's own gzip takes three times as long for a record."""
    begin = builder.HEADER_STRUCT.size
    content = bytes(builder._buffer[begin:])
    smaller = packed(builder._compression_type, content)
    if len(smaller) >= len(content):
        return False
    builder._buffer[begin:] = smaller
    return True


PackingBuilder: Any = type(
    "PackingBuilder", (DefaultRecordBatchBuilder,), {"__slots__": (), "_maybe_compress": _packed}
)  # fmt: skip
"""The client's builder of a batch, which packs with our tools."""


class Window:
    """Batches that a producer sends together."""

    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._batches: list[WholeBatch] = []
        self._moment: int | None = None

    def put(self, topic: str, entries: Sequence[Entry], codec: int = 0) -> WholeBatch:
        """One more batch, handed to the sender; packed by a codec (0: none) when it leaves."""
        partition = TopicPartition(topic, 0)
        batch = WholeBatch(partition, self._records(entries, codec))
        accumulator = self._producer._accumulator
        with accumulator._tp_lock(partition):
            accumulator._batches[partition].append(batch)
            accumulator._incomplete.add(batch)
        self._batches.append(batch)
        return batch

    def send(self, give_up_at: float) -> None:
        """Have everything sent now and wait for every answer; the client's own flush may wait as long for each one."""
        accumulator = self._producer._accumulator
        accumulator.begin_flush()
        self._producer._sender.wakeup()
        for batch in self._batches:
            if not batch.produce_future.wait(max(0.0, give_up_at - time.monotonic())):
                break
        accumulator._flushes_in_progress.decrement()

    def _records(self, entries: Sequence[Entry], codec: int) -> MemoryRecordsBuilder:
        """The client writes the first record of a window and reads the clock for it; we write the others, much faster,
        with the same time. The broker puts its own time over it."""
        records = MemoryRecordsBuilder(2, codec, BATCH_BYTES)
        if codec:
            records._builder = PackingBuilder(2, codec, False, -1, -1, -1, BATCH_BYTES)
        builder = records._builder
        if self._moment is None:
            first, *rest = entries
            written = records.append(None, first.key, first.value, list(first.headers))
            self._moment = builder._first_timestamp
            start = written.offset + 1
        else:
            rest, start = list(entries), 0
            builder._first_timestamp = builder._max_timestamp = self._moment
        body = builder._buffer
        for offset, entry in enumerate(rest, start):
            body += encoded_record(offset, entry)
        builder._num_records = records._next_offset = len(entries)
        builder._last_offset = len(entries) - 1
        return records


def let_go(producer: KafkaProducer) -> None:
    """Give a producer up without waiting: what it still holds fails, what it has sent stays unknown."""
    producer._unregister_cleanup()
    producer._closed = True
    producer._sender.force_close()


# --- batches read whole ---


def read_whole(consumer: KafkaConsumer) -> None:
    """Have a consumer read its batches whole: its polls give `Read`s, and its checks stay."""
    consumer._fetcher.PartitionRecords = WholeBatches


class WholeBatches(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What the client's fetcher takes records from; gives `Read`s. `held` is how much is held of the batch that is open, in
    bytes."""

    held = 0
    _open: Iterator[Read] | None = None

    def let_go(self) -> None:
        """Hold nothing of the batch that is open: it is opened once more when its next record is asked for."""
        self._open, self.held = None, 0

    def _unpack_records(self, tp: Any, records: Any, key_deserializer: Any, value_deserializer: Any) -> Iterator[Read]:
        try:
            while (batch := records.next_batch()) is not None:
                if self.check_crcs and not batch.validate_crc():
                    raise TopicDamaged(tp.topic, f"the batch at offset {batch.base_offset} fails its checksum")
                self.leader_epoch = batch.leader_epoch
                taken_back = self._was_taken_back(batch)  # also asked of what ends a transaction
                if not (batch.is_control_batch or taken_back):
                    for read in self._opened(tp.topic, batch):
                        self.records_read += 1
                        self.next_fetch_offset = read.offset + 1
                        yield read
                    self.bytes_read += batch.size_in_bytes
                # The last offset of a batch stays though its last record is gone.
                self.next_fetch_offset = batch.next_offset
        except Exception:
            self.drain()  # the client asks what has not ended for its next record, for ever
            raise
        self.drain()

    def _opened(self, topic: str, batch: Any) -> Iterable[Read]:
        reads = batch_reads(topic, batch)
        if not isinstance(reads, OneByOne):
            return reads
        self._open, self.held = reads, reads.size
        return self._one_by_one(topic, batch)

    def _one_by_one(self, topic: str, batch: Any) -> Iterator[Read]:
        """The records of a sender's batch, of which nothing may be held while a turn is waited for."""
        while self._open is not None and (read := next(self._open, None)) is not None:
            yield read
            if self._open is None and read.offset < batch.last_offset:
                self._opened(topic, batch)
                self._open = dropwhile(self._was_given, self._open or ())
        self.let_go()

    def _was_given(self, read: Read) -> bool:
        return read.offset < self.next_fetch_offset

    def _was_taken_back(self, batch: Any) -> bool:
        """Whether the batch is of a transaction that was given up, as the broker says beside what is fetched."""
        if self.isolation_level != IsolationLevel.READ_COMMITTED or not batch.has_producer_id():
            return False
        self._consume_aborted_transactions_up_to(batch.last_offset)
        if self._contains_abort_marker(batch):
            self.aborted_producer_ids.discard(batch.producer_id)
        return bool(self._is_batch_aborted(batch))


def batch_reads(topic: str, batch: Any) -> Iterable[Read]:
    """The records of one batch of the client (`DefaultRecordBatch`). Raises `TopicDamaged`."""
    appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
    return reads_of(
        Batch(
            topic, bytes(batch._buffer), batch._pos, batch.compression_type, batch.records_count, batch.base_offset,
            batch.last_offset, batch.first_timestamp, batch.max_timestamp, appended,
        )
    )  # fmt: skip


# --- topics that take turns ---


def take_turns(consumer: KafkaConsumer, each: int) -> None:
    """Have the polls of a consumer give at most so many records of a topic, and let every other topic that has some have its
    turn before that one has more.

    The client goes on with the topic that it has begun until all that was fetched of it is given. Pausing that one does not
    help: what it had fetched waits for a place that is made only when another one is paused.
    """
    turns = Turns(consumer._fetcher, each)
    consumer._fetcher.fetched_records = turns.records
    consumer._fetcher._fetchable_partitions = turns.to_be_fetched


class Turns:
    """What stands in for the part of a client's fetcher that gives what was fetched."""

    def __init__(self, fetcher: Fetcher, each: int) -> None:
        self._fetcher = fetcher
        self._each = each
        self._line: deque[Any] = deque()
        """The topics of which something is there, who had a turn last at the end."""
        self._later: Exception | None = None
        self._fetchable = fetcher._fetchable_partitions

    def to_be_fetched(self) -> list[TopicPartition]:
        """Of which topics more is asked for; asked by the client's own thread."""
        there = {part.topic_partition for part in tuple(self._line)}
        return [partition for partition in self._fetchable() if partition not in there]

    def records(self, max_records: int, update_offsets: bool = True) -> tuple[dict[TopicPartition, list[Read]], bool]:
        """One turn for each that has something, as long as there is room; never holds back what is still to be fetched.
        Raises as the client does, behind what was given before."""
        later, self._later = self._later, None
        if later is not None:
            raise later
        given: dict[TopicPartition, list[Read]] = defaultdict(list)
        try:
            while self._fetcher._completed_fetches:
                part = self._fetcher._parse_fetched_data(self._fetcher._completed_fetches.popleft())
                if part:
                    self._line.append(part)
            for _ in range(len(self._line)):
                if max_records <= 0:
                    break
                part = self._line.popleft()
                max_records -= self._fetcher._append(given, part, min(max_records, self._each), update_offsets)
                if part:
                    self._line.append(part)
                    # Its next turn is farther away than that of any other.
                    if sum([one.held for one in self._line]) > MOST_WAITING:
                        part.let_go()
        except Exception as error:
            if not given:
                raise
            self._later = error
        return dict(given), False


def ends_of(consumer: KafkaConsumer) -> dict[str, int]:
    """Where each followed topic ended when records of it were last asked for. Only looks at what is remembered."""
    followed = dict(consumer._subscription.assignment)
    return {partition.topic: state.highwater for partition, state in followed.items() if state.highwater is not None}


def positions_of(consumer: KafkaConsumer) -> dict[str, int]:
    """Where each followed topic goes on. The client's own question looks each time whether the broker has changed."""
    followed = consumer._subscription.assignment
    return {partition.topic: state.position.offset for partition, state in followed.items() if state.position is not None}
