"""What an audit finds, and what it only counts."""

from __future__ import annotations

from typing import NamedTuple


class Amiss(NamedTuple):
    """What is not as the events say, and at which position; 0 where no event speaks of it."""

    position: int
    stream: str
    what: str
