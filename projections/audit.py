"""What an auditor recomputes from the feed: chains that must close, decisions that must come out the same.

Pure functions over records, from the store or from the events topic alone. Nothing is repaired; every fault names its
position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from domain.catalogue import DIRECTORY_EVENTS
from domain.context import Context, Draft
from domain.decided import Decision
from domain.directory import Directory, enter
from domain.disclosure.kept import kept_publication, recipient_of
from domain.disclosure.publications import FIRST_HASH
from domain.disclosure.publish import commitment
from domain.events import (
    AnswerWithdrawn,
    DisclosureMade,
    DisclosureWithdrawn,
    EpochOpened,
    Erased,
    Event,
    GroupAnswered,
    MessageHeld,
    MessageQuarantined,
    PublicationsAcknowledged,
    RedeliveryRequested,
)
from domain.message_fields import renamed
from domain.pathway import Pathway, evolve
from domain.record import DECISION, Damaged, Record, digest, fact_of
from domain.refusals import Refused
from domain.rulebook import COMMANDS
from domain.rules import RuleSet
from domain.streams import is_client_stream
from projections.timeline import Open, plain_fields

UNDECIDED = frozenset(
    note.NAME
    for note in (
        AnswerWithdrawn, EpochOpened, GroupAnswered, MessageHeld, MessageQuarantined, PublicationsAcknowledged,
        RedeliveryRequested,
    )
)  # fmt: skip
"""Notes: recorded without a decision, as tellings are."""

OpenDecision: TypeAlias = Callable[[Record], Decision | None]
"""Gives the stored decision of its first event, none once it is erased."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Where something does not add up, and what."""

    position: int
    stream: str
    what: str


@dataclass(frozen=True, slots=True)
class Rerun:
    """One stored decision run again. `same` is none where that cannot be done, with the reason in `not_run`.

    `differences` name what was recorded and what the decision gives now; `event_ids` are the events that were recorded.
    """

    position: int
    command: str
    command_id: str
    client: str | None
    recorded_at: datetime
    ruleset_version: str
    event_ids: tuple[str, ...]
    same: bool | None
    not_run: Literal["refused", "erased"] | None = None
    differences: tuple[str, ...] = ()


@dataclass(slots=True)
class _Answers:
    """The answers so far: a sender's line is without holes, and a command of a person has one final answer (design D13)."""

    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    given: set[tuple[str, str, str, str]] = field(default_factory=set)

    def faults(self, record: Record) -> Iterator[str]:
        header = record.header
        if header.answer_number is None:
            return
        sender = header.actor_org, header.actor_task
        before = self.numbers.get(sender, 0)
        if header.answer_number != before + 1:
            yield f"answer {header.answer_number} of {'/'.join(sender)} follows {before}"
        self.numbers[sender] = header.answer_number
        if header.name != MessageHeld.NAME:
            command = (*sender, header.actor_person, header.command_id)
            if command in self.given:
                yield f"command {header.command_id} of {'/'.join(sender)} is answered twice"
            self.given.add(command)


