"""An event's body in the sections in which it is kept: one ciphertext per data class (design D15).

AES-256-GCM under a key of the section, derived by HKDF-SHA256 from the key of the event's matter. The associated text
binds a ciphertext to its ledger, event, place, type, section and key: none can be moved to another event.
Destroying a matter's key makes its events unreadable; they open as `Erased`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from domain.catalogue import event_class, upcast
from domain.event import Erased, Event
from domain.record import DECISION, Damaged, Header, Record
from domain.store.sealed.field_classes import joined, section_bytes, split
from domain.store.sealed.keys import Keys

NONCE_BYTES = 12
CIPHERS_KEPT = 16_384


class Sealer:
    """Seals and opens the sections of events. Safe for several threads."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._ciphers: OrderedDict[tuple[bytes, str], AESGCM] = OrderedDict()
        keys.forget_with(self._forget)

    def seal(
        self,
        event: Event,
        place: str,
        key_id: str,
        matter_key: bytes,
        *,
        target_type: str | None = None,
        decision: Mapping[str, Any] | None = None,
    ) -> dict[str, bytes]:
        """The sealed sections of an event. `place` is `place_of` its header.

        Raises `domain.vocabulary.Unclassified` when a value has no data class.
        """
        target = event_class(target_type) if target_type else None
        contents: dict[str, Mapping[str, Any]] = {**split(event, target, target_type)}
        if decision is not None:
            contents[DECISION] = decision
        fresh = os.urandom(NONCE_BYTES * len(contents))  # one call for all nonces: it is a call to the kernel
        sealed: dict[str, bytes] = {}
        for number, (section, content) in enumerate(contents.items()):
            nonce = fresh[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
            bound = _bound_text(place, section, key_id)
            sealed[section] = nonce + self._cipher(key_id, matter_key, section).encrypt(nonce, section_bytes(content), bound)
        return sealed

    def open(self, record: Record) -> Event | Erased:
        """The event of a record, validated and in its newest version.

        Raises `Damaged` when the bytes are not what was sealed, `domain.catalogue.UnknownEvent` for a type that is not
        known here.
        """
        key = self._keys.get((record.header.key_id,)).get(record.header.key_id)
        return self._open(record, key)

    def open_all(self, records: Sequence[Record]) -> list[Event | Erased]:
        """The events of many records, their keys fetched together. Raises as `open`."""
        keys = self._keys.get({record.header.key_id for record in records})
        return [self._open(record, keys.get(record.header.key_id)) for record in records]

    def decision(self, record: Record) -> dict[str, Any] | None:
        """The accepted command and its context as kept in the first event of a decision; none in any other event, and
        none once the key is destroyed. Raises `Damaged`."""
        key = self._keys.get((record.header.key_id,)).get(record.header.key_id)
        if key is None or DECISION not in record.sections:
            return None
        return self._opened(record, DECISION, key, place_of(record.header))

    def _open(self, record: Record, key: bytes | None) -> Event | Erased:
        header = record.header
        if key is None:
            return Erased(header.name)
        cls = event_class(header.type)
        place = place_of(header)
        sections = [self._opened(record, name, key, place) for name in record.sections if name != DECISION]
        fields = joined(cls, sections)
        if not header.type.endswith(f".v{cls.VERSION}"):
            fields = upcast(header.type, fields)
        try:
            event: Event = cls.__pydantic_validator__.validate_python(fields)
        except ValidationError as error:
            raise Damaged(f"the content of {header.event_id} is not a {header.type}") from error
        return event

    def _opened(self, record: Record, section: str, key: bytes, place: str) -> dict[str, Any]:
        sealed = record.sections[section]
        key_id = record.header.key_id
        bound = _bound_text(place, section, key_id)
        try:
            plain = self._cipher(key_id, key, section).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
            content: dict[str, Any] = orjson.loads(plain)
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"section {section} of {record.header.event_id} was not sealed so") from error
        return content

    def _cipher(self, key_id: str, key: bytes, section: str) -> AESGCM:
        ciphers = self._ciphers
        cipher = ciphers.get((key, section))
        if cipher is None:
            derived = HKDF(SHA256(), 32, None, b"kuty/" + section.encode()).derive(key)
            cipher = AESGCM(derived)
            if self._keys.holds(key_id):
                ciphers[key, section] = cipher
                while len(ciphers) > CIPHERS_KEPT:
                    ciphers.popitem(last=False)
        return cipher

    def _forget(self) -> None:
        # Another one, not an emptied one: who is just keeping a cipher of a key that has gone keeps it where nobody looks.
        self._ciphers = OrderedDict()


def place_of(header: Header) -> str:
    """What a ciphertext is bound to besides its section and key: an event under another header does not open."""
    h = header
    return bound_place(
        h.ledger, h.event_id, h.stream, h.stream_version, h.type, h.occurred_on, h.recorded_at,
        h.actor_org, h.actor_task, h.actor_role, h.actor_person, h.command_id,
    )  # fmt: skip


def bound_place(
    ledger: str,
    event_id: str,
    stream: str,
    version: int,
    type_name: str,
    occurred_on: date,
    recorded_at: datetime,
    *who: str,
) -> str:
    """`place_of` from its parts: where, when, and `who` (organisation, task, role, person, command id)."""
    at = int(recorded_at.timestamp() * 1_000_000)
    return f"{ledger}|{event_id}|{stream}|{version}|{type_name}|{occurred_on}|{at}|{'|'.join(who)}"


def _bound_text(place: str, section: str, key_id: str) -> bytes:
    return f"{place}|{section}|{key_id}".encode()
