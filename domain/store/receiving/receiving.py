"""Taking in a message: from an envelope and bytes to a decision and its receipts, the same over Kafka and over HTTP.

Bytes that cannot be read are quarantined; what refers to something that is not there yet is held for a week and tried
again; everything else is decided at once. source: integration.md 2, design D13, D18
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from domain.answers import Answer
from domain.context import Caller
from domain.directory import Recipient
from domain.disclosure.kinds import Kind, Kinds
from domain.disclosure.pseudonyms import Pseudonyms
from domain.envelopes import Incoming, UnreadableEnvelope, caller_of
from domain.messages import CLIENT, message_types
from domain.receipts import Receipt, receipt_of_answer
from domain.refusals import Reason
from domain.store.event_store import EventStore
from domain.store.receiving.answering import Answering, Begun
from domain.store.receiving.asked import Asked, Refusal, Waiting, asked_by, unreadable
from domain.store.receiving.expiring import Expiring
from domain.store.receiving.held import unpacked
from domain.store.receiving.look_ups import LookUps
from domain.store.receiving.sender_names import SenderNames
from domain.store.sealed.keys import KeyDestroyed
from domain.store.sealed.vault import Vault
from domain.store.tables.database import StoreUnavailable

logger = logging.getLogger("kuty.receiving")


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message, and of a group's message each entry. `repeats` are the receipts that no event of the feed
    stands for: who received the message publishes them. `placed` says whether the place in the topic was stored together
    with the decision."""

    receipt: Receipt
    entries: tuple[Receipt, ...] = ()
    repeats: tuple[Receipt, ...] = ()
    placed: bool = False


class Receiving:
    """Decides messages of one ledger. Safe for several threads, as its store and vault are."""

    def __init__(
        self, store: EventStore, vault: Vault, pseudonyms: Callable[[str], Pseudonyms], kinds: Kinds[Kind]
    ) -> None:
        self._store = store
        self._vault = vault
        self._pseudonyms = pseudonyms
        self._kinds = kinds
        self._sent = frozenset(name for kind in kinds for name in message_types(kind))
        self._expiring = Expiring(store, vault)
        self.look_ups = LookUps(store, vault)

    def receive(self, message: Incoming, *, dry_run: bool = False) -> Received:
        """Decide one message and answer it. Raises `StoreUnavailable`: nothing is known then, and it is to be sent again."""
        try:
            return self._settled(message, self._asked(message), dry_run)
        except Exception as error:
            return self._refused(message, error, dry_run)

    def quarantine(
        self,
        recipient: Recipient,
        wrong: UnreadableEnvelope,
        raw: bytes,
        place: tuple[str, int],
        message_id: str | None,
    ) -> Received:
        """Set bytes aside whose envelope cannot be read. Raises `StoreUnavailable`."""
        asked = unreadable(recipient, wrong.reasons, raw, place, message_id)
        return self._settled(asked.message, [asked])

    def retry_all(self, pass_on: Callable[[Recipient, Received], bool]) -> Iterator[bool]:
        """Try every message again that waits, each when it is asked for: whether it has its final answer, and that is passed
        on. One whose answer is not is kept, and its answer given once more, as a repeat.

        Whose time is over is refused first, by what was promised and not by what the vault has of it."""
        for expired in self._expiring.each():
            yield expired is not None and pass_on(expired[0], Received(expired[1]))
        for held in self._vault.each_held():
            sender = self._store.directory.recipient(held.sender_org, held.sender_task)
            if sender is None:
                continue
            message, own = unpacked(sender, held), (held.sender_org, held.sender_task)
            try:
                if self._store.now() >= held.held_until_at and not self._store.waits(own, held.message_id):
                    asked = [Asked(message, Refusal((Reason("E_WAITING_EXPIRED"),)))]
                else:
                    asked = list(self._asked(message, again=True))
                if any(isinstance(one.what, Waiting) for one in asked):
                    yield False
                    continue
                received = self._settled(message, asked)
            except Exception as error:
                received = self._refused(message, error)
            if passed_on := pass_on(sender, received):
                self._vault.drop_held(*own, held.message_id, held.payload)
            yield passed_on

    def has_waiting(self) -> bool:
        """Whether any message waits."""
        return self._vault.held_count() > 0

    def names_of(self, recipient: Recipient, caller: Caller, client_name: str = "", *, again: bool = False) -> SenderNames:
        """What a caller's names stand for; `client_name` is the one by which it names the client, where it does."""
        pseudonyms = self._pseudonyms(recipient.short_name)
        return SenderNames(self._store, self._vault, self._kinds, pseudonyms, caller, recipient, client_name, again)

    def _asked(self, message: Incoming, *, again: bool = False) -> Iterator[Asked]:
        caller = caller_of(message, self._kinds)

        def names_in(body: Mapping[str, Any]) -> SenderNames:
            named = body.get(CLIENT)
            return self.names_of(message.recipient, caller, named if isinstance(named, str) else "", again=again)

        return asked_by(message, self._kinds.of(message.recipient), self._sent, names_in)

    def _refused(self, message: Incoming, error: Exception, dry_run: bool = False) -> Received:
        """A mistake of ours refuses the one message and does not stop the line (design D18). What says nothing of the
        message is raised again."""
        if isinstance(error, (StoreUnavailable, OSError, MemoryError)):
            raise error
        code = "E_ERASED" if isinstance(error, KeyDestroyed) else "E_INTERNAL"
        if code == "E_INTERNAL":
            logger.error("taking a message in failed", exc_info=error)
        return self._settled(message, [Asked(message, Refusal((Reason(code),)))], dry_run)

    def _settled(self, message: Incoming, asked: Iterable[Asked], dry_run: bool = False) -> Received:
        answering = Answering(self._store, self._vault, self.look_ups, self._kinds, dry_run)
        pseudonyms = self._pseudonyms(message.recipient.short_name)
        wanted = list(asked)
        if not wanted[0].in_group:
            [one] = wanted
            begun = answering.begin(one)
            receipt = self._receipt(one.message, begun, answering.finish(one, begun)).named(pseudonyms)
            repeats = () if receipt.numbered else (receipt,)
            return Received(receipt, repeats=repeats, placed=bool(receipt.numbered and message.place))
        answer, entries = answering.answer_group(message, wanted)
        own = self._in_its_epoch(receipt_of_answer(message.message_id, message.type, answer), answer)
        parts = tuple(
            self._receipt(one.message, begun, answering.finish(one, begun)).named(pseudonyms)
            for one, begun in zip(wanted, entries, strict=False)
        )
        # What became of an entry without a number stands in the group's own receipt.
        return Received(own, parts, () if own.numbered else (own,), placed=bool(own.numbered and message.place))

    def _receipt(self, message: Incoming, begun: Begun, answer: Answer) -> Receipt:
        """The answer as the sender's receipt."""
        receipt = receipt_of_answer(begun.named or message.message_id, message.type, answer)
        return replace(
            self._in_its_epoch(receipt, answer),
            codes=receipt.codes or begun.codes,
            reason=begun.reason if receipt.status == "waiting" else None,
            until=begun.until if receipt.status == "waiting" else None,
            offset=begun.offset,
        )

    def _in_its_epoch(self, receipt: Receipt, answer: Answer) -> Receipt:
        """With the epoch of the ledger in which its number was given."""
        return replace(receipt, epoch=self._store.epochs.of(answer.position)) if receipt.number is not None else receipt
