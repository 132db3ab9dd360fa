"""What the names of a scenario stand for in its ledger, and what each recipient calls the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from domain.disclosure.pseudonyms import Pseudonyms
from domain.events import DisclosureMade
from domain.messages import BY_MESSAGE
from domain.store import EventStore

FIRST_EPOCH = 1


class NotThere(Exception):
    """A name that stands for nothing yet, or for something that the recipient was never told."""


class Fact(NamedTuple):
    """A recorded fact: its event and the command that recorded it, with its sender (organisation, task)."""

    event_id: str
    sender: tuple[str, str]
    command_id: str


class Naming:
    """Clients, parts and facts by the file's names. References stay inside; what leaves are the recipients' own names."""

    def __init__(self, store: EventStore, pseudonyms: Callable[[str], Pseudonyms]) -> None:
        self._store = store
        self._pseudonyms = pseudonyms
        self.clients: dict[str, str] = {}
        self.parts: dict[str, str] = {}
        self.facts: dict[str, Fact] = {}

    def client(self, name: str, short_name: str) -> str:
        """A recipient's own name for a client."""
        return self._pseudonyms(short_name).of(self.clients[name])

    def reference(self, name: str, sort: str, short_name: str, sender: tuple[str, str]) -> str:
        """A recipient's own name for a part, or for a fact ("event"). Raises NotThere."""
        if sort == "event" or name in self.facts:
            return self._fact(name, short_name, sender)
        if name in self.parts:
            return self._pseudonyms(short_name).of(self.parts[name])
        if name in self.clients:
            return self.client(name, short_name)
        raise NotThere(f"nothing is called {name} yet")

    def _fact(self, name: str, short_name: str, sender: tuple[str, str]) -> str:
        fact = self.facts.get(name)
        if fact is None:
            raise NotThere(f"no fact is called {name} yet")
        if fact.sender == sender:
            return BY_MESSAGE + fact.command_id
        records = self._store.stream(f"recipient/{short_name}/{FIRST_EPOCH}")
        for event in self._store.opened_all(records):
            if isinstance(event, DisclosureMade) and event.source_event_id == fact.event_id:
                return event.publication_id
        raise NotThere(f"{short_name} was never told {name}")
