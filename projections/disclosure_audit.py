"""The disclosure policy run again: does every telling follow from what was known at its position?

The feed is walked as the follower walks it; each disclosure is compared with what the policy gives now for the same fact
and recipient. A telling that the policy does not give names the decision whose fact was told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, cast

from domain.catalogue import DIRECTORY_EVENTS, REGISTER_FACTS
from domain.directory import Directory
from domain.disclosure.desired import view_of
from domain.disclosure.entitlement import Told, told_of_destruction
from domain.disclosure.kept import recipient_of
from domain.disclosure.kinds import Standing
from domain.disclosure.policy import Policy, policy
from domain.disclosure.publish import is_empty
from domain.disclosure.reconcile import Change, Client
from domain.disclosure.register import register_changes
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased, Event, PayloadKeyDestroyed
from domain.pathway import Fact, Pathway, evolve
from domain.record import Record, fact_of
from domain.streams import is_client_stream
from projections.kinds import kinds
from projections.late_tellings import LateTellings, Waits
from projections.registers import Registers
from projections.standing_tellings import StandingTellings
from projections.timeline import Open
from projections.told_otherwise import Repeatable, content_otherwise, repeatable_of, stated_otherwise


@dataclass(frozen=True, slots=True)
class DisclosureRerun:
    """One telling compared. `position` is the disclosure's, `fact_id` and `command_id` name the fact and the decision that
    recorded it. `same` is none for a telling that nobody can read any more, or judge: for what it hangs on
    is erased."""

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
class _End:
    """The end of a matter, the register of then, and who has been told of it."""

    matter: str
    fact: Fact[PayloadKeyDestroyed]
    directory: Directory
    told: dict[str, Told] = field(default_factory=dict)


def rerun_disclosures(
    records: Iterable[Record], open_record: Open, rules: Policy | None = None, *, waits: Waits | None = None
) -> list[DisclosureRerun]:
    """Compare every disclosure of the feed with what the policy gives. Records must be the whole feed, in order.

    A repetition in a fresh epoch is compared with the first telling, and whatever is told of a fact must take the place of
    what stands of it there. What the policy gives and nobody was told shows as a difference of the next telling to the same
    recipient, or, at the end, as one that is missing (its `sequence` is 0): the follower tells everybody what follows from
    an event before it goes on, so that what follows from an event behind which it has come must be there. What follows from
    later events may simply not have been told yet. Who joined late comes to the clients that were there before one after
    the other (`projections.late_tellings`); `waits` says who has still to.
    """
    walked = walk_disclosures(records, open_record, rules, waits=waits)
    return [*walked.reruns, *missing([walked])]


class Walked(NamedTuple):
    """What a part of the feed gives: each telling compared, what is still to be told, and how far the follower was there."""

    reruns: list[DisclosureRerun]
    untold: list[DisclosureRerun]
    reached: int


def walk_disclosures(
    records: Iterable[Record],
    open_record: Open,
    rules: Policy | None = None,
    registers: Registers | None = None,
    waits: Waits | None = None,
) -> Walked:
    """Compare what was told of some clients, or of the register, with what the policy gives. Records must be the whole feed;
    with `registers`, the register of the whole feed, those of one client and what was told of it are enough."""
    walk = _Walk(open_record, rules or policy(kinds()), registers, waits)
    return Walked(list(walk.through(records)), sorted(walk.untold(), key=lambda one: one.position), walk.reached)


def missing(parts: Iterable[Walked]) -> list[DisclosureRerun]:
    """Of all parts of a feed, what should have been told by where the follower has come, and was not."""
    walked = list(parts)
    reached = max((part.reached for part in walked), default=0)
    late = [one for part in walked for one in part.untold if one.position < reached]
    return sorted(late, key=lambda one: (one.position, one.recipient))


class _Walk:
    """The follower's way through the feed, without writing anything."""

    def __init__(self, open_record: Open, rules: Policy, registers: Registers | None, waits: Waits | None) -> None:
        self._open, self._rules = open_record, rules
        self._whole = registers is None
        self._registers = registers or Registers()
        self._joined = 0
        self._clients: dict[str, Client] = {}
        self._about: dict[str, str] = {}
        self._late = LateTellings(rules, waits)
        self._register_told: dict[str, set[str]] = {}
        # By recipient and client, for nothing is promised of the order of two clients; each with the position of the event
        # that it follows from.
        self._due: dict[tuple[str, str], deque[tuple[int, Change]]] = {}
        self._ends: dict[str, _End] = {}
        self._told_in: dict[str, set[str]] = {}
        self._erased: set[str] = set()
        """Clients of whom something cannot be read any more: what the policy gives for the rest hangs on that."""
        self._at = 0
        self.reached = 0
        self._commands: dict[str, str] = {}
        self._told: dict[tuple[str, str], Repeatable] = {}
        self._standing = StandingTellings()

    def through(self, records: Iterable[Record]) -> Iterator[DisclosureRerun]:
        for record in records:
            header = record.header
            self._join_before(record.position)
            self._at = record.position
            if found := recipient_of(header.stream):
                yield self._compare(record, found)
                self._told_in.setdefault(header.matter, set()).add(found[0])
            elif header.name in DIRECTORY_EVENTS:
                self._commands[header.event_id] = header.command_id
                self._register(record, self._open(record))
            elif is_client_stream(header.stream):
                self._commands[header.event_id] = header.command_id
                self._about[header.event_id] = header.stream
                self._client(record, self._open(record))
        self._join_before(1 << 62)

    def untold(self) -> Iterator[DisclosureRerun]:
        """What should be told and is not yet; its position is that of the event from which it follows."""
        for reference, changes in self._late.passed_over(self._registers.after(self._at)):
            self._expect(self._clients[reference], changes)
        for (recipient, about), due in sorted(self._due.items()):
            for followed, change in due if about not in self._erased else ():
                what = f"{change.fact.name} as {change.kind} should have been told"
                yield DisclosureRerun(
                    followed, recipient, 0, 0, None, change.fact.event_id, self._commands.get(change.fact.event_id),
                    change.fact.recorded_at, False, (what,),
                )  # fmt: skip
        for event_id, end in self._ends.items():
            for name in sorted(end.told.keys() ^ self._told_of(end).keys()):
                yield DisclosureRerun(
                    end.fact.position, name, 0, 0, None, event_id, self._commands.get(event_id), end.fact.recorded_at, False,
                    (f"{end.fact.name} should have been told",),
                )  # fmt: skip

    def _told_of(self, end: _End) -> dict[str, Told]:
        """What each recipient is told of the end of a matter: the county, and who was told something of the matter."""
        told_in, directory, found = self._told_in.get(end.matter, set()), end.directory, dict[str, Told]()
        for name, recipient in directory.recipients.items():
            if name in told_in or directory.is_county(recipient.org, recipient.task):
                told = told_of_destruction(end.fact, Standing(recipient, self._rules.kinds.of(recipient)), self._rules)
                if told is not None:
                    found[name] = told
        return found

    def _client(self, record: Record, event: Event | Erased) -> None:
        reference, directory = record.header.stream, self._registers.after(record.position)
        client = self._clients.get(reference)
        if client is None:
            client = self._clients[reference] = Client(view_of(Pathway(reference), directory, self._rules.kinds))
        fact = fact_of(record, event)
        self._late.follow(reference, fact)
        if isinstance(event, Erased):
            client.view = client.view.erased(evolve(client.view.pathway, fact))
            self._erased.add(reference)
            return
        changes = client.take(fact, directory, self._rules)
        if isinstance(event, PayloadKeyDestroyed):
            # Who was told of a matter is known by what was told, not by what would be told of it now.
            self._ends[fact.event_id] = _End(event.destroyed_matter, cast(Fact[PayloadKeyDestroyed], fact), directory)
        else:
            self._expect(client, ((self._at, change) for change in self._late.without_waiting(reference, changes)))

    def _register(self, record: Record, event: Event | Erased) -> None:
        if self._whole:
            self._registers.enter(event, record.position)
        if isinstance(event, Erased) or record.header.name not in REGISTER_FACTS:
            return
        for change in register_changes(fact_of(record, event), self._registers.after(record.position), self._rules):
            told = self._register_told.setdefault(change.standing.recipient.short_name, set())
            if change.fact.event_id not in told:
                told.add(change.fact.event_id)
                self._due.setdefault((change.standing.recipient.short_name, ""), deque()).append((self._at, change))
        self._join_before(record.position + 1)

    def _join_before(self, position: int) -> None:
        """Who joined before a position has to come to every client that is known by then."""
        joined = self._registers.joined
        while self._joined < len(joined) and joined[self._joined] < position:
            at = joined[self._joined]
            self._joined += 1
            self._late.join(self._registers.after(at).recipients.keys() - self._registers.before(at).recipients.keys(), at)

    def _expect(self, client: Client, changes: Iterable[tuple[int, Change]]) -> None:
        """Each change with the position of the event that it follows from."""
        for followed, change in changes:
            about = (change.standing.recipient.short_name, client.view.pathway.client)
            self._due.setdefault(about, deque()).append((followed, change))
            client.apply(change, change.fact.event_id)

    def _compare(self, record: Record, found: tuple[str, int]) -> DisclosureRerun:
        event = self._open(record)
        if not isinstance(event, DisclosureMade | DisclosureWithdrawn) or is_empty(event):
            own_id = event.publication_id if isinstance(event, DisclosureWithdrawn) else None
            at = record.header.recorded_at
            return DisclosureRerun(record.position, *found, record.header.stream_version, own_id, None, None, at, None)
        recorded = repeatable_of(record.header, event)
        key = (found[0], event.publication_id)
        first = self._told.get(key)
        if first is not None:
            differences = [] if first == recorded else ["repeated otherwise than it was told first"]
        else:
            self._told[key] = recorded
            reference = self._about.get(event.source_event_id, "")
            if event.source_event_id not in self._ends and reference and self._late.waits(found[0], reference):
                as_of, directory = record.header.causation or "", self._registers.after(record.position)
                self._expect(self._clients[reference], self._late.come_to(found[0], reference, as_of, directory))
            differences = list(self._against_policy(found[0], event, recorded))
        differences += [amiss] if (amiss := self._standing.take(found, event)) else []
        same: bool | None = not differences
        source = event.source_event_id
        if differences and source not in self._ends and self._about.get(source) in self._erased:
            same, differences = None, []
        return DisclosureRerun(
            record.position, *found, record.header.stream_version, event.publication_id, event.source_event_id,
            self._commands.get(event.source_event_id), record.header.recorded_at, same, tuple(differences),
        )  # fmt: skip

    def _against_policy(
        self, recipient: str, event: DisclosureMade | DisclosureWithdrawn, recorded: Repeatable
    ) -> Iterator[str]:
        end = self._ends.get(event.source_event_id)
        if end is not None:
            told = self._told_of(end).get(recipient)
            if told is None or recipient in end.told or not isinstance(event, DisclosureMade):
                yield f"told as {recorded.kind} that a matter's key was destroyed, the policy gives nothing"
                return
            end.told[recipient] = told
            self.reached = max(self.reached, end.fact.position)
            yield from content_otherwise(end.fact, told, event, recorded)
            yield from stated_otherwise(recorded, event.source_event_id, told.purpose)
            return
        due = self._due.get((recipient, self._about.get(event.source_event_id, "")), deque())
        wanted = (event.source_event_id, recorded.kind)
        place = next((n for n, (_, c) in enumerate(due) if (c.fact.event_id, c.kind) == wanted), None)
        if place is None:
            yield f"told as {recorded.kind}, the policy gives nothing"
            return
        for _ in range(place):
            _, skipped = due.popleft()
            yield f"{skipped.fact.name} ({skipped.fact.event_id}) as {skipped.kind} should have been told before"
        followed, change = due.popleft()
        self.reached = max(self.reached, followed)
        if change.told is not None and isinstance(event, DisclosureMade):
            yield from content_otherwise(change.fact, change.told, event, recorded)
        purpose = change.told.purpose if change.told is not None else change.standing.kind.purpose
        yield from stated_otherwise(recorded, change.cause or change.fact.event_id, purpose)
