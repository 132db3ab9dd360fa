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
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from consumers import wire
from consumers.doubts import Doubts, StoreBehindTopic, acknowledged
from consumers.heartbeats import Heartbeats
from consumers.log import Broker, BrokerUnavailable, TopicDamaged, TopicGone, TopicRefused, TopicSettings, size_of
from consumers.lost_ends import LostEnds, behind_by_notes
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
"""After so many attempts, at windows, fillings and heartbeats, a topic that takes nothing while others do is left out."""
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
    default; `schemas` is the address under which schemas are served. Raises `StoreBehindTopic`, `FeedRefused`,
    `TopicSettingsDiffer`, `TopicRefused` and, when the broker does not answer, `BrokerUnavailable`: then the next step asks
    the topics what they have. So it does after `TopicDamaged` of the events topic; any other one that is damaged is parked.
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
        schemas: str = "",
    ) -> None:
        self._store = store
        self._broker = broker
        self._packing = Packing(store, pseudonyms, schemas)
        self._window = window
        self._heartbeats = Heartbeats(store, heartbeat_s, schemas=schemas)
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
        """How many attempts have told nothing of a topic since it took something, as far as they count."""
        self._in_vain: set[str] = set()
        """The topics that were tried since any topic took something, and took nothing."""
        self._least = False
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
        left, given = [out for out in window.left if out.topic in silent], len(window.given)
        sent = [out for out in window.left if out.topic not in silent]
        outcomes = self._broker.append([(out.topic, out.entry) for out in sent]) if sent else []
        refused: dict[str, tuple[Outgoing, str]] = {}
        for out, outcome in zip(sent, outcomes, strict=True):
            if outcome.status == "acknowledged":
                window.rows.append(acknowledged(out, outcome.offset, outcome.timestamp))
                window.given.append((out.topic, outcome.offset))
                continue
            left.append(out)
            if outcome.status == "refused":
                refused.setdefault(out.topic, (out, outcome.code))
        gone = next((topic for topic, (_, code) in refused.items() if code == GONE), None)
        if gone is not None:
            raise TopicGone(gone)
        for topic, (out, code) in refused.items():
            if topic == self._events_topic:
                self._insist(out, code)
                continue
            # What is in doubt before the refused one may not be there either.
            missing = Parked(topic, min(one.position for one in left if one.topic == topic), code)
            said = "topic %s is parked at position %d: %s; docs/runbooks/a-parked-topic.md says what to do"
            log.error(said, *missing, extra={"topic": topic, "position": missing.position})
            self._park(missing)
        window.left = self._without_parked(left)
        unknown = {out.topic for out in window.left}
        # What is left of a window is tried alone once the full record has taken its part.
        full = self._events_topic not in unknown and any(row.topic == self._events_topic for row in window.rows)
        self._leave_out(window, self._not_known_again(asked, unknown, full or len(window.given) > given))
        return not window.left

    def _not_known_again(self, asked: set[str], unknown: set[str], taken: bool) -> set[str]:
        """Of the topics of which an attempt has told nothing those of which several have not: they are left out. `taken`
        says whether any topic took something. Where none did, it may be the broker: the attempt counts only against a topic
        that was not tried since one did. While the full record waits nothing counts."""
        for topic in asked - unknown:
            del self._unknown[topic]
        if taken:
            self._ends.taken()
            self._in_vain.clear()
        left: set[str] = set()
        if self._events_topic not in unknown:
            self._unknown.update(unknown - self._in_vain)
            left = {topic for topic in unknown if self._unknown[topic] >= ATTEMPTS}
            self._ends.leave(left)
        if not taken:
            self._in_vain |= unknown
            self._ends.nothing_taken(unknown)
        return left

    def _leave_out(self, window: Window, topics: set[str]) -> None:
        """What the broker may have taken of them is looked for when they are taken up or filled."""
        window.left = [out for out in window.left if out.topic not in topics]
        window.rows = [row for row in window.rows if row.topic not in topics]
        window.given = [one for one in window.given if one[0] not in topics]

    def _set_aside(self, damaged: TopicDamaged) -> None:
        """A topic cannot be read, and all others are sent to."""
        topic, position = damaged.topic, self._whole_up_to(damaged.topic)
        log.error(
            "%s; it is parked from behind position %d; docs/runbooks/a-parked-topic.md says what to do",
            damaged, position, extra={"topic": topic, "position": position},
        )  # fmt: skip
        self._park(Parked(topic, position + 1, DAMAGED))
        if self._in_flight is not None:
            self._leave_out(self._in_flight, {topic})

    def _whole_up_to(self, topic: str) -> int:
        """Up to which position a topic has everything that it is to have: no farther than it was acknowledged, nor than it
        was filled, nor than where it was parked, though behind that the broker may have taken more."""
        end, parked = self._store.acknowledged_ends().get(topic), self._store.parked().get(topic)
        taken = end.position if end is not None else 0
        return min(taken, self._ends.behind.get(topic, taken), parked.position - 1 if parked is not None else taken)

    def _park(self, parked: Parked) -> None:
        # What an operator asked for is done with: refused once more, it stays parked until he asks again.
        self._store.place({resume_request(parked.topic): 0})
        self._store.park(parked)
        self._parked[parked.topic] = parked
        self._ends.forget([parked.topic])

    def _insist(self, refused: Outgoing, code: str) -> None:
        """The feed has no holes: the topic is widened for what an older version recorded without a bound. Raises
        `FeedRefused` for whatever else it is, and where that does not help."""
        place, size = f"position {refused.position} of {refused.topic}", size_of(refused.entry)
        if code != TOO_LARGE:
            what = f"{place} is refused by the broker ({code})"
            raise FeedRefused(f"{what}: have it take the record, then start the relay again")
        wanted = f"max.message.bytes={size + WIDER_BY}"
        if self._widened_to >= size:
            raise FeedRefused(f"{place} has {size} bytes: set {wanted} or more on that topic, then start the relay again")
        try:
            self._broker.widen(refused.topic, size + WIDER_BY)
        except TopicRefused as denied:
            raise FeedRefused(f"{denied}: set {wanted} on it, then start the relay again") from denied
        self._widened_to = size + WIDER_BY
        log.warning("topic %s takes records of %d bytes now, for position %d", refused.topic, size, refused.position)

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
        ahead, hash = ending(self._doubts.full_record(position), self._store.epochs) or (0, "")
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
        # Who was tried in vain waits for the others: what they take says that it is not the broker.
        behind = {topic: up_to for topic, up_to in behind.items() if topic not in self._in_vain} or behind
        # In turns with those that lack most, who lacks least: it is soon done with, and waits for no long filling.
        self._least = not self._least
        start = max(behind.values()) if self._least else min(behind.values())
        behind = {topic: up_to for topic, up_to in behind.items() if up_to >= start}
        waiting = self._waiting(start, min(self._window, FILLING))
        records = [record for record in waiting if record.position <= self._position]
        end = records[-1].position if records else self._position
        outgoing, _ = self._packing.pack(records)
        missing = [out for out in outgoing if out.position > behind.get(out.topic, self._position)]
        missing, end = within_epochs(missing, end)
        window, began = Window(end, missing), time.monotonic()
        delivered = self._delivered(window, doubt=True)
        if behind.keys() & self._ends.silent.keys():
            self._ends.rest(began)
        if not delivered:
            return 0
        lost = self._ends.given(window.given) | self._ends.silent.keys()  # meanwhile: it is sent once more
        rows = [row for row in window.rows if row.topic not in lost]
        self._store.acknowledge(TRACKING, self._position, rows)
        self._note(rows)
        filled = behind.keys() - lost - self._parked.keys()
        self._ends.filled(filled, end)
        for topic in filled:
            if self._ends.behind[topic] >= self._position:
                self._store.unpark(topic)
                self._ends.has_everything(topic)
                # A window that was made without it is made anew.
                self._in_flight, self._doubt = None, True
        return end - start

    def _take_up(self) -> None:
        """Take up the parked topics that an operator asked for: what each missed is sent from the store. It stays asked for
        until all of it is there or something is refused again: a relay that starts meanwhile goes on with it."""
        asked = self._store.trackings([resume_request(topic) for topic in self._parked]) if self._parked else {}
        for topic in list(self._parked):
            if asked.get(resume_request(topic)):
                self._ends.compare([topic])
                self._ends.behind[topic] = self._whole_up_to(topic)
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
        unknown = {topic for (topic, _), one in zip(due, outcomes, strict=True) if one.status == "unknown"}
        if unknown:
            self._doubt = True
        self._not_known_again({topic for topic, _ in due}, unknown, bool(given))


def behind(store: EventStore, recipients: Iterable[str]) -> dict[str, int]:
    """The topics that lack something, because they do not answer or are being filled: up to which position each has
    everything. Besides the full record those of the recipients with these short names; what is parked is not among them for
    that. From what is stored, so that any process can ask."""
    named = [wire.events_topic(store.ledger)]
    for name in recipients:
        named += [wire.out_topic(store.ledger, name), wire.receipts_topic(store.ledger, name)]
    return behind_by_notes(TRACKING, store, named)


def resume_request(topic: str) -> str:
    """Under what name in the store's table of positions an operator asks for a parked topic: with the position at which it
    was parked, 0 for not. The relay looks there whenever it has nothing to send."""
    return f"{TRACKING}/resume/{topic}"
