"""Which organisations each client's history names, so that a late joiner whom nothing concerns costs nearly nothing.

Worked out when a walk first comes to a client, forgotten when something happens to it. Nothing here says who may be told:
it leaves out only those of whom no window of any kind can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from consumers.disclosed import Memory
from consumers.telling import REGISTERED
from domain.directory import Recipient
from domain.disclosure.desired import authors_of
from domain.disclosure.kinds import Kind, Kinds
from domain.pathway import Pathway
from domain.store import EventStore

KEPT = 50_000
"""Clients of whom it is remembered whom they name, about 500 bytes each."""
PAGE = 1_000

Named = frozenset[tuple[str | None, str]]
"""(organisation, task); no organisation stands for every one in the task."""


class Known:
    """The clients of a ledger in the order of their registration, and whom each of them names."""

    def __init__(self, store: EventStore, kinds: Kinds[Kind]) -> None:
        self._store = store
        self._kinds = kinds
        self._named: dict[str, Named] = {}

    def clients(self, after: int) -> Iterator[tuple[int, str]]:
        """Where each client was registered, after a position, in order."""
        while records := self._store.records(after, PAGE, (REGISTERED,)):
            yield from ((record.position, record.header.stream) for record in records)
            after = records[-1].position

    def has(self, reference: str) -> bool:
        """Whether it is remembered whom the client names."""
        return reference in self._named

    def among(self, joiners: Mapping[str, Recipient], reference: str, memory: Memory) -> set[str]:
        """The joiners who may have to be told something of the client, by their short names; others are left out."""
        named = self._named.get(reference)
        if named is None:
            named = self._named_by(memory.looked_at(reference).client.view.pathway)
            if len(self._named) < KEPT:
                self._named[reference] = named
        directory = memory.directory
        return {
            name
            for name, one in joiners.items()
            if (one.org, one.task) in named or (None, one.task) in named or directory.is_county(one.org, one.task)
        }

    def changed(self, references: Iterable[str]) -> None:
        """Something happened to these clients."""
        for reference in references:
            self._named.pop(reference, None)

    def forget(self) -> None:
        """Let go of everything: a key was destroyed, or it is not known what happened."""
        self._named.clear()

    def _named_by(self, pathway: Pathway) -> Named:
        windows = ((org, task) for task, window, _ in self._kinds.windows for org, _ in window(pathway))
        return frozenset((*windows, *authors_of(pathway).values()))
