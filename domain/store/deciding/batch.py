"""One batch of the writer: decide every job against what is committed and what the jobs before it decided, then seal.

Nothing here is remembered until the transaction has committed; a batch whose outcome is unknown is simply run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.answers import Answer, OwnVersion, refused_answer
from domain.catalogue import DIRECTORY_EVENTS, type_of
from domain.context import Caller, Context, Draft, name_based_id
from domain.directory import enter
from domain.envelopes import former_entry_id
from domain.events import (
    CommandRefused,
    FactCorrected,
    FactInTheWay,
    MessageHeld,
    MessageQuarantined,
    MessageSettled,
    PayloadKeyDestroyed,
)
from domain.pathway import Fact, Pathway, evolve
from domain.receipts import answer_of_group, answer_of_refusal, facts_told, group_answered, parts_begun
from domain.refusals import Reason, Refused
from domain.store.deciding.circumstances import Circumstances
from domain.store.deciding.jobs import AppendJob, CommandJob, GroupJob, Job, JobFailed, NoteJob, Outcome, Told, single
from domain.store.deciding.kept_answers import answer_of, hashes_of, kept, refusal_event, still_waiting
from domain.store.deciding.known import NOTHING, End, Known, Remembered
from domain.store.sealed.keys import KeyDestroyed
from domain.store.tables.recorders import AnswerRow, Conflict, Row, Sender, Writing
from domain.streams import LEDGER_MATTER, LEDGER_STREAM, refusals_of, stream_of


@dataclass(slots=True)
class Staged:
    """An event that has its place but is not sealed yet."""

    job: Told
    draft: Draft
    type: str
    stream: str
    version: int
    position: int
    recorded_at: datetime
    ruleset: str
    directory: str
    content_hash: str | None = None
    message_hash: str = ""
    number: int | None = None
    decision: dict[str, Any] | None = None
    target_type: str | None = None


class Batch:
    """The jobs of one transaction. After `decide`, `staged` and `appended` lie in `order` of their positions."""

    def __init__(self, writing: Writing, known: Known, around: Circumstances) -> None:
        self.erasures = known.erasures
        known.catch_up(writing)
        self.head = known.head
        self.last_at = known.last_at
        self.directory = known.directory(known.head)
        self.order: list[Staged | Row] = []
        self.answers: list[AnswerRow] = []
        self.tracking: dict[str, int] = {}
        self.numbers: dict[Sender, int] = {}
        self.ends: dict[str, End] = {}
        self.pathways: dict[str, Pathway] = {}
        self.outcomes: list[Outcome] = []
        self.ended: set[str] = set()
        self._committed = known.head
        self._writing = writing
        self._known = known
        self._around = around
        self._remembered: dict[str, Remembered] = {}
        self._given: dict[tuple[str, str, str], list[AnswerRow]] = {}

    def decide(self, jobs: Sequence[Job]) -> None:
        """Decide the jobs in order. Raises `JobFailed` for one that cannot be carried out at all, `Lost`."""
        for row in self._writing.answers():
            self._given.setdefault((row.sender_org, row.sender_task, row.command_id), []).append(row)
        clients = {job.client for job in single(jobs) if isinstance(job, CommandJob) and job.of_client and job.client}
        if clients:
            self._remembered = self._known.pathways(self._writing, clients)
        answer: Answer | None
        for job in jobs:
            try:
                match job:
                    case AppendJob():
                        self._append(job)
                        answer = None
                    case GroupJob():
                        answer = self._answer_group(job)
                    case _:
                        answer = self._answer(job)
            except Conflict as error:
                raise JobFailed(job, error) from error
            self.outcomes.append((job, answer))

    def end_of(self, stream: str) -> End:
        """The end of a stream with what this batch adds; the hash is set when the events are sealed."""
        end = self.ends.get(stream)
        if end is None:
            remembered = self._remembered.get(stream)
            end = self.ends[stream] = remembered.end if remembered else self._known.end(self._writing, stream)
        return end

    def remembered_end(self, stream: str) -> End:
        """The end of a stream as committed before this batch."""
        remembered = self._remembered.get(stream)
        return remembered.end if remembered else self._known.ends.get(stream, NOTHING)

    def _answer(self, job: CommandJob | NoteJob) -> Answer:
        repeat = self._repeat(job)
        if repeat is not None:
            return repeat
        self.last_at = at = self._around.time_of(self.directory, self.last_at, job)
        return self._note(job, at) if isinstance(job, NoteJob) else self._decide(job, at)

    def _answer_group(self, job: GroupJob) -> Answer:
        """The answer under the group's own id; the entries' are handed over before it."""
        known = self._repeat(job)
        if known is not None:
            # Nothing is decided again. What an entry without effect was told stands in the group's answer alone.
            again = [self._repeat(one) or Answer("already_recorded") for one in job.entries]
            self.outcomes += zip(job.entries, again, strict=True)
            return known
        answers = [self._answer(one) for one in job.entries]
        self.outcomes += zip(job.entries, answers, strict=True)
        event = group_answered(job.message_type, answers)
        if job.dry_run:
            return answer_of_group(event)
        self.last_at = at = self._around.time_of(self.directory, self.last_at, job)
        today = Context(job.decision_id, at, job.caller, self._around.rules_of(self.directory), self.directory)
        draft = today.draft(event, today.today, LEDGER_MATTER)
        return self._record(job, [draft], LEDGER_STREAM, at, answer_of_group(event))

    def _note(self, job: NoteJob, at: datetime) -> Answer:
        answer, stream = Answer("recorded"), LEDGER_STREAM
        match job.event:
            case CommandRefused():
                answer, stream = answer_of_refusal(job.event), refusals_of(job.caller)
            case MessageHeld():
                answer = Answer("waiting")
            case MessageQuarantined():
                answer = Answer("quarantined")
        if job.dry_run:
            return answer
        today = Context(job.decision_id, at, job.caller, self._around.rules_of(self.directory), self.directory)
        draft = today.draft(job.event, today.today, LEDGER_MATTER)
        return self._record(job, [draft], stream, at, answer, final=job.final)

    def _repeat(self, job: Told) -> Answer | None:
        """The answer that was given under the id before, to a system whoever it named, to anybody else for himself alone.

        Of what was kept without its person only what is the same is taken for the caller's own.
        """
        sender, before = job.caller.sender, former_entry_id(job.command_id)
        given = self._given.get((*sender, job.command_id), ())
        # The former id of an entry may be a message's own: only what is the same is taken for it.
        former = self._given.get((*sender, before), ()) if before else ()
        if not (given or former):
            return None
        waits = isinstance(job, NoteJob) and not job.final
        rows = [*(row for row in given if row.final), *still_waiting(given)]
        former = [row for row in former if row.final] or former
        same = next((row for row in (*rows, *former) if not job.known_by().isdisjoint(hashes_of(row))), None)
        if same is None:
            taken = any(job.caller.any_person or row.person == job.caller.person for row in rows)
            return Answer("refused", codes=(Reason("E_KEY_REUSED"),)) if taken else None
        if not (same.final or waits):
            return None  # the message that waited gets its last answer
        answer = answer_of(same)
        # A commit whose answer was lost on the way: this is no repeat, it is the first answer.
        ours = name_based_id(job.decision_id, "event#1")
        return answer if any(event_id == ours for event_id, _, _ in answer.events) else answer.repeated()

    def _decide(self, job: CommandJob, at: datetime) -> Answer:
        rules = self._around.rules_of(self.directory)
        context = Context(job.decision_id, at, job.caller, rules, self.directory, job.look_ups)
        pathway = self._pathway(job.client) if job.of_client and job.client else None
        try:
            if job.caller.role not in job.kind.roles:
                raise Refused(Reason("E_NOT_ENTITLED"))
            if job.unable:
                raise Refused(Reason(job.unable))
            if pathway is not None and job.expected_version not in (None, self._expected(pathway, job)):
                # Nothing was judged: the id is not taken, and the command may come again with what has been read by then.
                return Answer("refused", codes=(Reason("E_STALE_IF_MATCH"),), client=job.client)
            drafts = job.kind.decide(pathway if pathway is not None else self.directory, job.command, context)
        except Refused as refused:
            return self._refuse(job, refused, context, pathway)
        except Exception as error:
            raise JobFailed(job, error) from error
        if not drafts:
            return self._without_effect(job, context, pathway)
        if pathway is not None and any(pathway.is_destroyed(draft.matter) for draft in drafts):
            # The record says so already, and the key goes with the next look at the record.
            raise JobFailed(job, KeyDestroyed(pathway.client))
        answer = Answer(
            "recorded",
            references=parts_begun(draft.event for draft in drafts),
            warnings=tuple(dict.fromkeys(warning for draft in drafts for warning in draft.warnings)),
            client=job.client if job.of_client else None,
        )
        if job.dry_run:
            events = tuple((draft.event_id, draft.event.NAME, 0) for draft in drafts)
            return Answer("recorded", events=events, warnings=answer.warnings, client=job.client)
        decision = {
            "decision_id": job.decision_id,
            "command": job.kind.name,
            "body": job.body,
            "client": job.client,
            "caller": _spoken(job.caller),
            "look_ups": dict(job.look_ups),
        }
        return self._record(job, drafts, job.client if job.of_client else None, at, answer, decision=decision)

    def _without_effect(self, job: CommandJob, context: Context, pathway: Pathway | None) -> Answer:
        """What is recorded already needs no event, and its answer no number. A message that waited was promised a last one:
        that is recorded, for nobody is there any more to be told it at once."""
        if self._waited(job) and not job.dry_run:
            settled = MessageSettled(message_type=job.message_type)
            draft = self._fresh(context).draft(settled, context.today, LEDGER_MATTER)
            return self._record(job, [draft], LEDGER_STREAM, context.recorded_at, Answer("already_recorded"))
        version, own = (pathway.version, self._own_version(pathway, job)) if pathway else (0, 0)
        idle = Answer("already_recorded", client=job.client, stream_version=version, position=self.head, own_version=own)
        if not job.dry_run:
            self._keep(job, idle, self.head, type_name=job.message_type or job.kind.name)
        return idle

    def _waited(self, job: CommandJob) -> bool:
        """Whether its sender was told that this very message waits, and has no last answer yet."""
        given = self._given.get((*job.caller.sender, job.command_id), ())
        return any(not job.known_by().isdisjoint(hashes_of(row)) for row in still_waiting(given))

    def _fresh(self, context: Context) -> Context:
        """A context of its own: the ids must not depend on how far the decision came before it said no."""
        return Context(context.decision_id, context.recorded_at, context.caller, context.rules, self.directory)

    def _refuse(self, job: CommandJob, refused: Refused, context: Context, pathway: Pathway | None) -> Answer:
        facts = self._in_the_way(job, refused, pathway)
        if job.dry_run:
            return refused_answer(refused.codes, job.client, facts)
        subject = job.client if pathway is not None and pathway.version else None
        event = refusal_event(job.kind.name, refused.codes, job.content_hash, subject, facts)
        draft = self._fresh(context).draft(event, context.today, LEDGER_MATTER)
        return self._record(job, [draft], refusals_of(job.caller), context.recorded_at, answer_of_refusal(event))

    def _in_the_way(self, job: CommandJob, refused: Refused, pathway: Pathway | None) -> tuple[FactInTheWay, ...]:
        """The facts in the way of a command, as far as who asked was told of them."""
        if not refused.facts or pathway is None:
            return ()
        recipient = self.directory.recipient(*job.caller.sender)
        keys = [key for _, key in refused.facts]
        told = self._known.told(keys, pathway, recipient) if recipient else {}
        return facts_told(refused.facts, pathway, job.caller, told, self.directory.is_county(*job.caller.sender))

    def _record(
        self,
        job: Told,
        drafts: Sequence[Draft],
        stream: str | None,
        at: datetime,
        answer: Answer,
        *,
        decision: dict[str, Any] | None = None,
        final: bool = True,
    ) -> Answer:
        number = self._next_number(job.caller.sender)
        first = self.head + 1
        ruleset, version = self._around.rules_of(self.directory).version, self.directory.version
        events = []
        added: list[Staged] = []
        for draft in drafts:
            place = stream or stream_of(draft.event)
            end = self.end_of(place)
            self.ends[place] = End(end.version + 1, end.hash)
            self.head += 1
            staged = Staged(
                job, draft, type_of(draft.event), place, end.version + 1, self.head, at, ruleset, version
            )  # fmt: skip
            if isinstance(job, CommandJob) and job.of_client and place == job.client:
                self._evolve(staged, job.caller)
            elif draft.event.NAME in DIRECTORY_EVENTS:
                self.directory = enter(self.directory, draft.event, self.head)
            if isinstance(draft.event, PayloadKeyDestroyed):
                self.ended.add(draft.event.destroyed_matter)
            added.append(staged)
            events.append((draft.event_id, draft.event.NAME, self.head))
        self.order += added
        opening = added[0]
        opening.content_hash, opening.number, opening.decision = job.content_hash, number, decision
        opening.message_hash = _message_hash(job)
        evolved = self.pathways.get(answer.client or "") if answer.status == "recorded" else None
        numbered = Answer(
            answer.status, number, tuple(events), answer.codes, answer.references, answer.warnings, self.head,
            self.ends[self.order[-1].stream].version, answer.client, facts=answer.facts, more=answer.more,
            own_version=self._own_version(evolved, job) if evolved else 0, entries=answer.entries,
        )  # fmt: skip
        self._keep(job, numbered, first, final=final)
        self._track(job)
        return numbered

    def _keep(self, job: Told, answer: Answer, first: int, *, final: bool = True, type_name: str = "") -> None:
        """Keep an answer under the command's id: one without effect too, for its id is used up as any other: then its
        type is kept as well, for no event says it."""
        sender, person = job.caller.sender, job.caller.person
        row = AnswerRow(
            *sender, job.command_id, final, job.content_hash, answer.number, answer.status, first,
            kept(answer, _message_hash(job), type_name), person,
        )  # fmt: skip
        self.answers.append(row)
        self._given.setdefault((*sender, job.command_id), []).append(row)

    def _append(self, job: AppendJob) -> None:
        name, expected, new = job.tracking
        rows = [(record, record.header) for record in job.records]
        places = {place: self._place_of(place) for place, _, _ in (job.tracking, *job.also)}
        over = new + len(rows) if job.over_own else new
        done = places[name] in (new, over) and all(places[place] == to for place, _, to in job.also)
        moves = any(to != at for _, at, to in (job.tracking, *job.also))
        if done and moves and all(self.end_of(h.stream).version >= h.stream_version for _, h in rows):
            if rows and self.end_of(rows[-1][1].stream).hash != rows[-1][0].hash:
                raise Conflict(f"{name} was taken to {new} by somebody else")
            # Committed already: the answer was lost on the way.
            job.reached = places[name]
            return
        looked_at = [(place, places[place], at) for place, at, _ in (job.tracking, *job.also)]
        looked_at += [(stream, self.end_of(stream).version, at) for stream, at in job.ends.items()]
        if moved := next((one for one in looked_at if one[1] != one[2]), None):
            raise Conflict("{} is at {}, not at {}".format(*moved))
        if rows:
            # What was sealed before the record said so does not stand behind it: the next look knows.
            ended = self._known.ended_by(self._committed)
            if late := next((h for _, h in rows if h.matter in ended or h.matter in self.ended), None):
                raise Conflict(f"{late.stream}: nothing is recorded in the matter {late.matter} any more")
        if job.over_own and new == self.head:
            new = over
        for record, header in rows:
            end = self.end_of(header.stream)
            if (end.version + 1, end.hash) != (header.stream_version, header.previous_hash):
                raise Conflict(f"{header.stream} ends at version {end.version}, not before {header.stream_version}")
            self.ends[header.stream] = End(header.stream_version, record.hash)
            self.head += 1
            self.last_at = max(self.last_at, header.recorded_at) if self.last_at else header.recorded_at
            self.order.append(Row(self.head, header.stream, header.stream_version, header.type, record.state, header.matter))
        job.reached = new
        self.tracking |= {place: to for place, at, to in ((name, expected, new), *job.also) if to != at}

    def _place_of(self, name: str) -> int:
        at = self.tracking.get(name)
        return self._writing.tracking((name,)).get(name, 0) if at is None else at

    def _pathway(self, client: str) -> Pathway:
        known = self.pathways.get(client)
        return known if known is not None else self._remembered[client].pathway

    def _evolve(self, staged: Staged, caller: Caller) -> None:
        draft = staged.draft
        pathway = self._pathway(staged.stream)
        if isinstance(draft.event, FactCorrected):
            target = pathway.facts.get(draft.event.target_event_id)
            if target is None:
                raise JobFailed(staged.job, LookupError(f"no fact {draft.event.target_event_id} to correct"))
            staged.target_type = f"{target.event.NAME}.v{target.event.VERSION}"
        fact = Fact(
            draft.event_id, draft.event, draft.occurred_on, staged.recorded_at, staged.position, staged.version,
            draft.matter, caller.org, caller.task, caller.role, caller.person, staged.job.command_id,
        )  # fmt: skip
        self.pathways[staged.stream] = evolve(pathway, fact)

    @staticmethod
    def _own_version(pathway: Pathway, job: Told) -> int:
        return pathway.version_for(job.caller.task, job.caller.org, job.caller.role)

    def _expected(self, pathway: Pathway, job: CommandJob) -> int:
        own = isinstance(job.expected_version, OwnVersion)
        return self._own_version(pathway, job) if own else pathway.version

    def _next_number(self, sender: Sender) -> int:
        last = self.numbers.get(sender)
        if last is None:
            last = self._known.numbers.get(sender)
        if last is None:
            last = self._writing.numbers((sender,)).get(sender, 0)
        self.numbers[sender] = last + 1
        return last + 1

    def _track(self, job: Told) -> None:
        if job.input_position is not None and not job.dry_run:
            name, position = job.input_position
            self.tracking[name] = max(position, self.tracking.get(name, 0))


def _message_hash(job: Told) -> str:
    return job.message_hash if isinstance(job, CommandJob) else ""


def _spoken(caller: Caller) -> Mapping[str, str]:
    return {
        "org": caller.org,
        "task": caller.task,
        "role": caller.role,
        "person": caller.person,
        "purpose": caller.purpose,
    }
