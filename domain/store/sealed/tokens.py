"""Opaque texts for those outside: versions for `If-Match`, positions for reading one's own writes.

AES-SIV under the ledger's token key: nobody can read a position from one, count activity by it, or make one up.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

TokenKind = Literal["version", "position"]
_NUMBER = struct.Struct(">q")


class UnknownToken(Exception):
    """A text that is no token of this ledger."""


class Token(NamedTuple):
    """What a token says: the version of a client's record, or a place in the feed: that of an answer by its number, then
    the stream is its sender's line, or the position itself, then the stream is empty."""

    kind: TokenKind
    stream: str
    number: int


class Tokens:
    """The tokens of one ledger. `key` has 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def write(self, token: Token) -> str:
        """The text of a token: equal tokens have equal texts."""
        plain = token.kind[0].encode() + _NUMBER.pack(token.number) + token.stream.encode()
        return base64.urlsafe_b64encode(self._cipher.encrypt(plain, None)).rstrip(b"=").decode()

    def read(self, text: str) -> Token:
        """Raises `UnknownToken`."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            plain = self._cipher.decrypt(sealed, None)
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise UnknownToken from error
        kind: TokenKind = "version" if plain[:1] == b"v" else "position"
        return Token(kind, plain[9:].decode(), _NUMBER.unpack(plain[1:9])[0])
