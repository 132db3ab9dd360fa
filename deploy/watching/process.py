"""One process of a ledger as its operator sees it: what it needs, what its roles do, and whom they serve."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from consumers import disclosed, relay, wire
from consumers.clerk import Clerk
from consumers.intake import Intake
from consumers.lines import BROKER_RUNBOOK, GAP_RUNBOOK, MODEL_RUNBOOK, NOT_READ, runbook_of
from consumers.log import TopicGone
from consumers.projector import Projector, Standing
from deploy.halts import BROKER, DAMAGED_TOPIC, DATABASE, GAP, LEFT_OUT, MADE_AGAIN, MODEL, PARKED, PARKED_CLIENT
from deploy.roles import Running, Supervised
from deploy.watching.lateness import Lateness
from deploy.watching.looking import Fault, Look, Looked, NoAnswer, fault_of, look_at
from deploy.wiring import InUse, Wired
from domain.store import StoreWentBack

API = "api"
OF_MODELS = frozenset({API, "projector", "provisioner"})
"""Roles that use the read models."""
OF_TOPICS = frozenset({API, "intake", "relay", "projector"})
"""Roles that ask the broker, or before a commit what was published."""
OF_WRITERS = frozenset({API, "intake", "clerk", "disclosure"})
"""Roles that record something; the relay compares for itself what was published."""
WRITING = "writing"
OF_BROKER = frozenset({"broker", WRITING})
"""Looks that wait for the broker."""
STANDS_STILL = "stands still"
DISK_FRESH_S = 60.0
"""To weigh a thousand schemas makes the database look at as many files."""


def said_once(failures: Mapping[str, BaseException]) -> dict[str, BaseException]:
    """The failures of looks by name, without those that say no more than another: whoever asks a store that went back finds
    that out, and one that fails takes nothing."""
    went_back = [name for name, error in failures.items() if isinstance(error, StoreWentBack)]
    beside = {*went_back} - {min(went_back, key=("store", WRITING, *failures).index, default="")}
    if "store" in failures:
        why = str(failures["store"])
        beside |= {WRITING} | {name for name, error in failures.items() if name != "store" and str(error) == why}
    return {name: error for name, error in failures.items() if name not in beside}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a look at the ledger gave. `behind` (events, messages, records) and `late_s` (seconds) are by role and whom it
    serves; a role that serves all alike stands there by its own name. `topics_behind`: up to which position the topics have
    everything that the relay has left out or fills, where it runs here. `stands_s` is how long time stands still yet."""

    head: int = 0
    behind: dict[str, dict[str, int]] = field(default_factory=dict)
    late_s: dict[str, dict[str, float]] = field(default_factory=dict)
    standings: Sequence[Standing] = ()
    parked: dict[str, str] = field(default_factory=dict)
    topics_behind: dict[str, int] = field(default_factory=dict)
    held: int = 0
    stands_s: float = 0.0

    @property
    def lacking(self) -> Counter[str]:
        """By recipient, how many events have come since a topic of it was left out."""
        return lacking(self.topics_behind, self.head)


