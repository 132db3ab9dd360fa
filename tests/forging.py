"""Records as somebody would leave them who can write everything but has no keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from domain.record import Record


def rewritten(record: Record, **fields: object) -> Record:
    """The record under a header that says otherwise."""
    header = msgspec.structs.replace(record.header, **fields)
    return replace(record, header=header, header_bytes=header.to_bytes(), read_from=b"")


def rechained(records: Iterable[Record]) -> list[Record]:
    """The records with positions and hashes that add up again."""
    ends: dict[str, tuple[int, str]] = {}
    signed = []
    for position, record in enumerate(records, 1):
        version, hash_ = ends.get(record.header.stream, (0, ""))
        new = replace(rewritten(record, previous_hash=hash_), position=position)
        ends[record.header.stream] = version + 1, new.hash
        signed.append(new)
    return signed
