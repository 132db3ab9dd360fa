"""The follower that tells every recipient what it may be told: `desired − disclosed`, event by event (design D9).

It reads the feed after its position, judges each fact as known there, and appends the publications with its new position
in one transaction. Nothing that it remembers is needed: after a restart or a conflict it reads it back from the store.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from consumers.disclosed import Followed, Memory, line_of
from consumers.redelivery import Redelivery, redeliver, requested
from domain.answers import Answer
from domain.catalogue import DIRECTORY_EVENTS, EVENTS, REGISTER_FACTS, SYSTEM_EVENTS
from domain.context import HELSINKI, Caller, Draft
from domain.directory import enter
from domain.disclosure.policy import Policy, policy
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publish import About, Circumstances, event_of, publication_of
from domain.disclosure.reconcile import Change
from domain.disclosure.register import register_changes
from domain.events import Erased, Event, OrganisationJoined
from domain.log_ids import note_ids
from domain.pathway import evolve
from domain.record import Record, fact_of
from domain.store import Conflict, EventStore, KeyDestroyed, Vault
from domain.streams import is_client_stream
from projections.kinds import kinds

NAME = "disclosure"
"""The follower's name in the store's table of positions."""

LARGEST_BATCH = 400
FOLLOWED = tuple(sorted((EVENTS.keys() - SYSTEM_EVENTS) | DIRECTORY_EVENTS))
"""Names of the events that it reads; its own and the ledger's others are passed over."""


class Disclosure:
    """The follower of one ledger. `random_id` gives 32 hex digits, `salt` 64; both are parameters for tests."""

    name = NAME

    def __init__(
        self,
        store: EventStore,
        vault: Vault,
        *,
        batch: int = LARGEST_BATCH,
        rules: Policy | None = None,
        always_whole: bool = False,
        random_id: Callable[[], str] = lambda: os.urandom(16).hex(),
        salt: Callable[[], str] = lambda: os.urandom(32).hex(),
    ) -> None:
        self.store = store
        self.vault = vault
        self._batch = batch
        self.policy = rules or policy(kinds())
        self.always_whole = always_whole
        self.random_id = random_id
        self.salt = salt
        self._pseudonyms: dict[str, Pseudonyms] = {}
        self._memory: Memory | None = None
        self._turn = threading.RLock()

    def step(self) -> int:
        """Disclose what the next events of the feed give rise to; how many events were passed, 0 at the head.

        Raises `StoreUnavailable`, `Damaged`; the next step begins again where the store says.
        """
        with self._turn:
            return self._step()

    def redeliver_once(self, recipient: str, caller: Caller, key: str) -> tuple[Answer, int]:
        """`redeliver`, once under the caller's key: the answer to it, and the epoch. Who was not answered asks again."""
        answer, epoch = requested(self.store, recipient, caller, key)
        if epoch:
            self.redeliver(recipient, epoch)
        return answer, epoch

    def redeliver(self, recipient: str, epoch: int = 0) -> Redelivery:
        """Repeat to a recipient, in a fresh epoch, every publication that is still lawful (design D16), unless the epoch
        asked for has begun.

        May be asked of any thread or process; a follower running elsewhere goes on in the new epoch.
        Raises `LookupError` for a recipient that was never told anything.
        """
        with self._turn:
            self._memory = None
            position = self.store.tracking(NAME)
            done = redeliver(self.store, NAME, recipient, self.random_id, self.policy.version, epoch)
            while self.store.tracking(NAME) < position:
                self._step()
            return done

    def _step(self) -> int:
        memory, self._memory = self._memory, None
        if memory is None:
            self._begin_lines()
        if memory is None or memory.erasures != self.store.erasures:
            memory = Memory(self.store, self.store.tracking(NAME), self.policy.kinds)
        head = self.store.head()
        if head <= memory.position:
            self._memory = memory
            return 0
        records = self.store.records(memory.position, self._batch, FOLLOWED)
        last = records[-1].position if records else 0
        to = last if len(records) == self._batch else max(head, last)
        sealed = _Batch(self, memory, records).sealed if records else []
        try:
            self.store.append(sealed, tracking=(NAME, memory.position, to))
        except Conflict:
            # Another follower, or a redelivery, was faster: read back what is there.
            return 1
        passed, memory.position = to - memory.position, to
        memory.trim()
        self._memory = memory
        return passed

    def _begin_lines(self) -> None:
        """Repeat what holds to those who were told something in a history that was given up, before they are told more."""
        epochs = self.store.epochs
        for recipient in sorted({name for opening in epochs for name in opening.lines}):
            if not line_of(self.store, recipient).sequence:
                with suppress(LookupError):  # of all that was told nothing is left: the line begins with what is told next
                    redeliver(self.store, NAME, recipient, self.random_id, self.policy.version)

    # --- asked by a batch ---

    def pseudonyms(self, recipient: str) -> Pseudonyms:
        """The recipient's own names, under its own key."""
        known = self._pseudonyms.get(recipient)
        if known is None:
            known = self._pseudonyms[recipient] = Pseudonyms(self.store.keys.named(f"pseudonym/{recipient}"))
        return known


