"""Intake: every recipient's own topic, message by message, each decided and answered once.

The position in a topic is stored in the transaction of the decision itself. A receipt that no event stands for, that of a
repeat, is published here before the position moves. Bytes that cannot be read and messages that must wait stop nobody.
Nor does a sender whose receipts cannot be published: its own messages wait for that, and are tried again after a pause of
their own, while the others are read on.
A topic that was made again, or lost its end, is read from its beginning: by their ids no message is decided twice.
source: integration.md 2, design D11, D13, D18
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from datetime import datetime

from consumers import relay, wire
from consumers.log import (
    UNREADABLE,
    Broker,
    BrokerError,
    BrokerUnavailable,
    OffsetOutOfRange,
    Read,
    Reader,
    TopicDamaged,
    TopicGone,
    answers_of,
)
from consumers.setbacks import Setback, Setbacks, Told, by_its_type
from domain.directory import Recipient
from domain.envelopes import TooLargeEnvelope, UnreadableEnvelope, attributes_of, read_envelope, readable_id
from domain.log_ids import Concerning, Ids
from domain.receipts import Receipt
from domain.store import EventStore, Received, Receiving

logger = logging.getLogger(__name__)

POLL_LIMIT, EACH_TOPIC = 500, 20
"""Messages that a step takes, and of one topic: who has sent thousands is answered between the others, and not before them.
Twenty groups' days of a hundred clients are a few seconds of work."""
WAIT_S = 0.2
RETRY_S = 0.1
"""How long a step tries what waits, in seconds; the next one goes on with it."""
AT_ONCE = 16
"""Topics that are worked through beside each other; within a topic one message follows the other."""
NOT_TOLD = "its receipts cannot be published"
LONGEST_PAUSE_S = 300.0
"""How long a sender who cannot be told waits for the next try, at most, in seconds: while one is under way, all wait for the
deadline of an append (15 s), which is a twentieth of their time then."""
TRIED = "intake/waiting"
"""Under what name it stands in the store up to which event all that waits has been tried."""
LOOK_AGAIN_S = 1.0
"""How long a topic that is not there waits for the next look, in seconds, unless the relay may have made it meanwhile."""


