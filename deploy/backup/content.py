"""What a backup file says: of which backup it is, then table by table every row.

Frames of a length and a kind. The first is JSON about the file, the last JSON with the number of rows of each table; what
was not counted was not copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from deploy.backup.sealed_file import BackupDamaged, SealingFile, opened_chunks
from deploy.migration import Part

HEADER, TABLE, ROW, END = b"H", b"T", b"R", b"E"
_FRAME = struct.Struct(">cI")
_CELL = struct.Struct(">cq")
NULL, NUMBER, TEXT, BYTES = b"n", b"i", b"t", b"b"


@dataclass(frozen=True, slots=True)
class Described:
    """What a file is. `taken_at` is UTC; `beside` are the parts that were taken at the same moment, itself among them."""

    backup: str
    part: Part
    ledger: str
    taken_at: datetime
    kind: str
    version: int
    beside: tuple[Part, ...]


class Writing:
    """The frames of one file, in order."""

    def __init__(self, file: SealingFile, described: Described) -> None:
        self._file = file
        self.counts: dict[str, int] = {}
        self._put(HEADER, orjson.dumps(asdict(described), option=orjson.OPT_UTC_Z))

    def table(self, name: str, columns: Sequence[str]) -> None:
        """The rows that follow are of this table."""
        self._table = name
        self.counts[name] = 0
        self._put(TABLE, orjson.dumps({"table": name, "columns": list(columns)}))

    def row(self, row: Sequence[Any]) -> None:
        """One row."""
        self._put(ROW, b"".join(_cell(value) for value in row))
        self.counts[self._table] += 1

    def end(self) -> None:
        """Say how many there were."""
        self._put(END, orjson.dumps(self.counts))

    def _put(self, kind: bytes, content: bytes) -> None:
        self._file.write(_FRAME.pack(kind, len(content)) + content)


@dataclass(frozen=True, slots=True)
class TableBegun:
    """The rows that follow are of this table."""

    table: str
    columns: tuple[str, ...]


class Reading:
    """A file from its beginning: `described`, then `entries` once, tables and rows in turn.

    Raises `BackupDamaged`, also at the end where rows are missing.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._chunks = opened_chunks(path, key)
        self._ahead = bytearray()
        self.counts: dict[str, int] = {}
        kind, content = self._frame()
        if kind != HEADER:
            raise self._wrong()
        try:
            fields = orjson.loads(content)
            self.described = Described(
                **{**fields, "taken_at": datetime.fromisoformat(fields["taken_at"]), "beside": tuple(fields["beside"])}
            )
        except (ValueError, TypeError, KeyError):
            raise self._wrong() from None

    def entries(self) -> Iterator[TableBegun | tuple[Any, ...]]:
        """Everything that the file holds."""
        table = ""
        while True:
            kind, content = self._frame()
            if kind == ROW:
                self.counts[table] += 1
                yield tuple(_cells(content))
            elif kind == TABLE:
                begun = orjson.loads(content)
                table = begun["table"]
                self.counts[table] = 0
                yield TableBegun(table, tuple(begun["columns"]))
            elif kind == END:
                if orjson.loads(content) != self.counts or self._ahead or next(self._chunks, None) is not None:
                    raise self._wrong()
                return
            else:
                raise self._wrong()

    def _frame(self) -> tuple[bytes, bytes]:
        kind, length = _FRAME.unpack(self._take(_FRAME.size))
        return kind, self._take(length)

    def _take(self, count: int) -> bytes:
        while len(self._ahead) < count:
            more = next(self._chunks, None)
            if more is None:
                raise self._wrong()
            self._ahead += more
        taken = bytes(self._ahead[:count])
        del self._ahead[:count]
        return taken

    def _wrong(self) -> BackupDamaged:
        return BackupDamaged(f"{self.path} does not hold what a backup of this program does: take another one")


def _cell(value: Any) -> bytes:
    match value:
        case None:
            return _CELL.pack(NULL, 0)
        case int():  # a flag is 0 or 1
            return _CELL.pack(NUMBER, value)
        case str():
            raw = value.encode()
            return _CELL.pack(TEXT, len(raw)) + raw
        case bytes() | memoryview():
            return _CELL.pack(BYTES, len(value)) + value
    raise TypeError(f"no cell for {type(value).__name__}")


def _cells(content: bytes) -> Iterator[Any]:
    at = 0
    while at < len(content):
        kind, number = _CELL.unpack_from(content, at)
        at += _CELL.size
        if kind == NULL:
            yield None
        elif kind == NUMBER:
            yield number
        else:
            raw = content[at : at + number]
            at += number
            yield raw.decode() if kind == TEXT else raw
