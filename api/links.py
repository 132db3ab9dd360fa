"""Where else to look: the `Link` header of an answer. source: RFC 8288, RFC 8631"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

DESCRIPTIONS = ", ".join(
    (
        '<openapi.json>; rel="service-desc"; type="application/json"',
        '<docs>; rel="service-doc"; type="text/html"',
    )
)
"""Of the entry pages, which stand beside them: how the API is described, for a program and for a person.
source: RFC 8631 3 and 4"""


def next_page(request: Request, **changed: Any) -> str:
    """A link to the same reading with some parameters changed; what is none is left out.

    It is the query alone, which counts from the address that was asked for: that of a proxy in front is not known here.
    source: RFC 3986 5.2.2
    """
    asked = {**request.query_params, **changed}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f'<?{query}>; rel="next"'


def described_by(request: Request, address: str, media_type: str) -> str:
    """A link to what says how the answer is to be read. It counts from the address that was asked for: a proxy in front may
    serve all of this below a path of its own. source: RFC 8288 (`describedby` of the IANA registry), RFC 3986 5.2.4"""
    up = "../" * (request.scope["raw_path"].count(b"/") - 1)
    return f'<{up}{address.removeprefix("/")}>; rel="describedby"; type="{media_type}"'


def links(*stated: str) -> dict[str, str]:
    """The header of these links, those that are empty left out; nothing where all are."""
    there = ", ".join(filter(None, stated))
    return {"Link": there} if there else {}
