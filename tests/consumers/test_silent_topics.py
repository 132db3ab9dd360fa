"""Topics of which the broker says nothing, as one whose only copy is away: nobody else waits, and nothing is lost.

source: design D8, D11
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from feed_by_hand import EVENTS, NOW, OUT, Feed, relay_of, run, sequences, topic

from consumers import log, lost_ends, wire
from consumers import relay as relaying
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
    monkeypatch.setattr(lost_ends, "SECOND_LOOK_S", 0.0)
    monkeypatch.setattr(lost_ends, "REST", 0)
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


def test_whose_topic_is_left_out_and_since_when_can_be_seen_until_it_is_filled(
    feed: Feed, broker: EmbeddedBroker, silent: set[str]
) -> None:
    relay = is_running(feed, broker)
    assert relaying.behind(feed, ["kela", "county"]) == {}
    left_at = feed.head()
    silent.add(OUT)
    feed.tell("kela", times=3)
    steps(relay, ATTEMPTS + 1)
    assert relaying.behind(feed, ["kela", "county"]) == {OUT: left_at}
    # and how far it is while it is filled
    silent.clear()
    relay = relay_of(feed, broker, window=1)
    relay.step()
    assert relaying.behind(feed, ["kela", "county"]) == {OUT: left_at + 1}
    settle(relay)
    assert relaying.behind(feed, ["kela", "county"]) == {}


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

    def counted(look: Any) -> Any:
        def looked(*asked: Any) -> Any:
            found = look(*asked)
            read.update({name: read.get(name, 0) + len(reads) for name, reads in found.items()})
            return found

        return looked

    monkeypatch.setattr(broker, "tail", counted(broker.tail))
    monkeypatch.setattr(broker, "wait_and_read", counted(broker.wait_and_read))
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


# --- For how long everybody else waits --------------------------------------------------------------------------------


class Clock:
    """Seconds that only grow, as far as a test has them grow."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (lost_ends, relaying, log):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_quiet_topic_that_does_not_answer_is_left_out_and_gets_its_heartbeats_when_it_does(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = relay_of(feed, broker, heartbeat_s=0.0)
    run(relay)
    tried: list[str] = []
    append = broker.append
    monkeypatch.setattr(broker, "append", lambda given: tried.extend(name for name, _ in given) or append(given))
    silent.add(OUT)
    for _ in range(3 * ATTEMPTS):
        relay.step()
    # then so many heartbeats of it were waited for, and those of others went on
    assert tried.count(OUT) == ATTEMPTS
    assert len(topic(broker, COUNTYS)) > 3 * ATTEMPTS
    silent.clear()
    before = len(topic(broker, OUT))
    settle(relay)
    relay.step()
    assert len(topic(broker, OUT)) > before


