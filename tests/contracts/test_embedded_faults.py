"""The faults that the embedded broker makes on demand look to its callers as Kafka's own do."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumers.embedded_broker import EmbeddedBroker
from consumers.log import (
    DAY_MS,
    FOREVER,
    BrokerUnavailable,
    Entry,
    OffsetOutOfRange,
    Read,
    TopicGone,
    TopicSettings,
    contiguous_end,
)

OUT, EVENTS = "kuty.as1.out.county.v1", "kuty.as1.events.v1"
MORNING = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


class SetClock:
    def __init__(self) -> None:
        self.moment = MORNING

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def broker(clock: SetClock) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(clock)
    made.create_topics({OUT: TopicSettings(90 * DAY_MS), EVENTS: TopicSettings(FOREVER)})
    yield made
    made.close()


def window(*sequences: int, topic: str = OUT) -> list[tuple[str, Entry]]:
    return [(topic, Entry(b"k", b"%d" % n, (("ce_logsequence", b"%d" % n),), n)) for n in sequences]


def sequence_of(read: Read) -> int | None:
    return int(dict(read.headers)["ce_logsequence"])


def in_the_log(broker: EmbeddedBroker, topic: str = OUT) -> list[int | None]:
    return [sequence_of(read) for read in broker.tail({topic: 1_000})[topic]]


@pytest.mark.parametrize("appended", [0, 2, 3])
def test_a_window_in_doubt_may_be_in_the_log_or_not(broker: EmbeddedBroker, appended: int) -> None:
    broker.leave_in_doubt(appended=appended)

    outcomes = broker.append(window(1, 2, 3))

    assert {outcome.status for outcome in outcomes} == {"unknown"}
    assert in_the_log(broker) == [1, 2, 3][:appended]
    # Only that window: the caller asks the tail and goes on at the first missing one.
    end = contiguous_end(broker.tail({OUT: 10})[OUT], sequence_of)
    assert {outcome.status for outcome in broker.append(window(*range(end + 1, 5)))} == {"acknowledged"}
    assert in_the_log(broker) == [1, 2, 3, 4]


def test_records_may_arrive_a_second_time(broker: EmbeddedBroker) -> None:
    broker.append(window(1, 2, 3))

    broker.append_again(OUT, count=2)

    assert in_the_log(broker) == [1, 2, 3, 2, 3]


def test_a_lost_end_halts_who_had_read_it_and_shows_in_the_tail(broker: EmbeddedBroker) -> None:
    broker.append(window(1, 2, 3))
    reader = broker.reader()
    reader.follow({OUT: 0})
    reader.poll(limit=10, timeout=0)

    broker.lose_end(OUT, count=2)

    with pytest.raises(OffsetOutOfRange) as halted:
        reader.poll(limit=10, timeout=0)
    assert (halted.value.offset, halted.value.begin, halted.value.end) == (3, 0, 1)
    assert in_the_log(broker) == [1]


def test_a_topic_made_again_halts_its_reader_even_when_it_is_full_again(broker: EmbeddedBroker) -> None:
    broker.append(window(1, 2, 3))
    reader = broker.reader()
    reader.follow({OUT: 0})
    reader.poll(limit=10, timeout=0)

    broker.make_again(OUT)
    broker.append(window(1, 2, 3, 4))

    with pytest.raises(TopicGone):
        reader.poll(limit=10, timeout=0)


def test_an_unreachable_broker_wakes_those_who_wait(broker: EmbeddedBroker) -> None:
    reader = broker.reader()
    reader.follow({OUT: 0})
    waiting, told = threading.Event(), threading.Event()

    def follow() -> None:
        waiting.set()
        try:
            reader.poll(limit=1, timeout=30)
        except BrokerUnavailable:
            told.set()

    follower = threading.Thread(target=follow)
    follower.start()
    waiting.wait(10)
    broker.be_unreachable()
    follower.join(10)

    assert told.is_set()
    with pytest.raises(BrokerUnavailable):
        broker.append(window(1))
    broker.be_unreachable(False)
    assert broker.append(window(1))[0].status == "acknowledged"


def test_a_record_bears_the_time_of_the_injected_clock(broker: EmbeddedBroker) -> None:
    (outcome,) = broker.append(window(1))

    assert datetime.fromtimestamp(outcome.timestamp / 1000, UTC) == MORNING


def test_records_older_than_the_retention_go_and_those_kept_for_ever_stay(broker: EmbeddedBroker, clock: SetClock) -> None:
    broker.append(window(1, 2) + window(1, topic=EVENTS))
    clock.moment = MORNING + timedelta(days=91)
    broker.append(window(3))

    broker.expire()

    assert in_the_log(broker) == [3]
    assert in_the_log(broker, EVENTS) == [1]
    assert broker.begin_offsets([OUT]) == {OUT: 2}


def test_a_file_keeps_topics_records_and_offsets_over_a_restart(tmp_path: Path, clock: SetClock) -> None:
    first = EmbeddedBroker(clock, tmp_path / "broker.sqlite")
    first.create_topics({OUT: TopicSettings(90 * DAY_MS)})
    first.append(window(1, 2, 3))
    first.delete_before({OUT: 1})
    incarnations = first.topics()
    first.close()

    second = EmbeddedBroker(clock, tmp_path / "broker.sqlite")

    assert second.topics() == incarnations
    assert in_the_log(second) == [2, 3]
    assert second.append(window(4))[0].offset == 3
    second.close()


def test_threads_that_append_at_once_get_offsets_of_their_own(broker: EmbeddedBroker) -> None:
    offsets: list[int] = []

    def append() -> None:
        for number in range(1, 51):
            offsets.extend(outcome.offset for outcome in broker.append(window(number, number)))

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(offsets) == list(range(400))
