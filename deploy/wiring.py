"""The composition root: from settings to a ledger's parts, its roles, and how far each of them is behind.

Embedded: everything in one process, SQLite files under `home`, the embedded broker. Distributed: PostgreSQL, Kafka, one
process for each role. The code above the ports is the same (design D17).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import psycopg

from consumers import wire
from consumers.broker import KafkaBroker
from consumers.clerk import Clerk
from consumers.disclosure import Disclosure
from consumers.embedded_broker import EmbeddedBroker
from consumers.intake import Intake
from consumers.log import Broker, BrokerError
from consumers.projector import Projector
from consumers.published import last_published
from consumers.relay import Relay
from deploy.beside import Abiding, Forgetting
from deploy.halts import told_of_line
from deploy.lags import Lags
from deploy.migration import keys_database, ledger_file, master_key, migrate, provision, vault_database
from deploy.roles import Role
from deploy.settings import Settings
from domain.directory import Recipient
from domain.disclosure.pseudonyms import Pseudonyms
from domain.store import (
    POSTGRES_SETTINGS,
    EventStore,
    Keys,
    NoLedger,
    PostgresRecorder,
    Receiving,
    SqliteRecorder,
    StoreUnavailable,
    Vault,
    schema_of,
    tables_gone,
)
from projections.kinds import kinds, model_of
from projections.read_models import ReadModels
from projections.read_models_postgres import NotMade, PostgresModels
from projections.read_models_sqlite import SqliteModels

ROLES = ("intake", "clerk", "disclosure", "relay", "projector")
"""In the order in which a command flows through them."""
PROVISIONER = "provisioner"
"""The one role that has the rights of the owner."""
SENDING = ("intake", "disclosure", "relay")
"""Whatever they tell or send names its schema."""
BEFORE_THE_CLOCK = ("intake", "clerk", "disclosure", "relay")
"""These have to be at the head before a simulated ledger's time goes on (design D5)."""
LOOK_DEADLINE_S = 5.0
"""So long the broker is waited for where nothing but an advice depends on it."""
WAIT_S = 0.2
"""How long a role that follows a topic waits for news when it runs on its own, seconds."""


class InUse(Exception):
    """The embedded broker belongs to one process at a time, and another one has it."""


