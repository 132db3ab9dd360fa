"""Somebody else's records in topics of ours: what stands is what we sent, on both brokers. source: design D11"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from feed_by_hand import Feed, fed, relay_of

from consumers import wire
from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Broker, Entry, Headers, Read
from consumers.published import last_published
from consumers.relay import Relay
from domain.events import CommandRefused, Erased
from domain.store import hash_of

DEADLINE_S = 60.0
FOREIGN = b'{"body":{"forged":true},"kind":"fact"}'


@dataclass
class Stage:
    """A ledger whose feed is written by hand, and its broker. `tell` tells kela, `out` is kela's topic."""

    feed: Feed
    broker: Broker
    out: str
    receipts: str
    events: str

    def relay(self) -> Relay:
        """One that has just started, and has sent what there was."""
        relay = relay_of(self.feed, self.broker)  # type: ignore[arg-type]
        self.settle(relay)
        return relay

    def settle(self, relay: Relay) -> None:
        for _ in range(20):
            if not relay.step() and relay.position == self.feed.head():
                return
        raise AssertionError(f"at {relay.position} of {self.feed.head()}")

    def tell(self, times: int = 1, **more: Any) -> None:
        self.feed.tell("kela", times=times, **more)

    def answer(self) -> None:
        answered = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
        number = 1 + sum(isinstance(event, CommandRefused) for event in self.feed.contents.values())
        self.feed.add("refusals/x", answered, number=number)

    def write(self, topic: str, value: bytes, headers: Headers) -> None:
        [outcome] = self.broker.append([(topic, Entry(b"k", value, headers))])
        assert outcome.status == "acknowledged"

    def reads(self, topic: str) -> list[Read]:
        return self.broker.tail({topic: 1_000})[topic]

    def stands(self, topic: str) -> list[int | None]:
        return [wire.sequence_of(read) for read in self.reads(topic)]


