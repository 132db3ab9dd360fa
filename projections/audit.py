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
from domain.disclosure.kept import recipient_of
from domain.events import (
    AnswerWithdrawn,
    EpochOpened,
    Erased,
    Event,
    GroupAnswered,
    MessageHeld,
    MessageQuarantined,
    MessageSettled,
    PublicationsAcknowledged,
    RedeliveryRequested,
)
from domain.message_fields import renamed
from domain.pathway import Pathway, evolve
from domain.record import DECISION, Record, fact_of
from domain.refusals import Refused
from domain.rulebook import COMMANDS
from domain.rules import RuleSet
from domain.streams import is_client_stream
from projections.chains import verify_chains as verify_chains
from projections.registers import Registers
from projections.timeline import Open, plain_fields

UNDECIDED = frozenset(
    note.NAME
    for note in (
        AnswerWithdrawn, EpochOpened, GroupAnswered, MessageHeld, MessageQuarantined, MessageSettled,
        PublicationsAcknowledged, RedeliveryRequested,
    )
)  # fmt: skip
"""Notes: recorded without a decision, as tellings are."""

OpenDecision: TypeAlias = Callable[[Record], Decision | None]
"""Gives the stored decision of its first event, none once it is erased."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """One stored decision run again. `same` is none where that cannot be done, with the reason in `not_run`: also where
    it comes out otherwise, and something of the client that was known then is erased.

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
class _State:
    """The ledger as it was before the record at hand. What `known` says of the register, it says of the whole feed."""

    known: Registers | None
    registers: Registers
    pathways: dict[str, Pathway] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    """Clients of whom something cannot be read any more: what was decided on it cannot be judged now."""

    def move(self, record: Record, event: Event | Erased) -> None:
        stream = record.header.stream
        if is_client_stream(stream):
            pathway = self.pathways.get(stream) or Pathway(stream)
            self.pathways[stream] = evolve(pathway, fact_of(record, event))
            if isinstance(event, Erased):
                self.erased.add(stream)
        elif self.known is None and record.header.name in DIRECTORY_EVENTS:
            self.registers.enter(event, record.position)


def rerun_decisions(
    records: Iterable[Record],
    open_record: Open,
    open_decision: OpenDecision,
    *,
    rules: Callable[[str], RuleSet] = RuleSet.load,
    name_of: Callable[[str], str] = str,
    registers: Registers | None = None,
) -> list[Rerun]:
    """Run every stored decision again, on the state, the register and the rules of its time, and compare the events with
    those that were recorded: content, not ciphertext. Records must be the whole feed from position 1, in order; with
    `registers`, the register of the whole feed, whole streams are enough. What differs is said with the reader's own name
    for each reference (`name_of`).

    source: design D3, domain/pathway.md 4.5 I12
    """
    state, found = _State(registers, registers or Registers()), []
    for decided in _groups(records, open_record):
        first, _ = decided[0]
        if first.header.name == "command.refused":
            found.append(_not_run(decided, "refused", decided[0][1]))
        elif DECISION in first.sections:
            decision = open_decision(first)
            rerun = _run(decision, decided, state, rules, name_of) if decision else None
            hangs = first.header.stream in state.erased and (rerun is None or not rerun.same)
            found.append(_not_run(decided, "erased", None) if rerun is None or hangs else rerun)
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
        # What was told is audited by itself, and need not be opened here.
        told = recipient_of(header.stream) is not None
        group.append((record, Erased(header.name) if told else open_record(record)))
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
    directory = state.registers.before(decision.position)
    if directory.version != decision.directory_version:
        return _rerun(decision, decided, [f"the register is at {directory.version}, not {decision.directory_version}"])
    context = Context(
        decision.decision_id, decision.recorded_at, decision.caller, rules(decision.ruleset_version), directory,
        decision.look_ups,
    )  # fmt: skip
    of_client = kind.of_client and decision.client
    subject: Any = directory
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
