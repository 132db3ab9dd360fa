"""What was once written can be read for ever, and what is written today has the same bytes."""

from __future__ import annotations

from base64 import b64decode
from copy import deepcopy
from datetime import date, datetime
from typing import Any

import orjson
import pytest
from golden.files import SOURCE, OneKey, commands_of, missing, read, texts
from records_of_before import header_of, two_lines

from consumers import wire
from consumers.log import Read
from domain.catalogue import EVENTS, event_class, type_of, upcast
from domain.directory import Recipient
from domain.disclosure.publications import Publication
from domain.envelopes import read_envelope
from domain.events import Erased, Event
from domain.messages import message_types
from domain.receipts import Receipt
from domain.record import Header, Record, digest, read_record, state_bytes
from domain.refusals import Reason
from domain.store import Sealer
from domain.store.sealed.field_classes import TARGET_TYPE, joined, section_bytes, split
from domain.store.tables.packing import FIRST_DICTIONARY, unpacked
from projections.kinds import kinds

FILES = {part: read(part) for part in ("events", "publications", "receipts", "messages", "records", "columns", "seals")}
HOW = "python tests/golden/files.py writes it"
Golden = dict[str, Any]


def of(part: str) -> Any:
    return pytest.mark.parametrize("golden", [pytest.param(g, id=name) for name, g in FILES[part].items()])


def event_of(golden: Golden) -> Event:
    """The event as a reader of today has it."""
    header = Header.from_bytes(orjson.dumps(golden["header"]))
    cls = event_class(header.type)
    sections = [deepcopy(content) for content in golden["sections"].values()]
    return cls.model_validate(upcast(header.type, joined(cls, sections)))


# --- none is missing --------------------------------------------------------------------------------------------------


def test_every_published_version_of_every_event_has_a_golden_file() -> None:
    published = {f"{name}.v{version}" for name, cls in EVENTS.items() for version in range(1, cls.VERSION + 1)}
    assert published == FILES["events"].keys(), HOW


def test_every_message_type_has_a_golden_file() -> None:
    assert {name for sender in kinds() for name in message_types(sender)} == FILES["messages"].keys(), HOW


def test_every_status_of_a_receipt_has_a_golden_file() -> None:
    statuses = {golden["receipt"]["status"] for golden in FILES["receipts"].values()}
    assert statuses == {"recorded", "already_recorded", "waiting", "refused", "quarantined", "withdrawn"}


def test_everything_that_is_told_in_a_whole_history_has_a_golden_file() -> None:
    assert [path.name for path, _ in missing()] == [], HOW


# --- events -----------------------------------------------------------------------------------------------------------


@of("events")
def test_an_old_event_can_be_read(golden: Golden) -> None:
    assert type_of(event_of(golden)).rpartition(".v")[0] == golden["header"]["type"].rpartition(".v")[0]


@of("events")
def test_an_events_header_and_sections_are_written_with_the_same_bytes(golden: Golden) -> None:
    raw = orjson.dumps(golden["header"], option=orjson.OPT_SORT_KEYS)
    header = Header.from_bytes(raw)
    assert header.to_bytes() == raw
    event = event_of(golden)
    if type_of(event) != header.type:
        return  # An older version is only read, never written.
    target_type = golden["sections"].get("A", {}).get(TARGET_TYPE)
    contents = split(event, event_class(target_type) if target_type else None, target_type)
    assert {letter: digest(section_bytes(content)) for letter, content in contents.items()} == header.section_digests


