"""What stands on the wire is CloudEvents to the official SDK, and what the SDK writes is readable here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from golden.files import read, texts
from records_of_before import header_of, two_lines

from consumers import wire
from domain.directory import Recipient
from domain.envelopes import UnreadableEnvelope, read_envelope
from domain.record import Record
from domain.store.sealed.field_classes import section_bytes

FORMAT = JSONFormat()
FILES = {part: read(part) for part in ("events", "publications", "receipts", "messages")}
Golden = dict[str, Any]


def of(part: str) -> Any:
    return pytest.mark.parametrize("golden", [pytest.param(g, id=name) for name, g in FILES[part].items()])


def understood(headers: Mapping[str, str], key: str, value: str | bytes) -> CloudEvent:
    """The record as the SDK reads it: every header came through as an attribute, and the key with them."""
    raw = value.encode() if isinstance(value, str) else value
    message = KafkaMessage({name: text.encode() for name, text in headers.items()}, key.encode(), raw)
    event = from_kafka(message, FORMAT)
    assert isinstance(event, CloudEvent)
    attributes = {f"ce_{name}": stated for name, stated in event.get_attributes().items()}
    assert attributes.pop("ce_partitionkey") == key
    assert attributes.pop("ce_datacontenttype") == headers["content-type"]
    # The SDK reads the time, and makes up the present one for an event without (a receipt).
    moment = attributes.pop("ce_time")
    if "ce_time" in headers:
        assert moment == datetime.fromisoformat(headers["ce_time"])
    assert attributes == {name: text for name, text in headers.items() if name not in ("ce_time", "content-type")}
    return event


@of("publications")
def test_a_publication_is_a_cloud_event_to_the_sdk(golden: Golden) -> None:
    event = understood(golden["headers"], golden["key"], golden["value"])
    address = f"https://kuty.example/schemas/publications/KB/{event.get_type()}.json"
    assert event.get_dataschema() in (f"urn:kuty:schema:publication:{event.get_type()}", address)
    assert event.get_data() == orjson.loads(golden["value"])


@of("receipts")
def test_a_receipt_is_a_cloud_event_to_the_sdk(golden: Golden) -> None:
    event = understood(golden["headers"], golden["key"], golden["value"])
    assert event.get_type() == "receipt.v1"
    assert event.get_data() == orjson.loads(golden["value"])


@of("events")
def test_a_full_record_is_a_cloud_event_to_the_sdk(golden: Golden) -> None:
    header_bytes, header = header_of(golden)
    sections = {letter: section_bytes(content) for letter, content in golden["sections"].items()}
    written = two_lines(header_bytes, sections)
    today = wire.full_record(Record(header, header_bytes, sections, position=41, epoch=1))
    if golden["cloudevents"]["content-type"] == wire.TWO_LINES.decode():
        # Two lines of JSON: the SDK hands them over as text, byte for byte.
        assert understood(golden["cloudevents"], header.stream, written).get_data() == written.decode()
    assert understood(texts(today.headers), header.stream, today.value).get_data() in (today.value, today.value.decode())


def test_a_heartbeat_is_a_cloud_event_to_the_sdk() -> None:
    beat = wire.heartbeat(2, 7, "urn:kuty:organisation:0000001-9", datetime(2025, 3, 3, 7, 1, tzinfo=UTC))
    event = understood(texts(beat.headers), beat.key.decode(), beat.value.decode())
    assert event.get_data() == {"kind": "heartbeat", "epoch": 2, "last_sequence": 7}


# --- messages ---------------------------------------------------------------------------------------------------------


def sent_with_the_sdk(golden: Golden) -> CloudEvent:
    """A message as an integrator with the SDK writes it, with the attributes that it insists on."""
    headers = golden["headers"]
    attributes = {
        "id": headers["ce_id"],
        "type": headers["ce_type"],
        "source": "urn:oid:1.2.246.10.86",
        "datacontenttype": "application/json",
        "actorperson": "I-07",
    }
    return CloudEvent(attributes, golden["body"])


@of("messages")
def test_a_message_of_the_sdk_is_read_as_it_was_meant(golden: Golden) -> None:
    recipient = Recipient("any", "any", golden["task"], date(2025, 1, 1))
    written = kafka.to_binary(sent_with_the_sdk(golden), FORMAT)
    message = read_envelope(recipient, written.headers, written.value, None)
    assert (message.message_id, message.type) == (golden["headers"]["ce_id"], golden["headers"]["ce_type"])
    assert message.person == "I-07"
    assert orjson.loads(message.raw) == golden["body"]


@of("messages")
def test_over_http_the_sdk_writes_the_same_attributes(golden: Golden) -> None:
    event = sent_with_the_sdk(golden)
    over_http, over_kafka = http.to_binary(event, FORMAT), kafka.to_binary(event, FORMAT)
    named = {name.replace("ce-", "ce_", 1): text.encode() for name, text in over_http.headers.items()}
    del named["ce_time"], over_kafka.headers["ce_time"]
    assert (named, over_http.body) == (over_kafka.headers, over_kafka.value)


def test_a_message_in_structured_mode_is_an_unreadable_envelope() -> None:
    golden = FILES["messages"]["record_attendance.v1"]
    written = kafka.to_structured(sent_with_the_sdk(golden), FORMAT)
    recipient = Recipient("any", "any", golden["task"], date(2025, 1, 1))
    with pytest.raises(UnreadableEnvelope):
        read_envelope(recipient, written.headers, written.value, None)
