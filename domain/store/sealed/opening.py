"""How a cell of a table is opened that has its nonce before the ciphertext, whatever stands in it."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


def opened(cipher: AESGCM, sealed: object, bound: bytes) -> bytes:
    """What was sealed in a cell and bound to a text. Raises `InvalidTag` where it was not sealed so: the bytes are others,
    too few for a nonce, or none at all."""
    if not isinstance(sealed, bytes):
        raise InvalidTag
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except ValueError as error:
        raise InvalidTag from error
