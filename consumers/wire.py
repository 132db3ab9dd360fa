"""What stands on the wire: topics, the record of the full feed, a recipient's publication, receipts and heartbeats.

CloudEvents 1.0, Kafka binding, binary mode (design 5). Every entry but a heartbeat is a function of stored bytes alone, so
that a record sent twice is the same twice (design D11). Headers are sorted by name.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import orjson

from consumers.log import DAY_MS, FOREVER, Entry, Headers, Read, TopicSettings
from consumers.unpacking import GZIP, ZSTD
from domain.disclosure.kept import epoch_of, kept_publication
from domain.disclosure.publications import Publication, publication_hash
from domain.epochs import FIRST
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased, Event
from domain.identifiers import organisation_source
from domain.receipts import Receipt
from domain.record import Damaged, Record, is_two_lines, read_record

EVENTS = TopicSettings(retention_ms=FOREVER)
"""The full feed is kept for ever."""
OUT = TopicSettings(retention_ms=90 * DAY_MS)
"""A recipient's topic is a window, not an archive (design D16)."""
IN = TopicSettings(retention_ms=7 * DAY_MS)
"""What a sender wrote has been answered long before."""
RECEIPTS = TopicSettings(retention_ms=90 * DAY_MS)

RECORD = b"application/vnd.kuty.record"
"""What a full record's value is: the header's line, the line of lengths, the sealed sections (`domain/record.py`)."""
TWO_LINES = b"application/x-ndjson"
"""What it is of an event that was recorded before sections were kept as bytes: its record is the same for ever."""
HEARTBEAT = "heartbeat.v1"
_DATASCHEMA = "ce_dataschema"
LARGEST_NUMBER = 1 << 62
"""No epoch, sequence or position is larger: every table takes it, and what follows it."""
ERASED = "erased"
"""Stands as `prevhash` in the publication whose content could no longer be read when it was sent; the one after it names
the hash of what had been meant, or `erased` where that could not be made any more. A follower cannot check the chain across
these two, and need not halt."""
NO_CONTENT = b'{"kind":"withdrawn"}'
"""The value of such a publication: it says nothing, and takes nothing back."""


def events_topic(ledger: str) -> str:
    """The ledger's full feed, sealed."""
    return f"kuty.{ledger}.events.v1"


def in_topic(ledger: str, recipient: str) -> str:
    """Where a recipient's system writes to the ledger."""
    return f"kuty.{ledger}.in.{recipient}.v1"


def out_topic(ledger: str, recipient: str) -> str:
    """What a recipient is told."""
    return f"kuty.{ledger}.out.{recipient}.v1"


def receipts_topic(ledger: str, recipient: str) -> str:
    """How a recipient's messages were answered."""
    return f"kuty.{ledger}.receipts.{recipient}.v1"


def kind_of(topic: str) -> str:
    """Of one of our topics: events, in, out or receipts; of any other one something else. A ledger or a recipient may have
    one of these names, too: where the word stands says what it means."""
    parts = topic.split(".")
    return parts[2] if len(parts) > 3 else ""


def whose(topic: str) -> str:
    """The short name of the recipient that has one of our topics; empty for the full record."""
    return "" if kind_of(topic) == "events" else topic.split(".")[3]


def of_a_sender(topic: str) -> bool:
    """Whether others write to the topic, with clients of their choice."""
    return kind_of(topic) == "in"


def recipient_topics(ledger: str, recipient: str) -> dict[str, TopicSettings]:
    """The three topics of one recipient with their settings."""
    return {in_topic(ledger, recipient): IN, out_topic(ledger, recipient): OUT, receipts_topic(ledger, recipient): RECEIPTS}


def codec_of(topic: str) -> int:
    """The codec of a topic's batches, as Kafka's record format numbers them; 0 for none. The full feed by zstd: who reads it
    is an auditor, and may choose a client. What agencies read by gzip, which every client of Kafka unpacks by itself."""
    return {"events": ZSTD, "out": GZIP, "receipts": GZIP}.get(kind_of(topic), 0)


# --- The full record -------------------------------------------------------------------------------------------------


