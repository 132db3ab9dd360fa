"""How far a process has seen the feed: a database that ends before that, or has another event there, went back.

A replica that was promoted and a backup that was restored look like the ledger, and take commands in place of those that
they have lost: a second history under the same positions (design D21).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from domain.record import digest
from domain.store.tables.database import LOOK_AGAIN_S, NO_RIGHTS, Ask, NoLedger, NotMigrated, StoreUnavailable
from domain.store.tables.packing import unpacked

EPOCH = "SELECT epoch FROM ledger"


WHAT_HAPPENED = (
    ": a backup was restored, or a replica promoted. Nothing is written or published;"
    " docs/runbooks/a-store-that-went-back.md says what to do"
)


class StoreWentBack(StoreUnavailable):
    """The database is behind what this process has seen, or what was published. Nothing is written into it, nothing
    published from it, until an operator has chosen what holds."""


class EpochMoved(StoreWentBack):
    """An operator has opened another epoch, `epoch`, of the ledger: what this process remembers is of the one before. It
    ends, and is started again."""

    epoch = 0


def check_epoch(known: int, found: int) -> None:
    """The ledger is in the epoch that a process knows. Raises `EpochMoved` where a later one was opened; an epoch that is
    over never comes again, so a database that is in an earlier one went back: `StoreWentBack`."""
    if found > known:
        moved = EpochMoved(
            f"the ledger is in epoch {found} now, and this process began in epoch {known}: start it again,"
            " nothing that it remembers is believed"
        )
        moved.epoch = found
        raise moved
    if found < known:
        raise StoreWentBack(f"this process began in epoch {known}, and the database is in epoch {found}{WHAT_HAPPENED}")


def hash_of(state: bytes) -> str:
    """The hash of an event in its stored bytes: that of its header."""
    return digest(state.partition(b"\n")[0])


class Seen:
    """The furthest event that was seen, and the last that was published, by position and hash. Safe for several threads.

    What was the furthest at the last look is kept beside it: a database that went back since, and has grown beyond, is read
    from by somebody before the next look finds that out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._seen = self._found = self._published = (0, "")
        self._lock = threading.Lock()
        self._round = 1
        self._looked_at = clock()

    @property
    def position(self) -> int:
        """That of the furthest event that was seen."""
        return self._seen[0]

    def note(self, position: int, hash: str) -> None:
        """An event that was committed or read."""
        with self._lock:
            self._seen = max(self._seen, (position, hash), key=_position)

    def note_published(self, position: int, hash: str) -> None:
        """The last event that was published: every connection is looked at once more."""
        with self._lock:
            self._published = position, hash
            self._round += 1

    def look(self, looked: int, epoch: int, ask: Ask) -> int:
        """Look whether a connection leads to what was seen, once on each one, and on any of them when the last look is
        `LOOK_AGAIN_S` old. `looked` is what the last look on this one returned, 0 before the first; `epoch` the one in which
        this process began, 0 as long as nobody has asked. Raises `StoreWentBack`, `EpochMoved`."""
        number, now = self._round, self.clock()
        if looked != number or now - self._looked_at > LOOK_AGAIN_S:
            if epoch:
                check_epoch(epoch, ask(EPOCH, ())[0][0])
            self.check(ask)
            self._looked_at = now
        return number

    def check_head(self, head: int) -> None:
        """Raises `StoreWentBack` for a database that ends before."""
        for what, position, _ in self._points():
            if head < position:
                raise StoreWentBack(_said(what, position, f"ends at {head}"))

    def check(self, ask: Ask) -> None:
        """The events are where they were seen. Raises `StoreWentBack`."""
        seen = self._seen
        for what, position, hash in self._points():
            rows = ask("SELECT state FROM events WHERE notification_id = %s", (position,))
            if not rows:
                head = ask("SELECT coalesce(max(notification_id), 0) FROM events", ())[0][0]
                raise StoreWentBack(_said(what, position, f"ends at {head}"))
            if hash_of(unpacked(bytes(rows[0][0]))) != hash:
                raise StoreWentBack(_said(what, position, "has another event there"))
        with self._lock:
            self._found = seen

    def without_tables(self, where: str, error: BaseException) -> Exception:
        """What is to be raised where tables are missing or may not be used: what was seen in them is to be restored, and a
        migration would begin an empty ledger in its place."""
        said = str(error).partition("\n")[0]
        if isinstance(error, NO_RIGHTS):
            return NotMigrated(f"this login may not use the tables of {where} ({said})")
        for what, position, _ in self._points():
            return tables_gone(f"position {position} was {what}", where, said)
        return NoLedger(f"no ledger in {where}")

    def _points(self) -> list[tuple[str, int, str]]:
        with self._lock:
            points = (("seen", *self._seen), ("seen", *self._found), ("published", *self._published))
        return [point for point in dict.fromkeys(points) if point[1]]


def tables_gone(known: str, where: str, said: str) -> StoreWentBack:
    """To be raised where a ledger is known to have been, and its tables are not there."""
    return StoreWentBack(
        f"{known}, and the tables of {where} are gone ({said}): restore them, do not migrate, which would begin an empty"
        " ledger. docs/runbooks/a-store-that-went-back.md says what to do"
    )


def _position(point: tuple[int, str]) -> int:
    return point[0]


def _said(what: str, position: int, found: str) -> str:
    return f"position {position} was {what}, and the database {found}{WHAT_HAPPENED}"
