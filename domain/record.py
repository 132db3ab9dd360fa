"""One event as it is kept: a clear header, one ciphertext per data class, and the chain between them.

`state` is the header's JSON, exactly as hashed, as one line; a line with the lengths of the sections, a JSON list in the
order of their names; and the sections themselves, one behind another. The same bytes are kept in the event store and
published on the events topic, so that anyone can verify the chain without our code. What was recorded before has an object
of base64 sections as its second line: it keeps its bytes for ever, and is read here all the same.
Position and epoch are given by the store and stand beside the header, outside the hash (design D15).

The form byte for byte, and why: docs/decisions/0023-what-an-event-costs-on-disk.md
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import accumulate, pairwise
from typing import Annotated, Any, cast

import msgspec
import orjson

from domain.events import Erased, Event
from domain.pathway import Fact

LARGEST_RECORD = 1_000_000
"""Bytes of `state`, at most: with its key and headers such a record is still below the mebibyte that a topic takes
(design D24). What would be larger is refused; what was recorded before is read all the same."""
DECISION = "decision"
"""Name of the extra section of a decision's first event: the accepted command and its context (design D3)."""


class Damaged(Exception):
    """Bytes that do not add up: a digest, a chain or a shape is wrong. The line halts; nothing is guessed."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What every event carries in clear (design 2, domain/events.md 11.2).

    `occurred_on` is a local date (Europe/Helsinki), `recorded_at` UTC. Fields without a value are left out of the bytes.
    Each event that is read makes one, by a library that checks names and types in a fraction of the time of a dataclass.
    """

    event_id: str
    type: str
    ledger: str
    stream: str
    stream_version: int
    matter: str
    occurred_on: date
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    command_id: str
    actor_org: str
    actor_task: str
    actor_role: str
    actor_person: str
    purpose: str
    ruleset_version: str
    directory_version: str
    key_id: str
    section_digests: dict[str, str]
    previous_hash: str
    policy_version: str | None = None
    valid_from_on: date | None = None
    valid_until_on: date | None = None
    content_hash: str | None = None
    message_hash: str | None = None
    answer_number: int | None = None
    corrects: str | None = None
    annuls: str | None = None
    causation: str | None = None
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The event's name without its version, for example `period.started`."""
        return self.type.rsplit(".v", 1)[0]

    def to_bytes(self) -> bytes:
        """The header's JSON as hashed: keys sorted, absent fields left out."""
        return header_bytes(
            {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None and value != ()}
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> Header:
        """Read a header. Raises `Damaged` when it is not one."""
        try:
            header = _AS_HEADER.decode(raw)
            if b"null" in raw and None in orjson.loads(raw).values():
                raise ValueError("what has no value is left out")
            return header
        except ValueError as error:
            raise Damaged(f"not an event header: {error}") from error


_AS_HEADER = msgspec.json.Decoder(Header)


@dataclass(frozen=True, slots=True)
class Record:
    """One event as kept. `position` and `epoch` are 0 until the store gives them; `read_from` are the bytes that it was read
    from, so that who passes it on does not encode it again."""

    header: Header
    header_bytes: bytes
    sections: dict[str, bytes] = field(default_factory=dict)
    position: int = 0
    epoch: int = 1
    read_from: bytes = field(default=b"", compare=False, repr=False)

    @property
    def hash(self) -> str:
        """SHA-256 of the header's bytes, in hex: what the next event of the stream names as its previous hash."""
        return hashlib.sha256(self.header_bytes).hexdigest()

    @property
    def state(self) -> bytes:
        """The bytes that are stored and published."""
        return self.read_from or state_bytes(self.header_bytes, self.sections)


def read_record(state: bytes, position: int, epoch: int) -> Record:
    """Read stored or published bytes. Raises `Damaged` when a section does not match its digest."""
    header_bytes, separator, rest = state.partition(b"\n")
    if not separator:
        raise Damaged("a record needs a header line and its sections")
    header = Header.from_bytes(header_bytes)
    sections = _from_line(header, rest) if is_two_lines(header_bytes, state) else _cut(header, rest)
    if sections.keys() != header.section_digests.keys():
        raise Damaged(f"sections of {header.event_id} are not those that its header names")
    for name, sealed in sections.items():
        if digest(sealed) != header.section_digests[name]:
            raise Damaged(f"section {name} of {header.event_id} does not match its digest")
    return Record(header, header_bytes, sections, position, epoch, state)


def header_of(state: bytes) -> Header:
    """The header in stored bytes, without a look at the sections. Raises `Damaged`."""
    return Header.from_bytes(state.partition(b"\n")[0])


def is_two_lines(header: bytes, state: bytes) -> bool:
    """Whether a record is written as it was at first, its sections an object of base64 in a second line."""
    return state.startswith(b"{", len(header) + 1)


def _from_line(header: Header, line: bytes) -> dict[str, bytes]:
    try:
        return {name: base64.b64decode(text, validate=True) for name, text in orjson.loads(line).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise Damaged(f"sections of {header.event_id} cannot be read") from error


def _cut(header: Header, rest: bytes) -> dict[str, bytes]:
    line, _, content = rest.partition(b"\n")
    try:
        ends = list(accumulate(orjson.loads(line), initial=0))
        names = sorted(header.section_digests)
        sections = {name: content[begin:end] for name, (begin, end) in zip(names, pairwise(ends), strict=True)}
    except (ValueError, AttributeError, TypeError) as error:
        raise Damaged(f"sections of {header.event_id} cannot be read") from error
    # One record has one form: a length written otherwise, or bytes behind the last section, make it another one.
    if _lengths(sections.values()) != line or ends[-1] != len(content):
        raise Damaged(f"sections of {header.event_id} have other lengths than it says")
    return sections


def bound_bytes(header: bytes) -> bytes:
    """What a seal is bound to of a header: all of it but the digests of its sections, which are made of the seals.

    Whatever else is written there, or not written as it was hashed, is another header, under which nothing opens.
    """
    before, _, digests = header.partition(b',"section_digests":{')
    return before + digests.partition(b"}")[2]


def header_bytes(fields: dict[str, Any]) -> bytes:
    """The JSON of a header's fields as hashed; absent fields are left out by the caller."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def state_bytes(header: bytes, sections: dict[str, bytes]) -> bytes:
    """What is stored and published: the header's line, the line of lengths, the sections in the order of their names."""
    ordered = [sections[name] for name in sorted(sections)]
    return b"".join((header, b"\n", _lengths(ordered), b"\n", *ordered))


def _lengths(sections: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join([b"%d" % len(sealed) for sealed in sections])


def digest(sealed: bytes) -> str:
    """SHA-256 of one ciphertext, in hex."""
    return hashlib.sha256(sealed).hexdigest()


def fact_of(record: Record, event: Event | Erased) -> Fact[Event]:
    """A record and its event as the pathway takes them."""
    h = record.header
    return Fact(
        h.event_id, cast(Event, event), h.occurred_on, h.recorded_at, record.position, h.stream_version, h.matter,
        h.actor_org, h.actor_task, h.actor_role, h.actor_person, h.command_id,
    )  # fmt: skip
