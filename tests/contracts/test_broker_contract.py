"""One contract, two brokers: what relay, intake and projectors may rely on."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from consumers import wire
from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from consumers.embedded_broker import EmbeddedBroker
from consumers.kafka_producer import unpacked_all
from consumers.log import (
    DAY_MS,
    FOREVER,
    Broker,
    Entry,
    OffsetOutOfRange,
    Read,
    Reader,
    TopicGone,
    TopicSettings,
    TopicSettingsDiffer,
    contiguous_end,
)

KEPT_90_DAYS = TopicSettings(retention_ms=90 * DAY_MS)
SMALL_RECORDS = TopicSettings(retention_ms=FOREVER, max_message_bytes=2_000)
DEADLINE_S = 20.0


@pytest.fixture(params=["embedded in memory", "embedded in a file", "kafka", "kafka, packed"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    made: Broker
    if request.param.startswith("kafka"):
        codec_of = wire.codec_of if "packed" in request.param else unpacked_all
        made = KafkaBroker(Connection(request.getfixturevalue("kafka").bootstrap, deadline_s=DEADLINE_S), codec_of)
    else:
        path = tmp_path / "broker.sqlite" if "file" in request.param else None
        made = EmbeddedBroker(lambda: datetime.now(UTC), path)
    yield made
    made.close()


@pytest.fixture
def topic(broker: Broker) -> str:
    return new_topic(broker)


def new_topic(broker: Broker, settings: TopicSettings = KEPT_90_DAYS) -> str:
    name = f"kuty.contract.out.{uuid.uuid4().hex[:12]}.v1"
    broker.create_topics({name: settings})
    return name


def entries(*sequences: int) -> list[Entry]:
    return [
        Entry(b"client-1", b"value %d" % number, (("ce_logsequence", b"%d" % number), ("ce_id", b"\x00\xff")), number)
        for number in sequences
    ]


def window(topic: str, *sequences: int) -> list[tuple[str, Entry]]:
    return [(topic, entry) for entry in entries(*sequences)]


def sequence_of(read: Read) -> int | None:
    found = dict(read.headers).get("ce_logsequence")
    return None if found is None else int(found)


def sequences(reads: list[Read]) -> list[int | None]:
    return [sequence_of(read) for read in reads]


def read_until(reader: Reader, count: int) -> dict[str, list[Read]]:
    """Poll until `count` records came or the deadline passes."""
    found: dict[str, list[Read]] = {}
    give_up_at = time.monotonic() + DEADLINE_S
    while sum(map(len, found.values())) < count and time.monotonic() < give_up_at:
        for topic, reads in reader.poll(limit=1_000, timeout=1.0).items():
            found.setdefault(topic, []).extend(reads)
    return found


def raised_while(attempt: Callable[[], Any], kind: type[Exception]) -> Exception:
    """Repeat the attempt until it raises the wanted error; anything else passes through."""
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        try:
            attempt()
        except kind as error:
            return error
    raise AssertionError(f"{kind.__name__} was not raised within {DEADLINE_S} s")


# -- topics ----------------------------------------------------------------------------------------------


def test_making_a_topic_twice_changes_nothing(broker: Broker, topic: str) -> None:
    broker.append(window(topic, 1))
    before = broker.topics()[topic]

    broker.create_topics({topic: KEPT_90_DAYS})

    assert broker.topics()[topic] == before
    assert broker.end_offsets([topic]) == {topic: 1}


def test_a_topic_with_other_settings_is_not_taken_as_ours(broker: Broker, topic: str) -> None:
    with pytest.raises(TopicSettingsDiffer):
        broker.create_topics({topic: TopicSettings(retention_ms=7 * DAY_MS)})


def test_a_topic_may_take_larger_records_than_we_need_and_not_smaller_ones(broker: Broker) -> None:
    narrow = new_topic(broker, SMALL_RECORDS)

    broker.create_topics({narrow: TopicSettings(retention_ms=FOREVER, max_message_bytes=1_000)})
    with pytest.raises(TopicSettingsDiffer, match=r"2000 .*should .*3000"):
        broker.create_topics({narrow: TopicSettings(retention_ms=FOREVER, max_message_bytes=3_000)})


def test_a_topic_that_is_widened_takes_and_gives_back_what_it_refused(broker: Broker) -> None:
    narrow = new_topic(broker, SMALL_RECORDS)
    large = Entry(b"client-1", Random(2).randbytes(3_000_000), (("ce_logsequence", b"2"),), 2)  # what no packing helps
    assert deliver(broker, [*window(narrow, 1), (narrow, large)]) == {narrow: "too_large"}

    broker.widen(narrow, 3_100_000)

    assert deliver(broker, [(narrow, large), *window(narrow, 3)]) == {}
    assert sequences(broker.tail({narrow: 10})[narrow]) == [1, 2, 3]
    assert [read.value for read in broker.read(narrow, 1, 1, timeout=DEADLINE_S)] == [large.value]
    broker.create_topics({narrow: SMALL_RECORDS})


def test_the_settings_of_a_topic_that_is_not_there_cannot_be_changed(broker: Broker) -> None:
    with pytest.raises(TopicGone):
        broker.widen("kuty.contract.nowhere.v1", 3_000)


def test_what_a_topic_takes_is_measured_with_its_headers(broker: Broker) -> None:
    narrow = new_topic(broker, SMALL_RECORDS)
    many = Random(1).randbytes(1_000)
    wide = Entry(b"client-1", many, (("ce_logsequence", b"1"), ("ce_subject", many[::-1])), 1)

    assert deliver(broker, [(narrow, wide)]) == {narrow: "too_large"}


def test_a_deleted_topic_is_gone(broker: Broker, topic: str) -> None:
    broker.delete_topics([topic])

    # A cluster says yes once its controller has noted it; its brokers hear of that a moment later.
    raised_while(lambda: broker.tail({topic: 1}), TopicGone)
    assert topic not in broker.topics()


def test_the_end_of_a_topic_that_was_deleted_is_not_remembered(broker: Broker, topic: str) -> None:
    other = new_topic(broker)
    broker.append([(topic, entries(1)[0])])
    assert broker.end_offsets([topic, other]) == {topic: 1, other: 0}
    broker.delete_topics([topic])
    raised_while(lambda: broker.end_offsets([topic, other]), TopicGone)
    assert broker.end_offsets([other]) == {other: 0}
    broker.create_topics({topic: KEPT_90_DAYS})
    assert broker.end_offsets([topic, other]) == {topic: 0, other: 0}


# -- append and read -------------------------------------------------------------------------------------


def test_what_was_appended_is_read_back_byte_for_byte(broker: Broker, topic: str) -> None:
    outcomes = broker.append(window(topic, 1, 2))

    reads = broker.read(topic, 0, limit=10, timeout=DEADLINE_S)

    assert [(outcome.status, outcome.offset) for outcome in outcomes] == [("acknowledged", 0), ("acknowledged", 1)]
    assert [(read.key, read.value, read.headers) for read in reads] == [entry[:3] for entry in entries(1, 2)]
    assert [read.timestamp for read in reads] == [outcome.timestamp for outcome in outcomes]


def test_the_time_of_a_record_is_the_brokers_own(broker: Broker, topic: str) -> None:
    before = datetime.now(UTC).timestamp() * 1000

    (outcome,) = broker.append(window(topic, 1))

    assert before - 1_000 <= outcome.timestamp <= datetime.now(UTC).timestamp() * 1000 + 1_000


def test_a_record_without_key_or_headers_is_a_record(broker: Broker, topic: str) -> None:
    broker.append([(topic, Entry(None, b"heartbeat", ()))])

    (read,) = broker.read(topic, 0, limit=1, timeout=DEADLINE_S)

    assert (read.key, read.value, read.headers) == (None, b"heartbeat", ())


def test_windows_follow_one_another_in_order(broker: Broker, topic: str) -> None:
    for first in range(1, 1_001, 250):
        broker.append(window(topic, *range(first, first + 250)))

    reader = broker.reader()
    reader.follow({topic: 0})
    reads = read_until(reader, 1_000)[topic]
    reader.close()

    assert sequences(reads) == list(range(1, 1_001))
    assert [read.offset for read in reads] == list(range(1_000))


def test_an_empty_window_has_no_outcomes(broker: Broker) -> None:
    assert broker.append([]) == []


def test_reading_from_the_middle_gives_the_rest_and_no_more_than_the_limit(broker: Broker, topic: str) -> None:
    broker.append(window(topic, *range(1, 11)))

    assert sequences(broker.read(topic, 4, limit=3, timeout=DEADLINE_S)) == [5, 6, 7]
    assert sequences(broker.read(topic, 7, limit=3, timeout=DEADLINE_S)) == [8, 9, 10]
    assert broker.read(topic, 10, limit=3) == []


def test_a_reader_waits_and_is_woken_by_an_append(broker: Broker, topic: str) -> None:
    reader = broker.reader()
    reader.follow({topic: 0})
    waiting, found = threading.Event(), []

    def follow() -> None:
        waiting.set()
        found.extend(read_until(reader, 1).get(topic, []))

    follower = threading.Thread(target=follow)
    follower.start()
    waiting.wait(DEADLINE_S)
    broker.append(window(topic, 1))
    follower.join(DEADLINE_S)
    reader.close()

    assert sequences(found) == [1]


def test_a_poll_that_finds_nothing_ends_at_its_timeout(broker: Broker, topic: str) -> None:
    reader = broker.reader()
    reader.follow({topic: 0})

    assert reader.poll(limit=10, timeout=0.1) == {}
    reader.close()


def test_one_reader_follows_many_topics_each_from_its_own_place(broker: Broker) -> None:
    first, second, third = (new_topic(broker) for _ in range(3))
    for name in (first, second, third):
        broker.append(window(name, 1, 2, 3))

    reader = broker.reader()
    reader.follow({first: 0, second: 2, third: 3})
    found = read_until(reader, 4)

    assert {name: sequences(reads) for name, reads in found.items()} == {first: [1, 2, 3], second: [3]}
    # A new set of topics replaces the old one.
    reader.follow({third: 1})
    assert {name: sequences(reads) for name, reads in read_until(reader, 2).items()} == {third: [2, 3]}
    reader.close()


def test_a_reader_knows_where_its_topics_ended_and_asks_nobody(broker: Broker) -> None:
    first, second, foreign = (new_topic(broker) for _ in range(3))
    for name in (first, foreign):
        broker.append(window(name, 1, 2, 3, 4, 5))
    reader = broker.reader()
    reader.follow({first: 0, second: 0})
    read_until(reader, 5)
    # of a topic that has nothing a broker may have said nothing yet
    assert {name: end for name, end in reader.ends().items() if end} == {first: 5}
    broker.append(window(second, 1))
    read_until(reader, 1)
    assert reader.ends() == {first: 5, second: 1}
    reader.close()


def test_a_reader_knows_where_a_topic_ended_of_which_nothing_comes(broker: Broker) -> None:
    busy, idle = new_topic(broker), new_topic(broker)
    for name in (busy, idle):
        broker.append(window(name, 1, 2, 3))
    reader = broker.reader()
    reader.follow({busy: 0, idle: 0})
    read_until(reader, 6)
    # when it was not followed for a while, and is followed again from its end on
    reader.follow({busy: 3})
    broker.append(window(busy, 4))
    read_until(reader, 1)
    reader.follow({busy: 4, idle: 3})
    # then the reader soon says that it stands there
    give_up_at = time.monotonic() + 10.0
    while reader.ends().get(idle) != 3:
        assert time.monotonic() < give_up_at
        assert reader.poll(10, 0.1) == {}
    assert (reader.positions()[idle], reader.silent()) == (3, set())
    reader.close()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 8_191, 8_192, 70_000, 900_000])
def test_records_and_headers_of_any_length_survive(broker: Broker, topic: str, size: int) -> None:
    headers = (("ce_id", b"h" * min(size, 20_000)), ("ce_tyyppi_ä", b"\x00"))
    pairs = [(topic, Entry(b"k" * min(size, 300), b"v" * size, headers)), (topic, Entry(None, b"", ()))]

    outcomes = broker.append(pairs)

    reads = read_all(broker, topic, 2)
    assert [outcome.status for outcome in outcomes] == ["acknowledged", "acknowledged"]
    assert [(read.key, read.value, read.headers) for read in reads] == [entry[:3] for _, entry in pairs]


def read_all(broker: Broker, topic: str, count: int) -> list[Read]:
    reader = broker.reader()
    reader.follow({topic: 0})
    reads = read_until(reader, count)[topic]
    reader.close()
    return reads


# -- turns -----------------------------------------------------------------------------------------------


def polls(reader: Reader, limit: int = 500) -> Iterator[dict[str, list[Read]]]:
    """What a reader's polls give, those left out that give nothing, until the deadline."""
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        if given := reader.poll(limit, timeout=0.5):
            yield given
    raise AssertionError(f"nothing more within {DEADLINE_S} s")


