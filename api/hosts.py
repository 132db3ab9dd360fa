"""Under which names the API answers: a browser on this machine that a foreign page sends here under a name of that page's
own gets nothing. source: RFC 9110 7.4"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import language_of, problem_response
from domain.refusals import Reason

HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""Those of this machine: a proxy with TLS stands before anything else, and may pass on the name under which it was asked."""
ON_THIS_MACHINE_ALONE = "/dev/"
"""How the addresses begin at which anybody can be anybody."""
_FORM = re.compile(r"(\[[0-9A-Fa-f:.]++\]|[^:\[\]]++)(:[0-9]*+)?")
"""A name and perhaps a port, whichever. source: RFC 9110 7.2"""


class OwnHosts:
    """Lets requests for this machine's names and for some others pass, and answers the rest with a problem (`E_HOST`)."""

    def __init__(self, app: ASGIApp, others: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset((*HOSTS, *(name.lower() for name in others)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer."""
        if scope["type"] == "http":
            names = HOSTS if scope["path"].startswith(ON_THIS_MACHINE_ALONE) else self._names
            named = [_FORM.fullmatch(host) for host in Headers(scope=scope).getlist("host")]
            if len(named) != 1 or named[0] is None or named[0][1].lower() not in names:
                await problem_response([Reason("E_HOST")], language_of(Request(scope)))(scope, receive, send)
                return
        await self._app(scope, receive, send)
