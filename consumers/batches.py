"""What is read of a batch of records. Of one that a sender wrote nothing is believed, and little is made at a time.

The broker looks into a packed batch only as far as it must: how long a record says that it is, it does not compare with
what it finds. The bounds, and why: docs/decisions/0020-what-senders-may-do-to-a-topic.md
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from consumers.log import UNREADABLE, Read, TopicDamaged
from consumers.record_format import decoded_records
from consumers.unpacking import TooLarge, unpacked
from consumers.wire import of_a_sender

logger = logging.getLogger(__name__)

MOST_RECORDS = 10_000
"""Records of a sender's batch that are read: an empty one takes seven bytes, and each is answered and kept for ever."""


class Batch(NamedTuple):
    """A batch as it stands in a topic: `number` records in `content` from `begin` on, packed by `codec` (0: not).

    Times are in milliseconds since 1970 UTC: `first` and `newest` as the batch says, `appended` the broker's own where it
    put that over all of them.
    """

    topic: str
    content: bytes
    begin: int
    codec: int
    number: int
    base_offset: int
    last_offset: int
    first: int
    newest: int
    appended: int | None


class OneByOne(Iterator[Read]):
    """The records of a sender's batch, each made when it is asked for. `size` is how much is held for them until then, in
    bytes."""

    def __init__(self, reads: Iterator[Read], size: int) -> None:
        self.size = size
        self._reads = reads

    def __next__(self) -> Read:
        return next(self._reads)


def reads_of(batch: Batch) -> Iterable[Read]:
    """The records of a batch in their order. For what of a sender's nobody can read or unpack, or is more than is read, one
    `UNREADABLE` stands with its last offset. Raises `TopicDamaged` for one of our own that cannot be read."""
    is_theirs = of_a_sender(batch.topic)
    if is_theirs and batch.number > MOST_RECORDS:
        return [_passed_over(batch, batch.base_offset, f"it has {batch.number} records, of {MOST_RECORDS} that are taken")]
    content, begin = batch.content, batch.begin
    if batch.codec:
        try:
            content, begin = unpacked(batch.codec, content[begin:]), 0
        except TooLarge as error:
            if not is_theirs:
                raise _damaged(batch, error) from error
            return [_passed_over(batch, batch.base_offset, error)]
    reads = decoded_records(
        batch.topic, content, begin, batch.number, batch.base_offset, batch.last_offset, batch.first, batch.appended
    )
    if is_theirs:
        size = len(batch.content) + (len(content) if batch.codec else 0)
        return OneByOne(_as_far_as_readable(batch, reads), size)
    try:
        return list(reads)
    except (IndexError, ValueError) as error:
        raise _damaged(batch, error) from error


def _as_far_as_readable(batch: Batch, reads: Iterator[Read]) -> Iterator[Read]:
    """One record after the other, each made when it is asked for, and what stands for the rest where one cannot be read."""
    after = batch.base_offset
    try:
        for read in reads:
            after = read.offset + 1
            yield read
    except (IndexError, ValueError) as error:
        if after <= batch.last_offset:
            yield _passed_over(batch, after, _said(error))


def _damaged(batch: Batch, error: IndexError | ValueError) -> TopicDamaged:
    return TopicDamaged(batch.topic, f"the batch at offset {batch.base_offset} cannot be read: {_said(error)}")


def _passed_over(batch: Batch, after: int, why: object) -> Read:
    """What stands for the records of a sender's batch from an offset on. It is told by its receipt, and we by this line."""
    logger.error(
        "%s: nothing is read of the batch at offsets %d to %d: %s", batch.topic, after, batch.last_offset, why,
        extra={"topic": batch.topic},
    )  # fmt: skip
    return Read(batch.topic, batch.last_offset, batch.newest, None, b"", UNREADABLE)


def _said(error: IndexError | ValueError) -> str:
    return "its bytes end too soon" if isinstance(error, IndexError) else str(error)
