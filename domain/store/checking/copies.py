"""Keys and vault as an audit reads them: what was exchanged or made up is told, and hides nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from domain.record import Damaged
from domain.store.sealed.keys import NAMED_KEY_BYTES, PROBE, Keys, WrongMasterKey
from domain.store.sealed.vault import ClientRecord, StaffCard, Vault

PAGE = 2_000


class CheckedKeys(Keys):
    """Keys of which one that was not wrapped under its own name is left out, as one that is not there. None is ever made."""

    def found(self, name: str) -> bytes | None:
        """The key under a name. Raises `WrongMasterKey` where that of all is another one than was given."""
        try:
            return super().found(name)
        except WrongMasterKey:
            if name == PROBE:
                raise
            return None

    def named(self, name: str, is_used: Callable[[], bool] = bool) -> bytes:
        """The key under a name, else what stands for it so that all the rest can be looked at: nothing opens with that."""
        return self.found(name) or os.urandom(NAMED_KEY_BYTES)

    def get(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """The keys that exist and are what their names say."""
        wanted = list(key_ids)
        try:
            return super().get(wanted)
        except WrongMasterKey:
            found: dict[str, bytes] = {}
            for key_id in wanted:
                try:
                    found |= super().get((key_id,))
                except WrongMasterKey:
                    continue
            return found

    def check_gone(self, key_ids: Iterable[str]) -> None:
        """Nothing: whether a key that is not here was destroyed is what the audit tells."""

    def all(self) -> Iterator[tuple[str, bool]]:
        """Every matter's key by its name, in order, and whether it is what its name says."""
        after = ""
        while rows := self._database.read(
            "SELECT key_id, wrapped FROM matter_keys WHERE key_id > %s ORDER BY key_id LIMIT %s", (after, PAGE)
        ):
            for key_id, wrapped in rows:
                yield str(key_id), self._is_own(str(key_id), wrapped)
            after = str(rows[-1][0])

    def _is_own(self, key_id: str, wrapped: bytes) -> bool:
        try:
            self._unwrap(key_id, wrapped)
        except WrongMasterKey:
            return False
        return True

    def destroyed(self) -> dict[str, str]:
        """The proof of every key that was destroyed here."""
        rows = self._database.read("SELECT key_id, proof FROM destroyed_keys ORDER BY number")
        return {str(key_id): str(proof) for key_id, proof in rows}


class Entry(NamedTuple):
    """One client's entry. `record` is none where it was not sealed for this client; `found_by_its_own` says whether code and
    temporary identifier find it, and no others; `changing` whether a change waits for the fact that tells of it."""

    client: str
    record: ClientRecord | None
    found_by_its_own: bool
    changing: bool


class Held(NamedTuple):
    """A message that waits, as its row says. `until_at` is none where it is no time; `opens` says whether it was sealed for
    this row."""

    sender_org: str
    sender_task: str
    message_id: str
    until_at: datetime | None
    opens: bool


class CheckedVault(Vault):
    """The vault, entry by entry."""


    def entries(self) -> Iterator[Entry]:
        """Every client's entry, by reference."""
        after = ""
        while rows := self._database.read(
            "SELECT subject_ref, code_index, temporary_index, sealed, changing FROM clients WHERE subject_ref > %s"
            " ORDER BY subject_ref LIMIT %s",
            (after, PAGE),
        ):
            for client, code, temporary, sealed, changing in rows:
                try:
                    record = self._open(f"client|{client}", sealed, ClientRecord)
                except Damaged:
                    yield Entry(client, None, True, bool(changing))
                    continue
                own = (self._index(record.identity_code), self._temporary_index(record.temporary_identifier))
                yield Entry(client, record, (code, temporary) == own, bool(changing))
            after = str(rows[-1][0])

    def strange_cards(self) -> Iterator[str]:
        """Staff cards that are not what their row says, by person, organisation and first day."""
        for person, org, from_on, until_on, sealed in self._database.read(
            "SELECT person, org, from_on, until_on, sealed FROM staff ORDER BY person, org, from_on"
        ):
            try:
                card = self._open(f"staff|{person}|{org}|{from_on}", sealed, StaffCard)
            except Damaged:
                yield f"{person} of {org} from {from_on}"
                continue
            said = (card.person, card.org, card.from_on.isoformat(), card.until_on.isoformat() if card.until_on else None)
            if said != (person, org, from_on, until_on):
                yield f"{person} of {org} from {from_on}"

    def strange_uses(self) -> Iterator[str]:
        """Of whom the use log has lines that were not written for him."""
        after = 0
        while rows := self._database.read(
            "SELECT number, subject_ref, sealed FROM uses WHERE number > %s ORDER BY number LIMIT %s", (after, PAGE)
        ):
            for number, client, sealed in rows:
                after = int(number)
                try:
                    self._opened(f"use|{client}", sealed)
                except Damaged:
                    yield str(client)

    def held_each(self) -> Iterator[Held]:
        """Every message that waits, by sender and id."""
        for org, task, message_id, until_at, sealed in self._database.read(
            "SELECT sender_org, sender_task, message_id, held_until_at, sealed FROM held"
            " ORDER BY sender_org, sender_task, message_id"
        ):
            try:
                until: datetime | None = datetime.fromisoformat(until_at)
            except ValueError:
                until = None
            try:
                self._opened(f"held|{org}|{task}|{message_id}", sealed)
                opens = True
            except Damaged:
                opens = False
            yield Held(org, task, message_id, until, opens)