@dataclass
class Wired:
    """One ledger with its parts. A role is made when it is first asked for, and then stays the same."""

    settings: Settings
    keys: Keys
    vault: Vault
    store: EventStore
    models: ReadModels
    wait_s: float
    _given_broker: Broker | None
    _closing: list[Callable[[], None]]
    _pseudonyms: dict[str, Pseudonyms] = field(default_factory=dict)

    @cached_property
    def broker(self) -> Broker:
        """Where the ledger publishes. Raises InUse where another process has the embedded one."""
        if self._given_broker is not None:
            return self._given_broker
        if self.settings.kafka:
            kafka = KafkaBroker(self.settings.connection, wire.codec_of)
            self._closing.insert(0, kafka.close)
            return kafka
        folder = self.settings.home / self.settings.ledger
        owned = owned_by_us(folder / "broker.lock")
        embedded = EmbeddedBroker(self.store.now, folder / "broker.db")
        self._closing[:0] = [embedded.close, owned.close]
        return embedded

    def last_published(self) -> tuple[int, str] | None:
        """Position and hash of the last event on the broker. Raises `StoreUnavailable` where the broker does not say."""
        try:
            return last_published(self.broker, self.store.ledger, self.store.epochs)
        except InUse:
            return None  # the process that has the embedded broker has asked it
        except BrokerError as error:
            raise StoreUnavailable(f"before anything is written it is asked what was published: {error}") from error

    def pseudonyms(self, short_name: str) -> Pseudonyms:
        """A recipient's own names."""
        known = self.pseudonyms_at_hand(short_name)
        if known is None:
            known = self._pseudonyms[short_name] = Pseudonyms(self.store.pseudonym_key(short_name))
        return known

    def pseudonyms_at_hand(self, short_name: str) -> Pseudonyms | None:
        """The same where they were asked for before; the keys are not asked."""
        return self._pseudonyms.get(short_name)

    @cached_property
    def receiving(self) -> Receiving:
        """What decides messages, over Kafka and over HTTP alike."""
        return Receiving(self.store, self.vault, self.pseudonyms, kinds())

    @cached_property
    def intake(self) -> Intake:
        """The role that takes messages in."""
        intake = Intake(
            self.store, self.broker, self.receiving, wait=self.wait_s, explain=told_of_line, schemas=self.settings.schemas
        )
        self._closing.insert(0, intake.close)
        return intake

    @cached_property
    def clerk(self) -> Clerk:
        """The role that watches the calendar."""
        return Clerk(self.store, self.vault)

    @cached_property
    def disclosure(self) -> Disclosure:
        """The role that tells recipients what they may be told."""
        return Disclosure(self.store, self.vault, schemas=self.settings.schemas)

    @cached_property
    def relay(self) -> Relay:
        """The role that publishes."""
        return Relay(
            self.store,
            self.broker,
            self.pseudonyms,
            window=self.settings.relay_window,
            heartbeat_s=self.settings.heartbeat_s,
            replication=self.settings.replication or None,
            schemas=self.settings.schemas,
        )

    @cached_property
    def projector(self) -> Projector:
        """The role that keeps the read models."""
        # The embedded broker stamps records with the ledger's own time, which in a simulated one is no measure.
        clock = None if self.settings.embedded else time.time
        projector = Projector(
            self.broker, self.store.ledger, self.models, self.recipients, wait=self.wait_s, clock=clock,
            note=self.store.place, explain=told_of_line,
        )  # fmt: skip
        self._closing.insert(0, projector.close)
        return projector

    @cached_property
    def provisioner(self) -> Provisioner:
        """The role that makes read models for recipients that join."""
        return Provisioner(self.settings, self.recipients)

    @cached_property
    def forgetting(self) -> Forgetting:
        """What lets content go from the memory of a process that nobody asks for anything."""
        return Forgetting(self.keys)

    @cached_property
    def abiding(self) -> Abiding:
        """What ends a process whose epoch is over."""
        return Abiding(self.store)

    def recipients(self) -> list[Recipient]:
        """Every recipient that has joined, a moment ago at the latest."""
        return list(self.store.recent_directory.recipients.values())

    def role(self, name: str) -> Role:
        """A role by its name, to be run. Raises KeyError, and WrongSetting where what it tells or sends would name schemas
        on the reader's own machine: for a live ledger, and where the broker is beyond this one."""
        if name not in (PROVISIONER, *ROLES):
            raise KeyError(name)
        beyond = bool(self.settings.kafka) and not self.settings.connection.on_this_machine
        if name in SENDING and (beyond or self.store.mode == "live"):
            self.settings.check_schemas_address()
        role: Role = getattr(self, name)
        return role

    def roles(self, names: Sequence[str] = (PROVISIONER, *ROLES)) -> list[Role]:
        """Roles by their names; without models on PostgreSQL there is nothing to provision."""
        on_postgres = self.settings.models_dsn or self.settings.store_dsn
        return [self.role(name) for name in names if name != PROVISIONER or on_postgres]

    def wait(self) -> None:
        """Return when something may have been committed, after a second at the latest."""
        self.store.wait_for_commit(1.0)

    @cached_property
    def lags(self) -> Lags:
        """How far behind roles and recipients are."""
        return Lags(self.store, self.models, lambda: self.intake, lambda: self.clerk)

    def lag(self) -> dict[str, int]:
        """For each role, how many records it is behind: from what is stored, so that any process can ask."""
        return self.lags.of_roles()

    def lagging(self) -> list[str]:
        """The roles that the clock of a simulated ledger has to wait for."""
        lag = self.lag()
        return [name for name in BEFORE_THE_CLOCK if lag[name]]

    def close(self) -> None:
        """Let go of everything, the roles first."""
        for close in self._closing:
            close()


