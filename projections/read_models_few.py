"""A small batch for a read model in PostgreSQL, as one statement: while a recipient's line runs, batches have a row or two.

Everything hangs on the move of the generation's position: where that does not stand where it should, nothing is written.
Rows go over as JSON, which the database takes apart; no value becomes part of the statement.
"""

from __future__ import annotations

from typing import Any

import orjson

from projections.read_models import Batch, Entry, Feed
from projections.read_models_sql import COLUMNS, FEED_VALUES, KEEP_FEED, OVER_THE_LAST, feed_values

FEW = 20
"""Rows; more are loaded in bulk."""
MOVED = (
    "WITH moved AS (UPDATE generations SET sequence = %s, chain_hash = %s, newest_at = %s, until_sequence = %s"
    " WHERE epoch = %s AND sequence = %s RETURNING epoch)"
)
FED = (
    f", fed AS ({KEEP_FEED} SELECT {FEED_VALUES.strip('()').replace('?', '%s')} FROM moved {OVER_THE_LAST})"
    " SELECT count(*) FROM moved"
)


def _type(column: str) -> str:
    if column == "sequence":
        return "bigint"
    return {"on": "date", "from": "timestamptz", "until": "timestamptz"}.get(column.rpartition("_")[2], "text")


CLOSED = (
    ", closed AS (UPDATE facts_{epoch} AS f SET known_until = c.at FROM moved,"
    " json_to_recordset(%s::json) AS c(publication text, at timestamptz)"
    " WHERE f.publication = c.publication AND f.known_until IS NULL)"
)
TOLD = (
    f", told AS (INSERT INTO facts_{{epoch}} ({COLUMNS}) SELECT r.* FROM moved,"
    f" json_to_recordset(%s::json) AS r({', '.join(f'{name} {_type(name)}' for name in Entry._fields)}))"
)
KNOWN = (
    ", known AS (INSERT INTO clients_{epoch} (client, number, known_from, block) SELECT b.* FROM moved,"
    " json_to_recordset(%s::json) AS b(client text, number bigint, known_from timestamptz, block text)"
    " ON CONFLICT (client, number) DO NOTHING)"
)


def is_small(batch: Batch) -> bool:
    """Whether it can be written so: what is parked, or was, cannot."""
    return len(batch.entries) <= FEW and not batch.parked and not batch.released


def in_one(batch: Batch, feed: Feed) -> tuple[bytes, list[Any]]:
    """The statement, which answers with one row, how many generations have moved (1 or 0), and its values."""
    position = batch.position
    parts = [MOVED]
    values: list[Any] = [
        position.sequence, position.chain_hash, position.newest_at, position.until_sequence, position.epoch, batch.expected,
    ]  # fmt: skip
    if batch.closings:
        # Of rows that are there already; of two closings of one row the first holds, as one after the other.
        first = {publication: at for publication, at in reversed(batch.closings)}
        parts.append(CLOSED)
        values.append(_json([{"publication": publication, "at": at} for publication, at in first.items()]))
    if batch.entries:
        parts.append(TOLD)
        values.append(_json([entry._asdict() for entry in batch.entries]))
    if batch.blocks:
        named = ("client", "number", "known_from", "block")
        parts.append(KNOWN)
        values.append(_json([dict(zip(named, block, strict=True)) for block in batch.blocks]))
    parts.append(FED)
    values += feed_values(feed)
    return "".join(parts).format(epoch=int(position.epoch)).encode(), values


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=bytes.decode).decode()
