"""`kuty restore`: from sealed files to a ledger, which opens once everything in it has been verified.

Each part is staged beside its place; what no file tells is taken from the events topic where that is asked for. Then chains,
columns and answers are audited, keys and vault are compared with the events, what the record says was destroyed is
destroyed, and only then everything takes its place. Where that is broken off between two places, the same command goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from consumers import wire
from consumers.log import Broker
from deploy.backup.content import Described, Reading, TableBegun
from deploy.backup.places import PARTS, place_of
from deploy.backup.sealed_file import BackupDamaged
from deploy.backup.staged import Staged, staged_ledger
from deploy.backup.taking import Shown
from deploy.feed import follower_of, records_of
from deploy.migration import Part, migrate
from deploy.settings import Settings
from domain.record import Record
from domain.store import Amiss, Filling, KeysLost, NotEmpty, Place, check_version
from projections.audit import verify_chains

MOST_NAMED = 20
"""Faults that are named one by one."""


class CannotRestore(Exception):
    """Nothing was restored; the message says why and what to do."""


@dataclass(slots=True)
class Restored:
    """What came of it. `lost` are the keys that are nowhere, each with the position of its first event; `unnamed` the
    positions of the registrations of clients whom the vault does not know, `unheld` those of messages that wait and are not
    in it; `differing` is what else is not as the events say, where the parts are not of one moment."""

    backup: str
    taken_at: datetime
    parts: tuple[Part, ...]
    head: int = 0
    from_topic: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    unnamed: list[int] = field(default_factory=list)
    unheld: list[int] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, and all is as the events say."""
        return not (self.lost or self.unnamed or self.unheld or self.differing)


def verified(paths: Sequence[Path], key: bytes, shown: Shown) -> dict[Part, tuple[Path, Described]]:
    """Read every file to its end; what they are, by part. Raises `BackupDamaged`, `NewerTables`, OSError."""
    found: dict[Part, tuple[Path, Described]] = {}
    for path in paths:
        reading = Reading(path, key)
        described = reading.described
        check_version(str(path), described.part, described.version, described.kind)
        for entry in reading.entries():
            shown(not isinstance(entry, TableBegun))
        if described.part in found:
            raise BackupDamaged(f"{found[described.part][0]} and {path} are both of the {described.part}: name one of them")
        found[described.part] = path, described
    if len({described.backup for _, described in found.values()}) > 1:
        named = ", ".join(f"{path} is of {d.backup} ({d.taken_at:%Y-%m-%d %H:%M:%S} UTC)" for path, d in found.values())
        raise BackupDamaged(f"the files are of different backups, which were not taken at one moment: {named}")
    return found


def restore(settings: Settings, paths: Sequence[Path], key: bytes, broker: Broker | None, shown: Shown) -> Restored:
    """Restore what the files hold into empty places. With a broker, what was published after the backup is taken from the
    events topic. Raises `CannotRestore`, `BackupDamaged`, `NewerTables`, `NotEmpty`, `WrongMasterKey`, `Damaged`,
    OSError."""
    files = verified(paths, key, shown)
    [described, *_] = [described for _, described in files.values()]
    if described.ledger != settings.ledger:
        raise CannotRestore(f"the backup is of the ledger {described.ledger}, and KUTY_LEDGER names {settings.ledger}")
    if broker is not None and "store" not in files:
        raise CannotRestore("--from-topic goes on from a store: name its file, too")
    parts = tuple(part for part in PARTS if part in files)
    begun = Begun(settings)
    places = {part: place_of(settings, part) for part in parts}
    # What has come to its place already, before the same restore was broken off, is not restored again.
    places = {part: place for part, place in places.items() if not begun.has_placed(described.backup, part, place)}
    for place in places.values():
        place.check_empty()
    if "keys" not in files:
        _check_there(place_of(settings, "keys"))
    for place in places.values():
        place.discard()
    migrate(settings)  # what is not in the files has tables, too
    restored = Restored(described.backup, described.taken_at, parts)
    try:
        for part, place in places.items():
            _stage(place, files[part][0], files[part][1].version, key, shown)
        with staged_ledger(settings, tuple(places)) as staged:
            _prove(staged, restored, broker, shown)
        begun.note(described.backup, tuple(places))
        for place in places.values():
            place.take_place()
    except KeysLost as error:
        raise CannotRestore(f"the store or the vault was sealed under other keys than these: {error}") from None
    finally:
        for place in places.values():
            place.discard()
    migrate(settings)
    begun.end()
    return restored


