"""Receipts that were sent before they named a schema, or named it elsewhere, are found in their topics as what they are.

source: integration.md 3, design D11
"""

from __future__ import annotations

import pytest
from feed_by_hand import OUT, Feed, relay_of, run, sequences, topic

from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from domain.events import CommandRefused

RECEIPTS = wire.receipts_topic("demo", "county")
BEFORE = pytest.mark.parametrize("before", ["", "https://first.example"])
NOW_AT = "https://kuty.example"
NEW = b"https://kuty.example/schemas/receipt.v1.json"


def answered(feed: Feed, *numbers: int) -> None:
    for number in numbers:
        feed.add("refusals/x", CommandRefused(command="start_period", codes=(), content_mac="0" * 64), number=number)


def addresses(broker: EmbeddedBroker) -> list[bytes | None]:
    return [dict(read.headers).get("ce_dataschema") for read in topic(broker, RECEIPTS)]


def test_the_relay_names_the_schemas_of_receipts_and_heartbeats(feed: Feed, broker: EmbeddedBroker) -> None:
    answered(feed, 1)
    run(relay_of(feed, broker, heartbeat_s=0.0, schemas=NOW_AT))
    assert addresses(broker) == [NEW]
    beat = topic(broker, OUT)[-1]
    assert dict(beat.headers)["ce_dataschema"] == b"https://kuty.example/schemas/heartbeat.v1.json"


@BEFORE
def test_who_was_killed_before_it_kept_its_position_is_followed_by_one_that_sends_no_receipt_twice(
    feed: Feed, broker: EmbeddedBroker, before: str
) -> None:
    answered(feed, 1, 2, 3)
    relay = relay_of(feed, broker, schemas=before)
    feed.acknowledge = lambda *_: (_ for _ in ()).throw(ConnectionError())  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        relay.step()
    del feed.acknowledge  # type: ignore[attr-defined]
    answered(feed, 4)
    run(relay_of(feed, broker, schemas=NOW_AT))
    assert sequences(broker, RECEIPTS) == [1, 2, 3, 4]
    assert addresses(broker)[3] == NEW
    assert feed.parked() == {}


@BEFORE
def test_a_receipts_topic_that_lost_its_end_is_filled_behind_what_it_has(
    feed: Feed, broker: EmbeddedBroker, before: str
) -> None:
    answered(feed, 1, 2, 3, 4)
    run(relay_of(feed, broker, window=2, schemas=before))
    broker.lose_end(RECEIPTS, 2)
    relay = relay_of(feed, broker, window=2, schemas=NOW_AT)
    while relay.step():
        pass
    assert sequences(broker, RECEIPTS) == [1, 2, 3, 4]
    assert addresses(broker)[2:] == [NEW, NEW]
    assert feed.parked() == {}


@BEFORE
def test_a_receipts_topic_that_was_made_again_is_filled_with_the_address_of_today(
    feed: Feed, broker: EmbeddedBroker, before: str
) -> None:
    answered(feed, 1, 2)
    run(relay_of(feed, broker, schemas=before))
    broker.make_again(RECEIPTS)
    relay = relay_of(feed, broker, schemas=NOW_AT)
    while relay.step():
        pass
    assert (sequences(broker, RECEIPTS), addresses(broker)) == ([1, 2], [NEW, NEW])
