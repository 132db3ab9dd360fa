"""The one who writes: a thread that joins waiting jobs in one transaction, so that they share a commit (design D12).

Unknown outcomes are met by running the batch again: the ids of commands and the positions of followers tell what is
there already. source: domain/events.md 11.2, design D13
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from domain.counts import ANSWERED, COMMAND, COMMIT, RECORDED, REFUSED
from domain.envelopes import former_entry_id
from domain.log_ids import Concerning
from domain.pathway import Pathway
from domain.store.deciding.batch import Batch
from domain.store.deciding.chaining import chain
from domain.store.deciding.circumstances import Circumstances
from domain.store.deciding.jobs import (
    AppendJob,
    CommandJob,
    GroupJob,
    Job,
    JobFailed,
    LoopReply,
    Outcome,
    Told,
    TooLarge,
    single,
)
from domain.store.deciding.known import Known, Remembered
from domain.store.sealed.keys import KeyDestroyed, Keys, KeysLost
from domain.store.sealed.sealing import Sealer
from domain.store.tables.database import StoreUnavailable
from domain.store.tables.recorders import Lost, Recorder, Writing
from domain.store.tables.seen import EpochMoved, StoreWentBack, hash_of

log = logging.getLogger("kuty.store")

Published: TypeAlias = Callable[[], tuple[int, str] | None]
"""Answers with position and hash of the last event that was published, none before the first. Raises `StoreUnavailable`
where that cannot be known."""
NOTHING = (0, "")
"""Nothing was published yet."""
LARGEST_BATCH = 256
LULL_S = 0.001
"""Nobody has come for so long, in seconds: then nobody is waited for."""
PATIENCE_S = 5.0
"""How long a batch is tried again while the database does not answer."""
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0


class Writer:
    """The writer of one ledger in one process. Processes take turns by the ledger's lock."""

    def __init__(
        self, recorder: Recorder, known: Known, sealer: Sealer, keys: Keys, ledger: str, around: Circumstances,
        *, patience: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self._recorder = recorder
        self._known = known
        self._sealer = sealer
        self._keys = keys
        self._ledger = ledger
        self._around = around
        self._patience = patience
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._opening = threading.Lock()
        self._closed = False
        self._went_back = self._refused = False
        self._lost = ""
        """What was said last of keys that are lost."""
        self.published: Published | None = None

    def put(self, job: Job) -> None:
        """Let a job wait for its turn. Raises `StoreUnavailable` once the store is closed."""
        with self._opening:  # nobody comes to wait behind the end
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"writer-{self._ledger}", daemon=True)
                self._thread.start()
            self._waiting.put(job)

    def close(self) -> None:
        """Carry out what waits, then end."""
        with self._opening:
            self._closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                self._waiting.put(None)
        if thread is not None:
            thread.join()

    def check(self) -> None:
        """Whether what is written now would be taken; nothing is. It is asked for where the last was refused, and where the
        next is the first on its connection. Raises `StoreUnavailable`, `StoreWentBack`."""
        if self.published is not None and (self._refused or not self._recorder.connected):
            self._recorder.published(*(self.published() or NOTHING))
            self._recorder.head()  # on a connection that is looked at again

    def _run(self) -> None:
        ended, answered = False, 0
        while not ended:
            ended, answered = self._turn(answered)

    def _turn(self, answered: int) -> tuple[bool, int]:
        """One batch; whether it was the last, and of how many jobs. Nothing of them stays here while the next are waited
        for."""
        jobs, ended = self._gathered(answered)
        if jobs:
            self._settle(jobs)
        return ended, len(jobs)

    def _gathered(self, answered: int) -> tuple[list[Job], bool]:
        """The jobs of the next batch, and whether the writer is to end.

        Who was answered a moment ago often asks again at once: for as many jobs it is worth to wait a little, so that
        callers keep sharing one commit instead of falling apart into many.
        """
        jobs: list[Job] = []
        size = 0
        try:
            job = self._waiting.get()
            while job is not None:
                jobs.append(job)
                size += len(job.entries) if isinstance(job, GroupJob) else 1
                if size >= LARGEST_BATCH:
                    return jobs, False
                expected = len(jobs) < answered
                job = self._waiting.get(timeout=LULL_S) if expected else self._waiting.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _settle(self, jobs: list[Job]) -> None:
        give_up_at = time.monotonic() + self._patience
        pause = FIRST_PAUSE_S
        while jobs:
            try:
                outcomes = self._attempt(jobs)
                self._went_back = self._refused = False
                _hand_over(outcomes)
                _count(outcomes)
                return
            except JobFailed as failed:
                job = failed.job
                alone = any(job is one for one in jobs)
                if isinstance(job, CommandJob) and not job.unable and (not alone or isinstance(failed.error, TooLarge)):
                    job.unable = _code_of(job, failed.error)  # decided once more, and refused like anything that is wrong
                    continue
                lost = [one for one in jobs if job is one or (isinstance(one, GroupJob) and job in one.entries)]
                jobs = [one for one in jobs if one not in lost]
                _fail(lost, failed.error)
            except StoreWentBack as error:
                # That another epoch has begun is no fault: the process says so, and ends.
                if not self._went_back and not isinstance(error, EpochMoved):
                    log.critical("%s", error)
                self._went_back = self._refused = True
                _fail(jobs, error)
                return
            except KeysLost as error:
                # One job alone may need what is not there: the others are carried out.
                if len(jobs) == 1:
                    if str(error) != self._lost:
                        log.critical("%s", error)
                    self._lost = str(error)
                    _fail(jobs, error)
                else:
                    for job in jobs:
                        self._settle([job])
                return
            except (Lost, StoreUnavailable) as error:
                if time.monotonic() > give_up_at:
                    self._refused = True
                    _fail(jobs, StoreUnavailable(str(error)))
                    return
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            except Exception as error:
                # Nothing was committed. What was remembered may be what was wrong: read it again, one job at a time.
                with Concerning(jobs[0].ids if len(jobs) == 1 and not isinstance(jobs[0], AppendJob) else {}):
                    log.exception("a batch of %d failed", len(jobs))
                self._known.forget()
                if len(jobs) == 1:
                    _fail(jobs, error)
                else:
                    for job in jobs:
                        self._settle([job])
                return

    def _attempt(self, jobs: Sequence[Job]) -> list[Outcome]:
        told: list[Told] = [*single(jobs), *(job for job in jobs if isinstance(job, GroupJob))]
        ids = [(job.caller.sender, name) for job in told for name in (job.command_id, former_entry_id(job.command_id))]
        wanted = [(*sender, name) for sender, name in ids if name]
        followers = [name for job in jobs if isinstance(job, AppendJob) for name, _, _ in (job.tracking, *job.also)]
        self._ask_what_was_published()
        begun_at = time.perf_counter()
        after = (self._known.head or None) if self._known.shares else None
        writing: Writing = self._recorder.begin(wanted, after, followers)
        try:
            batch = Batch(writing, self._known, self._around)
            batch.decide(jobs)
            rows = chain(batch, self._sealer, self._keys, self._ledger, self._recorder.inquiry.is_begun)
            if not rows and not batch.answers and not batch.tracking:
                writing.rollback()
                return batch.outcomes
            writing.write(rows, batch.answers, batch.tracking)
            # Before the commit: what another process writes after it must not seem looked for.
            committed_at = self._keys.clock()
            writing.commit(batch.head)
        except BaseException:
            writing.rollback()
            raise
        COMMIT.took(time.perf_counter() - begun_at)
        if rows:
            RECORDED.add(by=len(rows))
            self._recorder.seen.note(batch.head, hash_of(rows[-1].state))
        self._remember(batch, committed_at)
        return batch.outcomes

    def _ask_what_was_published(self) -> None:
        """Before anything is written on a new connection: what this process has not seen itself may have been published, and
        a database goes back between two connections."""
        if self.published is None or self._recorder.connected:
            return
        told = self.published()
        if told is not None:
            self._recorder.published(*told)

    def _remember(self, batch: Batch, committed_at: float) -> None:
        for stream, end in batch.ends.items():
            pathway: Pathway | None = batch.pathways.get(stream)
            if pathway is not None:
                self._known.remember(Remembered(pathway, end, batch.erasures, committed_at))
            else:
                self._known.keep_end(stream, end)
        self._known.advance(batch.head, batch.last_at, batch.directory, batch.numbers, batch.ended)


