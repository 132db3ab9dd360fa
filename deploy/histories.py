"""The store's history and that of its topic, read beside each other: how far they are one, and what each comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest

from consumers import wire
from consumers.disclosed import NAME as DISCLOSURE
from deploy.commands.printed import progress
from deploy.feed import feed_of_store, follower_of, records_of
from deploy.wiring import Wired
from domain.catalogue import DIRECTORY_EVENTS
from domain.directory import Directory, enter
from domain.disclosure.kept import recipient_of
from domain.events import Erased, Event
from domain.record import Damaged, Record
from domain.streams import is_client_stream
from projections.audit import verify_chains


class NothingToChoose(Exception):
    """Store and topic are not such that one of the two could be given up: the sentence says why."""


@dataclass(slots=True)
class History:
    """One history as it is read. `told` has by recipient the newest epoch of its line, and the position of what it was told
    last; `followed` is where the disclosure follower had come to, as its tellings show."""

    end: int = 0
    hash: str = ""
    epoch: int = 0
    ledger: str = ""
    directory: Directory = field(default_factory=Directory)
    last_at: datetime | None = None
    told: dict[str, tuple[int, int]] = field(default_factory=dict)
    followed: int = 0
    _positions: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record, opened: Callable[[Record], Event | Erased]) -> None:
        """One more event."""
        header = record.header
        self.end, self.hash, self.epoch, self.last_at = record.position, record.hash, record.epoch, header.recorded_at
        self.ledger = self.ledger or header.ledger
        self._positions[header.event_id] = record.position
        if header.name in DIRECTORY_EVENTS:
            self.directory = enter(self.directory, opened(record), record.position)
        if found := recipient_of(header.stream):
            self.told[found[0]] = (max(found[1], self.told.get(found[0], (0, 0))[0]), record.position)
        if follower_of(header) == DISCLOSURE and header.causation in self._positions:
            self.followed = max(self.followed, self._positions[header.causation])


@dataclass(slots=True)
class Compared:
    """Both, with what they have in common: `common` events from the first one on, the last of them with the hash `root`.
    Of what the topic has beyond: `unreadable` events whose keys are not there, and the clients who `began` there."""

    store: History
    topic: History
    common: int = 0
    root: str = ""
    unreadable: int = 0
    began: list[str] = field(default_factory=list)

    def lines(self, given_up: History, behind: int) -> dict[str, int]:
        """Who was told something behind a position in the history that is given up, with the first epoch of its line that
        neither has."""
        return {
            name: max(one.told.get(name, (0, 0))[0] for one in (self.store, self.topic)) + 1
            for name, (_, last) in given_up.told.items()
            if last > behind
        }


def begins_client(record: Record) -> bool:
    """Whether nothing is recorded of a client before this."""
    return record.header.stream_version == 1 and is_client_stream(record.header.stream)


def compare(wired: Wired) -> Compared:
    """Read both to their ends. Raises `NothingToChoose` where they are not of one ledger, where the topic does not verify,
    or where the store cannot be read; how its events follow each other is not judged here."""
    found = Compared(History(), History())
    topic = wire.events_topic(wired.store.ledger)
    try:
        faults = verify_chains(_beside(wired, topic, found), wired.store.opened)
    except Damaged as damaged:
        raise NothingToChoose(f"the topic does not verify, nothing is done: {damaged}") from damaged
    if faults:
        first = faults[0]
        raise NothingToChoose(f"the topic does not verify, nothing is done: position {first.position}: {first.what}")
    for one, where in ((found.store, "store"), (found.topic, "topic")):
        if one.ledger not in ("", wired.store.ledger):
            raise NothingToChoose(f"the {where} is that of the ledger {one.ledger}: nothing is done")
    if found.store.end and found.topic.end and not found.common:
        raise NothingToChoose("store and topic have not even their first event in common: they are of two ledgers")
    if wired.store.epochs.are_past(found.topic.epoch, found.topic.end):
        raise NothingToChoose(
            f"epoch {wired.store.epochs.newest} was opened already and is not published yet: start the relay"
        )
    return found


def _stored(wired: Wired, history: History) -> Iterator[Record]:
    """The store's records, while its history is taken in. Raises `NothingToChoose` where one of them does not add up."""
    try:
        for record in feed_of_store(wired).records():
            history.add(record, wired.store.opened)
            yield record
    except Damaged as damaged:
        raise NothingToChoose(
            f"the store does not verify, nothing is done: {damaged}; docs/runbooks/a-damaged-record.md says what to do"
        ) from damaged


def _beside(wired: Wired, topic: str, found: Compared) -> Iterator[Record]:
    """The topic's records, while both histories are taken in."""
    opened, together = wired.store.opened, True
    published = records_of(wired.broker, topic) if topic in wired.broker.topics() else iter(())
    with progress("events") as bar:
        for mine, theirs in zip_longest(_stored(wired, found.store), published):
            bar.update()
            if theirs is not None:
                found.topic.add(theirs, opened)
            together = together and mine is not None and theirs is not None and mine.state == theirs.state
            if together:
                found.common, found.root = found.store.end, found.store.hash
            elif theirs is not None:
                event = opened(theirs)
                found.unreadable += isinstance(event, Erased)
                if begins_client(theirs):
                    found.began.append(theirs.header.stream)
            if theirs is not None:
                yield theirs
