"""What takes too long is answered, and what comes of it later is nobody's answer any more."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from api import problems
from api.problems import LastResort

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
