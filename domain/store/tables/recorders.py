"""What the store asks of its tables: one feed of events, the answers to commands, the positions of followers.

Two recorders keep the contract, both subclasses of the library's: `postgres_recorder` and `sqlite_recorder`.
Writing goes through one transaction at a time, which holds the ledger's lock from the first look to the commit, so
that positions are contiguous and in commit order (design D12). Reading never waits for writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from domain.answers import Status
from domain.catalogue import DISCLOSURES, types_of
from domain.events import PublicationsAcknowledged
from domain.store.tables.database import Ask
from domain.store.tables.packing import unpacked
from domain.store.tables.relayed import Book, Parked, Range
from domain.store.tables.seen import Seen

MANY = 5_000
"""So many events of other processes, and what was remembered is forgotten instead of looked through."""
ANSWER_COUNTS = (
    "SELECT CASE WHEN final THEN status ELSE 'waiting' END, count(*) FROM answers a WHERE final OR NOT EXISTS"
    " (SELECT 1 FROM answers b WHERE b.command_id = a.command_id AND b.sender_org = a.sender_org"
    " AND b.sender_task = a.sender_task AND b.sender_person = a.sender_person AND b.final) GROUP BY 1"
)
"""One query for both databases: of what waits only that which has no last answer yet."""
GROWN_STREAMS = "SELECT originator_id, max(notification_id) FROM events WHERE notification_id > %s GROUP BY originator_id"
EVENT_COLUMNS = "notification_id, originator_id, originator_version, topic, state, matter"
SEALED_BEFORE_ITS_TURN = types_of((*DISCLOSURES, PublicationsAcknowledged.NAME))
"""What is dated by whoever seals it, some moments before it is written (record 0028)."""
ANSWER_COLUMNS = (
    "sender_org, sender_task, command_id, final, content_hash, answer_number, status, first_position, answer,"
    " sender_person"
)
Sender = tuple[str, str]
"""(organisation, task): in whose line answers are numbered."""


class Row(NamedTuple):
    """One event as it stands in the table `events`."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes
    matter: str = ""


def row_of(columns: Sequence[Any]) -> Row:
    """A row of `events` with the event's own bytes, from its columns in the order of `Row`."""
    position, stream, version, topic, kept, matter = columns
    return Row(position, stream, version, topic, unpacked(kept), matter)


class AnswerRow(NamedTuple):
    """The answer to one command. `final` is false only for one that waits; `number` counts in the sender's line, none for a
    command without effect. `person` is who spoke, empty in what was kept before that was."""

    sender_org: str
    sender_task: str
    command_id: str
    final: bool
    content_hash: str
    number: int | None
    status: Status
    position: int
    answer: bytes
    person: str


BEFORE_ANSWERS = AnswerRow("", "", "", False, "", None, "recorded", 0, b"", "")
"""Stands before every answer where all are gone through."""
BEFORE_RANGES = ("", 0)
"""Stands before every range of acknowledgements: topic and first offset."""


class Inquiry:
    """What nobody asks in the course of the work: audits do, and who looks whether keys were lost. `ask` reads the tables of
    one ledger. Every method raises `StoreUnavailable`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def rows_before_the_first(self) -> list[Row]:
        """The rows of `events` at positions that no feed comes by: it begins at 1."""
        statement = f"SELECT {EVENT_COLUMNS} FROM events WHERE notification_id < 1 ORDER BY notification_id"
        return [row_of(row) for row in self._ask(statement, ())]

    def epoch(self) -> int:
        """The epoch that the ledger says it is in."""
        return int(self._ask("SELECT epoch FROM ledger", ())[0][0])

    def is_begun(self, matter: str) -> bool:
        """Whether anything is recorded in a matter."""
        return bool(self._ask("SELECT 1 FROM events WHERE matter = %s LIMIT 1", (matter,)))

    def answer_counts(self) -> dict[str, int]:
        """How many last answers there are of each status, and of those that wait. Reads all of them."""
        return dict(self._ask(ANSWER_COUNTS, ()))

    def senders(self) -> list[Sender]:
        """Everybody who was ever answered."""
        return [(org, task) for org, task in self._ask("SELECT DISTINCT sender_org, sender_task FROM answers", ())]

    def answers_in_no_line(self, after: AnswerRow, limit: int) -> list[AnswerRow]:
        """The answers that stand in no sender's line, which begins at 1, behind one of them."""
        key = "command_id, sender_org, sender_task, sender_person, final"
        statement = (
            f"SELECT {ANSWER_COLUMNS} FROM answers WHERE (answer_number IS NULL OR answer_number < 1)"
            f" AND ({key}) > (%s, %s, %s, %s, %s) ORDER BY {key} LIMIT %s"
        )
        place = (after.command_id, after.sender_org, after.sender_task, after.person, after.final)
        return [AnswerRow(*row)._replace(final=bool(row[3])) for row in self._ask(statement, (*place, limit))]

    def acknowledged(self, after: tuple[str, int], limit: int) -> list[Range]:
        """The ranges of acknowledgements behind one, by topic and first offset."""
        statement = (
            f"SELECT {', '.join(Range._fields)} FROM acknowledged WHERE (topic, first_offset) > (%s, %s)"
            " ORDER BY topic, first_offset LIMIT %s"
        )
        return [Range(*row) for row in self._ask(statement, (*after, limit))]


class Conflict(Exception):
    """Somebody else was faster: a follower's position, or a stream's version, is not the expected one. Nothing was
    written."""


class Lost(Exception):
    """The connection broke, or the database did not answer in time: whether a commit happened is not known."""


