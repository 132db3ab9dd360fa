"""What waits for the writer: a command to be decided, records of a follower to be appended, a note of intake."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from domain.answers import Answer
from domain.commands import Command, CommandKind
from domain.context import Caller
from domain.events import Event, MessageHeld
from domain.log_ids import Ids, present_ids
from domain.record import Record


def _random_id() -> str:
    return os.urandom(16).hex()


class LoopReply:
    """The outcome for a task of an event loop; those of one loop are handed over together."""

    __slots__ = ("error", "future", "loop", "result")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def set_result(self, result: Any, /) -> None:
        self.result = result

    def set_exception(self, exception: BaseException, /) -> None:
        self.error = exception

    def hand_over(self) -> None:
        """Wake the task; in its loop's thread. A task that was cancelled meanwhile does not mind."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


Reply: TypeAlias = Future[Any] | LoopReply
"""Where the outcome goes: to a thread that waits, or to a task."""
KnownBy: TypeAlias = Callable[[], frozenset[str]]
"""The hashes by which a repeat is known: made once, of what was read before it was handed over, where the id is known."""


@dataclass(slots=True, eq=False)
class CommandJob:
    """A command to be decided. `decision_id` is random and stays the same when the batch has to be run again."""

    command: Command
    kind: CommandKind
    body: dict[str, Any]
    caller: Caller
    command_id: str
    client: str | None
    content_hash: str
    expected_version: int | None
    look_ups: Mapping[str, Any]
    dry_run: bool
    input_position: tuple[str, int] | None
    reply: Reply
    known_by: KnownBy
    """The hashes of this very command, and of the message that it came in."""
    decision_id: str = field(default_factory=_random_id)
    ids: Ids = field(default_factory=present_ids)
    asked_at: float = field(default_factory=time.perf_counter)
    message_hash: str = ""
    """The hash of the body as it came: by it a repeat is known that can no longer be read as the command."""
    message_type: str = ""
    """The type of what came, where it is a body of which a hash is kept."""
    unable: str = ""
    """The code under which it is refused because it could not be carried out: what was decided is larger than a topic takes,
    or, of a group's entry, anything that would stop the others."""

    @property
    def of_client(self) -> bool:
        """Whether it is decided on a pathway."""
        return self.kind.of_client


@dataclass(slots=True, eq=False)
class NoteJob:
    """What is recorded under an id without being decided: that a message is held, quarantined or refused before it became a
    command, or that a redelivery was asked for."""

    event: Event
    caller: Caller
    command_id: str
    content_hash: str
    input_position: tuple[str, int] | None
    reply: Reply
    known_by: KnownBy
    """The hashes of this very message."""
    dry_run: bool = False
    decision_id: str = field(default_factory=_random_id)
    ids: Ids = field(default_factory=present_ids)
    asked_at: float = field(default_factory=time.perf_counter)

    @property
    def final(self) -> bool:
        """Whether no other answer follows."""
        return not isinstance(self.event, MessageHeld)


@dataclass(slots=True, eq=False)
class GroupJob:
    """A message of many entries, each decided alone under an id of its own: all are recorded together, with one answer under
    the message's own id behind them. Said again it decides nothing. The entries' answers go to their own replies."""

    message_type: str
    entries: Sequence[CommandJob | NoteJob]
    caller: Caller
    command_id: str
    content_hash: str
    dry_run: bool
    input_position: tuple[str, int] | None
    reply: Reply
    known_by: KnownBy
    """The hashes of this very message."""
    decision_id: str = field(default_factory=_random_id)
    ids: Ids = field(default_factory=present_ids)
    asked_at: float = field(default_factory=time.perf_counter)


@dataclass(slots=True, eq=False)
class AppendJob:
    """Sealed records of a follower: (name, from, to) is its position, compared and set, and so is each of `also`: one that
    moves from where it is to where it is is only compared. Where nothing stands between its position and its own records,
    and `over_own` says so, the position moves over them. `ends` are streams that must end where they did when it looked."""

    records: Sequence[Record]
    tracking: tuple[str, int, int]
    reply: Reply
    also: Sequence[tuple[str, int, int]] = ()
    over_own: bool = False
    ends: Mapping[str, int] = field(default_factory=dict)
    reached: int = 0
    """Where the position is afterwards."""


Told: TypeAlias = CommandJob | NoteJob | GroupJob
"""What is answered under an id."""
Job: TypeAlias = Told | AppendJob
Outcome: TypeAlias = tuple[Job, Answer | None]


class TooLarge(Exception):
    """What was decided is larger than a record on a topic may be."""


class JobFailed(Exception):
    """One job cannot be carried out; the others of its batch can."""

    def __init__(self, job: Job, error: BaseException) -> None:
        super().__init__(str(error))
        self.job = job
        self.error = error


def single(jobs: Sequence[Job]) -> list[CommandJob | NoteJob]:
    """What is decided one by one: the entries stand for their group."""
    told = [job for job in jobs if not isinstance(job, AppendJob)]
    return [one for job in told for one in (job.entries if isinstance(job, GroupJob) else (job,))]


def new_future() -> Future[Any]:
    """A reply for a thread."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
