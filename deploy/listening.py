"""How the API listens: requests are parsed in C, what stands around their content has a bound (design D24), and that nobody
new can be heard is said once a second."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.local.ports import PartFailed

LARGEST_AROUND_CONTENT = 64 * 1024
"""Bytes of a request that are none of its content: its first line, headers, the frames of chunks and what follows them. The
parser itself would go on collecting; what arrives at one moment, 256 KiB at most, is parsed before it is counted."""

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
    """uvicorn's protocol, which ends a connection whose request does not come to its content or its end."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._around = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse (400) what has gone on for too long."""
        self._around += len(data)
        super().data_received(data)
        if self._around > LARGEST_AROUND_CONTENT and not self.transport.is_closing():
            self.send_400_response("Too much before or around the content of a request.")

    def on_body(self, body: bytes) -> None:
        """Content is counted by whoever reads it."""
        self._around -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next request begins to be counted."""
        self._around = 0
        super().on_message_complete()
