"""Topics of which the broker says nothing, as one whose only copy is away: nobody else waits, and nothing is lost.

source: design D8, D11
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from feed_by_hand import EVENTS, NOW, OUT, Feed, relay_of, run, sequences, topic

from consumers import lost_ends, wire
from consumers.doubts import HELD, MARGIN
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import UNKNOWN, BrokerUnavailable, Entry, Outcome
from consumers.relay import ATTEMPTS, Relay
from domain.events import CommandRefused

COUNTYS = wire.out_topic("demo", "county")
RECEIPTS = wire.receipts_topic("demo", "county")


@pytest.fixture
def silent(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Topics without a leader: what is asked of them, together with others or alone, is not answered."""
    topics: set[str] = set()

    def failing(asked_of: Any) -> Any:
        def ask(asked: Iterable[str]) -> Any:
            asked = asked if isinstance(asked, dict) else list(asked)
            if topics.intersection(asked):
                raise BrokerUnavailable("a partition has no leader")
            return asked_of(asked)

        return ask

    append = broker.append

    def appended(entries: list[tuple[str, Entry]]) -> list[Outcome]:
        taken = iter(append([one for one in entries if one[0] not in topics]))
        return [UNKNOWN if name in topics else next(taken) for name, _ in entries]

    monkeypatch.setattr(broker, "append", appended)
    for name in ("begin_offsets", "end_offsets", "tail", "at"):
        monkeypatch.setattr(broker, name, failing(getattr(broker, name)))
    monkeypatch.setattr(lost_ends, "LOOK_AGAIN_S", 0.0)
    return topics


def settle(relay: Relay) -> None:
    run(relay)
    while relay.step():
        pass


def steps(relay: Relay, times: int) -> None:
    for _ in range(times):
        with suppress(BrokerUnavailable):
            relay.step()


def is_running(feed: Feed, broker: EmbeddedBroker) -> Relay:
    relay = relay_of(feed, broker)
    run(relay)
    return relay


def is_started_anew(feed: Feed, broker: EmbeddedBroker) -> Relay:
    run(relay_of(feed, broker))
    return relay_of(feed, broker)


@pytest.mark.parametrize("relay_that", [is_running, is_started_anew])
@pytest.mark.parametrize("one", [OUT, RECEIPTS])
def test_of_one_topic_without_a_leader_nobody_else_takes_notice(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], caplog: pytest.LogCaptureFixture, relay_that: Any, one: str
) -> None:
    refused = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    feed.tell("kela", times=2)
    feed.tell("county", times=2)
    feed.add("refusals/x", refused, number=1)
    relay = relay_that(feed, broker)
    # given a topic that has lost its leader
    silent.add(one)
    # when something is told to everybody
    for number in (2, 3):
        feed.tell("kela")
        feed.tell("county")
        feed.add("refusals/x", refused, number=number)
        steps(relay, ATTEMPTS)
    # then all the others have it, the full record too
    assert relay.position == feed.head()
    numbers = {OUT: [1, 2, 3, 4], COUNTYS: [1, 2, 3, 4], RECEIPTS: [1, 2, 3], EVENTS: list(range(1, feed.head() + 1))}
    silent.discard(one)
    assert {name: sequences(broker, name) for name in numbers if name != one} == {
        name: sent for name, sent in numbers.items() if name != one
    }
    silent.add(one)
    # and it is said once
    assert len([line for line in caplog.records if f"topic {one} does not answer" in line.getMessage()]) == 1
    # and once it has a leader again it gets what it lacks
    silent.discard(one)
    settle(relay)
    assert sequences(broker, one) == numbers[one]
    assert feed.acknowledged_ends()[one].sequence == len(numbers[one])
    assert feed.parked() == {}
    # and goes on like all the others
    feed.tell("kela")
    feed.tell("county")
    settle(relay)
    assert [sequences(broker, name)[-1] for name in (OUT, COUNTYS)] == [5, 5]


@pytest.mark.parametrize("answers", [True, False])
def test_a_relay_that_ends_while_a_topic_is_silent_is_followed_by_one_that_fills_it(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], answers: bool
) -> None:
    relay = is_running(feed, broker)
    silent.add(OUT)
    feed.tell("kela", times=3)
    feed.tell("county")
    steps(relay, ATTEMPTS + 1)
    assert sequences(broker, COUNTYS) == [1]
    # when another one takes over, before or after the topic answers again
    if answers:
        silent.clear()
    again = relay_of(feed, broker, window=2)
    settle(again)
    silent.clear()
    feed.tell("kela")
    settle(again)
    assert sequences(broker, OUT) == [1, 2, 3, 4]


