"""The port to the broker: a set of append-only logs called topics, one partition each.

Two implementations keep the same contract: `consumers.broker.KafkaBroker` and
`consumers.embedded_broker.EmbeddedBroker`. Nothing above this page knows which one it talks to.

Offsets start at 0 and are the broker's. Logical sequences are the caller's: they ride in a header,
and whoever needs one from a `Read` passes a function `sequence_of`. Timestamps are the broker's own
(milliseconds since 1970, UTC): the moment of append, never the sender's.

source: design D11, D12, D17
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
V = TypeVar("V")
Headers = tuple[tuple[str, bytes], ...]

FOREVER = -1
DAY_MS = 24 * 60 * 60 * 1000
AROUND_A_HEADER, AROUND_A_RECORD = 2, 70
"""Bytes that a batch of one record has around each header, and around the record, at least."""


class Entry(NamedTuple):
    """One record to append. `sequence` is the caller's own number; the broker does not read it."""

    key: bytes | None
    value: bytes
    headers: Headers
    sequence: int = 0


class Read(NamedTuple):
    """One record as it stands in a topic. `timestamp` is the broker's, ms since 1970 UTC."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: Headers


UNREADABLE: Headers = (("kuty-unreadable", b"too large"),)
"""The headers of what stands for a record of which more would have to be made than is good for us, or for what of a batch
nobody can read: it is there, and nothing of it is read."""

ANSWERS_WITHIN_S = 60.0
"""So long a question about many topics goes on, of which some are not answered."""

Status = Literal["acknowledged", "refused", "unknown"]


class Outcome(NamedTuple):
    """What became of one entry of a window.

    acknowledged: it is in the topic at `offset`, appended at `timestamp` (ms since 1970 UTC);
    refused: the broker will never take it (`code` says why), and it is not in the topic;
    unknown: it may or may not be in the topic, now or later. Ask `tail`.
    """

    status: Status
    offset: int = -1
    timestamp: int = -1
    code: str = ""


UNKNOWN = Outcome("unknown")


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How a topic keeps its records. `retention_ms` is FOREVER (-1) or milliseconds; `max_message_bytes` is
    the largest record, all that the broker counts of it, and a topic may take larger ones; `replication` and `min_insync` of
    None leave the cluster's own defaults."""

    retention_ms: int
    max_message_bytes: int = 1024 * 1024
    replication: int | None = None
    min_insync: int | None = None


class BrokerError(Exception):
    """The broker, or a log in it, is not as it should be."""


class BrokerUnavailable(BrokerError):
    """No answer within the deadline. Nothing is known; try again later. `topics` are those of which nothing is known, where
    it is known which these are."""

    def __init__(self, why: str = "", topics: Iterable[str] = ()) -> None:
        super().__init__(why)
        self.topics = frozenset(topics)


class TopicDamaged(BrokerUnavailable):
    """Bytes of the topic are not what was written: a checksum fails, or a batch of our own cannot be read. Another copy of
    them may be whole, and a person sees to it that the broker gives that one. Intake does not look there again before it is
    started anew."""

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(f"topic {topic} is damaged: {why}")
        self.topic = topic


class TopicGone(BrokerError):
    """The topic is not there, or it was deleted and made again while it was being followed."""

    def __init__(self, topic: str, why: str = "is not there") -> None:
        super().__init__(f"topic {topic} {why}")
        self.topic = topic


class OffsetOutOfRange(BrokerError):
    """The wanted offset is no longer (or not yet) in the topic: it was truncated. The follower halts; nobody
    moves its position silently. `begin` and `end` are the offsets that the topic has, end excluded."""

    def __init__(self, topic: str, offset: int, begin: int, end: int) -> None:
        super().__init__(f"topic {topic} has offsets {begin} to {end}, not {offset}")
        self.topic, self.offset, self.begin, self.end = topic, offset, begin, end


class TopicSettingsDiffer(BrokerError):
    """A topic is there with other settings than the ones asked for. A person sets them right."""


class TopicRefused(BrokerError):
    """The broker does not let us make a topic, or change its settings. A person gives us the right, or does it instead."""


class Reader(Protocol):
    """A long-lived follower of any number of topics. For one thread at a time."""

    def follow(self, positions: Mapping[str, int]) -> None:
        """Follow exactly these topics, each from the given offset on. Raises TopicGone, BrokerUnavailable."""

    def poll(self, limit: int, timeout: float) -> dict[str, list[Read]]:
        """The next records, in offset order within each topic, at most `limit` in all; waits up to `timeout`
        seconds for the first one. What a sender took back, and what is too large or cannot be read, is not among them
        (`UNREADABLE` stands for the latter). Raises OffsetOutOfRange, TopicGone, TopicDamaged, BrokerUnavailable; then
        `follow` anew."""

    def positions(self) -> dict[str, int]:
        """Where each topic goes on. That may be behind the last record that was given: what was taken back and the ends of
        transactions have offsets too."""

    def ends(self) -> dict[str, int]:
        """The offset that the next record of each topic will get, as the broker said when it was last asked for records; a
        topic of which it has said nothing is left out. May be asked by another thread."""

    def silent(self) -> Set[str]:
        """Those of the topics of which nothing comes because nobody leads them, as the broker said last."""

    def close(self) -> None: ...


