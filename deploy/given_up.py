"""A history that was given up, in a file of JSON lines: what was taken out of the record, or is void in its topic.

Its events are the record's own bytes, sealed as they stood there. Clients are as the vault kept them, each sealed once more
under the key of the matter in which it became one, for the vault's own key outlives them all. So without the keys the file
says who was answered, by organisation, person and command id, and nothing about anybody; a key that is destroyed is
destroyed for it, too. Nobody but its owner may read it.
"""

from __future__ import annotations

import base64
import errno
import glob
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.record import Damaged, Record, read_record
from domain.store import Entered, Given

NONCE_BYTES = 12
END = "end"
UNFINISHED = ".unfinished"
ABOUT = "A history of this ledger that was given up, sealed as it stood. `kuty resubmit` decides its commands again."


class NotGivenUp(Exception):
    """The file holds no history that was given up, or another one than was expected."""


class SealedClient(NamedTuple):
    """A client's entry under the key `key_id`; `sealed` is empty where nothing is kept that says who it is. `as_it_was` is
    the SHA-256, in hex, of what the vault's own key sealed: by it an entry is known that nobody has taken up since. Empty
    where the vault had none."""

    subject_ref: str
    key_id: str
    sealed: bytes
    as_it_was: str = ""

    def is_still(self, entry: Entered) -> bool:
        """Whether the vault has the entry as it was."""
        return self.as_it_was == _digest(entry)


def _digest(entry: Entered) -> str:
    return hashlib.sha256(entry.sealed or b"").hexdigest()


def seal_client(entry: Entered, key_id: str, key: bytes | None) -> SealedClient:
    """Seal an entry under the key of a matter; without one nothing is kept that says who it is."""
    if key is None:
        return SealedClient(entry.subject_ref, key_id, b"", _digest(entry))
    nonce = os.urandom(NONCE_BYTES)
    plain = orjson.dumps({name: _text(value) for name, value in entry._asdict().items()})
    sealed = nonce + _cipher(key).encrypt(nonce, plain, entry.subject_ref.encode())
    return SealedClient(entry.subject_ref, key_id, sealed, _digest(entry))


def open_client(client: SealedClient, key: bytes) -> Entered:
    """The entry again, of one of whom it was kept. Raises `NotGivenUp` where it was not sealed so."""
    nonce, sealed = client.sealed[:NONCE_BYTES], client.sealed[NONCE_BYTES:]
    try:
        plain = orjson.loads(_cipher(key).decrypt(nonce, sealed, client.subject_ref.encode()))
    except InvalidTag:
        raise NotGivenUp(f"the entry of the client {client.subject_ref} was not sealed so") from None
    return Entered(plain.pop("subject_ref"), **{name: _bytes(value) for name, value in plain.items()})


def _cipher(key: bytes) -> AESGCM:
    # A key of its own, made of the matter's: sections of events are sealed under others.
    return AESGCM(hmac.digest(key, b"kuty/given-up", "sha256"))


