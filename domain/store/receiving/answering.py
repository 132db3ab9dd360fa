"""From what a message asks for to its answer: decided, refused, held for a week, or set aside.

What a message becomes is recorded before it is answered; with a dry run nothing is.
source: integration.md 2, design D13, D18
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.answers import Answer
from domain.context import Caller
from domain.disclosure.kinds import Kind, Kinds
from domain.envelopes import Incoming, caller_of
from domain.events import Event, MessageHeld
from domain.messages import HeldReason, Wish
from domain.receipts import codes_of
from domain.refusals import Reason
from domain.store.deciding.kept_answers import Content
from domain.store.ended import enter, is_ended
from domain.store.event_store import Entries, EventStore
from domain.store.receiving.asked import Asked, Refusal, Unreadable, Waiting
from domain.store.receiving.held import packed, unpacked
from domain.store.receiving.knowing import NOBODY
from domain.store.receiving.look_ups import LookUps
from domain.store.receiving.sender_names import use_of
from domain.store.sealed.keys import KeyDestroyed
from domain.store.sealed.vault import ClientRecord, HeldMessage, Vault
from domain.store.tables.database import StoreUnavailable

logger = logging.getLogger("kuty.receiving")

HELD_FOR = timedelta(days=7)
MOST_WAITING, MOST_WAITING_BYTES = 1_000, 16 * 1024 * 1024
"""Messages of one sender that wait at a time, and bytes of them: each is tried again whenever something was recorded (design
D24)."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer on its way, and what the receipt says beside it; `named` is the sender's own id where it was not the one
    taken."""

    answer: Future[Answer]
    codes: tuple[Reason, ...] = ()
    reason: HeldReason | None = None
    until: datetime | None = None
    offset: int | None = None
    named: str | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers what messages of one ledger ask for; with `dry_run` it says what it would answer."""

    store: EventStore
    vault: Vault
    look_ups: LookUps
    kinds: Kinds[Kind]
    dry_run: bool = False
    group: Entries | None = None
    """Where the entries of a group's message wait to be handed over together."""

    def begin(self, asked: Asked) -> Begun:
        """The answer on its way."""
        message = asked.message
        match asked.what:
            case Wish() as wish:
                return Begun(self._submit(message, wish))
            case Refusal(reasons):
                return Begun(self._refuse(message, reasons))
            case Waiting(reason):
                return self._hold(message, reason)
            case Unreadable(event):
                return Begun(self._note(message, event), codes_of(event), offset=event.offset, named=event.message_id)

    def finish(self, asked: Asked, begun: Begun) -> Answer:
        """The answer once it is there. A mistake of ours refuses the one message and does not stop the line (design D18)."""
        try:
            answer = begun.answer.result()
        except StoreUnavailable:
            raise
        except KeyDestroyed:
            return self._refuse(asked.message, (Reason("E_ERASED"),)).result()
        except Exception as error:
            logger.error("deciding a message failed", exc_info=error)
            return self._refuse(asked.message, (Reason("E_INTERNAL"),)).result()
        if begun.reason is not None and not self.dry_run and answer.status != "waiting":
            self._let_go(asked.message)
        return answer

    def answer_group(self, message: Incoming, entries: Sequence[Asked]) -> tuple[Answer, list[Begun]]:
        """The answer to a group's message, and those to its entries: none of these where the message was refused whole."""
        jobs: Entries = []
        begun = [replace(self, group=jobs).begin(one) for one in entries]
        caller = caller_of(message, self.kinds)
        told = self.store.submit_group(
            jobs, caller, message.message_id, content=_content(message), dry_run=self.dry_run, input_position=message.place
        )
        answer = self.finish(Asked(message, entries[0].what), Begun(told))
        if answer.entries:
            return answer, begun
        for one in entries:
            if isinstance(one.what, Waiting) and not self.dry_run:
                self._let_go(one.message)
        return answer, []

    def _submit(self, message: Incoming, wish: Wish) -> Future[Answer]:
        caller = caller_of(message, self.kinds, wish.kind)
        decide = partial(
            self.store.submit, wish.command, caller, message.message_id, input_position=message.place,
            content=_content(message), group=self.group,
        )  # fmt: skip
        if wish.identity_code is not None:
            return self._about_anybody(decide, caller, wish.identity_code)
        look_ups = self.look_ups.of(wish.kind, wish.command, wish.client)
        named_by = self._mark(wish.client) if wish.kind.of_anybody else ""
        return decide(client=wish.client, look_ups=look_ups, dry_run=self.dry_run, named_by=named_by)

    def _mark(self, client: str | None) -> str:
        """By what a message is known that named the client by code, when it comes again with the name."""
        record = self.vault.get([client]).get(client) if client else None
        return self.vault.mark(record.identity_code) if record and record.identity_code else ""

    def _about_anybody(self, decide: Callable[..., Future[Answer]], caller: Caller, code: str) -> Future[Answer]:
        """A message that may name anybody: of whom nobody has heard, he is entered in the vault and becomes a client by it.

        Its answer is the same in both cases, also when it is repeated. source: domain/pathway.md 4.9
        """
        said: dict[str, Any] = {"named_by": self.vault.mark(code), "look_ups": {"identity_code_valid": True}}
        found = self.vault.find(code)
        if is_ended(self.store, found or NOBODY):  # of nobody the same is asked
            found = None
        client = found or uuid.uuid4().hex
        judged = decide(client=client, dry_run=True, **said)
        becomes = not self.dry_run and judged.result().status == "recorded"
        if becomes:
            client = enter(self.store, self.vault, client, ClientRecord(identity_code=code))
        # Of a person who does not become a client nothing is kept; the work is the same whether he is known or not.
        looked = use_of(caller, client, self.store.now(), "search")
        log = self.vault.log_use if found or becomes else self.vault.log_nobody
        log([looked])
        return judged if self.dry_run else decide(client=client, **said)

    def _refuse(self, message: Incoming, reasons: tuple[Reason, ...], *, dry_run: bool = False) -> Future[Answer]:
        return self.store.refuse(
            reasons,
            caller_of(message, self.kinds),
            message.message_id,
            content=_content(message),
            dry_run=self.dry_run or dry_run,
            input_position=message.place,
            group=self.group,
        )

    def _hold(self, message: Incoming, reason: HeldReason) -> Begun:
        sender, kept = message.recipient, packed(message)
        waiting, size = self.vault.held_beside(sender.org, sender.task, message.message_id)
        if waiting >= MOST_WAITING or size + len(kept) > MOST_WAITING_BYTES:
            return Begun(self._refuse(message, (Reason("E_TOO_MANY_WAITING"),)))
        # Whose row in the vault was lost, and who comes again, waits for as long as it was told at first.
        promised = self.store.waits_until(caller_of(message, self.kinds), message.message_id, _content(message))
        until = promised or self.store.now() + HELD_FOR
        if not self.dry_run:
            # Kept before it is recorded: a message that was promised an answer is never lost.
            own = HeldMessage(sender.org, sender.task, message.message_id, until, kept)
            stands = self.vault.keep_held(own, over=promised is not None)
            if not _is_of(message, stands):
                # Somebody is about to promise that one its answer: this one came under the same id, and second.
                return Begun(self._refuse(message, (Reason("E_KEY_REUSED"),), dry_run=True))
            if stands.held_until_at != until:
                # Left by who died before it was promised anything: what is promised first is over first (`Expiring`).
                self.vault.keep_held(own, over=True)
        held = self._note(
            message,
            MessageHeld(
                sender_org_id=sender.org,
                sender_task=sender.task,
                message_id=message.message_id,
                message_type=message.type,
                held_reason=reason,
                held_until_at=until,
            ),
        )
        return Begun(held, reason=reason, until=until)

    def _let_go(self, message: Incoming) -> None:
        """Nothing waits under an id that has its last answer, or that was never taken, as that of an entry which waits under
        its former one. What another message has kept under it stays."""
        sender = message.recipient
        if not self.store.waits((sender.org, sender.task), message.message_id):
            self.vault.drop_held(sender.org, sender.task, message.message_id, packed(message))

    def _note(self, message: Incoming, event: Event) -> Future[Answer]:
        return self.store.note(
            event, caller_of(message, self.kinds), message.message_id, content=_content(message), dry_run=self.dry_run,
            input_position=message.place, group=self.group,
        )  # fmt: skip


def _is_of(message: Incoming, held: HeldMessage) -> bool:
    """Whether it is this very message that is kept, however its JSON was written."""
    kept = unpacked(message.recipient, held)
    return (kept.person, _content(kept).said) == (message.person, _content(message).said)


def _content(message: Incoming) -> Content:
    return Content(message.type, message.raw)