class Watched:
    """One process: `names` are its roles, the API among them where it serves that."""

    def __init__(self, wired: Wired, names: Sequence[str], running: Sequence[Running]) -> None:
        self.wired, self.names = wired, tuple(names)
        self._running = running
        self._lateness = Lateness()
        self._needs = {name: Look(name, ask) for name, ask in self._asked()}
        self._ledger = {"figures": Look("figures", self._figures), "disk": Look("disk", self._bytes_on_disk, DISK_FRESH_S)}

    # --- whether it is ready ---

    def faults(self) -> list[Fault]:
        """What is not as it should be. Answers within some seconds, whatever does not answer."""
        looked = self.look()
        needed = said_once({name: error for name, error in looked.failures.items() if name in self._needs})
        found = [
            fault_of(name, error, (BROKER if name in OF_BROKER else DATABASE) if isinstance(error, NoAnswer) else None)
            for name, error in needed.items()
        ]
        figures = looked.values.get("figures", Figures())
        return [*found, *self._of_roles(), *_of_recipients(figures, self.names), *self._of_intake()]

    def look(self) -> Looked:
        """The looks at what the process needs, by name, and at the ledger: `figures`, and `disk` in bytes."""
        return look_at({**self._needs, **self._ledger})

    @property
    def needs(self) -> list[str]:
        """What the process needs."""
        return list(self._needs)

    @property
    def roles(self) -> list[Supervised]:
        """The roles that run here; none before they begin."""
        return [one for some in list(self._running) for one in some.roles]

    def _asked(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        wired = self.wired
        yield "store", wired.store.check
        yield "keys", wired.store.check_keys
        yield "vault", wired.vault.check
        if OF_TOPICS & {*self.names}:
            yield "broker", self._broker
        if OF_WRITERS & {*self.names}:
            yield WRITING, wired.store.check_writing
        if OF_MODELS & {*self.names}:
            yield "read models", wired.models.check

    def _broker(self) -> None:
        """Whether the broker answers."""
        try:
            self.wired.broker.end_offsets([wire.events_topic(self.wired.store.ledger)])
        except TopicGone:
            pass  # it answers, and the relay has not made the topic yet
        except InUse:
            pass  # the process that has the embedded one answers for it

    def _of_roles(self) -> Iterator[Fault]:
        for one in self.roles:
            if one.halted:
                yield Fault(one.role.name, f"halted: {one.halted}", one.to_do)
            elif one.failing:
                yield Fault(one.role.name, f"fails, {one.failures} times in a row: {one.failing}", one.to_do)

    def _of_intake(self) -> Iterator[Fault]:
        if "intake" in self.names:
            for topic in sorted(self.wired.intake.standing_still):
                yield Fault(f"topic {topic}", "intake stands still there", MADE_AGAIN.told)
            for one in self.wired.intake.set_back.values():
                yield Fault(f"recipient {one.short_name}", one.why, one.to_do)

    # --- in numbers ---

    def broker_time(self) -> datetime:
        """The time that the broker stamps records with: in the embedded one the ledger's own."""
        return self.wired.store.now() if self.wired.settings.embedded else datetime.now(UTC)

    def _figures(self) -> Figures:
        wired, store = self.wired, self.wired.store
        head = store.head()
        places = {name: {name: (store.tracking(name), head)} for name in (disclosed.NAME, relay.TRACKING)}
        standings: list[Standing] = []
        for one in self.roles:
            if isinstance(one.role, Projector):
                standings = one.role.standings()
                places["projector"] = {s.short_name: (s.offset, s.end) for s in standings}
            elif isinstance(one.role, Intake):
                places["intake"] = one.role.waiting()
            elif isinstance(one.role, Clerk):
                places["clerk"] = {"clerk": (one.role.position, head)}
        behind = {
            name: {whose: max(0, end - at) for whose, (at, end) in some.items()} for name, some in places.items()
        }
        late_s = {
            name: {whose: self._lateness.seconds(f"{name} {whose}", at, end) for whose, (at, end) in some.items()}
            for name, some in places.items()
        }
        parked = {row.topic: row.code for row in store.parked().values()}
        joined = [recipient.short_name for recipient in wired.recipients()] if "relay" in self.names else []
        topics_behind = relay.behind(store, joined) if joined else {}
        return Figures(
            head, behind, late_s, standings, parked, topics_behind, wired.vault.held_count(), store.time_stands_for()
        )

    def _bytes_on_disk(self) -> dict[str, int]:
        settings = self.wired.settings
        found = {"store": self.wired.store.size()}
        folder = settings.home / settings.ledger
        if OF_MODELS & {*self.names}:
            found["read models"] = self.wired.models.size()
        if settings.embedded:
            found["broker"] = sum(file.stat().st_size for file in folder.glob("broker.db*"))
        return found


def free_bytes(place: Path) -> int:
    """Bytes that may still be written there, or where the nearest folder above it is."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def fault_of_line(short_name: str, halted: str, to_do: str = "") -> Fault:
    """That a recipient's line stands still, and what to do: what is said here, or what its reason asks for."""
    otherwise = DAMAGED_TOPIC if halted.startswith(NOT_READ) else MADE_AGAIN
    advice = {BROKER_RUNBOOK: BROKER, GAP_RUNBOOK: GAP, MODEL_RUNBOOK: MODEL}.get(runbook_of(halted), otherwise)
    return Fault(f"recipient {short_name}", f"{STANDS_STILL}: {halted}", to_do or advice.told)


def fault_of_wait(short_name: str, missing: int) -> Fault:
    """That a recipient's line waits for a publication that is missing, and what to do."""
    return Fault(f"recipient {short_name}", f"waits for sequence {missing}, which is missing", GAP.told)


def lacking(topics_behind: Mapping[str, int], head: int) -> Counter[str]:
    """By recipient, how many events there are behind the positions up to which these topics have everything."""
    found: Counter[str] = Counter()
    for topic, position in topics_behind.items():
        if name := wire.whose(topic):
            found[name] = max(found[name], head - position)
    return found


def fault_of_topic(topic: str, position: int) -> Fault:
    """That the relay has left a topic out or fills it, and what to do."""
    why = f"does not answer, or is being filled: it has what was told up to position {position}"
    return Fault(f"topic {topic}", why, LEFT_OUT.told)


def _of_recipients(figures: Figures, names: Sequence[str]) -> Iterator[Fault]:
    if "relay" in names:
        for topic, code in sorted(figures.parked.items()):
            yield Fault(f"topic {topic}", f"parked: {code}", PARKED.told)
        for topic, position in sorted(figures.topics_behind.items()):
            if topic not in figures.parked:
                yield fault_of_topic(topic, position)
    for standing in figures.standings:
        if standing.halted:
            yield fault_of_line(standing.short_name, standing.halted, standing.to_do)
        elif standing.waits_for:
            yield fault_of_wait(standing.short_name, standing.waits_for)
        if standing.parked_clients:
            why = f"clients parked: {standing.parked_clients}"
            yield Fault(f"recipient {standing.short_name}", why, PARKED_CLIENT.told)
