"""The projector: follows many recipients' out topics at once and keeps each one's read model.

One process, one poll, one transaction per recipient and poll. A recipient that stands still does not stop the others
(design D8, D11). It holds no state that the models do not hold: kill it anywhere and start it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import datetime
from functools import partial
from typing import NamedTuple

from consumers.lines import LOOK_AHEAD, Line
from consumers.log import Broker, OffsetOutOfRange, Read, TopicGone
from consumers.wire import out_topic
from domain.counts import VISIBLE
from domain.directory import Recipient
from projections.kinds import Kind, model_of
from projections.read_models import Feed, NotProvisioned, ReadModels

POLL_LIMIT = 5_000
WAIT_S = 0.2
READ_AHEAD_FROM = 500
"""After so many records in one poll it is a rebuild: the next ones are read while these are written."""
SIDE_BY_SIDE = 4
"""So many recipients' models are written at a time."""
NOTE_S = 0.2
"""How often it is said where models stand, at most, in seconds."""
LOOK_AGAIN_S = 1.0
"""How long a recipient without topic or model waits for the next look, in seconds."""


class Standing(NamedTuple):
    """Where a recipient's line stands: at which offset, where its topic ends, and the broker's time of its last record."""

    short_name: str
    offset: int
    end: int
    halted: str
    parked_clients: int
    is_rebuilding: bool
    signed_at: datetime | None


