"""The disclosure policy run again: does every telling follow from what was known at its position?

The feed is walked as the follower walks it; each disclosure is compared with what the policy gives now for the same fact
and recipient. A telling that the policy does not give names the decision whose fact was told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.catalogue import DIRECTORY_EVENTS, REGISTER_FACTS, given_to_all, upcast_part
from domain.directory import Directory, enter
from domain.disclosure.desired import view_of
from domain.disclosure.entitlement import Told, references_of
from domain.disclosure.kept import recipient_of
from domain.disclosure.policy import Policy, policy
from domain.disclosure.publish import plain
from domain.disclosure.reconcile import Change, Client
from domain.disclosure.register import register_changes
from domain.events import DisclosureMade, DisclosureRevised, DisclosureWithdrawn, Erased, Event, OrganisationJoined
from domain.pathway import Pathway, evolve
from domain.record import Record, fact_of
from domain.streams import is_client_stream
from projections.kinds import kinds
from projections.timeline import Open

NOT_COMPARED = frozenset({"new_values"})
"""Holds references by field, each under the recipient's own name: compared by presence, as references are."""


@dataclass(frozen=True, slots=True)
class DisclosureRerun:
    """One telling compared. `position` is the disclosure's, `fact_id` and `command_id` name the fact and the decision that
    recorded it. `same` is none for a telling that nobody can read any more."""

    position: int
    recipient: str
    epoch: int
    sequence: int
    publication_id: str | None
    fact_id: str | None
    command_id: str | None
    told_at: datetime
    same: bool | None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Repeatable:
    kind: str
    body: dict[str, Any]
    cell: str
    unsaid: frozenset[str] = field(default=frozenset(), compare=False)
    """Fields that the version in which it was told did not have."""


def rerun_disclosures(records: Iterable[Record], open_record: Open, rules: Policy | None = None) -> list[DisclosureRerun]:
    """Compare every disclosure of the feed with what the policy gives. Records must be the whole feed, in order.

    A repetition in a fresh epoch is compared with the first telling. What the policy gives and nobody was told shows as a
    difference of the next telling to the same recipient, or, at the end, as one that is missing (its `sequence` is 0): the
    follower tells everybody what follows from an event before it goes on, so that what follows from an event behind
    which it has come must be there. What follows from later events may simply not have been told yet.
    """
    walk = _Walk(open_record, rules or policy(kinds()))
    return [*walk.through(records), *walk.missing()]


