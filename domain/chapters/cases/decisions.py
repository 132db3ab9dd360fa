"""The end of the case. It begins with the referral that is accepted."""

from __future__ import annotations

from domain import events as e
from domain.chapters.cases.events import Closing
from domain.chapters.guards import case_on, day_of, not_ahead, recorded
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
    by_exit = command.closing_code == "exit"
    no.when(command.exit_id is not None and (command.exit_id not in exits), "E_UNKNOWN_REFERENCE", "/exit_id")
    no.when(command.exit_id is not None and not by_exit, "E_FIELD_NOT_ALLOWED", "/exit_id")
    no.when(by_exit and not exits, "E_ORDER", "/closing_code")
    no.when(any(period.started and period.completed is None for period in pathway.periods_of(case_id)), "W_OPEN_PERIOD")
    unsent = any(n.sent is None and n.due.event.case_id == case_id for n in pathway.notices.values())
    no.when(unsent, "W_OPEN_NOTICE")
    not_ahead(no, on, context)
    no.stop()
    event = e.CaseClosed(
        case_id=case_id,
        closing_code=command.closing_code,
        exit_id=(command.exit_id or exits[-1]) if by_exit else None,
    )
    return [recorded(pathway, event, on, context, warnings=no.warnings)]


COMMANDS = (
    CommandKind(CloseCase, close_case, "client", path="closed-cases", roles=frozenset({"own_worker", "social_worker"})),
)
