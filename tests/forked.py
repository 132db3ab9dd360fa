"""A ledger whose store went back and took commands: of its topic and its store each has a history of its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from described import Local
from house import AINO, LEDGER, House, app_of
from psycopg import sql
from stories import INSTRUCTOR, INTAKE, STEPS

from consumers import wire
from deploy.cli import main
from deploy.feed import feed_of_store, feed_of_topic
from deploy.migration import ledger_file
from deploy.settings import Settings
from deploy.wiring import opened
from domain.disclosure.publications import FIRST_HASH
from domain.identifiers import synthetic_identity_code
from domain.record import Record
from domain.store import schema_of
from projections.kinds import model_of

PROVIDER = "provider-s01"
NEW_CODE = synthetic_identity_code(date(1985, 6, 7), 905)
TABLES = ("events", "answers", "tracking", "acknowledged", "parked", "ledger")


@dataclass
class Ledger:
    """Where it lies. The store alone is copied and put back: keys, vault and broker stay."""

    settings: Settings
    copies: int = 0
    ids: list[str] = field(default_factory=list)

    @contextmanager
    def house(self, *, guarded: bool = True) -> Iterator[House]:
        """Its parts and its door; unguarded it asks nobody what was published."""
        with opened(self.settings, wait_s=0) as wired, Local(app_of(wired)) as http:
            if not guarded:
                wired.store.ask_first(lambda: None)
            home = House(wired, http, aino=AINO)
            yield home

    def copy(self) -> str:
        """The store as it is."""
        self.copies += 1
        name = f"copy_{self.copies}"
        if not self.settings.store_dsn:
            copied(ledger_file(self.settings), self.settings.home / name)
            return name
        with psycopg.connect(self.settings.owner_dsn or self.settings.store_dsn) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            for table in TABLES:
                names = {"new": sql.Identifier(name, table), "old": sql.Identifier(schema_of(self.settings.ledger), table)}
                connection.execute(sql.SQL("CREATE TABLE {new} AS SELECT * FROM {old}").format(**names))
        return name

    def put_back(self, name: str) -> None:
        """A copy in its place, as a backup is restored."""
        if not self.settings.store_dsn:
            copied(self.settings.home / name, ledger_file(self.settings))
            return
        with psycopg.connect(self.settings.owner_dsn or self.settings.store_dsn) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in TABLES:
                names = {"old": sql.Identifier(name, table), "new": sql.Identifier(schema_of(self.settings.ledger), table)}
                connection.execute(sql.SQL("DELETE FROM {new}").format(**names))
                connection.execute(sql.SQL("INSERT INTO {new} SELECT * FROM {old}").format(**names))
            # As a server does that is started on what was restored.
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )

    def kuty(self, *words: str) -> int:
        """The command in this process; its exit code."""
        kept = dict(os.environ)
        os.environ.update(self.settings.environment())
        try:
            return main(words)
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def adopt(self, *words: str) -> int:
        return self.kuty("ledger", "adopt", "--by", "T-01", "--second", "C-01", *words)

    def new_epoch(self, *words: str) -> int:
        return self.kuty("ledger", "new-epoch", "--by", "T-01", "--second", "C-01", *words)


def copied(source: Path, target: Path) -> None:
    """The whole of one file in another one."""
    for rest in ("", "-wal", "-shm"):
        target.with_name(target.name + rest).unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as given, closing(sqlite3.connect(target)) as taken:
        given.backup(taken)


def go_on(home: House, after: str, until: str, *without: str) -> None:
    """AS-1 from behind one row up to another, some left out."""
    labels = [label for label, _ in STEPS]
    for label, step in STEPS[labels.index(after) + 1 : labels.index(until) + 1]:
        if label in without:
            continue
        home.on(step.on)
        command = step.ask(home.pathway) if callable(step.ask) else step.ask
        home.execute(command, step.by, client=home.aino)


@dataclass
class Fork:
    """What only the fork has: how each command was answered over HTTP, by its key."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)


