"""The full feed, opened: from the store, or from the events topic and the keys alone (design D1)."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from consumers import wire
from consumers.acknowledging import NAME as ACKNOWLEDGING
from consumers.broker import KafkaBroker
from consumers.disclosed import NAME as DISCLOSURE
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Broker, BrokerUnavailable, Read, Reader
from deploy.migration import keys_database, master_key
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.catalogue import type_of
from domain.decided import Decision, decision_of
from domain.epochs import FIRST
from domain.events import EpochOpened, Erased, Event, PublicationsAcknowledged
from domain.record import Damaged, Header, Record, digest
from domain.store import Amiss, Keys, Sealer

OPENING = type_of(EpochOpened).encode()
PAGE = 2_000
WAIT_S = 2.0
SILENCE_S = 30.0
"""So long without a record, and without coming any further, a broker is one that does not answer."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Every event of one ledger in order. `records` begins anew each time it is called."""

    origin: str
    records: Callable[[], Iterator[Record]]
    opened: Callable[[Record], Event | Erased]
    decision: Callable[[Record], Decision | None]
    amiss: Callable[[], Iterator[Amiss]] = lambda: iter(())
    """What is kept beside the events and is not as they say; a topic keeps nothing beside them."""
    epoch: Callable[[], int] = lambda: FIRST
    """The newest epoch that was opened in a topic."""


def feed_of_store(wired: Wired) -> Feed:
    """The feed as the store keeps it."""

    def records() -> Iterator[Record]:
        for some in wired.store.pages(PAGE):
            yield from some

    return Feed(
        "the store",
        records,
        wired.store.opened,
        wired.store.decision,
        lambda: wired.store.amiss(follower_of),
    )


def follower_of(header: Header) -> str | None:
    """Which follower wrote an event, for the positions of followers."""
    if header.name == PublicationsAcknowledged.NAME:
        return ACKNOWLEDGING
    return DISCLOSURE if header.name.startswith("disclosure.") else None


def broker_alone(settings: Settings) -> Broker:
    """The broker without the ledger, to be read. An embedded one belongs to nobody else meanwhile."""
    if settings.kafka:
        return KafkaBroker(settings.connection)
    return EmbeddedBroker(lambda: datetime.now(UTC), settings.home / settings.ledger / "broker.db")


@contextmanager
def feed_of_topic(settings: Settings) -> Iterator[Feed]:
    """The feed as the events topic has it; nothing is asked of the store. Raises TopicGone, BrokerUnavailable."""
    database = keys_database(settings)
    sealer = Sealer(Keys(database, master_key(settings)))
    broker = broker_alone(settings)
    topic = wire.events_topic(settings.ledger)
    try:
        yield Feed(
            topic,
            lambda: records_of(broker, topic),
            sealer.open,
            lambda record: decision_of(record, sealer.decision(record)),
            epoch=lambda: max(_epochs_begin(broker, topic), default=FIRST),
        )
    finally:
        broker.close()
        database.close()


def records_of(broker: Broker, topic: str) -> Iterator[Record]:
    """The events in a topic, from the first position to the last one that is there. Repetitions are passed over, and of two
    histories the one that was given up.

    Raises `Damaged` when a position is missing or came twice with different bytes.
    """
    begins = _epochs_begin(broker, topic)
    ahead: dict[int, Record] = {}
    given = array("Q")  # a mark of each event that was given: a repetition is the same, however late it comes
    for read in reads_of(broker, topic):
        record = wire.read_full_record(read)
        if record.epoch != max((epoch for epoch, first in begins.items() if first <= record.position), default=FIRST):
            continue
        before = given[record.position - 1] if record.position <= len(given) else None
        if (before or _mark(ahead.setdefault(record.position, record))) != _mark(record):
            raise Damaged(f"position {record.position} of {topic} came twice with different bytes")
        while (following := ahead.pop(len(given) + 1, None)) is not None:
            given.append(_mark(following))
            yield following
    if ahead:
        raise Damaged(f"position {len(given) + 1} of {topic} is missing, {min(ahead)} is there")


def _mark(record: Record) -> int:
    """64 bits of the hash of the event's bytes."""
    return int(digest(record.state)[:16], 16)


def reads_of(broker: Broker, topic: str) -> Iterator[Read]:
    """The records of a topic, from its beginning to where it ends now.

    Raises `BrokerUnavailable` where nothing comes for 30 s, `TopicGone`, `OffsetOutOfRange`.
    """
    with closing(broker.reader()) as reader:
        yield from reads_between(reader, topic, broker.begin_offsets([topic])[topic], broker.end_offsets([topic])[topic])


def reads_between(reader: Reader, topic: str, offset: int, end: int) -> Iterator[Read]:
    """The records of a topic from an offset up to another one, which has to be there. Raises as `reads_of`."""
    if offset < end:
        reader.follow({topic: offset})
    at, heard = offset, time.monotonic()
    while at < end:
        reads = reader.poll(PAGE, WAIT_S).get(topic, [])
        yield from (read for read in reads if read.offset < end)
        # Behind the last record may stand what is none: the end of a transaction, or what was taken back.
        before, at = at, reader.positions()[topic]
        if reads or at > before:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_S:
            raise BrokerUnavailable(f"nothing came from {topic} for {SILENCE_S:.0f} s, at offset {at} of {end}")


def _epochs_begin(broker: Broker, topic: str) -> dict[int, int]:
    """The first position of each later epoch of the ledger whose opening is in the topic: what an older one has from there
    on is void. An epoch that the relay has not come to open yet does not hold.

    All of the topic is looked through: behind a later epoch may stand any number of records of an older one, where a relay
    of that went on.
    """
    begins: dict[int, int] = {}
    opened: set[int] = set()
    for read in reads_of(broker, topic):
        epoch, position = wire.line_of(read)[1], wire.sequence_of(read)
        if epoch and position is not None:
            begins[epoch] = min(position, begins.get(epoch, position))
            if dict(read.headers).get("ce_type") == OPENING:
                opened.add(epoch)
    return {epoch: first for epoch, first in begins.items() if epoch in opened}


@contextmanager
def feed(settings: Settings, *, from_topic: bool) -> Iterator[Feed]:
    """The one or the other."""
    if from_topic:
        with feed_of_topic(settings) as found:
            yield found
        return
    wired = open_ledger_parts(settings)
    try:
        yield feed_of_store(wired)
    finally:
        wired.close()