def full_record(record: Record) -> Entry:
    """One event for the events topic: its stored bytes, and in the headers what a reader sorts and finds by."""
    h, state = record.header, record.state
    position = b"%d" % record.position
    headers = [
        (_DATASCHEMA, _schema(h.type)),
        ("ce_epoch", b"%d" % record.epoch),
        ("ce_id", h.event_id.encode()),
        ("ce_logsequence", position),
        ("ce_matter", h.matter.encode()),
        ("ce_occurredon", h.occurred_on.isoformat().encode()),
        ("ce_position", position),
        ("ce_prevhash", h.previous_hash.encode()),
        ("ce_purpose", h.purpose.encode()),
        ("ce_ruleset", h.ruleset_version.encode()),
        ("ce_source", organisation_source(h.actor_org).encode()),
        ("ce_specversion", b"1.0"),
        ("ce_stream", h.stream.encode()),
        ("ce_streamversion", b"%d" % h.stream_version),
        ("ce_subject", h.stream.encode()),
        ("ce_time", h.recorded_at.isoformat().replace("+00:00", "Z").encode()),
        ("ce_type", h.type.encode()),
        ("content-type", TWO_LINES if is_two_lines(record.header_bytes, state) else RECORD),
    ]
    if h.corrects or h.annuls or h.causation:
        named = (("ce_annuls", h.annuls), ("ce_causation", h.causation), ("ce_corrects", h.corrects))
        headers += [(name, value.encode()) for name, value in named if value]
        headers.sort()
    return Entry(h.stream.encode(), state, tuple(headers), record.position)


def read_full_record(read: Read) -> Record:
    """The event in a record of the events topic. Raises `Damaged` when the headers or the bytes do not add up."""
    headers = dict(read.headers)
    position, epoch = number_of(headers.get("ce_position")), number_of(headers.get("ce_epoch"))
    if position is None or epoch is None:
        raise Damaged(f"offset {read.offset} of {read.topic} has no position")
    record = read_record(read.value, position, epoch)
    if headers.get("ce_stream", b"").decode() != record.header.stream:
        raise Damaged(f"offset {read.offset} of {read.topic} names another stream than its content")
    return record


@cache
def _schema(type_name: str) -> bytes:
    return f"urn:kuty:schema:event:{type_name}".encode()


# --- Publications ----------------------------------------------------------------------------------------------------


def publication_of(record: Record, event: Event | Erased) -> Publication:
    """The publication that a disclosure event holds.

    A disclosure whose matter's key was destroyed before it was sent goes out as `withdrawn`, without content, under the
    id of its event (design D15). Raises `Damaged` for a record outside a recipient's stream, and for any other event.
    """
    if isinstance(event, DisclosureMade | DisclosureWithdrawn):
        return kept_publication(record, event)
    if not isinstance(event, Erased):
        raise Damaged(f"{record.header.event_id} is a {event.NAME} and no disclosure")
    header = record.header
    return Publication(
        id=header.event_id,
        type="disclosure.withdrawn.v1",
        kind="withdrawn",
        source=header.actor_org,
        subject="",
        time=header.recorded_at.replace(microsecond=0),
        sequence=header.stream_version,
        epoch=epoch_of(record),
        ruleset=header.ruleset_version,
        legal_basis="LB-OWN-TASK",
        purpose=header.purpose,
        previous_hash=ERASED,
    )


def publication_entry(publication: Publication) -> Entry:
    """One publication for its recipient's out topic."""
    return Entry(publication.key, publication.value, publication.headers, publication.sequence)


def read_publication(read: Read) -> Publication | None:
    """The publication in a record of an out topic, none for a heartbeat. Raises `ValueError` for anything else."""
    headers = dict(read.headers)
    if headers.get("ce_type") == HEARTBEAT.encode():
        return None
    publication_hash(read.headers, read.value)  # of headers that can be read in two ways it makes none
    return Publication.from_wire(headers, read.value)


def is_erased(headers: Mapping[str, bytes], value: bytes) -> bool:
    """Whether a record is a publication whose content could no longer be read when it was sent, and nothing else."""
    return headers.get("ce_prevhash") == ERASED.encode() and value == NO_CONTENT


# --- Receipts and heartbeats -----------------------------------------------------------------------------------------


