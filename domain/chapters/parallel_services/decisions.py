"""Parallel services: what else runs beside the service. Only code, dates and who told, never content."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.guards import (
    case_of,
    case_on,
    code_valid,
    consented,
    day_of,
    entitled,
    known,
    no_diagnosis,
    not_ahead,
    noted,
    of_county,
    recorded,
    said,
)
from domain.chapters.parallel_services.events import ServiceBeside
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals
from domain.vocabulary import Ref


class StartParallelService(ServiceBeside, ClientCommand):
    """Note that another service runs beside this one. `from_on`: none is the day of the command."""

    NAME = "start_parallel_service"
    from_on: date | None = None


class StopParallelService(ClientCommand):
    """Note that the other service ended. `until_on` is its last day; none is the day of the command."""

    NAME = "stop_parallel_service"
    parallel_service_id: Ref
    until_on: date | None = None


def start_parallel_service(pathway: Pathway, command: StartParallelService, context: Context) -> list[Draft]:
    """Another service begins; the service itself tells only with the client's consent.

    source: domain/pathway.md 4.4 row 34
    """
    no, on = Refusals(), day_of(command, context)
    _may_tell(pathway, command, context)
    case = case_on(pathway, on)
    event = e.ParallelServiceStarted(
        case_id=case.opened.event.case_id,
        parallel_service_id=context.new_id("parallel_service"),
        **said(command) | {"from_on": command.from_on or on},
    )
    judge_service(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_service(no: Refusals, pathway: Pathway, event: e.ParallelServiceStarted, on: date, context: Context) -> None:
    """What a parallel service has to fulfil."""
    _may_tell(pathway, event, context)
    case_of(pathway, event.case_id, on)
    noted(no, event, "service", "service_note")
    no.when(event.told_by != "service" and event.consent_id is not None, "E_FIELD_NOT_ALLOWED", "/consent_id")
    no_diagnosis(no, event, "service_note")
    code_valid(no, "parallel_service", event.service, event.from_on, "/service")
    not_ahead(no, event.from_on, context, "/from_on")
    no.when(_runs_already(pathway, event), "E_NO_CHANGE", "/service")


def _may_tell(pathway: Pathway, said: ServiceBeside, context: Context) -> None:
    """Raises Refused where it is not the caller's to tell, or a service tells without a consent of this client: without a
    ground to tell, nothing is told of the case either (design D22)."""
    no = Refusals()
    entitled(of_county(context) or said.told_by == "service", "/told_by")
    unasked = said.told_by == "service" and not consented(pathway, said.consent_id)
    no.when(unasked, "E_NO_LEGAL_BASIS", "/consent_id")
    no.stop()


def _runs_already(pathway: Pathway, event: e.ParallelServiceStarted) -> bool:
    """Whether the same service of the same organisation runs on the day, or begins later and has not ended: that is the
    same one, with another first day. A service off the list is the same where its note is."""
    for key, run in pathway.parallel_services.items():
        other = run.started.event
        same = [getattr(other, name) == getattr(event, name) for name in ("service", "service_note", "service_org_id")]
        if key != event.parallel_service_id and all(same):
            end = run.stopped.event.until_on if run.stopped else None
            if end is None or other.from_on <= event.from_on <= end:
                return True
    return False


def stop_parallel_service(pathway: Pathway, command: StopParallelService, context: Context) -> list[Draft]:
    """The other service ends; it ends once. source: domain/pathway.md 4.4 row 34"""
    run = known(pathway.parallel_services, command.parallel_service_id, "/parallel_service_id")
    no, on = Refusals(), day_of(command, context)
    started = run.started
    entitled(of_county(context) or context.caller.org in (started.actor_org, started.event.service_org_id))
    event = e.ParallelServiceStopped(
        case_id=started.event.case_id,
        parallel_service_id=command.parallel_service_id,
        until_on=command.until_on or on,
    )
    if run.stopped and run.stopped.event == event:
        return []
    no.when(run.stopped is not None, "E_ORDER", "/parallel_service_id")
    judge_stop(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_stop(no: Refusals, pathway: Pathway, event: e.ParallelServiceStopped, on: date, context: Context) -> None:
    """A service ends on or after the day it began."""
    case_of(pathway, event.case_id, on)
    run = pathway.parallel_services.get(event.parallel_service_id)
    no.when(run is not None and event.until_on < run.started.event.from_on, "E_ORDER", "/until_on")
    not_ahead(no, event.until_on, context, "/until_on")


COMMANDS = (
    CommandKind(
        StartParallelService,
        start_parallel_service,
        "client",
        path="parallel-services",
        roles=frozenset({"own_worker", "referrer"}),
    ),
    CommandKind(
        StopParallelService,
        stop_parallel_service,
        "client",
        path="stopped-parallel-services",
        roles=frozenset({"own_worker", "referrer"}),
    ),
)
