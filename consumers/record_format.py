"""Records in Kafka's record format v2, as fast as Python can write and read them.

The client writes and reads the same bytes some five times slower, and for a relay and a rebuild that is where the time
goes. Tests compare the two byte by byte.
"""

from collections.abc import Iterator

from consumers.log import UNREADABLE, Entry, Read
from domain.varints import varint

SHORT = 8_192
LARGEST_RECORD = 1024 * 1024
"""Bytes of a record of somebody else's that is read; as it is sent, no topic takes more."""
LARGEST_OF_OURS = 16 * 1024 * 1024
"""Bytes of a record of our own: a topic is widened for what an older version recorded (`consumers.relay`)."""
NAMES_KEPT = 1_000

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
    topic: str, content: bytes, pos: int, count: int, base_offset: int, first: int, appended: int | None
) -> Iterator[Read]:
    """The records of a batch of the topic: `count` of them in `content` from `pos` on, their offsets after `base_offset`.

    `first` is the time of the first one, `appended` that of the broker where it put its own over all. Raises
    `ValueError`, and `IndexError` where the bytes end too soon.
    """
    names = _read_names
    largest = LARGEST_RECORD if ".in." in topic else LARGEST_OF_OURS
    for _ in range(count):
        size, pos = _number(content, pos)
        end = pos + size
        delta, pos = _number(content, pos + 1)  # one byte of attributes, none of which means anything
        moment = appended if appended is not None else first + delta
        offset, pos = _number(content, pos)
        if size > largest:
            yield Read(topic, base_offset + offset, moment, None, b"", UNREADABLE)
            pos = end
            continue
        key, pos = _bytes(content, pos)
        value, pos = _bytes(content, pos)
        many, pos = _number(content, pos)
        headers: list[tuple[str, bytes]] = []
        for _ in range(many):
            length = content[pos]
            if length < 0x80:
                pos += 1
                length >>= 1
            else:
                length, pos = _number(content, pos)
            raw = content[pos : pos + length]
            pos += length
            length = content[pos]
            if length < 0x80:
                pos += 1
                # Zigzag: an odd number is negative, and means that there is no value.
                length = length >> 1 if not length & 1 else 0
            else:
                length, pos = _number(content, pos)
            headers.append((names.get(raw) or _read_name(raw), content[pos : pos + length]))
            pos += length
        if pos != end:
            raise ValueError(f"a record of {topic} at offset {base_offset + offset} has {pos - end} bytes too many")
        yield Read(topic, base_offset + offset, moment, key, value or b"", tuple(headers))
    if pos != len(content):
        raise ValueError(f"a batch of {topic} at offset {base_offset} has bytes behind its records")


def _number(content: bytes, pos: int) -> tuple[int, int]:
    """A signed number in zigzag and base 128, and where it ends."""
    byte = content[pos]
    pos += 1
    result, shift = byte & 0x7F, 7
    while byte & 0x80:
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
    if len(_read_names) < NAMES_KEPT:
        _read_names[raw] = name
    return name
