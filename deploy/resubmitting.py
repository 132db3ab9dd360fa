"""The commands of a history that was given up, decided again in their order, each once under its own id (design D21).

Broken off, it is given again: what was decided is not decided twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from deploy.given_up import GivenUp, SealedClient, open_client
from deploy.wiring import Wired
from domain.answers import Answer
from domain.commands import Command
from domain.decided import decision_of
from domain.record import Record
from domain.refusals import explained
from domain.rulebook import COMMANDS
from domain.store import Given, KeyDestroyed, NoSuchCommand, Sealer, StoreUnavailable, let_go, taken_up

logger = logging.getLogger("kuty.resubmit")

Came = Literal["recorded", "already recorded", "refused", "not decided", "not carried out"]


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


NOBODY = "of who the client is nothing was kept, for the key was destroyed or lost"
WHY_NOT = {
    "refused": "of what was refused nothing was kept: its sender may send it again",
    "waiting": "it waits in the vault, and intake tries it again by itself",
    "quarantined": "of bytes that cannot be read nothing was kept",
    "already_recorded": "of what had no effect nothing was kept: its sender may send it again",
    "withdrawn": "it was withdrawn already",
    "recorded": "it was noted without a decision: its sender may send it again",
}


def resubmitted(wired: Wired, given_up: GivenUp) -> Iterator[Line]:
    """Decide again, one by one. Who does not become a client again leaves the vault, unless somebody else holds the entry;
    broken off, it leaves there whom it has entered. Raises `StoreUnavailable`: give it again; `NotGivenUp`."""
    answers = {given.position: given for given in given_up.answers if given.number is not None}
    idle = [given for given in given_up.answers if given.number is None]
    clients = {client.subject_ref: client for client in given_up.clients}
    nobody = {client.subject_ref for client in given_up.clients if not client.sealed}
    now: dict[str, str] = {}
    ours: dict[str, bytes] = {}
    for record in given_up.events():
        stream = record.header.stream
        if record.header.stream_version == 1 and stream in clients and stream not in nobody:
            # Before it is decided, as any registration. Who was entered meanwhile under another reference is the same
            # person: the rest is about that one.
            now |= _entered(wired, clients[stream], ours)
        if (given := answers.get(record.position)) and stream in nobody:
            yield Line(given, "not decided", NOBODY)
        elif given:
            yield _decided(wired, record, given, now)
    for given in idle:
        yield Line(given, "not decided", WHY_NOT[given.status])
    let_go(wired.store.stream_version, wired.vault, ours)


def _entered(wired: Wired, client: SealedClient, ours: dict[str, bytes]) -> dict[str, str]:
    """Under which reference a client is in the vault now; nothing for one who is erased. `ours` tells how those
    entries are sealed that nobody else has taken up since they were given up."""
    key = wired.keys.opening((client.key_id,)).get(client.key_id)
    if key is None:
        return {}
    entry = open_client(client, key)
    taken = taken_up(wired.store, wired.vault, lambda: wired.vault.enter_again(entry))
    if taken.was == entry.sealed != taken.sealed:
        ours[taken.reference] = taken.sealed
    return {client.subject_ref: taken.reference}


def _decided(wired: Wired, record: Record, given: Given, now: dict[str, str]) -> Line:
    try:
        decision = decision_of(record, Sealer(wired.keys).decision(record))
        if decision is None:
            erased = given.status == "recorded" and record.header.key_id not in wired.keys.get((record.header.key_id,))
            return Line(given, "not decided", "its key was destroyed" if erased else WHY_NOT[given.status])
        client = now.get(decision.client or "", decision.client)
        kind, then = COMMANDS.get(decision.command), decision.look_ups

        def look_ups(command: Command) -> Mapping[str, Any]:
            return wired.receiving.look_ups.again(kind, command, client, then) if kind is not None else then

        answer = wired.store.decide_again(decision, record.header, client, look_ups)
    except (StoreUnavailable, OSError, MemoryError):
        raise
    except NoSuchCommand as gone:
        return Line(given, "not decided", str(gone))
    except KeyDestroyed:
        return Line(given, "not decided", "its key was destroyed")
    except Exception as error:
        # A mistake of ours, or a damaged line, stops none of the others.
        logger.error("deciding a command again failed", exc_info=error)
        return Line(given, "not carried out", "and the log says why")
    return Line(given, *_came(answer))


def _came(answer: Answer) -> tuple[Came, str]:
    if answer.status == "already_recorded":
        return "already recorded", f"as answer {answer.number}" if answer.number is not None else ""
    if answer.status == "refused":
        return "refused", explained(answer.codes)
    return "recorded", f"as answer {answer.number}"
