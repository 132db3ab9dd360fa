"""Waking those who follow the feed: a hint that something was committed, never the only way to learn of it."""

from __future__ import annotations

import threading
import time


class CommitSignal:
    """The highest position known to be committed, and those who wait for a later one."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._head = 0
        self._count = 0
        self._seen = threading.local()

    def wake(self, head: int) -> None:
        """A commit reached this position; 0 when it is not known which."""
        with self._moved:
            if 0 < head <= self._head:
                return
            self._head = max(self._head, head)
            self._count += 1
            self._moved.notify_all()

    def wait(self, timeout: float, after: int | None) -> None:
        """Wait for a position later than `after`, at most `timeout` seconds.

        Without one: for a commit since this thread last waited, so that what came while it was at work is not slept over.
        """
        give_up_at = time.monotonic() + timeout
        with self._moved:
            seen = getattr(self._seen, "count", self._count)
            while (self._head <= after) if after is not None else (self._count == seen):
                remaining = give_up_at - time.monotonic()
                if remaining <= 0 or not self._moved.wait(remaining):
                    break
            self._seen.count = self._count