def receipt_entry(receipt: Receipt, organiser: str, schemas: str = "") -> Entry:
    """An answer for its sender's receipts topic. `schemas` is the address under which schemas are served, where there is
    one."""
    sequence = receipt.number if receipt.numbered and receipt.number is not None else 0
    return Entry(receipt.key, receipt.value, receipt.headers(organisation_source(organiser), schemas), sequence)


def heartbeat(epoch: int, last: int, source: str, at: datetime, schemas: str = "") -> Entry:
    """A sign of life on a quiet out topic: names the last sequence, has none itself (integration.md 3). `source` is that of
    the publications, `at` is UTC, `schemas` as for a receipt. Its id is its own: while a simulated clock stands, its time is
    that of the one before."""
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    named: Headers = ((_DATASCHEMA, f"{schemas}/schemas/{HEARTBEAT}.json".encode()),) if schemas else ()
    headers: Headers = (
        *named,
        ("ce_epoch", b"%d" % epoch),
        ("ce_id", uuid.uuid4().hex.encode()),
        ("ce_source", source.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_time", moment.encode()),
        ("ce_type", HEARTBEAT.encode()),
        ("content-type", b"application/json"),
    )
    value = orjson.dumps({"kind": "heartbeat", "epoch": epoch, "last_sequence": last}, option=orjson.OPT_SORT_KEYS)
    return Entry(b"heartbeat", value, headers)


def last_told(value: bytes) -> int:
    """The sequence that a heartbeat names, 0 where it names none."""
    try:
        last = orjson.loads(value)["last_sequence"]
    except (KeyError, TypeError, ValueError):
        return 0
    return last if type(last) is int and 0 <= last <= LARGEST_NUMBER else 0


# --- Reading tails ---------------------------------------------------------------------------------------------------


def number_of(raw: bytes | None) -> int | None:
    """An epoch, a sequence or a position in a header; none where it is not there, or is no number that we would give:
    anybody may have written it, and no table takes more digits than ours have."""
    if raw is None or len(raw) > len(str(LARGEST_NUMBER)) or not raw.isdigit():
        return None
    number = int(raw)
    return number if number <= LARGEST_NUMBER else None


def sequence_of(read: Read) -> int | None:
    """The record's own sequence; none where it has none (a heartbeat, a repeated receipt, foreign bytes), and where nobody
    could say in which epoch."""
    headers = dict(read.headers)
    epoch = headers.get("ce_epoch")
    return number_of(headers.get("ce_logsequence")) if epoch is None or number_of(epoch) is not None else None


def line_of(read: Read) -> tuple[str, int]:
    """(topic, epoch): the line in which the record's sequence counts, where it has one. On an out topic the epoch is the
    recipient's, elsewhere the ledger's as `ledger_line` has it."""
    named = number_of(dict(read.headers).get("ce_epoch"))
    epoch = FIRST if named is None else named
    return read.topic, epoch if kind_of(read.topic) == "out" else ledger_line(epoch)


def says_the_same(read: Read, entry: Entry) -> bool:
    """Whether a record in one of our topics is this one. Of the full feed the event's bytes are compared, of a publication
    all that its hash covers, of a receipt what was recorded of the answer: its texts are those of the version that sent
    it, and its schema has the address that it had then, or none."""
    kind = kind_of(read.topic)
    if kind == "events":
        return read.value == entry.value
    if kind != "receipts":
        return (read.headers, read.value) == (entry.headers, entry.value)
    if _without_schema(read.headers) != _without_schema(entry.headers):
        return False
    return read.value == entry.value or _without_texts(read.value) == _without_texts(entry.value)


def _without_schema(headers: Headers) -> Headers:
    return tuple([header for header in headers if header[0] != _DATASCHEMA])


def _without_texts(receipt: bytes) -> Any:
    try:
        content = orjson.loads(receipt)
        for codes in (content.get("codes", ()), content.get("warnings", ())):
            for code in codes:
                code.pop("text", None)
                code.pop("what_to_do", None)
    except (AttributeError, TypeError, ValueError):
        return receipt
    return content


def ledger_line(epoch: int) -> int:
    """The line of positions and answers in an epoch of the ledger: 0 in its first one, whose receipts name none."""
    return epoch if epoch != FIRST else 0
