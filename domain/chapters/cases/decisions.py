"""The end of the case. It begins with the referral that is accepted."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.cases.events import Closing
from domain.chapters.guards import case_of, case_on, day_of, not_ahead, recorded
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals


class CloseCase(Closing, ClientCommand):
    """End the case: its retention time begins. `exit_id`: none is the last exit, when an exit closes it."""

    NAME = "close_case"


def close_case(pathway: Pathway, command: CloseCase, context: Context) -> list[Draft]:
    """The end of the case. What is still open warns (`W_OPEN_PERIOD`, `W_OPEN_NOTICE`).

    source: domain/pathway.md 4.4 row 40
    """
    no, on = Refusals(), day_of(command, context)
    closed = [case.closed for case in pathway.cases.values() if case.closed and case.closed.occurred_on == on]
    if any(end.event.closing_code == command.closing_code for end in closed):
        return []
    case = case_on(pathway, on)
    case_id = case.opened.event.case_id
    exits = [key for key, left in pathway.exits.items() if left.event.case_id == case_id]
    last = exits[-1] if exits and command.closing_code == "exit" else None
    event = e.CaseClosed(case_id=case_id, closing_code=command.closing_code, exit_id=command.exit_id or last)
    judge_closing(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context, warnings=no.warnings)]


def judge_closing(no: Refusals, pathway: Pathway, event: e.CaseClosed, on: date, context: Context) -> None:
    """What a closing has to fulfil on its day."""
    case_of(pathway, event.case_id, on)
    left = pathway.exits.get(event.exit_id or "")
    by_exit, known_exit = event.closing_code == "exit", left is not None and left.event.case_id == event.case_id
    no.when(event.exit_id is not None and not known_exit, "E_UNKNOWN_REFERENCE", "/exit_id")
    no.when(event.exit_id is not None and not by_exit, "E_FIELD_NOT_ALLOWED", "/exit_id")
    no.when(by_exit and event.exit_id is None, "E_ORDER", "/closing_code")
    open_period = any(period.started and period.completed is None for period in pathway.periods_of(event.case_id))
    no.when(open_period, "W_OPEN_PERIOD")
    unsent = any(n.sent is None and n.due.event.case_id == event.case_id for n in pathway.notices.values())
    no.when(unsent, "W_OPEN_NOTICE")


COMMANDS = (
    CommandKind(CloseCase, close_case, "client", path="closed-cases", roles=frozenset({"own_worker", "social_worker"})),
)
