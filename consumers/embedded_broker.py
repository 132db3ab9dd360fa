"""The broker port inside one process, on SQLite: nothing to install, same contract, faults on demand."""

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from consumers.log import (
    FOREVER,
    UNKNOWN,
    BrokerUnavailable,
    Entry,
    Headers,
    OffsetOutOfRange,
    Outcome,
    Read,
    TopicGone,
    TopicSettings,
    TopicSettingsDiffer,
    size_of,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (
    topic INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    incarnation TEXT NOT NULL,
    retention_ms INTEGER NOT NULL,
    max_message_bytes INTEGER NOT NULL,
    begin_offset INTEGER NOT NULL DEFAULT 0,
    end_offset INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY,  -- in order of append: a window over many topics fills few pages
    topic INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    appended_ms INTEGER NOT NULL,
    key BLOB,
    value BLOB NOT NULL,
    headers BLOB NOT NULL,
    UNIQUE (topic, record_offset)
) STRICT;
"""
INSERT = "INSERT INTO records (topic, record_offset, appended_ms, key, value, headers) VALUES (?, ?, ?, ?, ?, ?)"
SELECT = (
    "SELECT record_offset, appended_ms, key, value, headers FROM records"
    " WHERE topic = ? AND record_offset >= ? ORDER BY record_offset LIMIT ?"
)
BUSY_S = 10.0


class Topic:
    """A topic as this process knows it; the table has the same numbers after every commit."""

    __slots__ = ("begin", "end", "incarnation", "name", "number", "settings")

    def __init__(self, number: int, name: str, incarnation: str, settings: TopicSettings, begin: int, end: int) -> None:
        self.number, self.name, self.incarnation, self.settings = number, name, incarnation, settings
        self.begin, self.end = begin, end


class EmbeddedBroker:
    """Topics in one SQLite file, or in memory without a path. Any thread may call any method.

    `now` gives the time of append (aware, UTC): the ledger's clock. One process owns the file. A commit is on the
    disk before it is acknowledged. Faults are made by the methods at the end; they are what a real broker does
    when it is killed, loses its disk or is made again.
    """

    def __init__(self, now: Callable[[], datetime], path: Path | None = None) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._appended = threading.Condition(self._lock)
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=BUSY_S)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        # A window over many topics touches as many pages: checkpoint every 64 MiB, not at every commit.
        self._db.execute("PRAGMA wal_autocheckpoint = 16384")
        self._db.executescript(SCHEMA)
        self._topics = {
            row[1]: Topic(row[0], row[1], row[2], TopicSettings(row[3], row[4]), row[5], row[6])
            for row in self._db.execute("SELECT * FROM topics")
        }
        self._reachable = True
        self._doubt: list[int] = []
        self._refusing: dict[str, str] = {}

    # -- topics ------------------------------------------------------------------------------------------

    def create_topics(self, wanted: Mapping[str, TopicSettings]) -> None:
        with self._lock:
            self._check_reachable()
            for name, settings in wanted.items():
                present = self._topics.get(name)
                if present is None:
                    self._make(name, settings)
                else:
                    _check_settings(name, present.settings, settings)

    def widen(self, topic: str, max_message_bytes: int) -> None:
        with self._lock:
            self._check_reachable()
            widened = self._topic(topic)
            widened.settings = replace(widened.settings, max_message_bytes=max_message_bytes)
            self._db.execute("UPDATE topics SET max_message_bytes = ? WHERE topic = ?", (max_message_bytes, widened.number))

    def topics(self) -> dict[str, str]:
        with self._lock:
            self._check_reachable()
            return {topic.name: topic.incarnation for topic in self._topics.values()}

    def delete_topics(self, topics: Iterable[str]) -> None:
        with self._lock:
            self._check_reachable()
            for name in topics:
                topic = self._topic(name)
                with self._writing():
                    self._db.execute("DELETE FROM records WHERE topic = ?", (topic.number,))
                    self._db.execute("DELETE FROM topics WHERE topic = ?", (topic.number,))
                del self._topics[name]
            self._appended.notify_all()

    def delete_before(self, offsets: Mapping[str, int]) -> None:
        with self._lock:
            self._check_reachable()
            for name, offset in offsets.items():
                topic = self._topic(name)
                self._drop(topic, begin=min(max(offset, topic.begin), topic.end))

    def expire(self) -> None:
        """Drop the records older than their topic's retention, by the injected clock."""
        with self._lock:
            moment = self._moment()
            for topic in self._topics.values():
                if topic.settings.retention_ms == FOREVER:
                    continue
                (kept,) = self._db.execute(
                    "SELECT min(record_offset) FROM records WHERE topic = ? AND appended_ms >= ?",
                    (topic.number, moment - topic.settings.retention_ms),
                ).fetchone()
                self._drop(topic, begin=topic.end if kept is None else kept)

    # -- appending ---------------------------------------------------------------------------------------

    def append(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        with self._lock:
            self._check_reachable()
            if self._doubt:
                self._write(topic_entries[: self._doubt.pop(0)])
                return [UNKNOWN] * len(topic_entries)
            return self._write(topic_entries)

    def _write(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        moment = self._moment()
        rows: list[tuple[int, int, int, bytes | None, bytes, bytes]] = []
        outcomes: list[Outcome] = []
        ends: dict[str, int] = {}
        refused: set[str] = set()
        for name, entry in topic_entries:
            topic = self._topics.get(name)
            if name in refused:
                outcomes.append(UNKNOWN)
            elif topic is None or size_of(entry) > topic.settings.max_message_bytes or name in self._refusing:
                refused.add(name)
                code = "topic_gone" if topic is None else self._refusing.get(name, "too_large")
                outcomes.append(Outcome("refused", code=code))
            else:
                offset = ends.get(name, topic.end)
                ends[name] = offset + 1
                rows.append((topic.number, offset, moment, entry.key, entry.value, _packed(entry.headers)))
                outcomes.append(Outcome("acknowledged", offset, moment))
        with self._writing():
            self._db.executemany(INSERT, rows)
            self._db.executemany(
                "UPDATE topics SET end_offset = ? WHERE name = ?", [(end, name) for name, end in ends.items()]
            )
        for name, end in ends.items():
            self._topics[name].end = end
        self._appended.notify_all()
        return outcomes

    # -- reading -----------------------------------------------------------------------------------------

    def reader(self, each: int | None = None) -> "EmbeddedReader":
        return EmbeddedReader(self, each)

    def read(self, topic: str, offset: int, limit: int, timeout: float = 0.0) -> list[Read]:
        return self.wait_and_read({topic: offset}, {}, limit, timeout).get(topic, [])

    def begin_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        with self._lock:
            self._check_reachable()
            return {name: self._topic(name).begin for name in topics}

    def end_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        with self._lock:
            self._check_reachable()
            return {name: self._topic(name).end for name in topics}

    def tail(self, back: Mapping[str, int]) -> dict[str, list[Read]]:
        with self._lock:
            self._check_reachable()
            known = [(self._topic(name), count) for name, count in back.items()]
            return {topic.name: self._select(topic, max(topic.begin, topic.end - count), count) for topic, count in known}

    def at(self, offsets: Mapping[str, int]) -> dict[str, Read]:
        with self._lock:
            self._check_reachable()
            found = [self._select(self._topic(name), offset, 1) for name, offset in offsets.items()]
            return {read.topic: read for reads in found for read in reads}

    def wait_and_read(
        self,
        positions: Mapping[str, int],
        incarnations: Mapping[str, str],
        limit: int,
        timeout: float,
        each: int | None = None,
    ) -> dict[str, list[Read]]:
        """What the readers are made of: the next records of several topics, at most `each` of one, waiting for the first."""
        give_up_at = time.monotonic() + timeout
        with self._lock:
            while True:
                self._check_reachable()
                ready = self._ready(positions, incarnations)
                if ready:
                    found: dict[str, list[Read]] = {}
                    for topic in ready:
                        if limit <= 0:
                            break
                        found[topic.name] = self._select(topic, positions[topic.name], min(limit, each or limit))
                        limit -= len(found[topic.name])
                    return found
                remaining = give_up_at - time.monotonic()
                if remaining <= 0 or not self._appended.wait(remaining):
                    return {}

    def close(self) -> None:
        with self._lock:
            self._reachable = False
            self._appended.notify_all()
            self._db.close()

    # -- faults ------------------------------------------------------------------------------------------

    def leave_in_doubt(self, *, appended: int) -> None:
        """The next window's outcomes are all unknown; its first `appended` entries are in the log."""
        with self._lock:
            self._doubt.append(appended)

    def refuse(self, topic: str, code: str = "") -> None:
        """Refuse every record of a topic with this code from now on; without one take them again."""
        with self._lock:
            self._refusing.pop(topic, None)
            if code:
                self._refusing[topic] = code

    def append_again(self, topic: str, count: int) -> None:
        """The last `count` records arrive a second time, as from a producer thought dead."""
        with self._lock:
            reads = self.tail({topic: count})[topic]
            self._write([(topic, Entry(read.key, read.value, read.headers)) for read in reads])

    def lose_end(self, topic: str, count: int) -> None:
        """The last `count` records are lost, as by a disk or an unclean election; offsets are given anew."""
        with self._lock:
            known = self._topic(topic)
            self._drop(known, end=max(known.begin, known.end - count))

    def make_again(self, topic: str) -> None:
        """The topic is deleted and made again, empty, with the same settings."""
        with self._lock:
            settings = self._topic(topic).settings
            self.delete_topics([topic])
            self._make(topic, settings)

    def be_unreachable(self, unreachable: bool = True) -> None:
        """Every call raises BrokerUnavailable until this is called with False."""
        with self._lock:
            self._reachable = not unreachable
            self._appended.notify_all()

    # -- inside ------------------------------------------------------------------------------------------

    def _check_reachable(self) -> None:
        if not self._reachable:
            raise BrokerUnavailable("the embedded broker is closed or made unreachable")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, whole or not at all. A disk that takes nothing more is to others a broker that does not answer:
        they ask again. Raises `BrokerUnavailable`."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise BrokerUnavailable(f"the embedded broker cannot write: {error}") from error

    def _moment(self) -> int:
        return int(self._now().timestamp() * 1000)

    def _topic(self, name: str) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            raise TopicGone(name)
        return topic

    def _make(self, name: str, settings: TopicSettings) -> None:
        incarnation = uuid.uuid4().hex
        with self._writing():
            row = self._db.execute(
                "INSERT INTO topics (name, incarnation, retention_ms, max_message_bytes) VALUES (?, ?, ?, ?)"
                " RETURNING topic",
                (name, incarnation, settings.retention_ms, settings.max_message_bytes),
            ).fetchone()
        self._topics[name] = Topic(row[0], name, incarnation, settings, 0, 0)

    def _drop(self, topic: Topic, *, begin: int | None = None, end: int | None = None) -> None:
        begin = topic.begin if begin is None else begin
        end = topic.end if end is None else end
        with self._writing():
            self._db.execute(
                "DELETE FROM records WHERE topic = ? AND (record_offset < ? OR record_offset >= ?)",
                (topic.number, begin, end),
            )
            self._db.execute(
                "UPDATE topics SET begin_offset = ?, end_offset = ? WHERE topic = ?", (begin, end, topic.number)
            )
        topic.begin, topic.end = begin, end
        self._appended.notify_all()

    def _ready(self, positions: Mapping[str, int], incarnations: Mapping[str, str]) -> list[Topic]:
        ready = []
        for name, offset in positions.items():
            topic = self._topic(name)
            if incarnations and incarnations[name] != topic.incarnation:
                raise TopicGone(name, "was deleted and made again")
            if not topic.begin <= offset <= topic.end:
                raise OffsetOutOfRange(name, offset, topic.begin, topic.end)
            if offset < topic.end:
                ready.append(topic)
        return ready

    def _select(self, topic: Topic, offset: int, limit: int) -> list[Read]:
        name, unpacked = topic.name, _unpacked
        return [
            Read(name, at, appended, key, value, unpacked(headers))
            for at, appended, key, value, headers in self._db.execute(SELECT, (topic.number, offset, limit))
        ]


class EmbeddedReader:
    """A reader of an embedded broker; woken by an append within microseconds."""

    def __init__(self, broker: EmbeddedBroker, each: int | None = None) -> None:
        self._broker = broker
        self._each = each
        self._positions: dict[str, int] = {}
        self._incarnations: dict[str, str] = {}

    def follow(self, positions: Mapping[str, int]) -> None:
        present = self._broker.topics()
        for topic in positions:
            if topic not in present:
                raise TopicGone(topic)
        self._positions = dict(positions)
        self._incarnations = {topic: present[topic] for topic in positions}

    def poll(self, limit: int, timeout: float) -> dict[str, list[Read]]:
        found = self._broker.wait_and_read(self._positions, self._incarnations, limit, timeout, self._each)
        for topic, reads in found.items():
            # A topic that was served goes to the end of the line, so that a busy one starves nobody.
            del self._positions[topic]
            self._positions[topic] = reads[-1].offset + 1
        return found

    def positions(self) -> dict[str, int]:
        return dict(self._positions)

    def ends(self) -> dict[str, int]:
        there = self._broker.topics()
        return self._broker.end_offsets([topic for topic in list(self._positions) if topic in there])

    def silent(self) -> Set[str]:
        return frozenset()  # it leads them all

    def close(self) -> None:
        self._positions.clear()


def _check_settings(topic: str, present: TopicSettings, wanted: TopicSettings) -> None:
    if present.retention_ms != wanted.retention_ms:
        raise TopicSettingsDiffer(f"topic {topic} keeps records {present.retention_ms} ms and should {wanted.retention_ms}")
    if present.max_message_bytes < wanted.max_message_bytes:
        raise TopicSettingsDiffer(
            f"topic {topic} takes records of {present.max_message_bytes} bytes and should of {wanted.max_message_bytes}"
        )


def _packed(headers: Headers) -> bytes:
    # Latin-1 takes every byte to one character and back; JSON keeps the file readable.
    return orjson.dumps([[name, value.decode("latin-1")] for name, value in headers])


def _unpacked(packed: Any) -> Headers:
    return tuple([(name, value.encode("latin-1")) for name, value in orjson.loads(packed)])
