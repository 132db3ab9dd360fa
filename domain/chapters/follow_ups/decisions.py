"""Follow-ups: those around the client meet and look at how it goes."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.follow_ups.events import Meeting
from domain.chapters.guards import (
    as_known_to_authority,
    case_of,
    case_on,
    day_of,
    employment_authority,
    entitled,
    in_authoritys_case,
    is_client,
    known,
    not_ahead,
    of_county,
    recorded,
    said,
)
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals


class HoldFollowUp(Meeting, ClientCommand):
    """Note a follow-up that was held, who was there and what comes next. `period_id`: none is the period that runs."""

    NAME = "hold_follow_up"


def hold_follow_up(pathway: Pathway, command: HoldFollowUp, context: Context) -> list[Draft]:
    """A follow-up in the open case. source: domain/pathway.md 4.4 row 35"""
    no, on = Refusals(), day_of(command, context)
    pathway = as_known_to_authority(pathway, on, context)
    in_authoritys_case(pathway, on, context)
    entitled(_is_around(pathway, on, context))
    case_id = case_on(pathway, on).opened.event.case_id
    running = next((key for key, period in pathway.periods.items() if period.is_open(on)), None)
    event = e.FollowUpHeld(
        case_id=case_id,
        followup_id=context.new_id("followup"),
        **said(command) | {"period_id": command.period_id or running},
    )
    judge_follow_up(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_follow_up(no: Refusals, pathway: Pathway, event: e.FollowUpHeld, on: date, context: Context) -> None:
    """What a follow-up has to fulfil on its day: told by somebody around the client, in an open case; somebody met, of a
    period of this case that had begun; what comes next comes after it."""
    in_authoritys_case(pathway, on, context)
    entitled(_is_around(pathway, on, context))
    case_of(pathway, event.case_id, on)
    if event.period_id is not None:
        period = known(pathway.periods, event.period_id, "/period_id")
        begun = period.started is not None and period.started.event.starts_on <= on
        no.when(not begun or period.planned.event.case_id != event.case_id, "E_UNKNOWN_REFERENCE", "/period_id")
    no.when(not event.parties_present, "E_FIELD_MISSING", "/parties_present")
    no.when(event.next_step_from_on is not None and event.next_step is None, "E_FIELD_MISSING", "/next_step")
    no.when(event.next_step_from_on is not None and event.next_step_from_on < on, "E_ORDER", "/next_step_from_on")
    no.when(event.next_followup_on is not None and event.next_followup_on <= on, "E_ORDER", "/next_followup_on")


def _is_around(pathway: Pathway, on: date, context: Context) -> bool:
    """The client, the county, the own employment authority, a provider with whom the client is placed on the day: judged by
    what each of them was told, so that no case's opening or closing can be read from the answer (design D22)."""
    match context.caller.task:
        case "employment_authority":
            return employment_authority(pathway, on, context) == context.caller.org
        case "provider":
            own = (p for p in pathway.placements.values() if p.proposed.event.provider_org_id == context.caller.org)
            return any(placement.confirmed and placement.open_to_provider(on) for placement in own)
        case _:
            return is_client(context) or of_county(context)


COMMANDS = (
    CommandKind(
        HoldFollowUp,
        hold_follow_up,
        "client",
        path="follow-ups",
        roles=frozenset({"own_worker", "instructor", "employment_expert", "client"}),
    ),
)
