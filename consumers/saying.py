"""Saying what stays as it is: at once, and then at growing intervals, so that a log tells it and is not filled with it."""

from __future__ import annotations

import time
from collections.abc import Callable

SAID_AGAIN_S = 10.0
LONGEST_SILENCE_S = 600.0
"""What stays as it is is said at once, then after so many seconds, then after twice as many, up to these."""


class Saying:
    """Says what stays as it is at once, and then at growing intervals. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.quiet()

    def quiet(self) -> None:
        """It is over: the next time is the first again."""
        self._what = ""
        self._again_at, self._silence_s = 0.0, SAID_AGAIN_S

    def due(self, what: str) -> bool:
        """Whether this is to be said now; another thing than the last time is at once."""
        now = self._clock()
        if what != self._what:
            self._what, self._again_at, self._silence_s = what, now + SAID_AGAIN_S, SAID_AGAIN_S
            return True
        if now < self._again_at:
            return False
        self._silence_s = min(LONGEST_SILENCE_S, 2 * self._silence_s)
        self._again_at = now + self._silence_s
        return True
