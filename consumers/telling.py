"""The publications of one batch of the disclosure follower: what follows from its events, and what late joiners come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from consumers.disclosed import Followed, Memory
from domain.catalogue import DIRECTORY_EVENTS, REGISTER_FACTS
from domain.context import HELSINKI, Caller, Draft
from domain.directory import enter
from domain.disclosure.policy import Policy
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publish import About, Circumstances, event_of, publication_of
from domain.disclosure.reconcile import Change
from domain.disclosure.register import register_changes
from domain.events import Erased, Event, OrganisationJoined, PayloadKeyDestroyed
from domain.log_ids import note_ids
from domain.pathway import evolve
from domain.record import Record, fact_of
from domain.store import EventStore, KeyDestroyed, Vault, VaultWentBack, is_ended
from domain.streams import is_client_stream

REGISTERED = "subject.registered"
"""The name of every client's first event."""


@dataclass(frozen=True, slots=True)
class Means:
    """What publications are made with. `random_id` gives 32 hex digits, `salt` 64."""

    store: EventStore
    vault: Vault
    policy: Policy
    always_whole: bool
    random_id: Callable[[], str]
    salt: Callable[[], str]
    _pseudonyms: dict[str, Pseudonyms] = field(default_factory=dict)

    def pseudonyms(self, recipient: str) -> Pseudonyms:
        """The recipient's own names, under its own key."""
        known = self._pseudonyms.get(recipient)
        if known is None:
            known = self._pseudonyms[recipient] = Pseudonyms(self.store.pseudonym_key(recipient))
        return known


class _Told(NamedTuple):
    """Of whom a change speaks: none for a fact on organisations and rules."""

    followed: Followed | None
    about: About | None


