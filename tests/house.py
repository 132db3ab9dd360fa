"""One embedded ledger with its door, driven step by step: history AS-1 up to a row, then whatever a test wants to try."""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from described import Described, served
from fastapi.testclient import TestClient
from stories import CONTRACTS, COUNTY, MEMBERS, OPERATOR, PROVIDERS, REGISTRATION, STEPS, contract, joining, provider

from api.app import create_app
from api.caller import Claims, DevelopmentIssuer, Verifier
from consumers import wire
from consumers.log import Entry
from deploy.describe.served import agency_documents, published_schemas
from deploy.roles import settle
from deploy.serving import door_of
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from domain.answers import Answer
from domain.chapters.ledgers.decisions import AdvanceClock, OpenLedger
from domain.commands import Command
from domain.context import HELSINKI, Caller
from domain.identifiers import synthetic_identity_code
from domain.store import ClientRecord, registration

WITHOUT_ROUTE = frozenset({"open_ledger", "destroy_payload_key"})
"""Commands that come with a door, or from the command line alone."""
LEDGER = "house"
CODE = synthetic_identity_code(date(1998, 5, 14), 903)
UNKNOWN_CODE = synthetic_identity_code(date(1991, 2, 3), 904)
PERSON = ClientRecord(family_name="Esimerkki", given_names="Aino", identity_code=CODE, home_municipality="837")
AINO = "a" * 31 + "1"
OPENED = date(2025, 1, 2)
REQUEST = "request-of-the-house-1"
"""The same for all requests, so that the bytes of answers can be compared."""
ISSUER = DevelopmentIssuer(Ed25519PrivateKey.generate(), lambda: datetime.now(UTC))


@dataclass
class House:
    """The ledger, a client called Aino, and a web client."""

    wired: Wired
    http: TestClient
    aino: str = ""
    _ids: Iterator[int] = field(default_factory=itertools.count)
    _run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    # --- history ---

    def lay_out(self) -> None:
        at = {"occurred_on": OPENED}
        self.execute(OpenLedger(organiser_org_id=COUNTY, mode="simulated", **at), OPERATOR)
        for member in MEMBERS:
            self.execute(joining(*member, **at), CONTRACTS)
        for org, kind, site, number, until in PROVIDERS:
            self.execute(provider(org, kind, site, **at), CONTRACTS)
            self.execute(contract(org, number, site, until, **at), CONTRACTS)

    def until(self, row: str) -> House:
        """AS-1 up to and including a row."""
        self.lay_out()
        self.on(REGISTRATION.on)
        kept = self.aino = self.wired.vault.register(AINO, PERSON)
        self.execute(
            REGISTRATION.ask,
            REGISTRATION.by,
            client=kept,
            look_ups=registration(PERSON, kept, kept),  # type: ignore[arg-type]
        )
        for label, step in STEPS:
            self.on(step.on)
            pathway = self.wired.store.pathway(kept)
            command = step.ask(pathway) if callable(step.ask) else step.ask
            by = step.by if step.by.role != "client" else Caller(step.by.org, step.by.task, "client", kept)
            self.execute(command, by, client=kept)
            if label == row:
                return self
        raise KeyError(row)

    def on(self, day: date) -> None:
        """Move the clock to nine in the morning of the day, unless it is there."""
        moment = datetime.combine(day, time(9), HELSINKI)
        if self.wired.store.now() < moment:
            self.execute(AdvanceClock(to_at=moment), OPERATOR)

    def execute(self, command: Command, by: Caller, **options: Any) -> Answer:
        answer = self.wired.store.execute(command, by, self.id(), **options)
        assert answer.status == "recorded", (command, answer)
        return answer

    def id(self) -> str:
        return f"step-{next(self._ids)}-{self._run}"

    def settle(self) -> None:
        settle(self.wired.roles(), lambda: sum(self.wired.lag().values()))

    # --- names ---

    def name(self, short_name: str, reference: str | None = None) -> str:
        """A recipient's own name for a reference, for Aino unless another is given."""
        return self.wired.pseudonyms(short_name).of(reference or self.aino)

    @property
    def pathway(self) -> Any:
        return self.wired.store.pathway(self.aino)

    # --- over HTTP ---

    def headers(self, by: Caller | None, **more: str) -> dict[str, str]:
        more = {"x-request-id": REQUEST, **more}
        if by is None:
            return more
        person = self.name("county", by.person) if by.role == "client" else by.person
        claims = Claims(ledger=LEDGER, org=by.org, task=by.task, role=by.role, person=person, purpose=by.purpose)
        return {"authorization": f"Bearer {ISSUER.token(claims)}", **more}

    @property
    def paths(self) -> dict[str, dict[str, Any]]:
        """What the served document says of each operation, by path and method."""
        return served(self.http.app).paths

    def post(self, path: str, by: Caller | None, body: Any, key: str | None = None, **headers: str) -> Any:
        """Post to a path below the ledger; bytes go as they are."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {"idempotency-key": key or self.id(), "content-type": "application/json", **headers}
        if "ce-id" in named:
            named = {"ce-specversion": "1.0", **named}
        named = {name: value for name, value in named.items() if value}
        return self.http.post(f"/ledgers/{LEDGER}{path}", content=raw, headers=self.headers(by, **named))

    def get(self, path: str, caller: Caller | None, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        return self.http.get(f"/ledgers/{LEDGER}{path}", params=query, headers=self.headers(caller, **(headers or {})))

    # --- over Kafka ---

    def send(self, short_name: str, message_id: str, type_name: str, body: Any, specversion: str | None = "1.0") -> None:
        """Append a message to a recipient's topic, as its own system would."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = [("ce_id", message_id.encode()), ("ce_type", type_name.encode())]
        if specversion is not None:
            headers.append(("ce_specversion", specversion.encode()))
        entry = Entry(message_id.encode(), raw, tuple(headers))
        [outcome] = self.wired.broker.append([(wire.in_topic(LEDGER, short_name), entry)])
        assert outcome.status == "acknowledged"

    def receipts(self, short_name: str) -> list[dict[str, Any]]:
        """Everything on a recipient's receipts topic."""
        topic = wire.receipts_topic(LEDGER, short_name)
        return [orjson.loads(read.value) for read in self.wired.broker.read(topic, 0, 1000)]


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """An empty ledger in a folder."""
    with opened(Settings(home=folder, ledger=LEDGER), wait_s=0) as wired, Described(app_of(wired)) as http:
        yield House(wired, http)


@cache
def furnished(row: str) -> Path:
    """AS-1 up to a row, settled, in a folder to copy from: laying it out takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="kuty-house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with house(folder) as home:
        home.until(row).settle()
    return folder


@contextmanager
def house_after(row: str, folder: Path) -> Iterator[House]:
    """AS-1 up to a row, settled."""
    shutil.copytree(furnished(row), folder, dirs_exist_ok=True)
    with house(folder) as home:
        home.aino = AINO
        yield home


def app_of(wired: Wired) -> Any:
    """The application, with tokens that tests sign themselves."""
    doors, verifier = {LEDGER: door_of(wired)}, Verifier(ISSUER.public_key)
    return create_app(
        doors, verifier, development=ISSUER, agency_documents=agency_documents(),
        published_schemas=published_schemas(wired.settings.schemas),
    )  # fmt: skip
