"""What can be read of one ledger: the feed, streams, pathways, the register, and what the relay has kept.

Nothing here writes events. A method that asks the database raises `StoreUnavailable` when it does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from domain.answers import Answer
from domain.catalogue import DIRECTORY_EVENTS, DISCLOSURES, types_of
from domain.decided import Decision, decision_of
from domain.directory import Directory, Mode, Recipient
from domain.epochs import Epochs
from domain.events import EpochOpened, Erased, Event
from domain.pathway import Pathway
from domain.record import Record, read_record
from domain.store.checking import amiss
from domain.store.checking.amiss import Amiss
from domain.store.deciding.kept_answers import answer_of, still_waiting, type_in
from domain.store.deciding.known import Known
from domain.store.openings import epochs_of
from domain.store.rebuild import FollowerOf
from domain.store.sealed.keys import TOKEN, Keys
from domain.store.sealed.sealing import Sealer
from domain.store.sealed.tokens import Token, Tokens
from domain.store.tables.recorders import AnswerRow, Recorder, Row, Sender
from domain.store.tables.relayed import ENDLESS, Acknowledged, Parked
from domain.store.tables.seen import hash_of

NEWEST_EVENTS = 50
"""So many events are asked whether their keys are there: what went back lacks the newest ones."""


class LedgerReading:
    """The reading half of the event store. Safe for several threads."""

    def __init__(self, recorder: Recorder, keys: Keys) -> None:
        self.keys = keys
        self._recorder = recorder
        self._sealer = Sealer(keys)
        self._known = Known(recorder, keys, self._sealer, types_of(DIRECTORY_EVENTS))
        self._tokens = Tokens(keys.named(TOKEN))
        self._mode: Mode = ""
        self._epochs: Epochs | None = None

    # --- reading ---

    @property
    def erasures(self) -> int:
        """How many keys were destroyed, by whichever process: who remembers content that was opened while it was another
        number forgets it, and reads it again."""
        self.keys.look()
        return self.keys.erasures

    def records(self, after: int, limit: int, names: Sequence[str] = ()) -> list[Record]:
        """The feed after a position, in order; `names` without version choose kinds of events. Raises `Damaged`."""
        return self._seen(self._recorder.rows(after, limit, types_of(names)))

    def records_at(self, positions: Sequence[int]) -> list[Record]:
        """The events at some positions of the feed, in the order in which these are given. Raises `Damaged`."""
        found = {record.position: record for record in self._read(self._recorder.rows_at(positions))}
        return [found[position] for position in positions if position in found]

    def pages(self, size: int, after: int = 0) -> Iterator[list[Record]]:
        """The feed after a position to its end, page by page: the next one is fetched while the last is worked on. Raises
        `Damaged`."""
        with ThreadPoolExecutor(1, "next-page") as fetching:
            rows = self._recorder.rows(after, size)
            while rows:
                coming = fetching.submit(self._recorder.rows, rows[-1].position, size)
                yield self._seen(rows)
                rows = coming.result()

    def _seen(self, rows: Sequence[Row]) -> list[Record]:
        found = self._read(rows)
        if found:
            self._recorder.seen.note(found[-1].position, found[-1].hash)
        return found

    def look(self) -> None:
        """See how far the feed has come, also where nothing of it is read here: by that a database that goes back is known.
        Raises `StoreWentBack`, `EpochMoved`."""
        if self._recorder.head() != self._recorder.seen.position and (last := self._recorder.last()) is not None:
            self._recorder.seen.note(last.position, hash_of(last.state))

    def stream(self, stream: str, after: int = 0, limit: int | None = None) -> list[Record]:
        """One stream after a version, at most `limit` events of it. Raises `Damaged`."""
        return self._read(self._recorder.stream_rows(stream, after, limit))

    def of_matter(self, matters: Sequence[str], names: Iterable[str] = (), *, streams: str = "") -> list[Record]:
        """The events of some matters in feed order; no names means all. `streams` is what the names of their streams begin
        with. Raises `Damaged`."""
        return self._read(self._recorder.matter_rows(matters, types_of(names), streams=streams))

    def tellings_to(self, recipient: Recipient, pathway: Pathway, after: int = 0) -> list[Record]:
        """Everything that a recipient was told of a client after a position, in feed order. Raises `Damaged`."""
        # Of nobody is asked too: what an answer takes does not tell him from somebody else.
        matters = sorted({fact.matter for fact in pathway.facts.values()}) or [pathway.client]
        return self._read(self._recorder.matter_rows(matters, types_of(DISCLOSURES), after, streams=recipient.stream_prefix))

    def opened(self, record: Record) -> Event | Erased:
        """The event in a record; `Erased` where the matter's key is gone. Raises `Damaged`."""
        return self._sealer.open(record)

    def opened_all(self, records: Sequence[Record]) -> list[Event | Erased]:
        """The events in many records, in their order. Raises `Damaged`."""
        return self._sealer.open_all(records)

    def decision(self, record: Record) -> Decision | None:
        """What was asked and under which circumstances, from the first event of a decision; none once it is erased."""
        return decision_of(record, self._sealer.decision(record))

    def pathway_at_hand(self, client: str) -> Pathway | None:
        """The pathway as it was a moment ago, without asking the database: to tell what a caller knew then, not to decide.
        None where what is remembered is older than that."""
        return self._known.pathway_at_hand(client)

    def pathway(self, client: str, upto: int | None = None) -> Pathway:
        """A client's pathway as it stands, or as it was known at a position of the feed."""
        if upto is None:
            return self._known.pathway(client)
        rows = [row for row in self._recorder.stream_rows(client) if row.position <= upto]
        return self._known.folded(client, rows)

    @property
    def epochs(self) -> Epochs:
        """The epochs of the ledger, as its openings say."""
        epochs = self._epochs  # another thread may let go of it at any moment
        if epochs is None:
            rows = self._recorder.stream_rows(EpochOpened.STREAM)
            epochs = self._epochs = epochs_of(self._known.opened(rows))
        return epochs

    @property
    def directory(self) -> Directory:
        """The register at the head of the feed."""
        return self._known.directory()

    @property
    def recent_directory(self) -> Directory:
        """The register as it was a moment ago, mostly without asking the database: to tell who calls, not to decide."""
        return self._known.recent_directory()

    @property
    def register_at_hand(self) -> Directory | None:
        """The same without ever asking the database; none where what is remembered is older."""
        return self._known.directory_at_hand()

    def directory_at(self, position: int) -> Directory:
        """The register as it was known at a position of the feed."""
        return self._known.directory_at(position)

    @property
    def mode(self) -> Mode:
        """`live` or `simulated`, for life; empty before the ledger is opened."""
        self._mode = self._mode or self.recent_directory.mode or self.directory.mode
        return self._mode

    @property
    def organiser_org(self) -> str:
        """The organiser's directory id; empty before the ledger is opened."""
        return self.directory.organiser

    def streams(self) -> list[str]:
        """The names of all streams, in order."""
        return self._recorder.streams()

    def head(self) -> int:
        """The position of the last event."""
        return self._recorder.head()

    def grown(self, after: int) -> Mapping[str, int]:
        """The streams of the events behind a position, each with the position of its last one: what many who wait for
        streams of their own can be told by one question."""
        return self._recorder.grown(after)

    def stream_version(self, stream: str) -> int:
        """The version of the last event of a stream, 0 for none."""
        return self._recorder.stream_version(stream)

    def stream_end(self, stream: str) -> tuple[int, str]:
        """Version and hash of the last event of a stream; (0, "") for none."""
        version = self._recorder.stream_version(stream)
        last = self.stream(stream, version - 1) if version else []
        return (last[-1].header.stream_version, last[-1].hash) if last else (0, "")

    def answer(self, sender: Sender, command_id: str, person: str | None = None) -> Answer | None:
        """The final answer to a command of a sender (organisation, task), else the one that it waits, else none.

        With a `person`: to a command of that person, or of one that was not kept.
        """
        kept = self._recorder.answers_to(sender, command_id)
        own = [row for row in kept if person is None or row.person in (person, "")]
        rows = sorted(own, key=lambda row: (not row.final, row.person == ""))
        return answer_of(rows[0]) if rows else None

    def newest_answer(self, sender: Sender, command_id: str, person: str) -> tuple[Answer, str] | None:
        """The newest answer to what a person of a sender said under an id, and where the person said nothing under it, to
        what anybody did: the last one of what has waited, and one that has a number rather than one without. With it the
        type of what was said, where no event says that. None where nothing was answered."""
        rows = self._recorder.answers_to(sender, command_id)
        own = [row for row in rows if row.person in (person, "")]
        newest = max(own or rows, key=lambda row: (row.number or 0, row.position), default=None)
        return (answer_of(newest), type_in(newest)) if newest else None

    def waiting(self, sender: Sender, command_ids: Sequence[str]) -> list[Answer]:
        """Of what a sender said under some ids the answers that it waits, and had no last one since; in the order of ids."""
        kept: dict[str, list[AnswerRow]] = {one: [] for one in command_ids}
        for row in self._recorder.answers_to(sender, *command_ids):
            kept[row.command_id].append(row)
        return [answer_of(row) for rows in kept.values() for row in still_waiting(rows)]

    def waits(self, sender: Sender, command_id: str) -> bool:
        """Whether something was told that it waits under the id, and has no last answer yet, whoever else may have one."""
        return bool(still_waiting(self._recorder.answers_to(sender, command_id)))

    def answers(self, sender: Sender, after: int = 0, limit: int = 1000) -> list[tuple[str, Answer]]:
        """The numbered answers to a sender after a number, each with its command id."""
        return [(row.command_id, answer_of(row)) for row in self._recorder.answer_rows(sender, after, limit)]

    def tracking(self, name: str) -> int:
        """A follower's position, 0 before its first."""
        return self._recorder.tracking(name)

    def trackings(self, names: Sequence[str]) -> Mapping[str, int]:
        """The positions of many followers; one that has none is left out."""
        return self._recorder.trackings(names)

    def place(self, places: Mapping[str, int]) -> None:
        """Set positions that belong to no event as they are told, also back."""
        self._recorder.place(places)

    def track(self, name: str, position: int) -> None:
        """Move a position forward that belongs to no event."""
        self._recorder.track(name, position)

    def check(self) -> None:
        """The database answers, is not behind what was seen, and has the tables of this program. Raises `NewerTables`,
        `NotMigrated`, `StoreUnavailable`."""
        self._recorder.check()

    def check_keys(self) -> None:
        """The keys are there, and with them those by which the newest events open, unless they were destroyed. Raises
        `KeysLost`, `NewerTables`, `StoreUnavailable`, `WrongMasterKey`."""
        self.keys.check()
        newest = self.records(max(0, self.head() - NEWEST_EVENTS), NEWEST_EVENTS)
        self.keys.opening({record.header.key_id for record in newest})

    def size(self) -> int:
        """Bytes that the tables take on the disk, their indexes too."""
        return self._recorder.size()

    def answer_counts(self) -> Mapping[str, int]:
        """How many answers there are of each status; `waiting` are those that have no last one yet. Reads all of them."""
        return self._recorder.inquiry.answer_counts()

    def wait_for_commit(self, timeout: float, after: int | None = None) -> None:
        """Return when an event later than position `after` (none: than now) may be there, after `timeout` seconds at the
        latest, and after a second in any case."""
        self._recorder.signalled(min(timeout, 1.0), after)

    def amiss(self, follower_of: FollowerOf) -> Iterator[Amiss]:
        """Everything in the tables that is not as the events say: columns, and answers."""
        return amiss(self._recorder, self._sealer, follower_of)

    # --- what the relay keeps ---

    def acknowledge(self, name: str, position: int, rows: Sequence[Acknowledged]) -> None:
        """Move a follower's position and keep the broker's acknowledgements, in one transaction."""
        self._recorder.book.acknowledge(name, position, rows)

    def acknowledgement_before(self, topic: str, offset: int) -> Acknowledged | None:
        """The last acknowledgement of a topic below an offset."""
        return self._recorder.book.before(topic, offset)

    def acknowledged_ends(self) -> Mapping[str, Acknowledged]:
        """By topic, the acknowledgement with the highest offset."""
        return self._recorder.book.ends()

    def acknowledged_at(self, topic: str, epoch: int, after: int = 0, until: int = ENDLESS) -> Mapping[int, int]:
        """By sequence of a recipient's epoch behind one and up to another, when the broker first took the publication (ms
        since 1970 UTC)."""
        return self._recorder.book.moments(topic, epoch, after, until)

    def cut_acknowledged(self, topic: str, offset: int) -> None:
        """A topic has lost what stood at an offset and behind it: it ends before that, and of what was there the times alone
        are kept."""
        self._recorder.book.cut(topic, offset)

    def parked(self) -> Mapping[str, Parked]:
        """The topics whose next record the broker refused for good."""
        return self._recorder.parked()

    def park(self, parked: Parked) -> None:
        """Keep a topic out of the relay's way from a position on; one that is so already, from there on."""
        self._recorder.park(parked)

    def unpark(self, topic: str) -> None:
        """Take a topic up again."""
        self._recorder.unpark(topic)

    # --- names ---

    def pseudonym_key(self, recipient: str) -> bytes:
        """The key of a recipient's own names for clients and parts (64 bytes), made before it is told anything. Raises
        `KeysLost` where it was told something, and the key is gone: other names would be those of nobody it knows."""
        return self.keys.named(f"pseudonym/{recipient}", lambda: bool(self.stream_version(f"recipient/{recipient}/1")))

    # --- tokens ---

    def version_token(self, client: str, version: int) -> str:
        """An opaque text for the version of a client's stream."""
        return self._tokens.write(Token("version", client, version))

    def position_token(self, number: int, sender: Sender | None = None) -> str:
        """An opaque text for where the answer of this number in a sender's line stands: it tells of nobody else's doings.
        Without a sender, or before its first number: for a position of the feed, 0 for wherever the feed then ends."""
        return self._tokens.write(Token("position", "/".join(sender) if sender and number else "", number))

    def read_token(self, text: str) -> Token:
        """What a token says. Raises `UnknownToken`."""
        return self._tokens.read(text)

    def position_meant(self, token: Token) -> int | None:
        """The position of the feed that a token of one means; none as long as there is no such answer."""
        if not token.stream:
            return token.number or self.head()
        org, _, task = token.stream.partition("/")
        return self.position_of((org, task), token.number)

    def position_of(self, sender: Sender, number: int) -> int | None:
        """The position of the answer of a number in a sender's line; none as long as there is no such answer."""
        found = self.answers(sender, number - 1, 1)
        return found[0][1].position if found and found[0][1].number == number else None

    def _read(self, rows: Sequence[Row]) -> list[Record]:
        if any(row.stream == EpochOpened.STREAM for row in rows):
            self._epochs = None
        epochs = self.epochs if rows else Epochs()
        return [read_record(row.state, row.position, epochs.of(row.position)) for row in rows]
