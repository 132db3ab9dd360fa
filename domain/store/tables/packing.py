"""An event's bytes as the column `state` holds them: the header packed, its sections as they are.

Ciphertext cannot be made smaller, and a header packed together with it would be made less small: packed by itself, with a
dictionary of what headers are made of, it takes a third. The first byte says how it was done. What begins with a brace is
not packed: so was everything at first, and none of that is ever written anew. What comes out is what went in, byte for
byte: those bytes are published and hashed.

A dictionary stays for ever, since what was packed with it cannot be read without it: another one gets a number of its own.
Figures: docs/decisions/0023-what-an-event-costs-on-disk.md
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import zstandard
from eventsourcing.persistence import StoredEvent

Stored = TypeVar("Stored", bound=StoredEvent)

BY_THE_FIRST = 1
"""First byte of what was packed with the first dictionary. Two bytes follow with the length of the packed header, the higher
one first; then the header, and the rest of the record as it is."""
FIRST_DICTIONARY = Path(__file__).with_name("headers_1.zdict")
LARGEST_HEADER = 0xFFFF
"""Bytes of a header, packed or not; a larger one is kept as it is."""
LEVEL = 1
"""With a dictionary the faster levels of zstd pack a header as small as the slower ones do."""
_PLAIN = zstandard.ZstdCompressionDict(FIRST_DICTIONARY.read_bytes(), dict_type=zstandard.DICT_TYPE_FULLDICT)
_PLAIN.precompute_compress(level=LEVEL)


class _Tools(threading.local):
    """A packer is for one thread at a time."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=LEVEL, dict_data=_PLAIN, write_dict_id=False).compress
        self.unpack = zstandard.ZstdDecompressor(dict_data=_PLAIN).decompress


_tools = _Tools()


def packed(state: bytes) -> bytes:
    """What the column holds of an event's bytes."""
    header, separator, sections = state.partition(b"\n")
    if not separator or len(header) > LARGEST_HEADER:
        return state
    small = _tools.pack(header)
    return b"".join((bytes((BY_THE_FIRST,)), len(small).to_bytes(2, "big"), small, sections))


def unpacked(kept: bytes) -> bytes:
    """An event's bytes from the column. What cannot be unpacked comes back as it stands, and is found damaged where the
    record is read: one of those hides no other."""
    if not kept or kept[0] != BY_THE_FIRST:
        return kept
    end = 3 + int.from_bytes(kept[1:3], "big")
    small = kept[3:end]
    try:
        # Asked before anything is unpacked: a few bytes may unpack to gigabytes.
        if not 0 <= zstandard.frame_content_size(small) <= LARGEST_HEADER:
            return kept
        return b"".join((_tools.unpack(small), b"\n", kept[end:]))
    except zstandard.ZstdError:
        return kept


def as_written(stored: Stored) -> Stored:
    """What the library read, with the event's own bytes."""
    return replace(stored, state=unpacked(stored.state))