@of("events")
def test_a_full_record_has_the_same_headers_and_comes_back(golden: Golden) -> None:
    header_bytes, header = header_of(golden)
    sections = {letter: section_bytes(content) for letter, content in golden["sections"].items()}
    record = Record(header, header_bytes, sections, position=41, epoch=1)
    if golden["cloudevents"]["content-type"] == wire.TWO_LINES.decode():
        # It was written so, and is published again as it was; what is written today differs in the form of its value alone.
        assert texts(wire.full_record(record).headers) == {**golden["cloudevents"], "content-type": wire.RECORD.decode()}
        record = read_record(two_lines(header_bytes, sections), 41, 1)
    entry = wire.full_record(record)
    assert texts(entry.headers) == golden["cloudevents"]
    back = wire.read_full_record(Read("kuty.demo.events.v1", 40, 0, entry.key, entry.value, entry.headers))
    assert (back.header, back.sections, back.position, back.state) == (header, sections, 41, entry.value)


# --- records ----------------------------------------------------------------------------------------------------------


@of("records")
def test_a_record_of_every_form_is_read_for_ever(golden: Golden) -> None:
    state = b64decode(golden["value"])
    record = read_record(state, 41, 1)
    assert record.header_bytes == golden["header"].encode()
    assert record.sections == {letter: b64decode(text) for letter, text in golden["sections"].items()}
    assert record.state == state


def test_a_record_of_today_is_written_in_the_newest_form() -> None:
    golden = FILES["records"]["lengths"]
    sections = {letter: b64decode(text) for letter, text in golden["sections"].items()}
    assert state_bytes(golden["header"].encode(), sections) == b64decode(golden["value"])


@of("columns")
def test_what_a_column_keeps_of_a_record_is_unpacked_for_ever(golden: Golden) -> None:
    assert unpacked(b64decode(golden["kept"])) == b64decode(golden["value"])


def test_a_dictionary_by_which_columns_are_packed_is_never_another_one() -> None:
    assert digest(FIRST_DICTIONARY.read_bytes()) == FILES["columns"]["headers-1"]["dictionary"]


@of("seals")
def test_a_record_that_was_sealed_is_opened_for_ever(golden: Golden) -> None:
    record = read_record(b64decode(golden["value"]), 41, 1)
    event = Sealer(OneKey()).open(record)
    assert not isinstance(event, Erased)
    assert {letter: orjson.loads(section_bytes(content)) for letter, content in split(event, None, None).items()} == (
        golden["sections"]
    )


# --- publications -----------------------------------------------------------------------------------------------------


@of("publications")
def test_a_publication_is_read_and_written_with_the_same_bytes(golden: Golden) -> None:
    headers = {name: text.encode() for name, text in golden["headers"].items()}
    publication = Publication.from_wire(headers, golden["value"].encode())
    assert (publication.key.decode(), texts(publication.headers)) == (golden["key"], golden["headers"])
    assert (publication.value.decode(), publication.hash) == (golden["value"], golden["hash"])


@of("publications")
def test_what_a_publication_tells_is_a_fact_that_is_still_known(golden: Golden) -> None:
    assert event_class(golden["headers"]["ce_type"]).NAME in EVENTS


# --- receipts ---------------------------------------------------------------------------------------------------------


@of("receipts")
def test_a_receipt_is_written_with_the_same_bytes(golden: Golden) -> None:
    made = dict(golden["receipt"])
    made["codes"] = tuple(Reason(**reason) for reason in made["codes"])
    made["warnings"] = tuple(made["warnings"])
    made["until"] = made["until"] and datetime.fromisoformat(made["until"])
    made["parts"] = tuple((message_id, status) for message_id, status in made["parts"])
    entry = wire.receipt_entry(Receipt(**made), SOURCE)
    assert entry.key == golden["key"].encode()
    assert texts(entry.headers) == golden["headers"]
    assert entry.value.decode() == golden["value"]


# --- messages ---------------------------------------------------------------------------------------------------------


@of("messages")
def test_a_message_still_becomes_the_same_command(golden: Golden) -> None:
    recipient = Recipient("any", "any", golden["task"], date(2025, 1, 1))
    headers = {name: text.encode() for name, text in golden["headers"].items()}
    message = read_envelope(recipient, headers, orjson.dumps(golden["body"]), None)
    assert commands_of(message.type, golden["task"], orjson.loads(message.raw)) == golden["commands"]
