"""A history that was given up, in a file of JSON lines: what was taken out of the record, or is void in its topic.

Its events are the record's own bytes, sealed as they stood there, and clients are as the vault kept them: without the keys
the file says who was answered, by organisation, person and command id, and nothing about anybody. A key that is destroyed
is destroyed for it, too. Nobody but its owner may read it.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from domain.record import Record, read_record
from domain.store import Entered, Given

ABOUT = "A history of this ledger that was given up, sealed as it stood. `kuty resubmit` decides its commands again."


class NotGivenUp(Exception):
    """The file holds no history that was given up, or another one than was expected."""


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
    clients: list[Entered] = field(default_factory=list)
    answers: list[Given] = field(default_factory=list)
    path: Path = Path()

    def events(self) -> Iterator[Record]:
        """The events that were given up. Raises `Damaged`."""
        for line in _lines(self.path):
            if line["what"] == "event":
                yield read_record(base64.b64decode(line["state"]), line["position"], self.origin.epoch)


def keep(
    path: Path, origin: Origin, clients: Iterable[Entered], answers: Iterable[Given], events: Iterable[Record]
) -> Path:
    """Write all of it beside its place, on the disk when this returns; `put_in_place` gives it its name. Raises `NotGivenUp`
    where the place is taken by another history."""
    if path.exists() and read(path).origin != origin:
        raise NotGivenUp(f"{path} holds another history that was given up: name another file")
    unfinished = path.with_name(path.name + ".unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

        def write(what: str, **fields: Any) -> None:
            file.write(orjson.dumps({"what": what, **fields}, option=orjson.OPT_APPEND_NEWLINE))

        write("history", about=ABOUT, **origin._asdict())
        for entry in clients:
            write("client", **{name: _text(value) for name, value in entry._asdict().items()})
        for given in answers:
            write("answer", **given._asdict())
        for record in events:
            write("event", position=record.position, state=_text(record.state))
        file.flush()
        os.fsync(file.fileno())
    return unfinished


def put_in_place(unfinished: Path, path: Path) -> None:
    """Give it its name, durably."""
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> GivenUp:
    """What a file holds. Raises `NotGivenUp`, OSError."""
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
                    reference = line.pop("subject_ref")
                    found.clients.append(Entered(reference, **{name: _bytes(value) for name, value in line.items()}))
                case "answer":
                    found.answers.append(Given(**{**line, "sender": tuple(line["sender"])}))
        return found
    except (ValueError, TypeError, KeyError) as error:
        raise NotGivenUp(f"{path} holds no history that was given up: {type(error).__name__}") from None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _text(value: bytes | str | None) -> str | None:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _bytes(value: str | None) -> bytes | None:
    return base64.b64decode(value) if value is not None else None
