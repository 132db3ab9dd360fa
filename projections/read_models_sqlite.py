"""Read models in SQLite: one file per recipient, `<folder>/<ledger>/<short name>.db`. For the embedded way to run."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from domain.store import StoreUnavailable, write_ahead
from projections.read_models import LONGEST_LOCK_S, Entry
from projections.read_models_sql import COLUMNS, SqlModel


class SqliteModel(SqlModel["_SqliteRun"]):
    """The model of one recipient in a file of its own. One thread writes at a time; looks are transactions of their own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        with _answering():
            self._connection = _connect(path)
        try:
            with _answering():
                write_ahead(self._connection)
                self._connection.execute("PRAGMA synchronous = NORMAL")
            self.check_version()
        except BaseException:
            self._connection.close()
            raise

    @property
    def name(self) -> str:
        return str(self._path)

    @contextmanager
    def _writing(self) -> Iterator[_SqliteRun]:
        with self._lock, _answering():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield _SqliteRun(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                # A disk that is full has ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _looking(self) -> Iterator[_SqliteRun]:
        with _answering(), closing(_connect(self._path)) as connection:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("BEGIN")
            yield _SqliteRun(connection)

    def _load(self, run: _SqliteRun, epoch: int, entries: Sequence[Entry]) -> None:
        marks = ", ".join("?" * len(Entry._fields))
        self._connection.executemany(
            f"INSERT INTO facts_{epoch} ({COLUMNS}) VALUES ({marks})",
            ([value.decode() if isinstance(value, bytes) else value for value in entry] for entry in entries),
        )

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()


class SqliteModels:
    """The read models of one ledger, each in its file under `folder/ledger`."""

    def __init__(self, folder: Path, ledger: str) -> None:
        self._folder = folder / ledger
        self._lock = threading.Lock()
        self._models: dict[str, SqliteModel] = {}

    def of(self, short_name: str) -> SqliteModel:
        """The model of one recipient; its file is made when it is not there."""
        with self._lock:
            if short_name not in self._models:
                self._models[short_name] = SqliteModel(self._folder / f"{short_name}.db")
            return self._models[short_name]

    def check(self) -> None:
        """There is nothing between us and the files."""

    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self._folder.glob("*.db*"))

    def close(self) -> None:
        """Give every file back."""
        with self._lock:
            for model in self._models.values():
                model.close()
            self._models.clear()


class _SqliteRun:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, [_adapted(value) for value in values]).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._connection.execute(statement, [_adapted(value) for value in values]).rowcount

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._connection.executemany(statement, rows)

    def has(self, table: str) -> bool:
        return bool(self.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))


@contextmanager
def _answering() -> Iterator[None]:
    """A file that cannot be written or read just now is one that does not answer. Raises `StoreUnavailable`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(str(error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=LONGEST_LOCK_S, isolation_level=None, check_same_thread=False)


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else value
