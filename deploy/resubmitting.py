"""The commands of a history that was given up, decided again in their order, each once under its own id (design D21).

Broken off, it is given again: what was decided is not decided twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from deploy.given_up import GivenUp
from deploy.wiring import Wired
from domain.answers import Answer
from domain.decided import decision_of
from domain.record import Record
from domain.store import Given, NoSuchCommand, Sealer
from domain.streams import is_client_stream

Came = Literal["recorded", "already recorded", "refused", "not decided"]


class Line(NamedTuple):
    """What came of one answer that was given up."""

    given: Given
    came: Came
    why: str

    def __str__(self) -> str:
        org, task = self.given.sender
        number = f"answer {self.given.number}" if self.given.number is not None else "an answer without number"
        who = f"{self.given.own_id} of {org}/{task} ({self.given.person}), {number}, {self.given.type}"
        return f"{who}: {self.came}{f', {self.why}' if self.why else ''}"


WHY_NOT = {
    "refused": "of what was refused nothing was kept: its sender may send it again",
    "waiting": "it waits in the vault, and intake tries it again by itself",
    "quarantined": "of bytes that cannot be read nothing was kept",
    "already_recorded": "of what had no effect nothing was kept: its sender may send it again",
    "withdrawn": "it was withdrawn already",
    "recorded": "it was noted without a decision: its sender may send it again",
}


def resubmitted(wired: Wired, given_up: GivenUp) -> Iterator[Line]:
    """Decide again, one by one. Raises `StoreUnavailable`: give it again."""
    answers = {given.position: given for given in given_up.answers if given.number is not None}
    idle = [given for given in given_up.answers if given.number is None]
    entries = {entry.subject_ref: entry for entry in given_up.clients}
    now: dict[str, str] = {}
    for record in given_up.events():
        stream = record.header.stream
        if record.header.stream_version == 1 and is_client_stream(stream) and stream in entries:
            # Who was entered meanwhile under another reference is the same person: the rest is about that one.
            now[stream] = wired.vault.enter_again(entries[stream])
        if given := answers.get(record.position):
            yield _decided(wired, record, given, now)
    for given in idle:
        yield Line(given, "not decided", WHY_NOT[given.status])


def _decided(wired: Wired, record: Record, given: Given, now: dict[str, str]) -> Line:
    decision = decision_of(record, Sealer(wired.keys).decision(record))
    if decision is None:
        erased = given.status == "recorded" and record.header.key_id not in wired.keys.get((record.header.key_id,))
        return Line(given, "not decided", "its key was destroyed" if erased else WHY_NOT[given.status])
    client = now.get(decision.client or "", decision.client)
    try:
        answer = wired.store.decide_again(decision, record.header, client)
    except NoSuchCommand as gone:
        return Line(given, "not decided", str(gone))
    return Line(given, *_came(answer))


def _came(answer: Answer) -> tuple[Came, str]:
    if answer.status == "already_recorded":
        return "already recorded", f"as answer {answer.number}" if answer.number is not None else ""
    if answer.status == "refused":
        return "refused", ", ".join(f"{reason.code} {reason.pointer}".rstrip() for reason in answer.codes)
    return "recorded", f"as answer {answer.number}"
