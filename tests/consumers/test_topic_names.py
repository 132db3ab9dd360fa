"""Which topic is whose, whatever a ledger or a recipient is called: `in`, say. source: design 5"""

from __future__ import annotations

from pathlib import Path

import pytest
from feed_by_hand import NOW, fed, relay_of, run, sequences

from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Read
from consumers.unpacking import GZIP, ZSTD
from domain.events import CommandRefused

NAMES = ("demo", "events", "in", "out", "receipts", "kuty", "v1")


def topics_of(ledger: str, recipient: str) -> dict[str, str]:
    return {
        "events": wire.events_topic(ledger),
        "in": wire.in_topic(ledger, recipient),
        "out": wire.out_topic(ledger, recipient),
        "receipts": wire.receipts_topic(ledger, recipient),
    }


@pytest.mark.parametrize("ledger", NAMES)
@pytest.mark.parametrize("recipient", NAMES)
def test_a_topic_is_of_its_kind_whatever_the_ledger_and_the_recipient_are_called(ledger: str, recipient: str) -> None:
    for kind, topic in topics_of(ledger, recipient).items():
        assert wire.kind_of(topic) == kind
        # Agencies write to their own topic alone,
        assert wire.of_a_sender(topic) == (kind == "in")
        # read theirs with any client, and the feed is packed better;
        assert wire.codec_of(topic) == {"events": ZSTD, "in": 0, "out": GZIP, "receipts": GZIP}[kind]
        # and a line of publications alone has a number in the first epoch.
        first = Read(topic, 0, 0, None, b"", (("ce_epoch", b"1"), ("ce_logsequence", b"7")))
        assert wire.line_of(first) == (topic, 1 if kind == "out" else 0)


@pytest.mark.parametrize("name", ["", "t", "in", "x.in", "kuty.x.in", "kuty.in.v1", "kuty.x.checkpoints.v1"])
def test_another_topic_is_of_none_of_these_kinds(name: str) -> None:
    assert wire.kind_of(name) not in ("events", "in", "out", "receipts")
    assert (wire.of_a_sender(name), wire.codec_of(name)) == (False, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_relay_that_starts_again_sends_nothing_twice_whatever_the_ledger_and_the_recipient_are_called(
    name: str, tmp_path: Path
) -> None:
    with fed(tmp_path) as feed:
        # given a ledger and a recipient of that name, an answer to it, and what it was told
        feed.ledger = name
        feed.join("county", "kela", name)
        refused = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
        feed.add("refusals/x", refused, number=1, sender="benefit_payment")
        feed.tell(name, times=3)
        broker = EmbeddedBroker(lambda: NOW)
        # when its relay starts again and again
        for _ in range(3):
            run(relay_of(feed, broker))
        # then each topic has everything once
        topics = topics_of(name, name)
        assert sequences(broker, topics["events"]) == list(range(1, feed.head() + 1))
        assert sequences(broker, topics["out"]) == [1, 2, 3]
        assert sequences(broker, topics["receipts"]) == [1]
        broker.close()
