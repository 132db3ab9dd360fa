"""One of two histories holds: the topic's (`adopt`) or the store's (`new_epoch`). source: design D21

First both are read beside each other, which changes nothing. Then all is done in one transaction of the ledger's owner,
after what is given up has been written to a file: killed at any point, it is as before or all of it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from consumers import relay as relaying
from consumers import wire
from consumers.disclosed import LINES
from consumers.disclosed import NAME as DISCLOSURE
from consumers.late import ONCE_MORE
from deploy.commands.printed import many, some
from deploy.feed import follower_of, records_of
from deploy.given_up import GivenUp, NotGivenUp, Origin, SealedClient, keep, put_in_place, read, seal_client
from deploy.histories import Compared, History, NothingToChoose, begins_client, compare
from deploy.left_off import lost, unanswered
from deploy.migration import ledger_file
from deploy.settings import Settings
from deploy.wiring import Wired, open_recorder
from domain.events import Erased, PayloadKeyDestroyed, SubjectRegistered
from domain.receipts import receipt_of
from domain.record import Damaged, Record, read_record
from domain.store import (
    AnswerRow,
    Choice,
    ClientRecord,
    Given,
    Ground,
    Lost,
    NewEpoch,
    Rebuilding,
    Reopening,
    Sealer,
    hash_of,
    let_go,
    reopening_postgres,
    reopening_sqlite,
)

LEFT = ("client of what was given up left", "clients of what was given up left")
BEGAN = ("client", "clients")
UNKNOWN_TYPE = "command"
"""The type of what had no effect, and of which nothing but the answer was kept."""


class OutcomeUnknown(Exception):
    """The database did not say whether it has committed."""


class Persons(NamedTuple):
    """Who chooses: two different people, by their staff references."""

    by: str
    second: str


class Kept(NamedTuple):
    """What is given up, in a file that has not its name yet, and which history that is."""

    unfinished: Path
    origin: Origin


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was done. `withdrawn` are the answers whose senders are told that they hold no longer."""

    epoch: int
    ground: Ground
    taken_over: int
    given_up: int
    withdrawn: int
    lines: Mapping[str, int]
    unreadable: int
    unknown: int
    """Clients of the history that holds whom the vault does not know."""
    nobody: int
    """Clients of what is given up of whom nothing is kept that says who they are."""
    destroyed: tuple[str, ...]
    """The matters whose keys were destroyed in the history that is given up: what holds has no word of that."""
    file: Path | None


def adopt(wired: Wired, persons: Persons, file: Path | None, lost_for_good: bool = False) -> Chosen:
    """Bring the store in line with its topic; what is given up goes to `file`, in the home folder unless it is named.
    Clients whom that registers, and of whom nobody would be kept, stop it, unless these are `lost_for_good`.

    Raises `NothingToChoose`, `NotGivenUp`, `BrokerError`, `Lost` where nothing is done, `OutcomeUnknown`, the database's own
    errors.
    """
    found = compare(wired)
    if not found.topic.end:
        raise NothingToChoose("there is nothing in the events topic: nothing to adopt")
    if not found.store.end:
        raise NothingToChoose("the store is empty: `kuty rebuild store --from-topic` makes it from the topic")
    if found.common == found.topic.end:
        if left := _finished(wired, file):
            raise NothingToChoose(f"the topic was adopted already; {many(left, *LEFT)} the vault now")
        raise NothingToChoose("the store has all that the topic has, event by event: nothing to adopt")
    return _Choosing(wired, found, persons, file, lost_for_good).adopt()


