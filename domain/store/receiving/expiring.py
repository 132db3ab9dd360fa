"""The last answer to what has waited for as long as its sender was told, whatever the vault has of it (design D18).

The record says what waits and until when. A row of the vault may be gone, or spoilt, or say another time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from domain.context import Caller
from domain.directory import Recipient
from domain.events import MessageHeld
from domain.receipts import Receipt, receipt_of_answer
from domain.record import Record
from domain.store.event_store import EventStore
from domain.store.sealed.vault import Vault
from domain.streams import LEDGER_STREAM

PLACE, OF = "intake/expired", "intake/expired/of"
"""Under what names the store keeps the version of the ledger's stream up to which nothing waits any more, and of which event
it is: after the ledger took up another history another one stands there, and all of it is gone through again."""
PAGE = 200


class Expiring:
    """Goes through what was told to wait, in the order in which it was, up to what has time yet."""

    def __init__(self, store: EventStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._next_at = datetime.min.replace(tzinfo=UTC)

    def each(self) -> Iterator[tuple[Recipient, Receipt] | None]:
        """The last answer to each message whose time is over, and none behind a page of the stream where there are more.
        Raises `StoreUnavailable`."""
        if self._store.now() < self._next_at:
            return
        at, last, more = self._begin(), None, True
        while more:
            page = self._store.stream(LEDGER_STREAM, at, PAGE)
            more = len(page) == PAGE
            for record in page:
                held = self._store.opened(record) if record.header.name == MessageHeld.NAME else None
                if isinstance(held, MessageHeld):
                    if self._store.now() < held.held_until_at:
                        self._next_at, more = held.held_until_at, False
                        break
                    yield from self._expired(record, held)
                at, last = record.header.stream_version, record
            if last is not None:
                self._store.place({PLACE: at, OF: _number(last)})
            if more:
                yield None

    def _begin(self) -> int:
        kept = self._store.trackings([PLACE, OF])
        at = kept.get(PLACE, 0)
        there = self._store.stream(LEDGER_STREAM, at - 1, 1) if at else []
        return at if [_number(record) for record in there] == [kept.get(OF)] else 0

    def _expired(self, record: Record, held: MessageHeld) -> Iterator[tuple[Recipient, Receipt]]:
        h = record.header
        sender = Caller(h.actor_org, h.actor_task, h.actor_role, h.actor_person, any_person=True)
        answer = self._store.expire(record, held, sender)
        if answer is None:
            return
        recipient = self._store.directory.recipient(*sender.sender)
        if recipient is not None:
            receipt = receipt_of_answer(held.message_id, held.message_type, answer)
            yield recipient, replace(receipt, epoch=self._store.epochs.of(answer.position))
        if not self._store.waits(sender.sender, held.message_id):  # else it is another's that is kept
            self._vault.drop_held(*sender.sender, held.message_id)


def _number(record: Record) -> int:
    """An event as a number that the table of positions takes."""
    return zlib.crc32(record.hash.encode())
