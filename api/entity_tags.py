"""The entity tags of `If-Match` and `If-None-Match`. source: RFC 9110 8.8.3, 13.1"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

_TAGS = re.compile(r'(?:\s*,)*\s*(W/)?"([!#-~\x80-\xff]*)"\s*(?=,|$)')


class EntityTag(NamedTuple):
    """One tag without its quotes."""

    text: str
    weak: bool = False


def entity_tags(lines: Sequence[str]) -> Literal["*"] | tuple[EntityTag, ...]:
    """The tags of all lines of a header, or `*` for whatever is there; none where they cannot be read: nothing matches then.

    A list may have empty elements. source: RFC 9110 5.6.1
    """
    text = ", ".join(lines).strip()
    if text == "*":
        return "*"
    found: list[EntityTag] = []
    at = 0
    while at < len(text) and text[at:].strip(", \t"):
        tag = _TAGS.match(text, at)
        if tag is None:
            return ()
        found.append(EntityTag(tag[2], weak=tag[1] is not None))
        at = tag.end()
    return tuple(found)


def version_in(tag: str) -> str:
    """The part of a tag that names the version of a client's record; the rest says what was read of it."""
    return tag.partition(".")[0]