def test_a_topic_that_falls_silent_while_it_is_filled_holds_up_nobody(
    feed: Feed, broker: EmbeddedBroker, silent: set[str]
) -> None:
    # given two topics that lack something, one of them without a leader now
    feed.tell("kela", times=3)
    feed.tell("county", times=3)
    run(relay_of(feed, broker))
    for name in (OUT, COUNTYS):
        broker.make_again(name)
    relay = relay_of(feed, broker, window=2)
    relay.step()
    silent.add(OUT)
    feed.add("ledger", feed.contents[1])
    steps(relay, 2 * ATTEMPTS + feed.head())
    # then the other one is filled, and the feed goes on
    assert (sequences(broker, COUNTYS), sequences(broker, EVENTS)[-1]) == ([1, 2, 3], feed.head())
    silent.clear()
    settle(relay)
    assert set(sequences(broker, OUT)) == {1, 2, 3}


def test_a_topic_that_lost_its_end_while_it_was_silent_is_filled_from_there(
    feed: Feed, broker: EmbeddedBroker, silent: set[str]
) -> None:
    feed.tell("kela", times=5)
    relay = is_running(feed, broker)
    silent.add(OUT)
    feed.tell("kela")
    steps(relay, ATTEMPTS)
    silent.clear()
    broker.lose_end(OUT, 3)
    settle(relay)
    assert sequences(broker, OUT) == [1, 2, 3, 4, 5, 6]


def test_what_a_silent_topic_took_before_it_fell_silent_is_not_sent_again(
    feed: Feed, broker: EmbeddedBroker, silent: set[str]
) -> None:
    relay = is_running(feed, broker)
    feed.tell("kela", times=3)
    broker.leave_in_doubt(appended=6)
    relay.step()
    silent.add(OUT)
    steps(relay, ATTEMPTS)
    assert relay.position == feed.head()
    silent.clear()
    settle(relay)
    assert sequences(broker, OUT) == [1, 2, 3]
    assert feed.acknowledged_ends()[OUT].sequence == 3


def test_a_silent_topic_that_is_found_damaged_is_parked(feed: Feed, broker: EmbeddedBroker, silent: set[str]) -> None:
    relay = is_running(feed, broker)
    silent.add(OUT)
    feed.tell("kela")
    steps(relay, ATTEMPTS)
    silent.clear()
    broker.refuse(OUT, "not_allowed")
    for _ in range(3):
        relay.step()
    feed.tell("county")
    run(relay)
    assert [parked.code for parked in feed.parked().values()] == ["not_allowed"]
    assert sequences(broker, COUNTYS) == [1]


@pytest.mark.parametrize("relay_that", [is_running, is_started_anew])
def test_while_the_full_record_is_silent_the_relay_waits(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], relay_that: Any
) -> None:
    relay = relay_that(feed, broker)
    silent.add(EVENTS)
    feed.tell("kela")
    steps(relay, 3 * ATTEMPTS)
    assert feed.tracking("relay") == feed.head() - 1
    silent.clear()
    settle(relay)
    assert (sequences(broker, EVENTS), sequences(broker, OUT)) == ([1, 2, 3], [1])


def test_after_a_doubt_of_each_topic_only_so_much_is_read_as_could_be_on_its_way(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given topics that are much longer than a window, and one of them that has much in the window that is in doubt
    feed.tell("kela", times=900)
    feed.tell("county", times=900)
    relay = is_running(feed, broker)
    feed.tell("kela", times=2)
    feed.tell("county", times=60)
    broker.leave_in_doubt(appended=30)
    relay.step()
    read: dict[str, int] = {}
    tail = broker.tail

    def counted(*asked: Any) -> Any:
        found = tail(*asked)
        read.update({name: read.get(name, 0) + len(reads) for name, reads in found.items()})
        return found

    monkeypatch.setattr(broker, "tail", counted)
    settle(relay)
    # then of a recipient's topic two times that are read, and room for heartbeats; of the full record two windows
    assert (read[OUT], read[COUNTYS]) == (2 * 2 + MARGIN, 2 * 60 + MARGIN)
    assert read[EVENTS] <= 2 * 500 + MARGIN
    # and nothing is sent twice
    assert (len(topic(broker, OUT)), len(topic(broker, COUNTYS)), len(topic(broker, EVENTS))) == (902, 960, feed.head())


def test_after_a_doubt_about_many_topics_not_all_their_tails_are_held_at_once(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given many topics that have had enough heartbeats
    names = [f"agency-{number}" for number in range(120)]
    outs = [wire.out_topic("demo", name) for name in names]
    broker.create_topics(dict.fromkeys(outs, wire.OUT))
    for name in outs:
        broker.append([(name, wire.heartbeat(1, 0, "urn:kuty:org:x", NOW))] * 150)
    relay = is_running(feed, broker)
    for name in names:
        feed.tell(name)
    broker.leave_in_doubt(appended=130)
    relay.step()
    held: list[int] = []
    tail = broker.tail
    monkeypatch.setattr(broker, "tail", lambda *asked: _counted(held, tail(*asked)))
    settle(relay)
    # then no answer has more than so many records, and all together have what could be on its way
    assert max(held) <= HELD
    assert sum(held) <= 120 * (2 + MARGIN) + 2 * 500 + MARGIN
    assert [len(topic(broker, name)) for name in outs] == [151] * 120


def _counted(held: list[int], tails: dict[str, list[Any]]) -> dict[str, list[Any]]:
    held.append(sum(map(len, tails.values())))
    return tails