class Broker(Protocol):
    """Every method raises BrokerUnavailable when the broker does not answer within its deadline."""

    def create_topics(self, wanted: Mapping[str, TopicSettings]) -> None:
        """Make the topics that are missing, one partition each. Raises TopicSettingsDiffer when one is there
        with other settings, TopicRefused."""

    def widen(self, topic: str, max_message_bytes: int) -> None:
        """Let a topic take larger records than it does. Raises TopicGone, TopicRefused."""

    def topics(self) -> dict[str, str]:
        """Every topic's name and the id of its present incarnation."""

    def delete_topics(self, topics: Iterable[str]) -> None: ...

    def delete_before(self, offsets: Mapping[str, int]) -> None:
        """Drop the records below the given offset of each topic."""

    def append(self, topic_entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
        """Append one window; one outcome per entry, in the same order. Entries of one topic land in the given
        order. When an entry is refused, the later ones of its topic may be reported unknown; other topics
        are not touched. After any `unknown` the caller asks `tail` before appending to that topic again."""

    def read(self, topic: str, offset: int, limit: int, timeout: float = 0.0) -> list[Read]:
        """Up to `limit` records from `offset` on; waits up to `timeout` seconds for the first one."""

    def reader(self, each: int | None = None) -> Reader:
        """A reader. With `each` a poll of it gives at most so many records of one topic, and every other topic that has some
        has its turn before that one has more: a backlog of one sender holds up nobody."""

    def begin_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        """The first offset that each topic still has. Raises TopicGone."""

    def end_offsets(self, topics: Iterable[str]) -> dict[str, int]:
        """The offset that the next record of each topic will get. Raises TopicGone."""

    def tail(self, back: Mapping[str, int]) -> dict[str, list[Read]]:
        """The last records of each topic, as many as are asked of it, in offset order. Raises TopicGone."""

    def at(self, offsets: Mapping[str, int]) -> dict[str, Read]:
        """The record at one offset of each topic, which has it. Raises TopicGone."""

    def close(self) -> None: ...


def answers_of(
    ask: Callable[[dict[str, V]], Mapping[str, T]], asked: Mapping[str, V]
) -> tuple[dict[str, T], dict[str, BrokerUnavailable]]:
    """What a broker says of topics, and of which it says nothing and why: one topic without a leader silences no other one.
    All are asked at once; where that fails, once more without those of which nothing is known, or in halves where it is not
    said which these are. After `ANSWERS_WITHIN_S` no more is asked, and whoever was not is silent. Raises what `ask`
    does, `TopicDamaged` too, but no other `BrokerUnavailable`."""
    give_up_at = time.monotonic() + ANSWERS_WITHIN_S
    found: dict[str, T] = {}
    silent: dict[str, BrokerUnavailable] = {}
    parts = deque([dict(asked)])
    while parts:
        part = parts.popleft()
        if time.monotonic() > give_up_at:
            silent |= dict.fromkeys(part, BrokerUnavailable("others were waited for too long"))
            continue
        try:
            found |= ask(part) if part else {}
        except TopicDamaged:
            raise
        except BrokerUnavailable as error:
            said_of = part.keys() & error.topics or (part.keys() if len(part) == 1 else set())
            silent |= dict.fromkeys(said_of, error)
            rest = [topic for topic in part if topic not in said_of]
            middle = len(rest) if said_of else len(rest) // 2
            parts += [{topic: part[topic] for topic in some} for some in (rest[:middle], rest[middle:])]
    return found, silent


def size_of(entry: Entry) -> int:
    """At least what a broker counts of a record that stands alone in its batch, in bytes."""
    headers = sum([len(name) + len(content) + AROUND_A_HEADER for name, content in entry.headers])
    return len(entry.value) + len(entry.key or b"") + headers + AROUND_A_RECORD


def contiguous_end(reads: Sequence[Read], sequence_of: Callable[[Read], int | None]) -> int:
    """The highest sequence up to which nothing is missing in the tail of one topic, 0 for an empty tail.

    A killed broker may keep 1-100 and 2211-2290 of a window: the last record then is not where to resume, 101
    is. `sequence_of` answers None for a record that has no sequence (a heartbeat). The tail must reach back
    at least two windows. source: design D11
    """
    present = {sequence for read in reads if (sequence := sequence_of(read)) is not None}
    if not present:
        return 0
    end = min(present)
    while end + 1 in present:
        end += 1
    return end
