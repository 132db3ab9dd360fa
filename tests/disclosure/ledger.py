"""AS-1 in a real store (SQLite in a folder), for the follower's tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path as Folder
from typing import Any, Literal

import pytest
from disclosure.told import CARDS, RECORD
from given import Step
from stories import CONTRACTS, MEMBERS, OPERATOR, PROVIDERS, READY, REGISTRATION, STEPS, contract, joining, provider

from consumers.disclosed import line_of
from consumers.disclosure import Disclosure
from consumers.wire import publication_of
from domain.chapters.ledgers.decisions import AdvanceClock, OpenLedger
from domain.commands import Command
from domain.context import Caller
from domain.disclosure.publications import Publication
from domain.pathway import Pathway
from domain.store import ClientRecord, EventStore, Keys, SqliteDatabase, SqliteRecorder, StaffCard, Vault, migrate_sqlite


@dataclass
class Ledger:
    """One open ledger with its vault."""

    store: EventStore
    vault: Vault
    folder: Folder

    def follower(self, **but: object) -> Disclosure:
        return Disclosure(self.store, self.vault, **but)  # type: ignore[arg-type]

    def ask(self, step: Step, client: str | None = None) -> str | None:
        """Do a step; returns the client of the answer."""
        command = step.ask(self.store.pathway(client) if client else Pathway("")) if callable(step.ask) else step.ask
        return self.say(command, step.by, client, **dict(step.look_ups))

    def say(self, command: Command, by: Caller, client: str | None = None, **look_ups: object) -> str | None:
        answer = self.store.execute(command, by, uuid.uuid4().hex, client=client, look_ups=look_ups)
        assert answer.status == "recorded", (command, answer)
        return answer.client

    def reach(self, day: date) -> None:
        """Move the ledger's time to the morning of a day."""
        at = datetime.combine(day, time(8), UTC)
        if self.store.now() < at:
            self.say(AdvanceClock(to_at=at), OPERATOR)

    def history(self, steps: Sequence[tuple[str, Step]] = STEPS, then: Callable[[], object] = lambda: None) -> str:
        """A client's history; `then` is done after each step."""
        self.reach(REGISTRATION.on)
        client = self.ask(REGISTRATION)
        assert client is not None
        if self.vault.register(client, ClientRecord.model_validate(dict(RECORD))) != client:
            # Another person of the same name, whose code nobody knows.
            self.vault.register(client, ClientRecord.model_validate({**RECORD, "identity_code": None}))
        then()
        for _, step in steps:
            self.reach(step.on)
            self.ask(step, client)
            then()
        return client

    def told(self, recipient: str, epoch: int | None = None) -> list[Publication]:
        """What a recipient was told in an epoch, the newest unless it is named."""
        number = epoch or line_of(self.store, recipient).epoch
        records = self.store.stream(f"recipient/{recipient}/{number}")
        events = self.store.opened_all(records)
        return [publication_of(r, event) for r, event in zip(records, events, strict=True)]  # type: ignore[arg-type]

    def everything_told(self) -> dict[str, list[tuple[str, str, dict[str, object]]]]:
        """By recipient, kind, type and body of everything about clients, the recipients' own random ids left out."""
        return {
            name: [
                (p.kind, p.type, {n: v for n, v in p.body.items() if not n.endswith("_event_id")})
                for p in self.told(name)
                if p.subject
            ]
            for name in self.store.directory.recipients
        }


def follow(follower: Disclosure) -> None:
    """Until the head."""
    while follower.step():
        pass


@contextmanager
def ledger_in(folder: Folder, **options: Any) -> Iterator[Ledger]:
    """A ledger in a folder, with cards of the staff that takes part in AS-1. `options` are those of the store."""
    migrate_sqlite(folder / "ledger.db")
    keys_at, vault_at = SqliteDatabase(folder / "keys.db"), SqliteDatabase(folder / "vault.db")
    Keys.migrate(keys_at)
    Vault.migrate(vault_at)
    keys = Keys(keys_at, b"k" * 32)
    store = EventStore(SqliteRecorder(folder / "ledger.db"), keys, ledger="test", **options)
    ledger = Ledger(store, Vault(vault_at, keys), folder)
    for person, card in CARDS.items():
        ledger.vault.keep_staff_card(StaffCard(person=person, org="0000001-9", from_on=date(2020, 1, 1), **card))
    try:
        yield ledger
    finally:
        store.close()
        keys_at.close()
        vault_at.close()


def transactions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each transaction of a follower has, from now on."""
    sizes: list[int] = []
    append = EventStore.append

    def measured(store: EventStore, sealed: list[object], **how: object) -> int:
        sizes.append(len(sealed))
        return append(store, sealed, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(EventStore, "append", measured)
    return sizes


def opened(ledger: Ledger, mode: Literal["live", "simulated"] = "simulated", later: str = "") -> Ledger:
    """Opens it and lets everybody join but the one that joins `later`."""
    ledger.say(OpenLedger(organiser_org_id="0000001-9", mode=mode, occurred_on=READY), OPERATOR)
    for member in (one for one in MEMBERS if one[0] != later):
        ledger.say(joining(*member), CONTRACTS)
    for org, kind, site, _, _ in PROVIDERS:
        ledger.say(provider(org, kind, site), CONTRACTS)
    for org, _, site, number, until in PROVIDERS:
        ledger.say(contract(org, number, site, until), CONTRACTS)
    return ledger
