"""What an auditor recomputes from the records' own bytes: chains that must close, and an order that must hold.

Pure functions over records, from the store or from the events topic alone. Nothing is repaired; every fault names its
position. Each record is looked at by itself (`link_of`), by whichever process; what one record says of another is judged
in the order of the feed (`Chains`), which can be put aside and taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from domain.catalogue import DIRECTORY_EVENTS
from domain.disclosure.kept import kept_publication, recipient_of
from domain.disclosure.publications import FIRST_HASH
from domain.disclosure.publish import commitment
from domain.events import (
    ClockAdvanced,
    CommandRefused,
    DisclosureMade,
    DisclosureWithdrawn,
    EpochOpened,
    Erased,
    Event,
    LedgerOpened,
    MessageHeld,
    PayloadKeyDestroyed,
    RulesetPublished,
)
from domain.record import Damaged, Record, digest
from domain.store import key_id_of
from projections.timeline import Open

ENTERING = DIRECTORY_EVENTS - {ClockAdvanced.NAME}
"""The events that give the register another version: their position."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Where something does not add up, and what."""

    position: int
    stream: str
    what: str


class Promise(NamedTuple):
    """What a publication says of the one before and of the fact told. `hash` is none where it cannot be read any more."""

    previous_hash: str = ""
    hash: str | None = None
    source: str = ""
    salt: str = ""
    commitment: str = ""


class Link(NamedTuple):
    """One record, reduced to what others are compared with; `faults` are those that it has by itself. `recorded_at` is in
    microseconds since 1970 UTC, `sender` (organisation, task, person)."""

    position: int
    epoch: int
    ledger: str
    stream: str
    version: int
    previous_hash: str
    hash: str
    event_id: str
    name: str
    recorded_at: int
    register: str
    causation: str | None
    command_id: str
    answer_number: int | None
    sender: tuple[str, str, str]
    promise: Promise | None
    faults: tuple[str, ...]
    ruleset: str
    left: tuple[int, str] | None = None
    """Of the opening of an epoch: how many of the older events go on holding, and the hash of the last of them."""
    rules: str | None = None
    """Of what gives the ledger other rules: their version."""
    matter: str = ""
    ended: str = ""
    """Of what records the end of a matter: that matter."""


def link_of(record: Record, opened: Callable[[], Event | Erased] | None, *, as_read: bool = False) -> Link:
    """What a record says of itself and of others. `opened` gives its event where the keys are at hand. `as_read`: the
    digests of its sections were compared when it was read."""
    h = record.header
    faults = [] if as_read else list(_digests(record))
    promise: Promise | None = None
    left: tuple[int, str] | None = None
    rules: str | None = None
    ended = ""
    if h.key_id != key_id_of(h.matter):
        faults.append(f"it is sealed with the key {h.key_id}, and its matter is {h.matter}")
    if opened is not None:
        try:
            event = opened()
            promise = _promise(record, event)
            left = (event.old_size, event.old_root or "") if isinstance(event, EpochOpened) else None
            rules = _rules(event)
            ended = event.destroyed_matter if isinstance(event, PayloadKeyDestroyed) else ""
            if isinstance(event, CommandRefused) and event.content_mac != h.content_hash:
                faults.append("what was refused is not what its content says")
        except Damaged as damaged:
            faults.append(str(damaged))
    return Link(
        record.position, record.epoch, h.ledger, h.stream, h.stream_version, h.previous_hash, record.hash, h.event_id,
        h.name, int(h.recorded_at.timestamp() * 1_000_000), h.directory_version, h.causation, h.command_id,
        h.answer_number, (h.actor_org, h.actor_task, h.actor_person), promise, tuple(faults), h.ruleset_version, left, rules,
        h.matter, ended,
    )  # fmt: skip


def _rules(event: Event | Erased) -> str | None:
    match event:
        case LedgerOpened() | RulesetPublished(content_kind="rules"):
            return event.ruleset_version
    return None


def _digests(record: Record) -> Iterator[str]:
    said = record.header.section_digests
    for name in sorted(record.sections.keys() | said.keys()):
        if name not in record.sections or digest(record.sections[name]) != said.get(name):
            yield f"section {name} is not the one that the header names"


def _promise(record: Record, event: Event | Erased) -> Promise | None:
    if not recipient_of(record.header.stream):
        return None
    if not isinstance(event, DisclosureMade | DisclosureWithdrawn):
        return Promise()
    return Promise(
        event.previous_publication_hash, kept_publication(record, event).hash, event.source_event_id, event.commitment_salt,
        event.commitment,
    )  # fmt: skip


def verify_chains(records: Iterable[Record], open_record: Open | None = None) -> list[ChainFault]:
    """Every break in the feed: positions, versions and answers without holes, hashes of streams, digests of sections, the
    order of what was recorded, and with `open_record` that every section was sealed under this very header (what was sealed
    before tables 4: under the part of it that was bound then, and what follows from the content), the recipients' own chains
    of publications and their commitments to the facts told: what nobody without the keys can make fit another fact. Records
    must begin at position 1 and be in order.

    What was cut off at the end shows only beside what is known from elsewhere: the number of events.
    """
    chains = Chains()
    return [fault for record in records for fault in chains.take(link_of(record, _opening(open_record, record)))]


def _opening(open_record: Open | None, record: Record) -> Callable[[], Event | Erased] | None:
    return None if open_record is None else lambda: open_record(record)


PLAIN = ("position", "epoch", "ledger", "recorded_at", "register", "told", "hashes", "rules", "ended")
"""What is known as JSON has it."""
Command = tuple[str, str, str, str]
"""By what the events of one command are known: (organisation, task, person, id)."""