def verify_chains(records: Iterable[Record], open_record: Open | None = None) -> list[ChainFault]:
    """Every break in the feed: positions, versions and answers without holes, hashes of streams, digests of sections, and
    with `open_record` that every section was sealed under this very header, the recipients' own chains of publications and
    their commitments to the facts told: what nobody without the keys can make fit another fact. Records must begin at
    position 1 and be in order.

    What was cut off at the end shows only beside what is known from elsewhere: the number of events.
    """
    faults: list[ChainFault] = []
    ends: dict[str, tuple[int, str]] = {}
    told: dict[str, str | None] = {}
    hashes: dict[str, str] = {}
    answers, ledger = _Answers(), ""
    epoch, expected = 0, 1
    for record in records:
        header = record.header

        def fault(what: str, at: Record = record) -> None:
            faults.append(ChainFault(at.position, at.header.stream, what))

        if record.position != expected:
            fault(f"position {record.position} follows {expected - 1}")
        if record.epoch < epoch:
            fault(f"epoch {record.epoch} follows {epoch}")
        epoch, expected = max(epoch, record.epoch), record.position + 1
        ledger = ledger or header.ledger
        if header.ledger != ledger:
            fault(f"an event of the ledger {header.ledger}")
        if header.event_id in hashes:
            fault("the event stands here a second time")
        hashes[header.event_id] = record.hash
        for what in answers.faults(record):
            fault(what)
        version, hash_ = ends.get(header.stream, (0, ""))
        if header.stream_version != version + 1:
            fault(f"version {header.stream_version} follows {version}")
        if header.previous_hash != hash_:
            fault("the previous hash is not that of the event before")
        ends[header.stream] = (header.stream_version, record.hash)
        for name in sorted(record.sections.keys() | header.section_digests.keys()):
            if name not in record.sections or digest(record.sections[name]) != header.section_digests.get(name):
                fault(f"section {name} is not the one that the header names")
        if open_record is not None:
            try:
                event = open_record(record)
            except Damaged as damaged:
                fault(str(damaged))
                continue
            if not recipient_of(header.stream):
                continue
            if isinstance(event, DisclosureMade | DisclosureWithdrawn):
                before = told.get(header.stream, FIRST_HASH)
                if before is not None and event.previous_publication_hash != before:
                    fault("the publication does not name the hash of the one before")
                told[header.stream] = kept_publication(record, event).hash
                source = hashes.get(event.source_event_id)
                if source is None:
                    fault("the fact that was told is not in the feed before it")
                elif event.commitment != commitment(event.commitment_salt, source):
                    fault("the fact that was told is another one than it was then")
            else:
                # What was told cannot be read any more: the chain goes on at the next one that can.
                told[header.stream] = None
    return faults


@dataclass(slots=True)
class _State:
    """The ledger as it was before the record at hand."""

    directory: Directory = field(default_factory=Directory)
    pathways: dict[str, Pathway] = field(default_factory=dict)

    def move(self, record: Record, event: Event | Erased) -> None:
        stream = record.header.stream
        if is_client_stream(stream):
            known = self.pathways.get(stream) or Pathway(stream)
            self.pathways[stream] = evolve(known, fact_of(record, event))
        elif record.header.name in DIRECTORY_EVENTS:
            self.directory = enter(self.directory, event, record.position)


def rerun_decisions(
    records: Iterable[Record],
    open_record: Open,
    open_decision: OpenDecision,
    *,
    rules: Callable[[str], RuleSet] = RuleSet.load,
    name_of: Callable[[str], str] = str,
) -> list[Rerun]:
    """Run every stored decision again, on the state, the register and the rules of its time, and compare the events with
    those that were recorded: content, not ciphertext. Records must be the whole feed from position 1, in order. What
    differs is said with the reader's own name for each reference (`name_of`).

    source: design D3, domain/pathway.md 4.5 I12
    """
    state, found = _State(), []
    for decided in _groups(records, open_record):
        first, _ = decided[0]
        if first.header.name == "command.refused":
            found.append(_not_run(decided, "refused", decided[0][1]))
        elif DECISION in first.sections:
            decision = open_decision(first)
            found.append(_run(decision, decided, state, rules, name_of) if decision else _not_run(decided, "erased", None))
        elif first.header.name not in UNDECIDED and recipient_of(first.header.stream) is None:
            found.append(_without_decision(decided))
        for record, event in decided:
            state.move(record, event)
    return found


def _groups(records: Iterable[Record], open_record: Open) -> Iterator[list[tuple[Record, Event | Erased]]]:
    """The events of one decision together; every other record alone."""
    group: list[tuple[Record, Event | Erased]] = []
    for record in records:
        header = record.header
        if group:
            first = group[0][0]
            same = (header.command_id, header.actor_org, header.actor_task) == (
                first.header.command_id, first.header.actor_org, first.header.actor_task,
            )  # fmt: skip
            if not (
                DECISION in first.sections and same and DECISION not in record.sections and header.answer_number is None
            ):
                yield group
                group = []
        group.append((record, open_record(record)))
    if group:
        yield group


