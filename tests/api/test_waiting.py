"""Readers who wait over HTTP, and readings that wait for a write: what they ask, how many may, and what they leave."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from house import ISSUER, LEDGER, House, house_after
from stories import PAYER, STEPS

from api.app import create_app
from api.caller import Verifier
from api.routes import publications, questions
from api.routes.questions import visible
from api.waiting import MOST_READERS, Lines, Looks
from deploy.describe.served import agency_documents
from deploy.local.ports import free_port
from deploy.serving import door_of, served
from domain.store import Token

LATE_S = 60.0
NAME = "kela-payment"


class Door:
    """A house with a server, at which readers wait; `read` counts how often publications were read."""

    def __init__(self, home: House, port: int, app: Any, read: list[str]) -> None:
        self.home, self.port, self.app, self.read = home, port, app, read
        self.end = home.get(f"/out/{NAME}", PAYER, wait=0, limit=500).json()["next"]

    def ask(self, **query: Any) -> HTTPConnection:
        """Send a question, and do not wait for the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LATE_S)
        written = "&".join(f"{name}={value}" for name, value in query.items())
        connection.request("GET", f"/ledgers/{LEDGER}/out/{NAME}?{written}", headers=self.home.headers(PAYER))
        return connection

    def answer(self, **query: Any) -> tuple[int, Any, Any]:
        answer = self.ask(**query).getresponse()
        return answer.status, orjson.loads(answer.read()), answer.headers

    def wait(self, readers: int) -> list[HTTPConnection]:
        """Readers who have come to wait at the end of what there is."""
        asked = [self.ask(after=self.end, wait=25) for _ in range(readers)]
        until(lambda: self.waiting == readers)
        return asked

    @property
    def waiting(self) -> int:
        lines: Lines | None = self.app.state.waits.get(LEDGER)
        return len(lines.waiting(NAME)) if lines else 0


