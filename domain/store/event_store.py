"""The event store of one ledger: decides commands, keeps events, answers for what is recorded (design D1, D2, D13).

Safe for several threads; several processes may have one ledger open. Times are UTC. A method that asks the database
raises `StoreUnavailable` when it does not answer.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import date, datetime
from typing import Any, TypeAlias

from domain.answers import Answer
from domain.catalogue import type_of
from domain.commands import Command
from domain.context import HELSINKI, Caller, Draft
from domain.decided import Decision
from domain.directory import Directory
from domain.events import Event, MessageHeld
from domain.record import Header, Record, header_of
from domain.refusals import Reason
from domain.rulebook import kind_of
from domain.rules import RuleSet
from domain.store.deciding.again import command_of, job_of
from domain.store.deciding.chaining import Place, compose
from domain.store.deciding.circumstances import Circumstances, Clock, KindOf, wall_clock
from domain.store.deciding.jobs import AppendJob, CommandJob, GroupJob, LoopReply, NoteJob, Reply, new_future
from domain.store.deciding.kept_answers import (
    Content,
    answer_of,
    content_hash,
    hashes_of,
    is_hash_of,
    refusal_event,
    still_waiting,
)
from domain.store.deciding.writer import PATIENCE_S, Published, Writer
from domain.store.own_keys import check_keys
from domain.store.reading import LedgerReading
from domain.store.rebuild import FollowerOf, PositionsAt, append_raw, is_broken_off
from domain.store.sealed.keys import CONTENT, KeyDestroyed, Keys, key_id_of
from domain.store.tables.recorders import Recorder
from domain.streams import LEDGER_MATTER

Entries: TypeAlias = list[CommandJob | NoteJob]
"""Those of a group's message, until they are handed over together."""
Said: TypeAlias = tuple[bytes, str, dict[str, Any], Caller, None]


