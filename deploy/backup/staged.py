"""A ledger whose parts are staged, or are there already: what is restored is looked at before it takes its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from consumers.wire import out_topic
from deploy.auditing.chains import FOLLOWERS
from deploy.backup.taking import Shown
from deploy.feed import follower_of
from deploy.migration import BESIDE, Beside, Part, beside, ledger_file, master_key, owner_of
from deploy.settings import Settings
from deploy.wiring import open_recorder
from domain.record import Damaged, Record
from domain.store import (
    STAGED,
    WINDOW,
    Amiss,
    CheckedKeys,
    CheckedVault,
    Database,
    EventStore,
    Keys,
    PostgresDatabase,
    PostgresRecorder,
    Sealer,
    SqliteDatabase,
    SqliteRecorder,
    examine,
    migrate_postgres,
    migrate_sqlite,
    schema_of,
)
from domain.store import Beside as Said

PAGE = 2_000


@dataclass
class Staged:
    """What is staged together with what is there. `said` is what the events that were examined say of keys and vault."""

    keys: CheckedKeys
    vault: CheckedVault
    recorder: PostgresRecorder | SqliteRecorder
    store: EventStore
    said: Said = field(default_factory=Said)

    def opens_nothing_of_the_vault(self) -> bool:
        """Whether these are other keys than those of the vault; one entry alone that does not open differs."""
        try:
            self.vault.check()
        except Damaged:
            return not any(entry.record is not None for entry in self.vault.entries())
        return False

    @cached_property
    def entered(self) -> frozenset[str]:
        """The clients of whom the vault has an entry, until `carry_out`."""
        return frozenset(entry.client for entry in self.vault.entries())

    @cached_property
    def nameless(self) -> dict[str, int]:
        """The recipients who were told something, at this position first, and for whom there is no key that names, until
        `carry_out`."""
        gone = (recipient for recipient in self.said.told if self.keys.found(f"pseudonym/{recipient}") is None)
        return {recipient: self.store.stream(f"recipient/{recipient}/1", 0, 1)[0].position for recipient in gone}

    @cached_property
    def held(self) -> frozenset[tuple[str, str, str]]:
        """The messages that wait by the vault: organisation, task and id."""
        return frozenset((one.sender_org, one.sender_task, one.message_id) for one in self.vault.held_each())

    def topic_of(self, recipient: str) -> str:
        """The topic of what a recipient is told."""
        return out_topic(self.store.ledger, recipient)

    def records(self) -> Iterator[Record]:
        """Every event, from the first one on."""
        for some in self.store.pages(PAGE):
            yield from some

    def examined(self, after: int, upto: int, shown: Shown) -> list[Amiss]:
        """What is amiss in the columns and answers of the events behind a position up to another; what these say is kept."""
        sealer, found = Sealer(self.keys), list[Amiss]()
        for start in range(after, upto, WINDOW):
            window = examine(self.recorder, sealer, follower_of, start, min(start + WINDOW, upto))
            self.said.take(window.said)
            found += window.amiss
            shown(len(window.records))
        return found

    def differing(self, upto: int) -> list[Amiss]:
        """What is there in keys, vault and answers and is not as the events up to a position say. What is not there is told
        apart: `lost`, `unnamed`, `unheld`."""
        there = {key_id for key_id, _ in self.keys.all()}
        said = self.said
        besides = replace(
            said,
            told={recipient for recipient in said.told if recipient not in self.nameless},
            unreadable={key_id: one for key_id, one in said.unreadable.items() if key_id in there},
            destroyed={matter: one for matter, one in said.destroyed.items() if not self._is_lost(matter)},
            registered={client: one for client, one in said.registered.items() if client in self.entered},
            waiting={key: one for key, one in said.waiting.items() if one[:3] in self.held},
        )
        return list(besides.compared(self.recorder, self.keys, self.vault, upto, FOLLOWERS, self.topic_of))

    def lost(self) -> dict[str, int]:
        """The keys that are nowhere, or were given up before, with the position of the first event under each. One that the
        record says was destroyed is not lost."""
        said = self.said
        gone = (one for one in said.unreadable.values() if one.matter not in said.destroyed and self._is_lost(one.matter))
        names = {f"pseudonym/{recipient}": position for recipient, position in self.nameless.items()}
        return {one.key_id: one.position for one in gone} | names

    def _is_lost(self, matter: str) -> bool:
        return self.keys.proof(matter) == ("", True)

    def unnamed(self) -> list[int]:
        """The positions of the registrations of clients who are not in the vault, and whose key is there: nobody erased
        them, and nobody can say who they are."""
        return sorted(self._unnamed().values())

    def _unnamed(self) -> dict[str, int]:
        return {
            client: one.position
            for client, one in self.said.registered.items()
            if client not in self.entered and one.identity_kind is not None and one.matter not in self.said.destroyed
        }

    def unheld(self) -> list[int]:
        """The positions at which it was recorded that messages wait which the vault does not have."""
        return sorted(one.position for one in self.said.waiting.values() if one[:3] not in self.held)

    def carry_out(self) -> None:
        """Do what the record says of keys and clients before anybody can read them: what was destroyed is destroyed, who was
        forgotten is forgotten. Nothing will be sealed under the name of a key that is nowhere; a recipient whose key that is
        is named by a new one from here on, and of a client whom the vault does not know nothing is told by name."""
        said = self.said
        for client in self._unnamed():
            self.vault.give_up(client)
        for one in said.destroyed.values():
            with suppress(LookupError):  # made and destroyed after the backup of the keys
                self.keys.destroy(one.matter)
            registered = said.registered.get(one.stream)
            if registered is not None and registered.matter == one.matter:
                self.vault.forget(one.stream)
        proofs = {one.key_id: one.digest for one in said.destroyed.values()}
        self.keys.give_up(self.keys.lost({*said.unreadable, *proofs}), proofs)
        for recipient in self.nameless:
            Keys.named(self.keys, f"pseudonym/{recipient}")  # here alone, and said: keys that are checked make none


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
        keys = CheckedKeys(at["keys"], master_key(settings))
        recorder = _recorder(settings, staged="store" in parts)
        store = EventStore(recorder, keys, ledger=settings.ledger)
        stack.callback(store.close)
        yield Staged(keys, CheckedVault(at["vault"], keys), recorder, store)


def _database(settings: Settings, part: Beside, *, staged: bool) -> Database:
    if not staged:
        return beside(settings, part)
    if settings.store_dsn:
        return PostgresDatabase(owner_of(settings, part), f"{schema_of(settings.ledger)}_{part}{STAGED}")
    return SqliteDatabase(ledger_file(settings).with_name(f"{part}.db{STAGED}"))


def _recorder(settings: Settings, *, staged: bool) -> PostgresRecorder | SqliteRecorder:
    if not staged:
        return open_recorder(settings)
    if settings.store_dsn:
        owner, name = owner_of(settings, "store"), settings.ledger + STAGED
        migrate_postgres(owner, name)
        return PostgresRecorder(owner, name)
    file = ledger_file(settings)
    file = file.with_name(file.name + STAGED)
    migrate_sqlite(file)
    return SqliteRecorder(file)