def test_a_backlog_in_one_topic_holds_up_no_other_one(broker: Broker, topic: str) -> None:
    other = new_topic(broker)
    for first in range(1, 5_001, 1_000):
        broker.append(window(topic, *range(first, first + 1_000)))
    broker.append(window(other, 1))
    reader = broker.reader(each=20)
    reader.follow({topic: 0, other: 0})

    given = list(islice(polls(reader), 3))

    reader.close()
    assert any(other in one for one in given)
    assert {len(one[topic]) for one in given if topic in one} == {20}


def test_what_comes_behind_a_backlog_is_read_before_it_is_used_up(broker: Broker, topic: str) -> None:
    other = new_topic(broker)
    for first in range(1, 5_001, 1_000):
        broker.append(window(topic, *range(first, first + 1_000)))
    reader = broker.reader(each=2)
    reader.follow({topic: 0, other: 0})
    before = next(polls(reader))[topic]

    broker.append(window(other, 1))
    found: dict[str, list[Read]] = {topic: before}
    for given in polls(reader):
        for name, reads in given.items():
            found.setdefault(name, []).extend(reads)
        if other in given:
            break

    reader.close()
    assert len(found[topic]) < 5_000
    assert sequences(found[topic]) == list(range(1, len(found[topic]) + 1))


