"""Corrections: a recorded fact was wrong. The first account stays readable; the new one has to pass the same guards."""

from __future__ import annotations

from datetime import date

import orjson
from pydantic import ValidationError

from domain import events as e
from domain.catalogue import fixed_in
from domain.chapters.corrections.events import Correction
from domain.chapters.guards import day_of, entitled, is_client, not_ahead, recorded
from domain.chapters.judging import guard_of
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.event import ClientFact, Never
from domain.message_fields import reasons_of
from domain.pathway import Fact, Pathway, replay
from domain.refusals import Refusals, Refused


class CorrectFact(Correction, ClientCommand):
    """Say how a recorded fact really was: the fields that change, whole new values, null where a field falls away."""

    NAME = "correct_fact"
    OF_RECORDED = True


def correct_fact(pathway: Pathway, command: CorrectFact, context: Context) -> list[Draft]:
    """A correction by the fact's own organisation or the client's own worker. source: domain/pathway.md 4.4 row 45

    `target_subject` is the client whose fact the store found under the reference, where it is not this one.
    """
    no, on = Refusals(), day_of(command, context)
    target = pathway.facts.get(command.target_event_id)
    elsewhere = context.look_ups.get("target_subject") not in (None, pathway.client)
    no.when(target is None and not elsewhere, "E_TARGET", "/target_event_id")
    no.when(target is None and elsewhere, "E_SUBJECT_MISMATCH", "/target_event_id")
    target = no.found(target)
    entitled(_may_correct(target, context))
    kind = type(target.event)
    no.when(issubclass(kind, ClientFact) and isinstance(kind.CORRECTED, Never), "E_NOT_CORRECTABLE", "/target_event_id")
    said = command.new_values or {}
    for name in sorted(fixed_in(kind) & said.keys()):
        no.when(said[name] != getattr(target.event, name, None), "E_NOT_CORRECTABLE", f"/new_values/{name}")
    not_ahead(no, on, context)
    no.stop()
    event, happened_on = _as_it_was(no, target, command)
    if event == target.event and happened_on == target.occurred_on:
        return []
    not_ahead(no, happened_on, context, "/corrected_occurred_on")
    warnings = _judge_again(no, pathway, target, event, happened_on, context)
    no.stop()
    values = event.model_dump(mode="json", include=set(said))
    correction = e.FactCorrected(
        target_event_id=command.target_event_id,
        correction_reason=command.correction_reason,
        corrected_occurred_on=command.corrected_occurred_on,
        new_values=values or None,
    )
    return [recorded(pathway, correction, on, context, corrects=target.event_id, warnings=warnings)]


def _may_correct(target: Fact[e.Event], context: Context) -> bool:
    caller = context.caller
    if is_client(context):
        return target.actor_person == caller.person
    return target.actor_org == caller.org or (caller.org == context.directory.organiser and caller.role == "own_worker")


def _as_it_was(no: Refusals, target: Fact[e.Event], command: CorrectFact) -> tuple[e.Event, date]:
    """The fact with its new values. Raises Refused with a code for every value that does not fit."""
    values = {**target.event.model_dump(mode="json"), **(command.new_values or {})}
    try:
        event = type(target.event).model_validate_json(orjson.dumps(values), strict=True)
    except ValidationError as wrong:
        for reason in reasons_of(wrong.errors(include_url=False, include_context=False), values):
            no.when(True, reason.code, f"/new_values{reason.pointer}")
        no.stop()
        raise
    return event, command.corrected_occurred_on or target.occurred_on


def _judge_again(
    no: Refusals, pathway: Pathway, target: Fact[e.Event], event: e.Event, on: date, context: Context
) -> tuple[str, ...]:
    """Judge the corrected fact as if the first one had never been; returns its warnings."""
    guard = guard_of(type(event)) if isinstance(event, ClientFact) else None
    if guard is None:
        return ()
    without = replay(pathway.client, (fact for key, fact in pathway.facts.items() if key != target.event_id))
    again = Refusals()
    guard(again, without, event, on, context)
    try:
        again.stop()
    except Refused as refused:
        for reason in refused.codes:
            of_the_day = reason.pointer == "/occurred_on"
            no.when(True, reason.code, "/corrected_occurred_on" if of_the_day else f"/new_values{reason.pointer}")
    return again.warnings


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
