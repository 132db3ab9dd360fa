"""A publication: what one recipient was told, as it is stored in the disclosure event and stands on the wire.

It stands alone (design D10): its own random id, the recipient's own chain and pseudonyms, and nothing that would let
two recipients join their records or count others' activity. Bytes are a function of the stored event alone, so that a
record sent twice is the same twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal

import orjson

Kind = Literal["fact", "revised", "withdrawn"]
FIRST_HASH = ""
"""What the first publication of an epoch names as its predecessor's hash."""


class Ambiguous(ValueError):
    """Headers that others have the same hash as: one stands within another, or a name comes twice."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One publication. `time` is the disclosure's own (UTC, whole seconds); `occurred_on` the fact's local date.

    `client` holds identity and contact (domain/disclosure.md 5.4), `body` the fields of the cell; `classes` names the data
    class of each of them as `client.phone` or `body.day_status` and stays inside the store. `schema` is the address of the
    value's schema as it was when the disclosure was recorded; what was told before there were addresses has none, and names
    its schema by a URN.
    """

    id: str
    type: str
    kind: Kind
    source: str
    subject: str
    time: datetime
    sequence: int
    epoch: int
    ruleset: str
    legal_basis: str
    purpose: str
    previous_hash: str
    occurred_on: date | None = None
    client: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    replaces: str | None = None
    message_id: str | None = None
    history: dict[str, Any] | None = None
    classes: dict[str, str] = field(default_factory=dict)
    schema: str = ""

    @property
    def key(self) -> bytes:
        """The record's key: the recipient's pseudonym of the client, or the own id of a fact without one."""
        return (self.subject or self.id).encode()

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The record's headers: CloudEvents attributes in binary mode (design 5), sorted by name, absent ones left out."""
        named = {
            "ce_dataschema": self.schema or _urn_of(self.type),
            "ce_epoch": str(self.epoch),
            "ce_id": self.id,
            "ce_legalbasis": self.legal_basis,
            "ce_logsequence": str(self.sequence),
            "ce_occurredon": self.occurred_on.isoformat() if self.occurred_on else "",
            "ce_prevhash": self.previous_hash,
            "ce_purpose": self.purpose,
            "ce_ruleset": self.ruleset,
            "ce_source": self.source,
            "ce_specversion": "1.0",
            "ce_subject": self.subject,
            "ce_time": f"{self.time.isoformat()[:19]}Z",
            "ce_type": self.type,
            "content-type": "application/json",
        }
        return tuple([(name, value.encode()) for name, value in named.items() if value])

    @property
    def value(self) -> bytes:
        """The record's value: canonical JSON, keys sorted."""
        parts: dict[str, Any] = {"kind": self.kind}
        for name in ("client", "body", "replaces", "message_id", "history"):
            content = getattr(self, name)
            if content:
                parts[name] = content
        return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)

    @property
    def hash(self) -> str:
        """SHA-256 in hex over headers and value: what the next publication names as `prevhash`."""
        return publication_hash(self.headers, self.value)

    def stored(self) -> dict[str, Any]:
        """What the disclosure event keeps of it; the rest stands in that event's header and fields."""
        kept: dict[str, Any] = {
            "type": self.type,
            "kind": self.kind,
            "source": self.source,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "client": self.client,
            "body": self.body,
            "classes": self.classes,
        }
        if self.occurred_on:
            kept["occurred_on"] = self.occurred_on.isoformat()
        for name in ("replaces", "message_id", "history", "schema"):
            if getattr(self, name):
                kept[name] = getattr(self, name)
        return kept

    @classmethod
    def from_wire(cls, headers: dict[str, bytes], value: bytes) -> Publication:
        """Read a record of an out topic. Raises `ValueError` when it is not a publication."""
        try:
            a = {name: raw.decode() for name, raw in headers.items()}
            parts = orjson.loads(value)
            schema = a["ce_dataschema"]
            return cls(
                id=a["ce_id"],
                type=a["ce_type"],
                kind=parts["kind"],
                source=a["ce_source"],
                subject=a.get("ce_subject", ""),
                time=datetime.fromisoformat(a["ce_time"]),
                sequence=int(a["ce_logsequence"]),
                epoch=int(a["ce_epoch"]),
                ruleset=a["ce_ruleset"],
                legal_basis=a["ce_legalbasis"],
                purpose=a["ce_purpose"],
                previous_hash=a.get("ce_prevhash", ""),
                occurred_on=date.fromisoformat(a["ce_occurredon"]) if "ce_occurredon" in a else None,
                client=parts.get("client", {}),
                body=parts.get("body", {}),
                replaces=parts.get("replaces"),
                message_id=parts.get("message_id"),
                history=parts.get("history"),
                schema="" if schema == _urn_of(a["ce_type"]) else schema,
            )
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a publication: {error}") from error


def schema_address(schemas: str, column: str, type_name: str) -> str:
    """Where the schema of a publication of a type, as one kind of recipient is told it, is served: `schemas` is the address
    before `/schemas`; none where that is empty. source: integration.md 3"""
    return f"{schemas}/schemas/publications/{column}/{type_name}.json" if schemas else ""


def _urn_of(type_name: str) -> str:
    return f"urn:kuty:schema:publication:{type_name}"


def publication_hash(headers: tuple[tuple[str, bytes], ...], value: bytes) -> str:
    """SHA-256 in hex over `name NUL value LF` of each header, sorted by name, an empty line, and the value. Raises
    `Ambiguous` where a header has a NUL or an LF of its own, or comes twice: others would have the same hash."""
    names, values = zip(*headers, strict=True) if headers else ((), ())
    lines = _lines_of(names) % values
    if not lines.count(b"\n") == lines.count(b"\0") == len(headers):
        raise Ambiguous("a header has a zero byte or a line feed")
    return hashlib.sha256(lines + b"\n" + value).hexdigest()


@lru_cache(maxsize=64)
def _lines_of(names: tuple[str, ...]) -> bytes:
    # A few sets of names are all there is; a template for each makes a rebuild of years a good deal faster.
    if len(set(names)) < len(names):
        raise Ambiguous("a header comes twice")
    return b"".join(name.encode().replace(b"%", b"%%") + b"\0%b\n" for name in names)
