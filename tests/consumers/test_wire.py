"""What stands on the wire is a function of what is stored, and comes back from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest
from publications_given import doubled, hidden
from records_of_before import two_lines

from consumers import wire
from consumers.log import Entry, Read
from domain.disclosure.publications import FIRST_HASH, Ambiguous, Publication, publication_hash
from domain.events import DisclosureMade, Erased
from domain.receipts import Receipt
from domain.record import Damaged, Header, Record, digest, read_record

STREAM = "recipient/kela-benefit-payment/2"
SECTIONS = {"A": b"sealed routing", "E": b"sealed schedule"}


def record(stream: str = STREAM, **changes: object) -> Record:
    header = Header(
        event_id="0f" * 16,
        type="disclosure.made.v1",
        ledger="demo",
        stream=stream,
        stream_version=7,
        matter="3a" * 16,
        occurred_on=date(2025, 3, 3),
        recorded_at=datetime(2025, 3, 3, 7, 0, 0, 250, UTC),
        command_id="c-1",
        actor_org="0000001-9",
        actor_task="organiser",
        actor_role="system",
        actor_person="system",
        purpose="service",
        ruleset_version="2026-03",
        directory_version="12",
        key_id="k-1",
        section_digests={name: digest(sealed) for name, sealed in SECTIONS.items()},
        previous_hash="ab" * 32,
    )
    header = msgspec.structs.replace(header, **changes)
    return Record(header, header.to_bytes(), SECTIONS, position=41, epoch=1)


def read(entry: Entry, topic: str = "kuty.demo.events.v1") -> Read:
    return Read(topic, 40, 1_741_000_000_000, entry.key, entry.value, entry.headers)


def publication() -> Publication:
    return Publication(
        id="5c" * 16,
        type="period.started.v1",
        kind="fact",
        source="0000001-9",
        subject="pseudonym",
        time=datetime(2025, 3, 3, 7, 0, tzinfo=UTC),
        sequence=7,
        epoch=2,
        ruleset="2026-03",
        legal_basis="LB-UI-ATT",
        purpose="service",
        previous_hash=FIRST_HASH,
        occurred_on=date(2025, 3, 3),
        client={"family_name": "Esimerkki"},
        body={"starts_on": "2025-03-03"},
        message_id="m-1",
    )


def disclosure(told: Publication) -> DisclosureMade:
    return DisclosureMade(
        publication_id=told.id,
        source_event_id="1d" * 16,
        commitment="00" * 32,
        commitment_salt="11" * 32,
        cell="R:dates",
        field_set_version="1",
        legal_basis=told.legal_basis,
        previous_publication_hash="22" * 32,
        publication=told.stored(),
    )


def test_a_record_of_the_full_feed_comes_back_as_it_was_stored() -> None:
    stored = record("9e" * 16)
    assert wire.read_full_record(read(wire.full_record(stored))) == stored


def test_the_full_record_is_the_stored_bytes_under_the_key_of_its_stream() -> None:
    entry = wire.full_record(record("9e" * 16))
    assert (entry.key, entry.value, entry.sequence) == (b"9e" * 16, record("9e" * 16).state, 41)


def test_the_same_record_has_the_same_bytes_every_time() -> None:
    assert wire.full_record(record()) == wire.full_record(record())


def test_headers_are_sorted_and_name_what_corrects_what() -> None:
    headers = wire.full_record(record(corrects="aa" * 16, causation="bb" * 16)).headers
    assert list(headers) == sorted(headers)
    assert dict(headers)["ce_corrects"] == b"aa" * 16
    assert dict(headers)["ce_causation"] == b"bb" * 16


def test_a_full_record_names_its_place() -> None:
    headers = dict(wire.full_record(record()).headers)
    assert headers["ce_logsequence"] == headers["ce_position"] == b"41"
    assert headers["ce_streamversion"] == b"7"
    assert headers["ce_time"] == b"2025-03-03T07:00:00.000250Z"
    assert headers["ce_dataschema"] == b"urn:kuty:schema:event:disclosure.made.v1"


def test_a_section_that_was_changed_on_the_way_is_found() -> None:
    entry = wire.full_record(record())
    forged = entry.value.replace(SECTIONS["E"], b"sealed schedulE")
    with pytest.raises(Damaged, match="section E"):
        wire.read_full_record(read(entry._replace(value=forged)))


def test_a_record_that_was_kept_in_two_lines_is_published_as_it_was() -> None:
    """Its bytes stand in topics that are kept for ever: the relay finds them there again, and sends the same ones."""
    kept = two_lines(record().header_bytes, SECTIONS)
    entry = wire.full_record(read_record(kept, 41, 1))
    assert (entry.value, dict(entry.headers)["content-type"]) == (kept, b"application/x-ndjson")
    assert wire.read_full_record(read(entry)) == record()


def test_a_record_without_a_position_is_damaged() -> None:
    entry = wire.full_record(record())
    bare = tuple(header for header in entry.headers if header[0] != "ce_position")
    with pytest.raises(Damaged, match="no position"):
        wire.read_full_record(read(entry._replace(headers=bare)))


def test_a_record_under_another_streams_name_is_damaged() -> None:
    entry = wire.full_record(record())
    headers = tuple((name, b"elsewhere" if name == "ce_stream" else value) for name, value in entry.headers)
    with pytest.raises(Damaged, match="another stream"):
        wire.read_full_record(read(entry._replace(headers=headers)))


def test_a_publication_comes_back_from_its_disclosure_event() -> None:
    told = publication()
    assert wire.publication_of(record(), disclosure(told)) == replace(told, previous_hash="22" * 32)


def test_a_publication_is_read_from_the_wire_as_it_was_sent() -> None:
    told = wire.publication_of(record(), disclosure(publication()))
    sent = read(wire.publication_entry(told), "kuty.demo.out.kela-benefit-payment.v1")
    assert wire.read_publication(sent) == told


def test_the_address_of_its_schema_is_kept_with_a_publication_and_sent_with_it_every_time() -> None:
    told = replace(publication(), schema="https://kuty.example/schemas/publications/KB/period.started.v1.json")
    kept = wire.publication_of(record(), disclosure(told))
    assert kept == replace(told, previous_hash="22" * 32)
    entry = wire.publication_entry(kept)
    assert dict(entry.headers)["ce_dataschema"] == told.schema.encode()
    assert wire.read_publication(read(entry, "kuty.demo.out.kela-benefit-payment.v1")) == kept


def test_a_publication_that_was_told_before_there_were_addresses_names_a_urn() -> None:
    kept = wire.publication_of(record(), disclosure(publication()))
    assert dict(kept.headers)["ce_dataschema"] == b"urn:kuty:schema:publication:period.started.v1"
    assert "schema" not in publication().stored()


RECEIPTS = "kuty.demo.receipts.kela-benefit-payment.v1"
ANSWERS = [
    wire.receipt_entry(Receipt("m-1", "record_attendance.v1", "recorded", 7), "0000001-9", address)
    for address in ("", "https://first.example", "https://later.example")
]


def test_receipts_and_heartbeats_name_the_address_of_their_schemas() -> None:
    """source: integration.md 3"""
    assert dict(ANSWERS[1].headers)["ce_dataschema"] == b"https://first.example/schemas/receipt.v1.json"
    assert [name for name, _ in ANSWERS[1].headers] == sorted(name for name, _ in ANSWERS[1].headers)
    beat = wire.heartbeat(2, 7, "urn:x", datetime(2025, 3, 3, tzinfo=UTC), "https://first.example")
    assert dict(beat.headers)["ce_dataschema"] == b"https://first.example/schemas/heartbeat.v1.json"
    assert [name for name, _ in beat.headers] == sorted(name for name, _ in beat.headers)


@pytest.mark.parametrize("sent", ANSWERS, ids=["none", "first", "later"])
@pytest.mark.parametrize("entry", ANSWERS, ids=["none", "first", "later"])
def test_a_receipt_is_the_same_wherever_its_schema_was_when_it_was_sent(sent: Entry, entry: Entry) -> None:
    """It is a function of what is stored but for that, and what stands in a topic stays as it was sent."""
    assert wire.says_the_same(read(sent, RECEIPTS), entry)


def test_a_receipt_that_differs_otherwise_is_another_one() -> None:
    other = wire.receipt_entry(Receipt("m-1", "record_attendance.v1", "waiting", 7), "0000001-9", "https://first.example")
    assert not wire.says_the_same(read(ANSWERS[0], RECEIPTS), other)
    forged = ANSWERS[0]._replace(headers=(*ANSWERS[0].headers, ("x-more", b"1")))
    assert not wire.says_the_same(read(forged, RECEIPTS), ANSWERS[0])


def test_a_publication_under_another_schema_is_another_record() -> None:
    """Its hash covers every header (docs/explanation/proof-of-delivery.md)."""
    told, topic = wire.publication_of(record(), disclosure(publication())), "kuty.demo.out.kela-benefit-payment.v1"
    other = replace(told, schema="https://kuty.example/schemas/publications/KB/period.started.v1.json")
    assert not wire.says_the_same(read(wire.publication_entry(other), topic), wire.publication_entry(told))


def test_a_publication_carries_nothing_of_its_source() -> None:
    entry = wire.publication_entry(wire.publication_of(record(), disclosure(publication())))
    said = b"".join(name.encode() + value for name, value in entry.headers) + entry.value
    for secret in (b"1d" * 16, b"3a" * 16, b"ab" * 32, STREAM.encode()):
        assert secret not in said


def test_a_disclosure_whose_key_was_destroyed_goes_out_as_withdrawn() -> None:
    told = wire.publication_of(record(), Erased("disclosure.made"))
    assert (told.kind, told.sequence, told.epoch, told.id) == ("withdrawn", 7, 2, "0f" * 16)
    assert told.body == told.client == {}
    assert told.previous_hash == wire.ERASED
    sent = read(wire.publication_entry(told), "kuty.demo.out.kela-benefit-payment.v1")
    assert wire.read_publication(sent) == told


def test_headers_that_can_be_read_in_two_ways_have_no_hash_and_are_no_publication() -> None:
    """Else a header could stand within another, and the hash be the same."""
    sent = wire.publication_entry(wire.publication_of(record(), disclosure(publication())))
    headers = dict(sent.headers)
    ways = [hidden(sent, name, "ce_specversion") for name in headers if name not in ("ce_specversion", "ce_type")]
    ways += [hidden(sent, "ce_type", "ce_time"), doubled(sent, "ce_type", b"lie"), doubled(sent, "x", b"a\n")]
    ways += [doubled(sent, name, b"") for name in ("x\0", "x\ny", "\n")]
    for way in ways:
        with pytest.raises(Ambiguous):
            publication_hash(way.headers, way.value)
        with pytest.raises(ValueError, match=r"a header (comes twice|has a zero byte or a line feed)"):
            wire.read_publication(read(way, "kuty.demo.out.kela-benefit-payment.v1"))


def test_only_a_recipients_stream_holds_publications() -> None:
    with pytest.raises(Damaged):
        wire.publication_of(record("9e" * 16), Erased("disclosure.made"))


def test_a_heartbeat_names_the_last_sequence_and_has_none() -> None:
    beat = wire.heartbeat(2, 7, "urn:kuty:organisation:0000001-9", datetime(2025, 3, 3, 7, 1, tzinfo=UTC))
    sent = read(beat, "kuty.demo.out.kela-benefit-payment.v1")
    assert wire.sequence_of(sent) is None
    assert wire.read_publication(sent) is None
    assert beat.value == b'{"epoch":2,"kind":"heartbeat","last_sequence":7}'


def test_sequences_count_in_the_epoch_on_an_out_topic_alone() -> None:
    told = wire.publication_entry(wire.publication_of(record(), disclosure(publication())))
    out = "kuty.demo.out.kela-benefit-payment.v1"
    assert (wire.line_of(read(told, out)), wire.sequence_of(read(told, out))) == ((out, 2), 7)
    full = read(wire.full_record(record()))
    assert (wire.line_of(full), wire.sequence_of(full)) == (("kuty.demo.events.v1", 0), 41)


def test_a_recipients_topics_keep_what_they_have_to_keep() -> None:
    days = {
        name.split(".")[2]: topic.retention_ms // 86_400_000 for name, topic in wire.recipient_topics("demo", "kela").items()
    }
    assert days == {"in": 7, "out": 90, "receipts": 90}
    assert wire.EVENTS.retention_ms == -1


@pytest.mark.parametrize("raw", [None, b"", b"x", b"-1", b"1.0", b" 1", b"9" * 5_000, b"%d" % (wire.LARGEST_NUMBER + 1)])
def test_what_is_no_number_of_ours_is_none(raw: bytes | None) -> None:
    assert wire.number_of(raw) is None
    given = [] if raw is None else [("ce_logsequence", raw)]
    assert wire.sequence_of(Read("kuty.demo.out.x.v1", 0, 0, None, b"", (("ce_epoch", b"1"), *given))) is None


def test_the_largest_number_is_one() -> None:
    assert [wire.number_of(raw) for raw in (b"0", b"1", b"%d" % wire.LARGEST_NUMBER)] == [0, 1, wire.LARGEST_NUMBER]


def test_a_sequence_in_an_epoch_that_is_none_is_none() -> None:
    foreign = Read("kuty.demo.out.x.v1", 0, 0, None, b"", (("ce_epoch", b"9" * 5_000), ("ce_logsequence", b"1")))
    assert (wire.sequence_of(foreign), wire.line_of(foreign)) == (None, ("kuty.demo.out.x.v1", 1))


@pytest.mark.parametrize("last", ["-1", "true", '"1"', "1e300", "9" * 400, str(wire.LARGEST_NUMBER + 1), "[]", "1.5"])
def test_a_heartbeat_that_names_no_number_names_nothing(last: str) -> None:
    assert wire.last_told(b'{"last_sequence":%b}' % last.encode()) == 0


def test_a_full_record_at_a_position_that_is_none_is_damaged() -> None:
    entry = wire.full_record(record("9e" * 16))
    for raw in (b"9" * 5_000, b"%d" % (wire.LARGEST_NUMBER + 1)):
        headers = tuple((name, raw if name == "ce_position" else value) for name, value in entry.headers)
        with pytest.raises(Damaged, match="no position"):
            wire.read_full_record(read(entry._replace(headers=headers)))