def _run(
    decision: Decision,
    decided: list[tuple[Record, Event | Erased]],
    state: _State,
    rules: Callable[[str], RuleSet],
    name_of: Callable[[str], str],
) -> Rerun:
    kind = COMMANDS.get(decision.command)
    if kind is None:
        return _rerun(decision, decided, [f"there is no command {decision.command} any more"])
    if state.directory.version != decision.directory_version:
        return _rerun(decision, decided, [f"the register is at {state.directory.version}, not {decision.directory_version}"])
    context = Context(
        decision.decision_id, decision.recorded_at, decision.caller, rules(decision.ruleset_version), state.directory,
        decision.look_ups,
    )  # fmt: skip
    of_client = kind.of_client and decision.client
    subject: Any = state.directory
    if of_client:
        subject = state.pathways.get(decision.client or "") or Pathway(decision.client or "")
    try:
        if decision.caller.role not in kind.roles:
            return _rerun(decision, decided, ["refused now: E_NOT_ENTITLED"])
        drafts = kind.decide(subject, kind.command.model_validate(decision.body), context)
    except Refused as refused:
        codes = ", ".join(reason.code for reason in refused.codes)
        return _rerun(decision, decided, [f"refused now: {codes}"])
    except (ValidationError, LookupError, ValueError) as error:
        return _rerun(decision, decided, [f"cannot be decided now: {type(error).__name__}: {error}"])
    return _rerun(decision, decided, list(_differences(decision, drafts, decided, name_of)))


SPOKEN = ("org", "task", "role", "person")
"""What the decision's own section and the header of each of its events say of who asked."""

REFERENCES = ("event_id", "causation", "corrects", "annuls")
"""Of the header those that name events."""


def _differences(
    decision: Decision,
    drafts: list[Draft],
    decided: list[tuple[Record, Event | Erased]],
    name_of: Callable[[str], str],
) -> Iterator[str]:
    for record, _ in decided:
        for name in SPOKEN:
            stated, asked = getattr(record.header, f"actor_{name}"), getattr(decision.caller, name)
            if stated != asked:
                yield f"{record.header.name} actor_{name}: recorded {stated!r}, asked by {asked!r}"
        if record.header.purpose != decision.caller.purpose:
            yield f"{record.header.name} purpose: recorded {record.header.purpose!r}, asked {decision.caller.purpose!r}"
    if len(drafts) != len(decided):
        yield f"{len(decided)} events were recorded, {len(drafts)} are decided now"
    for draft, (record, event) in zip(drafts, decided, strict=False):
        header, name = record.header, record.header.name
        if name != draft.event.NAME:
            yield f"{name} was recorded, {draft.event.NAME} is decided now"
            continue
        recorded, now = (renamed(plain_fields(each), type(draft.event), name_of) for each in (event, draft.event))
        for key in sorted(recorded.keys() | now.keys()):
            if recorded.get(key) != now.get(key):
                yield f"{name}.{key}: recorded {recorded.get(key)!r}, now {now.get(key)!r}"
        for key in ("event_id", "occurred_on", "matter", "flags", "warnings", "causation", "corrects", "annuls",
                    "valid_from_on", "valid_until_on"):  # fmt: skip
            stated, given = getattr(header, key), getattr(draft, key)
            if stated != given:
                if key in REFERENCES:
                    stated, given = (each and name_of(each) for each in (stated, given))
                yield f"{name} {key}: recorded {stated!r}, now {given!r}"


def _rerun(decision: Decision, decided: list[tuple[Record, Event | Erased]], differences: list[str]) -> Rerun:
    return Rerun(
        decision.position, decision.command, decision.command_id, decision.client, decision.recorded_at,
        decision.ruleset_version, tuple(record.header.event_id for record, _ in decided), not differences, None,
        tuple(differences),
    )  # fmt: skip


def _without_decision(decided: list[tuple[Record, Event | Erased]]) -> Rerun:
    """A fact that came with no decision: nobody may have asked for it."""
    header = decided[0][0].header
    client = header.stream if is_client_stream(header.stream) else None
    return Rerun(
        decided[0][0].position, "", header.command_id, client, header.recorded_at, header.ruleset_version,
        tuple(record.header.event_id for record, _ in decided), False, None, (f"{header.name}: no decision is kept for it",),
    )  # fmt: skip


def _not_run(
    decided: list[tuple[Record, Event | Erased]], why: Literal["refused", "erased"], event: Event | Erased | None
) -> Rerun:
    record = decided[0][0]
    header = record.header
    client = header.stream if is_client_stream(header.stream) else getattr(event, "subject_ref", None)
    return Rerun(
        record.position, getattr(event, "command", ""), header.command_id, client, header.recorded_at,
        header.ruleset_version, tuple(each.header.event_id for each, _ in decided), None, why,
    )  # fmt: skip
