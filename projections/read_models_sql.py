"""The SQL that both databases share: tables of a generation, what a batch writes, what a look reads.

Statements are written with `?`; a database with another placeholder replaces it. No value of a publication ever
becomes part of a statement.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar

import orjson

from domain.catalogue import in_todays_words
from domain.store import NewerTables
from projections.read_models import (
    Batch,
    Entry,
    Feed,
    Look,
    NoSuchGeneration,
    Parked,
    Position,
    PositionMoved,
    Row,
    Selection,
)
from projections.read_models_tables import GENERATION, INDEXES, LONGEST_HALT, OVER, PARKED, STATE, VERSION

COLUMNS = ", ".join(Entry._fields)
READ_COLUMNS = ", ".join(name for name in Entry._fields if name != "hash")
KEEP_FEED = "INSERT INTO feed (one, live_epoch, next_offset, topic_id, read_at, heartbeat_at, halted, waiting_for)"
FEED_VALUES = "(1, ?, ?, ?, ?, ?, ?, ?)"
OVER_THE_LAST = (
    "ON CONFLICT (one) DO UPDATE SET live_epoch = excluded.live_epoch, next_offset = excluded.next_offset, "
    "topic_id = excluded.topic_id, read_at = excluded.read_at, heartbeat_at = excluded.heartbeat_at, "
    "halted = excluded.halted, waiting_for = excluded.waiting_for"
)
CHUNK = 500
"""Parameters of one `IN (…)`: SQLite takes 999 in older builds."""


class Run(Protocol):
    """Statements of one open transaction."""

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """The statement once for each row of values."""

    def has(self, table: str) -> bool:
        """Whether the table is there."""
        ...


def conditions(selection: Selection) -> tuple[str, list[Any]]:
    """The WHERE of a selection, with `?` for each of its parameters."""
    parts = [f"name IN ({', '.join('?' * len(selection.names))})", "kind <> 'withdrawn'"]
    values: list[Any] = list(selection.names)

    def add(condition: str, *given: Any) -> None:
        parts.append(condition)
        values.extend(given)

    if selection.client is not None:
        add("client = ?", selection.client)
    if selection.clients:
        add(f"client IN ({', '.join('?' * len(selection.clients))})", *selection.clients)
    if selection.part is not None:
        add("part = ?", selection.part)
    if selection.lookup is not None:
        add("lookup = ?", selection.lookup)
    if selection.from_on is not None:
        add("(until_on IS NULL OR until_on >= ?)", selection.from_on)
    if selection.until_on is not None:
        add("from_on <= ?", selection.until_on)
    if selection.known_at is not None:
        add("known_from <= ? AND (known_until IS NULL OR known_until > ?)", selection.known_at, selection.known_at)
    elif not selection.ever:
        add("known_until IS NULL")
    return " AND ".join(parts), values


class SqlLook:
    """One consistent look: every question of it is answered from the same transaction."""

    def __init__(self, run: Run, position: Position, feed: Feed) -> None:
        self.position, self.feed, self._run, self._epoch = position, feed, run, position.epoch

    def rows(self, selection: Selection) -> list[Row]:
        """The rows in order of sequence."""
        where, values = conditions(selection)
        query = f"SELECT {READ_COLUMNS} FROM facts_{self._epoch} WHERE {where} ORDER BY sequence, kind"
        return [_row(columns) for columns in self._run.all(query, values)]

    def clients(self, selection: Selection, after: str, limit: int) -> list[str]:
        """Clients that have such a row, in the order of their pseudonyms."""
        where, values = conditions(selection)
        query = (
            f"SELECT DISTINCT client FROM facts_{self._epoch} WHERE {where} AND client > ? AND client <> '' "
            "ORDER BY client LIMIT ?"
        )
        return [client for (client,) in self._run.all(query, [*values, after, limit])]

    def blocks(self, clients: Iterable[str], known_at: datetime | None = None) -> dict[str, dict[str, Any]]:
        """The latest block of each client, or the one known then."""
        found: dict[str, dict[str, Any]] = {}
        for some in _chunks(clients):
            known, when = ("AND later.known_from <= ?", [known_at]) if known_at else ("", [])
            query = (
                f"SELECT client, block FROM clients_{self._epoch} c WHERE client IN ({', '.join('?' * len(some))}) AND "
                f"number = (SELECT max(number) FROM clients_{self._epoch} later WHERE later.client = c.client {known})"
            )
            found |= {client: orjson.loads(block) for client, block in self._run.all(query, [*some, *when])}
        return found

    def parked(self) -> list[Parked]:
        """What could not be digested, in order of sequence."""
        return _parked(self._run, self._epoch)

    def replaced(self, publications: Sequence[str]) -> list[Row]:
        """The rows that bear one of these ids, whatever became of them."""
        found: list[Row] = []
        for some in _chunks(publications):
            query = (
                f"SELECT {READ_COLUMNS} FROM facts_{self._epoch} WHERE publication IN ({', '.join('?' * len(some))}) "
                "ORDER BY sequence, kind"
            )
            found += [_row(columns) for columns in self._run.all(query, some)]
        return found

    def everything(self) -> list[Row]:
        """Every row, withdrawals left out, in order of sequence."""
        query = f"SELECT {READ_COLUMNS} FROM facts_{self._epoch} WHERE kind <> 'withdrawn' ORDER BY sequence, kind"
        return [_row(columns) for columns in self._run.all(query)]


R = TypeVar("R", bound=Run)


class SqlModel(Generic[R]):
    """A read model in any SQL database. A subclass opens transactions and loads rows in bulk."""

    TIME = "TEXT"
    DATE = "TEXT"

    def _writing(self) -> AbstractContextManager[R]:
        raise NotImplementedError

    def _looking(self) -> AbstractContextManager[R]:
        raise NotImplementedError

    def _load(self, run: R, epoch: int, entries: Sequence[Entry]) -> None:
        raise NotImplementedError

    def _make(self, run: Run, statements: str, epoch: int = 0) -> None:
        for statement in statements.format(time=self.TIME, date=self.DATE, epoch=int(epoch)).split(";"):
            run.change(statement)

    def check_version(self) -> None:
        """The tables are of no newer program; they are made when they are not there, and are of this one from now on. Raises
        `NewerTables`."""
        with self._writing() as run:
            self._make(run, STATE)
            run.change(f"INSERT INTO migrations SELECT {VERSION} WHERE NOT EXISTS (SELECT 1 FROM migrations)")
            [(version,)] = run.all("SELECT max(version) FROM migrations")
            if version < VERSION:
                run.change("UPDATE migrations SET version = ?", (VERSION,))
        if version > VERSION:
            raise NewerTables(f"{self.name} is at version {version}, and this program knows versions up to {VERSION}")

    @property
    def name(self) -> str:
        """What the model is called where something is wrong with it."""
        raise NotImplementedError

    def feed(self) -> Feed:
        """Where reading goes on; the tables of the state are made when they are not there."""
        with self._writing() as run:
            self._make(run, STATE)
            return _feed(run)

    def positions(self) -> dict[int, Position]:
        """Every generation that is there, by epoch."""
        with self._looking() as run:
            return _positions(run)

    def over(self) -> dict[int, list[int]]:
        """Of older epochs, what had come of each when a newer one began."""
        with self._looking() as run:
            if not run.has("epochs_over"):
                return {}
            return {epoch: orjson.loads(came) for epoch, came in run.all("SELECT epoch, came FROM epochs_over")}

    def begin(self, position: Position, over: Mapping[int, Sequence[int]]) -> None:
        """Make the empty tables of a generation, unless they are there, and keep what had come of those before it."""
        with self._writing() as run:
            self._make(run, GENERATION, position.epoch)
            if over or run.has("epochs_over"):
                self._make(run, OVER)
                run.change("DELETE FROM epochs_over WHERE epoch >= ?", (position.epoch,))
                run.many(
                    "INSERT INTO epochs_over (epoch, came) VALUES (?, ?) "
                    "ON CONFLICT (epoch) DO UPDATE SET came = excluded.came",
                    [(epoch, orjson.dumps(came).decode()) for epoch, came in over.items()],
                )
            run.change(
                "INSERT INTO generations (epoch, sequence, chain_hash, newest_at, until_sequence) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (epoch) DO NOTHING",
                (position.epoch, position.sequence, position.chain_hash, position.newest_at, position.until_sequence),
            )

    def hashes(self, epoch: int, sequences: Sequence[int]) -> dict[int, str]:
        """Hashes of publications that are in the model, parked ones left out."""
        found: dict[int, str] = {}
        with self._looking() as run:
            for some in _chunks(sequences):
                marks = ", ".join("?" * len(some))
                query = f"SELECT sequence, hash FROM facts_{epoch} WHERE kind <> 'corrected' AND sequence IN ({marks})"
                found |= {sequence: kept for sequence, kept in run.all(query, some)}
        return found

    def known_blocks(self, epoch: int, clients: Sequence[bytes]) -> dict[bytes, bytes]:
        """The latest block of each of these clients, as bytes."""
        with self._looking() as run:
            look = SqlLook(run, Position(epoch), Feed())
            found = look.blocks([client.decode() for client in clients])
        return {client.encode(): orjson.dumps(block) for client, block in found.items()}

    def write(self, batches: Sequence[Batch], feed: Feed) -> None:
        """Add everything and move on, in one transaction. Raises `PositionMoved`."""
        with self._writing() as run:
            before = _feed(run)
            for batch in batches:
                self._write_batch(run, batch)
            if feed.live_epoch not in (0, before.live_epoch):
                self._make(run, INDEXES, feed.live_epoch)
            run.change(f"{KEEP_FEED} VALUES {FEED_VALUES} {OVER_THE_LAST}", feed_values(feed))

    def _write_batch(self, run: R, batch: Batch) -> None:
        position, epoch = batch.position, batch.position.epoch
        moved = run.change(
            "UPDATE generations SET sequence = ?, chain_hash = ?, newest_at = ?, until_sequence = ? "
            "WHERE epoch = ? AND sequence = ?",
            (position.sequence, position.chain_hash, position.newest_at, position.until_sequence, epoch, batch.expected),
        )
        if not moved:
            raise PositionMoved(f"epoch {epoch} does not stand at {batch.expected}")
        # Before the new rows: one of them may bear the id of a row that it replaces.
        if batch.closings:
            run.many(
                f"UPDATE facts_{epoch} SET known_until = ? WHERE publication = ? AND known_until IS NULL",
                [(at.decode(), publication.decode()) for publication, at in batch.closings],
            )
        if batch.entries:
            self._load(run, epoch, batch.entries)
        if batch.blocks:
            run.many(
                f"INSERT INTO clients_{epoch} (client, number, known_from, block) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (client, number) DO NOTHING",
                [(client.decode(), sequence, at.decode(), block.decode()) for client, sequence, at, block in batch.blocks],
            )
        for sequence in batch.released:
            run.change(f"DELETE FROM parked_{epoch} WHERE sequence = ?", (sequence,))
        if batch.parked:
            self._make(run, PARKED, epoch)
        for parked in batch.parked:
            headers = orjson.dumps([[name, base64.b64encode(value).decode()] for name, value in parked.headers]).decode()
            run.change(
                f"INSERT INTO parked_{epoch} (sequence, client, reason, headers, value) VALUES (?, ?, ?, ?, ?)",
                (parked.sequence, parked.client, parked.reason, headers, base64.b64encode(parked.value).decode()),
            )

    def drop(self, epoch: int) -> None:
        """Remove a generation that does not answer. Raises `ValueError` for the live one."""
        with self._writing() as run:
            if _feed(run).live_epoch == epoch:
                raise ValueError(f"epoch {epoch} answers: it cannot be dropped")
            run.change("DELETE FROM generations WHERE epoch = ?", (epoch,))
            for table in ("facts", "clients", "parked"):
                run.change(f"DROP TABLE IF EXISTS {table}_{int(epoch)}")

    @contextmanager
    def look(self, epoch: int | None = None) -> Iterator[Look]:
        """Look at the live generation, or at the one named. Raises `NoSuchGeneration`."""
        with self._looking() as run:
            feed = _feed(run)
            wanted = feed.live_epoch if epoch is None else epoch
            position = _positions(run).get(wanted)
            if position is None:
                raise NoSuchGeneration(wanted)
            yield SqlLook(run, position, feed)


def feed_values(feed: Feed) -> tuple[Any, ...]:
    """What `FEED_VALUES` takes."""
    return (
        feed.live_epoch, feed.next_offset, feed.topic_id, feed.read_at, feed.heartbeat_at, feed.halted[:LONGEST_HALT],
        feed.waiting_for,
    )  # fmt: skip


def _feed(run: Run) -> Feed:
    rows = run.all("SELECT live_epoch, next_offset, topic_id, read_at, heartbeat_at, halted, waiting_for FROM feed")
    if not rows:
        return Feed()
    live, offset, topic_id, read_at, heartbeat_at, halted, waiting_for = rows[0]
    return Feed(live, offset, topic_id, _time(read_at), _time(heartbeat_at), halted, waiting_for)


def _positions(run: Run) -> dict[int, Position]:
    rows = run.all("SELECT epoch, sequence, chain_hash, newest_at, until_sequence FROM generations ORDER BY epoch")
    return {row[0]: Position(row[0], row[1], row[2], _time(row[3]), row[4]) for row in rows}


def _parked(run: Run, epoch: int) -> list[Parked]:
    if not run.has(f"parked_{epoch}"):
        return []
    rows = run.all(f"SELECT sequence, client, reason, headers, value FROM parked_{epoch} ORDER BY sequence")
    return [
        Parked(
            epoch, sequence, client, reason,
            tuple((name, base64.b64decode(text)) for name, text in orjson.loads(headers)),
            base64.b64decode(value),
        )
        for sequence, client, reason, headers, value in rows
    ]  # fmt: skip


def _row(columns: tuple[Any, ...]) -> Row:
    (sequence, publication, kind, client, name, part, lookup, occurred_on, from_on, until_on, known_from, known_until,
     replaces, message_id, legal_basis, body) = columns  # fmt: skip
    return Row(
        sequence, publication, kind, client, name, part, lookup, _on(occurred_on), _on(from_on), until_on and _on(until_on),
        _at(known_from), _time(known_until), replaces, message_id, legal_basis,
        in_todays_words(name, orjson.loads(body)),
    )  # fmt: skip


def _on(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _at(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _time(value: datetime | str | None) -> datetime | None:
    return None if value is None else _at(value)


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(values)
    while some := list(itertools.islice(remaining, CHUNK)):
        yield some
