"""Records of Kafka's format v2, read a whole batch at a time.

The client makes an object of each record, counts its headers' bytes and decodes every name anew: two thirds of the time of
a rebuild. Here a batch becomes `Read`s at once; its checksum, compression and place are still the client's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError

from consumers.log import Read

NAMES_KEPT = 1_000

_names: dict[bytes, str] = {}


class WholeBatches(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What the client's fetcher takes records from; gives `Read`s."""

    def _unpack_records(self, tp: Any, records: Any, key_deserializer: Any, value_deserializer: Any) -> Iterator[Read]:
        while (batch := records.next_batch()) is not None:
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"a batch of {tp} at offset {batch.base_offset} failed its checksum")
            self.leader_epoch = batch.leader_epoch
            if not batch.is_control_batch:
                for read in batch_reads(tp.topic, batch):
                    self.records_read += 1
                    self.next_fetch_offset = read.offset + 1
                    yield read
                self.bytes_read += batch.size_in_bytes
            # The last offset of a batch stays though its last record is gone.
            self.next_fetch_offset = batch.next_offset
        self.drain()


def batch_reads(topic: str, batch: Any) -> list[Read]:
    """The records of one batch of the client (`DefaultRecordBatch`). Raises `CorruptRecordError`."""
    batch._maybe_uncompress()
    content, begin = bytes(batch._buffer), batch._pos
    first, base_offset = batch.first_timestamp, batch.base_offset
    appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
    try:
        found = list(_records(topic, content, begin, batch.records_count, base_offset, first, appended))
    except (IndexError, UnicodeDecodeError) as error:
        raise CorruptRecordError(f"a batch of {topic} at offset {base_offset} cannot be read: {error!r}") from error
    return found


def _records(
    topic: str, content: bytes, pos: int, count: int, base_offset: int, first: int, appended: int | None
) -> Iterator[Read]:
    names = _names
    for _ in range(count):
        size, pos = _number(content, pos)
        end = pos + size
        delta, pos = _number(content, pos + 1)  # one byte of attributes, none of which means anything
        moment = appended if appended is not None else first + delta
        offset, pos = _number(content, pos)
        key, pos = _bytes(content, pos)
        value, pos = _bytes(content, pos)
        many, pos = _number(content, pos)
        headers: list[tuple[str, bytes]] = []
        for _ in range(many):
            length = content[pos]
            if length < 0x80:
                pos += 1
                length >>= 1
            else:
                length, pos = _number(content, pos)
            raw = content[pos : pos + length]
            pos += length
            length = content[pos]
            if length < 0x80:
                pos += 1
                # Zigzag: an odd number is negative, and means that there is no value.
                length = length >> 1 if not length & 1 else 0
            else:
                length, pos = _number(content, pos)
            headers.append((names.get(raw) or _name(raw), content[pos : pos + length]))
            pos += length
        if pos != end:
            raise CorruptRecordError(f"a record of {topic} at offset {base_offset + offset} has {pos - end} bytes too many")
        yield Read(topic, base_offset + offset, moment, key, value or b"", tuple(headers))
    if pos != len(content):
        raise CorruptRecordError(f"a batch of {topic} at offset {base_offset} has bytes behind its records")


def _number(content: bytes, pos: int) -> tuple[int, int]:
    """A signed number in zigzag and base 128, and where it ends."""
    byte = content[pos]
    pos += 1
    result, shift = byte & 0x7F, 7
    while byte & 0x80:
        byte = content[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        shift += 7
    return (result >> 1) ^ -(result & 1), pos


def _bytes(content: bytes, pos: int) -> tuple[bytes | None, int]:
    length, pos = _number(content, pos)
    if length < 0:
        return None, pos
    return content[pos : pos + length], pos + length


def _name(raw: bytes) -> str:
    """The name of a header; there are a few dozen names in all, so they are kept."""
    name = raw.decode()
    if len(_names) < NAMES_KEPT:
        _names[raw] = name
    return name
