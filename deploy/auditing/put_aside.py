"""An audit put aside: what it has found so far, in a file of the home folder, until it has come to its end.

The file holds references and hashes, no content. It counts only for the ledger that it is of, and for the program that began
it: another one might judge otherwise, and half an audit of each is none.
"""

from __future__ import annotations

import hashlib
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from deploy.auditing.parts import Audited
from deploy.settings import Settings
from domain.record import Damaged

EVERY_S = 10.0
"""Seconds of work, at most, that are done again after a kill."""
ROOT = Path(__file__).resolve().parents[2]
JUDGING = ("domain", "projections", "deploy/auditing")
"""What an audit's outcome depends on."""


class NotTheSame(Exception):
    """What was put aside is of another ledger, of another program, or no audit at all."""


class PutAside:
    """The file of one kind of audit of one ledger."""

    def __init__(self, settings: Settings, kind: str) -> None:
        self._file = settings.home / settings.ledger / f"audit-{kind}.json"
        self._of = {"audit": kind, "ledger": settings.ledger, "store": _place(settings), "program": program()}
        self._kept_at = time.monotonic()

    def taken_up(self) -> dict[str, Any] | None:
        """What was put aside, none where nothing was. Raises `NotTheSame`."""
        try:
            content = orjson.loads(self._file.read_bytes())
            of, state = content["of"], content["state"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise NotTheSame(f"{self._file} is no audit that was put aside: without --resume it begins anew") from None
        for name, said in self._of.items():
            if of.get(name) != said:
                what = "by another version of this program" if name == "program" else f"of another {name}"
                raise NotTheSame(f"the audit in {self._file} was begun {what}: without --resume it begins anew")
        found: dict[str, Any] = state
        return found

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state."""
        return time.monotonic() - self._kept_at >= EVERY_S

    def keep(self, state: dict[str, Any]) -> None:
        """Keep the state in the place of the one before, whole or not at all."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(f".{os.getpid()}")
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps({"of": self._of, "state": state}))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._file)
        self._kept_at = time.monotonic()

    def drop(self) -> None:
        """The audit has come to its end."""
        self._file.unlink(missing_ok=True)


def check_same(parts: Audited, seen: tuple[int, str]) -> None:
    """The event that was seen last, by position and hash, is there still; position 0 is none. Raises `NotTheSame`."""
    position, hash_ = seen
    try:
        there = [record.hash for record in parts.store.records(position - 1, 1)] if position else [hash_]
    except Damaged:
        there = []
    if there != [hash_]:
        raise NotTheSame(
            f"the event at position {position} is another one than when the audit was broken off: without --resume it begins"
            " anew"
        )


def _place(settings: Settings) -> str:
    """Where the ledger is, without saying it: a connection string may hold a password."""
    place = settings.store_dsn or str(settings.home.resolve())
    return hashlib.sha256(place.encode()).hexdigest()


@cache
def program() -> str:
    """SHA-256, in hex, over the source of everything that an audit's outcome depends on."""
    whole = hashlib.sha256()
    for folder in JUDGING:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".toml"):
                whole.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
