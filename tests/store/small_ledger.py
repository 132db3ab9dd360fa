"""A small ledger for tests of the store alone: a handful of commands, and the two grounds it can stand on."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from deploy.migration import APPENDED, BESIDE, grant
from domain import events as e
from domain.chapters.ledgers.decisions import AdvanceClock, OpenLedger, advance_clock, open_ledger
from domain.commands import ClientCommand, Command, CommandKind
from domain.context import Caller, Context, Draft
from domain.directory import Directory
from domain.pathway import Pathway
from domain.refusals import refuse
from domain.store import (
    EventStore,
    Keys,
    PostgresDatabase,
    PostgresRecorder,
    SqliteDatabase,
    SqliteRecorder,
    Vault,
    migrate_postgres,
    migrate_sqlite,
    schema_of,
)
from projections.read_models_postgres import make_login

LEDGER = "hyvinvointialue-1"
MASTER_KEY = b"k" * 32
WORKER = Caller("county", "organiser", "own_worker", "w1")
LOGIN, PASSWORD = "kuty_small_ledger", "secret"
"""Under which a ledger on PostgreSQL is used: it owns nothing, as in a ledger whose logins are divided."""
PROVIDER = Caller("s01", "provider", "instructor", "i1")
SYSTEM = Caller("county", "organiser", "system", "system")
CASE = "ca5e" * 8
PERIOD = "0e" * 16
ROLES = frozenset({"own_worker", "instructor", "system"})
MOST_DAYS = 1000
TABLES_BESIDE = {
    "keys": ("matter_keys", "named_keys", "destroyed_keys"),
    "vault": ("clients", "staff", "held", "uses"),
}
"""What a backup of the keys, and one of the vault, is of."""
WITHIN_S = 10.0
"""So long after a key was destroyed nothing that it opened is left in any process."""


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


class Register(Command):
    NAME = "register"


class RecordDay(ClientCommand):
    NAME = "record_day"
    on: date
    hours: float = 4.0
    notice: bool = False
    at_most: int = MOST_DAYS


class CorrectHours(ClientCommand):
    NAME = "correct_hours"
    target: str
    hours: float | None


class Join(Command):
    NAME = "join"
    org_id: str


class Stumble(ClientCommand):
    NAME = "stumble"


def register(pathway: Pathway, command: Register, context: Context) -> list[Draft]:
    if pathway.registered:
        return []
    event = e.SubjectRegistered(identity_kind="none", registered_from="referral")
    return [context.draft(event, context.today, context.new_id("matter"))]


def record_day(pathway: Pathway, command: RecordDay, context: Context) -> list[Draft]:
    if pathway.version == 0:
        raise refuse("E_STATE")
    if len(pathway.days) >= command.at_most:
        raise refuse("E_WEEK_DAYS", "/on")
    known = pathway.days.get(command.on)
    if known:
        return []
    day = e.AttendanceRecorded(
        case_id=CASE, period_id=PERIOD, placement_id="91" * 16, account="provider", day_status="present", hours=command.hours
    )
    drafts = [context.draft(day, command.on, pathway.client_matter, warnings=("W_SHORT_DAY",) if command.hours < 4 else ())]
    if command.notice:
        notice = e.NotificationDue(
            case_id=CASE, notification_id=context.new_id("notification"), notification_kind="start", recipient_org_id="kela",
            about_event_id=drafts[0].event_id, due_on=command.on,
        )  # fmt: skip
        drafts.append(context.draft(notice, command.on, pathway.client_matter, causation=drafts[0].event_id))
    return drafts


def correct_hours(pathway: Pathway, command: CorrectHours, context: Context) -> list[Draft]:
    event = e.FactCorrected(
        target_event_id=command.target, correction_reason="wrong_entry", new_values={"hours": command.hours}
    )
    return [context.draft(event, context.today, pathway.client_matter, corrects=command.target)]


def join(directory: Directory, command: Join, context: Context) -> list[Draft]:
    if directory.organisation(command.org_id):
        return []
    event = e.OrganisationJoined(
        org_id=command.org_id, org_name="Provider", agency_kind="provider", transport="hosted",
        contact_mailbox="a@b.example",
        tasks=(e.TaskFrom(task="provider", from_on=context.today, short_name="provider-s01"),),
    )  # fmt: skip
    return [context.draft(event, context.today, "ledger")]


def stumble(pathway: Pathway, command: Stumble, context: Context) -> list[Draft]:
    raise RuntimeError("a mistake in a decision")


KINDS: Mapping[type[Command], CommandKind] = {
    kind.command: kind
    for kind in (
        CommandKind(Register, register, "new_client", "clients", ROLES),
        CommandKind(RecordDay, record_day, "client", "days", ROLES),
        CommandKind(CorrectHours, correct_hours, "client", "corrections", ROLES),
        CommandKind(Stumble, stumble, "client", "stumbles", ROLES),
        CommandKind(Join, join, "directory", "organisations", ROLES),
        CommandKind(OpenLedger, open_ledger, "ledger", "ledger", ROLES),
        CommandKind(AdvanceClock, advance_clock, "ledger", "clock", ROLES),
    )
}


def kind_of(command: type[Command]) -> CommandKind:
    """The commands of this file."""
    return KINDS[command]


OPENED: list[PostgresDatabase | SqliteDatabase] = []
"""What tests have opened of keys and vaults: a store that is closed leaves them open to whoever else has them, and a server
takes so many connections and no more."""


@contextmanager
def fresh_ground(kind: str, place: str) -> Iterator[Ground]:
    """A fresh, migrated place for a ledger; of keys and vaults nothing stays open behind it."""
    ground = Ground(kind, place)
    ground.migrate()
    try:
        yield ground
    finally:
        while OPENED:
            OPENED.pop().close()


@dataclass(frozen=True)
class Ground:
    """A place for a ledger. It can be sent to another process, which opens the same ledger there.

    On PostgreSQL `place` is the owner's; whatever is opened is used under a login that owns nothing."""

    kind: str
    place: str

    @property
    def login(self) -> str:
        """The connection string of whoever uses the ledger."""
        return make_conninfo(self.place, user=LOGIN, password=PASSWORD)

    def database(self, name: str) -> PostgresDatabase | SqliteDatabase:
        return self._database(name, self.login if self.kind == "postgresql" else "")

    def owned(self, name: str) -> PostgresDatabase | SqliteDatabase:
        """The same as its owner has it."""
        return self._database(name, self.place)

    def _database(self, name: str, dsn: str) -> PostgresDatabase | SqliteDatabase:
        on_server = self.kind == "postgresql"
        made = PostgresDatabase(dsn, f"kuty_{name}") if on_server else SqliteDatabase(Path(self.place) / f"{name}.db")
        OPENED.append(made)
        return made

    def migrate(self) -> None:
        if self.kind == "postgresql":
            make_login(self.place, LOGIN, PASSWORD)
            migrate_postgres(self.place, LEDGER, role=LOGIN)
        else:
            migrate_sqlite(Path(self.place) / "ledger.db")
        for name, tables in BESIDE:
            if self.kind == "postgresql":
                tables.migrate(self.owned(name))
                grant(self.place, f"kuty_{name}", LOGIN, APPENDED[name])
            else:
                tables.migrate(self.database(name))

    def keys(self, clock: Callable[[], float] = time.monotonic) -> Keys:
        return Keys(self.database("keys"), MASTER_KEY, clock=clock)

    def vault(self) -> Vault:
        return Vault(self.database("vault"), self.keys())

    def recorder(self) -> PostgresRecorder | SqliteRecorder:
        if self.kind == "postgresql":
            return PostgresRecorder(self.login, LEDGER)
        return SqliteRecorder(Path(self.place) / "ledger.db")

    def open(self, *, clock: Callable[[], float] = time.monotonic, **options: Any) -> EventStore:
        return EventStore(self.recorder(), self.keys(clock), ledger=LEDGER, kind_of=kind_of, **options)

    def rename_table(self, before: str, after: str) -> None:
        """As the owner of the ledger's tables might by mistake."""
        with self.asked() as ask:
            ask(f"ALTER TABLE {before} RENAME TO {after}")

    def kept(self) -> list[list[Any]]:
        """What a backup of the ledger's tables has in it now."""
        with self.asked() as ask:
            return [ask(f"SELECT * FROM {table}") for table in ("events", "answers")]

    def restore(self, backup: list[list[Any]], *, cut: bool = True) -> None:
        """Put a backup in the place of what is there. `cut`: as a server that is started again, or a file that is put there,
        does with connections."""
        with self.asked() as ask:
            guards = self.guards_off(ask)
            for table, rows in zip(("events", "answers"), backup, strict=True):
                ask(f"DELETE FROM {table}")
                for row in rows:
                    ask(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
            for guard in guards:
                ask(guard)
            if cut and self.kind == "postgresql":
                ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid()")  # fmt: skip
        if cut and self.kind != "postgresql":
            ledger = Path(self.place) / "ledger.db"
            copy = ledger.with_suffix(".copy")
            with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            for rest in ("-wal", "-shm"):
                ledger.with_name(ledger.name + rest).unlink(missing_ok=True)
            copy.rename(ledger)

    def restore_over(self, backup: list[list[Any]]) -> None:
        """Put a backup over what is there, as a restore does that makes the tables anew: no connection ends."""
        if self.kind == "postgresql":
            with self.asked() as ask:
                self.guards_off(ask)
                ask("TRUNCATE events, answers")
            self.restore(backup, cut=False)
            return
        with tempfile.TemporaryDirectory() as folder:
            elsewhere = Ground("sqlite", folder)
            migrate_sqlite(Path(folder) / "ledger.db")
            elsewhere.restore(backup, cut=False)
            with (
                closing(sqlite3.connect(Path(folder) / "ledger.db")) as source,
                closing(sqlite3.connect(Path(self.place) / "ledger.db")) as target,
            ):
                source.backup(target)

    def guards_off(self, ask: Callable[..., list[Any]]) -> list[str]:
        """Events are only ever appended: a restore is not asked. How the guards are made again."""
        if self.kind == "postgresql":
            ask("SET session_replication_role = replica")
            return []
        guards = ask("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in guards:
            ask(f"DROP TRIGGER {name}")
        return [made for _, made in guards]

    @contextmanager
    def asked(self) -> Iterator[Callable[..., list[Any]]]:
        """Questions to the ledger's tables by their owner, in one transaction."""
        if self.kind == "postgresql":
            with psycopg.connect(self.place, options=f'-c search_path="{schema_of(LEDGER)}"') as connection:

                def ask(statement: str, values: Any = ()) -> list[Any]:
                    cursor = connection.execute(statement.encode(), values)
                    return cursor.fetchall() if cursor.description else []

                yield ask
        else:
            with closing(sqlite3.connect(Path(self.place) / "ledger.db")) as file, file:
                yield lambda statement, values=(): file.execute(statement.replace("%s", "?"), values).fetchall()


def kept(ground: Ground, name: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a backup of the keys or the vault has in it now, by table."""
    database = ground.owned(name)
    found = {table: database.read(f"SELECT * FROM {table}") for table in TABLES_BESIDE[name]}
    database.close()
    return found


def put_back(ground: Ground, name: str, backup: Mapping[str, list[tuple[Any, ...]]]) -> None:
    """Put a backup of the keys or the vault in the place of what is there, under the connections that there are."""
    database = ground.owned(name)

    def work(ask: Callable[..., Any]) -> None:
        for table, rows in backup.items():
            ask(f"DELETE FROM {table}", ())
            for row in rows:
                ask(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)

    database.write(work)
    database.close()


def put_of_version(ground: Ground, name: str, tables: Sequence[str]) -> None:
    """Put empty tables of keys or vault, of the last of these versions, in the place of those that are there."""
    owner = ground.owned(name)
    owner.write(lambda ask: [ask(f"DROP TABLE {table}", ()) for table in (*TABLES_BESIDE[name], "migrations")])
    owner.migrate(tables)
    if ground.kind == "postgresql":
        grant(ground.place, f"kuty_{name}", LOGIN, APPENDED[name])
    owner.close()
