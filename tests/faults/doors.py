"""The two ways into a ledger in these tests: an embedded one, and one whose every part may be killed at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

import orjson
import psycopg
from faults.crew import LOOK_AGAIN_S, until
from faults.history import Sent

from api.caller import Claims
from consumers import wire
from consumers.log import BrokerError, BrokerUnavailable, Entry, Reader
from deploy.scenario.story import Person
from deploy.serving import issuer_of
from deploy.wiring import Wired
from deploy.world import LedgerWorld
from domain.store import StoreUnavailable
from projections.kinds import kinds

ANSWER_DEADLINE_S = 120.0
UNAVAILABLE = 503
BROKEN = (BrokerError, StoreUnavailable, psycopg.Error, OSError)
"""What a look from outside may meet while a part is down."""


class Http:
    """Commands over HTTP, asked until they are answered. `lost` counts the answers that never came."""

    def __init__(self, wired: Wired, server: tuple[str, int]) -> None:
        self.wired = wired
        self.lost = 0
        self._server = server
        self._issuer = issuer_of(wired.settings)

    def ask(self, person: Person, path: str, command_id: str, body: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
        claims = Claims(
            ledger=self.wired.store.ledger, org=person.org, task=person.task, role=person.role, person=person.name
        )
        return self.post(path, claims, {"idempotency-key": command_id}, body, sent)

    def post(
        self, path: str, claims: Claims, headers: Mapping[str, str], body: Mapping[str, Any], sent: Sent
    ) -> dict[str, Any]:
        """Ask until there is an answer. A broken connection and a 503 mean the same: unknown, ask again."""
        named = {"authorization": f"Bearer {self._issuer.token(claims)}", "content-type": "application/json", **headers}
        give_up_at = time.monotonic() + ANSWER_DEADLINE_S
        pause = threading.Event()
        while True:
            answer: tuple[int, bytes] = (UNAVAILABLE, b"no answer")
            with suppress(OSError, HTTPException):
                answer = self._once(f"/ledgers/{self.wired.store.ledger}/{path}", named, orjson.dumps(body), sent)
            status, raw = answer
            if status != UNAVAILABLE:
                assert status < 500, f"{path}: {status} {raw!r}"
                return {**orjson.loads(raw), "http": status}
            self.lost += 1
            assert time.monotonic() < give_up_at, f"{path} was not answered: {raw!r}"
            pause.wait(LOOK_AGAIN_S)

    def _once(self, path: str, headers: Mapping[str, str], raw: bytes, sent: Sent) -> tuple[int, bytes]:
        connection = HTTPConnection(*self._server, timeout=30.0)
        try:
            connection.request("POST", path, raw, dict(headers))
            sent()
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Embedded(Http):
    """An undisturbed ledger in this process; agencies' systems send over `POST /in`."""

    def __init__(self, world: LedgerWorld, server: tuple[str, int]) -> None:
        super().__init__(world.wired, server)
        self._world = world

    def tell(self, recipient: str, message_id: str, kind: str, body: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
        own = self.wired.store.directory.recipients[recipient]
        role: Any = kinds().of(own).roles[0]
        claims = Claims(ledger=self.wired.store.ledger, org=own.org, task=own.task, role=role, person="system")
        headers = {"ce-specversion": "1.0", "ce-id": message_id, "ce-type": f"{kind}.v1", "ce-source": own.org}
        return self.post(f"in/{recipient}", claims, headers, body, sent)

    def rest(self) -> None:
        self._world.settle()


class Distributed(Http):
    """A ledger whose API and roles are processes of their own; agencies' systems send over Kafka."""

    def __init__(self, wired: Wired, server: tuple[str, int]) -> None:
        super().__init__(wired, server)
        self._agencies: dict[str, str] = {}
        self._receipts: Receipts | None = None

    def begin(self) -> None:
        """Wait for the topics of everybody who has joined, and follow their receipts."""
        self._agencies = {name: one.org for name, one in self.wired.store.directory.recipients.items()}
        wanted = {topic for name in self._agencies for topic in wire.recipient_topics(self.wired.store.ledger, name)}
        until(lambda: wanted <= self.wired.broker.topics().keys(), "topics", ANSWER_DEADLINE_S)
        self._receipts = Receipts(self.wired, list(self._agencies))

    def tell(self, recipient: str, message_id: str, kind: str, body: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
        """Sent until the broker has it, which may be more than once."""
        headers = (
            ("ce_id", message_id.encode()),
            ("ce_source", self._agencies[recipient].encode()),
            ("ce_specversion", b"1.0"),
            ("ce_type", f"{kind}.v1".encode()),
        )
        entry = Entry(message_id.encode(), orjson.dumps(body), headers)
        topic = wire.in_topic(self.wired.store.ledger, recipient)
        until(lambda: self._taken(topic, entry), f"{topic} takes {message_id}", ANSWER_DEADLINE_S)
        sent()
        assert self._receipts is not None
        return self._receipts.of(recipient, message_id)

    def rest(self) -> None:
        until(self._is_quiet, "rest", ANSWER_DEADLINE_S)

    def close(self) -> None:
        """Stop following receipts."""
        if self._receipts is not None:
            self._receipts.close()

    def _taken(self, topic: str, entry: Entry) -> bool:
        try:
            [outcome] = self.wired.broker.append([(topic, entry)])
        except BrokerUnavailable:
            return False
        assert outcome.status != "refused", outcome
        return outcome.status == "acknowledged"

    def _is_quiet(self) -> bool:
        try:
            return not self.wired.lagging()
        except BROKEN:
            return False


class Receipts:
    """What an agency's own system keeps: every receipt that has come, by recipient and message id."""

    def __init__(self, wired: Wired, recipients: list[str]) -> None:
        self._broker = wired.broker
        self._topics = {wire.receipts_topic(wired.store.ledger, name): name for name in recipients}
        self._offsets = dict.fromkeys(self._topics, 0)
        self._came: dict[tuple[str, str], dict[str, Any]] = {}
        self._news = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="receipts", daemon=True)
        self._thread.start()

    def of(self, recipient: str, message_id: str) -> dict[str, Any]:
        """The first receipt that names the message."""
        with self._news:
            came = self._news.wait_for(lambda: self._came.get((recipient, message_id)), ANSWER_DEADLINE_S)
        assert came is not None, f"no receipt of {message_id} for {recipient}"
        return came

    def close(self) -> None:
        """End following."""
        self._closed.set()
        self._thread.join(ANSWER_DEADLINE_S)

    def _follow(self) -> None:
        while not self._closed.is_set():
            # A reader whose broker went away is thrown away; the offsets are ours.
            with suppress(BrokerError):
                reader = self._broker.reader()
                try:
                    self._read(reader)
                finally:
                    reader.close()
            self._closed.wait(LOOK_AGAIN_S)

    def _read(self, reader: Reader) -> None:
        reader.follow(self._offsets)
        while not self._closed.is_set():
            polled = reader.poll(500, 0.5)
            with self._news:
                for topic, reads in polled.items():
                    for read in reads:
                        receipt = orjson.loads(read.value)
                        self._came.setdefault((self._topics[topic], receipt["message_id"]), receipt)
                    self._offsets[topic] = reads[-1].offset + 1
                self._news.notify_all()
