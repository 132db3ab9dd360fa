"""A ledger whose parts are staged, or are there already: what is restored is looked at before it takes its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deploy.backup.taking import Shown
from deploy.migration import BESIDE, Beside, Part, beside, ledger_file, master_key, owner_of
from deploy.settings import Settings
from deploy.wiring import open_recorder
from domain.disclosure.kept import recipient_of
from domain.events import PayloadKeyDestroyed, SubjectRegistered
from domain.record import Record
from domain.store import (
    STAGED,
    Database,
    EventStore,
    Keys,
    NotMigrated,
    PostgresDatabase,
    PostgresRecorder,
    SqliteDatabase,
    SqliteRecorder,
    Vault,
    migrate_postgres,
    migrate_sqlite,
    schema_of,
)

PAGE = 2_000


@dataclass
class Staged:
    """What is staged together with what is there. `store` is none where there is none yet."""

    keys: Keys
    vault: Vault
    store: EventStore | None

    def records(self) -> Iterator[Record]:
        """Every event, from the first one on."""
        for some in self.store.pages(PAGE) if self.store is not None else ():
            yield from some

    def give_up_lost(self, shown: Shown) -> dict[str, int]:
        """The keys that are nowhere, with the position of the first event under each; nothing will be sealed under them. One
        that the record says was destroyed is not lost. A recipient whose key is lost is named by a new one from here on."""
        first: dict[str, int] = {}
        told: dict[str, int] = {}
        destroyed: set[str] = set()
        for record in self.records():
            first.setdefault(record.header.key_id, record.position)
            if found := recipient_of(record.header.stream):
                told.setdefault(f"pseudonym/{found[0]}", record.position)
            if record.header.name == PayloadKeyDestroyed.NAME and self.store is not None:
                event = self.store.opened(record)
                destroyed |= {event.destroyed_key_id} if isinstance(event, PayloadKeyDestroyed) else set()
            shown(1)
        gone = self.keys.lost(first)
        self.keys.give_up(gone)
        names = [name for name in told if self.keys.found(name) is None]
        for name in names:
            self.keys.named(name)
        return {key_id: first[key_id] for key_id in gone if key_id not in destroyed} | {name: told[name] for name in names}

    def unnamed(self) -> Iterator[int]:
        """The positions of the registrations of clients who are not in the vault, and whose key is there: nobody erased
        them, and nobody can say who they are."""
        after = 0
        while self.store is not None and (some := self.store.records(after, PAGE, [SubjectRegistered.NAME])):
            known = self.vault.get([record.header.stream for record in some])
            keys = self.keys.get({record.header.key_id for record in some})
            for record in some:
                if record.header.stream not in known and record.header.key_id in keys:
                    yield record.position
            after = some[-1].position


@contextmanager
def staged_ledger(settings: Settings, parts: Sequence[Part]) -> Iterator[Staged]:
    """The parts that are staged, brought to the newest version, beside those that are in their place.

    Raises `WrongMasterKey` where the keys are not those of the master key.
    """
    with ExitStack() as stack:
        at: dict[Beside, Database] = {}
        for part, tables in BESIDE:
            database = at[part] = _database(settings, part, staged=part in parts)
            stack.callback(database.close)
            if part in parts:
                tables.migrate(database)
        keys = Keys(at["keys"], master_key(settings))
        try:
            recorder = _recorder(settings, staged="store" in parts)
        except NotMigrated:
            recorder = None
        store = EventStore(recorder, keys, ledger=settings.ledger) if recorder else None
        if store is not None:
            stack.callback(store.close)
        yield Staged(keys, Vault(at["vault"], keys), store)


def _database(settings: Settings, part: Beside, *, staged: bool) -> Database:
    if not staged:
        return beside(settings, part)
    if settings.store_dsn:
        return PostgresDatabase(owner_of(settings, part), f"{schema_of(settings.ledger)}_{part}{STAGED}")
    return SqliteDatabase(ledger_file(settings).with_name(f"{part}.db{STAGED}"))


def _recorder(settings: Settings, *, staged: bool) -> PostgresRecorder | SqliteRecorder:
    if not staged:
        if not settings.store_dsn and not ledger_file(settings).exists():
            raise NotMigrated(f"no ledger in {ledger_file(settings)}")
        return open_recorder(settings)
    if settings.store_dsn:
        owner, name = owner_of(settings, "store"), settings.ledger + STAGED
        migrate_postgres(owner, name)
        return PostgresRecorder(owner, name)
    file = ledger_file(settings)
    file = file.with_name(file.name + STAGED)
    migrate_sqlite(file)
    return SqliteRecorder(file)