def _code_of(job: CommandJob, error: BaseException) -> str:
    """Why a command that cannot be carried out is refused. A mistake of ours refuses it alone (design D18)."""
    if isinstance(error, TooLarge):
        return "E_TOO_LARGE"
    if isinstance(error, KeyDestroyed):
        return "E_ERASED"
    with Concerning(job.ids):
        log.error("deciding a %s failed", job.kind.name, exc_info=error)
    return "E_INTERNAL"


def _hand_over(outcomes: Sequence[Outcome]) -> None:
    woken: dict[asyncio.AbstractEventLoop, list[LoopReply]] = {}
    for job, answer in outcomes:
        job.reply.set_result(answer)
        if isinstance(job.reply, LoopReply):
            woken.setdefault(job.reply.loop, []).append(job.reply)
    _wake(woken)


def _count(outcomes: Sequence[Outcome]) -> None:
    """After the answers are on their way: nobody waits for it."""
    now = time.perf_counter()
    took: list[float] = []
    became: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for job, answer in outcomes:
        if answer is None or isinstance(job, AppendJob) or job.dry_run:
            continue
        took.append(now - job.asked_at)
        became[answer.status] += 1
        if answer.codes:
            refused.update(reason.code for reason in answer.codes)
    COMMAND.all_took(took)
    for total, numbers in ((ANSWERED, became), (REFUSED, refused)):
        for label, number in numbers.items():
            total.add(label, by=number)


def _fail(jobs: Sequence[Job], error: BaseException) -> None:
    woken: dict[asyncio.AbstractEventLoop, list[LoopReply]] = {}
    for job in jobs:
        job.reply.set_exception(error)
        if isinstance(job.reply, LoopReply):
            woken.setdefault(job.reply.loop, []).append(job.reply)
    _wake(woken)


def _wake(woken: dict[asyncio.AbstractEventLoop, list[LoopReply]]) -> None:
    for loop, replies in woken.items():
        # One wake-up for all tasks of a loop; a loop that has ended wants nothing any more.
        try:
            loop.call_soon_threadsafe(_hand_all, replies)
        except RuntimeError:
            log.warning("%d answers came after their loop had ended", len(replies))


def _hand_all(replies: Sequence[LoopReply]) -> None:
    for reply in replies:
        reply.hand_over()
