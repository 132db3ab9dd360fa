"""What has happened in this process since it began, in numbers: how often, and how long it took. Never who, nor whom of.

Whoever serves metrics reads them; a label is a code, a status or a name of ours, so that there are few of each.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence

BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
"""Upper ends of the classes of times, in seconds."""


class Total:
    """How often something happened, by its labels. Safe for several threads."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self.name, self.meaning, self.labels = name, meaning, tuple(labels)
        self._counted: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str, by: int = 1) -> None:
        """It happened."""
        with self._lock:
            self._counted[labels] = self._counted.get(labels, 0) + by

    def counted(self) -> Mapping[tuple[str, ...], int]:
        """How often, by the values of the labels."""
        with self._lock:
            return dict(self._counted)


class Times:
    """How long something took, in classes (`BOUNDS_S`), by one label or none. Safe for several threads."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self.name, self.meaning, self.labels = name, meaning, tuple(labels)
        self._classes: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def took(self, seconds: float, *labels: str) -> None:
        """It took so long."""
        self.all_took((seconds,), *labels)

    def all_took(self, seconds: Sequence[float], *labels: str) -> None:
        """Several of them took so long."""
        with self._lock:
            classes = self._classes.get(labels)
            if classes is None:
                classes = self._classes[labels] = [0] * (len(BOUNDS_S) + 1)
            for one in seconds:
                classes[bisect_left(BOUNDS_S, one)] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + sum(seconds)

    def measured(self) -> Mapping[tuple[str, ...], tuple[list[int], float]]:
        """By the values of the labels: how many in each class, the last one beyond all bounds, and the sum of seconds."""
        with self._lock:
            return {labels: (list(classes), self._sums[labels]) for labels, classes in self._classes.items()}


ANSWERED = Total("kuty_answers", "Commands and messages that were answered, by what became of them.", ["status"])
REFUSED = Total("kuty_refusals", "Codes of what was refused or set aside; one refusal may have several.", ["code"])
TURNED_AWAY = Total("kuty_bodies_turned_away", "Large bodies that were answered 503 because enough of them were there.")
RECORDED = Total("kuty_events_recorded", "Events that this process has recorded.")
SENT = Total("kuty_records_sent", "Records that the broker has acknowledged, by the kind of topic.", ["topic"])
WORKED = Total("kuty_role_work", "What the role has worked off: events, messages or records.", ["role"])
FAILED = Total("kuty_role_failures", "Steps of the role that failed and were taken again.", ["role"])
COMMAND = Times("kuty_command_seconds", "From a command's coming to its answer, its commit included.")
COMMIT = Times("kuty_commit_seconds", "One transaction of the writer, from its beginning to its commit.")
STEP = Times("kuty_role_step_seconds", "One step of the role that had something to do.", ["role"])
VISIBLE = Times("kuty_visible_seconds", "From the broker's taking a recipient's record to its being in the read model.")
TOTALS = (ANSWERED, REFUSED, TURNED_AWAY, RECORDED, SENT, WORKED, FAILED)
TIMES = (COMMAND, COMMIT, STEP, VISIBLE)
