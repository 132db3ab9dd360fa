"""A small ledger for tests of the store alone: a handful of commands, and the two grounds it can stand on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

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

LEDGER = "hyvinvointialue-1"
MASTER_KEY = b"k" * 32
WORKER = Caller("county", "organiser", "own_worker", "w1")
PROVIDER = Caller("s01", "provider", "instructor", "i1")
SYSTEM = Caller("county", "organiser", "system", "system")
CASE = "ca5e" * 8
PERIOD = "0e" * 16
ROLES = frozenset({"own_worker", "instructor", "system"})
MOST_DAYS = 1000
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


@dataclass(frozen=True)
class Ground:
    """A place for a ledger. It can be sent to another process, which opens the same ledger there."""

    kind: str
    place: str

    def database(self, name: str) -> PostgresDatabase | SqliteDatabase:
        if self.kind == "postgresql":
            return PostgresDatabase(self.place, f"kuty_{name}")
        return SqliteDatabase(Path(self.place) / f"{name}.db")

    def migrate(self) -> None:
        Keys.migrate(self.database("keys"))
        Vault.migrate(self.database("vault"))
        if self.kind == "postgresql":
            migrate_postgres(self.place, LEDGER)
        else:
            migrate_sqlite(Path(self.place) / "ledger.db")

    def keys(self, clock: Callable[[], float] = time.monotonic) -> Keys:
        return Keys(self.database("keys"), MASTER_KEY, clock=clock)

    def vault(self) -> Vault:
        return Vault(self.database("vault"), self.keys())

    def recorder(self) -> PostgresRecorder | SqliteRecorder:
        if self.kind == "postgresql":
            return PostgresRecorder(self.place, LEDGER)
        return SqliteRecorder(Path(self.place) / "ledger.db")

    def open(self, *, clock: Callable[[], float] = time.monotonic, **options: Any) -> EventStore:
        return EventStore(self.recorder(), self.keys(clock), ledger=LEDGER, kind_of=kind_of, **options)

    def rename_table(self, before: str, after: str) -> None:
        """As the owner of the ledger's tables might by mistake."""
        if self.kind == "postgresql":
            with psycopg.connect(self.place, autocommit=True) as connection:
                connection.execute(f"ALTER TABLE {schema_of(LEDGER)}.{before} RENAME TO {after}")
        else:
            with closing(sqlite3.connect(Path(self.place) / "ledger.db")) as connection:
                connection.execute(f"ALTER TABLE {before} RENAME TO {after}")
