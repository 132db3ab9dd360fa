"""A large body is read once and judged beside the loop, in its turn: nobody else waits for it, the ledger neither."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from house import LEDGER, UNKNOWN_CODE, House, house_after
from stories import INSTRUCTOR, OWN_WORKER

from api import bodies
from api.routes import commands, messages
from domain.context import Caller
from domain.counts import TURNED_AWAY
from domain.json_gate import read_json
from domain.store import EventStore

LONG = 200_000
ATTENDANCE = "record_attendance.v1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("17", tmp_path_factory.mktemp("large")) as at:
        yield at


class Watched:
    """What was done with bodies, each with where: in the loop, by the writer of the ledger, or beside both."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, str]] = []
        self.loop = 0
        for place in ("api.bodies", "api.routes.messages", "api.routes.publications", "domain.store.deciding.kept_answers"):
            patch.setattr(f"{place}.read_json", self._noted("read", read_json))
        for module in (bodies, messages):
            patch.setattr(module, "escaped", self._noted("named", module.escaped))
        patch.setattr(commands, "wish_of_body", self._noted("judged", commands.wish_of_body))
        patch.setattr(EventStore, "_put", self._noted("handed over", EventStore._put))
        patch.setattr(EventStore, "refuse", self._noted("handed over", EventStore.refuse))

    def _noted(self, what: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*args: Any, **more: Any) -> Any:
            self.done.append((what, self._where()))
            return do(*args, **more)

        return doing

    def _where(self) -> str:
        if threading.get_ident() == self.loop:
            return "in the loop"
        return "by the writer" if threading.current_thread().name.startswith("writer-") else "beside"

    def of(self, what: str) -> list[str]:
        """Where it was done, each time."""
        return [where for done, where in self.done if done == what]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def asked(home: House, by: Caller, path: str, body: Any, watched: Watched, **headers: str) -> Any:
    """The answer to a body, by a loop of its own."""
    named = {"idempotency-key": home.id(), "content-type": "application/json", **headers}

    async def scene() -> Any:
        watched.loop = threading.get_ident()
        transport = httpx.ASGITransport(app=home.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.post(f"/ledgers/{LEDGER}{path}", content=orjson.dumps(body), headers=home.headers(by, **named))

    return asyncio.run(scene())


def decided(home: House, size: int) -> tuple[Caller, str, dict[str, Any]]:
    """What reaches the decision: a correction that says so much."""
    fact = home.name("county", next(iter(home.pathway.facts)))
    body = {"correction_reason": "wrong_entry", "target_event_id": fact, "new_values": {"hours": "x" * size}}
    return OWN_WORKER, f"/clients/{home.name('county')}/corrections", body


def unreadable(home: House, size: int) -> tuple[Caller, str, dict[str, Any]]:
    """What is no command: refused before it is decided."""
    name = home.name("provider-s01")
    body = {"period_id": name, "day_status": "nothing we know", "hours": "x" * size}
    return INSTRUCTOR, f"/clients/{name}/attendance", body


@pytest.mark.parametrize(("size", "where"), [(0, "in the loop"), (LONG, "beside")])
@pytest.mark.parametrize(("said", "status"), [(decided, 409), (unreadable, 422)])
def test_a_body_is_read_once_and_a_large_one_judged_and_handed_over_beside_the_loop(
    said: Callable[[House, int], tuple[Caller, str, Any]],
    status: int,
    size: int,
    where: str,
    home: House,
    watched: Watched,
) -> None:
    # A short body that asks nothing of the database costs no change of threads.
    by, path, body = said(home, size)
    answer = asked(home, by, path, body, watched)
    assert answer.status_code == status, answer.text
    assert watched.of("read") == [where]
    assert watched.of("handed over") == [where]
    assert set(watched.of("judged")) <= {where, "beside"}


@pytest.mark.parametrize(
    ("path", "said", "code"),
    [
        ("/client-references", {}, "E_FIELD_NOT_ALLOWED"),
        ("/redeliveries", {}, "E_FIELD_NOT_ALLOWED"),
        ("/in/provider-s01", {"specversion": "1.0", "id": "whole", "type": ATTENDANCE, "data": {}}, "E_ENVELOPE"),
    ],
)
def test_of_as_many_wrong_names_as_a_body_has_room_for_none_is_looked_at_in_the_loop(
    path: str, said: dict[str, Any], code: str, home: House, watched: Watched
) -> None:
    kind = "application/cloudevents+json" if said else "application/json"
    names = {f"n{number}": [] for number in range(20_000)}
    answer = asked(home, INSTRUCTOR, path, {**names, **said}, watched, **{"content-type": kind})
    assert answer.json()["codes"][0]["code"] == code
    assert (set(watched.of("read")), set(watched.of("named"))) == ({"beside"}, {"beside"})


def test_the_writer_of_the_ledger_reads_no_body_whatever_was_said_under_its_key_before(
    home: House, watched: Watched
) -> None:
    # given keys under which something was said
    by, path, small = decided(home, 0)
    large = decided(home, LONG)[2]
    for body in (small, large):
        assert home.post(path, by, body, key=f"used-{len(str(body))}").status_code == 409
    used, same = (f"used-{len(str(body))}" for body in (small, large))
    # when something else is said under one of them, and the same under the other
    other = home.post(path, by, large, key=used)
    again = home.post(path, by, large, key=same)
    # then the first is refused, and the second answered as before
    assert [one["code"] for one in other.json()["codes"]] == ["E_KEY_REUSED"]
    assert [one["code"] for one in again.json()["codes"]] == ["E_NOT_CORRECTABLE"]
    # and over Kafka in the same way
    for message in ({"hours": 1}, {"hours": "x" * LONG}):
        home.send("provider-s01", "used", ATTENDANCE, message)
    home.settle()
    told = [one["codes"] for one in home.receipts("provider-s01") if one["message_id"] == "used"]
    assert ["E_KEY_REUSED"] in [[code["code"] for code in codes] for codes in told]
    assert watched.of("read")
    assert "by the writer" not in watched.of("read")


class Slow:
    """Large bodies are posted that nobody comes to the end of reading before they may `go_on`; at `most` so many at a time
    are read."""

    def __init__(self, home: House, patch: pytest.MonkeyPatch) -> None:
        self.reading = self.most = 0
        self.go_on = threading.Event()
        self._count = threading.Lock()
        by, path, body = decided(home, bodies.LARGE)
        self.path, self.raw = f"/ledgers/{LEDGER}{path}", orjson.dumps(body)
        self.headers = lambda: home.headers(by, **{"idempotency-key": home.id(), "content-type": "application/json"})
        patch.setattr(bodies, "read_json", self._read)

    def _read(self, raw: bytes) -> Any:
        with self._count:
            self.reading += 1
            self.most = max(self.most, self.reading)
        assert self.go_on.wait(60)
        with self._count:
            self.reading -= 1
        return read_json(raw)

    async def posted(self, http: httpx.AsyncClient, many: int) -> list[asyncio.Task[httpx.Response]]:
        """So many, all of them on their way."""
        posting = [asyncio.create_task(http.post(self.path, content=self.raw, headers=self.headers())) for _ in range(many)]
        while bodies._there.total() < many:
            await asyncio.sleep(0.01)
        return posting


def test_large_bodies_take_turns_and_keep_no_thread_from_a_reading(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_OF_ONE", 60)
    slow = Slow(home, monkeypatch)

    async def scene() -> None:
        transport = httpx.ASGITransport(app=home.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            try:
                # given more large bodies than there are threads
                posting = await slow.posted(http, 60)
                # then a reading that asks the database is answered
                asking = http.get(f"/ledgers/{LEDGER}/health", headers=home.headers(OWN_WORKER))
                assert (await asyncio.wait_for(asking, 30)).status_code == 200
            finally:
                slow.go_on.set()
            assert {answer.status_code for answer in await asyncio.gather(*posting)} == {409}

    asyncio.run(scene())
    assert slow.most == bodies.MOST_LARGE


def test_where_enough_large_bodies_wait_another_one_is_to_come_again_and_a_short_one_is_taken(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_WAITING", 3)
    slow = Slow(home, monkeypatch)
    by, path, short = unreadable(home, 0)

    async def scene() -> None:
        transport = httpx.ASGITransport(app=home.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            try:
                posting = await slow.posted(http, 3)
                turned_away = await http.post(slow.path, content=slow.raw, headers=slow.headers())
                assert (turned_away.status_code, turned_away.headers["retry-after"]) == (503, "1")
                assert turned_away.json()["codes"][0]["code"] == "E_UNAVAILABLE"
                monkeypatch.setattr(bodies, "read_json", read_json)
                raw, named = orjson.dumps(short), {**slow.headers(), **home.headers(by)}
                assert (await http.post(f"/ledgers/{LEDGER}{path}", content=raw, headers=named)).status_code == 422
            finally:
                slow.go_on.set()
            # and when those that were there are answered, so is the next one
            assert {answer.status_code for answer in await asyncio.gather(*posting)} == {409}
            assert (await http.post(slow.path, content=slow.raw, headers=slow.headers())).status_code == 409

    asyncio.run(scene())


def test_one_sender_does_not_take_everybodys_places(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_OF_ONE", 2)
    before = TURNED_AWAY.counted().get((), 0)
    slow = Slow(home, monkeypatch)
    by, path, other = unreadable(home, bodies.LARGE)

    async def scene() -> None:
        transport = httpx.ASGITransport(app=home.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            try:
                # given as many large bodies of the county as one sender may have there, then one more is to come again
                posting = await slow.posted(http, 2)
                assert (await http.post(slow.path, content=slow.raw, headers=slow.headers())).status_code == 503
                # and that of a provider is taken, and answered in its turn
                named = {**slow.headers(), **home.headers(by)}
                posting.append(
                    asyncio.create_task(http.post(f"/ledgers/{LEDGER}{path}", content=orjson.dumps(other), headers=named))
                )
                while bodies._there.total() < 3:
                    await asyncio.sleep(0.01)
            finally:
                slow.go_on.set()
            assert [answer.status_code for answer in await asyncio.gather(*posting)] == [409, 409, 422]

    asyncio.run(scene())
    assert TURNED_AWAY.counted()[()] == before + 1
    assert bodies._there == {}


def test_where_the_vault_does_not_answer_a_large_body_that_asks_nothing_of_it_is_answered(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """faults.md 6: every part has room or none by itself."""
    asked, go_on = threading.Event(), threading.Event()

    def silent(*_: Any, **__: Any) -> Any:
        asked.set()
        assert go_on.wait(60)

    monkeypatch.setattr(home.wired.vault, "find", silent)
    by, path, large = decided(home, LONG)

    async def scene() -> None:
        transport = httpx.ASGITransport(app=home.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:

            def post(where: str, body: Any, caller: Caller, **more: str) -> asyncio.Task[httpx.Response]:
                named = {"idempotency-key": home.id(), "content-type": "application/json", **more}
                url = f"/ledgers/{LEDGER}{where}"
                return asyncio.create_task(http.post(url, content=orjson.dumps(body), headers=home.headers(caller, **named)))

            try:
                # given a large message that names somebody by his code
                message = {"identity_code": UNKNOWN_CODE, "day_status": "present", "goal": "x" * LONG}
                attributes = {"ce-id": "held", "ce-type": ATTENDANCE, "ce-specversion": "1.0"}
                waiting = post("/in/provider-s01", message, INSTRUCTOR, **attributes)
                while not asked.is_set():
                    await asyncio.sleep(0.01)
                # then a large correction beside it is decided
                assert (await asyncio.wait_for(post(path, large, by), 30)).status_code == 409
                assert not waiting.done()
            finally:
                go_on.set()
            await waiting

    asyncio.run(scene())
