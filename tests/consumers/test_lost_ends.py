"""Topics that lose what was acknowledged: found, filled from the store, and nobody else waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from feed_by_hand import EVENTS, NOW, OUT, Feed, relay_of, run, sequences, topic

from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import BrokerUnavailable, Entry
from consumers.relay import Relay, resume_request
from domain.events import CommandRefused, Erased
from domain.store import Parked

COUNTYS = wire.out_topic("demo", "county")
RECEIPTS = wire.receipts_topic("demo", "county")


def beats(relay: Relay, times: int) -> None:
    """So many heartbeats on every quiet topic."""
    beating = relay._heartbeats
    beating._quiet_s = 0.0
    for _ in range(times):
        beating._look_at = 0.0
        relay.step()
    beating._quiet_s = 1e9


def settle(relay: Relay) -> None:
    run(relay)
    while relay.step():
        pass


def told(broker: EmbeddedBroker, name: str = OUT) -> list[int]:
    return [sequence for sequence in sequences(broker, name) if sequence]


def after_beats(feed: Feed, broker: EmbeddedBroker, beaten: int = 3, **settings: int) -> Relay:
    """1, 2, 3, heartbeats, 4."""
    relay = relay_of(feed, broker, heartbeat_s=1e9, **settings)
    feed.tell("kela", times=3)
    run(relay)
    beats(relay, beaten)
    feed.tell("kela")
    run(relay)
    return relay


FOREIGN = b'{"foreign":true}'


def overwritten(broker: EmbeddedBroker, name: str, lost: int, written: int) -> None:
    """The topic loses its end, and somebody else writes there under the same numbers."""
    ours = topic(broker, name)
    broker.lose_end(name, lost)
    taken = ours[len(ours) - lost :][:written]
    broker.append([(name, Entry(read.key, FOREIGN, read.headers)) for read in taken])


def of_ours(broker: EmbeddedBroker, name: str) -> list[int | None]:
    """What stands in the topic of what we sent, without repetitions."""
    return sorted({wire.sequence_of(read) for read in topic(broker, name) if read.value != FOREIGN})


def nine_each(feed: Feed, in_turns: bool = True) -> None:
    """Nine publications to kela and nine receipts to the county, each behind one of the other, or behind all of them."""
    answer = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    for number in range(1, 10):
        feed.tell("kela")
        if in_turns:
            feed.add("refusals/x", answer, number=number)
    for number in range(1, 1 if in_turns else 10):
        feed.add("refusals/x", answer, number=number)


@pytest.mark.parametrize("foreign", range(1, 10))
@pytest.mark.parametrize("name", [OUT, RECEIPTS])
@pytest.mark.parametrize("in_turns", [True, False], ids=["in turns", "one behind the other"])
def test_what_somebody_else_wrote_over_the_end_is_sent_again_however_much_it_is(
    feed: Feed, broker: EmbeddedBroker, name: str, foreign: int, in_turns: bool
) -> None:
    nine_each(feed, in_turns)
    settle(relay_of(feed, broker))
    overwritten(broker, name, foreign, foreign)
    settle(relay_of(feed, broker))
    assert of_ours(broker, name) == list(range(1, 10))
    # and none of ours that stood before it was sent again
    assert topic(broker, name)[9].value != FOREIGN
    assert wire.sequence_of(topic(broker, name)[9]) == 10 - foreign
    # and that is that
    written = len(topic(broker, name))
    settle(relay_of(feed, broker))
    assert len(topic(broker, name)) == written


@pytest.mark.parametrize("written", [0, 1, 2, 3])
@pytest.mark.parametrize("in_turns", [True, False], ids=["in turns", "one behind the other"])
def test_what_somebody_else_writes_over_the_end_while_the_relay_runs_is_no_record_of_ours(
    feed: Feed, broker: EmbeddedBroker, written: int, in_turns: bool
) -> None:
    nine_each(feed, in_turns)
    relay = relay_of(feed, broker)
    settle(relay)
    # given a topic that loses four records, of which somebody else writes fewer
    overwritten(broker, OUT, 4, written)
    feed.tell("kela")
    settle(relay)
    assert of_ours(broker, OUT) == list(range(1, 11))


@pytest.mark.parametrize("lost", [2, 3, 4, 6])
def test_what_lands_where_a_heartbeat_stood_says_that_the_end_is_lost(
    feed: Feed, broker: EmbeddedBroker, lost: int
) -> None:
    relay = after_beats(feed, broker)
    # given that the end is lost back to a heartbeat, or to what was told before it
    broker.lose_end(OUT, lost)
    # when the next publication gets an offset that was given before
    feed.tell("kela")
    settle(relay)
    # then what was lost is sent, and then what comes behind it
    assert set(told(broker)) == {1, 2, 3, 4, 5}
    assert told(broker)[-2:] == [4, 5]
    assert feed.acknowledged_ends()[OUT].sequence == 5


def test_what_another_relay_sends_at_the_same_moment_is_no_loss(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed.tell("kela", times=3)
    one, other = relay_of(feed, broker, heartbeat_s=1e9), relay_of(feed, broker, heartbeat_s=1e9)
    # given two that find the same topics empty, and the one is done before the other sends
    append, first = broker.append, iter([lambda: run(other)])

    def overtaken(given: Any) -> Any:
        for go in first:
            go()
        return append(given)

    monkeypatch.setattr(broker, "append", overtaken)
    run(one)
    # then everything stands there twice, the same, and nothing was lost
    assert told(broker) == [1, 2, 3, 1, 2, 3]
    assert (one._ends.behind, other._ends.behind, caplog.text.count("lost its end")) == ({}, {}, 0)


def test_a_heartbeat_that_lands_where_a_publication_stood_says_so_too(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = after_beats(feed, broker)
    broker.lose_end(OUT, 3)
    beats(relay, 1)
    settle(relay)
    assert told(broker) == [1, 2, 3, 4]
    # and when the relay was down while so many came that its topic is longer than it was
    broker.lose_end(OUT, 2)
    broker.append([(OUT, Entry(b"heartbeat", b"{}", ()))] * 5)
    settle(relay_of(feed, broker))
    assert told(broker) == [1, 2, 3, 4]


def test_who_lost_heartbeats_alone_is_sent_nothing(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = after_beats(feed, broker)
    beats(relay, 3)
    before = feed.acknowledged_ends()
    for name in (OUT, COUNTYS):
        broker.lose_end(name, 3)
    asked: list[int] = []
    records = feed.records
    feed.records = lambda after, *more: asked.append(after) or records(after, *more)  # type: ignore[method-assign, func-returns-value]
    beats(relay, 1)
    settle(relay)
    assert (told(broker), told(broker, COUNTYS)) == ([1, 2, 3, 4], [])
    assert feed.acknowledged_ends() == before
    # nor is the feed read once more for it
    assert min(asked) == relay.position


def test_what_is_lost_of_a_window_on_its_way_is_sent_again(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = after_beats(feed, broker)
    feed.tell("kela", times=3)
    append = broker.append

    def appends(given: Any) -> Any:
        # given that the broker takes all but the last record, and loses two before it takes that one
        outcomes = append(given[:-1])
        broker.lose_end(OUT, 2)
        broker.append = append  # type: ignore[method-assign]
        return outcomes + append(given[-1:])

    broker.append = appends  # type: ignore[method-assign]
    settle(relay)
    assert set(told(broker)) == set(range(1, 8))
    assert feed.acknowledged_ends()[OUT].sequence == 7


def test_a_receipt_that_lost_its_place_to_a_repeats_is_sent_again(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    refused = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    for number in (1, 2, 3):
        feed.add("refusals/x", refused, number=number)
    run(relay)
    # given that intake publishes repeats, which have no number, where the third receipt stood and behind it
    broker.lose_end(RECEIPTS, 1)
    broker.append([(RECEIPTS, Entry(b"c-3", b"{}", ()))] * 2)
    feed.add("refusals/x", refused, number=4)
    settle(relay)
    assert set(told(broker, RECEIPTS)) == {1, 2, 3, 4}
    # and repeats alone are no loss
    broker.append([(RECEIPTS, Entry(b"c-3", b"{}", ()))] * 2)
    feed.add("refusals/x", refused, number=5)
    written = len(topic(broker, RECEIPTS))
    settle(relay)
    assert len(topic(broker, RECEIPTS)) == written + 1


def test_after_a_long_silence_only_what_was_lost_is_sent_again(feed: Feed, broker: EmbeddedBroker) -> None:
    # given more heartbeats than the tail of two windows has, and a publication behind them
    relay = after_beats(feed, broker, 120, window=2)
    broker.lose_end(OUT, 1)
    # and a matter that is erased since, of which the first publication speaks
    feed.contents[3] = Erased("disclosure.made")
    feed.erasures += 1
    settle(relay_of(feed, broker, window=2))
    assert told(broker) == [1, 2, 3, 4]
    del relay


def test_what_retention_took_is_not_looked_for(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = after_beats(feed, broker)
    # given that all that was told has been dropped, and the last publication is lost
    broker.delete_before({OUT: 4})
    broker.lose_end(OUT, 1)
    settle(relay_of(feed, broker))
    assert told(broker) == [4]
    del relay


def test_of_two_epochs_the_later_one_is_sent_again_alone(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker, heartbeat_s=1e9)
    feed.tell("kela", times=3)
    feed.tell("kela", times=2, epoch=2)
    run(relay)
    beats(relay, 3)
    feed.tell("kela", epoch=2)
    run(relay)
    broker.lose_end(OUT, 2)
    settle(relay_of(feed, broker))
    lines = [(wire.line_of(read)[1], wire.sequence_of(read)) for read in topic(broker, OUT) if wire.sequence_of(read)]
    assert lines == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize("restart", [True, False], ids=["while it was down", "while it ran"])
def test_a_topic_filled_again_has_each_epoch_before_the_next_one_begins(
    feed: Feed, broker: EmbeddedBroker, restart: bool
) -> None:
    # given three epochs, of which the first was told in beside the second
    feed.tell("kela", times=2)
    feed.tell("kela", times=2, epoch=2)
    feed.tell("kela")
    feed.tell("kela", epoch=2)
    settle(relay_of(feed, broker))
    feed.tell("kela", epoch=3)
    relay = relay_of(feed, broker)
    settle(relay)
    # when a relay that has itself sent the third one alone, or none, finds that the topic is gone
    broker.delete_topics([OUT])
    feed.tell("kela", epoch=3)
    if restart:
        relay = relay_of(feed, broker)
    else:
        with pytest.raises(BrokerUnavailable, match="is not there"):
            relay.step()
    settle(relay)
    lines = [(wire.line_of(read)[1], wire.sequence_of(read)) for read in topic(broker, OUT)]
    assert lines == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2)]


@pytest.mark.parametrize("restart", [True, False], ids=["while it was down", "while it ran"])
def test_of_a_topic_made_again_the_new_end_counts(feed: Feed, broker: EmbeddedBroker, restart: bool) -> None:
    relay = after_beats(feed, broker, 20)
    at = int(NOW.timestamp() * 1000)
    broker.make_again(OUT)
    if restart:
        relay = relay_of(feed, broker, heartbeat_s=1e9)
    feed.tell("kela", times=2)
    settle(relay)
    assert set(told(broker)) == {1, 2, 3, 4, 5, 6}
    end = feed.acknowledged_ends()[OUT]
    assert (end.sequence, end.offset) == (6, len(topic(broker, OUT)) - 1)
    assert feed.recorder.book.moments(OUT, 1) == dict.fromkeys(range(1, 7), at)
    beats(relay, 1)
    assert topic(broker, OUT)[-1].value == b'{"epoch":1,"kind":"heartbeat","last_sequence":6}'
    # and whoever starts now finds nothing to do
    written = len(topic(broker, OUT))
    settle(relay_of(feed, broker, heartbeat_s=1e9))
    assert len(topic(broker, OUT)) == written


@pytest.mark.parametrize("killed_at", range(1, 12))
def test_a_relay_that_is_killed_while_it_fills_a_topic_is_followed_by_one_that_goes_on(
    feed: Feed, broker: EmbeddedBroker, killed_at: int
) -> None:
    relay = after_beats(feed, broker, window=2)
    broker.lose_end(OUT, 3)
    feed.tell("kela", times=5)

    # given that the relay is killed before one of its writes
    left = [killed_at]

    def mortal(name: str) -> None:
        write = getattr(feed, name)

        def once(*given: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise ConnectionError
            write(*given)

        setattr(feed, name, once)

    for name in ("acknowledge", "place", "cut_acknowledged"):
        mortal(name)
    try:
        settle(relay)
    except ConnectionError:
        for name in ("acknowledge", "place", "cut_acknowledged"):
            delattr(feed, name)
        # when another one takes over, or the same one goes on
        relay = relay_of(feed, broker, window=2) if killed_at % 2 else relay
        settle(relay)
    # then nothing is missing, whoever looks
    settle(relay_of(feed, broker, window=2))
    assert set(told(broker)) == set(range(1, 10))
    assert feed.acknowledged_ends()[OUT].sequence == 9
    assert set(feed.recorder.book.moments(OUT, 1)) == set(range(1, 10))


def test_nobody_waits_for_the_one_who_is_filled_up(feed: Feed, broker: EmbeddedBroker) -> None:
    # given a topic that was parked for long
    feed.park(Parked(OUT, 3, "too_large"))
    feed.tell("kela", times=30)
    relay = relay_of(feed, broker, window=3)
    run(relay)
    feed.recorder.track(resume_request(OUT), 3)
    relay.step()
    # when something is told to somebody else
    feed.tell("county")
    relay.step()
    # then it is there, while the one has only begun
    assert told(broker, COUNTYS) == [1]
    assert 0 < len(told(broker)) < 10
    # and what is told to the one meanwhile comes behind all that was missed
    feed.tell("kela")
    settle(relay)
    assert told(broker) == list(range(1, 32))
    assert feed.parked() == {}
    assert told(broker, EVENTS) == list(range(1, feed.head() + 1))


def test_a_catch_up_whose_outcome_is_not_known_is_one_attempt_a_step(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = after_beats(feed, broker)
    broker.make_again(OUT)
    relay = relay_of(feed, broker)
    for _ in range(3):
        broker.leave_in_doubt(appended=0)
    feed.tell("county")
    # when three attempts in turn come to nothing, then each of them was a step of its own
    asked = []
    append = broker.append
    broker.append = lambda given: asked.append(len(given)) or append(given)  # type: ignore[method-assign, func-returns-value]
    relay.step()
    assert len(asked) <= 2
    settle(relay)
    assert told(broker) == [1, 2, 3, 4]
    assert told(broker, COUNTYS) == [1]


def test_who_lacks_little_does_not_wait_for_whoever_lacks_much(feed: Feed, broker: EmbeddedBroker) -> None:
    # given a topic that lacks a long record, and two that lack their last one, at different places
    refused = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    feed.tell("kela", times=60)
    for number in (1, 2):
        feed.add("refusals/x", refused, number=number)
    feed.tell("county", times=20)
    run(relay_of(feed, broker))
    broker.make_again(OUT)
    broker.lose_end(RECEIPTS, 1)
    broker.lose_end(COUNTYS, 1)
    relay = relay_of(feed, broker, window=10)
    # when there were as many windows for those two as they need, and one for the other before each
    for _ in range(2 * (1 + 3)):
        relay.step()
    # then they have everything, while the other one is being filled
    assert (told(broker, COUNTYS), told(broker, RECEIPTS)) == (list(range(1, 21)), [1, 2])
    assert 0 < len(told(broker)) < 60
    # and it has everything in order, too
    settle(relay)
    assert told(broker) == list(range(1, 61))
