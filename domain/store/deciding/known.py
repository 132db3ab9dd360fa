"""What a process remembers of the ledger so that it need not read it again: never believed without a check.

The writer checks it under the ledger's lock against what other processes have committed; a reader checks a pathway
against the version of its stream, and both whether keys were destroyed since it was folded.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from domain.catalogue import DISCLOSURES, types_of
from domain.directory import Directory, Recipient, enter
from domain.disclosure.kept import held_of
from domain.events import Erased, Event, PayloadKeyDestroyed
from domain.pathway import Pathway, evolve
from domain.record import Record, fact_of, header_of, read_record
from domain.store.sealed.keys import Keys
from domain.store.sealed.sealing import Sealer
from domain.store.tables.database import StoreUnavailable
from domain.store.tables.recorders import MANY, Recorder, Row, Sender, Writing
from domain.store.tables.seen import hash_of
from domain.streams import LEDGER_MATTER

FACTS_KEPT = 100_000
"""Facts of all remembered pathways together, about two kilobytes each. A pathway counts as one more: of those who are asked
about and become no clients there is no end."""
ENDS_KEPT = 50_000
RECENT_S = 0.1
"""How old the register may be that tells who calls; what is decided is decided with the present one."""
RECENT_PATHWAY_S = 1.0
"""How old a pathway may be that tells what a caller knew already; what is decided is decided with the present one."""
Stated: TypeAlias = Event | Erased
ENDS = types_of((PayloadKeyDestroyed.NAME,))
"""What ends a matter, and is of the ledger's own."""


class End(NamedTuple):
    """The end of a stream: its version and the hash of its last event."""

    version: int
    hash: str


NOTHING = End(0, "")


class Remembered(NamedTuple):
    """A pathway, the end of its stream, how many keys were destroyed before anything of it was opened, and when it was known
    to be the present one (seconds of the keys' clock)."""

    pathway: Pathway
    end: End
    erasures: int
    looked_at: float


def _weight(remembered: Remembered) -> int:
    return 1 + len(remembered.pathway.facts)


