"""One epoch of a recipient's line on its way into its tables: order, chain, repetitions, what waits, what is parked.

A publication is accepted only when it is the next one and names the hash of the one before. Identical repetitions are
dropped; a bounded number of later records is held back while one is missing (design D11). So is a heartbeat that names more
than has come: what it names stood before it, and is missing. What is accepted but cannot be digested parks its client, in
the same transaction as everything else (design D18).

A topic that was filled again has what was erased meanwhile without content. Such a repetition is dropped like an identical
one: it changes nothing, so that nobody can take anything out of a model by forging it. The other way round, content where
there was none, halts.

Headers that could be read in more than one way halt before anything is read of them: the hash of the next publication would
not say which way was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from consumers.log import Read
from consumers.wire import ERASED, LARGEST_NUMBER, is_erased
from domain.disclosure.publications import Ambiguous, publication_hash
from projections.digest import NUL, Digest, Digested, Undigestible, history_of
from projections.read_models import Batch, Entry, Parked, Position, ReadModel, Row

CORRECTED = b"fact.corrected"
BLOCKS_KEPT = 100_000
"""How many clients' latest blocks are remembered, so that an unchanged one is not written again."""
UNKNOWN = 1 << 62
"""Where history ends in a fresh epoch whose first record does not tell: a heartbeat will, by what was told last."""


class LineFault(Exception):
    """The log itself is not as it must be: the line halts and calls."""