class Origin(NamedTuple):
    """Which history it is: of the ledger's epoch `epoch` what stood after position `after`, up to `end`, whose hash is
    `hash`."""

    ledger: str
    epoch: int
    after: int
    end: int
    hash: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What the file holds. `events` reads them from it, in their order, each time anew."""

    origin: Origin
    clients: list[SealedClient] = field(default_factory=list)
    answers: list[Given] = field(default_factory=list)
    path: Path = Path()

    def check(self) -> None:
        """Its events are the history that its first line names. Raises `NotGivenUp`."""
        at, hash = self.origin.after, ""
        try:
            for record in self.events():
                if record.position != at + 1:
                    break
                at, hash = record.position, record.hash
        except (Damaged, ValueError, KeyError) as error:
            raise NotGivenUp(f"{self.path} does not hold what was written, at position {at + 1}: {error}") from None
        if at != self.origin.end or (hash and hash != self.origin.hash):
            raise _not_whole(self.path)

    def events(self) -> Iterator[Record]:
        """The events that were given up. Raises `Damaged`, `NotGivenUp`."""
        for line in _lines(self.path):
            if line["what"] == "event":
                yield read_record(base64.b64decode(line["state"]), line["position"], self.origin.epoch)


def keep(
    path: Path, origin: Origin, clients: Sequence[SealedClient], answers: Sequence[Given], events: Iterable[Record]
) -> Path:
    """Write all of it beside its place, on the disk when this returns, under a name that nobody else has; `put_in_place`
    gives it its own. Whoever calls holds the ledger's lock: what is left of others was left by a command that was killed,
    and is deleted. Raises `NotGivenUp` where the place is taken by another history."""
    _check_place(path, origin)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = f".{path.name}.{origin.ledger}."
    for left in path.parent.glob(f"{glob.escape(beside)}{'[0-9a-f]' * 8}{UNFINISHED}"):
        left.unlink(missing_ok=True)
    unfinished = path.with_name(f"{beside}{secrets.token_hex(4)}{UNFINISHED}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

        digest = hashlib.sha256()

        def write(what: str, **fields: Any) -> None:
            line = orjson.dumps({"what": what, **fields}, option=orjson.OPT_APPEND_NEWLINE)
            digest.update(line)
            file.write(line)

        write("history", about=ABOUT, **origin._asdict())
        for client in clients:
            write("client", **{**client._asdict(), "sealed": _text(client.sealed)})
        for given in answers:
            write("answer", **given._asdict())
        for record in events:
            write("event", position=record.position, state=_text(record.state))
        write(END, sha256=digest.hexdigest())
        file.flush()
        os.fsync(file.fileno())
    return unfinished


def put_in_place(unfinished: Path, path: Path, origin: Origin) -> None:
    """Give it its name, durably. What it holds is about to be deleted elsewhere: it is read once more before. Raises
    `NotGivenUp` where it is not the history that `origin` names, whole, or the place is taken by another one."""
    if read(unfinished).origin != origin:
        raise NotGivenUp(f"{unfinished} holds another history than was to be given up: nothing is done")
    try:
        _take(unfinished, path)
    except FileExistsError:
        _check_place(path, origin)
        unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # there are file systems that know of no such thing
            raise
    finally:
        os.close(folder)


def _take(unfinished: Path, path: Path) -> None:
    """Of two ledgers that name the same file the second finds it taken. Raises `FileExistsError`."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise
    except OSError:  # this file system has no second names: as vfat, and many that are mounted from elsewhere
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        unfinished.replace(path)
    else:
        unfinished.unlink()


def _check_place(path: Path, origin: Origin) -> None:
    if not path.exists():
        return
    if not path.stat().st_size:
        raise NotGivenUp(f"{path} is empty: delete it, or name another file")
    if read(path).origin != origin:
        raise NotGivenUp(f"{path} holds another history that was given up: name another file")


def read(path: Path) -> GivenUp:
    """What a file holds, which is as it was written. Raises `NotGivenUp`, OSError."""
    found = None
    try:
        lines = _lines(path)
        first = next(lines, {"what": ""})
        if first.pop("what") != "history":
            raise NotGivenUp(f"{path} holds no history that was given up")
        first.pop("about")
        found = GivenUp(Origin(**first), path=path)
        for line in lines:
            match line.pop("what"):
                case "client":
                    found.clients.append(SealedClient(**{**line, "sealed": base64.b64decode(line["sealed"])}))
                case "answer":
                    found.answers.append(Given(**{**line, "sender": tuple(line["sender"])}))
        return found
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _not_whole(path) if found else NotGivenUp(f"{path} holds no history that was given up") from None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every line but the last, which says of all before it that they are as they were written. Raises `NotGivenUp`,
    ValueError, OSError."""
    digest, ended = hashlib.sha256(), ""
    with path.open("rb") as file:
        for line in file:
            content = orjson.loads(line)
            if ended:
                raise _not_whole(path)
            if content["what"] == END:
                ended = content["sha256"]
            else:
                yield content
                digest.update(line)
    if ended != digest.hexdigest():
        raise _not_whole(path)


def _not_whole(path: Path) -> NotGivenUp:
    return NotGivenUp(f"{path} was cut off, or lines of it are missing or changed: put it back as it was written")


def _text(value: bytes | str | None) -> str | None:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _bytes(value: str | None) -> bytes | None:
    return base64.b64decode(value) if value is not None else None
