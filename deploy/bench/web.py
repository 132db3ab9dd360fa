"""A plain HTTP client for many connections at once, and the body of a command as an agency's worker writes it."""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType
from typing import Self

import orjson

from api.caller import Claims
from deploy.bench.ground import Refusal
from deploy.bench.history import Refs
from deploy.serving import issuer_of
from deploy.wiring import Wired
from domain.context import Caller


class Door:
    """Writes requests of one ledger's workers: tokens, pseudonyms and bodies."""

    def __init__(self, parts: Wired) -> None:
        self._parts = parts
        self._issuer = issuer_of(parts.settings)
        self._signed: dict[Caller, tuple[str, str]] = {}

    def attendance(self, by: Caller, refs: Refs, on: str) -> bytes:
        """The whole request that says a client was present on a day."""
        token, recipient = self._signed.get(by) or self._sign(by)
        names = self._parts.pseudonyms(recipient)
        body = orjson.dumps(
            {"period_id": names.of(refs["period_id"]), "day_status": "present", "hours": 5, "occurred_on": on}
        )
        path = f"/ledgers/{self._parts.store.ledger}/clients/{names.of(refs['client'])}/attendance"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Idempotency-Key: {uuid.uuid4().hex}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _sign(self, by: Caller) -> tuple[str, str]:
        recipient = self._parts.store.directory.recipient(by.org, by.task)
        if recipient is None:
            raise LookupError(f"{by.org} has not joined as {by.task}")
        claims = Claims(
            ledger=self._parts.store.ledger, org=by.org, task=by.task, role=by.role, person=by.person
        )  # fmt: skip
        self._signed[by] = self._issuer.token(claims), recipient.short_name
        return self._signed[by]


class Connection:
    """One connection that is kept open; `async with Connection(port) as connection`."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def post(self, request: bytes) -> bytes:
        """Send a request; the answer's body. Raises Refusal unless the answer is 201."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201"):
            raise Refusal(f"{head.splitlines()[0].decode()} {body.decode()}")
        return body