class Generation:
    """One epoch on its way into its tables: what is accepted and not yet written, what waits, what is remembered."""

    def __init__(self, model: ReadModel, digest: Digest, position: Position, parked: set[bytes]) -> None:
        self.position = position
        self.waiting: dict[int, Read] = {}
        self._repeated: dict[int, tuple[str, int]] = {}
        """What came once more of what is written: its hash, and where it stands."""
        self.fault = ""
        self._model, self._digest = model, digest
        self._parked = parked
        self._blocks: dict[bytes, bytes] = {}
        self._knows_every_block = position.sequence == 0
        self._written = position.sequence
        self._sequence, self._hash = position.sequence, position.chain_hash
        self._newest = b""
        self._until = position.until_sequence
        self._passed_over = 0
        self._stands_at = 0
        self._named, self._named_at = 0, 0
        """The last sequence that a heartbeat has named beyond what has come, and the offset of the first such heartbeat."""
        self._clear()

    @property
    def history_ended(self) -> bool:
        """Whether the generation may answer: all that a redelivery repeats is in it."""
        return self._sequence > 0 and self._sequence >= self._until

    @property
    def missing(self) -> int:
        """The sequence that later records or a heartbeat wait for, 0 when none waits."""
        return self._sequence + 1 if self.waiting or self._named else 0

    @property
    def gap(self) -> LineFault:
        """The next sequence does not come any more."""
        return LineFault(f"gap: sequence {self._sequence + 1} of epoch {self.position.epoch} is missing")

    @property
    def held_offsets(self) -> list[int]:
        """Where the records stand that are held back, a heartbeat among them, or at which it stands still."""
        if self.fault:
            return [self._stands_at]
        return [read.offset for read in self.waiting.values()] + ([self._named_at] if self._named else [])

    @property
    def known(self) -> int:
        """Up to which sequence the epoch has come without a hole, also where nothing of it was taken in any more."""
        return max(self._sequence, self._passed_over)

    @property
    def parked_clients(self) -> int:
        """How many clients wait until a record of theirs can be digested."""
        return len(self._parked)

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return self._sequence != self._written

    def offer(self, sequence: int, read: Read, headers: Mapping[str, bytes], look_ahead: int) -> None:
        """Take a record in, hold it back or drop it. Raises `LineFault`."""
        if sequence == self._sequence + 1:
            self._accept(sequence, read, headers)
            while self.waiting and (held := self.waiting.pop(self._sequence + 1, None)):
                self._accept(self._sequence + 1, held, dict(held.headers))
            if 0 < self._named <= self._sequence:
                named, self._named = self._named, 0
                self._end_history_at(named)
        elif sequence <= self._sequence:
            if not is_erased(headers, read.value):
                self._repeat(sequence, _hash_of(read), read.offset)
        else:
            held = self.waiting.setdefault(sequence, read)
            if (held.headers, held.value) != (read.headers, read.value) and not is_erased(headers, read.value):
                raise self._came_twice(sequence)
            if len(self.waiting) > look_ahead:
                raise self.gap

    def hear(self, last: int, offset: int) -> None:
        """A heartbeat names what was told last. Where that has come, it says where the history ends, if nothing else has;
        else something is missing: the relay names only what the broker had taken before."""
        if 0 < last <= self._sequence:
            self._end_history_at(last)
        elif last > self._sequence:
            self._named_at = self._named_at if self._named else offset
            self._named = max(self._named, last)

    def pass_over(self, sequence: int) -> None:
        """A record has come of which nothing is taken in."""
        if sequence == self.known + 1:
            self._passed_over = sequence

    def began_otherwise(self, first: Read) -> bool:
        """Whether this is another first record than the one that was taken in, if one was, and no repetition of it."""
        if not self._sequence:
            return True
        known = self._recent.get(1) or self._known_hashes([1]).get(1)
        return not is_erased(dict(first.headers), first.value) and _hash_of(first) not in (known, "")

    def stand_still(self, reason: str, offset: int) -> None:
        """Take nothing in any more, from a record of the topic on; the first reason is the one that is told."""
        if not self.fault:
            self._stands_at = min([*self.held_offsets, offset])
            self.fault = reason
        self.waiting, self._named = {}, 0

    def _end_history_at(self, sequence: int) -> None:
        if self._until == UNKNOWN:
            self._until = sequence

    def check_repeated(self) -> None:
        """Compare repetitions of what was written earlier; stand still at the first that is none."""
        if not self._repeated:
            return
        known = self._known_hashes(list(self._repeated))
        for sequence, (came, offset) in self._repeated.items():
            if known.get(sequence) != came:
                self.stand_still(str(self._came_twice(sequence)), offset)
        self._repeated = {}

    def _came_twice(self, sequence: int) -> LineFault:
        return LineFault(f"sequence {sequence} of epoch {self.position.epoch} came twice with different bytes")

    def _known_hashes(self, sequences: list[int]) -> dict[int, str]:
        known = self._model.hashes(self.position.epoch, sequences)
        if self._parked:
            with self._model.look(self.position.epoch) as look:
                known |= {parked.sequence: _hash_of(parked) for parked in look.parked()}
        return known

    def batch(self) -> Batch:
        """What to write, with the position after it."""
        newest = datetime.fromisoformat(self._newest.decode()) if self._newest else self.position.newest_at
        self._position_after = replace(
            self.position, sequence=self._sequence, chain_hash=self._hash, newest_at=newest, until_sequence=self._until
        )
        return Batch(self._position_after, self._written, self._entries, self._closings, self._new_blocks(), self._set_aside)

    def written(self) -> None:
        """The batch is committed."""
        self.position, self._written = self._position_after, self._position_after.sequence
        self._clear()

    def retry(self) -> Batch | None:
        """Try again what is parked, in order: a newer version of the software may digest it. None when nothing is."""
        if not self._parked:
            return None
        with self._model.look(self.position.epoch) as look:
            parked = look.parked()
        self._parked.clear()
        released: list[int] = []
        for record in parked:
            headers = dict(record.headers)
            if record.client.encode() not in self._parked:
                try:
                    chain_hash = publication_hash(record.headers, record.value)
                    self._enter(self._digest.read(record.sequence, headers, record.value, chain_hash))
                    released.append(record.sequence)
                except (Undigestible, Ambiguous):
                    self._parked.add(record.client.encode())
        batch = self.batch()
        batch.released = released
        return batch if released else None

    def _clear(self) -> None:
        self._entries: list[Entry] = []
        self._closings: list[tuple[bytes, bytes]] = []
        self._candidates: list[tuple[bytes, int, bytes, bytes]] = []
        self._strangers: set[bytes] = set()
        self._set_aside: list[Parked] = []
        self._latest: dict[bytes, int] = {}
        self._recent: dict[int, str] = {}
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks, self._knows_every_block = {}, False

    def _accept(self, sequence: int, read: Read, headers: Mapping[str, bytes]) -> None:
        came = _hash_of(read)
        if not came:
            raise LineFault(f"sequence {sequence} of epoch {self.position.epoch} has headers that can be read in two ways")
        follows = headers.get("ce_prevhash", b"").decode(errors="replace")
        if follows != self._hash and ERASED not in (follows, self._hash):
            raise LineFault(f"sequence {sequence} of epoch {self.position.epoch} does not follow the one before")
        until = history_of(read.value) if sequence == 1 and follows != ERASED else None
        if until is not None and not 0 <= until <= LARGEST_NUMBER:
            raise LineFault(f"sequence 1 of epoch {self.position.epoch} does not say where its history ends")
        self._hash = ERASED if is_erased(headers, read.value) else came
        self._sequence = sequence
        self._recent[sequence] = came
        if sequence == 1:
            self._until = until if until is not None else UNKNOWN if self.position.epoch > 1 else 0
        client = headers.get("ce_subject", b"")
        try:
            if client in self._parked:
                raise Undigestible("behind an earlier one of the same client")
            digested = self._digest.read(sequence, headers, read.value, came)
            self._enter(digested)
        except Undigestible as problem:
            self._parked.add(client)
            text, why = _without_nul(client.decode(errors="replace")), _without_nul(str(problem))
            aside = Parked(self.position.epoch, sequence, text, why, read.headers, read.value)
            self._set_aside.append(aside)
            return
        self._newest = digested.entry.known_from

    def _enter(self, digested: Digested) -> None:
        """Put a publication among what is to be written. Raises `Undigestible`, and then nothing of it is there."""
        entry = digested.entry
        corrected = self._corrected(digested) if entry.name == CORRECTED and entry.kind == b"fact" else None
        if entry.replaces is not None:
            self._close(entry.replaces, entry.known_from)
        if entry.known_until is None:
            self._latest[entry.publication] = len(self._entries)
        self._entries.append(entry)
        if corrected is not None:
            self._close(corrected.publication, corrected.known_from)
            self._latest[corrected.publication] = len(self._entries)
            self._entries.append(corrected)
        if digested.block is not None and self._blocks.get(entry.client) != digested.block:
            if entry.client not in self._blocks and not self._knows_every_block:
                self._strangers.add(entry.client)
            self._blocks[entry.client] = digested.block
            self._candidates.append((entry.client, entry.sequence, entry.known_from, digested.block))

    def _close(self, publication: bytes, at: bytes) -> None:
        place = self._latest.pop(publication, None)
        if place is None:
            self._closings.append((publication, at))
        else:
            self._entries[place] = self._entries[place]._replace(known_until=at)

    def _corrected(self, digested: Digested) -> Entry | None:
        wanted = digested.body.get("target_event_id")
        if not isinstance(wanted, str) or NUL in wanted:
            return None
        place = self._latest.get(wanted.encode())
        target: Entry | Row | None = self._entries[place] if place is not None else self._stored(wanted)
        return self._digest.corrected(target, digested) if target is not None else None

    def _stored(self, publication: str) -> Row | None:
        if any(closed == publication.encode() for closed, _ in self._closings):
            return None
        with self._model.look(self.position.epoch) as look:
            return next((row for row in look.replaced([publication]) if row.known_until is None), None)

    def _repeat(self, sequence: int, came: str, offset: int) -> None:
        if sequence > self._written:
            if self._recent[sequence] != came:
                raise self._came_twice(sequence)
            return
        known, known_at = self._repeated.setdefault(sequence, (came, offset))
        if known != came:  # which of the two is not what is written is not known yet
            self.stand_still(str(self._came_twice(sequence)), known_at)

    def _new_blocks(self) -> list[tuple[bytes, int, bytes, bytes]]:
        if not self._strangers:
            return self._candidates
        known = self._model.known_blocks(self.position.epoch, list(self._strangers))
        kept = []
        for candidate in self._candidates:
            client, _, _, block = candidate
            if known.get(client) != block:
                kept.append(candidate)
                known.pop(client, None)
        return kept


def _hash_of(record: Read | Parked) -> str:
    """Of a publication as it came; empty where others would have the same."""
    try:
        return publication_hash(record.headers, record.value)
    except Ambiguous:
        return ""


def _without_nul(text: str) -> str:
    return text.replace(NUL, "\N{REPLACEMENT CHARACTER}")
