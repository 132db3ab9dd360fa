"""Taking in a message: from an envelope and bytes to a decision and its receipts, the same over Kafka and over HTTP.

Bytes that cannot be read are quarantined; what refers to something that is not there yet is held for a week and tried
again; everything else is decided at once. source: integration.md 2, design D13, D18
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.answers import Status
from domain.context import Caller
from domain.directory import Recipient
from domain.disclosure.kinds import Kind, Kinds
from domain.disclosure.pseudonyms import Pseudonyms
from domain.envelopes import Incoming, UnreadableEnvelope, caller_of
from domain.messages import CLIENT, message_types
from domain.receipts import Receipt, receipt_of_answer
from domain.refusals import Reason, named
from domain.store.event_store import EventStore
from domain.store.receiving.answering import Answering, Given
from domain.store.receiving.asked import Asked, Refusal, Waiting, asked_by, unreadable
from domain.store.receiving.held import unpacked
from domain.store.receiving.look_ups import LookUps
from domain.store.receiving.sender_names import SenderNames
from domain.store.sealed.vault import Vault


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message. `repeats` are the receipts that no event of the feed stands for: who received the message
    publishes them. `placed` says whether the place in the topic was stored together with the decision."""

    receipts: tuple[Receipt, ...]
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
        self.look_ups = LookUps(store, vault)

    def receive(self, message: Incoming, *, dry_run: bool = False) -> Received:
        """Decide one message and answer it. Raises `StoreUnavailable`: nothing is known then, and it is to be sent again."""
        return self._settled(message, self._asked(message), dry_run)

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

    def retry_all(self) -> Iterator[tuple[Recipient, Received]]:
        """Try every message again that waits; those that got their final answer."""
        for held in self._vault.held():
            sender = self._store.directory.recipient(held.sender_org, held.sender_task)
            if sender is None:
                continue
            message = unpacked(sender, held)
            if self._store.now() >= held.held_until_at:
                asked = [Asked(message, Refusal((Reason("E_WAITING_EXPIRED"),)))]
            else:
                asked = list(self._asked(message, again=True))
            if not any(isinstance(one.what, Waiting) for one in asked):
                received = self._settled(message, asked)
                self._vault.drop_held(held.sender_org, held.sender_task, held.message_id)
                yield sender, received

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

    def _settled(self, message: Incoming, asked: Iterable[Asked], dry_run: bool = False) -> Received:
        answering = Answering(self._store, self._vault, self.look_ups, self._kinds, dry_run)
        # All are handed over before the first answer is waited for: a whole group then shares a commit.
        begun = [(one, answering.begin(one)) for one in asked]
        pseudonyms = self._pseudonyms(message.recipient.short_name)
        receipts = [_receipt(one.message, answering.finish(one, answer)).named(pseudonyms) for one, answer in begun]
        repeats = [receipt for receipt in receipts if not receipt.numbered]
        if any(one.in_group for one, _ in begun):
            summary = _summary(message, receipts)
            return Received((*receipts, summary), (*repeats, summary))
        return Received(tuple(receipts), tuple(repeats), placed=bool(receipts[0].numbered and message.place))


def _receipt(message: Incoming, given: Given) -> Receipt:
    """The answer as the sender's receipt."""
    receipt = receipt_of_answer(given.named or message.message_id, message.type, given.answer)
    return replace(
        receipt,
        codes=receipt.codes or given.codes,
        reason=given.reason if receipt.status == "waiting" else None,
        until=given.until if receipt.status == "waiting" else None,
        offset=given.offset,
    )


def _summary(message: Incoming, receipts: Sequence[Receipt]) -> Receipt:
    """What became of a group's message: the entries' status where it is one, and what was wrong with which entry."""
    statuses: set[Status] = {receipt.status for receipt in receipts}
    status: Status = next(iter(statuses)) if len(statuses) == 1 else "recorded"
    codes = [
        Reason(reason.code, f"/entries/{place}{reason.pointer}")
        for place, one in enumerate(receipts)
        if one.status == "refused"
        for reason in one.codes
    ]
    told, more = named(codes)
    more += sum(one.more for one in receipts if one.status == "refused")
    parts = tuple((one.message_id, one.status) for one in receipts)
    return Receipt(message.message_id, message.type, status, codes=told, parts=parts, more=more)
