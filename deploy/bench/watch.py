"""When was each publication of one recipient in the store, on its topic, in its model? The database tells it at each commit:
to ask it 320 times a second took 4 % of the processor time that is measured."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from typing import Self

import psycopg
from psycopg import sql

from consumers.wire import out_topic
from deploy.wiring import Wired
from domain.store import schema_of
from projections.read_models import schema_name

TOLD = "bench_visible"
TELL = """
CREATE FUNCTION {model}.{told}() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify({channel}, NEW.sequence::text); RETURN NULL; END $$;
CREATE TRIGGER {told} AFTER UPDATE ON {model}.generations FOR EACH ROW EXECUTE FUNCTION {model}.{told}();
"""
"""Has the model of a recipient tell, with the commit by which it comes to a sequence, that it has."""
PATIENCE_S = 0.2


class Reached:
    """Which number had been reached at which moment (seconds of `time.perf_counter`)."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._moments: list[float] = []

    def note(self, number: int, moment: float) -> None:
        """The last number that is there now."""
        if not self._numbers or number > self._numbers[-1]:
            self._numbers.append(number)
            self._moments.append(moment)

    def at(self, number: int) -> float:
        """When the number was first told to be there."""
        return self._moments[bisect_left(self._numbers, number)]


class Watch:
    """Listens to the store and to the model of a recipient, over a connection of its own."""

    def __init__(self, parts: Wired, recipient: str) -> None:
        self.recorded, self.visible = Reached(), Reached()
        """By position of the feed, and by sequence of the recipient's line."""
        self._parts, self._recipient = parts, recipient
        self._connection = psycopg.connect(parts.settings.owner_dsn, autocommit=True)
        model = sql.Identifier(schema_name(parts.store.ledger, recipient))
        self._connection.execute(
            sql.SQL(TELL).format(model=model, told=sql.Identifier(TOLD), channel=sql.Literal(TOLD))
        )
        # The store tells of each commit by itself: that is what its followers wait for.
        for channel in (TOLD, schema_of(parts.store.ledger)):
            self._connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        self._since = parts.store.head()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def disclosed(self) -> dict[int, float]:
        """By sequence, when the publication was recorded."""
        records = self._parts.store.stream(f"recipient/{self._recipient}/1")
        return {one.header.stream_version: self.recorded.at(one.position) for one in records if one.position > self._since}

    def published(self) -> dict[int, float]:
        """By sequence, when the broker took the publication: its own time, to the millisecond, on our clock."""
        ahead = time.time() - time.perf_counter()
        topic, times, offset = out_topic(self._parts.store.ledger, self._recipient), {}, 0
        end = self._parts.broker.end_offsets([topic])[topic]
        while offset < end:
            for read in self._parts.broker.read(topic, offset, 5_000, 1.0):
                number = dict(read.headers).get("ce_logsequence")
                if number is not None:
                    times[int(number)] = read.timestamp / 1000 - ahead
                offset = read.offset + 1
        return times

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._stopping.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for notice in self._connection.notifies(timeout=PATIENCE_S):
                reached = self.visible if notice.channel == TOLD else self.recorded
                reached.note(int(notice.payload or 0), time.perf_counter())
