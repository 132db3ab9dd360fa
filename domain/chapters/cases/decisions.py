"""The end of the case. It begins with the referral that is accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from domain import events as e
from domain.chapters.cases.events import Closing
from domain.chapters.guards import case_on, day_of, known, not_ahead, recorded
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Fact, Pathway
from domain.refusals import Refusals


class CloseCase(Closing, ClientCommand):
    """End the case: its retention time begins. `exit_id`: none is the last exit that ended it, when an exit closes it."""

    NAME = "close_case"


def close_case(pathway: Pathway, command: CloseCase, context: Context) -> list[Draft]:
    """The end of the case, after that of its periods; a notice not yet sent warns (`W_OPEN_NOTICE`).

    source: domain/pathway.md 4.4 row 40
    """
    no, on = Refusals(), day_of(command, context)
    case = case_on(pathway, on)
    case_id = case.opened.event.case_id
    if case.closed and (case.closed.occurred_on, case.closed.event.closing_code) == (on, command.closing_code):
        return []
    no.when(case.closed is not None, "E_CASE_CLOSED")
    no.stop()
    if command.exit_id is not None:
        known(_exits(pathway, case_id), command.exit_id, "/exit_id")
    by_exit = command.closing_code == "exit"
    event = e.CaseClosed(
        case_id=case_id,
        closing_code=command.closing_code,
        exit_id=command.exit_id or (next(reversed(_ending(_exits(pathway, case_id))), None) if by_exit else None),
    )
    judge_closing(no, pathway, event, on, context)
    no.stop()
    return [recorded(pathway, event, on, context, warnings=no.warnings)]


def judge_closing(no: Refusals, pathway: Pathway, event: e.CaseClosed, on: date, context: Context) -> None:
    """What a closing has to fulfil: it comes after everything that happened in the case, and no period goes on over it."""
    case, exits = pathway.cases.get(event.case_id), _exits(pathway, event.case_id)
    if no.when(case is None or on < case.opened.occurred_on, "E_STATE"):
        return
    by_exit = event.closing_code == "exit"
    ending = _ending(exits)
    no.when(by_exit and not ending, "E_ORDER", "/closing_code")
    no.when(event.exit_id is not None and not by_exit, "E_FIELD_NOT_ALLOWED", "/exit_id")
    no.when(by_exit and bool(ending) and event.exit_id not in exits, "E_UNKNOWN_REFERENCE", "/exit_id")
    no.when(bool(ending) and event.exit_id in exits and event.exit_id not in ending, "E_ORDER", "/exit_id")
    no.when(any(period.outlasts(on) for period in pathway.periods_of(event.case_id)), "E_OPEN_PERIOD")
    no.when(any(fact.occurred_on > on for fact in _facts_before_closing(pathway, event.case_id)), "E_ORDER", "/occurred_on")
    others = [each.opened.occurred_on for key, each in pathway.cases.items() if key != event.case_id]
    follows = any(opened > case.opened.occurred_on and opened < on for opened in others) if case else False
    no.when(follows, "E_OPEN_CASE_EXISTS", "/occurred_on")
    unsent = any(n.sent is None and n.due.event.case_id == event.case_id for n in pathway.notices.values())
    no.when(unsent, "W_OPEN_NOTICE")
    not_ahead(no, on, context)


def _exits(pathway: Pathway, case_id: str) -> dict[str, Fact[e.ExitRecorded]]:
    return {key: left for key, left in pathway.exits.items() if left.event.case_id == case_id}


def _ending(exits: Mapping[str, Fact[e.ExitRecorded]]) -> dict[str, Fact[e.ExitRecorded]]:
    """Of the exits those that end the case: after X8 and X9 it goes on. source: domain/pathway.md 4.4 row 38"""
    kinds = code_list("exit_kind").marked("ends", "case")
    return {key: left for key, left in exits.items() if (left.event.health_exit_kind or left.event.exit_kind) in kinds}


def _facts_before_closing(pathway: Pathway, case_id: str) -> Iterator[Fact[e.Event]]:
    """The facts of the case that may not be dated after its closing."""
    for fact in pathway.facts.values():
        event = fact.event
        if isinstance(event, e.CaseEvent) and event.case_id == case_id and not event.AFTER_CLOSING:
            yield fact


COMMANDS = (
    CommandKind(CloseCase, close_case, "client", path="closed-cases", roles=frozenset({"own_worker", "social_worker"})),
)
