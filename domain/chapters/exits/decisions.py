"""The exit: where the client went after the service."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.exits.events import ExitTerms
from domain.chapters.guards import case_of, case_on, day_of, known, not_ahead, only_when, recorded
from domain.chapters.notices.decisions import notice_due
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway, Period
from domain.refusals import Refusals
from domain.vocabulary import ExitKind


class RecordExit(ExitTerms, ClientCommand):
    """Say where the client went (X1 to X10). None given: the period that had begun last; `from_on` the day of the command.

    X9 ends only the period, X8 keeps the case open, every other kind needs the period ended first.
    """

    NAME = "record_exit"
    exit_kind: ExitKind


def record_exit(pathway: Pathway, command: RecordExit, context: Context) -> list[Draft]:
    """The exit and its end notice, unless a new period follows or it is due already. source: domain/pathway.md 4.4 row 38"""
    no, on = Refusals(), day_of(command, context)
    case = case_on(pathway, on)
    case_id = case.opened.event.case_id
    started = [key for key, period in pathway.periods.items() if _had(period, case_id, on)]
    health = command.exit_kind in code_list("exit_kind").marked("health_related")
    event = e.ExitRecorded(
        case_id=case_id,
        exit_id=context.new_id("exit"),
        period_id=command.period_id or next(reversed(started), None),
        exit_kind="health_related" if health else command.exit_kind,
        health_exit_kind=command.exit_kind if health else None,
        from_on=command.from_on,
    )
    judge_exit(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    left = recorded(pathway, event, on, context)
    if command.exit_kind == "new_kuty_period" or _end_notice_due(pathway, event.period_id):
        return [left]
    return [left, *notice_due(pathway, "end", left, case_id, on, context)]


def judge_exit(no: Refusals, pathway: Pathway, event: e.ExitRecorded, on: date, context: Context) -> None:
    """What an exit has to fulfil on its day: the period has ended where the kind ends the case, and has one exit."""
    case_of(pathway, event.case_id, on)
    if event.period_id is not None:
        left_from = known(pathway.periods, event.period_id, "/period_id")
        no.when(not _had(left_from, event.case_id, on), "E_UNKNOWN_REFERENCE", "/period_id")
    kind = event.health_exit_kind or event.exit_kind
    running = any(_had(p, event.case_id, on) and p.is_open(on) for p in pathway.periods.values())
    ends_case = kind in code_list("exit_kind").marked("ends", "case")
    only_when(no, event.exit_kind == "health_related", event, "health_exit_kind")
    no.when(running and ends_case, "E_OPEN_PERIOD", "/exit_kind")
    no.when(event.from_on is not None and event.from_on < _earliest(pathway, event), "E_ORDER", "/from_on")
    same = any(
        other.event.case_id == event.case_id and other.event.period_id == event.period_id for other in pathway.exits.values()
    )
    no.when(same, "E_DUPLICATE_EXIT", "/period_id")


def _had(period: Period, case_id: str, on: date) -> bool:
    """Whether the period is one of the case, and had begun by the day."""
    begun = period.started is not None and period.started.event.starts_on <= on
    return begun and period.planned.event.case_id == case_id


def _earliest(pathway: Pathway, event: e.ExitRecorded) -> date:
    """The day before which nobody has gone on from the service: the last one of the period that was left, the first one of
    a period that goes on, else that of the case."""
    left_from = pathway.periods.get(event.period_id or "")
    if left_from is None or left_from.started is None:
        return pathway.cases[event.case_id].opened.occurred_on
    return left_from.ended.event.ended_on if left_from.ended else left_from.started.event.starts_on


def _end_notice_due(pathway: Pathway, period_id: str | None) -> bool:
    """Whether the end of the period has made a notice due already."""
    about = [
        pathway.facts.get(notice.due.event.about_event_id)
        for notice in pathway.notices.values()
        if notice.due.event.notification_kind == "end"
    ]
    return period_id is not None and any(fact and getattr(fact.event, "period_id", None) == period_id for fact in about)


COMMANDS = (CommandKind(RecordExit, record_exit, "client", path="exits", roles=frozenset({"own_worker"})),)
