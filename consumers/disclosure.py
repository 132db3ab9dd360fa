"""The follower that tells every recipient what it may be told: `desired − disclosed`, event by event (design D9).

It reads the feed after its position, judges each fact as known there, and appends the publications with its new position
in one transaction. Nothing that it remembers is needed: after a restart or a conflict it reads it back from the store.
What is repeated to a recipient, and what late joiners are told of clients that were there before, goes out in windows
between the batches: what happens now goes first, and neither waits for the other.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from consumers.disclosed import FOLLOWED, LINES, NAME, Memory, is_coming, kept_place, line_of, place_found, repeated_up_to
from consumers.late import AFTER, UPTO, WALKED
from consumers.named import Known
from consumers.redelivery import WINDOW, Redelivery, Repeating, begin, check_may_begin, requested
from consumers.telling import Batch, Means
from domain.answers import Answer
from domain.context import Caller
from domain.disclosure.policy import Policy, policy
from domain.disclosure.pseudonyms import Pseudonyms
from domain.store import Conflict, EventStore, Vault
from projections.kinds import kinds

LARGEST_BATCH = 400
LARGEST_WALK = 100
"""So many clients are gone through for late joiners in one transaction."""


class Disclosure:
    """The follower of one ledger. `random_id` gives 32 hex digits, `salt` 64; both are parameters for tests. `batch` is in
    events, `window` in publications, `walk` in clients: the most that one transaction is made of. `schemas` is the address
    under which schemas are served: what is told from now on names its own there."""

    name = NAME

    def __init__(
        self,
        store: EventStore,
        vault: Vault,
        *,
        batch: int = LARGEST_BATCH,
        window: int = WINDOW,
        walk: int = LARGEST_WALK,
        rules: Policy | None = None,
        always_whole: bool = False,
        random_id: Callable[[], str] = lambda: os.urandom(16).hex(),
        salt: Callable[[], str] = lambda: os.urandom(32).hex(),
        schemas: str = "",
    ) -> None:
        self.store = store
        self._batch, self._window, self._walk = batch, window, walk
        self.policy = rules or policy(kinds())
        self.means = Means(store, vault, self.policy, always_whole, random_id, salt, schemas)
        self._memory: Memory | None = None
        self._known = Known(store, self.policy.kinds)
        self._repeating: OrderedDict[str, Repeating | None] = OrderedDict()
        self._lines = -1
        self._turn = threading.RLock()

    def step(self) -> int:
        """Disclose what the next events of the feed give rise to; then go on with what is repeated or told to late joiners,
        one window of each. How much was done, 0 when nothing is left to do.

        Raises `StoreUnavailable`, `Damaged`; the next step begins again where the store says.
        """
        with self._turn:
            return self._step() + self._tell_late() + self._repeat_next()

    # --- Redeliveries ------------------------------------------------------------------------------------------------

    def redeliver_once(self, recipient: str, caller: Caller, key: str) -> tuple[Answer, Redelivery | None]:
        """Begin a redelivery, once under the caller's key: the answer to it, and how far it has come; none where the key
        stands for something else. The follower goes on with it. Who was not answered asks again.

        Raises `LookupError` for a recipient that was never told anything, `SentOnceMoreOften` in a live ledger for one to
        which three have begun within 24 hours, `NotAllToldYet` where the follower is behind.
        """
        answer, epoch = requested(self.store, recipient, caller, key)
        if not epoch:
            return answer, None
        # Whoever asked for it before may have been killed before it began: then it is judged again.
        begin_now = self._begin if answer.first is None else self.begin_redelivery
        return answer, begin_now(recipient, epoch)

    def begin_redelivery(self, recipient: str, epoch: int = 0) -> Redelivery:
        """Begin to repeat to a recipient, in a fresh epoch, every publication that is still lawful (design D16), unless that
        epoch, or any other redelivery to it, has begun: then that one is meant.

        Whether it may begin is judged here. May be asked of any thread or process. Raises `LookupError` for a recipient that
        was never told anything, `SentOnceMoreOften` where the epoch was asked for, `NotAllToldYet`.
        """
        check_may_begin(self.store, recipient, epoch)  # not in our turn: the follower may be about to come there
        return self._begin(recipient, epoch)

    def _begin(self, recipient: str, epoch: int) -> Redelivery:
        """Begin what was judged."""
        with self._turn:
            begun = begin(self.store, recipient, self.means, epoch=epoch, window=self._window)
            if self._memory is not None and begun.lines == self._memory.lines + 1:
                self._memory.lines = begun.lines
            return begun.progress()

    def repeat(self, recipient: str) -> Redelivery:
        """Repeat one more window to a recipient, whoever else does so; how far its redelivery has come."""
        with self._turn:
            self._repeat(recipient)
        return self.progress_of(recipient)

    def progress_of(self, recipient: str) -> Redelivery:
        """How far the newest redelivery to a recipient has come; of its first epoch nothing is a repetition."""
        return Repeating(self.store, recipient).progress()

    def redeliver(self, recipient: str, epoch: int = 0) -> Redelivery:
        """Begin a redelivery and carry it to its end."""
        progress = self.begin_redelivery(recipient, epoch)
        while not progress.ended:
            progress = self.repeat(recipient)
        return progress

    def _repeat_next(self) -> int:
        """One window to the recipient that has waited longest."""
        memory = self._memory
        if memory is not None and memory.lines != self._lines:
            on_their_way = [name for name in self.store.directory.recipients if self.store.tracking(repeated_up_to(name))]
            self._repeating = OrderedDict((name, self._repeating.get(name)) for name in on_their_way)
            self._lines = memory.lines
        if not self._repeating:
            return 0
        recipient = next(iter(self._repeating))
        self._repeating.move_to_end(recipient)
        return self._repeat(recipient)

    def _repeat(self, recipient: str) -> int:
        repeating = self._repeating.get(recipient) or Repeating(self.store, recipient)
        self._repeating[recipient] = None  # what it remembers is true again once its window is committed
        try:
            done = repeating.window(self._window, self.means)
        except Conflict:
            # Somebody else has repeated it, or has told something meanwhile: look again.
            self._repeating.pop(recipient, None)
            self._lines = -1
            return 1
        if not repeating.ended:
            self._repeating[recipient] = repeating
            return done
        self._repeating.pop(recipient, None)
        if done and self._memory is not None and self._memory.lines + 1 == repeating.lines:
            self._memory.leave_line(recipient, repeating.lines)
            self._lines = repeating.lines
        return done

    # --- What happens now --------------------------------------------------------------------------------------------

    def _step(self) -> int:
        memory, self._memory = self._memory, None
        if memory is None:
            self._find_lines()
            self._begin_lines()
        if memory is None or memory.erasures != self.store.erasures:
            self._known.forget()
            memory = Memory(self.store, self.store.tracking(NAME), self.policy.kinds)
        head, recorded_at = self.store.end()
        if head <= memory.position:
            if memory.lines != self.store.tracking(LINES):
                memory = Memory(self.store, memory.position, self.policy.kinds)
            self._memory = memory
            return 0
        records = self.store.records(memory.position, self._batch, FOLLOWED)
        last = records[-1].position if records else 0
        to = last if len(records) == self._batch else max(head, last)
        before = memory.position
        if not self._commit(memory, Batch(self.means, memory, records, recorded_at) if records else None, to):
            return 1
        self._known.changed(record.header.stream for record in records)
        memory.trim()
        self._memory = memory
        return memory.position - before

    def _commit(self, memory: Memory, batch: Batch | None, to: int) -> bool:
        """Append what a batch tells, with all positions that it moves or counts on; whether nobody else was faster."""
        late = memory.late
        walk = zip((AFTER, UPTO, WALKED), late.stored, late.kept(), strict=True)
        also = [(LINES, memory.lines, memory.lines)]
        also += [(name, stored, kept) for name, stored, kept in walk if any(late.stored) or kept]
        sealed = batch.sealed if batch is not None else []
        try:
            memory.position = self.store.append(
                sealed, tracking=(NAME, memory.position, to), also=also, over_own=True
            )  # fmt: skip
        except Conflict:
            # Another follower was faster, or a redelivery has begun or ended: read back what is there.
            return False
        late.stored = late.kept()
        return True

    def _tell_late(self) -> int:
        """Late joiners come to the next clients, all of them in one walk; how many clients were gone through."""
        memory = self._memory
        if memory is None or not memory.late.joined:
            return 0
        late, self._memory = memory.late, None
        joiners = {name: memory.directory.recipients[name] for name in late.walkers()}
        batch, passed, seen = Batch(self.means, memory, []), 0, 0
        for registered_at, reference in self._known.clients(late.walked):
            if registered_at > late.upto or len(batch.sealed) >= self._window or seen >= self._walk:
                break
            passed, late.walked = passed + 1, registered_at
            seen += not self._known.has(reference)
            meant = self._known.among(joiners, reference, memory)
            if meant := {name for name in meant if late.joined[name] > registered_at}:
                batch.come_to(reference, meant)
        else:
            registered_at = late.upto + 1
        if registered_at > late.upto:
            late.end()
        if not self._commit(memory, batch, memory.position):
            return 1
        self._memory = memory
        return passed + 1

    def pseudonyms(self, recipient: str) -> Pseudonyms:
        """The recipient's own names, under its own key."""
        return self.means.pseudonyms(recipient)

    def _find_lines(self) -> None:
        """Where the tables keep nothing of redeliveries, which an older version did not, or because they were made anew from
        the events, these say how far each has come."""
        if self.store.tracking(LINES):
            return
        places: dict[str, int] = {}
        for recipient in self.store.directory.recipients:
            line = line_of(self.store, recipient)
            place = place_found(self.store, line) if line.epoch > 1 and line.sequence else 0
            # What a table from before says of another redelivery is taken back.
            places[repeated_up_to(recipient)] = kept_place(place, line) if place else 0
        self.store.place({**places, LINES: 1})

    def _begin_lines(self) -> None:
        """Repeat what holds to those who were told something in a history that was given up, whole, before they are told
        more. A redelivery that was asked for since goes out in windows as any other does."""
        epochs = self.store.epochs
        for recipient in sorted({name for opening in epochs for name in opening.lines}):
            line = line_of(self.store, recipient)
            if line.epoch == epochs.line_begins(recipient) and is_coming(self.store, line):
                with suppress(LookupError):  # of all that was told nothing is left: the line begins with what is told next
                    self.redeliver(recipient)
