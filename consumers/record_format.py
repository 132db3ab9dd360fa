"""Records in Kafka's record format v2, as fast as Python can write and read them.

The client writes and reads the same bytes some five times slower, and for a relay and a rebuild that is where the time
goes. Tests compare the two byte by byte.
"""

from collections.abc import Iterator

from consumers.log import UNREADABLE, Entry, Headers, Read
from consumers.wire import of_a_sender
from domain.varints import varint

SHORT = 8_192
LARGEST_RECORD = 1024 * 1024
"""Bytes of a record of somebody else's that is read; as it is sent, no topic takes more."""
LARGEST_OF_OURS = 16 * 1024 * 1024
"""Bytes of a record of our own: a topic is widened for what an older version recorded (`consumers.relay`)."""
MOST_HEADERS = 100
"""Headers of a record that is read: an empty one takes two bytes in a batch and forty times as many in memory."""
NAMES_KEPT, LONGEST_NAME_KEPT = 1_000, 100
LONGEST_NUMBER = 10
"""Bytes of a number of 64 bits."""

_SHORT_VARINTS = [varint(number) for number in range(SHORT)]
_NO_LENGTH = varint(-1)
_written_names: dict[str, bytes] = {}
_read_names: dict[bytes, str] = {}


def encoded_record(offset: int, entry: Entry) -> bytes:
    """The record at `offset` of its batch, its time that of the batch's first record."""
    key, value, headers, _ = entry
    lengths = _SHORT_VARINTS
    size = len(value)
    pieces = [
        b"\x00\x00",  # attributes, difference of time
        lengths[offset] if offset < SHORT else varint(offset),
        _NO_LENGTH if key is None else varint(len(key)) + key,
        lengths[size] if size < SHORT else varint(size),
        value,
        lengths[len(headers)],
    ]
    for name, content in headers:
        size = len(content)
        pieces += (_written_names.get(name) or _written(name), lengths[size] if size < SHORT else varint(size), content)
    body = b"".join(pieces)
    size = len(body)
    return (lengths[size] if size < SHORT else varint(size)) + body


def _written(name: str) -> bytes:
    """The name of a header with its length before it; there are a few dozen names in all, so they are kept."""
    plain = name.encode()
    written = varint(len(plain)) + plain
    if len(_written_names) < NAMES_KEPT:
        _written_names[name] = written
    return written


def decoded_records(
    topic: str, content: bytes, pos: int, count: int, base_offset: int, last_offset: int, first: int, appended: int | None
) -> Iterator[Read]:
    """The records of a batch of the topic: `count` of them in `content` from `pos` on, their offsets from `base_offset` to
    `last_offset`. For one that is too large, or has too many headers, stands `UNREADABLE`, and nothing is made of it.

    `first` is the time of the first one, `appended` that of the broker where it put its own over all. Raises
    `ValueError`, and `IndexError` where the bytes end too soon; what stands before that has been given.
    """
    largest = LARGEST_RECORD if of_a_sender(topic) else LARGEST_OF_OURS
    before = base_offset - 1
    for _ in range(count):
        size, pos = _number(content, pos)
        end = pos + size
        delta, pos = _number(content, pos + 1)  # one byte of attributes, none of which means anything
        moment = appended if appended is not None else first + delta
        offset, pos = _number(content, pos)
        offset += base_offset
        # Where a reader goes on is behind what it was given: another offset would send it back, or past what it never saw.
        if not before < offset <= last_offset:
            raise ValueError(f"a record of {topic} behind offset {before} says that it stands at {offset}")
        before = offset
        if size > largest:
            pos = _passed_over(content, pos, end)
            yield Read(topic, offset, moment, None, b"", UNREADABLE)
            continue
        key, pos = _bytes(content, pos)
        value, pos = _bytes(content, pos)
        many, pos = _number(content, pos)
        if many > MOST_HEADERS:
            pos = _passed_over(content, pos, end)
            yield Read(topic, offset, moment, None, b"", UNREADABLE)
            continue
        headers, pos = _headers(content, pos, many)
        if pos != end:
            raise ValueError(f"a record of {topic} at offset {offset} has {pos - end} bytes too many")
        yield Read(topic, offset, moment, key, value or b"", headers)
    if pos != len(content):
        raise ValueError(f"a batch of {topic} at offset {base_offset} has bytes behind its records")


def _passed_over(content: bytes, pos: int, end: int) -> int:
    """Where a record ends of which nothing more is read."""
    if not pos <= end <= len(content):
        raise ValueError(f"a record says that it ends {end - pos} bytes on, where {len(content) - pos} are left")
    return end


def _headers(content: bytes, pos: int, many: int) -> tuple[Headers, int]:
    """So many headers, and where they end."""
    names = _read_names
    headers: list[tuple[str, bytes]] = []
    for _ in range(many):
        length = content[pos]
        if length < 0x80:
            pos += 1
            length >>= 1
        else:
            length, pos = _number(content, pos)
            if length < 0:
                raise ValueError(f"the name of a header has {length} bytes")
        raw = content[pos : pos + length]
        pos += length
        length = content[pos]
        if length < 0x80:
            pos += 1
            # Zigzag: an odd number is negative, and means that there is no value.
            length = length >> 1 if not length & 1 else 0
        else:
            length, pos = _number(content, pos)
            length = max(0, length)
        headers.append((names.get(raw) or _read_name(raw), content[pos : pos + length]))
        pos += length
    return tuple(headers), pos


def _number(content: bytes, pos: int) -> tuple[int, int]:
    """A signed number in zigzag and base 128, and where it ends."""
    byte = content[pos]
    pos += 1
    result, shift = byte & 0x7F, 7
    while byte & 0x80:
        if shift == 7 * LONGEST_NUMBER:  # a megabyte of it would take hours to be added up
            raise ValueError(f"a number has more than {LONGEST_NUMBER} bytes")
        byte = content[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        shift += 7
    return (result >> 1) ^ -(result & 1), pos


def _bytes(content: bytes, pos: int) -> tuple[bytes | None, int]:
    length, pos = _number(content, pos)
    if length < 0:
        return None, pos
    return content[pos : pos + length], pos + length


def _read_name(raw: bytes) -> str:
    # A name in other bytes than UTF-8 is none of ours: it stops nobody who reads the record.
    name = raw.decode(errors="backslashreplace")
    if len(raw) <= LONGEST_NAME_KEPT and len(_read_names) < NAMES_KEPT:
        _read_names[raw] = name
    return name