@dataclass(slots=True)
class Chains:
    """What is known of the feed up to `position`: the ends of all lines, and the hash of every event."""

    position: int = 0
    epoch: int = 0
    ledger: str = ""
    recorded_at: int = 0
    register: int = 0
    ends: dict[str, tuple[int, str]] = field(default_factory=dict)
    told: dict[str, str | None] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    answered: set[Command] = field(default_factory=set)
    deciding: Command | None = None
    rules: dict[str, str] = field(default_factory=lambda: {"0": ""})
    """By each version of the register the version of the rules that held with it, empty where that is not known."""
    ended: dict[str, int] = field(default_factory=dict)
    """The matters of which nothing more is recorded, each with the position that says so."""

    def take(self, link: Link) -> Iterator[ChainFault]:
        """Every fault of the next record; take all before the next one."""
        for what in self._faults(link):
            yield ChainFault(link.position, link.stream, what)

    def _faults(self, link: Link) -> Iterator[str]:
        if link.position != self.position + 1:
            yield f"position {link.position} follows {self.position}"
        if link.epoch < self.epoch:
            yield f"epoch {link.epoch} follows {self.epoch}"
        self.position, self.epoch = link.position, max(self.epoch, link.epoch)
        self.ledger = self.ledger or link.ledger
        if link.ledger != self.ledger:
            yield f"an event of the ledger {link.ledger}"
        if link.event_id in self.hashes:
            yield "the event stands here a second time"
        if link.matter in self.ended:
            ended = self.ended[link.matter]
            yield f"it is of the matter {link.matter}, of which nothing is recorded behind position {ended}"
        if link.ended:
            self.ended.setdefault(link.ended, link.position)
        yield from self._ruled(link)
        yield from self._order(link)
        self.hashes[link.event_id] = link.hash
        version, hash_ = self.ends.get(link.stream, (0, ""))
        if link.version != version + 1:
            yield f"version {link.version} follows {version}"
        if link.previous_hash != hash_:
            yield "the previous hash is not that of the event before"
        self.ends[link.stream] = (link.version, link.hash)
        yield from link.faults
        if link.left is not None and link.left != self._end_of(link.left[0]):
            yield "it goes on from another history than the one before it"
        if link.promise is not None:
            yield from self._kept(link, link.promise)

    def _end_of(self, size: int) -> tuple[int, str]:
        """So many of the first events, and the hash of the last of them."""
        held = islice(self.hashes.values(), max(0, size - 1), size)
        return min(size, len(self.hashes)), next(held, "")

    def _ruled(self, link: Link) -> Iterator[str]:
        """Whatever is recorded names a register that there was, and the rules that held with it."""
        held = self.rules.get(link.register)
        if held is None:
            yield f"it names the register of position {link.register}, and nothing was entered there"
        elif held and link.ruleset != held:
            yield f"it was recorded under the rules {link.ruleset}, and {held} held"
        if link.name in ENTERING:
            self.rules[str(link.position)] = self.rules.get(str(self.register), "") if link.rules is None else link.rules

    def _order(self, link: Link) -> Iterator[str]:
        """What says that it stands where it was recorded: causes, the answers of its sender, time, register."""
        if link.causation is not None and link.causation not in self.hashes:
            yield "what gave rise to it does not stand before it"
        org, task, person = link.sender
        command = (org, task, person, link.command_id)
        if link.answer_number is None and command != self.deciding:
            if command in self.answered:
                yield "it stands apart from the answer to the command that recorded it"
            return  # a follower goes behind: by its own clock, with the register as it was at its place
        if link.recorded_at < self.recorded_at:
            yield "it was recorded before what stands before it"
        self.recorded_at = max(self.recorded_at, link.recorded_at)
        if link.register != str(self.register):
            yield f"it was recorded with the register of position {link.register}, and here that of {self.register} holds"
        if link.name in ENTERING:
            self.register = link.position
        if link.answer_number is not None:
            yield from self._answer(link, link.answer_number, command)

    def _answer(self, link: Link, number: int, command: Command) -> Iterator[str]:
        """A sender's line is without holes, and a command of a person has one final answer (design D13); what one command
        recorded stands together."""
        org, task, *_ = command
        before = self.numbers.get((org, task), 0)
        if number != before + 1:
            yield f"answer {number} of {org}/{task} follows {before}"
        self.numbers[org, task] = number
        self.deciding = command
        if link.name != MessageHeld.NAME:
            if command in self.answered:
                yield f"command {link.command_id} of {org}/{task} is answered twice"
            self.answered.add(command)

    def _kept(self, link: Link, promise: Promise) -> Iterator[str]:
        """The recipient's own chain, and that the fact told is the one that the publication was made of."""
        # After what cannot be read any more the chain goes on at the next one that can.
        before = self.told.get(link.stream, FIRST_HASH)
        self.told[link.stream] = promise.hash
        if promise.hash is None:
            return
        if before is not None and promise.previous_hash != before:
            yield "the publication does not name the hash of the one before"
        source = self.hashes.get(promise.source)
        if source is None:
            yield "the fact that was told is not in the feed before it"
        elif promise.commitment != commitment(promise.salt, source):
            yield "the fact that was told is another one than it was then"

    # --- put aside, and taken up again ---

    def state(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            "ends": self.ends,
            "numbers": [(*sender, number) for sender, number in self.numbers.items()],
            "answered": sorted(self.answered),
            "deciding": self.deciding,
        }

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Chains:
        """As it was put aside."""
        return cls(
            **{name: state[name] for name in PLAIN},
            ends={stream: (version, hash_) for stream, (version, hash_) in state["ends"].items()},
            numbers={(org, task): number for org, task, number in state["numbers"]},
            answered={(org, task, person, command) for org, task, person, command in state["answered"]},
            deciding=tuple(state["deciding"]) if state["deciding"] else None,
        )
