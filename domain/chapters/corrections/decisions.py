"""Corrections: a recorded fact was wrong. The first account stays readable; the new one has to pass the same guards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import orjson
from pydantic import TypeAdapter, ValidationError

from domain import events as e
from domain.catalogue import fixed_in, in_todays_words
from domain.chapters.corrections.events import Correction, CorrectionReason, Mended
from domain.chapters.guards import (
    as_known_to_authority,
    day_of,
    entitled,
    is_client,
    not_ahead,
    of_county,
    parts_there,
    recorded,
)
from domain.chapters.judging import judged_again, no_longer_allowed
from domain.commands import ClientCommand, Command, CommandKind
from domain.context import Context, Draft
from domain.dates import FROM_OUTSIDE
from domain.event import ClientFact, Content, Never
from domain.message_fields import reasons_of
from domain.pathway import Fact, Pathway, revalued
from domain.refusals import Reason, Refusals, Refused


class FurtherCorrection(Mended):
    """One more wrong fact of the same client. `correction_reason`: none is that of the command."""

    correction_reason: CorrectionReason | None = None


class CorrectFact(Correction, ClientCommand):
    """Say how a recorded fact really was: the fields that change, whole new values, null where a field falls away.

    `further` are other facts of the same client that were wrong with it: all are judged together, and all or none recorded.
    """

    NAME = "correct_fact"
    OF_RECORDED = True
    further: tuple[FurtherCorrection, ...] | None = None


class _Mending(NamedTuple):
    """One fact and what is said of it; `at` is where that stands in the body."""

    at: str
    said: Mended
    reason: CorrectionReason
    target: Fact[e.Event]


def correct_fact(pathway: Pathway, command: CorrectFact, context: Context) -> list[Draft]:
    """Corrections by the facts' own organisation or the client's own worker, judged as if their author had said it so at
    first, with all that hangs on them. source: domain/pathway.md 4.4 row 45
    """
    no, on = Refusals(), day_of(command, context)
    mendings = _found(no, pathway, command, context)
    not_ahead(no, on, context)
    no.stop()
    mended = {mending.target.event_id: new for mending in mendings if (new := _as_it_was(no, mending))}
    no.stop()
    mendings = [m for m in mendings if _differs(m.target, mended[m.target.event_id])]
    mended = {m.target.event_id: mended[m.target.event_id] for m in mendings}
    after = revalued(pathway, mended.values())
    warnings = {m.at: _judge_again(no, m, mended[m.target.event_id], pathway, after, context) for m in mendings}
    no.stop()
    hanging = tuple(no_longer_allowed(pathway, after, mended, context)) if mended else ()
    if hanging:
        codes = dict.fromkeys(code for code, _ in hanging)
        raise Refused(
            *(Reason(code, "/target_event_id") for code in codes),
            facts=tuple((code, fact.event_id) for code, fact in hanging),
        )
    return [
        recorded(
            pathway,
            _correction(m, mended[m.target.event_id]),
            on,
            context,
            corrects=m.target.event_id,
            warnings=warnings[m.at],
        )
        for m in _sealed_safely(pathway, mendings)
    ]


def _found(no: Refusals, pathway: Pathway, command: CorrectFact, context: Context) -> list[_Mending]:
    """What is to be corrected: there, the caller's to correct, and of a kind that can be."""
    asked: list[tuple[str, Mended]] = [("", command), *((f"/further/{n}", m) for n, m in enumerate(command.further or ()))]
    found = []
    for at, said in asked:
        target = pathway.facts.get(said.target_event_id)
        # The fact of another client, or of nobody: whoever named it by a message of its own is told no more than that.
        if no.when(target is None, "E_TARGET", f"{at}/target_event_id") or target is None:
            continue
        reason = getattr(said, "correction_reason", None) or command.correction_reason
        # In the words of an older version, too: so were they said by systems that follow, and are kept of old decisions.
        new_values = said.new_values and in_todays_words(target.name, said.new_values)
        found.append(_Mending(at, said.model_copy(update={"new_values": new_values}), reason, target))
    no.stop()
    entitled(all(_may_correct(mending.target, context) for mending in found))
    seen: set[str] = set()
    for at, said, _, target in found:
        kind = type(target.event)
        never = issubclass(kind, ClientFact) and isinstance(kind.CORRECTED, Never)
        no.when(never, "E_NOT_CORRECTABLE", f"{at}/target_event_id")
        no.when(target.event_id in seen, "E_CONFLICT", f"{at}/target_event_id")
        seen.add(target.event_id)
        values = said.new_values or {}
        for name in sorted(fixed_in(kind) & values.keys()):
            no.when(values[name] != getattr(target.event, name, None), "E_NOT_CORRECTABLE", f"{at}/new_values/{name}")
    return found


def _may_correct(target: Fact[e.Event], context: Context) -> bool:
    caller = context.caller
    if is_client(context):
        return target.actor_person == caller.person
    return target.actor_org == caller.org or (of_county(context) and caller.role == "own_worker")