class Batch:
    """The publications of one batch. The memory moves along; it is thrown away unless the batch is committed. `recorded_at`
    is when the last event of the feed was recorded, up to which the records reach; without it the store is asked for the
    time."""

    def __init__(
        self, means: Means, memory: Memory, records: Sequence[Record], recorded_at: datetime | None = None
    ) -> None:
        self.sealed: list[Record] = []
        self._means = means
        self._store = means.store
        self._memory = memory
        events = self._store.opened_all(records)
        self._now = self._time(records, events, recorded_at)
        self._at = self._circumstances()
        self._cards: dict[str, Mapping[str, Any]] = {}
        clients = {r.header.stream for r in records if is_client_stream(r.header.stream)}
        self._people = {key: record.model_dump(mode="json") for key, record in means.vault.get(clients).items()}
        for record, event in zip(records, events, strict=True):
            try:
                self._take(record, event)
            except Exception as error:
                note_ids(error, {"event_id": record.header.event_id, "position": record.position})
                raise

    def _time(self, records: Sequence[Record], events: Sequence[Event | Erased], recorded_at: datetime | None) -> datetime:
        """When it is told: not before what it is told of, nor before the last event that was recorded."""
        if recorded_at is None:
            return self._store.now()
        register = self._memory.directory
        for record, event in zip(records, events, strict=True):
            if record.header.name in DIRECTORY_EVENTS:
                register = enter(register, event, record.position)
        return self._store.now_at(register, max([recorded_at, *(record.header.recorded_at for record in records)]))

    def _take(self, record: Record, event: Event | Erased) -> None:
        if record.header.name in DIRECTORY_EVENTS:
            self._take_register(record, event)
        elif is_client_stream(record.header.stream):
            self._take_client(record, event)

    def _take_client(self, record: Record, event: Event | Erased) -> None:
        followed = self._memory.client(record.header.stream, record)
        client, fact = followed.client, fact_of(record, event)
        followed.hashes[fact.event_id], followed.newest = record.hash, fact.event_id
        if isinstance(event, Erased):
            client.view = client.view.erased(evolve(client.view.pathway, fact))
            return
        means = self._means
        changes = client.take(fact, self._memory.directory, means.policy, always_whole=means.always_whole)
        if isinstance(event, PayloadKeyDestroyed):
            changes = [change for change in changes if not self._is_told(change)]
        elif self._memory.late.joined:
            changes = [change for change in changes if not self._comes_later(change, followed)]
        self._tell(changes, followed)

    def _comes_later(self, change: Change, followed: Followed) -> bool:
        """Whether a change is told with the client, to which a late joiner has still to come. Who was told anything of the
        client has come to it: a walk that goes once more tells what was not told, never what has changed."""
        recipient, told_in = change.standing.recipient.short_name, followed.client.told_in.values()
        return self._memory.late.waits(recipient, followed.registered_at) and not any(recipient in told for told in told_in)

    def _is_told(self, change: Change) -> bool:
        """Whether the end of a matter was told before: it comes with no client, and where it is read again it is known."""
        return change.fact.event_id in self._memory.told_of_register.get(change.standing.recipient.short_name, {})

    def _take_register(self, record: Record, event: Event | Erased) -> None:
        memory, known = self._memory, self._memory.directory.recipients
        memory.directory = enter(memory.directory, event, record.position)
        self._at = self._circumstances()
        if isinstance(event, Erased) or record.header.name not in REGISTER_FACTS:
            return
        for change in register_changes(fact_of(record, event), memory.directory, self._means.policy):
            told = memory.told_of_register.get(change.standing.recipient.short_name, {})
            if change.fact.event_id not in told:
                self._publish(change, _Told(None, None), record.hash)
        new = memory.directory.recipients.keys() - known.keys()
        if isinstance(event, OrganisationJoined) and new and self._clients_known(record.position):
            memory.late.joins(set(new), record.position)

    def _clients_known(self, position: int) -> bool:
        """Whether a client was registered before a position."""
        if self._memory.late.joined:
            return True
        first = self._store.records(0, 1, (REGISTERED,))
        return bool(first) and first[0].position < position

    def come_to(self, reference: str, joiners: Collection[str]) -> None:
        """Late joiners come to a client: each is told what is lawful for it by now, as having followed from the client's
        newest event."""
        followed = self._memory.looked_at(reference)
        self._tell(
            followed.client.reconcile(self._memory.directory, self._means.policy, joiners, followed.newest), followed
        )

    def _tell(self, changes: list[Change], followed: Followed) -> None:
        if not changes:
            return
        reference = followed.client.view.pathway.client
        if reference not in self._people:
            self._people[reference] = self._person(reference, followed.registered_at)
        told = _Told(followed, About(followed.client.view, self._people[reference], self._card))
        for change in changes:
            self._publish(change, told, followed.hashes[change.fact.event_id])

    def _person(self, reference: str, registered_at: int) -> dict[str, Any]:
        """What the vault knows of a client. Raises `VaultWentBack` where it has no entry of one whom nobody has forgotten:
        what is told without a name is not told again."""
        found = self._means.vault.get([reference])
        if reference in found:
            return found[reference].model_dump(mode="json")
        if not is_ended(self._store, reference):
            raise VaultWentBack(f"it has no entry of the client registered at position {registered_at}")
        return {}

    def _publish(self, change: Change, told: _Told, source_hash: str) -> None:
        line = self._memory.line(change.standing.recipient.short_name)
        at, now, followed = self._at, line.time(self._now), told.followed
        disclosed = followed.client.disclosed if followed else self._memory.told_of_register
        publication = publication_of(change, line, told.about, disclosed.get(line.recipient, {}), at)
        draft = Draft(
            event=event_of(publication, change, source_hash, at),
            event_id=self._means.random_id(),
            occurred_on=now.astimezone(HELSINKI).date(),
            matter=change.fact.matter,
            causation=change.cause or change.fact.event_id,
        )
        organiser = self._memory.directory.organiser
        caller = Caller(organiser, "organiser", "system", "system", publication.purpose)
        try:
            record = self._store.build(
                line.stream,
                line.sequence + 1,
                line.record_hash,
                draft,
                caller,
                draft.event_id,
                recorded_at=now,
                directory=self._memory.directory,
                policy_version=at.policy.version,
            )
        except KeyDestroyed:
            # The matter was erased meanwhile: there is nothing left to tell.
            return
        line.sequence, line.previous_hash, line.record_hash = publication.sequence, publication.hash, record.hash
        line.at = now
        self.sealed.append(record)
        if followed:
            followed.client.apply(change, publication.id)

    def _circumstances(self) -> Circumstances:
        directory, means = self._memory.directory, self._means
        return Circumstances(
            now=self._now.replace(microsecond=0),
            directory=directory,
            ruleset=self._store.rules_of(directory).version,
            policy=means.policy,
            pseudonyms=means.pseudonyms,
            random_id=means.random_id,
            salt=means.salt,
        )

    def _card(self, person: str) -> Mapping[str, Any]:
        known = self._cards.get(person)
        if known is None:
            on = self._now.astimezone(HELSINKI).date()
            card = self._means.vault.staff_cards([person], on).get(person)
            shown = set(self._means.policy.staff_card)
            known = self._cards[person] = card.model_dump(mode="json", include=shown, exclude_none=True) if card else {}
        return known
