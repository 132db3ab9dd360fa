"""The relay: every event of the feed to Kafka, in order, once in effect, without trusting the broker's client.

One window of the feed is in flight, as wide as what waits: a broker's work is by request and topic, so that where many
recipients are told a wide window costs it hardly more than a narrow one. After any doubt nothing is believed but the topics
themselves: the tails of its topics are read, and sending resumes at the first missing sequence with identical bytes.
A record that the broker refuses for good parks that topic, not the relay; a topic that does not answer holds it up for a few
attempts. One that is gone is made again; one that lacks something is filled from the store, a narrow window of it after each
of the others (`lost_ends`).

source: design D11, D12, D24; faults.md 4
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from consumers import wire
from consumers.doubts import Doubts, StoreBehindTopic, acknowledged
from consumers.heartbeats import Heartbeats
from consumers.log import Broker, BrokerUnavailable, TopicDamaged, TopicGone, TopicRefused, TopicSettings, size_of
from consumers.lost_ends import LostEnds
from consumers.outgoing import Outgoing, Packing, within_epochs
from consumers.published import ending
from domain.counts import SENT
from domain.disclosure.pseudonyms import Pseudonyms
from domain.epochs import FIRST
from domain.record import Record
from domain.store import Acknowledged, EventStore, Parked

log = logging.getLogger("kuty.relay")

TRACKING = "relay"
"""Name of the relay's position in the store."""
HEARTBEAT_S = 60.0
PAGE = 500
"""So many events are read from the store at once."""
WINDOW_BYTES = 16 * 1024 * 1024
"""A window takes no further page once it has so many bytes of events: a feed of large ones fills no memory."""
FILLING = 2_000
"""Positions of the feed in one window for topics that are behind: all others wait for it."""
ATTEMPTS = 3
"""After so many attempts in turn at a window, a topic of which alone nothing is known is left out."""
WIDER_BY = 64 * 1024
"""Bytes beyond the record for which the events topic is widened: room for what a broker counts besides."""
GONE, TOO_LARGE = "topic_gone", "too_large"
"""What is not refused for good: a topic that is not there is made again, and the events topic takes what was recorded."""
DAMAGED = "damaged"
"""What stands in the topic cannot be read, so that nobody knows what it lacks."""


class FeedRefused(Exception):
    """The broker will never take a record of the events topic, unless a person does what the message says: the feed has no
    holes, so the relay halts."""


@dataclass(slots=True)
class Window:
    """The window in flight: everything up to `end`. `left` has not been acknowledged by the broker yet; `rows` has been,
    and is kept in the store once nothing is left; `given` are the offsets that it was given just now."""

    end: int
    left: list[Outgoing]
    new_topics: dict[str, TopicSettings] = field(default_factory=dict)
    rows: list[Acknowledged] = field(default_factory=list)
    given: list[tuple[str, int]] = field(default_factory=list)


