"""What takes too long is answered, and what comes of it later is nobody's answer any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from house import LEDGER, UNKNOWN_CODE, House, house, house_after
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from stories import ASSOCIATION, AUTHORITY, CONTRACTS, COUNTY, EXPERT, INSTRUCTOR, INTAKE, OWN_WORKER

from api import problems
from api.problems import LastResort
from domain.context import Caller

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


class Silent:
    """Databases of which each question waits until it is let go; `on_loop` are those that the loop itself asked."""

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
    """Store, keys and vault fall silent; nothing is at hand that was asked before."""
    wired, database = home.wired, Silent()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.store.deciding.known.RECENT_S", -1.0)
        patch.setattr("domain.store.deciding.known.RECENT_PATHWAY_S", -1.0)
        for name in ("rows", "stream_rows", "matter_rows", "head", "last", "stream_version", "answers_to"):
            patch.setattr(wired.store._recorder, name, database.question(name, getattr(wired.store._recorder, name)))
        for part, beside in (("keys", wired.keys._database), ("vault", wired.vault._database)):
            for name in ("read", "write"):
                patch.setattr(beside, name, database.question(f"{part}.{name}", getattr(beside, name)))
        yield database


NAMED = {"correction_reason": "wrong_entry", "new_values": {"hours": 4}}
BY_MESSAGE = {**NAMED, "target_event_id": "message:nobody's"}
UNHEARD_OF = {"identity_kind": "identity_code", "registered_from": "own_contact", "family_name": "Uusi"}
RECIPIENTS = {COUNTY: "county", AUTHORITY: "authority", ASSOCIATION: "provider-s01"}


@pytest.mark.parametrize(
    ("by", "path", "body", "status"),
    [
        (INSTRUCTOR, "clients/{name}/corrections", BY_MESSAGE, 409),
        (OWN_WORKER, "clients/{name}/corrections", {**NAMED, "target_event_id": "{fact}"}, 409),
        (INSTRUCTOR, "clients/{name}/corrections", {**NAMED, "target_event_id": "0" * 32}, 409),
        (OWN_WORKER, "clients/{name}/details", {"note": "x" * 100_000}, 422),
        (OWN_WORKER, "clients/{name}/details", {"phone": "+358401234567"}, 201),
        (INTAKE, "clients", {**UNHEARD_OF, "identity_code": UNKNOWN_CODE}, 201),
        (CONTRACTS, "contracts", {"provider_org_id": COUNTY}, 422),
        (INSTRUCTOR, "client-references", {"identity_code": UNKNOWN_CODE}, 404),
        (OWN_WORKER, "clients/{name}/history", None, 200),
        (OWN_WORKER, "clients/{name}/as-of", None, 200),
        (OWN_WORKER, "clients/{name}/told", None, 200),
        (OWN_WORKER, "clients/{name}/told/provider-s01", None, 200),
        (OWN_WORKER, "clients/{name}/decisions", None, 200),
        (EXPERT, "recipients/authority/customers?after={name}", None, 200),
    ],
)
def test_while_a_database_is_asked_for_one_others_are_answered(
    tmp_path: Path, by: Caller, path: str, body: dict[str, Any] | None, status: int
) -> None:
    with house_after("17", tmp_path) as home:
        said = {"{name}": home.name(RECIPIENTS[by.org]), "{fact}": in_history(home)}
        headers = home.headers(by, **{"idempotency-key": home.id(), "content-type": "application/json"})
    raw, address = orjson.dumps(body).decode() if body is not None else "", f"/ledgers/{LEDGER}/{path}"
    for word, stands_for in said.items():
        raw, address = raw.replace(word, stands_for), address.replace(word, stands_for)

    async def scene(home: House) -> None:
        transport = httpx.ASGITransport(app=home.http.app)
        with silent(home) as database:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                method = "GET" if body is None else "POST"
                try:
                    # given a question that no database answers
                    asking = asyncio.create_task(http.request(method, address, content=raw.encode(), headers=headers))
                    await asyncio.wait_for(database.asked.wait(), 60)
                    # then somebody who asks nothing of them is answered
                    assert (await http.get("/")).status_code == 200
                    assert not asking.done()
                finally:
                    database.go_on.set()
                answer = await asking
        assert (answer.status_code, database.on_loop) == (status, []), answer.text

    # in a process that has asked nothing yet
    with house(tmp_path) as fresh:
        asyncio.run(scene(fresh))


def test_a_client_is_looked_up_once_however_many_of_his_facts_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with house_after("17", tmp_path) as home:
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
