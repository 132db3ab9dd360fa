"""`kuty demo`: synthetic clients along a path like AS-1, day by day, through the commands that workers and agencies use.

All that happens on one day is handed over in rounds, the next thing of every client in each, so that many commands share a
commit. The clock goes on when everything has come to rest.

The same number of clients with the same seed gives the same commands in the same order, each under an id made of its place.
One that was broken off is given again from the beginning: what was recorded is answered, and not recorded twice.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

from deploy.commands.printed import progress
from deploy.scenario.bodies import with_references
from deploy.scenario.cast import Cast
from deploy.scenario.given import keep_cards, lay_out, register
from deploy.scenario.lines import fitted, read_yaml
from deploy.scenario.naming import Fact, Naming
from deploy.scenario.story import Action, Person
from deploy.scenario.words import Given
from deploy.scenario.world import World
from deploy.synthetic import FIRST_REFERRAL, deeds_of, synthetic_clients
from domain.answers import Answer
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.context import HELSINKI, Caller
from domain.envelopes import Incoming, caller_of
from domain.messages import CLIENT, IDENTITY_CODE, Wish, wish_of_body, wish_of_message
from domain.refusals import explained
from domain.store import EventStore, Receiving
from projections.kinds import kinds

GIVEN_FILES = ("given.yaml", "given-demo.yaml")
SCENARIOS = Path(__file__).with_name("scenarios")
FACT = "fact"
MORNING = time(8, 0)
IDS = uuid.UUID("7f0a4f0e-3c2b-5d0e-9a58-0d8f0a6f2c11")
"""What the ids of a demonstration's commands are made in."""
BEGUN, DONE = "demo/begun", "demo/done"
"""Marks among the positions of followers, with the number of clients and the seed."""


class DemoFailed(Exception):
    """A synthetic deed was refused: the demonstration and the rules do not agree, or something else was recorded between."""


class Shown(NamedTuple):
    """What a demonstration made."""

    clients: int
    commands: int
    facts: int
    last_day: date
    someone: str
    """The county's pseudonym of one client, to begin looking with."""


def demo_given() -> Given:
    """The organisations, providers and people of the demonstration."""
    merged: dict[str, dict[str, object]] = {name: {} for name in Given.model_fields}
    for name in GIVEN_FILES:
        marked = read_yaml(SCENARIOS / name)
        fitted(Given, marked, name)
        for part, entries in marked.value.items():
            merged[part].update(entries)
    return Given.model_validate(merged)


def run_demo(world: World, clients: int, seed: int, out: Callable[[str], None]) -> Shown:
    """Fill a fresh ledger with synthetic clients, or go on where the same was broken off. Raises DemoFailed."""
    return _Demo(world, clients, seed).run(out)


def is_broken_off(store: EventStore, clients: int, seed: int) -> bool:
    """Whether this very demonstration was begun in the ledger, and did not come to its end."""
    return bool(store.tracking(_mark(BEGUN, clients, seed))) and not store.tracking(_mark(DONE, clients, seed))


def _mark(what: str, clients: int, seed: int) -> str:
    return f"{what}/{clients}/{seed}"