def attendance(home: House, on: date, **but: Any) -> dict[str, Any]:
    """A day as the provider's system says it."""
    period = home.name("provider-s01", next(iter(home.pathway.periods)))
    return {"period_id": period, "day_status": "present", "hours": 5, "occurred_on": on.isoformat(), **but}


def fork(home: House) -> Fork:
    """Commands that a store takes which does not know that it went back: a new client, days of a known one, a refusal, a
    wish without effect, and what intake finds on the topic of the provider."""
    found = Fork()

    def post(path: str, by: Any, body: Any, key: str) -> None:
        answer = home.post(path, by, body, key=key)
        found.answers[key] = {**answer.json(), "http": answer.status_code}

    new = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": NEW_CODE}
    post("/clients", INTAKE, {**new, "family_name": "Uusi"}, "f-client")
    days = f"/clients/{home.name('provider-s01')}/attendance"
    home.on(date(2025, 3, 6))
    for n, on in enumerate((date(2025, 3, 3), date(2025, 3, 4))):
        post(days, INSTRUCTOR, attendance(home, on), f"f-day-{n}")
    post(days, INSTRUCTOR, attendance(home, date(2025, 3, 4)), "f-idle")
    post(days, INSTRUCTOR, attendance(home, date(2025, 3, 4), hours=3), "f-refused")
    body = {"client": home.name("provider-s01"), **attendance(home, date(2025, 3, 6), hours=4)}
    home.send("provider-s01", "m-fork", "record_attendance.v1", body)
    while home.wired.intake.step():
        pass
    while home.wired.disclosure.step():
        pass
    return found


def forked(ledger: Ledger) -> Fork:
    """A settled ledger at row 12 of AS-1, whose topic has gone on to row 14 and whose store has gone on otherwise."""
    with ledger.house() as home:
        older = ledger.copy()
        body = {"client": home.name("provider-s01"), **attendance(home, date(2025, 3, 3))}
        home.send("provider-s01", "m-topic", "record_attendance.v1", body)
        home.settle()
        go_on(home, "present 2025-03-03", "14", "present 2025-03-04", "present 2025-03-06")
        home.settle()
    ledger.put_back(older)
    with ledger.house(guarded=False) as home:
        return fork(home)


class Forked(Ledger):
    """One of these, laid out once and copied for each test."""

    fork: Fork

    @property
    def kept(self) -> Path:
        return self.settings.home / LEDGER / "given-up-of-epoch-1.jsonl"

    def records(self) -> list[Record]:
        with self.house(guarded=False) as home:
            return list(feed_of_store(home.wired).records())

    def published(self) -> list[Record]:
        with feed_of_topic(self.settings) as feed:
            return list(feed.records())


def audited(ledger: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    """Store and topic are one history, and every audit of it holds."""
    for words in (("chains",), ("chains", "--from-topic"), ("decisions",), ("decisions", "--from-topic")):
        capsys.readouterr()
        assert ledger.kuty("audit", *words) == 0, (words, capsys.readouterr().out)
    assert [(r.state, r.epoch) for r in ledger.records()] == [(r.state, r.epoch) for r in ledger.published()]


def check_models(ledger: Forked) -> None:
    """No line of a recipient stands still, and the line that answers is contiguous and chained as it went out."""
    with ledger.house() as home:
        for recipient in home.wired.recipients():
            told = [
                publication
                for read in home.wired.broker.read(wire.out_topic(LEDGER, recipient.short_name), 0, 10_000)
                if (publication := wire.read_publication(read)) is not None
            ]
            if not told or not model_of(recipient):
                continue
            feed = home.wired.models.of(recipient.short_name).feed()
            assert (feed.halted, feed.waiting_for) == ("", 0), recipient.short_name
            newest = [one for one in told if one.epoch == feed.live_epoch == max(each.epoch for each in told)]
            assert [one.sequence for one in newest] == list(range(1, len(newest) + 1)), recipient.short_name
            before = FIRST_HASH
            for one in newest:
                assert one.previous_hash == before
                before = one.hash
