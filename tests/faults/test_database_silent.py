"""A database that says nothing is answered for within seconds, over every kind of route, and nothing has to be started
again when it is back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from faults.crew import until
from faults.doors import Embedded
from faults.history import History

from deploy.local.parts import PartsWanted
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.scenario.story import Person
from deploy.scenario.world import HttpAnswer
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import opened
from deploy.world import LedgerWorld
from domain.store import StoreUnavailable

A_FEW_SECONDS = 20.0
"""What no answer may take, on a machine that is busy; the client's own patience is longer."""
BACK_DEADLINE_S = 60.0
FIRST_DAYS = 3
"""Until the client has a case."""


class Place(NamedTuple):
    """A served ledger with one client, whose database can be made silent."""

    world: LedgerWorld
    history: History
    postgres: LocalPostgres

    def read(self) -> HttpAnswer:
        """What the county knows of the client, from its read model."""
        own = self.world.pseudonyms("county").of(self.history.references["C1"])
        path = f"/ledgers/{self.world.ledger}/recipients/county/clients/{own}/case"
        return self.world.request("GET", path, self._headers(self.history.cast.person("W-01")))

    def write(self, key: str) -> HttpAnswer:
        """A command of the county about the client."""
        own = self.world.pseudonyms("county").of(self.history.references["C1"])
        body = {"service": "other", "service_note": key, "told_by": "client"}
        headers = {
            **self._headers(self.history.cast.person("W-01")),
            "idempotency-key": key,
            "content-type": "application/json",
        }
        path = f"/ledgers/{self.world.ledger}/clients/{own}/parallel-services"
        return self.world.request("POST", path, headers, orjson.dumps(body))

    def send(self, message_id: str) -> HttpAnswer:
        """An agency's message about the client, who is named by the identity code."""
        code = self.history.people["C1"].identity_code
        body = {"source": "employment_authority", "legal_basis": "LB-189-PLAN", "identity_named": ["identity_code"],
                "identity_code": code}  # fmt: skip
        recipient = self.history.cast.recipients["employment-authority-referrer"]
        system = Person("system", recipient.org, recipient.task, "referrer")
        named = {"ce-id": message_id, "ce-type": "submit_referral.v1", "ce-specversion": "1.0"}
        headers = {**self._headers(system), **named, "content-type": "application/json"}
        path = f"/ledgers/{self.world.ledger}/in/{recipient.short_name}"
        return self.world.request("POST", path, headers, orjson.dumps(body))

    def health(self) -> HttpAnswer:
        return self.world.request(
            "GET", f"/ledgers/{self.world.ledger}/health", self._headers(self.history.cast.person("W-01"))
        )

    def _headers(self, person: Person) -> dict[str, str]:
        return {"authorization": f"Bearer {self.world.token(person, person.name)}"}


@pytest.fixture(scope="module")
def place(parts_folder: Path) -> Iterator[Place]:
    wanted = PartsWanted.from_environment()
    port = free_port()
    server = ("127.0.0.1", port)
    with (
        LocalPostgres(parts_folder / "postgres-to-freeze", binaries=wanted.postgres_binaries) as postgres,
        tempfile.TemporaryDirectory(prefix="kuty-") as folder,
        opened(Settings(ledger="silent", home=Path(folder), store_dsn=postgres.fresh_database()), wait_s=0.0) as wired,
        served(app_of(wired), *server),
    ):
        world = LedgerWorld(wired, server)
        history = History(Embedded(world, server), 1, 1)
        history.give()
        world.provide()
        history.run(FIRST_DAYS)
        yield Place(world, history, postgres)


def together(*asked: Callable[[], HttpAnswer]) -> list[tuple[int, str | None]]:
    """Ask beside each other; status and Retry-After of each answer."""
    with ThreadPoolExecutor(len(asked)) as beside:
        answers = [one.result() for one in [beside.submit(ask) for ask in asked]]
    return [(answer.status, answer.headers.get("retry-after")) for answer in answers]


def test_every_route_says_503_while_the_database_is_silent_and_goes_on_when_it_is_back(place: Place) -> None:
    # given a service that answers
    assert place.write("k-0").status == 201
    assert place.send("m-0").status == 201
    place.world.settle()
    assert place.read().status == 200
    # when the database says nothing any more
    place.postgres.freeze()
    try:
        began = time.monotonic()
        came = together(place.read, place.health, lambda: place.write("k-1"), lambda: place.send("m-1"))
        took = time.monotonic() - began
    finally:
        place.postgres.thaw()
    # then each is told within seconds to come back
    assert came == [(503, "1")] * 4
    assert took < A_FEW_SECONDS
    # and the same is answered by the same service afterwards, once
    assert_answered_once(place, "1")


def test_every_route_says_503_while_the_database_is_down_and_goes_on_when_it_is_back(place: Place) -> None:
    place.postgres.kill()
    try:
        came = together(place.read, place.health, lambda: place.write("k-2"), lambda: place.send("m-2"))
    finally:
        place.postgres.start()
    assert came == [(503, "1")] * 4
    assert_answered_once(place, "2")


def assert_answered_once(place: Place, number: str) -> None:
    """The command and the message of the number are answered now, and recorded once."""
    until(lambda: place.write(f"k-{number}").status in (200, 201), "the command is answered", BACK_DEADLINE_S)
    until(lambda: place.send(f"m-{number}").status in (200, 201), "the message is answered", BACK_DEADLINE_S)
    until(lambda: place.read().status == 200, "the reading is answered", BACK_DEADLINE_S)
    ids = [fact.command_id for fact in place.world.store.pathway(place.history.references["C1"]).facts.values()]
    assert (ids.count(f"k-{number}"), ids.count(f"m-{number}")) == (1, 1)


def test_a_read_model_whose_database_is_silent_or_down_says_so_and_answers_again(place: Place) -> None:
    model = place.world.wired.models.of("county")

    def look() -> int:
        with model.look() as looked:
            return len(looked.everything())

    there = look()
    place.postgres.freeze()
    try:
        with pytest.raises(StoreUnavailable):
            look()
    finally:
        place.postgres.thaw()
    until(lambda: _came(look) == there, "the model answers", BACK_DEADLINE_S)
    place.postgres.kill()
    try:
        with pytest.raises(StoreUnavailable):
            look()
        with pytest.raises(StoreUnavailable):
            model.write([], model.feed())
    finally:
        place.postgres.start()
    until(lambda: _came(look) == there, "the model answers", BACK_DEADLINE_S)


def _came(ask: Callable[[], int]) -> int | None:
    try:
        return ask()
    except StoreUnavailable:
        return None