def test_where_the_broker_takes_no_heartbeats_no_topic_is_left_out(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    relay = relay_of(feed, broker, heartbeat_s=0.0)
    run(relay)
    silent.update({OUT, COUNTYS, EVENTS})
    steps(relay, 3 * ATTEMPTS)
    silent.clear()
    settle(relay)
    assert "does not answer" not in caplog.text


DEADLINE_S = 15.0


@pytest.fixture
def takes_nothing(broker: EmbeddedBroker, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Topics that can be read, and take nothing, as where too few of their copies are in step. To find out takes long."""
    topics: set[str] = set()
    append = broker.append

    def appended(entries: list[tuple[str, Entry]]) -> list[Outcome]:
        clock.now += DEADLINE_S if any(name in topics for name, _ in entries) else 0.0
        taken = iter(append([one for one in entries if one[0] not in topics]))
        return [UNKNOWN if name in topics else next(taken) for name, _ in entries]

    monkeypatch.setattr(broker, "append", appended)
    return topics


@pytest.mark.parametrize("beating", [False, True])
def test_a_topic_that_can_be_read_and_takes_nothing_holds_everybody_up_ever_more_rarely(
    feed: Feed,
    broker: EmbeddedBroker,
    clock: Clock,
    takes_nothing: set[str],
    caplog: pytest.LogCaptureFixture,
    beating: bool,
) -> None:
    relay = relay_of(feed, broker, heartbeat_s=0.0 if beating else 1e9)
    run(relay)
    takes_nothing.add(OUT)
    if not beating:
        feed.tell("kela")
    waited = 0.0
    for _ in range(200):
        feed.tell("county")
        began = clock.now
        relay.step()
        waited += clock.now - began
        clock.now = began + 60.0
    # then it was tried a few times, and then a twentieth of the time at most
    assert waited <= ATTEMPTS * DEADLINE_S + 200 * 60.0 / 20
    # and that is said once, though it goes on
    assert caplog.text.count("does not answer") == 1
    assert [number for number in sequences(broker, COUNTYS) if number] == list(range(1, 201))
    # and when it takes something again it has everything within ten minutes
    takes_nothing.clear()
    feed.tell("kela")
    for _ in range(int(lost_ends.LONGEST_PAUSE_S / 60.0) + 1):
        clock.now += 60.0
        relay.step()
    assert set(sequences(broker, OUT)) >= ({1} if beating else {1, 2})
    # and is waited for as any other if it falls silent once more
    takes_nothing.add(OUT)
    feed.tell("kela")
    for _ in range(ATTEMPTS + 1):
        relay.step()
    assert caplog.text.count("does not answer") == 2


CLUSTER = {EVENTS, OUT, COUNTYS, RECEIPTS}
"""Where no topic takes anything, too few brokers are left, and those that are answer all questions."""


def a_minute_later(relay: Relay, clock: Clock, times: int = 1) -> None:
    """What a relay with a quiet ledger does in so many minutes, with heartbeats at the end of each."""
    for _ in range(times):
        clock.now += 60.0
        with suppress(BrokerUnavailable):
            relay.step()


def is_told_at_once(feed: Feed, broker: EmbeddedBroker, relay: Relay, clock: Clock) -> None:
    feed.tell("kela")
    feed.tell("county")
    well_at = clock.now
    steps(relay, 2)
    for name, recipient in ((OUT, "kela"), (COUNTYS, "county")):
        assert told(broker, name) == list(range(1, feed.versions[f"recipient/{recipient}/1"] + 1))
    assert clock.now == well_at


def told(broker: EmbeddedBroker, name: str) -> list[int]:
    return [number for number in sequences(broker, name) if number]


def beating(feed: Feed, broker: EmbeddedBroker, clock: Clock) -> Relay:
    relay = relay_of(feed, broker)
    relay._heartbeats._clock = clock.monotonic
    feed.tell("kela")
    feed.tell("county")
    run(relay)
    return relay


def test_when_a_cluster_that_took_nothing_for_hours_is_well_everybody_is_told_at_once(
    feed: Feed,
    broker: EmbeddedBroker,
    clock: Clock,
    takes_nothing: set[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    relay = beating(feed, broker, clock)
    # given a quiet ledger, and no topic that takes even a heartbeat
    takes_nothing |= CLUSTER
    a_minute_later(relay, clock, 120)
    # when all of them take records again
    takes_nothing.clear()
    is_told_at_once(feed, broker, relay, clock)
    # and nobody was said to be silent, for it was the broker
    assert "does not answer" not in caplog.text


@pytest.mark.parametrize("before", ["a quiet ledger", "a window half taken"])
@pytest.mark.parametrize("event", [True, False], ids=["and the full record", "and a heartbeat"])
def test_who_was_left_out_before_a_cluster_took_nothing_is_told_as_soon_as_anybody_is(
    feed: Feed, broker: EmbeddedBroker, clock: Clock, takes_nothing: set[str], event: bool, before: str
) -> None:
    relay = beating(feed, broker, clock)
    # given a topic that has taken nothing for so long that it is tried every ten minutes
    takes_nothing.add(OUT)
    feed.tell("kela")
    a_minute_later(relay, clock, 60)
    assert OUT in relay._ends.silent
    # and then no topic takes anything
    if before == "a window half taken":
        takes_nothing |= CLUSTER - {COUNTYS}
        feed.tell("county")
        a_minute_later(relay, clock)
    takes_nothing |= CLUSTER
    a_minute_later(relay, clock, 5)
    while not relay._ends.silent or relay._ends.silent[OUT] - clock.now < 500.0:
        a_minute_later(relay, clock)
    # when all of them are well again
    takes_nothing.clear()
    if event:
        is_told_at_once(feed, broker, relay, clock)
    else:
        a_minute_later(relay, clock)
        steps(relay, 1)
        assert told(broker, OUT) == [1, 2]


def test_of_many_quiet_topics_the_one_that_takes_nothing_is_left_out_though_each_has_its_heartbeats_at_another_time(
    feed: Feed, broker: EmbeddedBroker, clock: Clock, takes_nothing: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    relay = beating(feed, broker, clock)
    # given heartbeats that are never due together
    clock.now += 30.0
    feed.tell("county")
    run(relay)
    takes_nothing.add(OUT)
    tried = 0
    for _ in range(20 * 60):
        clock.now += 1.0
        before = clock.now
        relay.step()
        tried += clock.now > before
    # then it is tried as often as any topic, and then ever more rarely
    assert ATTEMPTS <= tried <= ATTEMPTS + 5
    assert [OUT in line for line in caplog.text.splitlines() if "does not answer" in line] == [True]


def test_what_is_being_filled_and_takes_nothing_holds_up_nobody_for_long(
    feed: Feed, broker: EmbeddedBroker, clock: Clock, takes_nothing: set[str]
) -> None:
    # given a topic that was made again, and takes nothing, alone
    beating(feed, broker, clock)
    broker.make_again(OUT)
    relay = relay_of(feed, broker)
    relay._heartbeats._clock = clock.monotonic
    takes_nothing.add(OUT)
    began = clock.now
    for _ in range(2 * ATTEMPTS):
        feed.tell("county")
        steps(relay, 1)
    # then it is left out after so many attempts, between which others were told
    assert clock.now - began == ATTEMPTS * DEADLINE_S
    assert told(broker, COUNTYS) == list(range(1, 2 + 2 * ATTEMPTS))


@pytest.mark.parametrize("noted", [None, 1])
def test_whoever_starts_while_a_topic_is_silent_goes_through_what_it_lacks_alone(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], monkeypatch: pytest.MonkeyPatch, noted: int | None
) -> None:
    # given a long feed, of which little was told to one, and then nothing for long
    feed.tell("kela")
    feed.tell("county", times=300)
    run(relay_of(feed, broker))
    head = feed.head()
    relay = relay_of(feed, broker)
    run(relay)
    silent.add(OUT)
    feed.tell("kela")
    steps(relay, ATTEMPTS)
    if noted:
        feed.place({lost_ends.note_of("relay", OUT): noted})  # as an older version kept it
    # when another one starts meanwhile
    relay = relay_of(feed, broker)
    relay.step()
    silent.clear()
    packed: list[int] = []
    pack = relay._packing.pack
    monkeypatch.setattr(relay._packing, "pack", lambda some: packed.extend(one.position for one in some) or pack(some))
    settle(relay)
    # then it goes on where the topic was left, or at what was acknowledged where that was not kept
    assert sequences(broker, OUT) == [1, 2]
    assert len(packed) <= (head if noted else 3)


def test_whoever_starts_while_a_topic_is_filled_goes_on_where_it_was(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.tell("county", times=60)
    feed.tell("kela", times=3)
    run(relay_of(feed, broker))
    broker.make_again(OUT)
    relay = relay_of(feed, broker, window=10)
    for _ in range(4):
        relay.step()
    relay = relay_of(feed, broker, window=10)
    packed: list[int] = []
    pack = relay._packing.pack
    monkeypatch.setattr(relay._packing, "pack", lambda some: packed.extend(one.position for one in some) or pack(some))
    settle(relay)
    assert sequences(broker, OUT) == [1, 2, 3]
    # the comparing of ends looks at what was sent before
    assert len(packed) <= feed.head() - 40 + 10


def test_a_topic_that_another_broker_leads_a_moment_later_is_not_left_out(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    feed.tell("kela")
    run(relay_of(feed, broker))
    chosen_at = 0.2
    for name in ("begin_offsets", "end_offsets", "at"):
        asked_of = getattr(broker, name)

        def ask(asked: Any, asked_of: Any = asked_of) -> Any:
            asked = asked if isinstance(asked, dict) else list(asked)
            if OUT in asked and clock.now < chosen_at:
                raise BrokerUnavailable("a partition has no leader")
            return asked_of(asked)

        monkeypatch.setattr(broker, name, ask)
    # when a relay starts while the leader is being chosen
    relay = relay_of(feed, broker)
    feed.tell("kela")
    run(relay)
    assert sequences(broker, OUT) == [1, 2]
    assert "does not answer" not in caplog.text


def test_of_many_silent_topics_one_is_asked_until_it_answers_and_then_all_are_together(
    feed: Feed, broker: EmbeddedBroker, silent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.join(*(f"agency-{number}" for number in range(3)))
    outs = [wire.out_topic("demo", f"agency-{number}") for number in range(3)]
    for number in range(3):
        feed.tell(f"agency-{number}")
    relay = is_running(feed, broker)
    silent.update(outs)
    for number in range(3):
        feed.tell(f"agency-{number}")
    steps(relay, ATTEMPTS)
    asked: list[list[str]] = []
    end_offsets = broker.end_offsets

    def counted(names: Iterable[str]) -> Any:
        asked.append(sorted(names))
        return end_offsets(asked[-1])

    monkeypatch.setattr(broker, "end_offsets", counted)
    steps(relay, 3)
    assert [len(names) for names in asked] == [1, 1, 1]
    # each in its turn
    assert sorted(name for names in asked for name in names) == outs
    silent.clear()
    steps(relay, 1)
    assert sorted(len(names) for names in asked[3:]) == [1, 2]
    settle(relay)
    assert [sequences(broker, name) for name in outs] == [[1, 2]] * 3


THOUSAND = [f"t{number}" for number in range(1_000)]


@pytest.mark.parametrize(("silent_ones", "questions"), [(1, 21), (3, 55)])
def test_whose_topic_does_not_answer_is_found_with_few_questions(silent_ones: int, questions: int) -> None:
    silent, asked = set(THOUSAND[::400][:silent_ones]), []

    def ask(some: dict[str, None]) -> dict[str, int]:
        asked.append(len(some))
        if silent & some.keys():
            raise BrokerUnavailable("some partition has no leader")
        return dict.fromkeys(some, 7)

    found, failed = log.answers_of(ask, dict.fromkeys(THOUSAND))
    assert (failed.keys(), found.keys()) == (silent, set(THOUSAND) - silent)
    assert len(asked) <= questions


def test_where_the_broker_says_whose_topics_these_are_all_others_are_asked_once_more() -> None:
    silent, asked = set(THOUSAND[:300]), []

    def ask(some: dict[str, None]) -> dict[str, int]:
        asked.append(len(some))
        if silent & some.keys():
            raise BrokerUnavailable("300 partitions have no leader", silent & some.keys())
        return dict.fromkeys(some, 7)

    found, failed = log.answers_of(ask, dict.fromkeys(THOUSAND))
    assert (failed.keys(), found.keys()) == (silent, set(THOUSAND) - silent)
    assert asked == [1_000, 700]


def test_a_question_that_nobody_answers_ends_in_time(clock: Clock) -> None:
    def ask(some: dict[str, None]) -> dict[str, int]:
        clock.now += DEADLINE_S
        raise BrokerUnavailable("no answer in time")

    found, failed = log.answers_of(ask, dict.fromkeys(THOUSAND))
    assert (found, failed.keys()) == ({}, set(THOUSAND))
    assert clock.now <= log.ANSWERS_WITHIN_S + 2 * DEADLINE_S
