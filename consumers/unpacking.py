"""Compressed batches of others' producers, unpacked as far as is good for us.

A few kilobytes can unpack to gigabytes: what would be more than `LARGEST_UNPACKED` is not unpacked at all.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cramjam
import zstandard

LARGEST_UNPACKED = 32 * 1024 * 1024
"""Bytes of one batch; a topic takes a megabyte of it as it is sent."""
FIRST_GUESS = 20
"""JSON is seldom made smaller than to a twentieth: so much room is made at first."""
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
"""The numbers of the codecs in Kafka's record format."""
_XERIAL = struct.Struct(">8s2i")
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
"""What a block stream of the Java library for Snappy begins with."""


class TooLarge(ValueError):
    """A batch that unpacks to more than is taken, or not at all."""


def unpacked(codec: int, content: bytes) -> bytes:
    """The records of a batch. Raises `TooLarge`."""
    if codec == SNAPPY:
        return _snappy(content)
    into = _INTO.get(codec)
    if into is None:
        raise TooLarge(f"there is no codec {codec}")
    return _within(into, content, LARGEST_UNPACKED, _said(codec, content))


def _said(codec: int, content: bytes) -> int:
    """How large the content says that it is when it is unpacked; -1 where it does not, and nothing holds it to that."""
    if codec == GZIP:
        return int.from_bytes(content[-4:], "little")
    try:
        return zstandard.frame_content_size(content) if codec == ZSTD else -1
    except zstandard.ZstdError:
        return -1


def _within(into: Callable[..., Any], content: bytes, limit: int, said: int) -> bytes:
    # What a batch says of its size is believed as far as it costs no more than the guess would.
    guess = min(limit, max(64 * 1024, FIRST_GUESS * len(content)))
    room = said if 0 < said <= guess else guess
    while True:
        target = bytearray(room)
        try:
            return bytes(memoryview(target)[: into(content, target)])
        except cramjam.DecompressionError as error:
            if room == limit:
                raise TooLarge(f"{len(content)} bytes cannot be unpacked to {limit} bytes: {error}") from error
            room = limit


def _snappy(content: bytes) -> bytes:
    if not content.startswith(_XERIAL_MAGIC):
        return _snappy_block(content, LARGEST_UNPACKED)
    blocks: list[bytes] = []
    place, left = _XERIAL.size, LARGEST_UNPACKED
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        blocks.append(_snappy_block(content[place + 4 : place + 4 + size], left))
        left -= len(blocks[-1])
        place += 4 + size
    return b"".join(blocks)


def _snappy_block(content: bytes, limit: int) -> bytes:
    try:
        size = cramjam.snappy.decompress_raw_len(content)
        if size > limit:
            raise TooLarge(f"{len(content)} bytes unpack to {size}, of {limit} that are taken")
        return bytes(cramjam.snappy.decompress_raw(content))
    except cramjam.DecompressionError as error:
        raise TooLarge(f"{len(content)} bytes cannot be unpacked: {error}") from error


_INTO: dict[int, Callable[..., Any]] = {
    GZIP: cramjam.gzip.decompress_into,
    LZ4: cramjam.lz4.decompress_into,
    ZSTD: cramjam.zstd.decompress_into,
}
