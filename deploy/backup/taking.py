"""`kuty backup`: the parts of a ledger as they are at one moment, each into a sealed file of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from deploy.backup.content import Described, Writing
from deploy.backup.places import PARTS, place_of
from deploy.backup.sealed_file import SealingFile
from deploy.migration import Part
from deploy.settings import Settings
from domain.store import Snapshot, one_moment

MADE = frozenset({"migrations"})
"""Says of which version the tables are; the file's description says it."""
ENDING = ".kuty"
LAST = "last-backup.json"
"""In the ledger's folder in the home folder: by part, when it was last taken, in which backup and in which file."""

Shown = Callable[[int], Any]
"""Is told of so many more rows."""


def take(settings: Settings, parts: Sequence[Part], folders: Mapping[Part, Path], key: bytes, shown: Shown) -> list[Path]:
    """Take a backup of some parts while everything runs; the files, which exist once all of them are whole.

    Raises `NotMigrated`, `NewerTables`, `StoreUnavailable`, OSError with the file's name, also where the disk is full.
    """
    backup, wanted = secrets.token_hex(8), tuple(part for part in PARTS if part in parts)
    for folder in folders.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with one_moment({part: place_of(settings, part) for part in wanted}) as moment, ExitStack() as stack:
        taken_at = datetime.now(UTC).replace(microsecond=0)
        files: dict[Part, SealingFile] = {}
        for part in wanted:
            version, snapshot = moment[part]
            path = folders[part] / f"{settings.ledger}-{taken_at:%Y%m%dT%H%M%SZ}-{backup[:4]}-{part}{ENDING}"
            file = files[part] = stack.enter_context(SealingFile(path, key))
            described = Described(backup, part, settings.ledger, taken_at, snapshot.kind, version, wanted)
            _copy(snapshot, Writing(file, described), shown)
            file.finish()
        # The store's last: who finds that has them all.
        for file in files.values():
            file.publish()
    _note(settings, {part: {"taken_at": taken_at, "backup": backup, "file": str(file.path.resolve())}
                     for part, file in files.items()})  # fmt: skip
    return [file.path for file in files.values()]


def _copy(snapshot: Snapshot, writing: Writing, shown: Shown) -> None:
    for table, columns in snapshot.tables().items():
        if table in MADE:
            continue
        writing.table(table, columns)
        for row in snapshot.rows(table, columns):
            writing.row(row)
            shown(1)
    writing.end()


def last_backups(settings: Settings) -> dict[str, dict[str, Any]]:
    """By part, the last backup that was taken with this home folder: `taken_at` (UTC), `backup`, `file`."""
    try:
        found: dict[str, dict[str, Any]] = orjson.loads(_last_file(settings).read_bytes())
    except FileNotFoundError:
        return {}
    return found


def _note(settings: Settings, taken: Mapping[Part, Mapping[str, Any]]) -> None:
    file = _last_file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{secrets.token_hex(4)}")
    unfinished.write_bytes(orjson.dumps({**last_backups(settings), **taken}, option=orjson.OPT_UTC_Z))
    os.replace(unfinished, file)


def _last_file(settings: Settings) -> Path:
    return settings.home / settings.ledger / LAST
