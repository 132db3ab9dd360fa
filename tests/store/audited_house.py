"""A small ledger with clients in its vault and a telling, what an audit says of it, and ways to spoil it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from store.small_ledger import LEDGER, MASTER_KEY, PROVIDER, SYSTEM, WORKER, Ground, Join, RecordDay, Register

from deploy.auditing.chains import Found, audit_store
from deploy.auditing.parts import Audited
from deploy.settings import Settings
from domain.context import Draft
from domain.disclosure.publications import FIRST_HASH
from domain.disclosure.publish import commitment
from domain.events import DisclosureMade, Event, PayloadKeyDestroyed, SubjectIdentifierChanged
from domain.identifiers import synthetic_identity_code
from domain.store import CheckedKeys, ClientRecord, StaffCard, Use

ASIDE = 1_000_000
"""A position behind the feed, for what changes places."""
CODES = [synthetic_identity_code(date(1990, 5, 17 + n), 901 + n) for n in range(2)]
CARD = StaffCard(person="w1", org="county", from_on=date(2025, 1, 1), staff_name="Eeva Esimerkki")


class House:
    """A small ledger with two clients in the vault, days, a telling, and what an audit says of it."""

    first_day = date(2025, 1, 2)

    def __init__(self, ground: Ground, folder: Path) -> None:
        self.ground, self.folder = ground, folder
        self.store = ground.open()
        self.vault = ground.vault()
        self.clients: list[str] = []
        for code in CODES:
            self.enter(code)
        for n in range(3):
            self.store.execute(RecordDay(on=date(2025, 1, 2 + n)), PROVIDER, f"m{n + 1}", client=self.clients[n % 2])
        self.store.execute(Join(org_id="s01"), WORKER, "join")
        self.store.execute(RecordDay(on=date(2025, 1, 6), notice=True), PROVIDER, "m4", client=self.clients[0])
        self.vault.keep_staff_card(CARD)
        self.vault.log_use([self.look(client) for client in self.clients])
        self.tell()

    def enter(self, code: str) -> None:
        """A client, and afterwards the identity code that was not known at first."""
        answer = self.store.execute(Register(), WORKER, f"register-{code}")
        assert answer.client is not None
        self.clients.append(answer.client)
        self.vault.register(answer.client, ClientRecord(given_names="Aino", identity_code=code))
        self.append(answer.client, SubjectIdentifierChanged(identifier_change="identity_code_added"), self.matter(-1))

    def append(self, stream: str, event: Event, matter: str) -> None:
        """As another process records it, without deciding anything."""
        elsewhere = self.ground.open()
        draft = Draft(event, new_id(), date(2025, 1, 6), matter)
        version, hash_ = elsewhere.stream_end(stream)
        record = elsewhere.build(stream, version + 1, hash_, draft, SYSTEM, new_id())
        elsewhere.append([record], tracking=("tests", elsewhere.tracking("tests"), elsewhere.head() + 1))
        elsewhere.close()

    def look(self, client: str) -> Use:
        at = datetime(2025, 1, 2, 9, tzinfo=UTC)
        return Use(used_at=at, subject_ref=client, org="county", task="organiser", role="own_worker", person="w1",
                   purpose="service", what="read")  # fmt: skip

    def tell(self) -> None:
        fact = self.store.stream(self.clients[0])[1]
        event = DisclosureMade(
            publication_id="ab" * 16, source_event_id=fact.header.event_id, commitment_salt="a7" * 32,
            commitment=commitment("a7" * 32, fact.hash), legal_basis="LB-UI-ATT", previous_publication_hash=FIRST_HASH,
            cell="D", field_set_version="1",
            publication={"type": "t", "kind": "fact", "source": "s", "subject": "x", "time": "2025-01-02T09:00:00Z"},
        )  # fmt: skip
        draft = Draft(event, "d" * 32, date(2025, 1, 6), fact.header.matter, causation=fact.header.event_id)
        self.store.pseudonym_key("provider-s01")
        told = self.store.build("recipient/provider-s01/1", 1, "", draft, SYSTEM, "d" * 32)
        self.store.append([told], tracking=("disclosure", 0, self.store.head()))

    def matter(self, client: int = 0) -> str:
        return self.store.stream(self.clients[client])[0].header.matter

    def record_destruction(self, client: int = 0, digest: str = "") -> None:
        """As the command records it: the fact alone, in the ledger's matter."""
        matter = self.matter(client)
        event = PayloadKeyDestroyed(
            destroyed_matter=matter, destroyed_key_id=f"{matter}/1", destroyed_at=datetime(2035, 1, 1, tzinfo=UTC),
            destruction_digest=digest or self.store.keys.proof(matter)[0],
        )  # fmt: skip
        self.append(self.clients[client], event, "ledger")

    def tampered(self, *statements: str, values: tuple[Any, ...] = ()) -> None:
        """As somebody who owns the store's tables. `values` are those of the first statement."""
        with self.ground.asked() as ask:
            guards = self.ground.guards_off(ask)
            for n, statement in enumerate(statements):
                ask(statement, () if n else values)
            for guard in guards:
                ask(guard)

    def ask(self, statement: str) -> list[Any]:
        """A question to the store's tables."""
        with self.ground.asked() as ask:
            return ask(statement)

    def asked(self, database: str, *statements: str) -> None:
        """As somebody who owns the tables of keys, or of the vault."""
        self.ground.owned(database).write(lambda ask: [ask(statement, ()) for statement in statements])

    def audited(self, **options: Any) -> Found:
        keys_at, vault_at = self.ground.database("keys"), self.ground.database("vault")
        settings = Settings(home=self.folder, ledger=LEDGER)
        parts = Audited(settings, self.ground.recorder(), keys_at, vault_at, CheckedKeys(keys_at, MASTER_KEY))
        try:
            return audit_store(parts, lambda _: None, processes=1, **options)
        finally:
            parts.close()

    def faults(self) -> list[str]:
        return [fault.what for fault in self.audited().faults]


def new_id() -> str:
    return uuid.uuid4().hex
