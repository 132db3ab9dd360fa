"""When was each publication of one recipient in the store, on its topic, in its model? Asked every two milliseconds."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

import psycopg
from psycopg import sql

from consumers.wire import out_topic
from deploy.wiring import Wired
from domain.store import schema_of
from projections.read_models import schema_name

LOOK_S = 0.002


class Reached:
    """Which sequence had been reached at which moment (seconds of `time.perf_counter`)."""

    def __init__(self) -> None:
        self.sequence = 0
        self._sequences: list[int] = []
        self._moments: list[float] = []

    def note(self, sequence: int, moment: float) -> None:
        """The last sequence that is there now."""
        if sequence > self.sequence:
            self.sequence = sequence
            self._sequences.append(sequence)
            self._moments.append(moment)

    def at(self, sequence: int) -> float:
        """When the sequence was first seen there."""
        return self._moments[bisect_left(self._sequences, sequence)]


class Watch:
    """Looks into the store and the model of a recipient, over a connection of its own."""

    def __init__(self, parts: Wired, recipient: str) -> None:
        self.disclosed, self.visible = Reached(), Reached()
        self._parts, self._recipient = parts, recipient
        self._connection = psycopg.connect(parts.settings.owner_dsn, autocommit=True)
        self._ask = sql.SQL(
            "SELECT (SELECT coalesce(max(originator_version), 0) FROM {store}.events WHERE originator_id = {stream}),"
            " (SELECT coalesce(max(sequence), 0) FROM {model}.generations)"
        ).format(
            store=sql.Identifier(schema_of(parts.store.ledger)),
            stream=sql.Literal(f"recipient/{recipient}/1"),
            model=sql.Identifier(schema_name(parts.store.ledger, recipient)),
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

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

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            for disclosed, visible in self._connection.execute(self._ask).fetchall():
                moment = time.perf_counter()
                self.disclosed.note(disclosed, moment)
                self.visible.note(visible, moment)
