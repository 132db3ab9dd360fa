"""Taking in a message: from an envelope and bytes to a decision and its receipts, the same over Kafka and over HTTP.

Bytes that cannot be read are quarantined; what refers to something that is not there yet is held for a week and tried
again; everything else is decided at once. source: integration.md 2, design D13, D18
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from domain.answers import Answer, Status
from domain.catalogue import CommandKind
from domain.directory import Recipient
from domain.disclosure.pseudonyms import Pseudonyms
from domain.envelopes import Incoming, caller_of
from domain.events import Event, MessageHeld, MessageQuarantined
from domain.json_gate import BadJson, read_json
from domain.messages import GROUP, GROUP_OF, HeldReason, Waits, Wish, message_types, of_group, wish_of_message
from domain.receipts import Receipt, receipt_of_answer
from domain.refusals import Reason, Refused, refuse
from domain.store.event_store import EventStore
from domain.store.receiving.look_ups import LookUps
from domain.store.receiving.sender_names import SenderNames
from domain.store.sealed.keys import KeyDestroyed
from domain.store.sealed.vault import HeldMessage, Vault
from domain.store.tables.database import StoreUnavailable

logger = logging.getLogger("kuty.receiving")

HELD_FOR = timedelta(days=7)
LONGEST_GROUP_ID = 74
"""Characters of the id of a group's message: those of its entries are a little longer."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message. `repeats` are the receipts that no event of the feed stands for: who received the message
    publishes them. `placed` says whether the place in the topic was stored together with the decision."""

    receipts: tuple[Receipt, ...]
    repeats: tuple[Receipt, ...] = ()
    placed: bool = False


class Receiving:
    """Decides messages of one ledger. Safe for several threads, as its store and vault are."""

    def __init__(self, store: EventStore, vault: Vault, pseudonyms: Callable[[str], Pseudonyms]) -> None:
        self._store = store
        self._vault = vault
        self._pseudonyms = pseudonyms
        self.look_ups = LookUps(store, vault)

    def receive(self, message: Incoming, *, dry_run: bool = False) -> Received:
        """Decide one message and answer it. Raises `StoreUnavailable`: nothing is known then, and it is to be sent again."""
        try:
            body = read_json(message.raw)
        except BadJson as bad:
            return self.quarantine(
                message.recipient, bad.code, message.raw, message.place, message_id=message.message_id, dry_run=dry_run
            )
        kind = message_types(message.recipient.task).get(message.type)
        if kind is None:
            return self._told(message, self._refused(message, [Reason("E_UNKNOWN_COMMAND")], dry_run))
        if message.type.startswith(f"{GROUP}.v"):
            return self._group(message, kind, body, dry_run)
        return self._told(message, self._decided(message, kind, body, dry_run))

    def quarantine(
        self,
        recipient: Recipient,
        code: str,
        raw: bytes,
        place: tuple[str, int] | None,
        *,
        message_id: str | None = None,
        dry_run: bool = False,
    ) -> Received:
        """Set unreadable bytes aside: their place, size and hash are recorded, never they themselves.

        `message_id` is the sender's own, where that could be read: the receipt names it. It is not taken, for nothing was
        understood: a message that can be read is decided under it later.
        """
        digest = hashlib.sha256(raw).hexdigest()
        topic, offset = (place[0], place[1] - 1) if place else (f"POST /in/{recipient.short_name}", 0)
        message = Incoming(recipient, f"{offset}@{digest[:32]}", "unreadable", raw, place=place)
        if dry_run:
            answer = Answer("quarantined", codes=(Reason(code),))
        else:
            event = MessageQuarantined(
                sender_org_id=recipient.org,
                topic=topic,
                offset=offset,
                code=code,
                size=len(raw),
                content_hash=digest,
                message_id=message_id,
            )
            answer = self._note(event, message)
        named = replace(message, message_id=message_id or message.message_id)
        return self._told(named, _Decided(answer, codes=(Reason(code),), offset=offset))

    def retry_all(self) -> Iterator[tuple[Recipient, Received]]:
        """Try every message again that waits; those that got their final answer."""
        for held in self._vault.held():
            sender = self._store.directory.recipient(held.sender_org, held.sender_task)
            received = self._retry(sender, held) if sender else None
            if sender is not None and received is not None:
                yield sender, received

    def _retry(self, sender: Recipient, held: HeldMessage) -> Received | None:
        """One more attempt; none while the message has to wait on. When its time is over it is refused."""
        message = _unpacked(sender, held)
        body = read_json(message.raw)
        if self._store.now() >= held.held_until_at:
            decided = self._refused(message, [Reason("E_WAITING_EXPIRED")], False)
        else:
            kind = message_types(sender.task)[message.type]
            try:
                wish = wish_of_message(kind, body, self._names(message))
            except Waits:
                return None
            except Refused as refused:
                decided = self._refused(message, refused.codes, False)
            else:
                decided = self._settled(message, self._submitted(message, wish, False), False)
        received = self._told(message, decided)
        self._vault.drop_held(held.sender_org, held.sender_task, held.message_id)
        return received

    def _group(self, message: Incoming, kind: CommandKind, body: dict[str, Any], dry_run: bool) -> Received:
        """A group's day: each entry decided alone under its own id, and a summary under the message's own."""
        try:
            if len(message.message_id) > LONGEST_GROUP_ID:
                raise refuse("E_ENVELOPE")
            entries = of_group(body)
        except Refused as refused:
            return self._told(message, self._refused(message, refused.codes, dry_run))
        single = message.type.replace(GROUP, GROUP_OF)
        parts = [
            replace(message, message_id=f"{message.message_id}/{n}", type=single, raw=orjson.dumps(entry), place=None)
            for n, entry in entries
        ]
        # All are handed over before the first answer is waited for: a whole group then shares a commit.
        begun = [self._begun(part, kind, entry, dry_run) for part, (_, entry) in zip(parts, entries, strict=True)]
        told = [self._told(part, self._settled(part, answer, dry_run)) for part, answer in zip(parts, begun, strict=True)]
        receipts = [receipt for one in told for receipt in one.receipts]
        statuses: set[Status] = {receipt.status for receipt in receipts}
        status: Status = next(iter(statuses)) if len(statuses) == 1 else "recorded"
        codes = [
            Reason(reason.code, f"/entries/{place}{reason.pointer}")
            for place, one in enumerate(receipts)
            if one.status == "refused"
            for reason in one.codes
        ]
        statuses_of = tuple((one.message_id, one.status) for one in receipts)
        summary = Receipt(message.message_id, message.type, status, codes=tuple(codes), parts=statuses_of)
        return Received((*receipts, summary), (*(one for part in told for one in part.repeats), summary))

    def _decided(self, message: Incoming, kind: CommandKind, body: dict[str, Any], dry_run: bool) -> _Decided:
        return self._settled(message, self._begun(message, kind, body, dry_run), dry_run)

    def _settled(self, message: Incoming, begun: Future[Answer] | _Decided, dry_run: bool) -> _Decided:
        """The answer once it is there. A mistake of ours refuses the one message and does not stop the line (design D18)."""
        if isinstance(begun, _Decided):
            return begun
        try:
            return _Decided(begun.result())
        except StoreUnavailable:
            raise
        except KeyDestroyed:
            return self._refused(message, [Reason("E_ERASED")], dry_run)
        except Exception as error:
            logger.error("deciding a %s failed: %s", message.type, type(error).__name__)
            return self._refused(message, [Reason("E_INTERNAL")], dry_run)

    def _begun(self, message: Incoming, kind: CommandKind, body: dict[str, Any], dry_run: bool) -> Future[Answer] | _Decided:
        """The decision on its way, or the answer where none is to be made."""
        try:
            wish = wish_of_message(kind, body, self._names(message))
        except Refused as refused:
            return self._refused(message, refused.codes, dry_run)
        except Waits as waits:
            return self._held(message, waits.reason, dry_run)
        return self._submitted(message, wish, dry_run)

    def _submitted(self, message: Incoming, wish: Wish, dry_run: bool) -> Future[Answer]:
        return self._store.submit(
            wish.command,
            caller_of(message, wish.kind),
            message.message_id,
            client=wish.client,
            look_ups=self.look_ups.of(wish.kind, wish.command, wish.client),
            dry_run=dry_run,
            input_position=message.place,
        )

    def _refused(self, message: Incoming, reasons: Sequence[Reason], dry_run: bool) -> _Decided:
        if dry_run:
            return _Decided(Answer("refused", codes=tuple(reasons)))
        return _Decided(
            self._store.refuse(
                message.type,
                reasons,
                caller_of(message),
                message.message_id,
                content=message.raw,
                input_position=message.place,
            ).result()
        )

    def _held(self, message: Incoming, reason: HeldReason, dry_run: bool) -> _Decided:
        until = self._store.now() + HELD_FOR
        if dry_run:
            return _Decided(Answer("waiting"), reason=reason, until=until)
        sender = message.recipient
        event = MessageHeld(
            sender_org_id=sender.org,
            sender_task=sender.task,
            message_id=message.message_id,
            message_type=message.type,
            held_reason=reason,
            held_until_at=until,
        )
        # Kept before it is recorded: a message that was promised an answer is never lost.
        self._vault.keep_held(HeldMessage(sender.org, sender.task, message.message_id, until, _packed(message)))
        answer = self._note(event, message)
        if "waiting" not in (answer.status, answer.first):
            final = self._store.answer((sender.org, sender.task), message.message_id)
            if final is not None and final.status != "waiting":
                # The id had its last answer long before: nothing waits under it.
                self._vault.drop_held(sender.org, sender.task, message.message_id)
        return _Decided(answer, reason=reason, until=until)

    def _note(self, event: Event, message: Incoming) -> Answer:
        return self._store.note(
            event, caller_of(message), message.message_id, content=message.raw, input_position=message.place
        ).result()

    def _told(self, message: Incoming, decided: _Decided) -> Received:
        """The answer as the sender's receipt, in the sender's own names."""
        receipt = receipt_of_answer(message.message_id, message.type, decided.answer)
        receipt = replace(
            receipt,
            codes=receipt.codes or decided.codes,
            reason=decided.reason if receipt.status == "waiting" else None,
            until=decided.until if receipt.status == "waiting" else None,
            offset=decided.offset,
        ).named(self._pseudonyms(message.recipient.short_name))
        repeats = () if receipt.numbered else (receipt,)
        return Received((receipt,), repeats, placed=bool(receipt.numbered and message.place))

    def _names(self, message: Incoming) -> SenderNames:
        pseudonyms = self._pseudonyms(message.recipient.short_name)
        return SenderNames(self._store, self._vault, pseudonyms, caller_of(message), message.recipient.short_name)


@dataclass(frozen=True, slots=True)
class _Decided:
    """An answer, and what the receipt says beside it."""

    answer: Answer
    codes: tuple[Reason, ...] = ()
    reason: str | None = None
    until: datetime | None = None
    offset: int | None = None


def _packed(message: Incoming) -> bytes:
    return orjson.dumps({"type": message.type, "person": message.person}) + b"\n" + message.raw


def _unpacked(sender: Recipient, held: HeldMessage) -> Incoming:
    line, _, raw = held.payload.partition(b"\n")
    envelope = orjson.loads(line)
    return Incoming(sender, held.message_id, envelope["type"], raw, envelope["person"])
