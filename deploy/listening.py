"""How the API listens: requests are parsed in C, what stands around their content has a bound (design D24), who says
nothing, too little, or takes no answer is not waited for, and that nobody new can be heard is said once a second."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.local.ports import PartFailed

LARGEST_AROUND_CONTENT = 64 * 1024
"""Bytes of a request that are none of its content: its first line, headers, the frames of chunks and what follows them. The
parser itself would go on collecting; what arrives at one moment, 256 KiB at most, is parsed before it is counted."""

HEADERS_S = 10.0
"""How long the first line and the headers of a request may take, from the connection or their first byte, in seconds.
Between requests a connection is kept for uvicorn's five seconds."""
CONTENT_S = 20.0
"""How long its content may take, in seconds: what has no answer by then was given up (`api.problems.LONGEST_ANSWER_S`)."""
ANSWER_S = 60.0
"""In so many seconds of an answer that waits for its reader..."""
TAKEN_AT_LEAST = 64 * 1024
"""... so many bytes have to be taken, or all of it."""
LOOK_S = 2.0
"""How often each connection is looked at, in seconds; one that is being closed has that long for what it has not taken."""

NO_REQUEST = "Invalid HTTP request received."
FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""Headers that say how the content of a request comes."""

SAID_EVERY_S = 1.0
_logger = logging.getLogger("kuty.api")


class BoundedServer(uvicorn.Server):
    """uvicorn's server. Where the process may open nothing more, the loop would say so once for everybody who waits, with a
    trace each."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._said_at = float("-inf")

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until it is to end."""
        asyncio.get_running_loop().set_exception_handler(self._told)
        await super().serve(sockets)

    def _told(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "out of system resource" not in context["message"]:
            loop.default_exception_handler(context)
        elif time.monotonic() >= self._said_at + SAID_EVERY_S:
            self._said_at = time.monotonic()
            most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            _logger.error("nobody new is heard: this process may open %d files and connections (`ulimit -n`), and has", most)


def shared_socket(host: str, port: int) -> socket.socket:
    """A socket on an address on which other processes of the same user may have theirs: the system deals connections out
    among them. Raises PartFailed."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise PartFailed(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return made


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which ends a connection whose request does not come to its content or its end, or whose answer
    nobody takes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._around = 0
        self._due: float | None = None
        self._unread: tuple[float, int] | None = None
        self._closing = False
        self._looking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._due = self.loop.time() + HEADERS_S
        self._looking = self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        now, transport = self.loop.time(), self.transport
        self._looking = self.loop.call_later(LOOK_S, self._look)
        if self._closing:
            transport.abort()
        elif self._due is not None and now >= self._due:
            if not self.flow.read_paused:
                transport.close()
            # Else it is us who do not read on, while an answer before it is being made.
        elif self._unread is not None and now >= self._unread[0] + ANSWER_S:
            size = transport.get_write_buffer_size()
            if size > self._unread[1] - TAKEN_AT_LEAST:
                transport.abort()
            self._unread = now, size
        self._closing = transport.is_closing()

    def pause_writing(self) -> None:
        """An answer waits for its reader."""
        super().pause_writing()
        self._unread = self.loop.time(), self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """It goes on."""
        super().resume_writing()
        self._unread = None

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        if self._due is None:
            self._due = self.loop.time() + HEADERS_S

    def on_headers_complete(self) -> None:
        """What comes now is its content."""
        self._due = self.loop.time() + CONTENT_S
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse (400) what is no request, and what has gone on for too long."""
        self._around += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self.logger.warning(NO_REQUEST)
            self.send_400_response(NO_REQUEST)
            return
        if self._around > LARGEST_AROUND_CONTENT and not self.transport.is_closing():
            self.send_400_response("Too much before or around the content of a request.")

    def _parse(self, data: bytes) -> None:
        """Whoever offers another protocol (`Upgrade`) is answered in this one: Java's own client offers HTTP/2 with every
        request. The parser stops behind the headers then, though the content comes as it would otherwise: another parser,
        who is told how it comes, goes on. Raises HttpParserError. source: RFC 9110 7.8"""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offered:
                framing = [(name, value) for name, value in self.headers if name in FRAMING]
                known = b"".join(b"%b: %b\r\n" % line for line in framing)
                data = b"POST / HTTP/1.1\r\n" + known + b"\r\n" + data[offered.args[0] :]
                self.parser = httptools.HttpRequestParser(_GoingOn(self))

    def on_body(self, body: bytes) -> None:
        """Content is counted by whoever reads it."""
        self._around -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next request begins to be counted, unless the content of this one is still to come."""
        if self.parser.should_upgrade():
            return
        self._around, self._due = 0, None
        super().on_message_complete()


class _GoingOn:
    """What a protocol hears of a request whose headers it has heard, and of all that come behind it."""

    def __init__(self, protocol: BoundedProtocol) -> None:
        self._protocol = protocol
        self._heard = True
        self.on_body, self.on_message_complete = protocol.on_body, protocol.on_message_complete

    def on_message_begin(self) -> None:
        if not self._heard:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._heard:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._heard:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._heard:
            self._protocol.on_headers_complete()
        self._heard = False
