"""What holds for every request and its answer, whichever route it is: an id, HEAD as GET without content, and an `ETag`.

source: RFC 9110 8.8.3, 9.3.2, 13.1.2
"""

from __future__ import annotations

import base64
import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.entity_tags import entity_tags
from api.request_ids import PRESENT, REQUEST_ID, request_id

TAG_CHARACTERS = 22
"""Characters of base64 for the content in an `ETag`: 132 bits of its SHA-256."""
ID_NAME = REQUEST_ID.lower().encode()
OF_CONTENT = (b"content-length", b"content-type")


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
        outside = PRESENT.set(named)
        try:
            asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
            await self._app(asked, receive, _Answer(scope, named, send).take)
        finally:
            PRESENT.reset(outside)


class _Answer:
    """The answer on its way out. What a GET is answered with waits for its content, of which its tag is made."""

    def __init__(self, scope: Scope, named: str, send: Send) -> None:
        self._scope = scope
        self._named = named
        self._send = send
        self._held: Message | None = None

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (ID_NAME, self._named.encode())]}
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
        start["status"] = 304
        start["headers"] = [(name, value) for name, value in start["headers"] if name.lower() not in OF_CONTENT]
        return True
