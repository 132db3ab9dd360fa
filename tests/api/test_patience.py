"""What takes too long is answered, and what comes of it later is nobody's answer any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from house import LEDGER, House, house_after
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from stories import INSTRUCTOR, OWN_WORKER

from api import bodies, problems
from api.problems import LastResort
from api.routes import commands

POST: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


async def nothing_more() -> Message:
    return {"type": "http.disconnect"}


def test_what_takes_too_long_is_answered_as_of_unknown_end_and_its_own_answer_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(problems, "LONGEST_ANSWER_S", 0.0)
    sent: list[Message] = []

    async def scene() -> None:
        hanging, told = asyncio.Event(), asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await hanging.wait()
            await send({"type": "http.response.start", "status": 201, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

        async def send(message: Message) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                told.set()

        # when it is not answered in time
        asked = asyncio.create_task(LastResort(app)(POST, nothing_more, send))
        await asyncio.wait_for(told.wait(), 30)
        # and its own answer comes later
        hanging.set()
        await asked

    asyncio.run(scene())
    start, body = sent
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert orjson.loads(body["body"])["codes"][0]["code"] == "E_UNAVAILABLE"


def test_what_has_begun_to_answer_is_let_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "LONGEST_ANSWER_S", 0.0)
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):  # rounds of the loop, in which the time is over
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"whole"})

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(LastResort(app)(POST, nothing_more, send))
    assert [message.get("status", message.get("body")) for message in sent] == [200, b"whole"]


def test_who_goes_away_in_the_middle_of_the_content_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(LastResort(app)(POST, nothing_more, send))
    assert (sent, caplog.records) == ([], [])


# --- A database that does not answer -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("17", tmp_path_factory.mktemp("silent")) as at:
        yield at


class Silent:
    """A database of which each question waits until it is let go; `on_loop` are those that the loop itself asked."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.asked, self.go_on = asyncio.Event(), threading.Event()
        self.on_loop: list[str] = []
        self._thread = threading.get_ident()

    def question(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def asking(*args: Any, **more: Any) -> Any:
            if threading.get_ident() == self._thread:
                self.on_loop.append(name)  # it would stand still
            else:
                self.loop.call_soon_threadsafe(self.asked.set)
                assert self.go_on.wait(60)
            return ask(*args, **more)

        return asking


@contextmanager
def silent(home: House) -> Iterator[Silent]:
    """Nothing is at hand that was asked before."""
    recorder, database = home.wired.store._recorder, Silent()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.store.deciding.known.RECENT_S", -1.0)
        patch.setattr("domain.store.deciding.known.RECENT_PATHWAY_S", -1.0)
        for name in ("rows", "stream_rows", "matter_rows", "head", "last", "stream_version", "answers_to"):
            patch.setattr(recorder, name, database.question(name, getattr(recorder, name)))
        yield database


NAMED = {"correction_reason": "wrong_entry", "new_values": {"hours": 4}}
BY_MESSAGE = {**NAMED, "target_event_id": "message:nobody's"}


@pytest.mark.parametrize(
    ("by", "path", "body", "status"),
    [
        (INSTRUCTOR, "corrections", lambda home: BY_MESSAGE, 409),
        (OWN_WORKER, "corrections", lambda home: {**NAMED, "target_event_id": in_history(home)}, 409),
        (INSTRUCTOR, "corrections", lambda home: {**NAMED, "target_event_id": "0" * 32}, 409),
        (OWN_WORKER, "details", lambda home: {"note": "x" * 100_000}, 422),
        (OWN_WORKER, "history", None, 200),
        (OWN_WORKER, "as-of", None, 200),
        (OWN_WORKER, "told", None, 200),
        (OWN_WORKER, "told/provider-s01", None, 200),
        (OWN_WORKER, "decisions", None, 200),
    ],
)
def test_while_the_database_is_asked_for_one_others_are_answered(
    home: House, by: Any, path: str, body: Callable[[House], dict[str, Any]] | None, status: int
) -> None:
    name = home.name("county" if by is OWN_WORKER else "provider-s01")
    headers = home.headers(by, **{"idempotency-key": home.id(), "content-type": "application/json"})
    raw = orjson.dumps(body(home)) if body is not None else b""

    async def scene() -> None:
        transport = httpx.ASGITransport(app=home.http.app)
        with silent(home) as database:
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
                method, address = "GET" if body is None else "POST", f"/ledgers/{LEDGER}/clients/{name}/{path}"
                try:
                    # given a question that the database does not answer
                    asking = asyncio.create_task(http.request(method, address, content=raw, headers=headers))
                    await asyncio.wait_for(database.asked.wait(), 60)
                    # then somebody who asks nothing of it is answered
                    assert (await http.get("/")).status_code == 200
                    assert not asking.done()
                finally:
                    database.go_on.set()
                answer = await asking
        assert (answer.status_code, database.on_loop) == (status, []), answer.text

    asyncio.run(scene())


@pytest.mark.parametrize(("size", "on_loop"), [(0, True), (200_000, False)])
def test_what_is_long_is_read_and_judged_beside_the_loop(
    size: int, on_loop: bool, home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A short body that asks nothing of the database costs no change of threads.
    name = home.name("provider-s01")
    headers = home.headers(INSTRUCTOR, **{"idempotency-key": home.id(), "content-type": "application/json"})
    raw = orjson.dumps({"period_id": name, "day_status": "nothing we know", "hours": "x" * size})
    told: list[tuple[str, bool]] = []

    async def scene() -> None:
        loop = threading.get_ident()

        def noted(what: str, done: Callable[..., Any]) -> Callable[..., Any]:
            def doing(*args: Any) -> Any:
                told.append((what, threading.get_ident() == loop))
                return done(*args)

            return doing

        monkeypatch.setattr(bodies, "read_json", noted("read", bodies.read_json))
        monkeypatch.setattr(commands, "wish_of_body", noted("judged", commands.wish_of_body))
        transport = httpx.ASGITransport(app=home.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            answer = await http.post(f"/ledgers/{LEDGER}/clients/{name}/attendance", content=raw, headers=headers)
        assert answer.status_code == 422

    asyncio.run(scene())
    assert told == [("read", on_loop), ("judged", on_loop)]


def test_a_client_is_looked_up_once_however_many_of_his_facts_are_named(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    recorder = home.wired.store._recorder
    stream_rows = recorder.stream_rows
    monkeypatch.setattr(recorder, "stream_rows", lambda name, *more: asked.append(name) or stream_rows(name, *more))
    fact = {"target_event_id": in_history(home)}
    body = {**NAMED, **fact, "further": [fact] * 300}
    assert home.post(f"/clients/{home.name('county')}/corrections", OWN_WORKER, body).status_code == 409
    assert asked.count(home.aino) <= 2


def in_history(home: House) -> str:
    """The county's name for the client's first fact, in which no hours are said."""
    return home.name("county", next(iter(home.pathway.facts)))