@dataclass
class _Demo:
    world: World
    clients: int
    seed: int
    cast: Cast = field(default_factory=lambda: Cast(demo_given()))
    commands: int = 0
    facts: int = 0
    places: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, out: Callable[[str], None]) -> Shown:
        people = synthetic_clients(self.clients, self.seed)
        self.naming = Naming(self.world.store, self.world.pseudonyms)
        self._receiving = Receiving(self.world.store, self.world.vault, self.world.pseudonyms, kinds())
        self.people = people
        days: dict[date, dict[str, list[Action]]] = defaultdict(lambda: defaultdict(list))
        for name in people:
            for deed in deeds_of(name, self.cast, self.seed):
                days[deed.on][name].append(deed)
        self.world.store.track(_mark(BEGUN, self.clients, self.seed), 1)
        self._give()
        total = sum(len(deeds) for by_client in days.values() for deeds in by_client.values())
        with progress("commands", total) as bar:
            for day in sorted(days):
                self._advance(day)
                bar.set_description(f"{day}")
                for some in _rounds(days[day]):
                    self._together(some)
                    bar.update(len(some))
            self.world.settle()
        self.world.store.track(_mark(DONE, self.clients, self.seed), 1)
        someone = self.naming.client(next(iter(people)), "county") if people else ""
        last = max(days, default=FIRST_REFERRAL)
        out(
            f"{self.clients} synthetic clients, {self.commands} commands, {self.facts} facts about them until {last} "
            f"in the ledger {self.world.ledger}"
        )
        out(f"look at one of them: /ledgers/{self.world.ledger}/recipients/county/clients/{someone}/case, or begin at /")
        return Shown(self.clients, self.commands, self.facts, last, someone)

    def _give(self) -> None:
        given = self.cast.given
        lay_out(self.world.store, given, FIRST_REFERRAL - timedelta(days=1), self._next_id)
        self.world.provide()
        keep_cards(self.world.vault, given)
        self.naming.clients = register(self.world.store, self.world.vault, given, self.people, self._next_id)
        self.world.settle()

    def _advance(self, day: date) -> None:
        self.world.settle()
        moment = datetime.combine(day, MORNING, HELSINKI).astimezone(UTC)
        system = Caller(self.cast.organiser, "organiser", "system", "system")
        answer = self.world.store.execute(AdvanceClock(to_at=moment), system, self._next_id())
        if answer.codes:
            raise DemoFailed(f"{day}: {explained(answer.codes)}")

    def _next_id(self) -> str:
        """The id of the command whose turn it is."""
        return uuid.uuid5(IDS, f"{self.clients}/{self.seed}/{next(self.places)}").hex

    def _together(self, deeds: Iterable[Action]) -> None:
        """Hand over one command of each client, then wait for all answers."""
        waiting = [(deed, *self._submitted(deed)) for deed in deeds]
        for deed, sender, command_id, future in waiting:
            answer = future.result()
            if "recorded" not in (answer.status, answer.first):
                raise DemoFailed(
                    f"{deed.on} {deed.client} {deed.who} {deed.kind.name}: {answer.status} {explained(answer.codes)}".strip()
                )
            self._name(deed, answer, sender, command_id)
            self.commands += 1
            self.facts += len(answer.events)

    def _submitted(self, deed: Action) -> tuple[tuple[str, str], str, Future[Answer]]:
        command_id = self._next_id()
        wish, caller = self._by_person(deed, deed.person) if deed.person else self._by_system(deed, command_id)
        store = self.world.store
        client = wish.client or self.naming.clients[deed.client]
        found = self._receiving.look_ups.of(wish.kind, wish.command, client)
        return caller.sender, command_id, store.submit(wish.command, caller, command_id, client=client, look_ups=found)

    def _by_person(self, deed: Action, person: Person) -> tuple[Wish, Caller]:
        caller = Caller(person.org, person.task, person.role, person.name)
        short_name = self._short_names[person.org, person.task]
        body = self._body(deed, short_name, caller.sender)
        recipient = self.world.store.directory.recipients[short_name]
        names = self._receiving.names_of(recipient, caller)
        return wish_of_body(deed.kind, body, self.naming.clients[deed.client], names), caller

    def _by_system(self, deed: Action, message_id: str) -> tuple[Wish, Caller]:
        recipient = self.world.store.directory.recipients[deed.recipient]
        caller = caller_of(Incoming(recipient, message_id, f"{deed.kind.name}.v1", b""), kinds(), deed.kind)
        body = self._body(deed, deed.recipient, caller.sender)
        if deed.by_identity_code:
            body[IDENTITY_CODE] = self.people[deed.client].identity_code
        else:
            body[CLIENT] = self.naming.client(deed.client, deed.recipient)
        names = self._receiving.names_of(recipient, caller, str(body.get(CLIENT, "")))
        return wish_of_message(deed.kind, body, names), caller

    def _body(self, deed: Action, short_name: str, sender: tuple[str, str]) -> dict[str, object]:
        return with_references(
            deed.kind, deed.fields, lambda name, sort: self.naming.reference(name, sort, short_name, sender)
        )

    @property
    def _short_names(self) -> dict[tuple[str, str], str]:
        return {(one.org, one.task): name for name, one in self.cast.recipients.items()}

    def _name(self, deed: Action, answer: Answer, sender: tuple[str, str], command_id: str) -> None:
        for part, name in deed.names.items():
            if part == FACT:
                self.naming.facts[name] = Fact(answer.events[0][0], sender, command_id)
            else:
                self.naming.parts[name] = answer.references[part]


def _rounds(by_client: dict[str, list[Action]]) -> Iterable[list[Action]]:
    """The first deed of every client, then the second, and so on."""
    longest = max(map(len, by_client.values()), default=0)
    return ([deeds[n] for deeds in by_client.values() if n < len(deeds)] for n in range(longest))


def counted(shown: Iterable[Action]) -> Counter[str]:
    """Deeds by command."""
    return Counter(deed.kind.name for deed in shown)
