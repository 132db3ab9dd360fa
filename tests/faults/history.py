"""A small demonstration given from outside: workers over HTTP, agencies' systems by messages, each asked until answered.

What one client's people do on a day is done in order, the clients beside each other. Ids of commands are made from client
and number, so that two runs of one seed ask for the same under the same ids.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from deploy.demo import FACT, MORNING, demo_given
from deploy.scenario.bodies import with_references
from deploy.scenario.cast import Cast
from deploy.scenario.given import keep_cards, lay_out, register
from deploy.scenario.story import Action, Person
from deploy.synthetic import FIRST_REFERRAL, deeds_of, synthetic_clients
from deploy.wiring import Wired
from domain.context import HELSINKI
from domain.messages import BY_MESSAGE, CLIENT, IDENTITY_CODE
from domain.rulebook import COMMANDS

CLOCK = Person("clock", "", "organiser", "system")
OPENED_ON = FIRST_REFERRAL - timedelta(days=1)

Sent = Callable[[], None]
"""To be called when a command is on its way and its answer is not known yet."""


class Doors(Protocol):
    """The ways into a ledger. An answer always comes: whatever breaks on the way, the same is asked again."""

    wired: Wired

    def ask(self, person: Person, path: str, command_id: str, body: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
        """A command over HTTP, and its answer."""

    def tell(self, recipient: str, message_id: str, kind: str, body: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
        """An agency's message, and its receipt."""

    def rest(self) -> None:
        """Return when nobody for whom the clock has to wait has anything left to do."""


class Progress:
    """Is told of each command, by its number from 1. This one does nothing about it."""

    def sent(self, number: int) -> None:
        """It is on its way."""

    def answered(self, number: int) -> None:
        """Its answer is known."""


