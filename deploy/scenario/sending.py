"""One command on its way: over HTTP by a person, over Kafka or `POST /in` by an agency's system; and its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from consumers import wire
from consumers.log import Entry
from deploy.scenario.bodies import with_references
from deploy.scenario.cast import Cast
from deploy.scenario.doing import ENTRIES
from deploy.scenario.naming import Naming
from deploy.scenario.story import Action, Person
from deploy.scenario.world import World
from domain.messages import CLIENT, IDENTITY_CODE

RECEIPT_DEADLINE_S = 60.0
POLL_S = 0.2
BATCH = 500
JSON = "application/json"


class NoAnswer(Exception):
    """No receipt came within the deadline, or the broker did not take the message."""


@dataclass(frozen=True, slots=True)
class Came:
    """An answer. `request` and `answer` are shown; `http` is 0 over Kafka."""

    request: str
    answer: str
    status: str
    codes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    http: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


class Sending:
    """Sends commands into one world."""

    def __init__(self, world: World, cast: Cast, naming: Naming) -> None:
        self._world = world
        self._rested_at = -1
        self._cast = cast
        self._naming = naming
        self._tags: dict[str, list[str]] = {}

    def send(self, action: Action, command_id: str) -> Came:
        """Send a command under its id and wait for its answer. Raises NotThere, NoAnswer."""
        if action.person is not None:
            return self._by_person(action, action.person, command_id)
        raw = self._raw(action, self._sent_by(action))
        type_name = f"{action.command}.v1"
        if self._world.on_kafka:
            return self._over_kafka(action.recipient, command_id, type_name, raw)
        return self._over_in(action.recipient, command_id, type_name, raw)

    def rest(self) -> None:
        """Wait until all that was recorded has come to rest; at once when nothing was recorded since the last time."""
        if self._world.store.head() != self._rested_at:
            self._world.settle()
            self._rested_at = self._world.store.head()

    def token(self, person: Person) -> str:
        """Who calls, signed. A client is the organiser's pseudonym of the client."""
        name = self._naming.client(person.name, self.short_name(person)) if person.role == "client" else person.name
        return self._world.token(person, name)

    def short_name(self, person: Person) -> str:
        """The recipient whose names a person uses."""
        found = [r.short_name for r in self._cast.recipients.values() if (r.org, r.task) == (person.org, person.task)]
        return found[0]

    def _by_person(self, action: Action, person: Person, command_id: str) -> Came:
        short_name, sender = self.short_name(person), (person.org, person.task)
        path = f"/ledgers/{self._world.ledger}"
        if action.kind.target == "client":
            path += f"/clients/{self._naming.client(action.client, short_name)}"
        path += f"/{action.kind.path}"
        body = with_references(
            action.kind, action.fields, lambda name, sort: self._naming.reference(name, sort, short_name, sender)
        )
        raw = self._raw(action, body)
        headers = {
            "authorization": f"Bearer {self.token(person)}",
            "idempotency-key": command_id,
            "content-type": JSON,
            "accept-language": "en",
        }
        tags = self._tags.setdefault(action.client, [])
        if action.stale and len(tags) > 1:
            headers["if-match"] = tags[-2]
        answer = self._world.request("POST", path, headers, raw)
        if "etag" in answer.headers:
            tags.append(answer.headers["etag"])
        return came_over_http(f"POST {path} by {person.name}", answer.status, answer.body)

    def _sent_by(self, action: Action) -> dict[str, Any]:
        recipient = self._cast.recipient(action.recipient)
        sender, short_name = (recipient.org, recipient.task), recipient.short_name

        def named(fields: Mapping[str, Any]) -> dict[str, Any]:
            return with_references(
                action.kind, fields, lambda name, sort: self._naming.reference(name, sort, short_name, sender)
            )

        body = named(action.fields)
        if action.entries:
            entries = [{CLIENT: self._naming.client(name, short_name), **named(own)} for name, own in action.entries]
            return {**body, ENTRIES: entries}
        if action.kind.target == "client":
            if action.by_identity_code:
                body[IDENTITY_CODE] = self._cast.given.clients[action.client].identity_code
            else:
                body[CLIENT] = self._naming.client(action.client, short_name)
        return body

    def _raw(self, action: Action, body: Mapping[str, Any]) -> bytes:
        return orjson.dumps(body) if action.raw is None else action.raw.encode()

    def _over_in(self, short_name: str, message_id: str, type_name: str, raw: bytes) -> Came:
        recipient = self._cast.recipient(short_name)
        system = Person("system", recipient.org, recipient.task, "system")
        path = f"/ledgers/{self._world.ledger}/in/{short_name}"
        headers = {
            "authorization": f"Bearer {self._world.token(system, 'system')}",
            "content-type": JSON,
            "ce-specversion": "1.0",
            "ce-id": message_id,
            "ce-type": type_name,
            "ce-source": recipient.org,
        }
        answer = self._world.request("POST", path, headers, raw)
        return came_over_http(f"POST {path} {type_name}", answer.status, answer.body)

    def _over_kafka(self, short_name: str, message_id: str, type_name: str, raw: bytes) -> Came:
        broker, ledger = self._world.broker, self._world.ledger
        receipts = wire.receipts_topic(ledger, short_name)
        after = broker.end_offsets([receipts])[receipts]
        topic = wire.in_topic(ledger, short_name)
        headers = (
            ("ce_id", message_id.encode()),
            ("ce_source", self._cast.recipient(short_name).org.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_type", type_name.encode()),
            ("content-type", JSON.encode()),
        )
        [outcome] = broker.append([(topic, Entry(message_id.encode(), raw, headers))])
        if outcome.status != "acknowledged":
            raise NoAnswer(f"the broker did not take the message: {outcome.status} {outcome.code}".rstrip())
        request = f"{topic} offset {outcome.offset} {type_name}"
        self._rested_at = -1  # nothing is recorded yet, but something is on its way
        self.rest()
        offset, content = self._receipt(receipts, after, message_id, outcome.offset)
        return came(request, f"{receipts} offset {offset}", content)

    def _receipt(self, topic: str, after: int, message_id: str, sent_at: int) -> tuple[int, dict[str, Any]]:
        """The receipt that names the message, or for bytes that nobody could read its offset."""
        give_up_at = time.monotonic() + RECEIPT_DEADLINE_S
        while time.monotonic() < give_up_at:
            for read in self._world.broker.read(topic, after, BATCH, POLL_S):
                after = read.offset + 1
                content: dict[str, Any] = orjson.loads(read.value)
                unreadable = content.get("status") == "quarantined" and content.get("offset") == sent_at
                if content.get("message_id") == message_id or unreadable:
                    return read.offset, content
        raise NoAnswer(f"no receipt of {message_id} on {topic} within {RECEIPT_DEADLINE_S:.0f} s")


def came_over_http(request: str, status: int, raw: bytes) -> Came:
    """The answer to a request: a receipt, or the problem that stands instead of it."""
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        content = {}
    if status >= 400 and "status" in content and not isinstance(content["status"], str):
        content = {**content, "status": "refused"}
    return came(request, f"{status}", content, status)


def came(request: str, at: str, content: Mapping[str, Any], http: int = 0) -> Came:
    """What a receipt or a problem says."""
    status = str(content.get("status", "not understood"))
    codes, warnings = _codes(content.get("codes", ())), _codes(content.get("warnings", ()))
    words = [at, status]
    if content.get("number") is not None:
        words.append(f"number {content['number']}")
    words += [*codes, *warnings, *content.get("facts", ())]
    refused = codes if status in ("refused", "quarantined") or content.get("first") == "refused" else ()
    return Came(request, " ".join(words), status, refused, warnings, tuple(content.get("references", ())), http, content)


def _codes(listed: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(entry["code"]) for entry in listed)