@pytest.fixture(params=["embedded", "kafka"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    broker: Broker
    if request.param == "kafka":
        connection = Connection(request.getfixturevalue("kafka").bootstrap, deadline_s=DEADLINE_S)
        broker = KafkaBroker(connection, wire.codec_of)
    else:
        broker = EmbeddedBroker(lambda: datetime.now(UTC))
    with fed(tmp_path) as feed:
        feed.ledger = ledger = f"f{uuid.uuid4().hex[:12]}"
        receipts = wire.receipts_topic(ledger, "county")
        yield Stage(feed, broker, wire.out_topic(ledger, "kela"), receipts, wire.events_topic(ledger))
    broker.close()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelname == "ERROR"]


def numbered(sequence: int, **more: bytes) -> Headers:
    return tuple(sorted({"ce_epoch": b"1", "ce_logsequence": b"%d" % sequence, "ce_type": b"x.v1", **more}.items()))


def test_what_somebody_else_wrote_in_place_of_a_publication_is_not_taken_for_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.tell(2)
    stage.relay()
    # given that somebody writes what would be the third publication
    stage.write(stage.out, FOREIGN, numbered(3))
    stage.tell(2)
    # when the next relay starts, and looks what stands
    stage.relay()
    # then what was to be told is, and acknowledged where it stands
    reads = stage.reads(stage.out)
    assert stage.stands(stage.out) == [1, 2, 3, 3, 4]
    assert [read.value == FOREIGN for read in reads] == [False, False, True, False, False]
    end = stage.feed.acknowledged_ends()[stage.out]
    assert (end.sequence, end.offset) == (4, reads[-1].offset)
    [line] = errors(caplog)
    assert line.startswith(f"topic {stage.out} has a record at offset {reads[2].offset} that is not ours, under sequence 3 ")
    assert line.endswith("docs/runbooks/a-topic-made-again.md says what to do")
    # and the one after it finds ours, and sends nothing
    stage.feed.place({"relay": 3})
    stage.relay()
    assert len(stage.reads(stage.out)) == len(reads)


def test_what_somebody_else_wrote_in_place_of_a_receipt_is_not_taken_for_it(stage: Stage) -> None:
    stage.answer()
    stage.relay()
    [sent] = stage.reads(stage.receipts)
    forged = orjson.dumps({**orjson.loads(sent.value), "status": "recorded", "number": 2})
    headers = dict(sent.headers)
    stage.write(stage.receipts, forged, tuple(sorted({**headers, "ce_logsequence": b"2"}.items())))
    stage.answer()
    stage.relay()
    assert stage.stands(stage.receipts) == [1, 2, 2]
    assert stage.reads(stage.receipts)[-1].value != forged


def test_a_receipt_that_an_earlier_version_sent_in_other_words_is_ours(stage: Stage) -> None:
    refused = CommandRefused(command="start_period", codes=[{"code": "E_NOT_FOUND"}], content_mac="0" * 64)  # type: ignore[arg-type]
    stage.feed.add("refusals/x", refused, number=1)
    stage.relay()
    [sent] = stage.reads(stage.receipts)
    content = orjson.loads(sent.value)
    for code in content["codes"]:
        code["text"] = {"en": "It was said otherwise."}
    worded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    assert worded != sent.value
    # given a topic that has it in the words of before, and a relay that does not know that
    stage.broker.delete_topics([stage.receipts])
    stage.broker.create_topics({stage.receipts: wire.RECEIPTS})
    stage.write(stage.receipts, worded, sent.headers)
    stage.feed.place({"relay": 2})
    stage.relay()
    assert [read.value for read in stage.reads(stage.receipts)] == [worded]


def test_what_was_erased_meanwhile_is_no_other_record(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.tell(3)
    stage.relay()
    # given that a publication which the next relay looks for was erased since
    stage.feed.contents[4] = Erased("disclosure.made")
    stage.feed.place({"relay": 2})
    stage.relay()
    assert stage.stands(stage.out) == [1, 2, 3]
    # and one that was sent without content, whose key came back out of a backup
    stage.feed.add("recipient/kela/1", Erased("disclosure.made"))
    stage.relay()
    stage.feed.contents[6] = stage.feed.contents[5]
    stage.feed.place({"relay": 2})
    stage.relay()
    assert stage.stands(stage.out) == [1, 2, 3, 4]
    assert wire.is_erased(dict((last := stage.reads(stage.out)[-1]).headers), last.value)
    assert errors(caplog) == []


def test_nobody_else_says_that_a_publication_was_erased(stage: Stage) -> None:
    """Else a record without content in the place of the next publication would keep it from its recipient, and nobody would
    halt."""
    stage.tell(2)
    stage.relay()
    stage.write(stage.out, wire.NO_CONTENT, numbered(3, ce_prevhash=b"erased"))
    stage.tell()
    stage.relay()
    assert stage.stands(stage.out) == [1, 2, 3, 3]
    assert stage.reads(stage.out)[-1].value != wire.NO_CONTENT


def test_a_topic_whose_end_was_put_there_by_somebody_else_has_lost_ours(stage: Stage) -> None:
    stage.tell(3)
    stage.relay()
    ours = stage.reads(stage.out)
    # given a topic that was restored from elsewhere: the same numbers at the same offsets, and other content at the end
    stage.broker.delete_topics([stage.out])
    stage.broker.create_topics({stage.out: wire.OUT})
    for read in ours[:2]:
        stage.write(stage.out, read.value, read.headers)
    stage.write(stage.out, FOREIGN, ours[2].headers)
    # when the relay starts
    stage.relay()
    # then the publication is sent again
    assert stage.stands(stage.out) == [1, 2, 3, 3]
    assert stage.reads(stage.out)[-1].value == ours[2].value
    # and that is that
    stage.tell()
    stage.relay()
    assert stage.stands(stage.out) == [1, 2, 3, 3, 4]


# --- Numbers that are none ---

NONE: list[Headers] = [
    (("ce_epoch", b"x"), ("ce_logsequence", b"1")),
    (("ce_epoch", b"9" * 5_000), ("ce_logsequence", b"1")),
    (("ce_logsequence", b"9" * 5_000),),
    (("ce_epoch", b"1"), ("ce_logsequence", b"9" * 19)),
    (("ce_epoch", b"-1"), ("ce_logsequence", b"-1")),
]


@pytest.mark.parametrize("where", ["events", "out", "receipts"])
def test_a_record_whose_numbers_are_none_stops_neither_the_relay_nor_who_writes(stage: Stage, where: str) -> None:
    stage.tell()
    stage.relay()
    topic: str = getattr(stage, where)
    for headers in NONE:
        stage.write(topic, b"junk", headers)
    stage.tell()
    stage.answer()
    relay = stage.relay()
    assert relay.position == stage.feed.head()
    last = stage.feed.records(stage.feed.head() - 1, 1)[0]
    assert last_published(stage.broker, stage.feed.ledger, stage.feed.epochs) == (last.position, hash_of(last.state))
    assert [sequence for sequence in stage.stands(stage.out) if sequence] == [1, 2]


# --- Where an epoch begins ---


def test_nothing_of_an_epoch_comes_to_stand_behind_the_next_one_whatever_the_broker_loses(stage: Stage) -> None:
    """Else who follows could take it for somebody else's, who began an epoch that is none."""
    stage.tell(2)
    relay = stage.relay()
    stage.tell(2)
    stage.tell(2, epoch=2)
    stage.tell()
    stage.tell(epoch=2)
    # given a broker that keeps the end of what it was given, and not what was before it
    append: Callable[..., Any] = stage.broker.append
    given: list[list[tuple[int, int | None]]] = []

    def appends(entries: list[tuple[str, Entry]]) -> Any:
        given.append([])
        for topic, entry in entries:
            if topic == stage.out:
                read = Read(topic, 0, 0, entry.key, entry.value, entry.headers)
                given[-1].append((wire.line_of(read)[1], wire.sequence_of(read)))
        return append(entries)

    stage.broker.append = appends  # type: ignore[method-assign]
    stage.settle(relay)
    # then no window has two epochs of a topic: the second begins when the first is acknowledged
    assert [window for window in given if window] == [[(1, 3), (1, 4)], [(2, 1), (2, 2), (2, 3)]]


def test_an_epoch_begins_behind_what_was_lost_and_not_before_it(stage: Stage) -> None:
    stage.tell(4)
    relay = stage.relay()
    # given a topic that has lost its end, and a redelivery that is the next thing told
    kept = stage.reads(stage.out)[:2]
    stage.broker.delete_topics([stage.out])
    stage.broker.create_topics({stage.out: wire.OUT})
    for read in kept:
        stage.write(stage.out, read.value, read.headers)
    stage.tell(2, epoch=2)
    # when the relay, which knows nothing of it, goes on
    stage.settle(relay)
    stage.settle(relay)
    lines = [(wire.line_of(read)[1], wire.sequence_of(read)) for read in stage.reads(stage.out)]
    assert lines == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]