class _Told(NamedTuple):
    """Of whom a change speaks: none for a fact on organisations and rules."""

    followed: Followed | None
    about: About | None


class _Batch:
    """The publications of one batch. The memory moves along; it is thrown away unless the batch is committed."""

    def __init__(self, follower: Disclosure, memory: Memory, records: list[Record]) -> None:
        self.sealed: list[Record] = []
        self._follower = follower
        self._store = follower.store
        self._memory = memory
        self._now = self._store.now()
        self._at = self._circumstances()
        self._cards: dict[str, Mapping[str, Any]] = {}
        clients = {r.header.stream for r in records if is_client_stream(r.header.stream)}
        self._people = {key: record.model_dump(mode="json") for key, record in follower.vault.get(clients).items()}
        for record, event in zip(records, self._store.opened_all(records), strict=True):
            try:
                self._take(record, event)
            except Exception as error:
                note_ids(error, {"event_id": record.header.event_id, "position": record.position})
                raise

    def _take(self, record: Record, event: Event | Erased) -> None:
        if record.header.name in DIRECTORY_EVENTS:
            self._take_register(record, event)
        elif is_client_stream(record.header.stream):
            self._take_client(record, event)

    def _take_client(self, record: Record, event: Event | Erased) -> None:
        followed = self._memory.client(record.header.stream, record)
        client, fact = followed.client, fact_of(record, event)
        followed.hashes[fact.event_id] = record.hash
        if isinstance(event, Erased):
            client.view = client.view.erased(evolve(client.view.pathway, fact))
            return
        follower = self._follower
        changes = client.take(fact, self._memory.directory, follower.policy, always_whole=follower.always_whole)
        self._tell(changes, followed)

    def _take_register(self, record: Record, event: Event | Erased) -> None:
        memory, known = self._memory, self._memory.directory.recipients
        memory.directory = enter(memory.directory, event, record.position)
        self._at = self._circumstances()
        if isinstance(event, Erased) or record.header.name not in REGISTER_FACTS:
            return
        for change in register_changes(fact_of(record, event), memory.directory, self._follower.policy):
            told = memory.told_of_register.get(change.standing.recipient.short_name, {})
            if change.fact.event_id not in told:
                self._publish(change, _Told(None, None), record.hash)
        if isinstance(event, OrganisationJoined) and memory.directory.recipients.keys() - known.keys():
            self._tell_late_joiner(record.position)

    def _tell_late_joiner(self, position: int) -> None:
        """A recipient that joins late gets what is lawful for it of every client that is known already."""
        after = 0
        while registered := self._store.records(after, 1_000, ("subject.registered",)):
            for record in registered:
                if record.position > position:
                    return
                followed = self._memory.client(record.header.stream)
                self._tell(followed.client.reconcile(self._memory.directory, self._follower.policy), followed)
            after = registered[-1].position

    def _tell(self, changes: list[Change], followed: Followed) -> None:
        if not changes:
            return
        reference = followed.client.view.pathway.client
        if reference not in self._people:
            found = self._follower.vault.get([reference])
            self._people[reference] = found[reference].model_dump(mode="json") if reference in found else {}
        told = _Told(followed, About(followed.client.view, self._people[reference], self._card))
        for change in changes:
            self._publish(change, told, followed.hashes[change.fact.event_id])

    def _publish(self, change: Change, told: _Told, source_hash: str) -> None:
        line = self._memory.line(change.standing.recipient.short_name)
        at, followed = self._at, told.followed
        disclosed = followed.client.disclosed if followed else self._memory.told_of_register
        publication = publication_of(change, line, told.about, disclosed.get(line.recipient, {}), at)
        draft = Draft(
            event=event_of(publication, change, source_hash, at),
            event_id=self._follower.random_id(),
            occurred_on=self._now.astimezone(HELSINKI).date(),
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
                recorded_at=self._now,
                directory=self._memory.directory,
                policy_version=at.policy.version,
            )
        except KeyDestroyed:
            # The matter was erased meanwhile: there is nothing left to tell.
            return
        line.sequence, line.previous_hash, line.record_hash = publication.sequence, publication.hash, record.hash
        self.sealed.append(record)
        if followed:
            followed.client.apply(change, publication.id)

    def _circumstances(self) -> Circumstances:
        directory, follower = self._memory.directory, self._follower
        return Circumstances(
            now=self._now.replace(microsecond=0),
            directory=directory,
            ruleset=self._store.rules_of(directory).version,
            policy=follower.policy,
            pseudonyms=follower.pseudonyms,
            random_id=follower.random_id,
            salt=follower.salt,
        )

    def _card(self, person: str) -> Mapping[str, Any]:
        known = self._cards.get(person)
        if known is None:
            on = self._now.astimezone(HELSINKI).date()
            card = self._follower.vault.staff_cards([person], on).get(person)
            shown = set(self._follower.policy.staff_card)
            known = self._cards[person] = card.model_dump(mode="json", include=shown, exclude_none=True) if card else {}
        return known