def until(there: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + LATE_S
    while not there():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


@contextmanager
def door_in(folder: Path, row: str = "14") -> Iterator[Door]:
    with house_after(row, folder) as home:
        real, read = door_of(home.wired), list[str]()

        def publications(short_name: str, *rest: Any) -> Any:
            read.append(short_name)
            return real.publications(short_name, *rest)

        doors, verifier = {LEDGER: replace(real, publications=publications)}, Verifier(ISSUER.public_key)
        app = create_app(doors, verifier, agency_documents=agency_documents())
        port = free_port()
        with served(app, "127.0.0.1", port):
            yield Door(home, port, app, read)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with door_in(tmp_path) as at:
        yield at


def test_who_waits_reads_once_for_what_he_is_told_and_not_for_what_others_record(door: Door) -> None:
    waiting, store = door.wait(2), door.home.wired.store
    assert door.read == [NAME] * 2
    # when somebody records what the payer is told nothing of
    before = store.head()
    for _ in range(3):
        door.home.on(store.today() + timedelta(days=1))
    lines: Lines = door.app.state.waits[LEDGER]
    until(lambda: (lines._position or 0) >= store.head())
    # then nobody has read again
    assert store.head() == before + 3
    assert (door.waiting, door.read) == (2, [NAME] * 2)
    # and when everything is sent to it again, each reads once, the new epoch from its beginning
    while door.home.wired.disclosure.step():
        pass
    assert door.home.post("/redeliveries", PAYER, {}).status_code == 202
    for connection in waiting:
        answer = connection.getresponse()
        assert answer.status == 200
        assert orjson.loads(answer.read())["epoch"] == 2
    assert door.read == [NAME] * 4


def test_who_waits_for_some_types_waits_on_where_another_one_is_told(tmp_path: Path) -> None:
    with door_in(tmp_path, "13") as door:
        home, steps = door.home, dict(STEPS)

        def tell(row: str) -> None:
            step = steps[row]
            home.on(step.on)
            home.execute(step.ask(home.pathway) if callable(step.ask) else step.ask, step.by, client=home.aino)
            while home.wired.disclosure.step():
                pass

        connection = door.ask(after=door.end, wait=25, type="attendance.recorded.v1")
        until(lambda: door.waiting == 1)
        # when he is told that an absence was reported, he looks, and waits on
        tell("14")
        until(lambda: len(door.read) == 2 and door.waiting == 1)
        # and when he is told of a day, he is answered with that
        tell("present 2025-03-24")
        page = orjson.loads(connection.getresponse().read())
        [told] = page["publications"]
        named = told["headers"]
        assert (named["ce_type"], named["ce_logsequence"]) == ("attendance.recorded.v1", str(door.end + 2))
        assert page["next"] == door.end + 2


def test_more_readers_than_may_wait_are_told_when_to_come_again(door: Door) -> None:
    """docs/explanation/integration.md 4"""
    waiting = door.wait(MOST_READERS)
    status, told, headers = door.answer(after=door.end, wait=25)
    assert (status, [one["code"] for one in told["codes"]]) == (429, ["E_TOO_MANY_READERS"])
    assert 1 <= int(headers["retry-after"]) <= 25
    assert headers["ratelimit-policy"] == f'"waiting-readers";q={MOST_READERS};qu="concurrent-requests"'
    assert headers["ratelimit"] == f'"waiting-readers";r=0;t={headers["retry-after"]}'
    # who does not wait is answered, and so is who has something to read
    status, _, headers = door.answer(after=door.end, wait=0)
    assert (status, headers["ratelimit"]) == (200, '"waiting-readers";r=0')
    status, told, _ = door.answer(after=0, limit=2, wait=25)
    assert (status, told["next"]) == (200, 2)
    # and when one has gone, there is room long before his time is over
    waiting.pop().close()
    until(lambda: door.waiting == MOST_READERS - 1)
    waiting.append(door.ask(after=door.end, wait=25))
    until(lambda: door.waiting == MOST_READERS)
    for connection in waiting:
        connection.close()
    until(lambda: door.app.state.waits[LEDGER]._readers == {})


def test_who_looks_between_two_waits_keeps_his_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_look, look = threading.Event(), publications._look
    may_look.set()

    def looked(door: Any, own: Any, wanted: Any) -> Any:
        assert wanted.after == 0 or may_look.wait(LATE_S)
        return look(door, own, wanted)

    monkeypatch.setattr(publications, "_look", looked)
    with door_in(tmp_path, "13") as door:
        home, step = door.home, dict(STEPS)["14"]
        waiting = [door.ask(after=door.end, wait=25, type="period.completed.v1") for _ in range(MOST_READERS)]
        until(lambda: door.waiting == MOST_READERS)
        # when something else is told, and another one comes while all of them look
        may_look.clear()
        home.on(step.on)
        home.execute(step.ask(home.pathway) if callable(step.ask) else step.ask, step.by, client=home.aino)
        while home.wired.disclosure.step():
            pass
        lines: Lines = door.app.state.waits[LEDGER]
        until(lambda: not any(reader._waits for reader in lines._readers[NAME]))
        another = door.ask(after=0, wait=25, type="period.completed.v1")
        # then there is no room for him, and those who were there wait on
        assert another.getresponse().status == 429
        may_look.set()
        until(lambda: door.waiting == MOST_READERS and all(reader._waits for reader in lines._readers[NAME]))
        for connection in waiting:
            connection.close()


def test_looks_that_many_want_are_taken_once() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    async def play() -> Any:
        looks = Looks()
        found = await asyncio.gather(
            *(looks.until("what", ask, lambda found: found >= 5, lambda: False) for _ in range(20))
        )
        return found, looks._coming

    assert asyncio.run(play()) == ([5] * 20, {})
    assert len(asked) == 5


def test_a_look_that_fails_fails_for_all_who_wanted_it_and_is_taken_again() -> None:
    async def play() -> Any:
        looks = Looks()
        failed = await asyncio.gather(
            *(looks.at("what", lambda: 1 // 0, again=False) for _ in range(3)), return_exceptions=True
        )
        return [type(error) for error in failed], await looks.at("what", lambda: 7, again=False)

    assert asyncio.run(play()) == ([ZeroDivisionError] * 3, 7)


def test_readings_that_wait_for_a_write_ask_together_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, int] = {"head": 0, "told": 0, "model": 0}

    def counted(what: str, most: int) -> int:
        asked[what] += 1
        return min(asked[what], most)

    async def at_once(ask: Callable[..., Any], *given: Any) -> Any:
        return ask(*given)

    store = SimpleNamespace(
        read_token=lambda text: Token("position", "a/b", 1),
        position_meant=lambda token: 4 if asked["head"] >= 3 else None,
        head=lambda: counted("head", 3),
        tracking=lambda name: counted("told", 4),
    )
    at = lambda: {1: SimpleNamespace(sequence=counted("model", 3))}  # noqa: E731
    models = SimpleNamespace(of=lambda name: SimpleNamespace(feed=lambda: SimpleNamespace(live_epoch=1), positions=at))
    door: Any = SimpleNamespace(name="house", store=store, models=models, told_up_to=lambda name: (1, 3))
    monkeypatch.setattr(questions, "run_in_threadpool", at_once)

    async def play() -> None:
        looks, closing = Looks(), SimpleNamespace(is_set=lambda: False)
        await asyncio.gather(*(visible(door, "county", "token", looks, closing) for _ in range(10)))  # type: ignore[arg-type]

    asyncio.run(play())
    assert asked == {"head": 3, "told": 4, "model": 3}
