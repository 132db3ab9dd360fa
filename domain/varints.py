"""Signed numbers in zigzag and base 128, lowest seven bits first: small ones take one byte."""

from __future__ import annotations

from collections.abc import Iterator


def varint(number: int) -> bytes:
    """A number as it is written."""
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    written = bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def varints(written: bytes) -> Iterator[int]:
    """The numbers that were written one behind another."""
    number = shift = 0
    for byte in written:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield (number >> 1) ^ -(number & 1)
            number = shift = 0
