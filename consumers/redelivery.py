"""A redelivery: every publication that is still lawful once more, in a fresh epoch of the recipient (design D16).

Repeated are revisions and withdrawals too, each with the time of its first telling. What was withdrawn for good is not
lawful any more: of it only the withdrawal goes out again, which has no content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from consumers.disclosed import line_before, line_of
from consumers.wire import publication_of
from domain.answers import Answer
from domain.context import HELSINKI, Caller, Draft
from domain.disclosure.publications import FIRST_HASH, Publication
from domain.disclosure.publish import Line
from domain.events import DisclosureMade, DisclosureWithdrawn, Erased, RedeliveryRequested
from domain.record import Record
from domain.store import Conflict, Content, EventStore, KeyDestroyed

ATTEMPTS = 20


class Redelivery(NamedTuple):
    """What was repeated: the fresh epoch, and how many publications its history has; none where it had begun before."""

    recipient: str
    epoch: int
    publications: int


class _Repeat(NamedTuple):
    record: Record
    event: DisclosureMade | DisclosureWithdrawn
    publication: Publication


def requested(store: EventStore, recipient: str, caller: Caller, key: str) -> tuple[Answer, int]:
    """Record under the caller's key that everything is wanted once more; the answer, and the epoch in which it is sent.

    Asked again it names the same epoch, and no epoch where the key stands for something else. Two who ask before the epoch
    begins get one. Raises `LookupError` when the recipient was never told anything, `StoreUnavailable`.
    """
    line = line_of(store, recipient)
    answered = store.answer(caller.sender, key, caller.person)  # a repeat is answered whatever was erased since
    if answered is None and not _lawful(store, line):
        raise LookupError(f"nothing was told to {recipient}")
    event = RedeliveryRequested(recipient=recipient, recipient_epoch=line.epoch + 1)
    answer = store.note(event, caller, key, content=Content("redelivery", b"{}", recipient)).result()
    [recorded] = store.records(answer.position - 1, 1) if answer.events else [None]
    kept = store.opened(recorded) if recorded else None
    return answer, kept.recipient_epoch if isinstance(kept, RedeliveryRequested) else 0


def redeliver(
    store: EventStore, follower: str, recipient: str, random_id: Callable[[], str], policy_version: str, epoch: int = 0
) -> Redelivery:
    """Write the fresh epoch, unless it is the one asked for and has begun. Raises `LookupError` when the recipient was never
    told anything, `Conflict` when the follower does not let it come between in many attempts."""
    for _ in range(ATTEMPTS):
        position = store.tracking(follower)
        old = line_of(store, recipient)
        if epoch and old.epoch >= epoch and old.sequence:
            return Redelivery(recipient, epoch, 0)
        # A line that an opening of the ledger began, and in which nothing was told yet, is a fresh one already.
        fresh = Line(recipient, old.epoch + 1 if old.sequence else old.epoch)
        old = old if old.sequence else line_before(store, old)
        repeats = _lawful(store, old)
        if not repeats:
            raise LookupError(f"nothing was told to {recipient}")
        history = {"replaces_epoch": old.epoch, "until_sequence": len(repeats)}
        try:
            sealed = [_repeated(store, fresh, repeat, history, random_id, policy_version) for repeat in repeats]
            # One position back: a follower that runs elsewhere finds its position moved, reads its last event again,
            # which tells nobody anything twice, and goes on in the fresh epoch.
            store.append(sealed, tracking=(follower, position, position - 1))
        except (Conflict, KeyDestroyed):
            continue
        return Redelivery(recipient, fresh.epoch, len(repeats))
    raise Conflict(f"the follower left no room for a redelivery to {recipient}")


def _lawful(store: EventStore, line: Line) -> list[_Repeat]:
    records = store.stream(line.stream)
    told: list[_Repeat] = []
    held: dict[str, bool] = {}
    for record, event in zip(records, store.opened_all(records), strict=True):
        if isinstance(event, Erased) or not isinstance(event, DisclosureMade | DisclosureWithdrawn):
            continue
        held[event.source_event_id] = isinstance(event, DisclosureMade)
        told.append(_Repeat(record, event, publication_of(record, event)))
    return [repeat for repeat in told if held[repeat.event.source_event_id] or isinstance(repeat.event, DisclosureWithdrawn)]


def _repeated(
    store: EventStore,
    line: Line,
    repeat: _Repeat,
    history: dict[str, int],
    random_id: Callable[[], str],
    policy_version: str,
) -> Record:
    now, header = store.now(), repeat.record.header
    publication = replace(
        repeat.publication,
        sequence=line.sequence + 1,
        epoch=line.epoch,
        previous_hash=line.previous_hash,
        history=history if line.previous_hash == FIRST_HASH else None,
    )
    event = repeat.event.model_copy(
        update={"publication": publication.stored(), "previous_publication_hash": line.previous_hash}
    )
    draft = Draft(
        event=event,
        event_id=random_id(),
        occurred_on=now.astimezone(HELSINKI).date(),
        matter=header.matter,
        causation=header.causation,
    )
    caller = Caller(header.actor_org, header.actor_task, header.actor_role, header.actor_person, header.purpose)
    record = store.build(
        line.stream,
        line.sequence + 1,
        line.record_hash,
        draft,
        caller,
        draft.event_id,
        recorded_at=now,
        policy_version=policy_version,
    )
    publication = replace(publication, ruleset=record.header.ruleset_version)
    line.sequence, line.previous_hash, line.record_hash = publication.sequence, publication.hash, record.hash
    return record
