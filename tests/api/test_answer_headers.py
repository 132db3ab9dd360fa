"""Headers that always come are described as such: where one of them is not sent any more, every test that asks finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from described import Described
from house import House
from provider_days import attendance, week_after
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from stories import INSTRUCTOR, OPERATOR, OWN_WORKER

from api.openapi.answers import HEADERS
from domain.context import Caller

PROVIDER = Caller(INSTRUCTOR.org, "provider", "system", "system")
IF_ANY = {"Accept", "Accept-Encoding"}
"""Headers that no answer always has: each says what the other does not."""


class Without:
    """An application that does not send a header."""

    def __init__(self, app: Any, header: str) -> None:
        self._app: ASGIApp = app
        self._left_out = header.lower().encode()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() != self._left_out]
                message = {**message, "headers": kept}
            await send(message)

        await self._app(scope, receive, sent)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with week_after(tmp_path_factory.mktemp("headers")) as at:
        yield at


def service(home: House) -> Any:
    body = {"service": "other", "service_note": home.id(), "told_by": "client", "from_on": "2025-03-04"}
    return home.post(f"/clients/{home.name('county')}/parallel-services", OWN_WORKER, body)


def too_early(home: House) -> Any:
    """The clock waits for what was recorded just before."""
    service(home)
    return home.post("/clock", OPERATOR, {"to_at": "2026-03-20T12:00:00+02:00"})


def known(home: House) -> Any:
    return home.http.get("/schemas", headers={"if-none-match": "*"})


def health(home: House) -> Any:
    return home.get("/health", OWN_WORKER)


def nobody(home: House) -> Any:
    return home.get("/health", None)


def out(home: House) -> Any:
    return home.get("/out/provider-s01", PROVIDER, wait=0)


def message(home: House) -> Any:
    named = {"ce-type": "record_attendance.v1", "ce-id": home.id()}
    return home.post("/in/provider-s01?dry_run=true", PROVIDER, attendance(home), **named)


Asked = Callable[[House], Any]
STATUS: Mapping[Asked, int] = {
    health: 200, nobody: 401, out: 200, service: 201, too_early: 503, known: 304, message: 201,
}  # fmt: skip
"""What is asked, and how it is answered."""
SENT: list[tuple[str, Asked]] = [
    *((header, health) for header in ("X-Request-Id", "Cache-Control", "Vary", "ETag")),
    *((header, nobody) for header in ("X-Request-Id", "Cache-Control", "Vary", "Content-Language", "WWW-Authenticate")),
    *((header, service) for header in ("X-Request-Id", "Cache-Control", "Vary", "ETag", "KUTY-Token")),
    *((header, message) for header in ("X-Request-Id", "Cache-Control", "Vary")),
    *((header, out) for header in ("RateLimit-Policy", "RateLimit")),
    *((header, known) for header in ("X-Request-Id", "Cache-Control", "ETag", "X-Content-Type-Options")),
    ("Retry-After", too_early),
    ("Link", lambda home: home.http.get("/asyncapi")),
    ("Cache-Control", lambda home: home.http.get("/asyncapi")),
    ("X-Content-Type-Options", lambda home: home.http.get("/asyncapi/provider.yaml")),
    ("Cache-Control", lambda home: home.http.get("/dev/people")),
]
"""A header, and a request whose answer always has it."""


@pytest.mark.parametrize("ask", STATUS, ids=lambda ask: ask.__name__)
def test_what_is_asked_is_answered_as_it_is_described(ask: Asked, home: House) -> None:
    assert ask(home).status_code == STATUS[ask]


@pytest.mark.parametrize(("header", "ask"), SENT, ids=[f"{header}-{number}" for number, (header, _) in enumerate(SENT)])
def test_a_header_that_is_not_sent_any_more_is_found(header: str, ask: Asked, home: House) -> None:
    without = replace(home, http=Described(Without(home.http.app, header)))
    with pytest.raises(AssertionError, match=f"the header {header.lower()} is missing"):
        ask(without)


def test_a_header_of_every_sort_is_left_out_once() -> None:
    assert {header for header, _ in SENT} == HEADERS.keys() - IF_ANY
