"""The audit of decisions and of what was told: client by client, by several processes, and the register by itself."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from consumers.late import Late, late_of
from deploy.auditing.parts import Audited
from deploy.auditing.put_aside import PutAside, check_same
from deploy.auditing.working import GARBAGE_THRESHOLD, PROCESSES, in_order
from deploy.feed import Feed
from domain.catalogue import DIRECTORY_EVENTS, DISCLOSURES
from domain.events import PayloadKeyDestroyed
from domain.record import Damaged, Record
from domain.streams import LEDGER_MATTER, is_client_stream
from projections.audit import Rerun, rerun_decisions
from projections.disclosure_audit import DisclosureRerun, Walked, missing, walk_disclosures
from projections.registers import Registers

REGISTER = ""
"""The part of a feed that is of no client."""
SMALL = 2_000
"""So few events that starting processes takes longer."""


class Part(NamedTuple):
    """What is audited by itself: one client, or the register, up to a position of the feed."""

    client: str
    upto: int


@dataclass(slots=True)
class Outcome:
    """What came of some parts of a feed: how many events there were, and of decisions and tellings how many came out the
    same, which did not, and which could not be run. `broken` says of each part that could not be read why."""

    events: int = 0
    same: int = 0
    refused: int = 0
    erased: int = 0
    other: list[Rerun] = field(default_factory=list)
    told: int = 0
    unjudged: int = 0
    wrong: list[DisclosureRerun] = field(default_factory=list)
    untold: list[DisclosureRerun] = field(default_factory=list)
    reached: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, more: Outcome) -> None:
        """Add the outcome of other parts."""
        for name in ("events", "same", "refused", "erased", "told", "unjudged"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        for name in ("other", "wrong", "untold", "broken"):
            getattr(self, name).extend(getattr(more, name))
        self.reached = max(self.reached, more.reached)

    def ended(self) -> Outcome:
        """The outcome of a whole feed: what should have been told by where the follower has come is wrong, too."""
        late = missing([Walked([], self.untold, self.reached)])
        wrong = sorted([*self.wrong, *late], key=lambda one: (one.position, one.recipient, one.sequence))
        return replace(self, other=sorted(self.other, key=lambda one: one.position), wrong=wrong, untold=[])

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Outcome:
        """As it was put aside."""
        return cls(**{**state, "untold": [_read(one) for one in state["untold"]]})


def _read(fields: Mapping[str, Any]) -> DisclosureRerun:
    told_at = datetime.fromisoformat(fields["told_at"])
    return DisclosureRerun(**{**fields, "told_at": told_at, "differences": tuple(fields["differences"])})


def outcome_of(events: int, reruns: list[Rerun], walked: Walked) -> Outcome:
    """What decisions and tellings gave."""
    return Outcome(
        events,
        sum(rerun.same is True for rerun in reruns),
        sum(rerun.not_run == "refused" for rerun in reruns),
        sum(rerun.not_run == "erased" for rerun in reruns),
        [rerun for rerun in reruns if rerun.same is False],
        sum(telling.same is True for telling in walked.reruns),
        sum(telling.same is None for telling in walked.reruns),
        [telling for telling in walked.reruns if telling.same is False],
        walked.untold,
        walked.reached,
    )


def rerun(parts: Audited, part: Part) -> Outcome:
    """Run again what was decided in one part of a store's feed, and compare what was told of it."""
    try:
        records = _client(parts, part) if part.client else _register(parts, part.upto)
        events = dict(zip((r.position for r in records), parts.store.opened_all(records), strict=True))
        registers = _registers(parts, part.upto)
        reruns = rerun_decisions(
            records, lambda record: events[record.position], parts.store.decision, registers=registers
        )  # fmt: skip
        waits = _late(parts, part.upto).waits
        walked = walk_disclosures(records, lambda record: events[record.position], registers=registers, waits=waits)
    except Damaged as damaged:
        return Outcome(broken=[f"{part.client or 'the register'}: {damaged}"])
    return outcome_of(len(records), reruns, walked)


def _client(parts: Audited, part: Part) -> list[Record]:
    own = [record for record in parts.store.stream(part.client) if record.position <= part.upto]
    matters = sorted({record.header.matter for record in own} - {LEDGER_MATTER})
    told = [record for record in parts.store.of_matter(matters, DISCLOSURES) if record.position <= part.upto]
    ends = [record.header.event_id for record in own if record.header.name == PayloadKeyDestroyed.NAME]
    told += [telling for event_id in ends for telling in _ends(parts, part.upto).get(event_id, ())]
    return sorted([*own, *told], key=lambda record: record.position)


