"""The audit of chains and of what is kept beside them: windows of the feed, looked at by several processes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from consumers import relay as relaying
from consumers.disclosed import NAME as DISCLOSURE
from consumers.wire import out_topic
from deploy.auditing.parts import Audited
from deploy.auditing.put_aside import PutAside, check_same
from deploy.auditing.working import GARBAGE_THRESHOLD, PROCESSES, in_order
from deploy.feed import follower_of
from domain.events import Erased, Event
from domain.record import Damaged, Record
from domain.store import WINDOW, Amiss, Beside, CheckedKeys, Sealer, examine, opened_each, said_by
from projections.chains import Chains, Link, link_of

FOLLOWERS = (DISCLOSURE, relaying.TRACKING)
SMALL = 4 * WINDOW
"""So few events that starting processes takes longer."""
ROUNDS = 3
"""How often an audit goes after what was recorded meanwhile, before it compares what changes with it."""


class Found(NamedTuple):
    """What came of it: how many events were looked at, the faults in order, and what is no fault but worth a line."""

    events: int
    faults: list[Amiss]
    notes: list[str]


class Looked(NamedTuple):
    """A window as it comes back: nothing of the events' content."""

    links: list[Link]
    amiss: list[Amiss]
    said: Any


def look(parts: Audited, window: tuple[int, int]) -> Looked:
    """Look at one window of a store."""
    examined = examine(parts.recorder, parts.sealer, follower_of, *window)
    return Looked(_links(examined.records, examined.events), examined.amiss, examined.said)


def _links(records: list[Record], events: list[Event | Erased | Damaged]) -> list[Link]:
    return [link_of(record, _giving(event), as_read=True) for record, event in zip(records, events, strict=True)]


def _giving(event: Event | Erased | Damaged) -> Callable[[], Event | Erased]:
    def give() -> Event | Erased:
        if isinstance(event, Damaged):
            raise event
        return event

    return give


class _Audit:
    """How far it has come, and what was found."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.chains = Chains.of_state(state["chains"]) if state else Chains()
        self.beside = Beside.of_state(state["beside"]) if state else Beside()
        self.position: int = state["position"] if state else 0
        self.seen: tuple[int, str] = tuple(state["seen"]) if state else (0, "")
        self.faults = [Amiss(*fault) for fault in state["faults"]] if state else []
        self.is_aside = state is not None
        self.is_whole = True
        self.since: list[tuple[int, Looked]] = []
        """The windows that were taken since it was put aside."""

    def take(self, upto: int, looked: Looked) -> None:
        self.is_whole = False
        self.faults += looked.amiss
        for link in looked.links:
            self.faults += [Amiss(*fault) for fault in map(_plain, self.chains.take(link))]
        self.beside.take(looked.said)
        self.position = upto
        if looked.links:
            self.seen = looked.links[-1].position, looked.links[-1].hash
        self.since.append((upto, looked))
        self.is_whole = True

    def keep(self, aside: PutAside) -> None:
        """Put it aside as it was behind the last window that was taken whole: it may be broken off anywhere, and of half a
        window every event would stand there a second time when it goes on."""
        whole = self
        if not self.is_whole:
            whole = _Audit(aside.taken_up() if self.is_aside else None)
            for upto, looked in self.since:
                whole.take(upto, looked)
        aside.keep(whole.state())
        self.is_aside = True
        self.since.clear()

    def state(self) -> dict[str, Any]:
        return {
            "chains": self.chains.state(), "beside": self.beside.state(), "position": self.position, "seen": self.seen,
            "faults": [list(fault) for fault in self.faults],
        }  # fmt: skip


def _plain(fault: Any) -> tuple[int, str, str]:
    return fault.position, fault.stream, fault.what


def audit_store(
    parts: Audited, bar: Callable[[int], Any], *, resume: bool = False, processes: int = PROCESSES, window: int = WINDOW
) -> Found:
    """Look at every event of a store, and compare keys, vault and answers with them. `bar` is told how many events each step
    was, and the one that was done before it was broken off. Raises `NotTheSame`."""
    aside = PutAside(parts.settings, "chains")
    audit = _Audit(aside.taken_up() if resume else None)
    check_same(parts, audit.seen)
    bar(audit.position)
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        for _ in range(ROUNDS):
            head = parts.recorder.head()
            if head == audit.position:
                break
            windows = ((after, min(after + window, head)) for after in range(audit.position, head, window))
            several = processes if head - audit.position > SMALL else 1
            for (after, upto), looked in in_order(parts, look, windows, several):
                audit.take(upto, looked)
                bar(upto - after)
                if aside.is_due:
                    audit.keep(aside)
        topic_of = partial(out_topic, parts.settings.ledger)
        compared = audit.beside.compared(parts.recorder, parts.keys, parts.vault, audit.position, FOLLOWERS, topic_of)
        found = [*audit.faults, *compared]
    except BaseException:
        audit.keep(aside)
        raise
    aside.drop()
    return Found(audit.position, sorted(found), audit.beside.notes)


def audit_topic(records: Iterable[Record], keys: CheckedKeys, bar: Callable[[int], Any]) -> Found:
    """The same of the events topic: what a store keeps beside its events is not there, but the keys are."""
    chains, beside, sealer = Chains(), Beside(), Sealer(keys)
    faults: list[Amiss] = []
    for some in _windows(records):
        events = opened_each(sealer, some)
        for link in _links(some, events):
            faults += [Amiss(*fault) for fault in map(_plain, chains.take(link))]
        beside.take(said_by(some, events, {}))
        bar(len(some))
    return Found(chains.position, sorted([*faults, *beside.strange_keys(keys)]), beside.notes)


def _windows(records: Iterable[Record]) -> Iterator[list[Record]]:
    source = iter(records)
    while some := list(islice(source, WINDOW)):
        yield some