def new_epoch(wired: Wired, persons: Persons, file: Path | None, lost_for_good: bool = False) -> Chosen:
    """Go on with the store's history. Stops and raises as `adopt` does."""
    found = compare(wired)
    if not found.store.end:
        raise NothingToChoose("the store is empty: `kuty rebuild store --from-topic` makes it from the topic")
    if found.topic.end and found.common == found.topic.end:
        if left := _finished(wired, file):
            raise NothingToChoose(f"the epoch was opened already; {many(left, *LEFT)} the vault now")
        raise NothingToChoose(
            "the topic has nothing that the store has not: nothing is to be given up, the relay sends what is missing"
        )
    return _Choosing(wired, found, persons, file, lost_for_good).go_on()


def usual_file(wired: Wired, epoch: int) -> Path:
    """Where what is given up of an epoch is kept."""
    return wired.settings.home / wired.store.ledger / f"given-up-of-epoch-{epoch}.jsonl"


def reopening(settings: Settings) -> AbstractContextManager[Reopening]:
    """The transaction of the ledger's owner."""
    if settings.store_dsn:
        return reopening_postgres(settings.owner_dsn or settings.store_dsn, settings.ledger)
    return reopening_sqlite(ledger_file(settings))


class _Choosing:
    def __init__(
        self, wired: Wired, found: Compared, persons: Persons, file: Path | None, lost_for_good: bool
    ) -> None:
        self._lost_for_good = lost_for_good
        self._wired, self._found, self._persons = wired, found, persons
        self._old_epoch = max(wired.store.epochs.newest, found.topic.epoch)
        self._file = file or usual_file(wired, self._old_epoch)
        self._sealer = Sealer(wired.keys)

    def adopt(self) -> Chosen:
        found, wired = self._found, self._wired
        with reopening(wired.settings) as at:
            self._nobody_wrote(at)
            void = [read_record(row.state, row.position, found.store.epoch) for row in at.rows_behind(found.common)]
            given = [self._given(row.position, row, void) for row in at.answers_behind(found.common)]
            with self._kept(found.store, void, given) as kept:
                at.give_up(found.common)
                epoch = self._epoch(at, found.topic)
                taken_over = epoch.take_over(self._topic_behind())
                choice = self._choice("adopted", found.topic.end, found.topic.hash, found.store)
                opened, withdrawn = epoch.open(choice, given, found.topic.end)
                published = at.writing.tracking((relaying.TRACKING,)).get(relaying.TRACKING, 0)
                compared_by_relay = found.topic.end - 2 * wired.settings.relay_window
                self._commit(
                    at, found.topic.end, withdrawn, kept,
                    {
                        # What followed from the last event may be in the topic in part: it is read again, and told once.
                        DISCLOSURE: max(0, found.topic.followed - 1),
                        LINES: 0,  # how far redeliveries have come is found out from the events
                        relaying.TRACKING: max(0, compared_by_relay, min(published, found.common)),
                        **ONCE_MORE,
                        **unanswered(wired, at, found.topic),
                    },
                )  # fmt: skip
        return self._done(opened, choice, taken_over, void, withdrawn, kept)

    def go_on(self) -> Chosen:
        found = self._found
        ground: Ground = "forked" if found.topic.end else "topic_lost"
        size, root = (found.common, found.root) if found.topic.end else (found.store.end, found.store.hash)
        # Of a topic that is lost nobody knows whom it has told what.
        choice = self._choice(ground, size, root, found.topic if found.topic.end else found.store, found.topic.end == 0)
        with reopening(self._wired.settings) as at:
            self._nobody_wrote(at)
            void = list(self._topic_behind()) if found.topic.end else []
            given = list(self._given_in(void))
            with self._kept(found.topic, void, given) as kept:
                opened, withdrawn = self._epoch(at, found.store).open(choice, given, found.store.end)
                positions = {relaying.TRACKING: size} if ground == "forked" else lost(self._wired, at, found.store)
                self._commit(at, found.store.end, withdrawn, kept, positions)
        return self._done(opened, choice, 0, void, withdrawn, kept)

    def _nobody_wrote(self, at: Reopening) -> None:
        head = at.writing.head()
        last = max(at.writing.lasts(head - 1), default=None)
        if (head, hash_of(last.state) if last else "") != (self._found.store.end, self._found.store.hash):
            raise NothingToChoose(
                f"somebody wrote into the store while it was compared, which ends at {head} now: stop what writes, and "
                "give the command again"
            )

    def _topic_behind(self) -> Iterator[Record]:
        topic, end = wire.events_topic(self._wired.store.ledger), self._found.topic.end
        for record in records_of(self._wired.broker, topic):
            if record.position > end:
                raise NothingToChoose(
                    f"somebody published position {record.position} while the topic was compared, which ended at {end}: "
                    "stop the relay of the other history, and give the command again"
                )
            if record.position > self._found.common:
                yield record

    def _epoch(self, at: Reopening, holding: History) -> NewEpoch:
        wired = self._wired
        rebuilding = Rebuilding(self._sealer, follower_of)
        return NewEpoch(
            at, rebuilding, self._sealer, wired.keys, wired.store.ledger, holding.directory, holding.last_at
        )  # fmt: skip

    def _choice(self, ground: Ground, size: int, root: str, given_up: History, all_lines: bool = False) -> Choice:
        lines = self._found.lines(given_up, 0 if all_lines else self._found.common)
        return Choice(ground, *self._persons, self._old_epoch, size, root, lines)

    @contextmanager
    def _kept(self, history: History, void: list[Record], given: list[Given]) -> Iterator[Kept | None]:
        """What is given up, written beside its file under the ledger's lock: of two who choose at once each writes its own.
        Where that is nothing, there is none; where it came to nothing, it is deleted."""
        if not void and not given:
            yield None
            return
        clients = self._clients(history, void)
        origin = Origin(self._wired.store.ledger, history.epoch, self._found.common, history.end, history.hash)
        unfinished = keep(self._file, origin, clients, given, void)
        try:
            yield Kept(unfinished, origin)
        finally:
            unfinished.unlink(missing_ok=True)

    def _clients(self, history: History, void: list[Record]) -> list[SealedClient]:
        """Whom the history makes a client, and the one that holds does not. Of whom it is known that nobody knows them, for
        the key was destroyed or noted as lost, or the vault is told so, nothing is kept. Where a key or an entry is only not
        there, it may come back: raises `NotGivenUp`, unless it is lost for good."""
        wired = self._wired
        elsewhere = wired.store.stream_version if history is self._found.topic else set(self._found.began).__contains__
        began = {r.header.stream: r for r in void if begins_client(r) and not elsewhere(r.header.stream)}
        key_ids = {client: record.header.key_id for client, record in began.items()}
        keys, lost = wired.keys.get(key_ids.values()), set(wired.keys.lost(key_ids.values()))
        entries = {entry.subject_ref: entry for entry in wired.vault.copied(sorted(began))}
        found: list[SealedClient] = []
        missing: list[str] = []
        for client, key_id in sorted(key_ids.items()):
            entry, key = entries.get(client), keys.get(key_id)
            knows = key is not None and self._is_named(began[client])
            if key_id in lost or (key is not None and knows is None):
                missing.append(client)
            kept = seal_client(entry, key_id, key if knows else None) if entry else SealedClient(client, key_id, b"")
            found.append(kept)
        if missing and not self._lost_for_good:
            raise NotGivenUp(
                f"of {many(len(missing), *BEGAN)} in what is to be given up ({some(missing)}) the key is not there, or the"
                " vault has no entry that can be read, and nobody would be kept of whom it registers: put the newest keys"
                " and vault in their place; where they are lost for good, give the command again with --lost-for-good"
            )
        return found

    def _is_named(self, record: Record) -> bool | None:
        """Whether the vault says who the client is whom this registers; none where it has no entry that can be read."""
        event = self._sealer.open(record)
        try:
            known = self._wired.vault.look(record.header.stream)
        except Damaged:
            return None
        if known is None:
            return None
        has_name = isinstance(event, SubjectRegistered) and event.identity_kind != "none"
        return not has_name or known.record != ClientRecord()

    def _commit(
        self, at: Reopening, end: int, withdrawn: list[Given], kept: Kept | None, positions: Mapping[str, int]
    ) -> None:
        at.writing.write((), (), positions)
        if kept is not None:
            put_in_place(kept.unfinished, self._file, kept.origin)
        try:
            at.writing.commit(end + 1 + len(withdrawn))
        except Lost as silent:
            raise OutcomeUnknown(f"it is not known whether it was done: give the command again ({silent})") from silent

    def _done(
        self, epoch: int, choice: Choice, taken_over: int, void: list[Record], withdrawn: list[Given], kept: Kept | None
    ) -> Chosen:
        given_up = read(self._file) if kept is not None else None
        if given_up is not None:
            _let_go(self._wired, given_up)
        destroyed = [self._sealer.open(r) for r in void if r.header.name == PayloadKeyDestroyed.NAME]
        registered = self._found.began if choice.ground == "adopted" else []
        known = self._wired.vault.get(registered)
        return Chosen(
            epoch, choice.ground, taken_over, len(void), len(withdrawn), choice.lines,
            self._found.unreadable if choice.ground == "adopted" else 0,
            sum(client not in known for client in registered),
            sum(not client.sealed for client in given_up.clients) if given_up is not None else 0,
            tuple(event.destroyed_matter for event in destroyed if isinstance(event, PayloadKeyDestroyed)),
            self._file if kept is not None else None,
        )  # fmt: skip

    # --- answers ---

    def _given(self, position: int, row: AnswerRow, void: list[Record]) -> Given:
        index = position - self._found.common - 1
        first = void[index] if row.number is not None and 0 <= index < len(void) else None
        sender = row.sender_org, row.sender_task
        if first is None:
            return Given(
                sender, row.command_id, row.person or "system", "system", UNKNOWN_TYPE, row.status, None, row.command_id,
                position,
            )  # fmt: skip
        event = self._sealer.open(first)
        receipt = None if isinstance(event, Erased) else receipt_of(first, event)
        return Given(
            sender, row.command_id, first.header.actor_person, first.header.actor_role,
            receipt.type if receipt else first.header.type, row.status, row.number,
            receipt.message_id if receipt else row.command_id, position,
        )  # fmt: skip

    def _given_in(self, void: list[Record]) -> Iterator[Given]:
        """The answers that the events of a topic say were given."""
        rebuilding = Rebuilding(self._sealer, follower_of)
        for record, event in zip(void, self._sealer.open_all(void), strict=True):
            yield from (self._given(row.position, row, void) for row in rebuilding.answers_before(record, event))
        yield from (self._given(row.position, row, void) for row in rebuilding.last_answer())


def _let_go(wired: Wired, given_up: GivenUp) -> int:
    """Take the clients out of the vault of whom nothing is recorded any more: how many that were. Who has been registered
    again meanwhile stays, and who is about to be: that seals the entry otherwise than the file knows it."""
    clients = {client.subject_ref: client for client in given_up.clients}
    entries = wired.vault.copied(list(clients))
    sealed = {entry.subject_ref: entry.sealed or b"" for entry in entries if clients[entry.subject_ref].is_still(entry)}
    # Another look than that of the parts that are open: these began in the epoch that may be over.
    with closing(open_recorder(wired.settings)) as recorder:
        return let_go(recorder.stream_version, wired.vault, sealed)


def _finished(wired: Wired, file: Path | None) -> int:
    """What a command that was killed after its transaction has left to do."""
    try:
        given_up = read(file or usual_file(wired, wired.store.epochs.newest - 1))
    except (OSError, NotGivenUp):
        return 0
    gone = given_up.origin.ledger == wired.store.ledger and given_up.origin.epoch < wired.store.epochs.newest
    return _let_go(wired, given_up) if gone else 0