def _as_it_was(no: Refusals, mending: _Mending) -> Fact[e.Event] | None:
    """The fact with its new values; none, and a code for each of them, where some do not fit. What was recorded once and is
    not corrected now is not judged by forms that came later."""
    at, said, _, target = mending
    kind, values = type(target.event), said.new_values or {}
    whole = {**target.event.model_dump(mode="json"), **values}
    raw, kept = orjson.dumps(whole), whole.keys() - values.keys()
    try:
        event = kind.model_validate_json(raw, strict=True, context=FROM_OUTSIDE)
    except ValidationError as wrong:
        reasons = reasons_of(wrong.errors(include_url=False, include_context=False), whole)
        said_now = [reason for reason in reasons if reason.pointer[1:].partition("/")[0] not in kept]
        for reason in said_now:
            no.when(True, reason.code, f"{at}/new_values{reason.pointer}")
        if said_now:
            return None
        event = kind.model_validate_json(raw, strict=True)
    for name, asked in asked_as(kind).items():
        if values.get(name) is not None:
            try:
                asked.validate_json(orjson.dumps(values[name]), strict=True)
            except ValidationError:
                no.when(True, "E_FIELD_TYPE", f"{at}/new_values/{name}")
    follows = getattr(event, kind.OWN_DAY) if issubclass(kind, ClientFact) and kind.OWN_DAY in values else None
    return replace(target, event=event, occurred_on=said.corrected_occurred_on or follows or target.occurred_on)


@cache
def asked_as(kind: type[e.Event]) -> Mapping[str, TypeAdapter[Any]]:
    """The numbers that the commands of the same words take within narrower bounds than the fact keeps."""
    words = [cls for cls in kind.__mro__ if issubclass(cls, Content) and cls is not Content]
    commands = [cls for each in words for cls in each.__subclasses__() if issubclass(cls, Command)]
    found: dict[str, Any] = {
        name: command.model_fields[name].annotation
        for command in commands
        for name in vars(command).get("__annotations__", {}).keys() & kind.model_fields.keys()
    }
    return {name: TypeAdapter(annotation) for name, annotation in found.items() if _is_number(annotation)}


def _is_number(annotation: Any) -> bool:
    arms = [get_args(arm)[0] if get_origin(arm) is Annotated else arm for arm in get_args(annotation)]
    return any(arm in (int, float) for arm in arms)


def _differs(target: Fact[e.Event], new: Fact[e.Event]) -> bool:
    return (new.event, new.occurred_on) != (target.event, target.occurred_on)


def _judge_again(
    no: Refusals, mending: _Mending, new: Fact[e.Event], before: Pathway, after: Pathway, context: Context
) -> tuple[str, ...]:
    """Judge the corrected fact as if the first one had never been, in the pathway by which the corrector would be judged
    with the first one; returns its warnings. What stood before against a field that is not corrected refuses nothing:
    history may be older than a rule."""
    at = mending.at
    kept = type(new.event).model_fields.keys() - (mending.said.new_values or {}).keys()
    for reason in _of_nobody(after, new.event.model_copy(update=dict.fromkeys(kept))):
        no.when(True, reason.code, f"{at}/new_values{reason.pointer}")
    not_ahead(no, new.occurred_on, context, f"{at}/corrected_occurred_on")
    judgement = judged_again(new, as_known_to_authority(after, new.occurred_on, context), context)
    first, stood = mending.target, tuple[Reason, ...]()
    if judgement.reasons:
        stood = judged_again(first, as_known_to_authority(before, first.occurred_on, context), context).reasons
    corrected = {*(mending.said.new_values or {}), *(("occurred_on",) if new.occurred_on != first.occurred_on else ())}
    for reason in judgement.reasons:
        if reason in stood and reason.pointer and reason.pointer.split("/")[1] not in corrected:
            continue
        of_the_day = reason.pointer == "/occurred_on"
        no.when(True, reason.code, f"{at}/corrected_occurred_on" if of_the_day else f"{at}/new_values{reason.pointer}")
    return judgement.warnings


def _of_nobody(pathway: Pathway, said: e.Event) -> tuple[Reason, ...]:
    """The references to parts that this client has none of."""
    try:
        parts_there(pathway, said)
    except Refused as refused:
        return refused.codes
    return ()


def _correction(mending: _Mending, new: Fact[e.Event]) -> e.FactCorrected:
    moved = new.occurred_on if new.occurred_on != mending.target.occurred_on else None
    return e.FactCorrected(
        target_event_id=new.event_id,
        correction_reason=mending.reason,
        corrected_occurred_on=mending.said.corrected_occurred_on or moved,
        new_values=new.event.model_dump(mode="json", include=set(mending.said.new_values or {})) or None,
    )


def _sealed_safely(pathway: Pathway, mendings: Sequence[_Mending]) -> list[_Mending]:
    """In the order in which their matters' keys are destroyed: what was asked is sealed with the first event, and must not
    outlive any of the facts that it speaks of. source: domain/events.md 11.4, design D15"""
    closings = {case.opened.matter: case.closed.occurred_on for case in pathway.cases.values() if case.closed}

    def ends(mending: _Mending) -> tuple[bool, date]:
        matter = mending.target.matter
        return matter == pathway.client_matter, closings.get(matter, date.max)

    return sorted(mendings, key=ends)


COMMANDS = (
    CommandKind(
        CorrectFact,
        correct_fact,
        "client",
        path="corrections",
        roles=frozenset(
            {
                "referrer",
                "intake",
                "own_worker",
                "social_worker",
                "team_lead",
                "employment_expert",
                "keha_expert",
                "kela_clerk",
                "fund_clerk",
                "instructor",
                "provider_manager",
                "client",
            }
        ),
    ),
)