class EventStore(LedgerReading):
    """One ledger. `kind_of` is for tests of the store alone, `wall_clock` for tests of time. Raises `KeysLost`."""

    def __init__(
        self,
        recorder: Recorder,
        keys: Keys,
        *,
        ledger: str,
        kind_of: KindOf = kind_of,
        wall_clock: Clock = wall_clock,
        patience: float = PATIENCE_S,
    ) -> None:
        check_keys(recorder, keys)
        super().__init__(recorder, keys)
        self.ledger = ledger
        self._around = Circumstances(kind_of, wall_clock)
        self._content_key = keys.named(CONTENT)[:32]
        self._writer = Writer(recorder, self._known, self._sealer, keys, ledger, self._around, patience=patience)

    def ask_first(self, published: Published) -> None:
        """Have it asked what was published before anything is written on a new connection: a store behind that is not
        written into (D21)."""
        self._writer.published = published

    def check_writing(self) -> None:
        """Whether what is written now would be taken; nothing is. Raises `StoreUnavailable`, `StoreWentBack`."""
        self._writer.check()

    # --- commands ---

    def submit(
        self,
        command: Command,
        caller: Caller,
        command_id: str,
        *,
        client: str | None = None,
        expected_version: int | None = None,
        look_ups: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        input_position: tuple[str, int] | None = None,
        named_by: str = "",
        content: Content | None = None,
        group: Entries | None = None,
    ) -> Future[Answer]:
        """Decide a command and record what was decided, once per sender and command id.

        `client` is the reference whose stream it speaks of; a command that makes a client may leave it out. A stale
        `expected_version` (of the stream, or an `OwnVersion`) is refused (`E_STALE_IF_MATCH`) and leaves the id free.
        `named_by` stands for the client in what a repeat is known by, where the sender does not know which client that is,
        or the command does not say all that is asked for. `content` is the body as it came: by it a repeat is known of what
        was refused before it became a command. An entry of a group's message waits in `group` for `submit_group`.
        `input_position` is a follower's (name, position), moved in the transaction of the events: who gets an answer without
        any (a repeat, no effect) moves it with `track`. `dry_run` decides and records nothing. The future raises
        `StoreUnavailable` when the outcome is not known: submit again under the same id.
        """
        future = new_future()
        self._put(
            future, command, caller, command_id, client, expected_version, look_ups, dry_run, input_position, named_by,
            content, group,
        )  # fmt: skip
        return future

    def execute(self, command: Command, caller: Caller, command_id: str, **options: Any) -> Answer:
        """`submit` and wait for the answer."""
        return self.submit(command, caller, command_id, **options).result()

    async def execute_async(
        self,
        command: Command,
        caller: Caller,
        command_id: str,
        *,
        client: str | None = None,
        expected_version: int | None = None,
        look_ups: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        input_position: tuple[str, int] | None = None,
        named_by: str = "",
        content: Content | None = None,
    ) -> Answer:
        """As `submit`, for tasks of an event loop: all that were answered together are woken at once."""
        reply = LoopReply(asyncio.get_running_loop())
        self._put(
            reply, command, caller, command_id, client, expected_version, look_ups, dry_run, input_position, named_by,
            content,
        )  # fmt: skip
        answer: Answer = await reply.future
        return answer

    def note(
        self,
        event: Event,
        caller: Caller,
        command_id: str,
        *,
        content: Content,
        dry_run: bool = False,
        input_position: tuple[str, int] | None = None,
        group: Entries | None = None,
    ) -> Future[Answer]:
        """Record what needs no decision (a message held or quarantined, a redelivery asked for) in the ledger's stream,
        numbered in its sender's line.

        `caller` is the sender, `command_id` the message's id; its content tells a repeat from another message.
        """
        future = new_future()
        said, repeats = self._message(content, caller)
        job = NoteJob(event, caller, command_id, content_hash(*said), input_position, future, repeats, dry_run)
        self._hand_over(job, group)
        return future

    def refuse(
        self,
        reasons: Sequence[Reason],
        caller: Caller,
        command_id: str,
        *,
        content: Content,
        client: str | None = None,
        dry_run: bool = False,
        input_position: tuple[str, int] | None = None,
        group: Entries | None = None,
    ) -> Future[Answer]:
        """Record that a body was refused before it became a command: its codes are kept, the body is not."""
        future = new_future()
        said, repeats = self._message(content, caller)
        event = refusal_event(content.type, reasons, content_hash(*said), client)
        job = NoteJob(event, caller, command_id, content_hash(*said), input_position, future, repeats, dry_run)
        self._hand_over(job, group)
        return future

    def waits_until(self, caller: Caller, message_id: str, content: Content) -> datetime | None:
        """Until when this very message waits, as its sender was told (the ledger's time, UTC); none where it does not."""
        _, repeats = self._message(content, caller)
        for row in still_waiting(self._recorder.answers_to(caller.sender, message_id)):
            if any(map(repeats, hashes_of(row))):
                for _, _, position in answer_of(row).events:
                    for event in self.opened_all(self.records(position - 1, 1)):
                        if isinstance(event, MessageHeld) and event.message_id == message_id:
                            return event.held_until_at
        return None

    def expire(self, record: Record, held: MessageHeld, caller: Caller) -> Answer | None:
        """Refuse what waits since a record in which its sender was told so, for its time is over; none where it has its last
        answer. Of the message itself nothing has to be there but its hash."""
        for row in still_waiting(self._recorder.answers_to(caller.sender, held.message_id)):
            if row.position == record.position:
                event = refusal_event(held.message_type, (Reason("E_WAITING_EXPIRED"),), row.content_hash, None)
                job = NoteJob(event, caller, held.message_id, row.content_hash, None, new_future(), row.content_hash.__eq__)
                self._writer.put(job)
                answer: Answer = job.reply.result()
                return answer
        return None

    def submit_group(
        self,
        entries: Entries,
        caller: Caller,
        message_id: str,
        *,
        content: Content,
        dry_run: bool = False,
        input_position: tuple[str, int] | None = None,
    ) -> Future[Answer]:
        """Decide the entries of a group's message, each alone, and record them and the message's own answer together.

        The entries' futures are answered before this one, unless it raises `StoreUnavailable`.
        """
        future = new_future()
        said, repeats = self._message(content, caller)
        hashed = content_hash(*said)
        self._writer.put(
            GroupJob(content.type, entries, caller, message_id, hashed, dry_run, input_position, future, repeats)
        )
        return future

    def decide_again(
        self, decision: Decision, header: Header, client: str | None, look_ups: Callable[[Command], Mapping[str, Any]]
    ) -> Answer:
        """Decide once more what was decided in a history that was given up, once under its id; `client` is the reference
        whose stream it speaks of now, `look_ups` what is looked up for it now. Raises `NoSuchCommand`, `KeyDestroyed`,
        `StoreUnavailable`."""
        command = command_of(decision)
        hashed = header.content_hash or ""
        if client != decision.client:
            hashed = content_hash(self._content_key, decision.command, dict(decision.body), decision.caller, client)
        job = job_of(decision, header, command, client, hashed, look_ups(command))
        self._writer.put(job)
        answer: Answer = job.reply.result()
        return answer

    def _hand_over(self, job: CommandJob | NoteJob, group: Entries | None) -> None:
        if group is None:
            self._writer.put(job)
        else:
            group.append(job)

    def _message(self, content: Content, caller: Caller) -> tuple[Said, Callable[[str], bool]]:
        """What a message is known by, and whether a hash is that of the same one: however its JSON was written, whether it
        waited, was refused or was set aside. What was kept of older ones is the bytes alone."""
        said = self._content_key, "message", content.said(), caller, None
        older = self._content_key, "message", {"content": content.raw.hex()}, caller, None
        return said, lambda known: any(is_hash_of(known, *one) for one in (said, older))

    # --- followers ---

    def build(
        self,
        stream: str,
        version: int,
        previous_hash: str,
        draft: Draft,
        caller: Caller,
        command_id: str,
        *,
        recorded_at: datetime | None = None,
        directory: Directory | None = None,
        policy_version: str | None = None,
    ) -> Record:
        """Seal one event of a follower for its place, outside the lock; `append` checks the place.

        Raises `KeyDestroyed` when the matter's key is gone, or is known to go, `KeysLost` where nobody destroyed it.
        """
        register = directory or self.directory
        key_id = key_id_of(draft.matter)
        if draft.matter in self._known.ended:
            raise KeyDestroyed(key_id)
        key = self.keys.get((key_id,)).get(key_id)
        if key is None:
            if draft.matter != LEDGER_MATTER or self._recorder.inquiry.is_begun(LEDGER_MATTER):
                self.keys.check_gone((key_id,))
                raise KeyDestroyed(key_id)
            key = self.keys.create((draft.matter,))[key_id]
        type_name = type_of(draft.event)
        at = recorded_at or self.now()
        composed = compose(
            self._sealer,
            key,
            Place(self.ledger, stream, version, previous_hash, type_name, at),
            draft,
            caller,
            command_id,
            {
                "ruleset_version": self.rules_of(register).version,
                "directory_version": register.version,
                "policy_version": policy_version,
            },
        )
        return Record(Header.from_bytes(composed.header), composed.header, composed.sections, 0, 0)

    def append(
        self,
        sealed: Sequence[Record],
        *,
        tracking: tuple[str, int, int],
        also: Sequence[tuple[str, int, int]] = (),
        over_own: bool = False,
        ends: Mapping[str, int] | None = None,
    ) -> int:
        """Append records of a follower and move its position: (name, from, to), compared and set in one transaction, and so
        are those of `also`. Returns where the position is then: with `over_own` behind the records, where nothing of
        anybody else's stands before them. `ends` are versions at which other streams must end still.

        Raises `Conflict` when a position or the end of a stream is another one: nothing was written then."""
        future = new_future()
        job = AppendJob(sealed, tracking, future, also, over_own, ends or {})
        self._writer.put(job)
        future.result()
        return job.reached

    def append_raw(
        self, records: Iterable[Record], follower_of: FollowerOf, positions_at: PositionsAt = lambda head: {}
    ) -> int:
        """Take over a ledger's records from its topic: the same bytes at the same positions. Returns how many.

        Answers are rebuilt from headers, positions of followers by `follower_of` and, at the end, `positions_at`. What was
        broken off goes on where it is given again from the first record. Raises `Damaged`, `Conflict`.
        """
        count = append_raw(self._recorder, self._sealer, records, follower_of, positions_at)
        self._known.forget()
        return count

    @property
    def rebuild_broken_off(self) -> bool:
        """Whether this store is being made again by `append_raw`, which did not come to its end."""
        return is_broken_off(self._recorder)

    # --- time ---

    def now(self) -> datetime:
        """The ledger's time, UTC: the wall clock, or in a simulated ledger its own; never behind the last recording."""
        return self._around.now(*self._last())

    def now_at(self, directory: Directory, last_at: datetime | None) -> datetime:
        """The same for whoever knows the register as it stands and when the last event was recorded (`end`)."""
        return self._around.now(directory, last_at)

    def end(self) -> tuple[int, datetime | None]:
        """The position of the last event, and when it was recorded."""
        last = self._recorder.last()
        return (last.position, header_of(last.state).recorded_at) if last else (0, None)

    def time_stands_for(self) -> float:
        """For how many seconds yet a live ledger's time stands still: the clock was ahead at the last event."""
        return self._around.stands_for(*self._last())

    def _last(self) -> tuple[Directory, datetime | None]:
        """The register at the last event, and when that was recorded."""
        head, last_at = self.end()
        return self._known.directory(head), last_at

    def today(self) -> date:
        """The ledger's local date (Europe/Helsinki)."""
        return self.now().astimezone(HELSINKI).date()

    def close(self) -> None:
        """Carry out what waits for the writer, then let go of the database."""
        self._writer.close()
        self._recorder.close()

    def rules_of(self, directory: Directory) -> RuleSet:
        """The rules that the ledger follows; a ledger that is not open yet begins with the newest."""
        return self._around.rules_of(directory)

    def _put(
        self, reply: Reply, command: Command, caller: Caller, command_id: str, client: str | None,
        expected_version: int | None, look_ups: Mapping[str, Any] | None, dry_run: bool,
        input_position: tuple[str, int] | None, named_by: str = "", content: Content | None = None,
        group: Entries | None = None,
    ) -> None:  # fmt: skip
        kind = self._around.kind_of(command)
        if client is None and kind.target == "new_client":
            client = uuid.uuid4().hex
        if client is None and kind.target == "client":
            raise ValueError(f"{kind.name} speaks of a client")
        body = command.model_dump(mode="json", exclude_none=True)
        about = client if kind.target == "client" else None
        said = (self._content_key, kind.name, body, caller)

        def repeats(known: str) -> bool:
            as_decided = any(is_hash_of(known, *said, whom) for whom in {named_by or about, about})
            return as_decided or (content is not None and self._message(content, caller)[1](known))

        job = CommandJob(
            command, kind, body, caller, command_id, client, content_hash(*said, named_by or about), expected_version,
            look_ups or {}, dry_run, input_position, reply, repeats,
            message_hash=content_hash(*self._message(content, caller)[0]) if content is not None else "",
            message_type=content.type if content is not None else "",
        )  # fmt: skip
        self._hand_over(job, group)
