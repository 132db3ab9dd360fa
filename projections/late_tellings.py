"""What late joiners were told of clients that were there before them, for the disclosure policy run again.

They come to these clients one after the other, while life goes on: what each was told first of a client names the client's
newest event then. As known there, the whole client is due; what happens to it before is due to them with it, and after it
event by event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from domain.directory import Directory
from domain.disclosure.desired import view_of
from domain.disclosure.policy import Policy
from domain.disclosure.reconcile import Change, Client
from domain.events import Erased
from domain.pathway import Fact, Pathway, evolve


class LateTellings:
    """Who joined late, and has come to which clients; `nobody_waits` says that all have come to all of them."""

    def __init__(self, rules: Policy, nobody_waits: bool) -> None:
        self._rules, self._nobody_waits = rules, nobody_waits
        self._facts: dict[str, list[Fact[Any]]] = {}
        self._registered: dict[str, int] = {}
        self._joined: dict[str, int] = {}
        self._come_to: dict[str, set[str]] = {}

    def follow(self, reference: str, fact: Fact[Any]) -> None:
        """The next fact of a client."""
        self._registered.setdefault(reference, fact.position)
        self._facts.setdefault(reference, []).append(fact)

    def join(self, recipients: Collection[str], position: int) -> None:
        """Recipients that are new at a position."""
        if self._registered:
            self._joined |= dict.fromkeys(recipients, position)

    def waits(self, recipient: str, reference: str) -> bool:
        """Whether the recipient has not come to the client."""
        joined_at = self._joined.get(recipient)
        if joined_at is None or self._registered[reference] > joined_at:
            return False
        return reference not in self._come_to.get(recipient, ())

    def without_waiting(self, reference: str, changes: list[Change]) -> list[Change]:
        """The changes but those for recipients that have not come to the client."""
        if not self._joined:
            return changes
        return [change for change in changes if not self.waits(change.standing.recipient.short_name, reference)]

    def come_to(
        self, recipient: str, reference: str, as_of: str, directory: Directory
    ) -> Iterator[tuple[int, Change]]:
        """What is due to a recipient that comes to a client, as known at the event `as_of`, and what follows from what has
        happened to the client since; each with the position of the event that it follows from."""
        self._come_to.setdefault(recipient, set()).add(reference)
        facts = self._facts[reference]
        place = next((n for n, fact in enumerate(facts, 1) if fact.event_id == as_of), len(facts))
        known = Client(view_of(_folded(reference, facts[:place]), directory, self._rules.kinds))
        position = facts[place - 1].position
        yield from _applied(known, known.reconcile(directory, self._rules, {recipient}, as_of), position)
        for fact in facts[place:]:
            if isinstance(fact.event, Erased):
                known.view = known.view.erased(evolve(known.view.pathway, fact))
                continue
            changes = known.take(fact, directory, self._rules)
            own = [change for change in changes if change.standing.recipient.short_name == recipient]
            yield from _applied(known, own, fact.position)

    def passed_over(
        self, clients: Mapping[str, Client], directory: Directory, reached: int
    ) -> Iterator[tuple[str, list[Change]]]:
        """What late joiners should have been told of clients that they have come behind: who joined no later than somebody
        who has come to a client is behind all that were registered before it."""
        if not self._joined:
            return
        for reference, registered_at in self._registered.items():
            view = view_of(
                _folded(reference, [f for f in self._facts[reference] if f.position < reached]), directory, self._rules.kinds
            )
            missed = {name for name in view.standings if self.waits(name, reference) and registered_at < self._behind(name)}
            if missed:
                yield reference, Client(view).reconcile(directory, self._rules, missed, "")

    def _behind(self, recipient: str) -> int:
        joined_at = self._joined[recipient]
        if self._nobody_waits:
            return joined_at + 1
        places = (
            self._registered[reference]
            for other, come_to in self._come_to.items()
            if self._joined[other] >= joined_at
            for reference in come_to
        )
        return max(places, default=0)


def _folded(reference: str, facts: Iterable[Fact[Any]]) -> Pathway:
    pathway = Pathway(reference)
    for fact in facts:
        pathway = evolve(pathway, fact)
    return pathway


def _applied(client: Client, changes: Iterable[Change], followed: int) -> Iterator[tuple[int, Change]]:
    for change in changes:
        yield followed, change
        client.apply(change, change.fact.event_id)
