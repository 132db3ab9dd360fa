"""A new epoch of a ledger: one of two histories holds, the other one is void, and whoever was answered in it is told.

All of it is one transaction: what is taken over, what is taken out, `epoch.opened`, and behind it a withdrawn answer for
each that was given in the history that is void. source: design D21
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal, NamedTuple

from domain.answers import Status
from domain.catalogue import type_of
from domain.context import HELSINKI, Caller, Draft
from domain.directory import Directory
from domain.events import AnswerWithdrawn, EpochOpened, RecipientLine
from domain.record import Header, Record
from domain.store.deciding.chaining import Place, compose
from domain.store.deciding.circumstances import Circumstances
from domain.store.rebuild import WINDOW, Rebuilding
from domain.store.sealed.keys import Keys, key_id_of
from domain.store.sealed.sealing import Sealer
from domain.store.tables.reopening import Reopening
from domain.streams import LEDGER_MATTER, LEDGER_STREAM

Ground = Literal["adopted", "forked", "topic_lost"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What two persons chose. The first `size` events of the older epochs go on holding, the last of them has the hash
    `root`. `by` and `second` are staff references. `lines` are the recipients that were told something in the history that
    is void, with the epoch in which their publications go on."""

    ground: Ground
    by: str
    second: str
    old_epoch: int
    size: int
    root: str
    lines: Mapping[str, int]


class Given(NamedTuple):
    """An answer that was given in the history that is void. `own_id` is the id by which its sender knows it, `position` that
    of its first event there."""

    sender: tuple[str, str]
    command_id: str
    person: str
    role: str
    type: str
    status: Status
    number: int | None
    own_id: str
    position: int


class NewEpoch:
    """Opens an epoch in a transaction of the owner; whoever has it commits. `directory` is that of the history that holds,
    `last_at` the time of its last event, UTC."""

    def __init__(
        self, at: Reopening, rebuilding: Rebuilding, sealer: Sealer, keys: Keys, ledger: str, directory: Directory,
        last_at: datetime | None,
    ) -> None:  # fmt: skip
        self._at = at
        self._rebuilding = rebuilding
        self._sealer = sealer
        self._ledger = ledger
        self._directory = directory
        around = Circumstances()
        self._ruleset = around.rules_of(directory).version
        self._now = around.now(directory, last_at)
        key_id = key_id_of(LEDGER_MATTER)
        self._key = keys.get((key_id,)).get(key_id) or keys.create((LEDGER_MATTER,))[key_id]
        self._numbers: dict[tuple[str, str], int] = {}

    def take_over(self, records: Iterable[Record]) -> int:
        """Append what the store has lost: the same bytes at the same positions. Raises `Damaged`."""
        source, count = iter(records), 0
        while window := list(islice(source, WINDOW)):
            self._append(window)
            count += len(window)
        return count

    def open(self, choice: Choice, given: Sequence[Given], head: int) -> tuple[int, list[Given]]:
        """Append the opening behind `head`, and a withdrawn answer for each that was given in what is void and was not given
        in what holds; the epoch, and those answers."""
        lines = tuple(RecipientLine(recipient=name, recipient_epoch=n) for name, n in sorted(choice.lines.items()))
        event = EpochOpened(
            old_epoch=choice.old_epoch, old_size=choice.size, old_root=choice.root or None, epoch_ground=choice.ground,
            second_person_id=choice.second, lines=lines or None,
        )  # fmt: skip
        epoch = choice.old_epoch + 1
        operator = Caller(self._directory.organiser, "organiser", "system", choice.by)
        self._append([self._built(event, EpochOpened.STREAM, head + 1, operator, f"epoch {epoch}")])
        self._at.writing.write((), (), {})  # what was written is asked for: it may still be on its way
        withdrawn = [one for one in given if not self._answered(one)]
        for number, one in enumerate(withdrawn, 1):
            # One by one: each names the hash of the one before it.
            self._append([self._withdrawn(one, choice.old_epoch, head + 1 + number, f"withdrawn {epoch} {number}")])
        last = list(self._rebuilding.last_answer())
        self._at.make_way(last)
        self._at.writing.write((), last, {})
        self._at.begin_epoch(epoch)
        return epoch, withdrawn

    def _answered(self, one: Given) -> bool:
        """Whether what holds answers it too; that it waits is no answer to what had its last one."""
        return self._at.answered(one.sender, one.command_id, one.person, final=one.status != "waiting")

    def _withdrawn(self, one: Given, old_epoch: int, position: int, command_id: str) -> Record:
        event = AnswerWithdrawn(
            message_id=one.own_id, message_type=one.type[:60], old_status=one.status, old_number=one.number,
            old_epoch=old_epoch,
        )  # fmt: skip
        caller = Caller(*one.sender, one.role, one.person)
        return self._built(event, LEDGER_STREAM, position, caller, command_id, self._next_number(one.sender))

    def _next_number(self, sender: tuple[str, str]) -> int:
        before = self._numbers.get(sender)
        if before is None:
            before = self._at.writing.numbers((sender,)).get(sender, 0)
        self._numbers[sender] = before + 1
        return before + 1

    def _built(
        self, event: EpochOpened | AnswerWithdrawn, stream: str, position: int, caller: Caller, command_id: str,
        number: int | None = None,
    ) -> Record:  # fmt: skip
        end = self._rebuilding.end(stream, self._at.writing)
        draft = Draft(event, os.urandom(16).hex(), self._now.astimezone(HELSINKI).date(), LEDGER_MATTER)
        place = Place(self._ledger, stream, end.version + 1, end.hash, type_of(event), self._now)
        stated = {
            "ruleset_version": self._ruleset, "directory_version": self._directory.version, "answer_number": number,
        }  # fmt: skip
        composed = compose(self._sealer, self._key, place, draft, caller, command_id, stated)
        return Record(Header.from_bytes(composed.header), composed.header, composed.sections, position)

    def _append(self, records: list[Record]) -> None:
        # Where a follower stands is for whoever opens the epoch to say: it has read the whole history.
        rows, answers, _ = self._rebuilding.take(records, self._at.writing)
        self._at.make_way(answers)
        self._at.writing.write(rows, answers, {})

