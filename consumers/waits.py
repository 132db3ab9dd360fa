"""Since when recipients' lines wait for a publication that is missing, so that somebody is told before they halt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consumers.lines import GAP_RUNBOOK, Line

logger = logging.getLogger(__name__)

LONG_S = 60.0
"""Who has waited for so many seconds is told of: what came out of order has come by then."""


@dataclass(slots=True)
class _Wait:
    missing: int
    since: float
    said: bool = False


class Waits:
    """`clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: dict[str, _Wait] = {}

    def look(self, lines: Mapping[str, Line]) -> None:
        """Look who waits, by topic; whoever has done so for long is said once."""
        now = self._clock()
        for topic, wait in [*self._waits.items()]:
            if topic not in lines or lines[topic].waiting_for != wait.missing:
                del self._waits[topic]
        for topic, line in lines.items():
            if not line.waiting_for:
                continue
            wait = self._waits.setdefault(topic, _Wait(line.waiting_for, now))
            if not wait.said and now - wait.since >= LONG_S:
                wait.said = True
                logger.error(
                    "%s has waited for %.0f s for sequence %d, which is missing; docs/runbooks/%s.md says what to do",
                    line.short_name, now - wait.since, wait.missing, GAP_RUNBOOK, extra={"recipient": line.short_name},
                )  # fmt: skip

    def long(self) -> Mapping[str, int]:
        """By topic, for which sequence a line has waited for long. May be asked by another thread."""
        return {topic: wait.missing for topic, wait in [*self._waits.items()] if wait.said}
