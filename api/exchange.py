"""What holds for every request and its answer, whichever route it is: an id, a line in the log,
HEAD as GET without content, an `ETag`, and `Vary`.

source: RFC 9110 8.8.3, 9.3.2, 12.5.5, 13.1.2
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.entity_tags import entity_tags
from api.problems import PROBLEM
from api.request_ids import NAME, REQUEST_ID, request_id
from domain.log_ids import Concerning

TAG_CHARACTERS = 22
"""Characters of base64 for the content in an `ETag`: 132 bits of its SHA-256."""
ID_NAME = REQUEST_ID.lower().encode()
OF_A_CALLER = ("/ledgers/", "/dev/ledgers/")
"""How the addresses begin at which a caller is answered as himself."""
OF_CONTENT = (b"content-length", b"content-type")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_log = logging.getLogger("kuty.access")


class Exchange:
    """Around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on under the request's id, HEAD as GET; nothing but HTTP is touched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = request_id(Headers(scope=scope).get(REQUEST_ID, ""))
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        answer, begun = _Answer(scope, named, send), time.perf_counter()
        with Concerning({NAME: named}):
            try:
                await self._app(asked, receive, answer.take)
            finally:
                if _log.isEnabledFor(logging.INFO):
                    # The route, and not the path: a client's name at the caller stands in that.
                    route = getattr(asked.get("route"), "path", "no route")
                    took_ms = (time.perf_counter() - begun) * 1000
                    _log.info("%s %s: %d in %.1f ms", _method(scope), route, answer.status, took_ms)


class _Answer:
    """The answer on its way out. What a GET is answered with waits for its content, of which its tag is made."""

    def __init__(self, scope: Scope, named: str, send: Send) -> None:
        self._scope = scope
        self._named = named
        self._send = send
        self._held: Message | None = None
        self.status = 0
        """What was answered; 0 as long as nothing was."""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (ID_NAME, self._named.encode())]}
            self._say_what_it_depends_on(MutableHeaders(scope=message))
            if self._scope["method"] in ("GET", "HEAD") and message["status"] == 200:
                self._held = message
            else:
                await self._send(message)
            return
        if message["type"] == "http.response.body":
            if self._held is not None:
                start, self._held = self._held, None
                if not message.get("more_body") and self._is_known(start, message.get("body", b"")):
                    message = {**message, "body": b""}
                await self._send(start)
            if self._scope["method"] == "HEAD":
                message = {**message, "body": b""}
        await self._send(message)

    def _say_what_it_depends_on(self, headers: MutableHeaders) -> None:
        """Name the headers of a request by which it is answered otherwise: who asks, and of a problem the language."""
        if self._scope["path"].startswith(OF_A_CALLER):
            headers.add_vary_header("Authorization")
        if headers.get("Content-Type") == PROBLEM:
            headers.add_vary_header("Accept-Language")

    def _is_known(self, start: Message, content: bytes) -> bool:
        """Give the answer its tag; whether the caller has this very answer already, which makes it a 304."""
        headers = MutableHeaders(scope=start)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())[:TAG_CHARACTERS].decode()
        # The tag that a route gives names the version of what it shows: a command may ask for that part of it.
        version = headers.get("ETag", "").strip('"')
        tag = f"{version}.{digest}" if version else digest
        headers["ETag"] = f'"{tag}"'
        wanted = entity_tags(Headers(scope=self._scope).getlist("If-None-Match"))
        if wanted != "*" and tag not in [known.text for known in wanted]:
            return False
        start["status"] = self.status = 304
        start["headers"] = [(name, value) for name, value in start["headers"] if name.lower() not in OF_CONTENT]
        return True


def _method(scope: Scope) -> str:
    """The method as it can stand in a log: a caller may make up any other."""
    return str(scope["method"]) if scope["method"] in METHODS else "other method"
