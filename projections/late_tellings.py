"""What late joiners were told of clients that were there before them, for the disclosure policy run again.

They come to these clients one after the other, while life goes on: what each was told first of a client names the client's
newest event then. As known there, the whole client is due; what happens to it before is due to them with it, and after it
event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeAlias

from domain.directory import Directory
from domain.disclosure.desired import view_of
from domain.disclosure.policy import Policy
from domain.disclosure.reconcile import Change, Client
from domain.events import Erased, PayloadKeyDestroyed
from domain.pathway import Fact, Pathway, evolve

Waits: TypeAlias = Callable[[str, int], bool]
"""Whether a recipient, by its short name, has still to come to the client that was registered at a position."""


class LateTellings:
    """Who joined late, and has come to which clients; `waits` says of whom that is known, none where only what was told says
    it."""

    def __init__(self, rules: Policy, waits: Waits | None) -> None:
        self._rules, self._known_to_wait = rules, waits
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
            if isinstance(fact.event, PayloadKeyDestroyed):
                continue  # the end of a matter is told by what was told of it (`projections.disclosure_audit`)
            own = [change for change in changes if change.standing.recipient.short_name == recipient]
            yield from _applied(known, own, fact.position)

    def passed_over(self, directory: Directory) -> Iterator[tuple[str, list[tuple[int, Change]]]]:
        """What late joiners should have been told of clients that they have come behind, by client: who joined no later than
        somebody who has come to a client is behind all that were registered before it. It is known to be missing once the
        follower is behind the client's newest event."""
        for reference, registered_at in self._registered.items() if self._joined else ():
            view = view_of(_folded(reference, self._facts[reference]), directory, self._rules.kinds)
            missed = {
                name for name in view.standings if self.waits(name, reference) and not self._may_wait(name, registered_at)
            }
            if missed:
                position = self._facts[reference][-1].position
                changes = Client(view).reconcile(directory, self._rules, missed, "")
                yield reference, [(position, change) for change in changes]

    def _may_wait(self, recipient: str, registered_at: int) -> bool:
        if self._known_to_wait is not None:
            return self._known_to_wait(recipient, registered_at)
        joined_at = self._joined[recipient]
        places = (
            self._registered[reference]
            for other, come_to in self._come_to.items()
            if self._joined[other] >= joined_at
            for reference in come_to
        )
        return registered_at >= max(places, default=0)


def _folded(reference: str, facts: Iterable[Fact[Any]]) -> Pathway:
    pathway = Pathway(reference)
    for fact in facts:
        pathway = evolve(pathway, fact)
    return pathway


def _applied(client: Client, changes: Iterable[Change], followed: int) -> Iterator[tuple[int, Change]]:
    for change in changes:
        yield followed, change
        client.apply(change, change.fact.event_id)
