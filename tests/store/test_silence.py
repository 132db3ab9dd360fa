"""A PostgreSQL that is killed, or that says nothing: no call waits for ever, nothing is lost, nothing doubled."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from store.small_ledger import PROVIDER, WORKER, Ground, RecordDay, Register

from deploy.local.postgres import LocalPostgres
from domain.answers import Answer
from domain.store import LOOK_AGAIN_S, EventStore, StoreUnavailable

DEADLINE_S = 120.0


@pytest.fixture
def server(parts_folder: Path) -> Iterator[LocalPostgres]:
    """A PostgreSQL of this test alone, to be maltreated."""
    with LocalPostgres(parts_folder / f"maltreated-{uuid.uuid4().hex[:6]}") as running:
        yield running


@pytest.fixture
def store(server: LocalPostgres) -> Iterator[EventStore]:
    ground = Ground("postgresql", server.fresh_database())
    ground.migrate()
    opened = ground.open()
    yield opened
    opened.close()


def persistent(store: EventStore, command: RecordDay, command_id: str, client: str, give_up_at: float) -> Answer:
    """Ask until there is an answer, as a client whose answer was lost has to."""
    while True:
        try:
            return store.execute(command, PROVIDER, command_id, client=client)
        except StoreUnavailable:
            assert time.monotonic() < give_up_at


def test_nothing_is_lost_or_doubled_when_the_server_is_killed(server: LocalPostgres, store: EventStore) -> None:
    client = store.execute(Register(), WORKER, "1").client or ""
    give_up_at = time.monotonic() + DEADLINE_S
    answers: list[Answer] = []

    def write(writer: int) -> None:
        for number in range(150):
            command = RecordDay(on=date(2025, 1, 1) + timedelta(days=1000 * writer + number))
            answers.append(persistent(store, command, f"{writer}-{number}", client, give_up_at))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    # when the server is killed three times on the way
    for share in (100, 250, 400):
        while len(answers) < share:
            assert time.monotonic() < give_up_at
            threading.Event().wait(0.005)
        server.kill()
        server.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    # then every command has its one event and its own number
    assert {answer.first or answer.status for answer in answers} == {"recorded"}
    assert sorted(answer.number or 0 for answer in answers) == list(range(1, 601))
    assert len(store.pathway(client).days) == 600
    assert [record.position for record in store.records(0, 1000)] == list(range(1, 602))


def test_a_silent_server_is_given_up_and_comes_back(server: LocalPostgres, store: EventStore) -> None:
    client = store.execute(Register(), WORKER, "1").client or ""
    server.freeze()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.execute(RecordDay(on=date(2025, 1, 1)), PROVIDER, "day", client=client)
    assert time.monotonic() - began < DEADLINE_S
    server.thaw()
    answer = persistent(store, RecordDay(on=date(2025, 1, 1)), "day", client, time.monotonic() + DEADLINE_S)
    assert (answer.first or answer.status, answer.number, store.stream_version(client)) == ("recorded", 1, 2)


@pytest.mark.parametrize("asked", ["read", "write"])
def test_a_look_at_the_epoch_is_no_call_that_waits_for_ever(server: LocalPostgres, store: EventStore, asked: str) -> None:
    client = store.execute(Register(), WORKER, "1").client or ""
    came: list[str] = []

    def ask() -> None:
        try:
            if asked == "read":
                store.head()
            else:
                store.execute(RecordDay(on=date(2025, 1, 1)), PROVIDER, "day", client=client)
        except StoreUnavailable:
            came.append("unavailable")

    # given a server that falls silent, when it is time to look at the epoch again
    server.freeze()
    store._recorder.seen.clock = lambda: time.monotonic() + 2 * LOOK_AGAIN_S  # type: ignore[attr-defined]
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(45.0)
    server.thaw()
    asking.join(DEADLINE_S)
    assert came == ["unavailable"]
