"""Requests as bytes: what stands around their content has a bound, and whatever could be read in two ways is refused."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, Request, Response

from deploy.listening import LARGEST_AROUND_CONTENT
from deploy.local.ports import free_port
from deploy.serving import Server

DEADLINE_S = 30.0
PIECE = 8 * 1024
ASK = b"GET /ask HTTP/1.1\r\nHost: localhost\r\n"
SEND = b"POST /length HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = FastAPI()
    app.state.closing = threading.Event()

    @app.get("/ask")
    async def ask() -> str:
        return "asked"

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1.5)
        return "slow"

    @app.get("/large")
    async def large() -> Response:
        return Response(b"a" * LARGE)

    server = Server(app, "127.0.0.1", port := free_port())
    server.start()
    yield port
    server.stop()


OFFERS = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAA\r\n"


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as line:
        yield line


def answered(line: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    pieces = []
    while piece := line.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def statuses(answer: bytes) -> list[int]:
    return [int(part.split(b" ")[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"GET /", id="an address"),
        pytest.param(ASK + b"X-Long: ", id="a header"),
        pytest.param(SEND + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Behind: ", id="what follows the chunks"),
        pytest.param(SEND + b"Transfer-Encoding: chunked\r\n\r\n2;x=", id="what is said of a chunk"),
    ],
)
def test_what_never_comes_to_its_end_is_not_collected(beginning: bytes, port: int) -> None:
    # when somebody goes on sending one and the same thing
    with connected(port) as line:
        sent = 0
        try:
            line.sendall(beginning)
            while sent < 400 * PIECE:
                line.sendall(b"a" * PIECE)
                sent += PIECE
            answer = answered(line)
        except ConnectionError:
            answer = b""
    # then he is sent away; what was on its way in the buffers of both sides is not counted
    assert sent < 400 * PIECE or statuses(answer)[-1] == 400
    assert sent >= LARGEST_AROUND_CONTENT


def test_content_is_no_part_of_what_stands_around_it(port: int) -> None:
    content = b'"' + b"a" * (3 * LARGEST_AROUND_CONTENT) + b'"'
    with connected(port) as line:
        line.sendall(SEND + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        assert answered(line).endswith(b"\r\n\r\n%d" % len(content))


def test_many_requests_on_one_connection_are_many(port: int) -> None:
    one = ASK + b"X-Long: " + b"a" * (LARGEST_AROUND_CONTENT // 4) + b"\r\n"
    with connected(port) as line:
        for _ in range(8):
            line.sendall(one + b"\r\n")
            answer = b""
            while not answer.endswith(b'"asked"'):
                answer += line.recv(65_536)
            assert statuses(answer) == [200]


def test_requests_that_come_together_are_answered_in_their_order(port: int) -> None:
    second = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connected(port) as line:
        line.sendall(ASK + b"\r\n" + second)
        assert statuses(answered(line)) == [200, 404]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(SEND + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="two lengths"),
        pytest.param(SEND + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", id="two numbers"),
        pytest.param(SEND + b"Content-Length: +2\r\n\r\n{}", id="a signed length"),
        pytest.param(SEND + b"Content-Length : 2\r\n\r\n{}", id="a space before the colon"),
        pytest.param(SEND + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunks that are not last"),
        pytest.param(ASK + b"X-Folded: a\r\n b\r\n\r\n", id="a folded header"),
        pytest.param(ASK + b"X-Null: a\0b\r\n\r\n", id="a null in a header"),
        pytest.param(b"GET /open api.json HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a space in the address"),
    ],
)
def test_what_a_proxy_might_read_otherwise_is_refused(request_: bytes, port: int) -> None:
    """source: RFC 9112 5.1, 6.3, 11.2"""
    with connected(port) as line:
        line.sendall(request_)
        assert statuses(answered(line)) == [400]


# --- who is not waited for ---

LARGE = 40 * 1024 * 1024


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("HEADERS_S", 0.4), ("CONTENT_S", 0.4), ("ANSWER_S", 0.4), ("LOOK_S", 0.05)):
        monkeypatch.setattr(f"deploy.listening.{name}", seconds)


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /as", id="an address"),
        pytest.param(ASK + b"X-Long: ", id="a header"),
        pytest.param(SEND + b"Content-Length: 1000\r\n\r\n{", id="content"),
        pytest.param(SEND + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n{}", id="chunks"),
    ],
)
@pytest.mark.parametrize("drips", [False, True], ids=["and no more", "and then drop by drop"])
def test_who_does_not_come_to_an_end_is_not_waited_for(beginning: bytes, drips: bool, port: int, quick: None) -> None:
    with connected(port) as line:
        began = time.monotonic()
        line.sendall(beginning)
        line.settimeout(0.1)
        closed = False
        while not closed and time.monotonic() < began + DEADLINE_S:
            try:
                if drips and beginning:
                    line.sendall(b"1")
                closed = is_closed(line)
            except TimeoutError:
                pass
            except ConnectionError:
                closed = True
        assert closed
        assert time.monotonic() - began > 0.35


def test_a_second_request_on_a_connection_is_waited_for_no_longer(port: int, quick: None) -> None:
    with connected(port) as line:
        line.sendall(ASK + b"\r\n" + ASK)
        assert statuses(answered(line)) == [200]


def test_an_answer_that_takes_its_time_is_waited_for(port: int, quick: None) -> None:
    second = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connected(port) as line:
        # given that half of the next request comes while the first one is being answered
        line.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n" + ASK + b"\r\n" + second[:20])
        time.sleep(0.7)
        line.sendall(second[20:])
        assert statuses(answered(line)) == [200, 200, 404]


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"])
def test_who_takes_no_answer_is_not_waited_for(port: int, quick: None, closing: bytes) -> None:
    with connected(port) as line:
        line.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n" + closing + b"\r\n")
        time.sleep(2.0)
        taken = 0
        try:
            while piece := line.recv(1024 * 1024):
                taken += len(piece)
        except ConnectionError:
            pass
        assert taken < LARGE


def test_who_takes_an_answer_slowly_gets_all_of_it(port: int, quick: None) -> None:
    with connected(port) as line:
        line.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken, began = 0, time.monotonic()
        while taken < LARGE:
            taken += len(line.recv(2 * 1024 * 1024))
            time.sleep(0.03)
        assert time.monotonic() - began > 0.5


@pytest.mark.parametrize("pieces", [1, 7, 1000], ids="in pieces of {} bytes".format)
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"Content-Length: 12\r\n\r\ntwelve bytes", id="of a length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n8\r\ntwelve b\r\n4\r\nytes\r\n0\r\n\r\n", id="in chunks"),
    ],
)
def test_who_offers_another_protocol_is_answered_in_this_one(content: bytes, pieces: int, port: int) -> None:
    """As Java's own client does with every request. source: RFC 9110 7.8"""
    # when the requests come one behind the other, with and without content
    sent = SEND + OFFERS + content + ASK + OFFERS + b"\r\n" + SEND + OFFERS + content + ASK + b"Connection: close\r\n\r\n"
    with connected(port) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(sent), pieces):
            line.sendall(sent[at : at + pieces])
        answer = answered(line)
    assert statuses(answer) == [200, 200, 200, 200]
    assert [part.split(b"\r\n\r\n")[1] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"12", b'"asked"', b"12", b'"asked"']


def test_an_offer_of_another_protocol_hides_no_request(port: int) -> None:
    # when what stands in the content of a request looks like another one
    inner = ASK + b"\r\n"
    with connected(port) as line:
        line.sendall(SEND + OFFERS + b"Content-Length: %d\r\n\r\n" % len(inner) + inner + ASK + b"Connection: close\r\n\r\n")
        answer = answered(line)
    assert statuses(answer) == [200, 200]
    assert answer.split(b"HTTP/1.1 ")[1].endswith(b"\r\n\r\n%d" % len(inner))


def test_a_tunnel_is_not_made_and_what_follows_is_answered(port: int) -> None:
    with connected(port) as line:
        line.sendall(b"CONNECT /ask HTTP/1.1\r\nHost: localhost\r\n\r\n" + ASK + b"Connection: close\r\n\r\n")
        answer = answered(line)
    assert statuses(answer) == [405, 200]