def test_many_backlogs_take_turns_and_nothing_of_them_is_lost(broker: Broker) -> None:
    names = [new_topic(broker) for _ in range(5)]
    for name in names:
        broker.append(window(name, *range(1, 301)))
    reader = broker.reader(each=10)
    reader.follow(dict.fromkeys(names, 0))

    found: dict[str, list[Read]] = {name: [] for name in names}
    for given in polls(reader, limit=25):
        assert sum(map(len, given.values())) <= 25
        for name, reads in given.items():
            assert len(reads) <= 10
            found[name] += reads
        # Where they all have been begun, none is ahead by more than a few turns.
        if all(found.values()):
            left = [len(reads) for reads in found.values() if len(reads) < 300]
            assert not left or max(left) - min(left) <= 150
        if sum(map(len, found.values())) == 1_500:
            break

    assert all(sequences(found[name]) == list(range(1, 301)) for name in names)
    assert reader.positions() == dict.fromkeys(names, 300)
    reader.close()


def test_a_reader_that_gives_turns_follows_others_and_halts_as_any(broker: Broker, topic: str) -> None:
    other = new_topic(broker)
    broker.append(window(topic, *range(1, 101)) + window(other, 1, 2, 3))
    reader = broker.reader(each=2)
    reader.follow({topic: 0})
    assert sequences(next(polls(reader))[topic]) == [1, 2]

    reader.follow({topic: 50, other: 7})
    error = raised_while(lambda: reader.poll(limit=10, timeout=0.5), OffsetOutOfRange)
    assert isinstance(error, OffsetOutOfRange)
    assert (error.topic, error.offset, error.end) == (other, 7, 3)

    reader.follow({topic: 50, other: 1})
    found = read_until(reader, 52)
    reader.close()
    assert (sequences(found[topic]), sequences(found[other])) == (list(range(51, 101)), [2, 3])