class Provisioner:
    """Makes the schema and the role of each recipient that joins, with the rights of the owner (design D8, D19)."""

    name = PROVISIONER

    def __init__(self, settings: Settings, recipients: Callable[[], Sequence[Recipient]]) -> None:
        self._settings = settings
        self._recipients = recipients
        self._made: set[str] = set()

    def step(self) -> int:
        """Make what is missing; how many there were. Raises `NotMade` when all others are made."""
        missing = {r.short_name for r in self._recipients() if model_of(r)} - self._made
        if missing:
            try:
                provision(self._settings, sorted(missing))
            except NotMade as failed:
                self._made |= missing - failed.short_names
                raise
            self._made |= missing
        return len(missing)


def open_ledger_parts(
    settings: Settings, *, wait_s: float = WAIT_S, broker: Broker | None = None, apart: Settings | None = None
) -> Wired:
    """The parts of a ledger whose tables are there. `broker` stands instead of the one in the settings, and is not closed;
    keys and vault are where `apart` says, when they are not beside the store.

    Raises NotMigrated, WrongSetting, StoreUnavailable, psycopg's errors.
    """
    recorder = open_recorder(settings)  # first: it says plainly when no tables are there
    keys_at, vault_at = keys_database(apart or settings), vault_database(apart or settings)
    keys = Keys(keys_at, master_key(apart or settings))
    store = EventStore(recorder, keys, ledger=settings.ledger)
    models_dsn = settings.models_dsn or settings.store_dsn
    models: ReadModels = (
        PostgresModels(models_dsn, settings.ledger)
        if models_dsn
        else SqliteModels(settings.home / settings.ledger / "models", settings.ledger)
    )
    closing: list[Callable[[], None]] = [models.close, store.close, keys_at.close, vault_at.close]
    wired = Wired(settings, keys, Vault(vault_at, keys), store, models, wait_s, broker, closing)
    store.ask_first(wired.last_published)
    return wired


def open_recorder(settings: Settings) -> PostgresRecorder | SqliteRecorder:
    """The tables of the store alone. Raises NotMigrated, NewerTables, StoreUnavailable, psycopg's errors, and StoreWentBack
    where there are none and the ledger's events topic has something."""
    try:
        if not settings.store_dsn:
            return SqliteRecorder(ledger_file(settings))
        # A pool hides why it gets no connection; asked once without it, the database itself says so.
        psycopg.connect(settings.store_dsn, **POSTGRES_SETTINGS).close()
        return PostgresRecorder(settings.store_dsn, settings.ledger)
    except NoLedger as missing:
        topic = wire.events_topic(settings.ledger)
        if _has_records(settings, topic):
            where = f"schema {schema_of(settings.ledger)}" if settings.store_dsn else str(ledger_file(settings))
            raise tables_gone(f"{topic} has records", where, str(missing)) from missing
        raise


def _has_records(settings: Settings, topic: str) -> bool:
    """Whether a topic on Kafka has any, as far as the broker says so soon."""
    if not settings.kafka:
        return False
    soon = min(settings.kafka_deadline_s, LOOK_DEADLINE_S)
    with closing(KafkaBroker(replace(settings, kafka_deadline_s=soon).connection)) as broker:
        try:
            return broker.end_offsets([topic])[topic] > 0
        except BrokerError:
            return False


def owned_by_us(lock: Path) -> IO[bytes]:
    """Hold a file until it is closed or the process ends. Raises InUse when another process holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)  # with a store on PostgreSQL nothing else has made it
    file = lock.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InUse(f"another process has the ledger in {lock.parent} open: ask it over HTTP, or stop it first") from None
    return file


@contextmanager
def opened(settings: Settings, *, wait_s: float = WAIT_S, broker: Broker | None = None) -> Iterator[Wired]:
    """The parts of a ledger, tables made or brought to the newest version first, closed at the end."""
    migrate(settings)
    parts = open_ledger_parts(settings, wait_s=wait_s, broker=broker)
    try:
        yield parts
    finally:
        parts.close()


def total(lag: Callable[[], Mapping[str, int]]) -> Callable[[], int]:
    """The sum over roles, for `settle`."""
    return lambda: sum(lag().values())
