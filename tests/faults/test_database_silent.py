"""A database that says nothing is answered for within seconds, over every kind of route, and nothing has to be started
again when it is back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
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
from deploy.scenario.world import HttpAnswer
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import opened
from deploy.world import LedgerWorld

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
        return self.world.request("GET", path, self._headers("W-01"))

    def write(self, key: str) -> HttpAnswer:
        """A command of the county about the client."""
        own = self.world.pseudonyms("county").of(self.history.references["C1"])
        body = {"service": "other", "service_note": "choir", "told_by": "client"}
        headers = {**self._headers("W-01"), "idempotency-key": key, "content-type": "application/json"}
        path = f"/ledgers/{self.world.ledger}/clients/{own}/parallel-services"
        return self.world.request("POST", path, headers, orjson.dumps(body))

    def send(self, message_id: str) -> HttpAnswer:
        """An agency's message about the client, who is named by the identity code."""
        code = self.history.people["C1"].identity_code
        body = {"source": "employment_authority", "legal_basis": "LB-189-PLAN", "identity_named": ["identity_code"],
                "identity_code": code}  # fmt: skip
        recipient = self.history.cast.recipients["employment-authority-referrer"]
        named = {"ce-id": message_id, "ce-type": "submit_referral.v1", "ce-specversion": "1.0"}
        headers = {**self._headers("E-01"), **named, "content-type": "application/json"}
        path = f"/ledgers/{self.world.ledger}/in/{recipient.short_name}"
        return self.world.request("POST", path, headers, orjson.dumps(body))

    def health(self) -> HttpAnswer:
        return self.world.request("GET", f"/ledgers/{self.world.ledger}/health", self._headers("W-01"))

    def _headers(self, name: str) -> dict[str, str]:
        person = self.history.cast.person(name)
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


def test_every_route_says_503_while_the_database_is_silent_and_goes_on_when_it_is_back(place: Place) -> None:
    # given a service that answers
    asked = {
        "reading": place.read,
        "health": place.health,
        "command": lambda: place.write("k-1"),
        "message": lambda: place.send("m-1"),
    }
    assert place.write("k-0").status == 201
    assert place.send("m-0").status == 201
    place.world.settle()
    assert place.read().status == 200
    # when the database says nothing any more
    place.postgres.freeze()
    try:
        with ThreadPoolExecutor(len(asked)) as beside:
            began = time.monotonic()
            answers = {name: beside.submit(ask) for name, ask in asked.items()}
            came = {
                name: (answer.result().status, answer.result().headers.get("retry-after"))
                for name, answer in answers.items()
            }
            took = time.monotonic() - began
    finally:
        place.postgres.thaw()
    # then each is told within seconds to come back
    assert came == dict.fromkeys(asked, (503, "1"))
    assert took < A_FEW_SECONDS
    # and the same is answered by the same service afterwards, once
    until(lambda: place.write("k-1").status in (200, 201), "the command is answered", BACK_DEADLINE_S)
    until(lambda: place.send("m-1").status in (200, 201), "the message is answered", BACK_DEADLINE_S)
    until(lambda: place.read().status == 200, "the reading is answered", BACK_DEADLINE_S)
    facts = [fact.event.NAME for fact in place.world.store.pathway(place.history.references["C1"]).facts.values()]
    assert (facts.count("parallel_service.started"), facts.count("referral.submitted")) == (2, 2)


def test_every_route_says_503_while_the_database_is_down_and_goes_on_when_it_is_back(place: Place) -> None:
    asked = (place.read, place.health, lambda: place.write("k-2"), lambda: place.send("m-2"))
    place.postgres.kill()
    try:
        assert [ask().status for ask in asked] == [503] * len(asked)
    finally:
        place.postgres.start()
    until(lambda: place.write("k-2").status in (200, 201), "the command is answered", BACK_DEADLINE_S)
    until(lambda: place.send("m-2").status in (200, 201), "the message is answered", BACK_DEADLINE_S)
    until(lambda: place.read().status == 200, "the reading is answered", BACK_DEADLINE_S)
