"""Batches packed before they are sent: what a topic keeps is a fraction of what was written.

Gzip is the codec that every client has, zstd the better one that many have; `consumers.wire.codec_of` says which topic gets
which.
"""

from __future__ import annotations

import threading
import zlib

import zstandard

from consumers.unpacking import GZIP, ZSTD

ZSTD_LEVEL = 1
GZIP_LEVEL = 4
"""What a batch of thirty takes at higher levels is less by a hundredth (zstd) and a twentieth (gzip), for twice the time."""
GZIP_WINDOW = 16 + 15
"""The largest window, in gzip's own wrapping."""


class _Tools(threading.local):
    """A packer is for one thread at a time."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdCompressor(level=ZSTD_LEVEL)


_tools = _Tools()


def packed(codec: int, content: bytes) -> bytes:
    """The records of a batch by a codec of Kafka's record format, gzip or zstd. Raises KeyError for another one."""
    if codec == ZSTD:
        return _tools.zstd.compress(content)
    if codec != GZIP:
        raise KeyError(codec)
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress(content) + packer.flush()
