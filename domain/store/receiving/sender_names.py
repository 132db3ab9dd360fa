"""What a sender's own names stand for: pseudonyms, publication ids, message ids, personal identity codes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from domain.context import Caller
from domain.directory import Recipient
from domain.disclosure.kinds import Kind, Kinds
from domain.disclosure.pseudonyms import Pseudonyms, UnknownPseudonym
from domain.events import DisclosureMade
from domain.messages import Begun, HeldReason
from domain.store.event_store import EventStore
from domain.store.receiving.knowing import NOBODY, may_know
from domain.store.sealed.vault import Use, Vault


@dataclass(frozen=True, slots=True)
class SenderNames:
    """The names of one sender, looked up in the store and the vault: those of clients stand for somebody only where the
    sender may know him. A look-up by identity code is logged as use.

    `client_name` is the name under which the body speaks of its client. `again`: the message waited, and was logged before.
    """

    store: EventStore
    vault: Vault
    kinds: Kinds[Kind]
    pseudonyms: Pseudonyms
    caller: Caller
    recipient: Recipient
    client_name: str = ""
    again: bool = False
    _told: dict[str, dict[str, str]] = field(default_factory=dict, compare=False)
    _facts: dict[str, Collection[str]] = field(default_factory=dict, compare=False)

    def knows(self, client: str) -> bool:
        """Whether the sender may know that there is this client. source: domain/pathway.md 4.9"""
        return may_know(self.recipient, client, self.store, self.vault, self.kinds)

    def part(self, pseudonym: str) -> str | None:
        """The raw reference behind the sender's pseudonym."""
        try:
            reference = self.pseudonyms.reference(pseudonym)
        except UnknownPseudonym:
            return None
        return None if pseudonym == self.client_name and not self.knows(reference) else reference

    def event(self, publication_id: str, client: str | None) -> str | None:
        """The fact of this client that the sender's own publication told, or that a worker of the county names as the
        history does."""
        if client is None:
            return None
        return self._in_history(publication_id, client) or self._source_of(client).get(publication_id)

    def _in_history(self, name: str, client: str) -> str | None:
        """A fact by the county's own name for it, under which its workers read it. An agency is told of facts by
        publications alone."""
        organiser = (self.store.recent_directory.organiser, "organiser")
        if (self.recipient.org, self.recipient.task) != organiser or self.caller.role == "client":
            return None
        try:
            reference = self.pseudonyms.reference(name)
        except UnknownPseudonym:
            return None
        if client not in self._facts:
            self._facts[client] = self.store.pathway(client).facts
        return reference if reference in self._facts[client] else None

    def _source_of(self, client: str) -> dict[str, str]:
        """By publication, the fact of the client that it told; read once, for a message may name many."""
        if client in self._told:
            return self._told[client]
        found = self._told[client] = {
            event.publication_id: event.source_event_id
            for event in self.store.opened_all(self.store.tellings_to(self.recipient, self.store.pathway(client)))
            if isinstance(event, DisclosureMade)
        }
        return found

    def begun_by(self, message_id: str) -> Begun | HeldReason | None:
        """What the sender's own message began, or why to wait for it."""
        own = None if self.caller.any_person else self.caller.person
        final = self.store.answer(self.caller.sender, message_id, own)
        if final is None and self.caller.role != "client":  # a client sends in the county's name, and is no colleague
            final = self.store.answer(self.caller.sender, message_id)
        if final is None:
            return "waits_for_reference"
        if final.status == "waiting":
            return "waits_for_earlier"
        if final.status != "recorded":
            return None
        return Begun(final.references, final.events[0][0] if final.events else None)

    def client(self, identity_code: str) -> str | None:
        """The client under a personal identity code. A search for somebody whom the sender may not know is logged too."""
        found = self.vault.find(identity_code)
        if found is None and self.again:
            return None
        # Of nobody the same is asked and done as of somebody foreign.
        known = self.knows(found or NOBODY)
        if known or not self.again:
            looked = use_of(self.caller, found or NOBODY, self.store.now(), "search")
            log = self.vault.log_use if found else self.vault.log_nobody
            log([looked])
        return found if known else None


def use_of(caller: Caller, client: str, at: datetime, what: str) -> Use:
    """A line of the use log. `at` is UTC. source: domain/privacy.md 3.3"""
    return Use(
        used_at=at,
        subject_ref=client,
        org=caller.org,
        task=caller.task,
        role=caller.role,
        person=caller.person,
        purpose=caller.purpose,
        what=what,
    )
