"""A file that is sealed as a whole while it is written, chunk by chunk, in memory that does not grow.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as age uses it: AES-256-GCM on chunks of 64 KiB, the
nonce a counter of the chunks and a mark on the last one, under a key that HKDF-SHA256 derives for this file alone from the
backup key and a random salt. A chunk that was changed, moved, left out or taken from another file does not open, and a file
that was cut off has no last chunk.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from deploy.settings import WrongSetting

MAGIC = b"kuty backup 1\n"
SALT_BYTES = 32
KEY_BYTES = 32
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
UNFINISHED = ".part"
"""Ends the name of a file that is being written; whoever finds one after a crash may delete it."""


class BackupDamaged(Exception):
    """A backup that is not what was made: nothing of it is believed."""


def make_backup_key(file: Path) -> None:
    """Write a new key into a file that is not there yet, for its owner alone. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        out.flush()
        os.fsync(out.fileno())


def backup_key(named: str) -> bytes:
    """The key in the file that KUTY_BACKUP_KEY names. Raises WrongSetting, OSError."""
    if not named:
        raise WrongSetting("KUTY_BACKUP_KEY names no file: `kuty backup key FILE` makes one, to be kept apart from backups")
    try:
        key = base64.b64decode(Path(named).read_bytes().strip(), validate=True)
    except ValueError:
        raise WrongSetting(f"{named}, which KUTY_BACKUP_KEY names, is not base64") from None
    if len(key) != KEY_BYTES:
        raise WrongSetting(f"{named}, which KUTY_BACKUP_KEY names, holds {len(key)} bytes and should hold {KEY_BYTES}")
    return key


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, b"kuty/backup/1").derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class SealingFile:
    """Writes under a name that nobody takes for a whole file; `finish` puts it on the disk, `publish` gives it its name.

    Left without `publish`, it is deleted. Raises OSError with the file's name, also where the disk is full.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
        salt = os.urandom(SALT_BYTES)
        self._cipher = _cipher(key, salt)
        self._waiting = bytearray()
        self._number = 0
        self._published = False
        descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._out: BinaryIO = os.fdopen(descriptor, "wb")
        self._put(MAGIC + salt)

    def write(self, plain: bytes) -> None:
        """Add to the content."""
        self._waiting += plain
        while len(self._waiting) > CHUNK_BYTES:  # the last chunk is known when no more comes
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> None:
        """Seal the last chunk, and have all of it on the disk."""
        self._seal(bytes(self._waiting), last=True)
        try:
            self._out.flush()
            os.fsync(self._out.fileno())
            self._out.close()
        except OSError as error:
            raise self._named(error) from error

    def publish(self) -> None:
        """Give it its name, unless another file has that."""
        os.link(self._unfinished, self.path)
        self._unfinished.unlink()
        self._published = True
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._published:
            with suppress(OSError):  # what could not be written cannot be flushed either
                self._out.close()
            self._unfinished.unlink(missing_ok=True)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._put(self._cipher.encrypt(_nonce(self._number, last=last), plain, MAGIC))
        self._number += 1

    def _put(self, raw: bytes) -> None:
        try:
            self._out.write(raw)
        except OSError as error:
            raise self._named(error) from error

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, str(self.path))


def opened_chunks(path: Path, key: bytes) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece; only who has come to its end knows that it is whole.

    Raises `BackupDamaged`, OSError.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise BackupDamaged(f"{path} is no backup that this program has made")
        salt = file.read(SALT_BYTES)
        cipher, number = _cipher(key, salt), 0
        sealed = file.read(CHUNK_BYTES + TAG_BYTES)
        while True:
            following = file.read(CHUNK_BYTES + TAG_BYTES)
            try:
                plain = cipher.decrypt(_nonce(number, last=not following), sealed, MAGIC)
            except (InvalidTag, ValueError):
                raise BackupDamaged(_why(path, cipher, sealed, number, last=not following)) from None
            yield plain
            if not following:
                return
            sealed, number = following, number + 1


def _why(path: Path, cipher: AESGCM, sealed: bytes, number: int, *, last: bool) -> str:
    with suppress(InvalidTag, ValueError):
        cipher.decrypt(_nonce(number, last=not last), sealed, MAGIC)
        return f"{path} {'was cut off' if last else 'goes on after its end'}: take another backup"
    if number == 0:
        another = "was sealed with another key than the one that KUTY_BACKUP_KEY names"
        return f"{path} {another}, or it was cut off at its beginning, or changed"
    return f"{path} was changed or cut off after it was made: take another backup"
