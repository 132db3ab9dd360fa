"""An event's body in the sections in which it is kept: one ciphertext per data class (design D15).

AES-256-GCM under a key of the section, derived by HKDF-SHA256 from the key of the event's matter. The associated text
binds a ciphertext to the whole header but the digests, so to the event before it too, and to the names of its sections: none
can be moved to another event, left out, or stand under a header that says anything else. What was sealed before binds only
ledger, event, place, type, day, time, who acts, section and key (`_bound_before`); it opens all the same, and nothing that
was sealed since opens so. Destroying a matter's key makes its events unreadable; they open as `Erased`. What nobody
destroyed is not erased: where a key is lost, nothing opens (`KeysLost`).

Why, and what nobody can know of the older ones: docs/decisions/0024-what-an-audit-finds.md
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from domain.catalogue import event_class, upcast
from domain.event import Erased, Event
from domain.record import DECISION, Damaged, Record, bound_bytes
from domain.store.sealed.field_classes import joined, section_bytes, split
from domain.store.sealed.keys import Keys
from domain.store.sealed.opening import NONCE_BYTES, opened

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
        header: bytes,
        key_id: str,
        matter_key: bytes,
        *,
        target_type: str | None = None,
        decision: Mapping[str, Any] | None = None,
    ) -> dict[str, bytes]:
        """The sealed sections of an event. `header` is its header, as hashed but without the digests of the sections.

        Raises `domain.vocabulary.Unclassified` when a value has no data class.
        """
        target = event_class(target_type) if target_type else None
        contents: dict[str, Mapping[str, Any]] = {**split(event, target, target_type)}
        if decision is not None:
            contents[DECISION] = decision
        fresh = os.urandom(NONCE_BYTES * len(contents))  # one call for all nonces: it is a call to the kernel
        sealed: dict[str, bytes] = {}
        before, behind = _bound(header, contents)
        for number, (section, content) in enumerate(contents.items()):
            nonce = fresh[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
            cipher = self._cipher(key_id, matter_key, section)
            sealed[section] = nonce + cipher.encrypt(nonce, section_bytes(content), before + section.encode() + behind)
        return sealed

    def open(self, record: Record) -> Event | Erased:
        """The event of a record, validated and in its newest version.

        Raises `Damaged` when the bytes are not what was sealed, `domain.catalogue.UnknownEvent` for a type that is not
        known here, `KeysLost` where its key is not there and nobody destroyed it.
        """
        key = self._keys.opening((record.header.key_id,)).get(record.header.key_id)
        return self._open(record, key)

    def open_all(self, records: Sequence[Record]) -> list[Event | Erased]:
        """The events of many records, their keys fetched together. Raises as `open`."""
        keys = self._keys.opening({record.header.key_id for record in records})
        return [self._open(record, keys.get(record.header.key_id)) for record in records]

    def decision(self, record: Record) -> dict[str, Any] | None:
        """The accepted command and its context as kept in the first event of a decision; none in any other event, and
        none once the key is destroyed. Raises `Damaged`, `KeysLost`."""
        key = self._keys.opening((record.header.key_id,)).get(record.header.key_id)
        if key is None or DECISION not in record.sections:
            return None
        [content] = self._opened(record, [DECISION], key)
        return content

    def _open(self, record: Record, key: bytes | None) -> Event | Erased:
        header = record.header
        if key is None:
            return Erased(header.name)
        cls = event_class(header.type)
        sections = self._opened(record, [name for name in record.sections if name != DECISION], key)
        fields = joined(cls, sections)
        if not header.type.endswith(f".v{cls.VERSION}"):
            fields = upcast(header.type, fields)
        try:
            event: Event = cls.__pydantic_validator__.validate_python(fields)
        except ValidationError as error:
            raise Damaged(f"the content of {header.event_id} is not a {header.type}") from error
        return event

    def _opened(self, record: Record, sections: Sequence[str], key: bytes) -> list[dict[str, Any]]:
        """What is in some sections, all of them sealed in one way. Raises `Damaged`, which names the first that was not."""
        reached = 0
        for bound_in in (_bound_now, _bound_before):
            before, behind = bound_in(record)
            contents: list[dict[str, Any]] = []
            try:
                for section in sections:
                    sealed, bound = record.sections[section], before + section.encode() + behind
                    cipher = self._cipher(record.header.key_id, key, section)
                    contents.append(orjson.loads(opened(cipher, sealed, bound)))
                return contents
            except (InvalidTag, ValueError):
                reached = max(reached, len(contents))
        raise Damaged(f"section {sections[reached]} of {record.header.event_id} was not sealed so")

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


def _bound(header: bytes, sections: Iterable[str]) -> tuple[bytes, bytes]:
    """What stands before and behind a section's name in the text that it is bound to."""
    return b"|".join((bound_bytes(header), ",".join(sorted(sections)).encode(), b"")), b""


def _bound_now(record: Record) -> tuple[bytes, bytes]:
    return _bound(record.header_bytes, record.sections)


def _bound_before(record: Record) -> tuple[bytes, bytes]:
    """The same of what was sealed before the whole header was bound (tables 3 and older)."""
    h = record.header
    at = int(h.recorded_at.timestamp() * 1_000_000)
    who = (h.actor_org, h.actor_task, h.actor_role, h.actor_person, h.command_id)
    place = (h.ledger, h.event_id, h.stream, str(h.stream_version), h.type, str(h.occurred_on), str(at), *who, "")
    return "|".join(place).encode(), f"|{h.key_id}".encode()