def _register(parts: Audited, upto: int) -> list[Record]:
    found = [record for record in parts.store.of_matter([LEDGER_MATTER]) if record.position <= upto]
    of_clients = {telling.position for told in _ends(parts, upto).values() for telling in told}
    return [record for record in found if not (is_client_stream(record.header.stream) or record.position in of_clients)]


@lru_cache(maxsize=1)
def _late(parts: Audited, upto: int) -> Late:
    """Who has still to come to which clients. While a walk goes on, what it tells behind `upto` may show as missing."""
    return late_of(parts.store, upto)


@lru_cache(maxsize=1)
def _ends(parts: Audited, upto: int) -> dict[str, list[Record]]:
    """What was told of the end of each client's matter, by the event that says it: these stand in the ledger's matter."""
    said = parts.store.of_matter([LEDGER_MATTER], [PayloadKeyDestroyed.NAME])
    ends: dict[str, list[Record]] = {record.header.event_id: [] for record in said}
    for record in parts.store.of_matter([LEDGER_MATTER], DISCLOSURES) if ends else ():
        if record.header.causation in ends and record.position <= upto:
            ends[record.header.causation].append(record)
    return ends


@lru_cache(maxsize=1)
def _registers(parts: Audited, upto: int) -> Registers:
    """The register that every client is looked at with."""
    registers = Registers()
    records = [r for r in parts.store.of_matter([LEDGER_MATTER], DIRECTORY_EVENTS) if r.position <= upto]
    for record, event in zip(records, parts.store.opened_all(records), strict=True):
        registers.enter(event, record.position)
    return registers


def audit_store(
    parts: Audited, bar: Callable[[int], Any], *, resume: bool = False, processes: int = PROCESSES
) -> Outcome:
    """Every decision and every telling of a store. `bar` is told how many events each step was, and the ones that were done
    before it was broken off. Raises `NotTheSame`."""
    aside = PutAside(parts.settings, "decisions")
    state = aside.taken_up() if resume else None
    before = Outcome.of_state(state["outcome"]) if state else Outcome()
    whole = Outcome()
    whole.add(before)
    done = set[str](state["done"]) if state else set[str]()
    finished: dict[str, Outcome] = {}
    seen: tuple[int, str] = tuple(state["seen"]) if state else _end(parts)
    check_same(parts, seen)
    upto = seen[0]
    clients = [REGISTER, *(stream for stream in parts.store.streams() if is_client_stream(stream))]
    todo = [Part(client, upto) for client in clients if client not in done]
    bar(whole.events)
    gc.set_threshold(GARBAGE_THRESHOLD)

    def as_it_stands() -> dict[str, Any]:
        kept = Outcome()
        for outcome in (before, *finished.values()):
            kept.add(outcome)
        return {"seen": seen, "done": sorted(done | finished.keys()), "outcome": asdict(kept)}

    try:
        for part, outcome in in_order(parts, rerun, todo, processes if upto - whole.events > SMALL else 1):
            whole.add(outcome)
            # What differs is said with what was recorded: that goes into no file, and such a part is done again. That a part
            # is done, and what came of it, is one step: it may be broken off anywhere.
            if not (outcome.other or outcome.wrong or outcome.broken):
                finished[part.client] = outcome
            bar(outcome.events)
            if aside.is_due:
                aside.keep(as_it_stands())
    except BaseException:
        aside.keep(as_it_stands())
        raise
    aside.drop()
    if whole.events != upto and not whole.broken:
        whole.broken.append(f"{upto - whole.events} events of {upto} are of no client and not of the register")
    return whole.ended()


def _end(parts: Audited) -> tuple[int, str]:
    head = parts.store.head()
    last = parts.store.records(head - 1, 1) if head else []
    return (last[0].position, last[0].hash) if last else (0, "")


def audit_topic(found: Feed, bar: Callable[[int], Any]) -> Outcome:
    """The same of the events topic, in its own order. It is gone through twice, for what was decided and for what was told;
    `bar` is told of each event both times."""

    def records() -> Iterator[Record]:
        for record in found.records():
            yield record
            bar(1)

    reruns = rerun_decisions(records(), found.opened, found.decision)
    walked = walk_disclosures(records(), found.opened)
    return outcome_of(0, reruns, walked).ended()
