"""One recipient's line from its out topic into its read model, across epochs.

A fault of the log makes the line stand still: nothing is guessed and nothing skipped (design D11). A newer epoch builds
a new generation beside the live one; the switch comes where its first record says that history ends (design D16). A line
that stands still reads on only to find that epoch.

The relay sends nothing new of an epoch behind the beginning of the next one. Where that comes all the same, somebody else
has begun the one or goes on with the other, and nobody can tell which: the line stands still until another epoch begins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from consumers.generations import Generation, LineFault
from consumers.log import Read
from consumers.wire import HEARTBEAT, last_told, number_of
from domain.epochs import FIRST
from projections.digest import Digest
from projections.lookups import Lookup
from projections.read_models import Feed, Position, ReadModel

logger = logging.getLogger(__name__)

LOOK_AHEAD = 1_000
"""How many later records are held back while one is missing."""

MISSING = ("gap: ", " is gone: ", "the topic begins at ")
"""What stands in the reasons that say that records are not there."""
NOT_OPENED, NOT_TAKEN = "its read model cannot be opened", "what came cannot be taken in"
"""How the reason begins where the log is as it must be, and the model or the program is not."""
NOT_ANSWERED, NOT_READ = "its topic does not answer", "its topic cannot be read"
"""How it begins where the broker does not give what it has: nobody leads the topic, or its bytes are damaged."""
SET_BACK = (NOT_OPENED, NOT_ANSWERED, NOT_READ, NOT_TAKEN)
"""How the reasons begin that are gone once it works again: nothing is wrong in the log."""
GAP_RUNBOOK, MADE_AGAIN_RUNBOOK, MODEL_RUNBOOK = "a-gap-in-a-topic", "a-topic-made-again", "a-read-model-that-fails"
BROKER_RUNBOOK = "a-broker-that-does-not-answer"


class Line:
    """One recipient's line. For one thread; after an exception of `take` it is loaded again."""

    def __init__(
        self, short_name: str, topic: str, model: ReadModel, facts: Mapping[str, Lookup], look_ahead: int = LOOK_AHEAD
    ) -> None:
        self.short_name, self.topic = short_name, topic
        self.feed = Feed()
        self.read_offset = 0
        self._model, self._digest, self._look_ahead = model, Digest(facts), look_ahead
        self._generations: dict[int, Generation] = {}
        self._begun: set[int] = set()
        """The epochs whose first record stands before the place up to which the topic was read, as it is now."""
        self._over: dict[int, list[int]] = {}
        """Of older epochs, what had come of each when a newer one began: up to which sequence all, then each one beyond."""
        self._offered: Generation | None = None
        self._said = ""
        self._unwritten = False
        self.was_set_back = False
        """Whether the model says that something failed, of a topic that is still the same, and nothing has come since."""

    @property
    def halted(self) -> str:
        """Why the line stands still; empty while it runs."""
        return self.feed.halted

    @property
    def waiting_for(self) -> int:
        """The sequence that is missing while later ones, or a heartbeat that names it, are there; 0 if none is."""
        return self.feed.waiting_for

    @property
    def offset(self) -> int:
        """Up to where the topic is in the model: what stands still, or is held back, is before it."""
        return self.feed.next_offset if self.halted or self.waiting_for else self.read_offset

    @property
    def has_halt_to_write(self) -> bool:
        """Whether it is not in the model yet that the line stands still, or does so no more."""
        return self._unwritten

    @property
    def parked_clients(self) -> int:
        """How many clients are parked in the generation that answers."""
        live = self._generations.get(self.feed.live_epoch)
        return live.parked_clients if live is not None else 0

    @property
    def is_rebuilding(self) -> bool:
        """Whether a newer epoch is being built beside the one that answers, or the first one is."""
        return max(list(self._generations), default=0) > self.feed.live_epoch

    def load(self, topic_id: str, first_offset: int) -> None:
        """Begin where the model stands. `first_offset` is the first record that the topic still has."""
        self.feed = self._model.feed()
        self._generations, self._over = {}, self._model.over()
        for epoch, position in self._model.positions().items():
            with self._model.look(epoch) as look:
                parked = {record.client.encode() for record in look.parked()}
            generation = self._generations[epoch] = Generation(self._model, self._digest, position, parked)
            if batch := generation.retry():
                self._model.write([batch], self.feed)
                generation.written()
        self.was_set_back = self.feed.halted.startswith(SET_BACK)
        if self.was_set_back:
            self.feed = replace(self.feed, halted="")
        self._begun = {epoch for epoch, generation in self._generations.items() if generation.position.sequence}
        known = self.feed.topic_id
        self.read_offset = self.feed.next_offset
        if known and known != topic_id:
            # What comes again is compared with what was taken in, record by record: the same is passed over, and what
            # follows is taken; anything else halts.
            logger.warning("%s: topic %s was made again, and is read from its beginning", self.short_name, self.topic)
            self._begun.clear()
            self.was_set_back = False
            self.read_offset = first_offset
            self.feed = replace(self.feed, topic_id=topic_id, halted="", waiting_for=0, next_offset=first_offset)
        elif self.feed.next_offset < first_offset:
            self.read_offset = first_offset
            lost = f"the topic begins at offset {first_offset}, {self.feed.next_offset} was next"
            if self._generations:
                self.halt(lost)
        else:
            self._recall_what_is_lacking()
            self.feed = replace(self.feed, topic_id=topic_id, halted="", waiting_for=0)

    def _recall_what_is_lacking(self) -> None:
        """What the newest epoch lacks is found anew by reading on. What an older one lacks that still answers is not, for
        reading goes on behind it; and nothing of it comes any more."""
        live = self._generations.get(self.feed.live_epoch)
        if live is not None and self.is_rebuilding and self.feed.halted:
            live.stand_still(self.feed.halted, self.feed.next_offset)

    def halt(self, reason: str) -> None:
        """Stand still; go on only with a newer epoch. `write_halt` says so in the model."""
        for generation in self._generations.values():
            generation.stand_still(reason, self.feed.next_offset)
        self.feed = replace(self.feed, halted=reason, waiting_for=0)
        self._unwritten = True
        self._say_halted()

    def write_halt(self) -> None:
        """Have it in the model that the line stands still, or does so no more."""
        self._model.write([], self.feed)
        self._unwritten = False

    def go_on(self) -> None:
        """All that the topic has is taken in, also where nothing came: nothing fails any more. `write_halt` says so in the
        model."""
        self._unwritten |= self.was_set_back
        self.was_set_back = False

    def leave(self, reason: str) -> None:
        """After an exception, have it in the model why what comes is not in it: who asks is not to take it for all that was
        told. The next `take` takes it back, or `go_on`. Where the log itself has a fault, that stays the reason."""
        feed = self._model.feed()
        if not feed.halted or feed.halted.startswith(SET_BACK):
            self._model.write([], replace(feed, halted=reason))

    def _say_halted(self) -> None:
        """Once for each reason, whoever finds it."""
        if self.halted and self.halted != self._said:
            logger.error(
                "%s stands still: %s; docs/runbooks/%s.md says what to do",
                self.short_name, self.halted, runbook_of(self.halted), extra={"recipient": self.short_name},
            )  # fmt: skip
        self._said = self.halted

    def go_back(self, offset: int) -> None:
        """The topic ends before the place where reading goes on: go on at its end. What comes again is compared."""
        logger.warning("%s: topic %s lost its end and is read from offset %d", self.short_name, self.topic, offset)
        self._begun.clear()
        self.read_offset = offset
        self.feed = replace(self.feed, next_offset=min(self.feed.next_offset, offset))

    def take(self, reads: Sequence[Read]) -> int:
        """Take records of the topic in, in one transaction; how many there were."""
        for read in reads:
            try:
                self._take(read)
            except LineFault as fault:
                # At once: what comes behind it may be what heals it.
                self._stand_still(self._offered, str(fault), read.offset)
            self.read_offset = read.offset + 1
        if reads:
            self._commit(reads[-1])
        return len(reads)

    def _take(self, read: Read) -> None:
        self._offered = None
        headers = dict(read.headers)
        epoch = number_of(headers.get("ce_epoch"))
        if "ce_logsequence" not in headers:
            if headers.get("ce_type") != HEARTBEAT.encode():
                raise LineFault(f"offset {read.offset} is neither a publication nor a heartbeat")
            if not epoch:
                raise LineFault(f"offset {read.offset} is a heartbeat of no epoch")
            self.feed = replace(self.feed, heartbeat_at=_moment(read.timestamp))
            self._hear(epoch, last_told(read.value), read)
            return
        sequence = number_of(headers["ce_logsequence"])
        if not sequence or not epoch:
            raise LineFault(f"offset {read.offset} has no epoch or sequence")
        if sequence == 1 and self._begins_otherwise(epoch, read):
            self._forget(epoch, read)
        self._check_over(epoch, sequence)
        generation = self._generations.get(epoch) or self._begin(epoch, read)
        if sequence == 1:
            self._begun.add(epoch)
        if generation is not None and generation.fault:
            generation.pass_over(sequence)
        elif generation is not None:
            self._offered = generation
            generation.offer(sequence, read, headers, self._look_ahead)

    def _hear(self, epoch: int, last: int, beat: Read) -> None:
        """A heartbeat names the last publication of an epoch: where nothing of that has come, all of it is missing."""
        self._check_over(epoch, last)
        generation = self._generations.get(epoch) or (self._begin(epoch, beat) if last > 0 else None)
        if generation is not None and not generation.fault:
            generation.hear(last, beat.offset)

    def _begin(self, epoch: int, first: Read) -> Generation | None:
        if self._generations and epoch < max(self._generations):
            return None  # what is left of an epoch whose model was dropped
        if self._generations:
            # Which generation answers is decided before the next one begins.
            self._commit(first)
        over = {old: came for old in self._generations if any(came := self._came(old))}
        self._over = {old: came for old, came in self._over.items() if old < epoch} | over
        self._model.begin(Position(epoch), over)
        for old in [e for e in self._generations if e != self.feed.live_epoch]:
            del self._generations[old]
            self._model.drop(old)
        self._generations[epoch] = generation = Generation(self._model, self._digest, Position(epoch), set())
        return generation

    def _came(self, epoch: int) -> list[int]:
        """Up to which sequence all of an epoch has come, and what has come of it beyond."""
        until, *beyond = self._over.get(epoch, [0])
        if generation := self._generations.get(epoch):
            return [max(until, generation.known), *sorted({*beyond, *generation.waiting})]
        return [until, *beyond]

    def _check_over(self, epoch: int, last: int) -> None:
        """An epoch is over where the next one has begun: what comes of it is a repetition. Raises `LineFault`."""
        newest = max(self._generations, default=0)
        if epoch >= newest or newest not in self._begun or self._generations[newest].fault:
            return
        if epoch not in self._over and epoch < min(self._generations):
            return  # nobody knows any more how far it had come
        until, *beyond = self._came(epoch)
        if last > until and last not in beyond:
            raise LineFault(f"epoch {epoch} goes on behind the beginning of epoch {newest}")

    def _begins_otherwise(self, epoch: int, first: Read) -> bool:
        """Whether the first record of an epoch is to be believed although there is one of it, or of a newer one: that one
        stands still and began otherwise, or nothing but its name has come."""
        newest = max(self._generations, default=0)
        if not FIRST < epoch <= newest:
            return False
        known = self._generations.get(epoch)
        if known is not None:
            return bool(known.fault) and known.began_otherwise(first)
        is_doubtful = bool(self._generations[newest].fault) or not self._generations[newest].known
        return is_doubtful and epoch > min(self._generations)

    def _forget(self, epoch: int, at: Read) -> None:
        """Drop what is there of an epoch and of newer ones; what is left answers meanwhile."""
        self._commit(at)
        dropped = [one for one in self._generations if one >= epoch]
        for one in dropped:
            del self._generations[one]
            self._begun.discard(one)
        if self.feed.live_epoch >= epoch:
            self.feed = replace(self.feed, live_epoch=max(self._generations, default=0))
        self._model.write([], self.feed)
        for one in dropped:
            self._model.drop(one)

    def _commit(self, last: Read) -> None:
        for generation in self._generations.values():
            generation.check_repeated()
        changed = [generation for generation in self._generations.values() if generation.changed]
        batches = [generation.batch() for generation in changed]
        newest = self._generations[max(self._generations)] if self._generations else None
        live = self.feed.live_epoch
        if newest is not None and newest.position.epoch != live and newest.history_ended:
            live = newest.position.epoch
        # What the generation that answers lacks is lacking in the answers, while a newer one is built too. Reading goes on
        # behind it, for the newer one alone.
        answering = self._generations.get(live)
        if answering is not None and answering is not newest and answering.missing:
            answering.stand_still(str(answering.gap), last.offset)
        concerned = [one for one in (newest, answering) if one is not None]
        offsets = newest.held_offsets if newest is not None else []
        self.feed = replace(
            self.feed,
            live_epoch=live,
            next_offset=min([*offsets, self.read_offset]),
            read_at=_moment(last.timestamp),
            halted=next((one.fault for one in concerned if one.fault), "") if concerned else self.feed.halted,
            waiting_for=newest.missing if newest is not None else 0,
        )
        self._model.write(batches, self.feed)
        for parked in (aside for batch in batches for aside in batch.parked):
            # Whose it is and why stands in the model: nothing of a client belongs in a log line.
            logger.error(
                "%s: sequence %d cannot be digested, its client is parked; docs/runbooks/a-parked-client.md says what to do",
                self.short_name, parked.sequence, extra={"recipient": self.short_name},
            )  # fmt: skip
        for generation in changed:
            generation.written()
        self._unwritten = self.was_set_back = False
        self._say_halted()

    def _stand_still(self, generation: Generation | None, reason: str, offset: int) -> None:
        for faulty in [generation] if generation else list(self._generations.values()):
            faulty.stand_still(reason, offset)
        if not self._generations:
            self.feed = replace(self.feed, halted=reason)


def runbook_of(halted: str) -> str:
    """Which runbook says what to do about a line that stands still: something is missing, something else stands there, or it
    is not the topic's fault."""
    if halted.startswith(NOT_ANSWERED):
        return BROKER_RUNBOOK
    if any(words in halted for words in MISSING):
        return GAP_RUNBOOK
    return MODEL_RUNBOOK if halted.startswith((NOT_OPENED, NOT_TAKEN)) else MADE_AGAIN_RUNBOOK


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).replace(microsecond=0)
