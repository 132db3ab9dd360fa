"""Each recipient's own names for clients and parts: deterministic, reversible with the recipient's key, equal in no other.

source: design D10; AES-SIV (RFC 5297) over the 16 bytes of the reference.
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_REFERENCE = re.compile(r"^[0-9a-f]{32}$")


class UnknownPseudonym(Exception):
    """A text that is no pseudonym of this recipient."""


class Pseudonyms:
    """The pseudonyms of one recipient. `key` is its 64-byte pseudonym key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)
        self._known: dict[str, str] = {}

    def of(self, reference: str) -> str:
        """The recipient's pseudonym of a reference (32 hex digits)."""
        known = self._known.get(reference)
        if known is None:
            if not _REFERENCE.match(reference):
                raise ValueError("a reference is 32 hex digits")
            sealed = self._cipher.encrypt(bytes.fromhex(reference), None)
            known = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[reference] = known
        return known

    def reference(self, pseudonym: str) -> str:
        """The reference behind a pseudonym. Raises `UnknownPseudonym` for anything that this recipient was not given."""
        try:
            sealed = base64.urlsafe_b64decode(pseudonym + "=" * (-len(pseudonym) % 4))
            return self._cipher.decrypt(sealed, None).hex()
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise UnknownPseudonym(pseudonym) from error