class Known:
    """The memory of one ledger in one process."""

    def __init__(self, recorder: Recorder, keys: Keys, sealer: Sealer, directory_topics: Sequence[str]) -> None:
        self.head = 0
        self.shares = True
        """Whether others had written when this process last looked: then they are looked for at once."""
        self.last_at: datetime | None = None
        self.ends: OrderedDict[str, End] = OrderedDict()
        self.numbers: dict[Sender, int] = {}
        self.ended: set[str] = set()
        """The matters of which nothing more is recorded, as far as this process has looked."""
        self._ended_read = 0
        self._recorder = recorder
        self._keys = keys
        self._sealer = sealer
        self._directory_topics = frozenset(directory_topics)
        self._lock = threading.RLock()
        self._pathways: OrderedDict[str, Remembered] = OrderedDict()
        self._weight = 0
        self._stale: set[str] = set()
        self._caught_up_at = float("-inf")
        """When what is remembered was last compared with what others had written: all but `_stale` was the present one."""
        self._directory = Directory()
        self._directory_read = 0
        self._directory_head = -1
        self._directory_looked_at = -RECENT_S
        keys.forget_with(self._forget_pathways)

    @property
    def erasures(self) -> int:
        """How many keys were destroyed, as far as this process has looked."""
        return self._keys.erasures

    # --- the register ---

    def directory(self, head: int | None = None) -> Directory:
        """The register at the head of the feed; `head` is that position where the caller knows it."""
        at = self._recorder.head() if head is None else head
        with self._lock:
            if at < self._directory_read and head is None:
                # Our own writer may have come further between the question and the lock.
                at = self._recorder.head()
            # Read to the end before anybody sees it: `directory_at_hand` takes no lock, and half a register knows nobody.
            behind = at < self._directory_read
            directory, read = (Directory(), 0) if behind else (self._directory, self._directory_read)
            if behind or at != self._directory_head:
                rows = self._recorder.matter_rows((LEDGER_MATTER,), sorted(self._directory_topics), read)
                for record, event in self.opened(rows):
                    directory, read = enter(directory, event, record.position), record.position
                self._directory, self._directory_read = directory, read
                self._directory_head = max(at, read)
            self._directory_looked_at = time.monotonic()
            return self._directory

    def recent_directory(self) -> Directory:
        """The register as it was `RECENT_S` ago at the earliest; what this process has committed is always in it."""
        return self.directory_at_hand() or self.directory()

    def directory_at_hand(self) -> Directory | None:
        """The same where it is remembered; the database is never asked."""
        # Without the lock, which others hold while they wait for the database.
        return self._directory if time.monotonic() - self._directory_looked_at <= RECENT_S else None

    def directory_at(self, position: int) -> Directory:
        """The register as it was known at a position."""
        directory = Directory()
        for record, event in self.opened(self._recorder.matter_rows((LEDGER_MATTER,), sorted(self._directory_topics))):
            if record.position <= position:
                directory = enter(directory, event, record.position)
        return directory

    # --- the pathways ---

    def pathway(self, client: str) -> Pathway:
        """A client's pathway at the head of its stream."""
        known, asked_at = self._recall(client), self._keys.clock()
        after = known.end.version if known else 0
        return self.fold(client, self._recorder.stream_rows(client, after), known, asked_at).pathway

    def pathway_at_hand(self, client: str) -> Pathway | None:
        """The pathway as it was `RECENT_PATHWAY_S` ago at the earliest, where that is remembered: no database is asked."""
        # Without the lock, which others hold while they wait for the database; therefore in this order: what becomes stale,
        # or is read anew, behind one of these looks was the present one at the time that was read before it.
        caught_up_at = self._caught_up_at
        stale = client in self._stale
        known = self._pathways.get(client) if self._keys.looked_lately else None
        if known is None or known.erasures != self._keys.erasures:
            return None
        present_at = known.looked_at if stale else max(known.looked_at, caught_up_at)
        return known.pathway if self._keys.clock() - present_at <= RECENT_PATHWAY_S else None

    def folded(self, client: str, rows: Sequence[Row]) -> Pathway:
        """A pathway of some events alone; not remembered."""
        pathway = Pathway(client)
        for record, event in self.opened(rows):
            pathway = evolve(pathway, fact_of(record, event))
        return pathway

    def fold(self, client: str, rows: Sequence[Row], known: Remembered | None, asked_at: float) -> Remembered:
        """A pathway with the events that follow what is known of it, all that there were at `asked_at`; remembered."""
        pathway, end, erasures, _ = known or Remembered(Pathway(client), NOTHING, self._keys.erasures, asked_at)
        if known and rows and header_of(rows[0].state).previous_hash != end.hash:
            # Another history stands there now than the one that is remembered: of the two together nothing is made.
            self._forget_pathways()
            raise StoreUnavailable("what is remembered of a client is not what stands before the newest events: ask again")
        for record, event in self.opened(rows):
            pathway = evolve(pathway, fact_of(record, event))
            end = End(record.header.stream_version, record.hash)
        remembered = Remembered(pathway, end, erasures, asked_at)
        self.remember(remembered)
        return remembered

    def remember(self, remembered: Remembered) -> None:
        """Keep a committed pathway, unless a later one, or a later look at it, is kept already or some of it may have been
        erased meanwhile."""
        client = remembered.pathway.client
        with self._lock:
            if remembered.erasures != self._keys.erasures:
                return
            before = self._pathways.get(client)
            if before is not None:
                if (before.end.version, before.looked_at) >= (remembered.end.version, remembered.looked_at):
                    return
                self._weight -= _weight(before)
            self._pathways[client] = remembered
            self._pathways.move_to_end(client)
            self._weight += _weight(remembered)
            if remembered.looked_at < self._caught_up_at:
                self._stale.add(client)  # what others wrote between the two may not be in it
            while self._weight > FACTS_KEPT and len(self._pathways) > 1:
                evicted, oldest = self._pathways.popitem(last=False)
                self._stale.discard(evicted)
                self._weight -= _weight(oldest)

    def _recall(self, client: str) -> Remembered | None:
        self._keys.look()
        with self._lock:
            known = self._pathways.get(client)
            if known is None or known.erasures != self._keys.erasures:
                return None
            self._pathways.move_to_end(client)
            return known

    def _forget_pathways(self) -> None:
        """Whatever of them was erased is folded anew without its content."""
        with self._lock:
            self._pathways.clear()
            self._stale.clear()
            self._weight = 0

    def opened(self, rows: Sequence[Row]) -> Iterable[tuple[Record, Stated]]:
        """The records of rows with their events. Raises `Damaged`."""
        records = [read_record(row.state, row.position, self._recorder.epoch) for row in rows]
        return zip(records, self._sealer.open_all(records), strict=True)

    def told(self, facts: Iterable[str], pathway: Pathway, recipient: Recipient) -> dict[str, str]:
        """Of some facts those that a recipient has been told and not been taken back, with their newest publications."""
        wanted = set(facts)
        matters = sorted({pathway.facts[key].matter for key in wanted})
        rows = self._recorder.matter_rows(matters, types_of(DISCLOSURES), streams=recipient.stream_prefix)
        held = held_of(self.opened(rows)).get(recipient.short_name, {})
        return {fact: held[fact].event.publication_id for fact in wanted & held.keys()}

    # --- for the writer, under the ledger's lock ---

    def catch_up(self, writing: Writing) -> None:
        """Forget what other processes have made untrue."""
        head = writing.head()
        self.shares = head != self.head
        if head < self.head or head - self.head > MANY:
            self.forget()
        elif self.shares:
            self._forget_streams(head, writing.foreign(self.head))
        with self._lock:
            self._caught_up_at = self._keys.clock()  # nobody else has committed meanwhile: the ledger's lock is ours
        if not self.shares:
            return
        lasts = writing.lasts(self.head)
        if lasts:
            self._recorder.seen.note(head, hash_of(max(lasts).state))
        # What was sealed before its turn may be dated before what it stands behind: the last event is not the latest.
        times = [self.last_at, *(header_of(row.state).recorded_at for row in lasts)]
        self.last_at = max(filter(None, times), default=None)
        self.head = head

    def _forget_streams(self, head: int, foreign: Sequence[tuple[str, str]]) -> None:
        """Believe nothing any more of the streams that others have written to, up to the head."""
        for stream, _ in foreign:
            self.ends.pop(stream, None)
        with self._lock:
            self._stale.update(self._pathways.keys() & {stream for stream, _ in foreign})
            if self._directory_head == self.head and not any(topic in self._directory_topics for _, topic in foreign):
                self._directory_head = head
        if self._ended_read == self.head and not any(topic in ENDS for _, topic in foreign):
            self._ended_read = head
        self.numbers.clear()

    def pathways(self, writing: Writing, clients: Iterable[str]) -> dict[str, Remembered]:
        """The pathways of clients as committed, read together where they are not known."""
        found: dict[str, Remembered] = {}
        wanted: dict[str, Remembered | None] = {}
        for client in clients:
            known = self._recall(client)
            if known is None or client in self._stale:
                wanted[client] = known
            else:
                found[client] = known
        if wanted:
            asked_at = self._keys.clock()
            by_stream: dict[str, list[Row]] = {client: [] for client in wanted}
            for row in writing.events({client: known.end.version if known else 0 for client, known in wanted.items()}):
                by_stream[row.stream].append(row)
            for client, rows in by_stream.items():
                found[client] = self.fold(client, rows, wanted[client], asked_at)
                self._stale.discard(client)
        return found

    def ended_by(self, head: int) -> set[str]:
        """The matters of which the record says up to its head that nothing more is recorded in them."""
        if head > self._ended_read:
            for _, event in self.opened(self._recorder.matter_rows((LEDGER_MATTER,), ENDS, self._ended_read)):
                if isinstance(event, PayloadKeyDestroyed):
                    self.ended.add(event.destroyed_matter)
            self._ended_read = head
        return self.ended

    def end(self, writing: Writing, stream: str) -> End:
        """The end of a stream that is no client's, or need not be folded."""
        known = self.ends.get(stream)
        if known is None:
            rows = writing.ends((stream,))
            known = End(rows[0].version, read_record(rows[0].state, 0, 0).hash) if rows else NOTHING
            self.keep_end(stream, known)
        return known

    def advance(
        self, head: int, at: datetime | None, directory: Directory, numbers: dict[Sender, int], ended: Iterable[str]
    ) -> None:
        """Take over what a batch of our own has committed."""
        if self._ended_read == self.head:
            self.ended.update(ended)
            self._ended_read = head
        with self._lock:
            self.head, self.last_at = head, at
            self._directory, self._directory_head = directory, head
            self._directory_looked_at = time.monotonic()
            self._directory_read = max(self._directory_read, head)
            self.numbers |= numbers

    def keep_end(self, stream: str, end: End) -> None:
        """Remember the committed end of a stream."""
        self.ends[stream] = end
        while len(self.ends) > ENDS_KEPT:
            self.ends.popitem(last=False)

    def forget(self) -> None:
        """Remember nothing."""
        with self._lock:
            self.head, self.last_at = 0, None
            self.ends.clear()
            self.numbers.clear()
            self.ended.clear()
            self._ended_read = 0
            self._forget_pathways()
