"""The guard that an event declares, found among the decisions of its chapter.

By name, since a guard reads the whole pathway and a chapter's events know nothing of it.
"""

from __future__ import annotations

import importlib
from functools import cache
from inspect import get_annotations

from domain.chapters.guards import Guard
from domain.event import ClientFact, Judged


class NoGuard(TypeError):
    """An event declares a guard that its chapter does not have, or one that judges something else."""


@cache
def guard_of(event: type[ClientFact]) -> Guard | None:
    """What an event of the class has to pass when it is first recorded, and when it is corrected; none where it never is.
    Raises `NoGuard`."""
    if not isinstance(event.CORRECTED, Judged):
        return None
    chapter = importlib.import_module(event.__module__.removesuffix(".events") + ".decisions")
    guard: Guard | None = getattr(chapter, event.CORRECTED.guard, None)
    judges = str(get_annotations(guard).get("event", "")) if guard else ""
    if guard is None or event.__name__ not in [name.strip().removeprefix("e.") for name in judges.split("|")]:
        raise NoGuard(f"{event.__name__}: {chapter.__name__} has no {event.CORRECTED.guard} that judges it")
    return guard
