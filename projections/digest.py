"""From a record of an out topic to a row: the one place where a publication's shape is read into a model.

Written for bulk: a rebuild passes every publication of years through here, so that values which are only carried stay
bytes. What a kind of recipient finds its facts by is given (`projections.lookups.Lookup`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from domain.catalogue import EVENTS, in_todays_words, upcast_part
from domain.event import OPEN
from projections.lookups import Lookup
from projections.read_models import Entry, Row

_PLAIN = re.compile(rb"[\x21-\x7e]*")
_KINDS = {"fact": b"fact", "revised": b"revised", "withdrawn": b"withdrawn"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NOTHING = b"{}"
NUL = "\0"
"""The one character that PostgreSQL keeps in no text."""
_FOUND_BY_ITS_DAY = Lookup()


class Undigestible(Exception):
    """A publication of ours that this model cannot take in. It is parked, with its client."""


class Digested(NamedTuple):
    """A row, what else the record says, and the body as read."""

    entry: Entry
    block: bytes | None
    body: Mapping[str, Any]


def history_of(value: bytes) -> int | None:
    """Where the history that a publication begins ends, 0 for none; None where it cannot be read. No more of it is read, so
    that it is known of what this software cannot take in."""
    try:
        history = orjson.loads(value).get("history") or {}
        return int(history.get("until_sequence", 0))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None


class Digest:
    """Reads the publications of one kind of recipient."""

    def __init__(self, facts: Mapping[str, Lookup]) -> None:
        self._facts = facts
        self._types: dict[bytes, tuple[bytes, Lookup]] = {}
        self._older: set[bytes] = set()
        self._dates: dict[str, bytes] = {}
        self._times: set[bytes] = set()

    def read(self, sequence: int, headers: Mapping[str, bytes], value: bytes, chain_hash: str) -> Digested:
        """One publication as a row. Raises `Undigestible`."""
        try:
            parts = orjson.loads(value)
            kind = _KINDS[parts["kind"]]
            type_name, at = headers["ce_type"], headers["ce_time"]
            name, lookup = self._types.get(type_name) or self._type(type_name)
            if at not in self._times:
                self._check_time(at)
            publication, client, basis = headers["ce_id"], headers.get("ce_subject", b""), headers["ce_legalbasis"]
            body = parts.get("body") or {}
            if body and type_name in self._older:
                body = upcast_part(type_name.decode(), body)
            replaces = parts.get("replaces")
            message_id = parts.get("message_id")
            raw_replaces = replaces.encode() if replaces is not None else None
            if not _PLAIN.fullmatch(publication + client + basis + (raw_replaces or b"")) or NUL in (message_id or ""):
                raise Undigestible("an id has characters that no id has")
            on = headers.get("ce_occurredon")
            occurred_on = self._date(on.decode() if on else at[:10].decode())
            part, key, from_on, until_on = self._places(lookup, body, occurred_on)
            block = parts.get("client")
            entry = Entry(
                sequence, publication, kind, client, name, part, key, occurred_on, from_on, until_on, at,
                at if kind == b"withdrawn" else None, raw_replaces, message_id.encode() if message_id else None, basis,
                chain_hash.encode(), orjson.dumps(body) if body else NOTHING,
            )  # fmt: skip
            return Digested(entry, orjson.dumps(block) if block else None, body)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Undigestible(f"{type(error).__name__}: {error}") from error

    def corrected(self, target: Entry | Row, by: Digested) -> Entry | None:
        """The target's row as the county's own `fact.corrected` makes it; none when nothing changes. Raises `Undigestible`.

        The organiser is told of a correction by the correcting fact itself (domain/disclosure.md 5.3, column county).
        """
        try:
            return self._corrected(target, by)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Undigestible(f"{type(error).__name__}: {error}") from error

    def _corrected(self, target: Entry | Row, by: Digested) -> Entry | None:
        before = target.body if isinstance(target, Row) else orjson.loads(target.body)
        name = _raw(target.name)
        stated = in_todays_words(name.decode(), by.body.get("new_values") or {})
        body = {field: value for field, value in (before | stated).items() if value is not None}
        moved_to = by.body.get("corrected_occurred_on")
        old_day = target.occurred_on.isoformat().encode() if isinstance(target, Row) else target.occurred_on
        occurred_on = self._date(moved_to) if moved_to else old_day
        if (body == before and occurred_on == old_day) or occurred_on is None:
            return None
        part, key, from_on, until_on = self._places(self._facts.get(name.decode(), _FOUND_BY_ITS_DAY), body, occurred_on)
        return Entry(
            by.entry.sequence, _raw(target.publication), b"corrected", _raw(target.client), name, part, key, occurred_on,
            from_on, until_on, by.entry.known_from, None, _raw(target.publication), None, by.entry.legal_basis,
            by.entry.hash, orjson.dumps(body),
        )  # fmt: skip

    def _type(self, type_name: bytes) -> tuple[bytes, Lookup]:
        name, _, version = type_name.decode().rpartition(".v")
        known = EVENTS.get(name)
        if not name or NUL in name or (known is not None and not readable(known.VERSION, version)):
            raise Undigestible(f"type {type_name.decode()} is newer than this software")
        if known is not None and int(version) < known.VERSION:
            self._older.add(type_name)
        # A fact that this software does not know yet is kept, found by its own day, and asked about later.
        found = self._types[type_name] = (name.encode(), self._facts.get(name, _FOUND_BY_ITS_DAY))
        return found

    def _places(
        self, lookup: Lookup, body: Mapping[str, Any], occurred_on: bytes
    ) -> tuple[bytes | None, bytes | None, bytes, bytes | None]:
        part = body.get(lookup.part) if lookup.part else None
        key = body.get(lookup.lookup) if lookup.lookup else None
        if (part and NUL in part) or (key and NUL in key):
            raise Undigestible("what it is found by has a character that no database takes")
        first = body.get(lookup.from_on) if lookup.from_on else None
        from_on = self._date(first) if first else occurred_on
        if lookup.until_on is None:
            until_on: bytes | None = from_on
        else:
            last = None if lookup.until_on == OPEN else body.get(lookup.until_on)
            until_on = self._date(last) if last else None
        return part.encode() if part else None, key.encode() if key else None, from_on, until_on

    def _date(self, text: str) -> bytes:
        known = self._dates.get(text)
        if known is None:
            if len(text) != 10:
                raise Undigestible(f"{text!r} is no date")
            date.fromisoformat(text)
            known = self._dates[text] = text.encode()
        return known

    def _check_time(self, at: bytes) -> None:
        text = at.decode()
        if not _TIME.fullmatch(text):
            raise Undigestible(f"{text!r} is no time in UTC and whole seconds")
        datetime.fromisoformat(text)
        if len(self._times) > 100_000:
            self._times.clear()
        self._times.add(at)


def readable(known: int, version: str) -> bool:
    """Whether a fact told in this version can be taken in: lifted, where it is an older one."""
    return version.isdigit() and 1 <= int(version) <= known


def _raw(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
