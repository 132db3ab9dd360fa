"""A redelivery: every publication that is still lawful once more, in a fresh epoch of the recipient (design D16).

Repeated are revisions and withdrawals too, each with the time of its first telling. What was withdrawn for good is not
lawful any more: of it only the withdrawal goes out again, which has no content.

It goes out in windows of a transaction each. What happens meanwhile is told in the old epoch, as always, and is not sent
from there: it is repeated in the fresh one, behind what was told before it, and at the end the recipient's line goes over.
How far a redelivery has come is kept in the transaction of each window: it goes on after a kill where it stood.

source: design D16
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from consumers.disclosed import (
    LINES,
    NAME,
    end_of,
    history_of,
    is_coming,
    is_told,
    kept_place,
    line_before,
    line_of,
    place_of,
    repeated_up_to,
)
from consumers.lawful import Lawful, pages, readable
from consumers.telling import Means
from consumers.wire import publication_of
from domain.answers import Answer
from domain.context import HELSINKI, Caller, Draft
from domain.disclosure.once_more import MOST_IN_A_DAY, Allowance, NotAllToldYet, SentOnceMoreOften, allowance
from domain.disclosure.publications import Publication, schema_address
from domain.disclosure.publish import Line, empty_event, empty_publication
from domain.events import Erased, RedeliveryRequested
from domain.record import Record
from domain.store import Conflict, Content, EventStore, KeyDestroyed
from domain.streams import LEDGER_MATTER

WINDOW = 100
"""So many publications of the old epoch are gone through in one transaction."""
TOLD_WITHIN_S = 1.0
"""How long who asks waits for disclosure to come to what is recorded by then, seconds."""
LOOK_AGAIN_S = 0.05


class Redelivery(NamedTuple):
    """How far a redelivery has come: the fresh epoch, how many publications its history has, how many of them are in it, and
    whether the recipient is told there what happens now."""

    recipient: str
    epoch: int
    publications: int
    repeated: int
    ended: bool


def requested(store: EventStore, recipient: str, caller: Caller, key: str) -> tuple[Answer, int]:
    """Record under the caller's key that everything is wanted once more; the answer, and the epoch in which it is sent: that
    of the redelivery that is on its way, where one is.

    Asked again it names the same epoch, and no epoch where the key stands for something else. Two who ask before the epoch
    begins get one. Raises `LookupError` when the recipient was never told anything, `SentOnceMoreOften` in a live ledger,
    `NotAllToldYet`, `StoreUnavailable`; then the key stands for nothing.
    """
    newest = line_of(store, recipient)
    coming = is_coming(store, newest)
    told = line_before(store, newest) if coming else newest
    if store.answer(caller.sender, key, caller.person) is None:  # a repeat is answered whatever was erased or begun since
        if not any(readable(store, records) for records in pages(store, told.stream)):
            raise LookupError(f"nothing was told to {recipient}")
        check_may_begin(store, recipient, newest.epoch + 1)
    event = RedeliveryRequested(recipient=recipient, recipient_epoch=newest.epoch + (not coming))
    answer = store.note(event, caller, key, content=Content("redelivery", b"{}", recipient)).result()
    [recorded] = store.records(answer.position - 1, 1) if answer.events else [None]
    kept = store.opened(recorded) if recorded else None
    return answer, kept.recipient_epoch if isinstance(kept, RedeliveryRequested) else 0


def check_may_begin(store: EventStore, recipient: str, epoch: int = 0) -> None:
    """A fresh epoch may begin now, if it takes one: the one that was asked for, or another redelivery, may have begun, or
    there is nothing to repeat. Who asks for none (0) is not refused for how often it was asked. Raises `SentOnceMoreOften`,
    `NotAllToldYet`."""
    newest = line_of(store, recipient)
    if not newest.sequence or is_coming(store, newest) or 0 < epoch <= newest.epoch:
        return
    if epoch and store.mode == "live" and not (allowed := _allowed(store, newest)).left:
        raise SentOnceMoreOften(newest.epoch, allowed.more_in)
    _check_told(store)


def allowance_of(store: EventStore, recipient: str) -> Allowance | None:
    """How many redeliveries to a recipient may begin now; none in a simulated ledger, where any number may."""
    return _allowed(store, line_of(store, recipient)) if store.mode == "live" else None


def _allowed(store: EventStore, newest: Line) -> Allowance:
    """Every epoch behind the first one holds everything, whoever began it."""
    lines = (Line(newest.recipient, epoch) for epoch in range(newest.epoch, 1, -1))
    firsts = (store.stream(line.stream, 0, 1) for line in lines)  # none of an epoch that was passed over
    begun: list[datetime] = [first[0].header.recorded_at for first in islice(filter(None, firsts), MOST_IN_A_DAY)]
    return allowance(begun, store.now())


def _check_told(store: EventStore) -> None:
    """Everything that is recorded by now was told, within a moment: what was told and is lawful no more has been taken back,
    and is not repeated. Raises `NotAllToldYet`."""
    head, give_up_at = store.head(), time.monotonic() + TOLD_WITHIN_S
    while not is_told(store, head):
        if time.monotonic() >= give_up_at:
            raise NotAllToldYet(store.tracking(NAME), head)
        store.wait_for_commit(LOOK_AGAIN_S)


def begin(store: EventStore, recipient: str, means: Means, *, epoch: int, window: int) -> Repeating:
    """Begin a fresh epoch with the first window, unless the epoch that was asked for, or another redelivery, has begun.
    Raises `LookupError` when nothing that the recipient was told is lawful."""
    while True:
        newest = line_of(store, recipient)
        has_begun = newest.sequence and 0 < epoch <= newest.epoch
        if has_begun and store.stream_version(Line(recipient, epoch).stream):
            return Repeating(store, recipient, epoch)
        if has_begun or (newest.sequence and place_of(store, newest)):
            # Another one is on its way, or an opening of the ledger passed over the epoch: its line repeats everything.
            return Repeating(store, recipient, newest.epoch)
        # A line that an opening of the ledger began, and in which nothing was told yet, is a fresh one already.
        fresh = Repeating(store, recipient, newest.epoch + 1 if newest.sequence else newest.epoch)
        try:
            if not fresh.begin(window, means):
                raise LookupError(f"nothing was told to {recipient}")
        except Conflict:
            continue
        return fresh


class Repeating:
    """A redelivery that is on its way, or has ended. Nothing that it remembers is needed: it is read from the store."""

    def __init__(self, store: EventStore, recipient: str, epoch: int = 0) -> None:
        newest = line_of(store, recipient)
        self._fresh = end_of(store, Line(recipient, epoch) if epoch else newest)
        self._stored = store.tracking(repeated_up_to(recipient))
        self._kept = place_of(store, newest) if newest.sequence and newest.epoch == self._fresh.epoch else 0
        self.ended = not self._kept and self._fresh.sequence > 0
        self.lines = 0
        """What is counted since it has begun or ended; 0 where it was somebody else who saw to that."""
        self._store, self._recipient = store, recipient
        self._before = line_before(store, self._fresh)
        self._old = self._before.stream
        self._opening: Record | None = None
        self._end = self._before.sequence
        self._lawful = Lawful(store, recipient, self._old, self._fresh.stream)
        self._until = _until(store, self._fresh, self._before) if self._fresh.sequence else 0

    def progress(self) -> Redelivery:
        """How far it has come."""
        repeated = min(self._fresh.sequence, self._until)
        return Redelivery(self._recipient, self._fresh.epoch, self._until, repeated, self.ended)

    def begin(self, limit: int, means: Means) -> bool:
        """Repeat the first window; whether there was anything to repeat. Raises `Conflict` when another has begun."""
        store, lines = self._store, self._store.tracking(LINES)
        self._now, self._directory = self._fresh.time(store.now()), store.directory
        self._until = self._lawful.count()
        line, sealed, place = replace(self._fresh), list[Record](), 0
        while not sealed and (records := self._read(place, limit)):
            place = records[-1].header.stream_version
            sealed = list(self._sealed(records, line, means))
        if sealed:
            name, kept = repeated_up_to(self._recipient), kept_place(place + 1, line)
            store.append(sealed, tracking=(name, self._stored, kept), also=((LINES, lines, lines + 1),))
            self._fresh, self._kept, self._stored, self.lines = line, place + 1, kept, lines + 1
        return bool(sealed)

    def window(self, limit: int, means: Means) -> int:
        """Repeat what comes next of the old epoch, at most `limit` publications of it, and at its end go over; how much was
        done, 0 when it has ended before.

        Raises `Conflict` when somebody else has done so: then nothing was written, and it is to be looked at anew.
        """
        if self.ended:
            return 0
        store, name = self._store, repeated_up_to(self._recipient)
        lines = store.tracking(LINES)
        self._now, self._directory = self._fresh.time(store.now()), store.directory
        records = self._read(self._kept - 1, limit)
        place = records[-1].header.stream_version if records else self._kept - 1
        line = replace(self._fresh)
        sealed = list(self._sealed(records, line, means))
        while place >= self._end and line.sequence < self._until and len(sealed) < limit:
            sealed.append(self._empty(line, means))
        if place < self._end or line.sequence < self._until:
            kept = kept_place(place + 1, line)
            store.append(sealed, tracking=(name, self._stored, kept))
            self._fresh, self._kept, self._stored, self.lines = line, place + 1, kept, 0
        else:
            # Whoever has told something meanwhile in the old epoch has moved its end.
            store.append(
                sealed, tracking=(name, self._stored, 0), also=((LINES, lines, lines + 1),), ends={self._old: self._end}
            )
            self._fresh, self._kept, self._stored, self.lines, self.ended = line, 0, 0, lines + 1, True
        return max(1, len(records), len(sealed))

    def _read(self, place: int, limit: int) -> list[Record]:
        """What comes next of the old epoch, and where that ends after it was read."""
        records = self._store.stream(self._old, place, limit)
        self._end = self._store.stream_version(self._old)
        return records

    # --- What is repeated --------------------------------------------------------------------------------------------

    def _sealed(self, records: list[Record], line: Line, means: Means) -> Iterator[Record]:
        """The repetitions of what is lawful among some publications; the line moves along."""
        for record, event in self._lawful.among(records, self._end):
            header = record.header
            draft = Draft(
                event=event,
                event_id=means.random_id(),
                occurred_on=self._now.astimezone(HELSINKI).date(),
                matter=header.matter,
                causation=header.causation,
            )
            caller = Caller(header.actor_org, header.actor_task, header.actor_role, header.actor_person, header.purpose)
            # A key may be destroyed at any moment: what can be read no more is not repeated.
            with suppress(KeyDestroyed):
                yield self._next(publication_of(record, event), draft, caller, line, means)

    def _empty(self, line: Line, means: Means) -> Record:
        """What stands for a publication of the history that was erased or withdrawn before it was repeated: where history
        ends has been said, and nobody is to wait for it for ever."""
        now, directory, random_id = self._now, self._directory, means.random_id
        publication = empty_publication(random_id(), directory, line.time(now))
        if self._opening is None:
            (self._opening,) = self._store.records(0, 1)
        opening = self._opening
        draft = Draft(
            event=empty_event(publication, opening.header.event_id, opening.hash, random_id() + random_id()),
            event_id=random_id(),
            occurred_on=now.astimezone(HELSINKI).date(),
            matter=LEDGER_MATTER,
        )
        caller = Caller(directory.organiser, "organiser", "system", "system", publication.purpose)
        return self._next(publication, draft, caller, line, means)

    def _next(self, publication: Publication, draft: Draft, caller: Caller, line: Line, means: Means) -> Record:
        history = {"replaces_epoch": self._before.epoch, "until_sequence": self._until} if not line.sequence else None
        column = means.policy.kinds.of(self._directory.recipients[self._recipient]).key
        publication = replace(
            publication,
            sequence=line.sequence + 1,
            epoch=line.epoch,
            previous_hash=line.previous_hash,
            history=history,
            # A repetition is recorded now, and names where schemas are served now: where they were may be no more.
            schema=schema_address(means.schemas, column, publication.type),
        )
        event = draft.event.model_copy(
            update={"publication": publication.stored(), "previous_publication_hash": line.previous_hash}
        )
        record = self._store.build(
            line.stream,
            line.sequence + 1,
            line.record_hash,
            replace(draft, event=event),
            caller,
            draft.event_id,
            recorded_at=self._now,
            directory=self._directory,
            policy_version=means.policy.version,
        )
        publication = replace(publication, ruleset=record.header.ruleset_version)
        line.sequence, line.previous_hash, line.record_hash = publication.sequence, publication.hash, record.hash
        line.at = max(self._now, publication.time)
        return record


def _until(store: EventStore, line: Line, before: Line) -> int:
    """Where the history of an epoch ends, as its first publication says; 0 for an epoch that repeats nothing.

    Where its beginning was erased since, nobody knows what was said: no more than had been told by then.
    """
    (first,) = store.stream(line.stream, 0, 1)
    if not isinstance(store.opened(first), Erased):
        return int(history_of(store, line).get("until_sequence", 0))
    earlier = () if before.epoch == line.epoch else pages(store, before.stream)
    return sum(record.position < first.position for records in earlier for record in records)