class Intake:
    """The role. Its position in a topic is the first offset that has not been answered. `wait` is how long a step waits for
    messages, in seconds; `explain` words why a sender cannot be told; `monotonic` gives seconds that only grow."""

    name = "intake"

    def __init__(
        self,
        store: EventStore,
        broker: Broker,
        receiving: Receiving,
        *,
        wait: float = WAIT_S,
        explain: Callable[[Exception], Told] = by_its_type,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._broker = broker
        self._receiving = receiving
        self._wait = wait
        self._setbacks = Setbacks(explain, monotonic, LONGEST_PAUSE_S)
        """Senders who cannot be told, by in topic."""
        self._reader: Reader | None = None
        self._followed: dict[str, Recipient] = {}
        self._stands: dict[str, int] = {}
        self._standing_still: set[str] = set()
        self._gone: set[str] = set()
        """Those that stand still because they are not there."""
        self._look_again_at = 0.0
        self._made = -1
        """Where the relay was when it was looked for new topics."""
        self._named: Set[str] = set()
        self._joined_by = 0
        """Where the relay has to come until all have their topics who have joined."""
        self._retried_at: tuple[int, datetime] | None = None
        """The head and the minute when everything that waits had been tried, and those when that was begun."""
        self._trying_at: tuple[int, datetime] | None = None
        self._trying: Iterator[bool] | None = None
        self._untold: set[str] = set()
        """The in topics of those who could not be told the last answer to what waited, in the round that was begun last."""
        self._pool = ThreadPoolExecutor(AT_ONCE, "intake")

    def step(self) -> int:
        """Answer what has come, and try again what waits; the number of messages answered, 0 only where there is nothing
        more to do.

        Raises `BrokerUnavailable` where nothing can be read, and the store's `StoreUnavailable`: nothing is lost by calling
        again.
        """
        try:
            reader = self._follow()
            wait = self._wait if self._trying is None else 0.0  # there is something to do meanwhile
            polled = reader.poll(POLL_LIMIT, wait) if self._followed else {}
            answered = self._take(polled)
            self._leave_untold(reader, polled)
            self._pass_over(reader)
        except OffsetOutOfRange as lost:
            self._stop_following()
            if lost.offset > lost.end:
                self._begin_again(lost.topic, lost.begin, "lost its end")
            else:
                self._stand_still(lost.topic, lost)
            return 0
        except TopicDamaged as damaged:
            self._stop_following()
            self._stand_still(damaged.topic, damaged)
            return 0
        except TopicGone as gone:
            # Where it is there again, it is followed at the next step.
            self._stop_following()
            if gone.topic not in self._broker.topics():
                self._stand_still(gone.topic, gone)
            return 0
        except BrokerUnavailable:
            self._stop_following()
            self._retry()  # what others have waiting is no worse for that
            raise
        except Exception:
            self._stop_following()  # where to go on is read from the store, which knows what was answered
            raise
        return answered + self._retry()

    def behind(self) -> int:
        """How many messages have come that are not answered yet, and one more where something waits that was not tried since
        the last event was recorded: that may be what it waits for. Raises `BrokerUnavailable`."""
        topics = [wire.in_topic(self._store.ledger, name) for name in self._store.directory.recipients]
        try:
            ends = self._broker.end_offsets(topics)
        except TopicGone:
            # Of somebody who has just joined, or one that was deleted.
            there = self._broker.topics()
            ends = self._broker.end_offsets([topic for topic in topics if topic in there])
        answered = self._store.trackings(topics)
        come = sum(max(0, end - answered.get(topic, 0)) for topic, end in ends.items())
        return come + int(self._receiving.has_waiting() and self._store.head() > self._store.tracking(TRIED))

    def waiting(self) -> dict[str, tuple[int, int]]:
        """By recipient that has messages before us: up to which offset they are answered, and where its topic ends as far as
        the broker has told. May be asked by another thread."""
        reader, followed = self._reader, self._followed
        ends = reader.ends() if reader is not None else {}
        stands = {topic: (self._stands.get(topic, end), end) for topic, end in ends.items() if topic in followed}
        aside = {one.short_name: (one.offset, one.end) for topic, one in self.set_back.items() if topic not in followed}
        return aside | {followed[topic].short_name: (at, end) for topic, (at, end) in stands.items() if end > at}

    @property
    def set_back(self) -> Mapping[str, Setback]:
        """The senders who cannot be told, by in topic: they are tried again. May be asked by another thread."""
        return self._setbacks.present()

    @property
    def standing_still(self) -> frozenset[str]:
        """The topics that are not as they must be: they wait for a person and a new start, or to be made again."""
        return frozenset(self._standing_still)

    def close(self) -> None:
        """Stop following."""
        self._stop_following()
        self._pool.shutdown()

    def _stand_still(self, topic: str, why: BrokerError) -> None:
        """One topic that is not as it must be waits, for an operator and a new start or until it is there again; the others
        go on."""
        said = "intake of this topic stands still: %s; docs/runbooks/a-topic-made-again.md says what to do"
        logger.error(said, why, extra={"topic": topic})
        self._standing_still.add(topic)
        if isinstance(why, TopicGone):
            self._gone.add(topic)

    def _begin_again(self, topic: str, begin: int, why: str) -> None:
        logger.warning("topic %s %s: intake reads it from its beginning", topic, why, extra={"topic": topic})
        self._store.place({topic: begin})

    def _topics(self) -> dict[str, Recipient]:
        """The topics of the recipients that are there; one that has just joined has its topics a moment later."""
        recipients = self._store.directory.recipients.values()
        named = {wire.in_topic(self._store.ledger, recipient.short_name): recipient for recipient in recipients}
        aside = self._aside()
        wanted = {topic: recipient for topic, recipient in named.items() if topic not in aside}
        now = time.monotonic()
        if wanted.keys() == self._followed.keys():
            if not self._gone or now < self._look_again_at:
                return wanted
        elif not self._may_be_made(named.keys()) and now < self._look_again_at:
            # To ask for all topics at every step costs the broker more than all else, while many join.
            return {topic: one for topic, one in wanted.items() if topic in self._followed}
        self._look_again_at = now + LOOK_AGAIN_S
        there = self._broker.topics()
        back = self._gone & there.keys()
        self._gone -= back
        self._standing_still -= back
        self._setbacks.only(frozenset(named))
        aside = self._aside()
        topics = {topic: one for topic, one in named.items() if topic in there and topic not in aside}
        silent = self._look_for_others({topic: there[topic] for topic in topics.keys() - self._followed.keys()})
        return {topic: one for topic, one in topics.items() if topic not in silent}

    def _may_be_made(self, named: Set[str]) -> bool:
        """Whether topics may have been made since they were last looked for: those of who has joined, and no other ones."""
        if named != self._named:
            self._named, self._joined_by = named, self._store.head()
        before, self._made = self._made, self._store.tracking(relay.TRACKING)
        return before < self._joined_by and before != self._made

    def _aside(self) -> set[str]:
        """The topics that nothing is to be read of now."""
        return self._standing_still.union(filter(self._setbacks.waits, self.set_back))

    def _look_for_others(self, there: Mapping[str, str]) -> Collection[str]:
        """A topic that is another one than when it was last followed is read from its beginning. Which of these do not say
        where that is: they are followed when they do."""
        known = self._store.trackings([_incarnation(topic) for topic in there])
        ids = {topic: _number(topic_id) for topic, topic_id in there.items()}
        other = [topic for topic, number in ids.items() if known.get(_incarnation(topic)) != number]
        again = [topic for topic in other if _incarnation(topic) in known]
        begins, silent = answers_of(self._broker.begin_offsets, dict.fromkeys(again))
        for topic, begin in begins.items():
            self._begin_again(topic, begin, "was made again")
        if known_now := {_incarnation(topic): ids[topic] for topic in other if topic not in silent}:
            self._store.place(known_now)
        return silent

    def _follow(self) -> Reader:
        topics = self._topics()
        if self._reader is None:
            self._reader = self._broker.reader(EACH_TOPIC)
            self._followed = {}
        if topics.keys() != self._followed.keys():
            self._stands = {**dict.fromkeys(topics, 0), **self._store.trackings(list(topics))}
            self._reader.follow(self._stands)
        self._followed = topics
        return self._reader

    def _stop_following(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._followed, self._made = None, {}, -1

    def _take(self, polled: Mapping[str, Sequence[Read]]) -> int:
        if len(polled) <= 1:
            return sum(self._take_topic(reads) for reads in polled.values())
        taken = [self._pool.submit(self._take_topic, reads) for reads in polled.values()]
        wait_for(taken)  # also for those beside one that failed: else the next step would read their topics once more
        return sum(one.result() for one in taken)

    def _leave_untold(self, reader: Reader, polled: Mapping[str, Sequence[Read]]) -> None:
        """Read no further where a message is not answered: its topic is read from there when its sender is tried again."""
        untold = {topic for topic, reads in polled.items() if reads and self._stands[topic] <= reads[-1].offset}
        if untold:
            self._followed = {topic: one for topic, one in self._followed.items() if topic not in untold}
            self._stands = {topic: self._stands[topic] for topic in self._followed}
            reader.follow(self._stands)

    def _take_topic(self, reads: Sequence[Read]) -> int:
        """One topic's messages in their order, for the next one may refer to this one, up to one whose sender cannot be
        told; how many are answered."""
        for answered, read in enumerate(reads):
            recipient, headers = self._followed[read.topic], attributes_of(read.headers)
            about: Ids = {"recipient": recipient.short_name, "topic": read.topic, "offset": read.offset}
            with Concerning({**about, "message_id": readable_id(headers) or ""}):
                if not self._take_one(read, recipient, headers):
                    return answered
            self._stands[read.topic] = read.offset + 1
        return len(reads)

    def _take_one(self, read: Read, recipient: Recipient, headers: Mapping[str, bytes]) -> bool:
        """Whether it is answered."""
        place = (read.topic, read.offset + 1)
        try:
            if read.headers == UNREADABLE:
                raise TooLargeEnvelope
            message = read_envelope(recipient, headers, read.value, place)
        except UnreadableEnvelope as wrong:
            received = self._receiving.quarantine(recipient, wrong, read.value, place, readable_id(headers))
        else:
            received = self._receiving.receive(message)
        if not self._tell(recipient, received.repeats):
            return False
        if not received.placed:
            self._store.track(*place)
        return True

    def _pass_over(self, reader: Reader) -> None:
        """Move on where nothing is given, as behind the end of a transaction: else we would seem late for ever."""
        for topic, position in reader.positions().items():
            if position > self._stands[topic]:
                self._store.track(topic, position)
                self._stands[topic] = position

    def _tell(self, recipient: Recipient, receipts: Sequence[Receipt]) -> bool:
        """Publish receipts that no event stands for, to one who does not wait for another try; whether all of them are with
        the broker, or refused by it."""
        if not receipts:
            return True
        topic = wire.in_topic(self._store.ledger, recipient.short_name)
        if self._setbacks.waits(topic):
            return False
        try:
            if topic in self.set_back:
                # One without a leader says so at once; to append to it would hold up all others until the deadline.
                with suppress(TopicGone):
                    self._broker.end_offsets([wire.receipts_topic(self._store.ledger, recipient.short_name)])
            self._publish(recipient, receipts)
        except BrokerUnavailable as error:
            reader, at = self._reader, self._stands.get(topic, 0)
            end = reader.ends().get(topic, at) if reader is not None else at
            self._setbacks.add(topic, recipient.short_name, NOT_TOLD, error, at, end)
            return False
        self._setbacks.over(topic, NOT_TOLD)
        return True

    def _publish(self, recipient: Recipient, receipts: Sequence[Receipt]) -> None:
        """Raises `BrokerUnavailable` unless all are acknowledged or refused."""
        topic = wire.receipts_topic(self._store.ledger, recipient.short_name)
        source = self._store.directory.organiser
        outcomes = self._broker.append([(topic, wire.receipt_entry(receipt, source)) for receipt in receipts])
        if any(outcome.status == "unknown" for outcome in outcomes):
            raise BrokerUnavailable(f"a receipt on {topic} was not acknowledged")
        for outcome in outcomes:
            if outcome.status == "refused":
                logger.error("a receipt on %s was refused: %s", topic, outcome.code)

    def _retry(self) -> int:
        """Try what waits, whenever something was recorded, the ledger's time went on, or a sender is to be tried again who
        could not be told: a little at each step, for what comes is to be read meanwhile. How many got their last answer, at
        least 1 while others are still to be tried."""
        if self._trying is None:
            seen = self._head_and_minute()
            if seen == self._retried_at and (not self._untold or all(map(self._setbacks.waits, self._untold))):
                return 0
            self._trying_at, self._trying, self._untold = seen, self._receiving.retry_all(self._pass_on), set()
        done, until = 0, time.monotonic() + RETRY_S
        try:
            for answered in self._trying:
                done += answered
                if time.monotonic() >= until:
                    return max(1, done)
        except Exception:
            self._trying = None  # all of it is tried again
            raise
        self._trying = None
        self._retried_at = self._trying_at
        if self._retried_at is not None and self._receiving.has_waiting():
            self._store.place({TRIED: self._retried_at[0]})
        return done or int(self._head_and_minute() != self._retried_at)

    def _pass_on(self, recipient: Recipient, received: Received) -> bool:
        """Publish the last answer to what waited, where no event stands for it; whether the sender is told, or will be."""
        told = self._tell(recipient, received.repeats)
        if not told:
            self._untold.add(wire.in_topic(self._store.ledger, recipient.short_name))
        return told

    def _head_and_minute(self) -> tuple[int, datetime]:
        return self._store.head(), self._store.now().replace(second=0, microsecond=0)


def _incarnation(topic: str) -> str:
    """Under what name in the store's table of positions it stands which incarnation of a topic its position counts in."""
    return f"{topic}/incarnation"


def _number(topic_id: str) -> int:
    """An incarnation as a number that the table takes."""
    return zlib.crc32(topic_id.encode())
