"""The relay: everything in order, once in effect, whatever the broker does. source: design D11, D12; faults.md 4"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from feed_by_hand import COUNTY, EVENTS, NOW, OUT, Feed, relay_of, run, sequences, topic

from consumers import doubts, wire
from consumers import relay as relaying
from consumers.doubts import MARGIN, StoreBehindTopic
from consumers.embedded_broker import EmbeddedBroker, EmbeddedReader
from consumers.heartbeats import Heartbeats
from consumers.log import (
    UNKNOWN,
    BrokerUnavailable,
    Entry,
    OffsetOutOfRange,
    Outcome,
    Read,
    TopicDamaged,
    TopicRefused,
)
from consumers.relay import TRACKING, FeedRefused, Relay, resume_request
from domain.disclosure.publish import source_of
from domain.events import CommandRefused, Erased, LedgerOpened
from domain.record import Record
from domain.store import Acknowledged, Parked, SqliteRecorder, migrate_sqlite

COUNTYS = wire.out_topic("demo", "county")


def test_every_event_reaches_the_events_topic_in_order(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=25)
    assert run(relay_of(feed, broker, window=10)) == 27
    assert [wire.read_full_record(read) for read in topic(broker, EVENTS)] == feed.records(0, 100)
    assert sequences(broker, OUT) == list(range(1, 26))


def halts_on_a_store_that_ends_before(broker: EmbeddedBroker, file: Path) -> None:
    migrate_sqlite(file)
    older = Feed(SqliteRecorder(file))
    older.add("ledger", LedgerOpened(organiser_org_id=COUNTY, mode="simulated", ruleset_version="2026-03"))
    with pytest.raises(StoreBehindTopic, match="position 5, the store ends at 1"):
        relay_of(older, broker).step()
    older.recorder.close()


class Asked:
    """What a relay asks of a store and of a broker, and what it sends. `back` is how far the full record was looked back,
    each time."""

    def __init__(self, feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages: list[int] = []
        self.sent: list[int] = []
        self.back: list[int] = []
        records, append, follow = feed.records, broker.append, EmbeddedReader.follow

        def read(after: int, limit: int, names: Sequence[str] = ()) -> list[Record]:
            self.pages.append(limit)
            return records(after, limit, names)

        def send(topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
            self.sent.append(sum(name == EVENTS for name, _ in topic_entries))
            return append(topic_entries)

        def look(reader: EmbeddedReader, positions: Mapping[str, int]) -> None:
            self.back += [broker.end_offsets([name])[name] - offset for name, offset in positions.items() if name == EVENTS]
            follow(reader, positions)

        monkeypatch.setattr(feed, "records", read)
        monkeypatch.setattr(broker, "append", send)
        monkeypatch.setattr(EmbeddedReader, "follow", look)


def test_as_many_as_wait_go_out_in_one_window_and_are_read_in_pages(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a store that is read in pages of four, and a window of ten
    monkeypatch.setattr(relaying, "PAGE", 4)
    relay = relay_of(feed, broker, window=10)
    run(relay)
    feed.tell("kela", times=25)
    asked = Asked(feed, broker, monkeypatch)
    # when 25 wait, then one
    run(relay)
    feed.tell("kela")
    run(relay)
    # then they are sent in as few windows as can be, and nothing is asked for beyond what waits
    assert asked.sent == [10, 10, 5, 1]
    assert asked.pages == [4, 4, 2, 4, 4, 2, 4, 4, 4, 4, 4]
    assert sequences(broker, EVENTS) == list(range(1, 29))
    assert sequences(broker, OUT) == list(range(1, 27))


def test_large_events_end_a_window_before_it_is_full(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given events of 1 MB, of which a window takes a bit more than three, in pages of two
    monkeypatch.setattr(relaying, "PAGE", 2)
    monkeypatch.setattr(relaying, "WINDOW_BYTES", 3_500_000)
    relay = relay_of(feed, broker, window=100)
    run(relay)
    for _ in range(10):
        feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), size=1_000_000)
    asked = Asked(feed, broker, monkeypatch)
    run(relay)
    assert asked.sent == [4, 4, 2]
    assert sequences(broker, EVENTS) == list(range(1, 13))


@pytest.mark.parametrize("windows", [[8, 8], [8, 3], [3, 8]], ids=str)
@pytest.mark.parametrize("appended", [0, 2, 7, 16])
def test_who_starts_after_a_kill_finds_what_a_wide_window_had_brought(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, windows: list[int], appended: int
) -> None:
    # given a relay that is killed while a part of its window is in the topics
    monkeypatch.setattr(relaying, "PAGE", 3)
    first, second = windows
    relay = relay_of(feed, broker, window=first)
    run(relay)
    feed.tell("kela", times=20)
    broker.leave_in_doubt(appended=appended)
    relay.step()
    # when another one starts, of the same or another width
    run(relay_of(feed, broker, window=second))
    # then nothing of it stands twice on the full record, nor lacks anywhere
    assert [read.offset for read in topic(broker, EVENTS)] == list(range(22))
    assert sequences(broker, EVENTS) == list(range(1, 23))
    assert sequences(broker, OUT) == list(range(1, 21))


def test_after_a_doubt_no_more_of_the_full_record_is_read_than_may_be_of_the_window(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a long record whose relay was killed with a window of five on its way
    feed.tell("county", times=300)
    relay = relay_of(feed, broker, window=50)
    run(relay)
    feed.tell("kela", times=5)
    broker.leave_in_doubt(appended=4)
    relay.step()
    # when another one starts
    asked = Asked(feed, broker, monkeypatch)
    run(relay_of(feed, broker, window=50))
    # then it reads what stands behind the last acknowledged record, and some before that
    assert set(asked.back) == {MARGIN + 2}
    assert sequences(broker, EVENTS) == list(range(1, feed.head() + 1))
    # and two whole windows where it compares anew what was acknowledged, or the topic ends before that
    feed.recorder.place({TRACKING: 100})
    asked.back.clear()
    run(relay_of(feed, broker, window=50))
    assert asked.back[0] == 2 * 50 + MARGIN
    broker.lose_end(EVENTS, 1)
    asked.back.clear()
    run(relay_of(feed, broker, window=50))
    assert asked.back[0] == 2 * 50 + MARGIN


@pytest.mark.parametrize("why", ["the topic lost its end", "nothing was acknowledged"])
def test_what_stands_at_the_end_of_the_full_record_is_read_in_parts(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    # given a long record, of which two wide windows have to be looked at, and too large events to have them all at once
    feed.tell("county", times=300)
    run(relay_of(feed, broker))
    if why == "the topic lost its end":
        broker.lose_end(EVENTS, 1)
    else:
        feed.cut_acknowledged(EVENTS, 0)
    monkeypatch.setattr(doubts, "PART", 40)
    held: list[int] = []
    select = broker._select

    def counted(*asked: Any) -> list[Read]:
        held.append(len(reads := select(*asked)))
        return reads

    monkeypatch.setattr(broker, "_select", counted)
    relay = relay_of(feed, broker)
    while relay.step():
        pass
    # then the broker gives no more than a part with any answer
    assert 0 < max(held) <= 40
    # and nothing lacks, nor stands there twice
    monkeypatch.undo()
    assert sequences(broker, EVENTS) == list(range(1, feed.head() + 1))


def test_another_history_is_found_as_far_back_as_two_windows_reach(
    feed: Feed, broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a record of which the last event stands before several parts of repeats of the first one
    feed.tell("kela", times=3)
    run(relay_of(feed, broker))
    first = topic(broker, EVENTS)[0]
    broker.append([(EVENTS, Entry(first.key, first.value, first.headers))] * 35)
    monkeypatch.setattr(doubts, "PART", 10)
    # when a relay starts on a store that ends before it
    halts_on_a_store_that_ends_before(broker, tmp_path / "older.db")


@pytest.mark.parametrize("error", [None, OffsetOutOfRange(EVENTS, 2, 0, 1)], ids=["silence", "its end is lost"])
def test_a_relay_that_is_not_given_what_stands_at_the_end_of_the_full_record_waits_for_it(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    run(relay_of(feed, broker))
    feed.tell("kela")
    relay = relay_of(feed, broker)

    def poll(*_: Any) -> dict[str, list[Read]]:
        if error is not None:
            raise error
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedReader, "poll", poll)
        for _ in range(2):
            with pytest.raises(BrokerUnavailable, match=EVENTS):
                relay.step()
    run(relay)
    assert (sequences(broker, EVENTS), sequences(broker, OUT)) == ([1, 2, 3], [1])


def test_a_recipient_that_joins_gets_its_topics_before_its_first_record(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    feed.join("county", "kela", "fund")
    feed.tell("fund")
    run(relay)
    assert sequences(broker, wire.out_topic("demo", "fund")) == [1]
    assert {wire.in_topic("demo", "fund"), wire.receipts_topic("demo", "fund")} <= broker.topics().keys()


def test_an_answer_goes_to_its_senders_receipts_under_its_number(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), number=1)
    feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), number=1, sender="nobody")
    run(relay_of(feed, broker))
    [receipt] = topic(broker, wire.receipts_topic("demo", "county"))
    assert wire.sequence_of(receipt) == 1
    assert receipt.key == b"c-3"


def test_an_answer_given_before_the_sender_joined_is_never_sent(feed: Feed, broker: EmbeddedBroker) -> None:
    refused = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    feed.add("refusals/x", refused, number=1, sender="benefit_payment")
    feed.join("county", "kela", "fund")
    feed.add("refusals/x", refused, number=2, sender="benefit_payment")
    for _ in ("at once", "by the next relay too"):
        run(relay_of(feed, broker))
        assert sequences(broker, wire.receipts_topic("demo", "fund")) == [2]
        feed.tell("kela")


def test_an_erased_disclosure_goes_out_as_withdrawn(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.add("recipient/kela/1", Erased("disclosure.made"))
    run(relay_of(feed, broker))
    [read] = topic(broker, OUT)
    told = wire.read_publication(read)
    assert told is not None
    assert (told.kind, told.body) == ("withdrawn", {})


@pytest.mark.parametrize("window", [2, 1_000])
def test_nothing_of_an_epoch_is_sent_once_the_next_one_has_begun(feed: Feed, broker: EmbeddedBroker, window: int) -> None:
    # given a redelivery in windows, and what was told in the old epoch before, between and after them
    feed.tell("kela", times=2)
    feed.tell("kela", times=2, epoch=2)
    feed.tell("kela")
    feed.tell("county")
    feed.tell("kela", epoch=2)
    # when it is sent, and sent once more by a relay that knows nothing of it
    run(relay_of(feed, broker, window=window))
    feed.tell("kela")
    feed.tell("kela", epoch=2)
    run(relay_of(feed, broker, window=window))
    # then both epochs stand one behind the other, each without a hole
    lines = [(wire.line_of(read)[1], wire.sequence_of(read)) for read in broker.read("kuty.demo.out.kela.v1", 0, 100)]
    assert lines == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4)]
    assert len(broker.read("kuty.demo.out.county.v1", 0, 100)) == 1
    assert len(broker.read(EVENTS, 0, 100)) == feed.head()


def test_the_brokers_acknowledgements_are_kept_and_the_position_moved(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=3)
    run(relay_of(feed, broker))
    milliseconds = int(NOW.timestamp() * 1000)
    assert feed.tracking("relay") == 5
    assert feed.acknowledged_ends() == {
        EVENTS: Acknowledged(EVENTS, 5, 0, 5, 4, milliseconds),
        OUT: Acknowledged(OUT, 5, 1, 3, 2, milliseconds),
    }


@pytest.mark.parametrize("appended", [0, 1, 7, 12])
def test_after_a_doubt_only_what_is_missing_is_sent_again(feed: Feed, broker: EmbeddedBroker, appended: int) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    feed.tell("kela", times=6)
    broker.leave_in_doubt(appended=appended)
    run(relay)
    assert sequences(broker, EVENTS) == list(range(1, 9))
    assert sequences(broker, OUT) == list(range(1, 7))
    assert feed.acknowledged_ends()[OUT].sequence == 6


@pytest.mark.parametrize("appended", [0, 5, 6])
def test_what_is_erased_while_it_is_in_flight_goes_out_as_withdrawn_unless_it_was_sent(
    feed: Feed, broker: EmbeddedBroker, appended: int
) -> None:
    """Design D15: a publication not yet sent goes out as withdrawn."""
    # given a window of three publications whose outcome is not known, some of whose records are in the topics
    relay = relay_of(feed, broker)
    run(relay)
    feed.tell("kela", times=3)
    broker.leave_in_doubt(appended=appended)
    relay.step()
    sent = [wire.read_publication(read) for read in topic(broker, OUT)]
    # when the key of what they say is destroyed
    for position in (3, 4, 5):
        feed.contents[position] = Erased("disclosure.made")
    feed.erasures += 1
    run(relay)
    # then what stood in the topic stands, and the rest has no content
    told = [wire.read_publication(read) for read in topic(broker, OUT)]
    assert told[: len(sent)] == sent
    assert [publication.kind for publication in told[len(sent) :] if publication] == ["withdrawn"] * (3 - len(sent))
    assert sequences(broker, OUT) == [1, 2, 3]
    assert feed.acknowledged_ends()[OUT].sequence == 3


def test_doubt_upon_doubt_leaves_no_hole(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    feed.tell("kela", times=6)
    for appended in (3, 2, 4):
        broker.leave_in_doubt(appended=appended)
    run(relay)
    assert sequences(broker, OUT) == list(range(1, 7))


def test_what_lies_beyond_a_hole_is_sent_again_with_identical_bytes(feed: Feed, broker: EmbeddedBroker) -> None:
    # given a broker that was killed: 1 to 3 stand in the topic, then 6 and 7, and nothing between
    run(relay_of(feed, broker))
    feed.tell("kela", times=5)
    entries = [wire.full_record(record) for record in feed.records(0, 10)]
    broker.append([(EVENTS, entries[place]) for place in (2, 5, 6)])
    # when the next relay takes over
    run(relay_of(feed, broker))
    # then the hole is closed, and what came twice is the same twice
    reads = topic(broker, EVENTS)
    assert [wire.sequence_of(read) for read in reads] == [1, 2, 3, 6, 7, 4, 5, 6, 7]
    assert len({(wire.sequence_of(read), read.value, read.headers) for read in reads}) == 7


def test_a_relay_killed_before_it_kept_its_position_sends_nothing_twice(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=4)
    relay = relay_of(feed, broker)
    feed.acknowledge = lambda *_: (_ for _ in ()).throw(ConnectionError())  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        relay.step()
    del feed.acknowledge  # type: ignore[attr-defined]
    run(relay_of(feed, broker))
    assert sequences(broker, OUT) == [1, 2, 3, 4]
    assert feed.tracking("relay") == 6


def test_the_same_relay_goes_on_when_its_position_could_not_be_kept(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=4)
    relay = relay_of(feed, broker)
    feed.acknowledge = lambda *_: (_ for _ in ()).throw(ConnectionError())  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        relay.step()
    del feed.acknowledge  # type: ignore[attr-defined]
    run(relay)
    assert sequences(broker, OUT) == [1, 2, 3, 4]
    assert feed.acknowledged_ends()[OUT].sequence == 4


def test_two_relays_at_once_write_identical_duplicates_only(feed: Feed, broker: EmbeddedBroker) -> None:
    one, other = relay_of(feed, broker, window=3), relay_of(feed, broker, window=4)
    one.step()
    other.step()
    feed.tell("kela", times=9)
    while one.position < feed.head() or other.position < feed.head():
        one.step()
        other.step()
    reads = topic(broker, OUT)
    assert {wire.sequence_of(read) for read in reads} == set(range(1, 10))
    assert len({(read.value, read.headers) for read in reads}) == 9


def test_a_refused_record_parks_its_recipient_and_nobody_else(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    broker.create_topics({wire.out_topic("demo", "kela"): wire.OUT})
    run(relay)
    feed.tell("kela", size=1_100_000)
    feed.tell("kela")
    feed.tell("county", times=2)
    run(relay)
    assert relay.parked == {OUT: Parked(OUT, 3, "too_large")}
    assert sequences(broker, OUT) == []
    assert sequences(broker, wire.out_topic("demo", "county")) == [1, 2]
    assert sequences(broker, EVENTS)[-1] == 6


def test_a_parked_recipient_stays_parked_for_the_next_relay(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.park(Parked(OUT, 3, "too_large"))
    feed.tell("kela", times=2)
    run(relay_of(feed, broker))
    assert sequences(broker, OUT) == []


def test_a_resumed_recipient_gets_all_that_it_missed(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.park(Parked(OUT, 3, "too_large"))
    feed.tell("kela", times=2)
    feed.tell("county")
    relay = relay_of(feed, broker)
    run(relay)
    feed.recorder.track(resume_request(OUT), 3)
    relay.step()
    while relay.step():
        pass
    feed.tell("kela")
    run(relay)
    assert sequences(broker, OUT) == [1, 2, 3]
    assert feed.parked() == {}
    assert sequences(broker, wire.out_topic("demo", "county")) == [1]
    assert sequences(broker, EVENTS) == [1, 2, 3, 4, 5, 6]


def test_a_record_that_is_refused_again_is_parked_again(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    feed.tell("kela", size=1_100_000)
    run(relay)
    feed.recorder.track(resume_request(OUT), 3)
    for _ in range(5):
        relay.step()
    feed.tell("county")
    run(relay)
    assert feed.parked() == {OUT: Parked(OUT, 3, "too_large")}
    assert sequences(broker, wire.out_topic("demo", "county")) == [1]


def test_a_heartbeat_names_the_newest_epoch_whatever_was_filled_up_behind_it(feed: Feed) -> None:
    heartbeats = Heartbeats(feed, 60.0, iter([0.0, 100.0]).__next__)  # type: ignore[arg-type]
    rows = [Acknowledged(OUT, 9, 2, 1, 5, 0), Acknowledged(OUT, 3, 1, 7, 6, 0)]
    heartbeats.note(rows)
    due = dict(heartbeats.due())
    assert dict(due[OUT].headers)["ce_epoch"] == b"2"
    assert wire.last_told(due[OUT].value) == 1


def resume(relay: Relay, feed: Feed, position: int) -> None:
    """As `kuty topic resume` does it, until all is there."""
    feed.place({resume_request(OUT): position})
    until_nothing_is_parked(relay, feed)


def until_nothing_is_parked(relay: Relay, feed: Feed) -> None:
    for _ in range(10):
        relay.step()
    assert feed.parked() == relay.parked == {}


def test_a_topic_that_is_refused_again_is_taken_up_again(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    broker.refuse(OUT, "not_allowed")
    feed.tell("kela", times=2)
    run(relay)
    # given that it was taken up too early, and refused at the same record
    feed.place({resume_request(OUT): 3})
    relay.step()
    relay.step()
    assert feed.parked() == relay.parked == {OUT: Parked(OUT, 3, "not_allowed")}
    # when the right is there, and it is asked for once more
    broker.refuse(OUT)
    relay.step()
    assert sequences(broker, OUT) == []
    resume(relay, feed, 3)
    assert sequences(broker, OUT) == [1, 2]
    assert feed.parked() == {}


def test_a_topic_that_is_refused_at_a_later_record_is_parked_there_and_taken_up_from_there(
    feed: Feed, broker: EmbeddedBroker
) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    broker.refuse(OUT, "not_allowed")
    feed.tell("kela", times=2)
    feed.tell("kela", size=1_100_000)
    feed.tell("kela")
    run(relay)
    assert feed.parked() == {OUT: Parked(OUT, 3, "not_allowed")}
    # given that it was taken up, and another record is refused for another reason
    broker.refuse(OUT)
    feed.place({resume_request(OUT): 3})
    relay.step()
    relay.step()
    assert sequences(broker, OUT) == [1, 2]
    assert feed.parked() == relay.parked == {OUT: Parked(OUT, 5, "too_large")}
    # when that is mended too, then the rest comes, and of what was there nothing comes twice
    broker.widen(OUT, 2_000_000)
    resume(relay, feed, 5)
    assert sequences(broker, OUT) == [1, 2, 3, 4]
    assert feed.parked() == {}
    assert set(feed.recorder.book.moments(OUT, 1)) == {1, 2, 3, 4}


def test_what_was_taken_beside_the_refused_record_is_known_when_the_topic_is_taken_up(
    feed: Feed, broker: EmbeddedBroker
) -> None:
    # given a relay that was killed after it had parked a topic, before it kept what the broker took
    relay = relay_of(feed, broker)
    run(relay)
    feed.tell("kela", times=2)
    feed.tell("kela", size=1_100_000)
    feed.acknowledge = lambda *_: (_ for _ in ()).throw(ConnectionError())  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        relay.step()
    del feed.acknowledge  # type: ignore[attr-defined]
    assert feed.parked() == {OUT: Parked(OUT, 5, "too_large")}
    # when the next one takes it up
    broker.widen(OUT, 2_000_000)
    relay = relay_of(feed, broker)
    run(relay)
    resume(relay, feed, 5)
    assert sequences(broker, OUT) == [1, 2, 3]
    assert set(feed.recorder.book.moments(OUT, 1)) == {1, 2, 3}


def test_a_topic_that_was_asked_for_is_taken_up_by_the_next_relay_and_not_unasked(
    feed: Feed, broker: EmbeddedBroker
) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    broker.refuse(OUT, "not_allowed")
    feed.tell("kela", times=2)
    run(relay)
    broker.refuse(OUT)
    run(relay_of(feed, broker))
    assert sequences(broker, OUT) == []
    feed.place({resume_request(OUT): 3})
    relay.step()  # and is killed before it has sent anything
    relay = relay_of(feed, broker)
    run(relay)
    until_nothing_is_parked(relay, feed)
    assert sequences(broker, OUT) == [1, 2]


# --- What the broker refuses: for good, and for now (docs/decisions/0022) -------------------------------------------


@pytest.mark.parametrize("code", ["record_refused", "policy_refused", "timestamp_refused", "not_allowed"])
def test_the_feed_itself_is_never_parked_and_the_relay_says_what_to_do(
    feed: Feed, broker: EmbeddedBroker, code: str
) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    broker.refuse(EVENTS, code)
    feed.tell("kela")
    with pytest.raises(FeedRefused, match=rf"^position 3 of {EVENTS} is refused by the broker \({code}\): .*start the"):
        run(relay)
    assert feed.parked() == {}
    # when that is mended, and the relay started again
    broker.refuse(EVENTS)
    run(relay_of(feed, broker))
    assert sequences(broker, EVENTS) == [1, 2, 3]
    assert sequences(broker, OUT) == [1]


@pytest.mark.parametrize("code", ["record_refused", "policy_refused", "timestamp_refused", "not_allowed"])
@pytest.mark.parametrize("refused", [OUT, wire.receipts_topic("demo", "kela")])
def test_a_topic_whose_record_is_refused_for_good_is_parked_with_one_line_that_says_what_to_do(
    feed: Feed, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture, code: str, refused: str
) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    broker.refuse(refused, code)
    feed.tell("kela")
    answer = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    feed.add("refusals/x", answer, number=1, sender="employment_authority")
    feed.tell("county")
    run(relay)
    assert [(topic, parked.code) for topic, parked in relay.parked.items()] == [(refused, code)]
    assert sequences(broker, EVENTS) == [1, 2, 3, 4, 5]
    assert sequences(broker, wire.out_topic("demo", "county")) == [1]
    said = [line.getMessage() for line in caplog.records if "parked" in line.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"topic {refused} is parked at position ")
    assert said[0].endswith("docs/runbooks/a-parked-topic.md says what to do")


@pytest.fixture
def damaged(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Topics whose records cannot be read, as where a disk of the broker gives back other bytes than it was given."""
    topics: set[str] = set()

    def failing(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(asked: Iterable[str], *more: Any) -> Any:
            asked = asked if isinstance(asked, dict) else list(asked)
            for name in topics.intersection(asked):
                raise TopicDamaged(name, "the batch at offset 2 fails its checksum")
            return look(asked, *more)

        return looked

    monkeypatch.setattr(broker, "at", failing(broker.at))
    monkeypatch.setattr(broker, "tail", failing(broker.tail))
    monkeypatch.setattr(broker, "wait_and_read", failing(broker.wait_and_read))
    return topics


def starts_anew(feed: Feed, broker: EmbeddedBroker, relay: Relay) -> Relay:
    return relay_of(feed, broker)


def is_in_doubt(feed: Feed, broker: EmbeddedBroker, relay: Relay) -> Relay:
    broker.leave_in_doubt(appended=3)
    return relay


def is_given_an_offset_again(feed: Feed, broker: EmbeddedBroker, relay: Relay) -> Relay:
    broker.lose_end(OUT, 1)
    return relay


def fills_another_topic(feed: Feed, broker: EmbeddedBroker, relay: Relay) -> Relay:
    broker.make_again(OUT)
    broker.make_again(COUNTYS)
    return relay_of(feed, broker)


@pytest.mark.parametrize("finds", [starts_anew, is_in_doubt, is_given_an_offset_again, fills_another_topic])
def test_a_topic_that_cannot_be_read_is_parked_and_nobody_else_waits(
    feed: Feed, broker: EmbeddedBroker, damaged: set[str], caplog: pytest.LogCaptureFixture, finds: Any
) -> None:
    relay = relay_of(feed, broker)
    feed.tell("kela", times=3)
    feed.tell("county", times=3)
    run(relay)
    # given a topic that a disk of the broker has damaged, and a relay that has to look there
    relay = finds(feed, broker, relay)
    damaged.add(OUT)
    for _ in range(2):
        feed.tell("kela")
        feed.tell("county")
    run(relay)
    run(relay)
    # then it is left out with one line that says what to do, and everybody else is told
    assert [(name, parked.code) for name, parked in relay.parked.items()] == [(OUT, "damaged")]
    assert (sequences(broker, COUNTYS), sequences(broker, EVENTS)[-1]) == ([1, 2, 3, 4, 5], feed.head())
    [said] = [line.getMessage() for line in caplog.records if "damaged" in line.getMessage()]
    assert said == (
        f"topic {OUT} is damaged: the batch at offset 2 fails its checksum; it is parked from behind position "
        f"{feed.parked()[OUT].position - 1}; docs/runbooks/a-parked-topic.md says what to do"
    )
    # also by the next relay
    relay = relay_of(feed, broker)
    feed.tell("county")
    run(relay)
    assert (sequences(broker, COUNTYS)[-1], len(relay.parked)) == (6, 1)
    # and taken up before it can be read it stays parked
    feed.place({resume_request(OUT): 1})
    for _ in range(3):
        relay.step()
    assert [parked.code for parked in feed.parked().values()] == ["damaged"]
    # when another copy leads, and it is taken up, then everything that was told stands in it
    damaged.clear()
    resume(relay, feed, feed.parked()[OUT].position)
    assert set(sequences(broker, OUT)) == {1, 2, 3, 4, 5}
    assert len({(read.value, read.headers) for read in topic(broker, OUT)}) == 5
    assert feed.acknowledged_ends()[OUT].sequence == 5


def refusing(broker: EmbeddedBroker, numbers: Mapping[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic does not take these numbers, as the status says, and takes what comes behind them."""
    append = broker.append

    def appended(entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        said = [numbers.get(entry.sequence) if name == OUT else None for name, entry in entries]
        taken = iter(append([one for one, status in zip(entries, said, strict=True) if not status]))
        of_status = {"refused": Outcome("refused", code="record_refused"), "unknown": UNKNOWN}
        return [of_status[status] if status else next(taken) for status in said]

    monkeypatch.setattr(broker, "append", appended)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_refused_is_sent_though_the_topic_was_found_damaged_while_it_was_filled(
    feed: Feed, broker: EmbeddedBroker, damaged: set[str], monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    # given a topic that has refused a record and taken the one behind it
    refuses = {3: "refused"}
    refusing(broker, refuses, monkeypatch)
    feed.tell("kela", times=4)
    run(relay)
    assert (sequences(broker, OUT), feed.parked()[OUT].position) == ([1, 2, 4], 5)
    refuses.clear()
    # when it is taken up, and found damaged while it is filled, and so once more
    damaged.add(OUT)
    for _ in range(2):
        feed.place({resume_request(OUT): 1})
        for _ in range(4):
            relay.step()
        assert [parked.code for parked in feed.parked().values()] == ["damaged"]
        if restarted:
            relay = relay_of(feed, broker)
    damaged.clear()
    resume(relay, feed, feed.parked()[OUT].position)
    # then nothing is missing
    assert set(sequences(broker, OUT)) == {1, 2, 3, 4}


def test_what_was_in_doubt_before_a_refused_record_is_sent_when_the_topic_is_taken_up(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    # given a record that the topic did not take though nobody knows, one that it refused, and one that it took
    away = {1: "unknown", 2: "refused"}
    refusing(broker, away, monkeypatch)
    feed.tell("kela", times=3)
    run(relay)
    assert (sequences(broker, OUT), [one.code for one in feed.parked().values()]) == ([3], ["record_refused"])
    away.clear()
    resume(relay, feed, feed.parked()[OUT].position)
    assert set(sequences(broker, OUT)) == {1, 2, 3}


def test_a_topic_that_is_damaged_again_is_filled_from_where_it_is_whole(
    feed: Feed, broker: EmbeddedBroker, damaged: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a topic that lost everything, of which a window was sent again
    feed.tell("kela", times=12)
    run(relay_of(feed, broker))
    broker.make_again(OUT)
    relay = relay_of(feed, broker, window=3)
    relay.step()
    before = len(sequences(broker, OUT))
    # when it is damaged then
    damaged.add(OUT)
    for _ in range(3):
        relay.step()
    assert before < 12
    # then it is parked behind what it has
    assert feed.parked()[OUT].position <= feed.acknowledged_ends()[OUT].position + 1
    damaged.clear()
    resume(relay, feed, feed.parked()[OUT].position)
    assert set(sequences(broker, OUT)) == set(range(1, 13))


def test_a_topic_that_is_parked_in_the_window_in_which_its_end_was_lost_is_left_alone_and_filled_when_it_is_taken_up(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.tell("kela", times=4)
    relay = relay_of(feed, broker)
    run(relay)
    # given that the end is lost, and of what comes then the first one is taken and the second one refused
    broker.lose_end(OUT, 2)
    refuses = {6: "refused"}
    refusing(broker, refuses, monkeypatch)
    feed.tell("kela", times=2)
    run(relay)
    written = len(topic(broker, OUT))
    for _ in range(3):
        relay.step()
    assert (list(feed.parked()), len(topic(broker, OUT))) == ([OUT], written)
    refuses.clear()
    resume(relay, feed, feed.parked()[OUT].position)
    assert set(sequences(broker, OUT)) == set(range(1, 7))


def test_while_the_full_record_cannot_be_read_nothing_is_sent_and_then_everything_is(
    feed: Feed, broker: EmbeddedBroker, damaged: set[str]
) -> None:
    run(relay_of(feed, broker))
    damaged.add(EVENTS)
    feed.tell("kela")
    relay = relay_of(feed, broker)
    for _ in range(2):
        with pytest.raises(TopicDamaged, match=EVENTS):
            relay.step()
    assert (feed.parked(), sequences(broker, OUT)) == ({}, [])
    damaged.clear()
    run(relay)
    assert (sequences(broker, EVENTS), sequences(broker, OUT)) == ([1, 2, 3], [1])


def test_the_events_topic_takes_what_an_older_version_recorded_without_a_bound(
    feed: Feed, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    relay = relay_of(feed, broker, window=3)
    feed.tell("kela")
    feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), size=3_000_000)
    feed.tell("kela")
    feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), size=5_000_000)
    feed.tell("county")
    run(relay)
    assert sequences(broker, EVENTS) == [1, 2, 3, 4, 5, 6, 7]
    assert sequences(broker, OUT) == [1, 2]
    assert not [line for line in caplog.records if line.levelname == "CRITICAL"]
    # and whoever starts after it finds the topic as it has to be
    feed.tell("kela")
    run(relay_of(feed, broker))
    assert sequences(broker, EVENTS)[-1] == 8
    # and a topic that lost all is filled again, what is large included
    broker.make_again(EVENTS)
    again = relay_of(feed, broker)
    feed.tell("kela")
    run(again)
    while again.step():
        pass
    assert sequences(broker, EVENTS) == list(range(1, 10))


def test_where_the_topic_may_not_be_widened_the_relay_halts_and_says_how_wide_it_has_to_be(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(topic: str, max_message_bytes: int) -> None:
        raise TopicRefused(f"topic {topic} cannot be changed: TopicAuthorizationFailedError")

    feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), size=3_000_000)
    monkeypatch.setattr(broker, "widen", denied)
    with pytest.raises(FeedRefused, match=r"cannot be changed.*: set max\.message\.bytes=3\d{6} on it, then start"):
        run(relay_of(feed, broker))
    assert feed.parked() == {}


@pytest.mark.parametrize("gone", [EVENTS, OUT])
def test_a_topic_that_is_deleted_under_the_relay_is_made_again_and_filled(
    feed: Feed, broker: EmbeddedBroker, gone: str
) -> None:
    relay = relay_of(feed, broker)
    feed.tell("kela", times=3)
    run(relay)
    broker.delete_topics([gone])
    feed.tell("kela")
    with pytest.raises(BrokerUnavailable, match="is not there"):
        run(relay)
    run(relay)
    while relay.step():
        pass
    assert feed.parked() == {}
    assert sequences(broker, EVENTS) == [1, 2, 3, 4, 5, 6]
    assert sequences(broker, OUT) == [1, 2, 3, 4]


def test_a_store_behind_its_topic_halts_the_relay(feed: Feed, broker: EmbeddedBroker, tmp_path: Path) -> None:
    feed.tell("kela", times=3)
    run(relay_of(feed, broker))
    halts_on_a_store_that_ends_before(broker, tmp_path / "older.db")


def test_another_history_at_the_same_position_halts_the_relay(feed: Feed, broker: EmbeddedBroker, tmp_path: Path) -> None:
    run(relay_of(feed, broker))
    migrate_sqlite(tmp_path / "other.db")
    other = Feed(SqliteRecorder(tmp_path / "other.db"))
    other.add("ledger", LedgerOpened(organiser_org_id=COUNTY, mode="simulated", ruleset_version="2026-03"))
    other.add("ledger", LedgerOpened(organiser_org_id=COUNTY, mode="simulated", ruleset_version="2026-03"))
    with pytest.raises(StoreBehindTopic, match="position 2"):
        run(relay_of(other, broker))
    other.recorder.close()


def test_a_longer_history_that_is_another_one_publishes_nothing(
    feed: Feed, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    # given a topic, and a store that went back before its end and has been written into since, beyond it
    run(relay_of(feed, broker))
    published = sequences(broker, EVENTS)
    migrate_sqlite(tmp_path / "other.db")
    other = Feed(SqliteRecorder(tmp_path / "other.db"))
    for _ in range(len(published) + 3):
        other.add("ledger", LedgerOpened(organiser_org_id=COUNTY, mode="simulated", ruleset_version="2026-03"))
    other.recorder.track(TRACKING, len(published))
    with pytest.raises(StoreBehindTopic, match=f"position {len(published)} of {EVENTS} is another event"):
        relay_of(other, broker).step()
    assert sequences(broker, EVENTS) == published
    other.recorder.close()


def test_a_topic_that_lost_its_end_is_filled_up_from_the_store(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=6)
    run(relay_of(feed, broker, window=2))
    broker.lose_end(OUT, 4)
    broker.lose_end(EVENTS, 1)
    relay = relay_of(feed, broker, window=2)
    while relay.step():
        pass
    assert sequences(broker, OUT) == [1, 2, 3, 4, 5, 6]
    assert sequences(broker, EVENTS) == list(range(1, 9))


@pytest.mark.parametrize("lost", [1, 3, 6])
def test_a_topic_that_loses_its_end_while_the_relay_runs_is_filled_up(feed: Feed, broker: EmbeddedBroker, lost: int) -> None:
    relay = relay_of(feed, broker)
    feed.tell("kela", times=6)
    run(relay)
    broker.lose_end(OUT, lost)
    feed.tell("kela")
    run(relay)
    while relay.step():
        pass
    assert {s for s in sequences(broker, OUT)} == set(range(1, 8))
    assert len({(read.value, read.headers) for read in topic(broker, OUT)}) == 7
    # and the next relay finds everything in place
    written = len(topic(broker, OUT))
    run(relay_of(feed, broker))
    assert len({(read.value, read.headers) for read in topic(broker, OUT)}) == 7
    assert len(topic(broker, OUT)) <= written + lost + 1


def test_a_topic_that_was_made_again_is_filled_from_the_store(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=3)
    run(relay_of(feed, broker))
    broker.make_again(OUT)
    relay = relay_of(feed, broker)
    while relay.step():
        pass
    assert sequences(broker, OUT) == [1, 2, 3]


def test_what_retention_took_is_not_sent_again(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=5)
    run(relay_of(feed, broker))
    broker.delete_before({OUT: 5})
    feed.tell("kela")
    run(relay_of(feed, broker))
    assert sequences(broker, OUT) == [6]


def test_an_unreachable_broker_loses_nothing(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker)
    run(relay)
    feed.tell("kela", times=3)
    broker.be_unreachable()
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            relay.step()
    broker.be_unreachable(False)
    run(relay)
    assert sequences(broker, OUT) == [1, 2, 3]


def test_a_quiet_topic_gets_a_heartbeat_that_names_the_last_sequence(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=2)
    relay = relay_of(feed, broker, heartbeat_s=0.0)
    run(relay)
    *told, beat = topic(broker, OUT)
    assert [sequence for read in told if (sequence := wire.sequence_of(read))] == [1, 2]
    assert beat.value == b'{"epoch":1,"kind":"heartbeat","last_sequence":2}'
    # of the same source as what was told, and no other's id, though the ledger's clock stands
    run(relay)
    relay.step()
    again = topic(broker, OUT)[-1]
    assert {dict(read.headers)["ce_source"] for read in (told[-1], beat, again)} == {source_of(feed.directory).encode()}
    assert dict(again.headers)["ce_id"] != dict(beat.headers)["ce_id"]
    assert dict(again.headers)["ce_time"] == dict(beat.headers)["ce_time"]


def test_the_time_is_asked_for_once_for_all_quiet_topics(
    feed: Feed, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    monkeypatch.setattr(Feed, "now", lambda _: asked.append(None) or NOW)
    run(relay_of(feed, broker, heartbeat_s=0.0))  # which looks for quiet topics twice
    assert [len(topic(broker, wire.out_topic("demo", name))) for name in ("county", "kela")] == [2, 2]
    assert len(asked) == 2


def test_a_quiet_topic_gets_its_heartbeat_while_others_are_busy(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker, heartbeat_s=0.0)
    feed.tell("kela", times=30)
    relay.step()
    assert [wire.sequence_of(read) for read in topic(broker, wire.out_topic("demo", "county"))] == [None]


def test_the_last_sequence_is_known_after_a_restart(feed: Feed, broker: EmbeddedBroker) -> None:
    feed.tell("kela", times=2)
    run(relay_of(feed, broker))
    relay_of(feed, broker, heartbeat_s=0.0).step()
    assert topic(broker, OUT)[-1].value == b'{"epoch":1,"kind":"heartbeat","last_sequence":2}'


def test_heartbeats_between_records_do_not_disturb_a_doubt(feed: Feed, broker: EmbeddedBroker) -> None:
    relay = relay_of(feed, broker, heartbeat_s=0.0)
    run(relay)
    feed.tell("kela", times=3)
    broker.leave_in_doubt(appended=4)
    run(relay)
    assert [s for s in sequences(broker, OUT) if s] == [1, 2, 3]