class Relay:
    """Publishes one ledger. One of it runs at a time; a second one could only write identical duplicates.

    `window` is in positions of the feed, at most; `replication` is copies of each new topic, none: the cluster's own
    default. Raises `StoreBehindTopic`, `FeedRefused`, `TopicSettingsDiffer`, `TopicRefused` and, when the broker does not
    answer, `BrokerUnavailable`: then the next step asks the topics what they have. So it does after `TopicDamaged` of
    the events topic; any other one that is damaged is parked.
    """

    name = "relay"

    def __init__(
        self,
        store: EventStore,
        broker: Broker,
        pseudonyms: Callable[[str], Pseudonyms],
        *,
        window: int = 8000,
        heartbeat_s: float = HEARTBEAT_S,
        replication: int | None = None,
    ) -> None:
        self._store = store
        self._broker = broker
        self._packing = Packing(store, pseudonyms)
        self._window = window
        self._heartbeats = Heartbeats(store, heartbeat_s)
        self._replication = replication
        self._events_topic = wire.events_topic(store.ledger)
        self._position = -1
        self._found_up_to = 0
        """The last event that stood on the events topic at the start: up to there somebody has sent before."""
        self._parked: dict[str, Parked] = {}
        self._ends = LostEnds(TRACKING, store, broker, self._packing)
        self._doubts = Doubts(store, broker, window)
        self._in_flight: Window | None = None
        self._unknown: Counter[str] = Counter()
        """How many attempts in turn have told nothing of a topic, while the full record was well."""
        self._erasures = 0
        self._widened_to = 0
        self._doubt = True

    @property
    def position(self) -> int:
        """The position up to which everything is in the topics, those aside that are parked or being filled again; -1 before
        the first step."""
        return self._position

    @property
    def parked(self) -> Mapping[str, Parked]:
        """The topics that the broker refuses or cannot give back, with position and code."""
        return self._parked

    def step(self) -> int:
        """Send one window, and one to the topics that are behind; the number of events that are in the topics now and were
        not before."""
        try:
            return self._step()
        except TopicGone as gone:
            # It was deleted under us. The next step makes it again, as a start does, and finds what it has to send anew.
            log.error("topic %s is gone: it is made again and filled from the store", gone.topic)
            self._position, self._in_flight, self._doubt = -1, None, True
            raise BrokerUnavailable(str(gone)) from gone
        except TopicDamaged as damaged:
            if damaged.topic == self._events_topic:
                raise
            self._set_aside(damaged)
            return 0

    def _step(self) -> int:
        if self._position < 0:
            self._start()
        return (self._catch_up() if self._ends.behind else 0) + self._go_on()

    def _go_on(self) -> int:
        """Send one window of the feed to all topics that are neither parked nor behind."""
        self._take_back_erased()
        if self._in_flight is None:
            records = self._waiting(self._position, self._window)
            if not records:
                self._take_up()
                self._beat()
                return 0
            outgoing, topics = self._packing.pack(records)
            outgoing, end = within_epochs(self._going_on(outgoing), records[-1].position)
            # Who begins an epoch behind a lost end would have what was lost sent behind the beginning.
            if begun := {out.topic for out in outgoing if out.entry.sequence == 1 and out.epoch > FIRST} - topics.keys():
                self._ends.compare(begun)
                outgoing = self._going_on(outgoing)
            self._in_flight = Window(end, outgoing, topics)
        window, before = self._in_flight, self._position
        if window.new_topics:
            self._make_topics(window.new_topics)
            window.new_topics = {}
        doubt, self._doubt = self._doubt, True  # until every outcome is known
        if not self._delivered(window, doubt or before < self._found_up_to):
            return 0
        self._doubt = False
        # Before anything is kept: what stands behind a lost end is sent again behind what was lost.
        self._ends.given(window.given)
        rows = [row for row in window.rows if row.topic not in self._ends.behind]
        self._store.acknowledge(TRACKING, window.end, rows)
        self._note(rows)
        for topic, number in Counter(row.topic for row in rows).items():
            SENT.add(wire.kind_of(topic), by=number)
        self._position, self._in_flight = window.end, None
        self._beat()
        return window.end - before

    def _waiting(self, after: int, most: int) -> list[Record]:
        """The events behind a position, up to so many, and up to the page with which they have the bytes of a window. Who
        reads once more behind the same position reads no fewer: so far back a doubt has to look (`Doubts`)."""
        records: list[Record] = []
        held = 0
        while len(records) < most and held < WINDOW_BYTES:
            wanted = min(PAGE, most - len(records))
            page = self._store.records(records[-1].position if records else after, wanted)
            records += page
            held += sum(len(record.state) for record in page)
            if len(page) < wanted:
                break
        return records

    def _note(self, rows: Sequence[Acknowledged]) -> None:
        self._heartbeats.note(rows)
        self._ends.note((row.topic, row.offset) for row in rows)

    def _take_back_erased(self) -> None:
        """What is in flight when a key is destroyed is made anew, so that what was not sent yet goes out as withdrawn. What
        stands in the topics by now stays as it is."""
        erasures = self._store.erasures
        if self._in_flight is not None and erasures != self._erasures:
            self._in_flight, self._doubt = None, True
        self._erasures = erasures

    # --- Sending -----------------------------------------------------------------------------------------------------

    def _delivered(self, window: Window, doubt: bool) -> bool:
        """One attempt at what is left of the window; whether nothing is left now."""
        asked = {out.topic for out in window.left}
        silent: set[str] = set()
        if doubt:
            rows, window.left, silent = self._doubts.settled(window.left)
            window.rows += rows
        left = [out for out in window.left if out.topic in silent]
        sent = [out for out in window.left if out.topic not in silent]
        outcomes = self._broker.append([(out.topic, out.entry) for out in sent]) if sent else []
        refused: dict[str, Parked] = {}
        for out, outcome in zip(sent, outcomes, strict=True):
            if outcome.status == "acknowledged":
                window.rows.append(acknowledged(out, outcome.offset, outcome.timestamp))
                window.given.append((out.topic, outcome.offset))
                continue
            left.append(out)
            if outcome.status == "refused":
                refused.setdefault(out.topic, Parked(out.topic, out.position, outcome.code))
        gone = next((parked.topic for parked in refused.values() if parked.code == GONE), None)
        if gone is not None:
            raise TopicGone(gone)
        for parked in refused.values():
            if parked.topic == self._events_topic:
                self._insist(parked, next(out for out in left if out.topic == parked.topic))
            else:
                self._park(parked)
        window.left = self._without_parked(left)
        self._leave_unknown(window, asked)
        return not window.left

    def _leave_unknown(self, window: Window, asked: set[str]) -> None:
        """Count the topics of which an attempt has told nothing, and leave out those of which several in turn have not."""
        unknown = {out.topic for out in window.left}
        if self._events_topic in unknown:
            self._unknown.clear()  # it is the broker
            return
        for topic in asked - unknown:
            del self._unknown[topic]
        self._unknown.update(unknown)
        for topic in unknown:
            if self._unknown[topic] >= ATTEMPTS:
                self._ends.leave(topic)
                self._leave_out(window, topic)

    def _leave_out(self, window: Window, topic: str) -> None:
        """What the broker may have taken of it is looked for when it is taken up or filled."""
        window.left = [out for out in window.left if out.topic != topic]
        window.rows = [row for row in window.rows if row.topic != topic]
        window.given = [one for one in window.given if one[0] != topic]

    def _set_aside(self, damaged: TopicDamaged) -> None:
        """A topic cannot be read, and all others are sent to."""
        log.error("%s", damaged, extra={"topic": damaged.topic})
        end = self._store.acknowledged_ends().get(damaged.topic)
        self._park(Parked(damaged.topic, (end.position if end is not None else 0) + 1, DAMAGED))
        if self._in_flight is not None:
            self._leave_out(self._in_flight, damaged.topic)

    def _park(self, parked: Parked) -> None:
        log.error(
            "topic %s is parked at position %d: %s; docs/runbooks/a-parked-topic.md says what to do",
            parked.topic, parked.position, parked.code, extra={"topic": parked.topic, "position": parked.position},
        )  # fmt: skip
        # What an operator asked for is done with: refused once more, it stays parked until he asks again.
        self._store.place({resume_request(parked.topic): 0})
        self._store.park(parked)
        self._parked[parked.topic] = parked
        self._ends.forget([parked.topic])

    def _insist(self, parked: Parked, refused: Outgoing) -> None:
        """The feed has no holes: the topic is widened for what an older version recorded without a bound. Raises
        `FeedRefused` for whatever else it is, and where that does not help."""
        place, size = f"position {parked.position} of {parked.topic}", size_of(refused.entry)
        if parked.code != TOO_LARGE:
            what = f"{place} is refused by the broker ({parked.code})"
            raise FeedRefused(f"{what}: have it take the record, then start the relay again")
        wanted = f"max.message.bytes={size + WIDER_BY}"
        if self._widened_to >= size:
            raise FeedRefused(f"{place} has {size} bytes: set {wanted} or more on that topic, then start the relay again")
        try:
            self._broker.widen(parked.topic, size + WIDER_BY)
        except TopicRefused as denied:
            raise FeedRefused(f"{denied}: set {wanted} on it, then start the relay again") from denied
        self._widened_to = size + WIDER_BY
        log.warning("topic %s takes records of %d bytes now, for position %d", parked.topic, size, parked.position)

    def _going_on(self, outgoing: list[Outgoing]) -> list[Outgoing]:
        return [out for out in self._without_parked(outgoing) if out.topic not in self._ends.behind]

    def _without_parked(self, outgoing: list[Outgoing]) -> list[Outgoing]:
        return [out for out in outgoing if out.topic not in self._parked] if self._parked else outgoing

    # --- Starting and repairing --------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Compare store and topics. A topic ahead of the store halts; a topic behind what it acknowledged is repaired."""
        self._parked = dict(self._store.parked())
        topics = self._packing.topics_of(self._store.directory.recipients)
        self._make_topics(topics)
        position = self._store.tracking(TRACKING)
        tail = self._broker.tail({self._events_topic: self._doubts.look_back(position)})[self._events_topic]
        ahead, hash = ending(tail, self._store.epochs) or (0, "")
        if ahead > self._store.head():
            raise StoreBehindTopic(f"{self._events_topic} has position {ahead}, the store ends at {self._store.head()}")
        if ahead and self._store.records(ahead - 1, 1)[0].hash != hash:
            # It went back, and others have written since: as long as before, and with another history.
            raise StoreBehindTopic(f"position {ahead} of {self._events_topic} is another event than the store's")
        self._ends.forget(list(self._ends.behind))
        self._ends.compare(topic for topic in topics if wire.kind_of(topic) != "in" and topic not in self._parked)
        self._heartbeats.note(self._store.acknowledged_ends().values())
        self._position, self._found_up_to = position, ahead

    def _make_topics(self, topics: Mapping[str, TopicSettings]) -> None:
        self._broker.create_topics({name: replace(topic, replication=self._replication) for name, topic in topics.items()})

    def _catch_up(self) -> int:
        """Send one window of what the topics that are behind lack, in one attempt: the next one learns from the topics what
        is still missing. How many events that was."""
        self._ends.look_again()
        behind = {topic: up_to for topic, up_to in self._ends.behind.items() if topic not in self._ends.silent}
        if not behind:
            return 0
        start = min(behind.values())
        waiting = self._waiting(start, min(self._window, FILLING))
        records = [record for record in waiting if record.position <= self._position]
        end = records[-1].position if records else self._position
        outgoing, _ = self._packing.pack(records)
        missing = [out for out in outgoing if out.position > behind.get(out.topic, self._position)]
        missing, end = within_epochs(missing, end)
        window = Window(end, missing)
        if not self._delivered(window, doubt=True):
            return 0
        lost = self._ends.given(window.given) | self._ends.silent.keys()  # meanwhile: it is sent once more
        rows = [row for row in window.rows if row.topic not in lost]
        self._store.acknowledge(TRACKING, self._position, rows)
        self._note(rows)
        for topic in behind.keys() - lost - self._parked.keys():
            self._ends.behind[topic] = max(behind[topic], end)
            if self._ends.behind[topic] >= self._position:
                self._store.unpark(topic)
                self._ends.filled(topic)
                # A window that was made without it is made anew.
                self._in_flight, self._doubt = None, True
        return end - start

    def _take_up(self) -> None:
        """Take up the parked topics that an operator asked for: what each missed is sent from the store. It stays asked for
        until all of it is there or something is refused again: a relay that starts meanwhile goes on with it."""
        asked = self._store.trackings([resume_request(topic) for topic in self._parked]) if self._parked else {}
        for topic, parked in list(self._parked.items()):
            if asked.get(resume_request(topic)):
                self._ends.compare([topic])
                end = self._store.acknowledged_ends().get(topic)
                # What the broker took beside the refused one may not have been kept as acknowledged.
                taken = end.position if end is not None else 0
                self._ends.behind[topic] = min(parked.position - 1, taken, self._ends.behind.get(topic, taken))
                del self._parked[topic]

    def _beat(self) -> None:
        elsewhere = self._parked.keys() | self._ends.behind.keys()
        due = [(topic, entry) for topic, entry in self._heartbeats.due() if topic not in elsewhere]
        if not due:
            return
        outcomes = self._broker.append(due)
        given = [(topic, one.offset) for (topic, _), one in zip(due, outcomes, strict=True) if one.status == "acknowledged"]
        self._ends.given(given)
        self._ends.note((topic, offset) for topic, offset in given if topic not in self._ends.behind)
        if any(outcome.status == "unknown" for outcome in outcomes):
            self._doubt = True


def resume_request(topic: str) -> str:
    """Under what name in the store's table of positions an operator asks for a parked topic: with the position at which it
    was parked, 0 for not. The relay looks there whenever it has nothing to send."""
    return f"{TRACKING}/resume/{topic}"
