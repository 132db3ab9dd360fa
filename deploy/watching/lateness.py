"""For how long something has been waiting, as far as this process has seen: no clock of another machine is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class _Awaited(NamedTuple):
    upto: int
    since: float


class Lateness:
    """Seconds since which each follower has something before it. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._awaited: dict[str, _Awaited] = {}

    def seconds(self, name: str, place: int, end: int) -> float:
        """How long the oldest of what is before `place` waits, to the length of a pause between two looks; 0 where nothing
        is. A follower that comes as far as the end was at a look has made that good."""
        now = self._clock()
        if place >= end:
            self._awaited.pop(name, None)
            return 0.0
        awaited = self._awaited.get(name)
        if awaited is None or place >= awaited.upto:
            awaited = self._awaited[name] = _Awaited(end, now)
        return now - awaited.since