class _Walk:
    """The follower's way through the feed, without writing anything."""

    def __init__(self, open_record: Open, rules: Policy) -> None:
        self._open, self._rules = open_record, rules
        self._directory = Directory()
        self._clients: dict[str, Client] = {}
        self._register_told: dict[str, set[str]] = {}
        # Each with the position of the event that it follows from.
        self._due: dict[str, deque[tuple[int, Change]]] = {}
        self._at = 0
        self._reached = 0
        self._commands: dict[str, str] = {}
        self._told: dict[tuple[str, str], _Repeatable] = {}

    def through(self, records: Iterable[Record]) -> Iterator[DisclosureRerun]:
        for record in records:
            header, self._at = record.header, record.position
            if found := recipient_of(header.stream):
                yield self._compare(record, found)
            elif header.name in DIRECTORY_EVENTS:
                self._commands[header.event_id] = header.command_id
                self._register(record, self._open(record))
            elif is_client_stream(header.stream):
                self._commands[header.event_id] = header.command_id
                self._client(record, self._open(record))

    def missing(self) -> Iterator[DisclosureRerun]:
        """What should have been told by where the follower has come, and was not."""
        for recipient, due in sorted(self._due.items()):
            for followed, change in due:
                if followed < self._reached:
                    what = f"{change.fact.name} as {change.kind} should have been told"
                    yield DisclosureRerun(
                        followed, recipient, 0, 0, None, change.fact.event_id, self._commands.get(change.fact.event_id),
                        change.fact.recorded_at, False, (what,),
                    )  # fmt: skip

    def _client(self, record: Record, event: Event | Erased) -> None:
        reference = record.header.stream
        client = self._clients.get(reference)
        if client is None:
            client = self._clients[reference] = Client(view_of(Pathway(reference), self._directory, self._rules.kinds))
        fact = fact_of(record, event)
        if isinstance(event, Erased):
            client.view = client.view.erased(evolve(client.view.pathway, fact))
            return
        self._expect(client, client.take(fact, self._directory, self._rules))

    def _register(self, record: Record, event: Event | Erased) -> None:
        known = self._directory.recipients
        self._directory = enter(self._directory, event, record.position)
        if isinstance(event, Erased) or record.header.name not in REGISTER_FACTS:
            return
        for change in register_changes(fact_of(record, event), self._directory, self._rules):
            told = self._register_told.setdefault(change.standing.recipient.short_name, set())
            if change.fact.event_id not in told:
                told.add(change.fact.event_id)
                self._due.setdefault(change.standing.recipient.short_name, deque()).append((self._at, change))
        if isinstance(event, OrganisationJoined) and self._directory.recipients.keys() - known.keys():
            for client in self._clients.values():
                self._expect(client, client.reconcile(self._directory, self._rules))

    def _expect(self, client: Client, changes: list[Change]) -> None:
        for change in changes:
            self._due.setdefault(change.standing.recipient.short_name, deque()).append((self._at, change))
            client.apply(change, change.fact.event_id)

    def _compare(self, record: Record, found: tuple[str, int]) -> DisclosureRerun:
        event = self._open(record)
        if isinstance(event, Erased) or not isinstance(event, DisclosureMade | DisclosureWithdrawn):
            return DisclosureRerun(
                record.position, *found, record.header.stream_version, None, None, None, record.header.recorded_at, None
            )
        recorded = _repeatable(event)
        key = (found[0], event.publication_id)
        first = self._told.get(key)
        if first is not None:
            differences = [] if first == recorded else ["repeated otherwise than it was told first"]
        else:
            self._told[key] = recorded
            differences = list(self._against_policy(found[0], event, recorded))
        return DisclosureRerun(
            record.position, *found, record.header.stream_version, event.publication_id, event.source_event_id,
            self._commands.get(event.source_event_id), record.header.recorded_at, not differences, tuple(differences),
        )  # fmt: skip

    def _against_policy(
        self, recipient: str, event: DisclosureMade | DisclosureWithdrawn, recorded: _Repeatable
    ) -> Iterator[str]:
        due = self._due.get(recipient, deque())
        wanted = (event.source_event_id, recorded.kind)
        place = next((n for n, (_, c) in enumerate(due) if (c.fact.event_id, c.kind) == wanted), None)
        if place is None:
            yield f"told as {recorded.kind}, the policy gives nothing"
            return
        for _ in range(place):
            _, skipped = due.popleft()
            yield f"{skipped.fact.name} ({skipped.fact.event_id}) as {skipped.kind} should have been told before"
        followed, change = due.popleft()
        self._reached = max(self._reached, followed)
        if change.told is not None and isinstance(event, DisclosureMade):
            yield from _content(change, change.told, event, recorded)


def _content(change: Change, told: Told, event: DisclosureMade, recorded: _Repeatable) -> Iterator[str]:
    if recorded.cell != told.cell:
        yield f"cell: told by {recorded.cell}, the policy gives {told.cell}"
    if event.legal_basis != told.legal_basis:
        yield f"legal basis: told under {event.legal_basis}, the policy gives {told.legal_basis}"
    references = references_of(type(change.fact.event)) | NOT_COMPARED
    for name in sorted(recorded.body.keys() | told.fields.keys()):
        if name in recorded.body and name not in told.fields:
            # A staff card is looked up when a publication is made: the policy says whose, never what stands on it.
            if not (told.staff and name.startswith("staff_")):
                yield f"{name}: told, the policy does not give it"
        elif name not in recorded.body:
            # An event of which the recipient was never told has no name that it could be given.
            if not name.endswith("_event_id") and name not in recorded.unsaid:
                yield f"{name}: the policy gives it, it was not told"
        elif name not in references and name != "actor_person" and recorded.body[name] != plain(told.fields[name]):
            yield f"{name}: told {recorded.body[name]!r}, the policy gives {plain(told.fields[name])!r}"


def _repeatable(event: DisclosureMade | DisclosureWithdrawn) -> _Repeatable:
    kind = "withdrawn" if isinstance(event, DisclosureWithdrawn) else "fact"
    if isinstance(event, DisclosureRevised):
        kind = "revised"
    cell = event.cell if isinstance(event, DisclosureMade) else ""
    type_name = event.publication["type"]
    body = upcast_part(type_name, event.publication.get("body", {}))
    return _Repeatable(kind, body, cell, frozenset(given_to_all(type_name)))
