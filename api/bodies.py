"""A request's body, read within its limit and through the one JSON gate before anything else looks at it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.problems import problem
from domain.counts import TURNED_AWAY
from domain.json_gate import LIMIT, escaped, read_json, shortened
from domain.refusals import Reason

T = TypeVar("T")
Sender = tuple[str, str]
"""(organisation, task): whose bodies are counted together."""
NOBODY: Sender = ("", "")
JSON = "application/json"
LARGE = 8_192
"""Bytes of a body above which reading and judging it takes so long that nobody else is to wait for it: it is done beside the
loop."""
MOST_LARGE = 1
"""Large bodies that are read or judged at a time: beside two the loop comes to its turn some three times as late. The others
wait, and keep no thread from anybody."""
MOST_ASKING = 4
"""Large bodies for which a database is asked something at a time: where it does not answer, those wait that ask it, and
neither what only has to be read nor anybody's reading."""
MOST_WAITING, MOST_OF_ONE = 64, 16
"""Large bodies that are there at a time, 16 MiB, and of one sender: more would not be answered before their time is over,
and one sender does not take everybody's places."""
_turns = ThreadPoolExecutor(MOST_LARGE, "large-bodies")
_asking = ThreadPoolExecutor(MOST_ASKING, "large-bodies-asking")
_there: Counter[Sender] = Counter()
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A repeat keeps what it took (`*+`): blanks that either of two could take would be tried in every way, for years.
_MEDIA_TYPE = re.compile(
    rf'\s*+({_TOKEN}/{_TOKEN})((?:\s*+;(?:\s*+{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*+"))?+)*+)\s*+'
)
_CHARSET = re.compile(rf';\s*charset=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")', re.IGNORECASE)


async def raw_body(request: Request, limit: int = LIMIT, taken: tuple[str, ...] = (JSON,)) -> bytes:
    """The bytes of the body. Raises Problem: `E_CONTENT_TYPE`, `E_CONTENT_ENCODING`, or `E_TOO_LARGE` before all of it is
    read."""
    if media_type(request) not in taken:
        raise problem("E_CONTENT_TYPE", Accept=", ".join(taken))
    encodings = request.headers.getlist("content-encoding")
    if encodings and {one.strip().lower() for line in encodings for one in line.split(",")} - {"", "identity"}:
        raise problem("E_CONTENT_ENCODING", Accept_Encoding="identity")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise problem("E_TOO_LARGE")
    read = bytearray()
    async for some in request.stream():
        read += some
        if len(read) > limit:
            raise problem("E_TOO_LARGE")
    return bytes(read)


def media_type(request: Request) -> str:
    """The body's type in small letters, its parameters judged: text is UTF-8. Empty where it cannot be read, or is another.

    source: RFC 9110 8.3.1; RFC 8259 11: other parameters mean nothing
    """
    given = request.headers.getlist("content-type")
    if given == [JSON]:
        return JSON  # what nearly everybody writes
    read = _MEDIA_TYPE.fullmatch(given[0]) if len(given) == 1 else None
    if read is None:
        return ""
    charsets = {(plain or quoted).lower() for plain, quoted in _CHARSET.findall(read[2])}
    return read[1].lower() if charsets <= {"utf-8"} else ""


def not_allowed(names: Iterable[str]) -> list[Reason]:
    """That these fields of a body are none, each with its place."""
    return [Reason("E_FIELD_NOT_ALLOWED", shortened(f"/{escaped(name)}")) for name in names]


async def json_body(request: Request) -> dict[str, Any]:
    """The object in the body of whoever has not said who he is. Raises Problem or BadJson."""
    return await object_in(await raw_body(request), NOBODY)


async def object_in(raw: bytes, sender: Sender) -> dict[str, Any]:
    """The object that the bytes hold. Raises BadJson, and Problem as `judged` does."""
    return await judged(sender, len(raw), read_json, raw)


async def judged(sender: Sender, size: int, judge: Callable[..., T], *given: Any) -> T:
    """What comes of a body of so many bytes where nobody is asked and nothing is waited for: at once, and of a large one
    beside the loop, in its turn. Raises Problem (`E_UNAVAILABLE`) for a large one where enough of those, or of the sender's,
    are there."""
    return judge(*given) if size <= LARGE else await _beside(_turns, sender, judge, *given)


async def asking(sender: Sender, size: int, ask: Callable[..., T], *given: Any) -> T:
    """What comes of a body of so many bytes where a database is asked, or a decision waited for: beside the loop, and of a
    large one beside few others. Raises Problem as `judged` does."""
    return await run_in_threadpool(ask, *given) if size <= LARGE else await _beside(_asking, sender, ask, *given)


async def _beside(lane: ThreadPoolExecutor, sender: Sender, work: Callable[..., T], *given: Any) -> T:
    if _there[sender] >= MOST_OF_ONE or _there.total() >= MOST_WAITING:
        TURNED_AWAY.add()
        raise problem("E_UNAVAILABLE")
    _there[sender] += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(lane, copy_context().run, work, *given)
    finally:
        _there[sender] -= 1
        if not _there[sender]:
            del _there[sender]