# -- tail ------------------------------------------------------------------------------------------------


def test_the_tail_is_the_last_records_of_each_topic(broker: Broker, topic: str) -> None:
    empty, short, other = new_topic(broker), new_topic(broker), new_topic(broker)
    broker.append(window(topic, *range(1, 101)) + window(short, 1) + window(other, *range(1, 101)))

    tails = broker.tail({topic: 3, empty: 3, short: 3, other: 1})

    assert {name: sequences(reads) for name, reads in tails.items()} == {
        topic: [98, 99, 100], empty: [], short: [1], other: [100],
    }  # fmt: skip


def test_the_tails_of_many_topics_come_together(broker: Broker) -> None:
    names = [f"kuty.contract.many.{uuid.uuid4().hex[:12]}.v1" for _ in range(200)]
    broker.create_topics(dict.fromkeys(names, KEPT_90_DAYS))
    outcomes = broker.append([pair for name in names for pair in window(name, 1, 2, 3)])

    tails = broker.tail(dict.fromkeys(names, 2))

    assert {outcome.status for outcome in outcomes} == {"acknowledged"}
    assert {tuple(sequences(reads)) for reads in tails.values()} == {(2, 3)}
    assert len(tails) == 200


def test_one_record_of_each_topic_is_looked_at_by_its_offset(broker: Broker, topic: str) -> None:
    short = new_topic(broker)
    broker.append(window(topic, *range(1, 101)) + window(short, 1))

    found = broker.at({topic: 41, short: 0})

    assert {name: (read.offset, *sequences([read])) for name, read in found.items()} == {topic: (41, 42), short: (0, 1)}
    assert broker.at({}) == {}
    with pytest.raises(TopicGone):
        broker.at({"kuty.contract.nowhere.v1": 0})