class Projector:
    """The role. `recipients` is asked at every step, so that one that joins is served without a restart.

    Recipients of a kind that has no model here are left alone. `wait` is how long a step waits for news, in seconds;
    `clock`, where it is given, the broker's own time in seconds since 1970 UTC. `note` is told where models stand, by
    `place_of` their topics: so that who asks how far behind they are need not ask each.
    """

    name = "projector"

    def __init__(
        self,
        broker: Broker,
        ledger: str,
        models: ReadModels,
        recipients: Callable[[], Iterable[Recipient]],
        *,
        limit: int = POLL_LIMIT,
        wait: float = WAIT_S,
        look_ahead: int = LOOK_AHEAD,
        clock: Callable[[], float] | None = None,
        note: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        self._broker, self._ledger, self._models, self._recipients = broker, ledger, models, recipients
        self._limit, self._wait, self._look_ahead = limit, wait, look_ahead
        self._clock = clock
        self._reader = broker.reader()
        self._reading = ThreadPoolExecutor(1, "projector-reading")
        self._taking = ThreadPoolExecutor(SIDE_BY_SIDE, "projector-taking")
        self._ahead: Future[dict[str, list[Read]]] | None = None
        self._lines: dict[str, Line] = {}
        self._gone: dict[str, Line] = {}
        """Lines whose topic is not there; they stand still until it is."""
        self._followed: frozenset[str] = frozenset()
        self._served: frozenset[str] = frozenset()
        self._look_again_at = 0.0
        self._note = note
        self._noted: dict[str, int] = {}
        self._note_again_at = 0.0

    def step(self) -> int:
        """Take in what is there; how many records that was. Raises `BrokerUnavailable`, or what the database raises:
        nothing is lost by calling again."""
        try:
            for line in (*self._lines.values(), *self._gone.values()):
                line.write_halt()
            self._serve()
            self._note_places()
            if not self._lines:
                return 0
            polled = self._poll()
        except OffsetOutOfRange as lost:
            line = self._lines[lost.topic]
            self._followed = frozenset()
            if lost.offset > lost.end:
                line.go_back(lost.end)
            else:
                line.read_offset = lost.begin
                line.halt(f"offset {lost.offset} is gone: the topic has {lost.begin} to {lost.end}")
            return 0
        except TopicGone as gone:
            # Also while another recipient joins: its line is opened at the next step, without the one that is gone. That one
            # is opened again when its topic is there again.
            self._followed = self._served = frozenset()
            self._look_again_at = 0.0
            if line_gone := self._lines.pop(gone.topic, None):
                self._gone[gone.topic] = line_gone
                line_gone.halt(str(gone))
            return 0
        if sum(map(len, polled.values())) >= READ_AHEAD_FROM:
            # While the database takes these in, the next ones are read.
            self._ahead = self._reading.submit(self._reader.poll, self._limit, 0.0)
        return self._take(polled)

    def _note_places(self) -> None:
        """Say what has moved, seldom enough to cost nothing: what is said late makes a model seem further behind."""
        if time.monotonic() < self._note_again_at:
            return
        self._note_again_at = time.monotonic() + NOTE_S
        stands = {place_of(topic): line.feed.next_offset for topic, line in self._lines.items()}
        if moved := dict(stands.items() - self._noted.items()):
            self._note(moved)
            self._noted = stands

    def _poll(self) -> dict[str, list[Read]]:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            if polled := ahead.result():
                return polled
        return self._reader.poll(self._limit, self._wait)

    def _follow(self) -> None:
        """Follow exactly the lines that are open, each from where it stands; what was read ahead is read again."""
        if self._ahead is not None:
            wait_for([self._ahead])
            self._ahead = None
        self._reader.follow({topic: line.read_offset for topic, line in self._lines.items()})
        self._followed = frozenset(self._lines)

    def standings(self) -> list[Standing]:
        """Where each served recipient stands. May be asked by another thread."""
        ends = self._reader.ends()
        return [
            Standing(
                line.short_name,
                line.feed.next_offset if line.halted else line.read_offset,
                ends.get(topic, 0),
                line.halted,
                line.parked_clients,
                line.is_rebuilding,
                max(filter(None, (line.feed.read_at, line.feed.heartbeat_at)), default=None),
            )
            for topic, line in [*self._lines.items(), *self._gone.items()]
        ]

    def states(self) -> dict[str, Feed]:
        """Where each served recipient stands, by short name."""
        return {line.short_name: line.feed for line in self._lines.values()}

    def close(self) -> None:
        """Give the reader back; the models are their owner's."""
        self._reading.shutdown(wait=True)
        self._taking.shutdown(wait=True)
        self._reader.close()

    def _take(self, polled: Mapping[str, list[Read]]) -> int:
        """Recipients side by side, since each commit waits for the disk and for no other one. What one of them raises is
        raised when all are done."""
        if len(polled) == 1:
            ((topic, reads),) = polled.items()
            outcomes = {topic: _outcome(partial(self._lines[topic].take, reads))}
        else:
            taking = {topic: self._taking.submit(self._lines[topic].take, reads) for topic, reads in polled.items()}
            wait_for(taking.values())
            outcomes = {topic: _outcome(one.result) for topic, one in taking.items()}
        failed: Exception | None = None
        for topic, outcome in outcomes.items():
            if isinstance(outcome, Exception):
                # What the line holds in memory is ahead of its model now: begin again where the model stands.
                del self._lines[topic]
                self._followed = self._served = frozenset()
                self._look_again_at = 0.0
                failed = failed or outcome
                continue
            if self._clock is not None and polled[topic]:
                VISIBLE.took(max(0.0, self._clock() - polled[topic][-1].timestamp / 1000))
        if failed is not None:
            raise failed
        return sum(outcome for outcome in outcomes.values() if isinstance(outcome, int))

    def _serve(self) -> None:
        """Open a line for each recipient that has a topic and a model and none yet; follow exactly those."""
        wanted = {out_topic(self._ledger, r.short_name): (r.short_name, kind) for r, kind in self._with_models()}
        if frozenset(wanted) != self._served and time.monotonic() >= self._look_again_at:
            self._look_again_at = time.monotonic() + LOOK_AGAIN_S
            missing = [topic for topic in wanted if topic not in self._lines]
            there = self._broker.topics()
            begins = self._broker.begin_offsets([topic for topic in missing if topic in there])
            opened = [topic for topic in missing if topic in begins and self._open(topic, wanted[topic], there, begins)]
            if len(opened) == len(missing):
                self._served = frozenset(wanted)
        if frozenset(self._lines) != self._followed:
            self._follow()

    def _with_models(self) -> Iterator[tuple[Recipient, Kind]]:
        return ((recipient, kind) for recipient in self._recipients() if (kind := model_of(recipient)))

    def _open(self, topic: str, wanted: tuple[str, Kind], there: dict[str, str], begins: dict[str, int]) -> bool:
        short_name, kind = wanted
        try:
            model = self._models.of(short_name)
        except NotProvisioned:
            return False
        line = Line(short_name, topic, model, kind.facts, self._look_ahead)
        line.load(there[topic], begins[topic])
        self._lines[topic] = line
        self._gone.pop(topic, None)
        return True


def _outcome(take: Callable[[], int]) -> int | Exception:
    try:
        return take()
    except Exception as error:
        return error


def place_of(topic: str) -> str:
    """Under which name it is kept how far a topic's model has come: the next offset."""
    return f"projector/{topic}"
