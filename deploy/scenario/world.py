"""What a scenario needs of the ledger that it runs in. `deploy/wiring.py` makes one, embedded or on PostgreSQL and Kafka."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeAlias

from consumers.log import Broker
from deploy.scenario.story import Person
from domain.disclosure.pseudonyms import Pseudonyms
from domain.store import EventStore, Vault


class HttpAnswer(NamedTuple):
    """An answer over HTTP; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class World(Protocol):
    """One fresh simulated ledger with its API and its roles."""

    @property
    def ledger(self) -> str:
        """The ledger's name."""

    @property
    def store(self) -> EventStore:
        """Its event store."""

    @property
    def vault(self) -> Vault:
        """Its vault."""

    @property
    def broker(self) -> Broker:
        """Where it publishes."""

    @property
    def on_kafka(self) -> bool:
        """Whether agencies' systems send over Kafka; else over HTTP."""

    def pseudonyms(self, short_name: str) -> Pseudonyms:
        """The pseudonyms of a recipient."""

    def token(self, person: Person, name: str) -> str:
        """A token that says who calls; `name` is the person's reference, of a client the organiser's pseudonym."""

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        """A request to the API, and its answer."""

    def provide(self) -> None:
        """Make topics, rights and read models for every recipient that has joined."""

    def settle(self) -> None:
        """Return when all that was recorded has been disclosed, published and taken in, and nothing is overdue."""


OpenWorld: TypeAlias = Callable[[str], AbstractContextManager[World]]
"""A world with a fresh simulated ledger of the name; closed and, where that is possible, removed at the end."""