def test_the_place_to_resume_is_the_first_missing_sequence_not_the_last_record(broker: Broker, topic: str) -> None:
    broker.append(window(topic, *range(1, 101), *range(211, 221)))

    assert contiguous_end(broker.tail({topic: 200})[topic], sequence_of) == 100


def test_records_without_a_sequence_do_not_count_in_the_tail(broker: Broker, topic: str) -> None:
    broker.append([*window(topic, 1, 2), (topic, Entry(None, b"heartbeat", ()))])

    assert contiguous_end(broker.tail({topic: 10})[topic], sequence_of) == 2


def test_a_record_sent_twice_stands_twice_with_equal_bytes(broker: Broker, topic: str) -> None:
    broker.append(window(topic, 1, 2))
    broker.append(window(topic, 2, 3))

    reads = broker.read(topic, 0, limit=10, timeout=DEADLINE_S)

    assert sequences(reads) == [1, 2, 2, 3]
    assert reads[1][3:] == reads[2][3:]
    assert contiguous_end(reads, sequence_of) == 3


# -- refusals --------------------------------------------------------------------------------------------


def deliver(broker: Broker, pairs: list[tuple[str, Entry]]) -> dict[str, str]:
    """What the relay does: after a doubt believe the tails alone, send the rest again, and park a topic that refuses.
    Returns the code of each parked topic."""
    parked: dict[str, str] = {}
    for _ in range(5):
        outcomes = broker.append(pairs)
        for (name, _entry), outcome in zip(pairs, outcomes, strict=True):
            if outcome.status == "refused":
                parked[name] = outcome.code
        standing = {
            (name, sequence_of(read))
            for name, reads in broker.tail({name: 1_000 for name, _ in pairs}).items()
            for read in reads
        }
        pairs = [(name, entry) for name, entry in pairs if name not in parked and (name, entry.sequence) not in standing]
        if not pairs:
            return parked
    raise AssertionError(f"still not settled: {pairs}")


def too_large(sequence: int) -> Entry:
    return Entry(b"client-1", b"x" * 3_000, (("ce_logsequence", b"%d" % sequence),), sequence)


