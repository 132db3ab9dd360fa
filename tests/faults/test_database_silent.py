"""A database that says nothing is answered for within seconds, over every kind of route, and nothing has to be started
again when it is back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from faults.crew import until
from faults.place import Place, begun

from deploy.local.parts import PartsWanted
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.scenario.world import HttpAnswer
from deploy.settings import Settings
from deploy.world import LedgerWorld
from domain.store import StoreUnavailable

A_FEW_SECONDS = 20.0
"""What no answer may take, on a machine that is busy; the client's own patience is longer."""
BACK_DEADLINE_S = 60.0


class Silenced(NamedTuple):
    """A served ledger with one client, whose database can be made silent."""

    world: LedgerWorld
    asked: Place
    postgres: LocalPostgres


@pytest.fixture(scope="module")
def place(parts_folder: Path) -> Iterator[Silenced]:
    wanted = PartsWanted.from_environment()
    with (
        LocalPostgres(parts_folder / "postgres-to-freeze", binaries=wanted.postgres_binaries) as postgres,
        tempfile.TemporaryDirectory(prefix="kuty-") as folder,
        begun(Settings(ledger="silent", home=Path(folder), store_dsn=postgres.fresh_database(), port=free_port())) as there,
    ):
        yield Silenced(*there, postgres)


def every_route(asked: Place, number: str) -> list[Callable[[], HttpAnswer]]:
    """One of each kind, the command and the message under ids of the number."""
    return [asked.read, asked.health, lambda: asked.write(f"k-{number}"), lambda: asked.send(f"m-{number}")]


def together(*asked: Callable[[], HttpAnswer]) -> list[tuple[int, str | None]]:
    """Ask beside each other; status and Retry-After of each answer."""
    with ThreadPoolExecutor(len(asked)) as beside:
        answers = [one.result() for one in [beside.submit(ask) for ask in asked]]
    return [(answer.status, answer.headers.get("retry-after")) for answer in answers]


def test_every_route_says_503_while_the_database_is_silent_and_goes_on_when_it_is_back(place: Place) -> None:
    # given a service that answers
    assert place.asked.write("k-0").status == 201
    assert place.asked.send("m-0").status == 201
    place.world.settle()
    assert place.asked.read().status == 200
    # when the database says nothing any more
    place.postgres.freeze()
    try:
        began = time.monotonic()
        came = together(*every_route(place.asked, "1"))
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
        came = together(*every_route(place.asked, "2"))
    finally:
        place.postgres.start()
    assert came == [(503, "1")] * 4
    assert_answered_once(place, "2")


def assert_answered_once(place: Place, number: str) -> None:
    """The command and the message of the number are answered now, and recorded once."""
    until(lambda: place.asked.write(f"k-{number}").status in (200, 201), "the command is answered", BACK_DEADLINE_S)
    until(lambda: place.asked.send(f"m-{number}").status in (200, 201), "the message is answered", BACK_DEADLINE_S)
    until(lambda: place.asked.read().status == 200, "the reading is answered", BACK_DEADLINE_S)
    ids = place.asked.recorded(place.world.wired)
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