@dataclass
class History:
    """One run. After `run`, `answers` are by command id."""

    doors: Doors
    clients: int
    seed: int
    progress: Progress = field(default_factory=Progress)
    cast: Cast = field(default_factory=lambda: Cast(demo_given()))
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    senders: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.people = synthetic_clients(self.clients, self.seed)
        self._parts: dict[str, str] = {}
        self._facts: dict[str, str] = {}
        self._lock = threading.Lock()
        self._count = 0
        self._days: dict[date, dict[str, list[tuple[str, Action]]]] = defaultdict(lambda: defaultdict(list))
        for name in self.people:
            for number, deed in enumerate(deeds_with_mistakes(name, self.cast, self.seed)):
                self._days[deed.on][name].append((f"{name}-{number}", deed))
        self.left = sorted(self._days)

    @property
    def commands(self) -> int:
        """How many commands there are."""
        return sum(len(deeds) for by_client in self._days.values() for deeds in by_client.values())

    @property
    def with_effect(self) -> dict[str, tuple[str, str]]:
        """The senders of the commands that left a trace. What had no effect is answered as if it had been there."""
        return {
            command_id: self.senders[command_id]
            for command_id, answer in self.answers.items()
            if answer["status"] != "already_recorded" or "number" in answer
        }

    @property
    def told(self) -> list[str]:
        """The messages that came over Kafka."""
        return [command_id for command_id, answer in self.answers.items() if "http" not in answer]

    def give(self) -> None:
        """Open the ledger, let everybody join, register the clients."""
        wired = self.doors.wired
        lay_out(wired.store, self.cast.given, OPENED_ON)
        keep_cards(wired.vault, self.cast.given)
        self.references = register(wired.store, wired.vault, self.cast.given, self.people)
        self._names = {name: (one.org, one.task) for name, one in self.cast.recipients.items()}
        self._short_names = {sender: name for name, sender in self._names.items()}
        self._own = {name: wired.pseudonyms(name) for name in self.cast.recipients}

    def run(self, days: int | None = None) -> None:
        """So many of the days that are left, in their order, or all of them."""
        now, self.left = self.left[:days], self.left[days:] if days else []
        with ThreadPoolExecutor(self.clients) as together:
            for day in now:
                self.advance(day)
                for done in [together.submit(self._day, deeds) for deeds in self._days[day].values()]:
                    done.result()
        self.doors.rest()

    def advance(self, day: date) -> None:
        """Have the clock go on to the morning of a day, once everybody has done what there was to do before it."""
        self.doors.rest()
        moment = datetime.combine(day, MORNING, HELSINKI).astimezone(UTC)
        clock = Person(CLOCK.name, self.cast.organiser, CLOCK.task, CLOCK.role)
        command_id = f"clock-{day}"
        self.senders[command_id] = (clock.org, clock.task)
        self.answers[command_id] = self.doors.ask(clock, "clock", command_id, {"to_at": moment.isoformat()}, lambda: None)
        self.doors.rest()  # what has become due is sent before anybody else does anything

    def _day(self, deeds: list[tuple[str, Action]]) -> None:
        for command_id, deed in deeds:
            with self._lock:
                self._count += 1
                number = self._count
            answer = self._do(deed, command_id, lambda number=number: self.progress.sent(number))  # type: ignore[misc]
            self.answers[command_id] = answer
            self.progress.answered(number)

    def sender_of(self, deed: Action) -> tuple[str, str]:
        """Organisation and task."""
        return self._names[self._recipient_of(deed)]

    def said(self, deed: Action) -> tuple[str, dict[str, Any]]:
        """What its sender calls the client, and the body as it is sent."""
        own = self._own[self._recipient_of(deed)]
        body = with_references(
            deed.kind,
            deed.fields,
            lambda name, sort: self._facts.get(name, name) if sort == "event" else own.of(self._parts[name]),
        )
        return own.of(self.references[deed.client]), body

    def to_come(self, client: str) -> list[Action]:
        """What the client's people have not done yet."""
        return [deed for day in self.left for _, deed in self._days[day].get(client, [])]

    def _recipient_of(self, deed: Action) -> str:
        person = deed.person
        return self._short_names[person.org, person.task] if person is not None else deed.recipient

    def _do(self, deed: Action, command_id: str, sent: Sent) -> dict[str, Any]:
        self.senders[command_id] = self.sender_of(deed)
        client, body = self.said(deed)
        if deed.person is not None:
            answer = self.doors.ask(deed.person, f"clients/{client}/{deed.kind.path}", command_id, body, sent)
        else:
            named = {CLIENT: client}
            if deed.by_identity_code:
                named = {IDENTITY_CODE: str(self.people[deed.client].identity_code)}
            answer = self.doors.tell(deed.recipient, command_id, deed.kind.name, {**body, **named}, sent)
        for part, name in deed.names.items():
            if part == FACT:
                self._facts[name] = BY_MESSAGE + command_id
            else:
                assert part in answer.get("references", {}), f"{command_id} {deed.kind.name}: {answer}"
                own = self._own[self._recipient_of(deed)]
                self._parts[name] = own.reference(answer["references"][part])
        return answer


def deeds_with_mistakes(client: str, cast: Cast, seed: int) -> list[Action]:
    """A client's deeds with what goes wrong in between: the first day is ticked twice, the period started twice, a day is
    corrected by a message that comes before the day's own, and one start notice is left to the clerk."""
    deeds = [
        deed
        for deed in deeds_of(client, cast, seed)
        if client != "C1" or deed.fields.get("notification_id") != "C1 start notice"
    ]
    days = [n for n, deed in enumerate(deeds) if deed.kind.name == "record_attendance"]
    last = [n for n in days[:-1] if deeds[n].fields["day_status"] == "present" and deeds[n + 1].on != deeds[n].on]
    found: list[Action] = []
    for n, deed in enumerate(deeds):
        if n == last[1]:
            found.append(_too_early(deed, f"{client}-{len(found) + 1}"))
        found.append(deed)
        if n == days[0]:
            again = {name: value for name, value in deed.fields.items() if name != "hours"}
            found.append(replace(deed, fields={**again, "day_status": "absent_other"}, names={}))
        if deed.kind.name == "start_period":
            found.append(replace(deed, names={}))
    return found


def _too_early(day: Action, message_id: str) -> Action:
    """A correction of a day that was not told yet: it waits for the message of that id."""
    new = {"day_status": "absent_own_sickness", "hours": None}
    said = {"target_event_id": BY_MESSAGE + message_id, "correction_reason": "wrong_entry", "new_values": new}
    return replace(day, kind=COMMANDS["correct_fact"], fields=said, names={})