def test_a_record_too_large_parks_its_own_topic_and_no_other(broker: Broker) -> None:
    narrow, other = new_topic(broker, SMALL_RECORDS), new_topic(broker)

    parked = deliver(broker, [*window(narrow, 1), (narrow, too_large(2)), *window(other, 1, 2)])
    again = deliver(broker, window(other, 3))

    assert parked == {narrow: "too_large"}
    assert again == {}
    assert sequences(broker.tail({narrow: 10})[narrow]) == [1]
    assert set(sequences(broker.tail({other: 10})[other])) == {1, 2, 3}


def test_records_too_large_in_two_topics_park_both_and_no_third(broker: Broker) -> None:
    first, second = new_topic(broker, SMALL_RECORDS), new_topic(broker, SMALL_RECORDS)
    third = new_topic(broker)

    parked = deliver(broker, [(first, too_large(1)), *window(third, 1), (second, too_large(1)), *window(third, 2)])

    assert parked == {first: "too_large", second: "too_large"}
    assert broker.end_offsets([first, second]) == {first: 0, second: 0}
    assert set(sequences(broker.tail({third: 10})[third])) == {1, 2}


def test_a_topic_that_takes_small_records_takes_many_of_them_at_once(broker: Broker) -> None:
    narrow = new_topic(broker, SMALL_RECORDS)

    assert deliver(broker, window(narrow, *range(1, 301))) == {}
    assert set(sequences(broker.tail({narrow: 1_000})[narrow])) == set(range(1, 301))


def test_a_record_larger_than_any_request_is_refused(broker: Broker, topic: str) -> None:
    outcomes = broker.append([(topic, Entry(None, b"x" * (17 * 1024 * 1024), ())), *window(topic, 1)])

    assert [outcome.status for outcome in outcomes] == ["refused", "unknown"]
    assert broker.end_offsets([topic]) == {topic: 0}


def test_a_topic_that_is_not_there_refuses_and_the_others_go_on(broker: Broker, topic: str) -> None:
    outcomes = broker.append([*window("kuty.contract.nowhere.v1", 1), *window(topic, 1)])

    assert [(outcome.status, outcome.code) for outcome in outcomes] == [("refused", "topic_gone"), ("acknowledged", "")]


# -- faults of the log itself ----------------------------------------------------------------------------


def test_a_position_below_the_kept_records_halts_the_reader(broker: Broker, topic: str) -> None:
    broker.append(window(topic, *range(1, 11)))
    broker.delete_before({topic: 6})
    reader = broker.reader()
    reader.follow({topic: 2})

    error = raised_while(lambda: reader.poll(limit=10, timeout=0.5), OffsetOutOfRange)

    reader.close()
    assert isinstance(error, OffsetOutOfRange)
    assert (error.topic, error.offset, error.begin, error.end) == (topic, 2, 6, 10)
    assert sequences(broker.tail({topic: 100})[topic]) == [7, 8, 9, 10]


def test_a_position_beyond_the_end_halts_the_reader(broker: Broker, topic: str) -> None:
    broker.append(window(topic, 1, 2))
    reader = broker.reader()
    reader.follow({topic: 7})

    error = raised_while(lambda: reader.poll(limit=10, timeout=0.5), OffsetOutOfRange)

    reader.close()
    assert isinstance(error, OffsetOutOfRange)
    assert (error.begin, error.end) == (0, 2)


def test_a_topic_made_again_under_a_reader_halts_it(broker: Broker, topic: str) -> None:
    broker.append(window(topic, *range(1, 6)))
    reader = broker.reader()
    reader.follow({topic: 0})
    read_until(reader, 5)
    first = broker.topics()[topic]

    broker.delete_topics([topic])
    make_again(broker, topic)
    broker.append(window(topic, *range(1, 11)))
    raised_while(lambda: reader.poll(limit=10, timeout=0.5), TopicGone)

    reader.close()
    assert broker.topics()[topic] != first


def make_again(broker: Broker, topic: str) -> None:
    """Kafka deletes a topic in the background: make it again as soon as the name is free."""
    give_up_at = time.monotonic() + DEADLINE_S
    while topic in broker.topics() and time.monotonic() < give_up_at:
        continue
    broker.create_topics({topic: KEPT_90_DAYS})
