"""The projector: follows many recipients' out topics at once and keeps each one's read model.

One process, one poll, one transaction per recipient and poll. A recipient that stands still does not stop the others
(design D8, D11), nor does one whose model fails: it is tried again after a pause of its own. It holds no state that the
models do not hold: kill it anywhere and start it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple

from consumers.lines import LOOK_AHEAD, NOT_ANSWERED, NOT_OPENED, NOT_READ, NOT_TAKEN, SET_BACK, Line
from consumers.log import Broker, BrokerUnavailable, OffsetOutOfRange, Read, TopicDamaged, TopicGone, answers_of
from consumers.setbacks import Setbacks, Told, by_its_type
from consumers.waits import Waits
from consumers.wire import out_topic
from domain.counts import VISIBLE
from domain.directory import Recipient
from domain.store import StoreUnavailable
from projections.kinds import Kind, model_of
from projections.read_models import Feed, NotProvisioned, PositionMoved, ReadModels, answers_nobody

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
SILENT_FOR_S = 10.0
"""A topic that nobody has led for so many seconds is not about to be led by another broker."""
MADE_WITHIN_S = 60.0
"""A model that is not there is being made for a recipient that joined; after so many seconds somebody has to look."""
NOT_WRITTEN = "whether it stands still cannot be written"


class Standing(NamedTuple):
    """Where a recipient's line stands: up to which offset its topic is in the model, where that ends, and the broker's time
    of its last record. `to_do` says what to do where it stands still because it fails, `waits_for` which sequence has been
    missing for long (0: none)."""

    short_name: str
    offset: int
    end: int
    halted: str
    parked_clients: int
    is_rebuilding: bool
    signed_at: datetime | None
    to_do: str = ""
    waits_for: int = 0


class Projector:
    """The role. `recipients` is asked at every step, so that one that joins is served without a restart.

    Recipients of a kind that has no model here are left alone. `wait` is how long a step waits for news, in seconds;
    `clock`, where it is given, the broker's own time in seconds since 1970 UTC. `note` is told where models stand, by
    `place_of` their topics: so that who asks how far behind they are need not ask each. `explain` words what fails for one
    recipient; `monotonic` gives seconds that only grow, for pauses and for how long somebody waits.
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
        explain: Callable[[Exception], Told] = by_its_type,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker, self._ledger, self._models, self._recipients = broker, ledger, models, recipients
        self._limit, self._wait, self._look_ahead = limit, wait, look_ahead
        self._clock, self._monotonic = clock, monotonic
        self._setbacks, self._waits = Setbacks(explain, monotonic), Waits(monotonic)
        self._reader = broker.reader()
        self._reading = ThreadPoolExecutor(1, "projector-reading")
        self._taking = ThreadPoolExecutor(SIDE_BY_SIDE, "projector-taking")
        self._ahead: Future[dict[str, list[Read]]] | None = None
        self._lines: dict[str, Line] = {}
        self._gone: dict[str, Line] = {}
        """Lines whose topic is not there; they stand still until it is."""
        self._not_made: dict[str, float] = {}
        """Since when a topic has been without a model."""
        self._silent_since: dict[str, float] = {}
        self._followed: frozenset[str] = frozenset()
        self._served: frozenset[str] = frozenset()
        self._look_again_at = 0.0
        self._note = note
        self._noted: dict[str, int] = {}
        self._look_around_again_at = 0.0

    def step(self) -> int:
        """Take in what is there; how many records that was. Raises `BrokerUnavailable`, or `StoreUnavailable` where the
        database answers nobody: nothing is lost by calling again."""
        try:
            self._write_halts()
            self._leave_silent()
            self._serve()
            self._look_around()
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
                self._write_halts()
            return 0
        except TopicGone as gone:
            # Also while another recipient joins: its line is opened at the next step, without the one that is gone. That one
            # is opened again when its topic is there again.
            if line_gone := self._take_out(gone.topic):
                self._gone[gone.topic] = line_gone
                line_gone.halt(str(gone))
                self._write_halts()
            return 0
        except TopicDamaged as damaged:
            if unread := self._take_out(damaged.topic):
                end = self._reader.ends().get(damaged.topic, unread.read_offset)
                self._set_back(damaged.topic, unread.short_name, NOT_READ, damaged, unread.offset, end, unread)
            return 0
        if sum(map(len, polled.values())) >= READ_AHEAD_FROM:
            # While the database takes these in, the next ones are read.
            self._ahead = self._reading.submit(self._reader.poll, self._limit, 0.0)
        taken = self._take(polled)
        if self._ahead is None:
            self._let_go_on()
        return taken

    def _leave_silent(self) -> None:
        """What its topic has is not known where nobody leads that: its model says so, and its line is opened again when the
        topic says where it begins."""
        now = self._monotonic()
        self._silent_since = {topic: self._silent_since.get(topic, now) for topic in self._reader.silent()}
        silent = [topic for topic, since in self._silent_since.items() if now - since >= SILENT_FOR_S]
        ends = self._reader.ends() if silent else {}
        for topic in silent:
            if line := self._take_out(topic):
                error = BrokerUnavailable(f"{topic} has no leader")
                end = ends.get(topic, line.read_offset)
                self._set_back(topic, line.short_name, NOT_ANSWERED, error, line.offset, end, line)

    def _let_go_on(self) -> None:
        """Who failed goes on, also where nothing comes, once the topic is read to its end, and as far as it was known to
        go."""
        failed = self._setbacks.present()
        doubtful = [topic for topic, line in self._lines.items() if topic in failed or line.was_set_back]
        if not doubtful:
            return
        at, ends, silent = self._reader.positions(), self._reader.ends(), self._reader.silent()
        for topic in (at.keys() & ends.keys() & set(doubtful)) - silent:
            known = failed[topic].end if topic in failed else 0
            if at[topic] >= max(ends[topic], known):
                self._setbacks.over(topic, *SET_BACK)
                self._lines[topic].go_on()
        self._write_halts()

    def _take_out(self, topic: str) -> Line | None:
        """Its line, if there is one, is opened again where its model stands; the others are followed anew."""
        self._followed = self._served = frozenset()
        self._look_again_at = 0.0
        return self._lines.pop(topic, None)

    def _write_halts(self) -> None:
        for topic, line in [*self._lines.items(), *self._gone.items()]:
            if line.has_halt_to_write and not self._setbacks.waits(topic):
                try:
                    line.write_halt()
                    self._setbacks.over(topic, NOT_WRITTEN)
                except Exception as error:
                    self._set_back(topic, line.short_name, NOT_WRITTEN, error, line.offset, line.read_offset)

    def _look_around(self) -> None:
        """Say what has moved, and who waits, seldom enough to cost nothing: what is said late makes a model seem further
        behind."""
        if self._monotonic() < self._look_around_again_at:
            return
        self._look_around_again_at = self._monotonic() + NOTE_S
        self._waits.look(self._lines)
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
        """Where each served recipient stands, those who fail among them. May be asked by another thread."""
        ends, long = self._reader.ends(), self._waits.long()
        failing = dict(self._setbacks.present())
        standings = []
        for topic, line in [*self._lines.items(), *self._gone.items()]:
            setback = failing.pop(topic, None)
            standings.append(
                Standing(
                    line.short_name,
                    min(line.offset, setback.offset) if setback else line.offset,
                    ends.get(topic, 0),
                    line.halted or (setback.why if setback else ""),
                    line.parked_clients,
                    line.is_rebuilding,
                    max(filter(None, (line.feed.read_at, line.feed.heartbeat_at)), default=None),
                    setback.to_do if setback and not line.halted else "",
                    long.get(topic, 0),
                )
            )
        return standings + [
            Standing(one.short_name, one.offset, ends.get(topic, one.end), one.why, 0, False, None, one.to_do)
            for topic, one in failing.items()
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
        looked after when all are done."""
        if len(polled) == 1:
            ((topic, reads),) = polled.items()
            outcomes = {topic: _outcome(partial(self._lines[topic].take, reads))}
        else:
            taking = {topic: self._taking.submit(self._lines[topic].take, reads) for topic, reads in polled.items()}
            wait_for(taking.values())
            outcomes = {topic: _outcome(one.result) for topic, one in taking.items()}
        failed: list[tuple[Line, Exception]] = []
        for topic, outcome in outcomes.items():
            if isinstance(outcome, Exception):
                # What the line holds in memory is ahead of its model now: begin again where the model stands.
                if line := self._take_out(topic):
                    failed.append((line, outcome))
                continue
            self._setbacks.over(topic, *SET_BACK, NOT_WRITTEN)
            if self._clock is not None and polled[topic]:
                VISIBLE.took(max(0.0, self._clock() - polled[topic][-1].timestamp / 1000))
        for line, error in failed:
            reads = polled[line.topic]
            self._set_back(line.topic, line.short_name, NOT_TAKEN, error, reads[0].offset, reads[-1].offset + 1, line)
        return sum(outcome for outcome in outcomes.values() if isinstance(outcome, int))

    def _set_back(
        self, topic: str, short_name: str, what: str, error: Exception, offset: int, end: int, line: Line | None = None
    ) -> None:
        """The recipient waits by itself: its model has the topic up to `offset`, and that ends at `end`. With a `line`, its
        model says so. Raises what it failed with where that is the database, which answers nobody."""
        if answers_nobody(self._models, error):
            self._look_again_at = 0.0  # the next step finds the same, until it answers
            raise error
        self._setbacks.add(topic, short_name, what, error, offset, end)
        if line is not None and not isinstance(error, StoreUnavailable | PositionMoved):
            with suppress(Exception):  # it is shown all the same
                line.leave(self._setbacks.present()[topic].why)

    def _serve(self) -> None:
        """Open a line for each recipient that has a topic and a model and none yet; follow exactly those."""
        wanted = {out_topic(self._ledger, r.short_name): (r.short_name, kind) for r, kind in self._with_models()}
        if frozenset(wanted) != self._served and self._monotonic() >= self._look_again_at:
            self._look_again_at = self._monotonic() + LOOK_AGAIN_S
            self._setbacks.only(frozenset(wanted))
            if missing := [one for one in wanted if one not in self._lines and not self._setbacks.waits(one)]:
                there = self._broker.topics()
                asked = dict.fromkeys(topic for topic in missing if topic in there)
                begins, silent = answers_of(self._broker.begin_offsets, asked)
                for topic in asked:
                    self._open(topic, wanted[topic], there[topic], silent.get(topic) or begins[topic])
            if wanted.keys() <= self._lines.keys():
                self._served = frozenset(wanted)
        if frozenset(self._lines) != self._followed:
            self._follow()

    def _with_models(self) -> Iterator[tuple[Recipient, Kind]]:
        return ((recipient, kind) for recipient in self._recipients() if (kind := model_of(recipient)))

    def _open(self, topic: str, wanted: tuple[str, Kind], topic_id: str, begin: int | BrokerUnavailable) -> None:
        """Open its line where its model stands; `begin` is where its topic begins, or why that is not known."""
        short_name, kind = wanted
        line, what, at = None, NOT_OPENED, 0
        try:
            model = self._models.of(short_name)
            line = Line(short_name, topic, model, kind.facts, self._look_ahead)
            if isinstance(begin, BrokerUnavailable):
                what, at = NOT_ANSWERED, model.feed().next_offset
                raise begin
            at = begin
            line.load(topic_id, begin)
        except Exception as error:
            now = self._monotonic()
            if isinstance(error, NotProvisioned) and now - self._not_made.setdefault(topic, now) < MADE_WITHIN_S:
                return
            ends, _ = answers_of(self._broker.end_offsets, {} if what == NOT_ANSWERED else {topic: None})
            self._set_back(topic, short_name, what, error, at, ends.get(topic, at), line)
            return
        self._not_made.pop(topic, None)
        self._lines[topic] = line
        self._gone.pop(topic, None)


def _outcome(take: Callable[[], int]) -> int | Exception:
    try:
        return take()
    except Exception as error:
        return error


def place_of(topic: str) -> str:
    """Under which name it is kept how far a topic's model has come: the next offset."""
    return f"projector/{topic}"
