"""The commands of a history that was given up, decided again in their order, each once under its own id (design D21).

Broken off, it is given again: what was decided is not decided twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from deploy.commands.printed import many, some
from deploy.given_up import GivenUp, NotGivenUp, SealedClient, open_client
from deploy.histories import begins_client
from deploy.wiring import Wired
from domain.answers import Answer
from domain.commands import Command
from domain.decided import decision_of
from domain.record import Record
from domain.refusals import explained
from domain.rulebook import COMMANDS
from domain.store import Given, KeyDestroyed, NoSuchCommand, Sealer, StoreUnavailable, let_go, taken_up
from domain.streams import is_client_stream

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


NOBODY = "nobody can say who the client is: its key was destroyed or lost, or the vault had no entry to be read"
ERASED = "its key was destroyed or lost"
NO_LONGER = "it waited, and does not wait in the vault now: where it has no other answer, its sender may send it again"
WHY_NOT = {
    "refused": "of what was refused nothing was kept: its sender may send it again",
    "waiting": "it waits in the vault, and intake tries it again by itself",
    "quarantined": "of bytes that cannot be read nothing was kept",
    "already_recorded": "of what had no effect nothing was kept: its sender may send it again",
    "withdrawn": "it was withdrawn already",
    "recorded": "it was noted without a decision: its sender may send it again",
}


def note_lost(wired: Wired, given_up: GivenUp, lost_for_good: bool) -> None:
    """Nothing is decided while a key is not there under which something was given up: what comes later may depend on it,
    and would be refused for good. Raises `NotGivenUp`; keys that are `lost_for_good` are noted as that instead, as `kuty
    restore` does it with those under which something is recorded."""
    nobody, answered = _nobody(wired, given_up), {given.position for given in given_up.answers}
    matters = {
        record.header.key_id: record.header.matter
        for record in given_up.events()
        if (record.position in answered or is_client_stream(record.header.stream)) and record.header.stream not in nobody
    }
    lost = [key_id for key_id in wired.keys.lost(matters) if not wired.store.of_matter([matters[key_id]])]
    if lost and not lost_for_good:
        raise NotGivenUp(
            f"{many(len(lost), 'key is', 'keys are')} not there under which something was given up ({some(lost)}), and what"
            " depends on it would be refused for good: put the newest keys in their place; where they are lost for good,"
            " give the command again with --lost-for-good"
        )
    wired.keys.give_up(lost)


def resubmitted(wired: Wired, given_up: GivenUp) -> Iterator[Line]:
    """Decide again, one by one. Who does not become a client again leaves the vault, unless somebody else holds the entry;
    broken off, it leaves there whom it has entered. Raises `StoreUnavailable`: give it again; `NotGivenUp`."""
    answers = {given.position: given for given in given_up.answers if given.number is not None}
    idle = [given for given in given_up.answers if given.number is None]
    clients = {client.subject_ref: client for client in given_up.clients}
    nobody = _nobody(wired, given_up)
    now: dict[str, str] = {}
    ours: dict[str, bytes] = {}
    for record in given_up.events():
        stream = record.header.stream
        if begins_client(record) and stream in clients and stream not in nobody:
            # Before it is decided, as any registration. Who was entered meanwhile under another reference is the same
            # person: the rest is about that one.
            if taken := _entered(wired, clients[stream], ours):
                now[stream] = taken
            else:
                nobody.add(stream)
        if (given := answers.get(record.position)) and stream in nobody:
            yield Line(given, "not decided", NOBODY)
        elif given:
            yield _decided(wired, record, given, now)
    for given in idle:
        yield _not_decided(wired, given)
    let_go(wired.store.stream_version, wired.vault, ours)


def _nobody(wired: Wired, given_up: GivenUp) -> set[str]:
    """Those who became clients in what was given up, and of whom the file does not say who they are."""
    known = {client.subject_ref for client in given_up.clients if client.sealed}
    began = {record.header.stream for record in given_up.events() if begins_client(record)}
    return {client for client in began - known if not wired.store.stream_version(client)}


def _entered(wired: Wired, client: SealedClient, ours: dict[str, bytes]) -> str | None:
    """Under which reference a client is in the vault now: none for one who is erased, or whose entry cannot be read. `ours`
    tells how those entries are sealed that nobody else has taken up since they were given up."""
    key = wired.keys.opening((client.key_id,)).get(client.key_id)
    if key is None:
        return None
    entry = open_client(client, key)
    taken = taken_up(wired.store, wired.vault, lambda: wired.vault.enter_again(entry))
    if taken.was == entry.sealed != taken.sealed:
        ours[taken.reference] = taken.sealed
    return taken.reference if taken.sealed or wired.store.stream_version(taken.reference) else None


def _not_decided(wired: Wired, given: Given) -> Line:
    if given.status == "waiting" and not wired.vault.holds(*given.sender, given.own_id):
        return Line(given, "not decided", NO_LONGER)
    return Line(given, "not decided", WHY_NOT[given.status])


def _decided(wired: Wired, record: Record, given: Given, now: dict[str, str]) -> Line:
    try:
        decision = decision_of(record, Sealer(wired.keys).decision(record))
        if decision is None:
            erased = given.status == "recorded" and record.header.key_id not in wired.keys.get((record.header.key_id,))
            return Line(given, "not decided", ERASED) if erased else _not_decided(wired, given)
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
        return Line(given, "not decided", ERASED)
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
