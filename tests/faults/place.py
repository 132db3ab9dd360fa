"""A served ledger with one client, asked over HTTP: what a person reads and writes, what an agency's system sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

import orjson
from faults.doors import Embedded
from faults.history import History

from api.caller import Claims
from deploy.scenario.story import Person
from deploy.scenario.world import HttpAnswer
from deploy.serving import app_of, issuer_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from deploy.world import LedgerWorld

FIRST_DAYS = 3
"""Until the client has a case."""
REQUEST_DEADLINE_S = 60.0
RECORDED = (200, 201)
UNAVAILABLE = 503


@contextmanager
def begun(settings: Settings) -> Iterator[tuple[LedgerWorld, Place]]:
    """A ledger in which a client has a case, open and served here, its roles moved step by step."""
    server = (settings.host, settings.port)
    with opened(settings, wait_s=0.0) as wired, served(app_of(wired), *server):
        world = LedgerWorld(wired, server)
        history = History(Embedded(world, server), 1, 1)
        history.give()
        world.provide()
        history.run(FIRST_DAYS)
        world.settle()
        yield world, Place.of(history, wired)


@dataclass(frozen=True)
class Place:
    """Who asks, and of whom. Each answers at once, whatever the answer is; raises OSError where nothing answers."""

    settings: Settings
    history: History
    own_name: str
    """The county's pseudonym of the client."""
    sign: Callable[[Claims], str]
    """Gives a token."""

    @classmethod
    def of(cls, history: History, wired: Wired, sign: Callable[[Claims], str] | None = None) -> Place:
        """Development tokens unless somebody else signs."""
        own_name = wired.pseudonyms("county").of(history.references["C1"])
        return cls(wired.settings, history, own_name, sign or issuer_of(wired.settings).token)

    @property
    def reference(self) -> str:
        """The client's in the store."""
        return self.history.references["C1"]

    def read(self) -> HttpAnswer:
        """What the county knows of the client, from its read model; who looked is written down first."""
        return self.request("GET", f"recipients/county/clients/{self.own_name}/case", self._worker())

    def follow(self) -> HttpAnswer:
        """The line of what the county is told, which its own system reads: nobody has looked at anybody."""
        return self.request("GET", "out/county?limit=5", self._worker())

    def line(self) -> tuple[str, dict[str, str]]:
        """Where that line is asked for, and with which headers."""
        named = {"authorization": f"Bearer {self.token(self._worker())}"}
        return f"/ledgers/{self.settings.ledger}/out/county?limit=5", named

    def health(self) -> HttpAnswer:
        """How far each role is behind."""
        return self.request("GET", "health", self._worker())

    def is_at_rest(self) -> bool:
        """Whether every role is at the head; not while that cannot be said."""
        try:
            answer = self.health()
        except (OSError, HTTPException):
            return False
        return answer.status == 200 and bool(orjson.loads(answer.body)["at_head"])

    def write(self, key: str) -> HttpAnswer:
        """A command of the county about the client; another fact for each key."""
        body = {"service": "other", "service_note": key, "told_by": "client"}
        return self.request("POST", f"clients/{self.own_name}/parallel-services", self._worker(), body, key)

    def send(self, message_id: str) -> HttpAnswer:
        """An agency's message about the client, who is named by the identity code."""
        code = self.history.people["C1"].identity_code
        body = {"source": "employment_authority", "legal_basis": "LB-189-PLAN", "identity_named": ["identity_code"],
                "identity_code": code}  # fmt: skip
        recipient = self.history.cast.recipients["employment-authority-referrer"]
        system = Person("system", recipient.org, recipient.task, "referrer")
        named = {"ce-id": message_id, "ce-type": "submit_referral.v1", "ce-specversion": "1.0"}
        return self.request("POST", f"in/{recipient.short_name}", system, body, named=named)

    def recorded(self, wired: Wired) -> list[str]:
        """The ids of the commands and messages whose facts the client's record has, in their order."""
        return [fact.command_id for fact in wired.store.pathway(self.reference).facts.values()]

    def request(
        self, method: str, path: str, person: Person, body: Mapping[str, Any] | None = None, key: str = "",
        named: Mapping[str, str] | None = None,
    ) -> HttpAnswer:  # fmt: skip
        """As the person, over a connection of its own."""
        headers = {"authorization": f"Bearer {self.token(person)}", **(named or {})}
        if key:
            headers["idempotency-key"] = key
        if body is not None:
            headers["content-type"] = "application/json"
        connection = HTTPConnection(self.settings.host, self.settings.port, timeout=REQUEST_DEADLINE_S)
        try:
            path = f"/ledgers/{self.settings.ledger}/{path}"
            connection.request(method, path, orjson.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return HttpAnswer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def token(self, person: Person) -> str:
        """A token of the person."""
        claims = Claims(
            ledger=self.settings.ledger, org=person.org, task=person.task, role=person.role, person=person.name
        )
        return self.sign(claims)

    def _worker(self) -> Person:
        return self.history.cast.person("W-01")


def said_in(answer: HttpAnswer) -> str:
    """What a problem says is wrong, and what to do about it."""
    [code] = orjson.loads(answer.body)["codes"]
    return f"{code['text']} {code['what_to_do']}"