OTHER_TABLES = "other tables stand in the place of those that were written into: what was published is asked anew"
"""The text of a `Lost`, behind which the next transaction begins on a new connection."""


class Writing(Protocol):
    """One open transaction under the ledger's lock. Every method raises `Lost`."""

    epoch: int
    """The ledger's, as it is now."""
    tables: int
    """Which tables these are: a restore that drops and makes them, or SQLite's own into the open file, changes the number.
    So does an operator who rewrites them. A file that is copied over the open one does not: who does that stops first."""

    def head(self) -> int:
        """Position of the last event, 0 in an empty ledger."""

    def foreign(self, after: int) -> list[tuple[str, str]]:
        """(stream, topic) of every event after a position: what other processes have committed."""

    def answers(self) -> list[AnswerRow]:
        """The stored answers to the commands that `begin` was told of."""

    def numbers(self, senders: Iterable[Sender]) -> dict[Sender, int]:
        """The last number in each sender's line."""

    def events(self, after: Mapping[str, int]) -> list[Row]:
        """The events of each stream after the given version, in order of stream and version."""

    def ends(self, streams: Sequence[str]) -> list[Row]:
        """The last event of each stream that has one."""

    def lasts(self, after: int) -> list[Row]:
        """Of the events behind a position the last one, and the last one of those that are dated when they are written: none
        is dated later than one of these. Either may be missing, and both may be the same."""

    def tracking(self, names: Sequence[str]) -> dict[str, int]:
        """The positions of followers; one that has none is left out."""

    def write(self, rows: Sequence[Row], answers: Sequence[AnswerRow], tracking: Mapping[str, int]) -> None:
        """Append events and answers, set positions."""

    def commit(self, head: int) -> None:
        """Commit and wake those who follow the feed up to `head`."""

    def rollback(self) -> None:
        """Give up what was written; never raises."""


class Recorder(Protocol):
    """The tables of one ledger. Reading is safe for several threads; writing is for one at a time."""

    epoch: int
    """The ledger's, as it was when this was opened. Whatever asks the database raises `EpochMoved` soon after it became
    another one, and whoever begins to write at once."""
    book: Book
    """The broker's acknowledgements."""
    inquiry: Inquiry
    """What else may be asked of the tables."""

    def begin(
        self, wanted: Sequence[tuple[str, str, str]] = (), after: int | None = None, followers: Sequence[str] = ()
    ) -> Writing:
        """Open a transaction, take the ledger's lock and read the answers to `wanted`: (organisation, task, command id).

        `after` is a position behind which others may have written, `followers` are positions that will be asked for:
        hints of what to read along. Raises `Lost`, `StoreWentBack`, `EpochMoved`; the next one begins on a new connection
        then, but where the database was only busy.
        """

    def check(self) -> None:
        """The tables are still those that this program knows. Raises `NewerTables`, `NotMigrated`, `StoreUnavailable`."""

    def size(self) -> int:
        """Bytes that the tables take on the disk, their indexes too."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the next transaction begins where the one before it did, and not on a new connection."""
        ...

    @property
    def seen(self) -> Seen:
        """The furthest event that this process has seen. Every new connection is looked at whether it has that one, and each
        second one that stays; what asks the database raises `StoreWentBack` where it has not."""
        ...

    def published(self, position: int, hash: str) -> None:
        """Note what was published last, and look at every connection once more."""

    def rows(self, after: int, limit: int, topics: Sequence[str] = ()) -> list[Row]:
        """The feed after a position."""

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        """The events at some positions of the feed, in feed order."""

    def stream_rows(self, stream: str, after: int = 0, limit: int | None = None) -> list[Row]:
        """One stream after a version."""

    def matter_rows(
        self, matters: Sequence[str], topics: Sequence[str], after: int = 0, *, streams: str = ""
    ) -> list[Row]:
        """The events of some matters after a position, in feed order; no topics means all. `streams` is what the names of
        their streams begin with."""

    def head(self) -> int:
        """Position of the last event."""

    def last(self) -> Row | None:
        """The last event."""

    def streams(self) -> list[str]:
        """The names of all streams, in order."""
        ...

    def grown(self, after: int) -> dict[str, int]:
        """The streams of the events behind a position, each with the position of its last one."""
        ...

    def stream_version(self, stream: str) -> int:
        """Version of the last event of a stream, 0 for none."""

    def answer_rows(self, sender: Sender, after: int, limit: int) -> list[AnswerRow]:
        """The numbered answers to one sender after a number."""

    def answers_to(self, sender: Sender, *command_ids: str) -> list[AnswerRow]:
        """The stored answers to some commands of a sender."""

    def tracking(self, name: str) -> int:
        """A follower's position, 0 before its first."""

    def trackings(self, names: Sequence[str]) -> dict[str, int]:
        """The positions of many followers; one that has none is left out."""
        ...

    def track(self, name: str, position: int) -> None:
        """Move a follower's position forward; one that is there already stays."""

    def place(self, places: Mapping[str, int]) -> None:
        """Set positions as they are told, also back."""

    def parked(self) -> dict[str, Parked]:
        """The topics whose next record the broker refused for good."""

    def park(self, parked: Parked) -> None:
        """Keep a topic out of the relay's way from a position on; one that is so already, from there on."""

    def unpark(self, topic: str) -> None:
        """Take a topic up again."""

    def signalled(self, timeout: float, after: int | None) -> None:
        """Return when an event later than `after` (none: than now) may be there, at the latest after `timeout`
        seconds."""

    def close(self) -> None: ...
