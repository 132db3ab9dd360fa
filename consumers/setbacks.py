"""Recipients of whom each fails by itself: they wait, each for itself, are shown with their reason, and are said once.

A model that cannot be opened, tables that somebody changed, a record out of which nothing can be made: what fails for one
recipient is tried again after a pause of its own, while the others are served (design D8, D11).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consumers.saying import Saying

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""How long a recipient waits for the next try after its first failure, then twice as long each time, up to these where
nothing else is said; in seconds."""
OVER_FOR_S = 60.0
"""Who has not failed for so many seconds fails for the first time."""


class Told(NamedTuple):
    """A failure as it may be told: `why` quotes no client, `to_do` ends with the runbook. Of one that nobody expected the
    places in the code are logged too."""

    why: str
    to_do: str
    expected: bool


def by_its_type(error: Exception) -> Told:
    """What a failure is called, where nobody knows more about it."""
    return Told(type(error).__qualname__, "see what the log says of it", expected=False)


@dataclass(slots=True)
class Setback:
    """Of one recipient: what fails and why, what to do, and when it is tried again (seconds of the clock that only grows).
    `offset` is where its model stands as far as is known, `end` where its topic ended then."""

    short_name: str
    what: str = ""
    why: str = ""
    to_do: str = ""
    failures: int = 0
    again_at: float = 0.0
    offset: int = 0
    end: int = 0
    said: bool = False


class Setbacks:
    """Who fails by himself, by topic. `explain` words a failure; `clock` gives seconds that only grow; `longest` is how long
    the longest pause is, in seconds."""

    def __init__(
        self,
        explain: Callable[[Exception], Told] = by_its_type,
        clock: Callable[[], float] = time.monotonic,
        longest: float = LONGEST_PAUSE_S,
    ) -> None:
        self._explain, self._clock, self._longest = explain, clock, longest
        self._present: dict[str, Setback] = {}
        self._sayings: dict[str, tuple[Saying, float]] = {}

    def present(self) -> Mapping[str, Setback]:
        """Those who fail now. May be asked by another thread."""
        return self._present.copy()

    def waits(self, topic: str) -> bool:
        """Whether the recipient's pause is not over yet."""
        setback = self._present.get(topic)
        return setback is not None and self._clock() < setback.again_at

    def add(self, topic: str, short_name: str, what: str, error: Exception, offset: int, end: int) -> None:
        """It has failed (again), at what: it waits, and is said once in a while."""
        told = self._explain(error)
        setback = self._present.get(topic) or Setback(short_name, offset=offset)
        pause = min(self._longest, FIRST_PAUSE_S * 2 ** min(setback.failures, 10))
        setback.failures += 1
        setback.what, setback.why, setback.to_do = what, f"{what}: {told.why}", told.to_do
        setback.end = max(setback.end, end)
        setback.again_at = self._clock() + pause
        self._present[topic] = setback
        self._say(topic, setback, told, error)

    def over(self, topic: str, *whats: str) -> None:
        """It did not fail, if it has before, at one of these."""
        setback = self._present.get(topic)
        if setback is None or setback.what not in whats:
            return
        del self._present[topic]
        saying, _ = self._sayings[topic]
        self._sayings[topic] = saying, self._clock()
        if setback.said:
            logger.warning(
                "%s goes on, after %d tries that failed", setback.short_name, setback.failures,
                extra={"recipient": setback.short_name},
            )  # fmt: skip

    def only(self, topics: frozenset[str]) -> None:
        """Nobody is served any more but these."""
        for topic in self._present.keys() - topics:
            del self._present[topic]

    def _say(self, topic: str, setback: Setback, told: Told, error: Exception) -> None:
        now = self._clock()
        saying, over_at = self._sayings.get(topic) or (Saying(self._clock), now)
        if setback.failures == 1 and now - over_at >= OVER_FOR_S:
            saying.quiet()
        self._sayings[topic] = saying, over_at
        if not saying.due(f"{setback.why} {setback.to_do}"):
            return
        setback.said = True
        logger.log(
            logging.WARNING if told.expected else logging.ERROR,
            "%s stands still, and is tried again: %s; %s", setback.short_name, setback.why, setback.to_do,
            exc_info=None if told.expected else error, extra={"recipient": setback.short_name},
        )  # fmt: skip