class Begun:
    """That a restore has begun to put what is whole into its places: a file of the home folder until all is there."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.home / settings.ledger / "restoring.json"

    def has_placed(self, backup: str, part: Part, place: Place) -> bool:
        """Whether the part of a backup is in its place, which another restore of the same backup has left so."""
        noted = orjson.loads(self._file.read_bytes()) if self._file.exists() else {}
        if noted.get("backup") != backup or part not in noted["parts"] or place.is_staged():
            return False
        try:
            place.check_empty()
        except NotEmpty:
            return True
        return False

    def note(self, backup: str, parts: Sequence[Part]) -> None:
        """Say which parts of a backup will be put into their places now; those that were before stand there still."""
        before = orjson.loads(self._file.read_bytes()) if self._file.exists() else {}
        placed = before["parts"] if before.get("backup") == backup else []
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            file.write(orjson.dumps({"backup": backup, "parts": sorted({*placed, *parts})}))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._file)

    def end(self) -> None:
        """All of it is there."""
        self._file.unlink(missing_ok=True)


def _check_there(place: Place) -> None:
    """Without its keys nothing that is restored can be read. Raises `CannotRestore`."""
    try:
        place.check_empty()
    except NotEmpty:
        return
    raise CannotRestore(f"there are no keys in {place.name}: name their file, too, or restore them first")


def _stage(place: Place, path: Path, version: int, key: bytes, shown: Shown) -> None:
    reading = Reading(path, key)
    entries = reading.entries()
    with place.staged(version) as filling:
        tables = filling.tables()
        entry = next(entries, None)
        while isinstance(entry, TableBegun):
            if not set(entry.columns) <= set(tables.get(entry.table, ())):
                raise CannotRestore(f"{path} has a table {entry.table} that this program does not know in version {version}")
            rows = _Rows(entries, shown)
            _filled(filling, entry, rows)
            entry = rows.following


class _Rows:
    """The rows of one table; `following` is what comes after them."""

    def __init__(self, entries: Iterator[TableBegun | tuple[Any, ...]], shown: Shown) -> None:
        self._entries = entries
        self._shown = shown
        self.following: TableBegun | None = None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for entry in self._entries:
            if isinstance(entry, TableBegun):
                self.following = entry
                return
            self._shown(1)
            yield entry


def _filled(filling: Filling, begun: TableBegun, rows: _Rows) -> None:
    filling.fill(begun.table, begun.columns, rows)


def _prove(staged: Staged, restored: Restored, broker: Broker | None, shown: Shown) -> None:
    """Verify what is staged, and what the topic adds to it, beside what is there; then do what the record says of keys and
    clients. Raises `CannotRestore`, `Damaged`."""
    store = staged.store
    if staged.opens_nothing_of_the_vault():
        raise CannotRestore("the vault was sealed under other keys than these: take both from one backup")
    taken = store.head()
    found = staged.examined(0, taken, shown)
    differing = staged.differing(taken)
    if broker is not None:
        restored.from_topic = store.append_raw(_after(staged.records(), broker, store.ledger, shown), follower_of)
    restored.head = store.head()
    found += staged.examined(taken, restored.head, shown)
    if set(restored.parts) == set(PARTS):
        found += differing  # of one moment, all of it has to agree
    else:
        restored.differing = _said(differing)
    if "store" in restored.parts:

        def records() -> Iterator[Record]:
            for record in staged.records():
                yield record
                shown(1)

        found += [Amiss(fault.position, fault.stream, fault.what) for fault in verify_chains(records(), store.opened)]
        found += staged.said.of_tables(staged.recorder, restored.head)
        if faults := _said(found):
            named = "; ".join(faults[:MOST_NAMED])
            raise CannotRestore(f"{len(faults)} faults in what was restored, and nothing was put in its place: {named}")
    restored.lost, restored.unnamed, restored.unheld = staged.lost(), staged.unnamed(), staged.unheld()
    staged.carry_out()


def _said(faults: Iterable[Amiss]) -> list[str]:
    return [f"position {fault.position}, {fault.stream}: {fault.what}" for fault in sorted(set(faults))]


def _after(own: Iterator[Record], broker: Broker, ledger: str, shown: Shown) -> Iterator[Record]:
    """What the topic has after the store's last event. Where both have an event it must be the same one."""
    topic = wire.events_topic(ledger)
    for record in records_of(broker, topic) if topic in broker.topics() else ():
        shown(1)
        ours = next(own, None)
        if ours is None:
            yield record
        elif ours.state != record.state:
            raise CannotRestore(
                f"position {record.position} of {topic} is another event than the backup's: there are two histories, and "
                "docs/runbooks/a-store-that-went-back.md says how to choose"
            )
