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
    not_ahead,
    noted,
    of_county,
    only_when,
    recorded,
    said,
)
from domain.chapters.parallel_services.events import ServiceBeside, ServiceEnded
from domain.chapters.parallel_services.parts import ParallelRun
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals
from domain.vocabulary import Ref


class StartParallelService(ServiceBeside, ClientCommand):
    """Note that another service runs beside this one. `from_on`: none is the day of the command. `parallel_service_id` only
    where its end was told first."""

    NAME = "start_parallel_service"
    parallel_service_id: Ref | None = None
    from_on: date | None = None


class StopParallelService(ServiceEnded, ClientCommand):
    """Note that the other service ended. `until_on` is its last day; none is the day of the command. While its start is not
    known, `service` and `told_by` stand in place of `parallel_service_id`."""

    NAME = "stop_parallel_service"
    parallel_service_id: Ref | None = None
    until_on: date | None = None


NAMING = ("service", "service_org_id", "told_by")
"""What an end says of its service while the start is not known."""


def start_parallel_service(pathway: Pathway, command: StartParallelService, context: Context) -> list[Draft]:
    """Another service begins; the service itself tells only with the client's consent. One that was told to have ended
    before its start was known is named by its part.

    source: domain/pathway.md 4.4 row 34
    """
    no, on = Refusals(), day_of(command, context)
    _may_tell(pathway, command, context)
    run = pathway.parallel_services.get(command.parallel_service_id or "")
    event = e.ParallelServiceStarted(
        case_id=run.named.event.case_id if run else case_on(pathway, on).opened.event.case_id,
        **said(command)
        | {"from_on": command.from_on or on}
        | {"parallel_service_id": command.parallel_service_id or context.new_id("parallel_service")},
    )
    if run and run.started and run.started.event == event:
        return []
    judge_service(no, pathway, event, on, context)
    no.when(bool(run and run.started), "E_ORDER", "/parallel_service_id")
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_service(no: Refusals, pathway: Pathway, event: e.ParallelServiceStarted, on: date, context: Context) -> None:
    """What a parallel service has to fulfil; it is the one that its end names, and began by then."""
    _may_tell(pathway, event, context)
    case_of(pathway, event.case_id, on)
    noted(no, event, "service", "service_note")
    no.when(event.told_by != "service" and event.consent_id is not None, "E_FIELD_NOT_ALLOWED", "/consent_id")
    code_valid(no, "parallel_service", event.service, event.from_on, "/service")
    not_ahead(no, event.from_on, context, "/from_on")
    run = pathway.parallel_services.get(event.parallel_service_id)
    if run and run.stopped:
        _judge_same(no, event, run.stopped.event)
        no.when(run.stopped.event.until_on < event.from_on, "E_ORDER", "/from_on")
    no.when(_runs_already(pathway, event, event.from_on), "E_NO_CHANGE", "/service")


def _may_tell(pathway: Pathway, said: ServiceBeside, context: Context) -> None:
    """Raises Refused where it is not the caller's to tell, or a service tells without a consent of this client: without a
    ground to tell, nothing is told of the case either (design D22)."""
    no = Refusals()
    entitled(of_county(context) or said.told_by == "service", "/told_by")
    unasked = said.told_by == "service" and not consented(pathway, said.consent_id)
    no.when(unasked, "E_NO_LEGAL_BASIS", "/consent_id")
    no.stop()


Named = e.ParallelServiceStarted | e.ParallelServiceStopped


def _judge_same(no: Refusals, event: Named, other: Named) -> None:
    """Start and end of one part name one service; an organisation that only one of them names is no other one."""
    for name in ("service", "service_org_id"):
        mine, theirs = getattr(event, name), getattr(other, name)
        no.when(mine is not None and theirs is not None and mine != theirs, "E_CONFLICT", f"/{name}")


def _runs_already(pathway: Pathway, event: Named, on: date) -> bool:
    """Whether the same service of the same organisation runs on the day on which this one begins or, its start not known,
    ended; or runs while this one does, as far as both are known. One that begins later and has not ended is this one, with
    another first day; of one whose start is not known its last day is. A service off the list is the same where its note
    is."""
    own = pathway.parallel_services.get(event.parallel_service_id)
    ended = event if isinstance(event, e.ParallelServiceStopped) else own.stopped.event if own and own.stopped else None
    last = ended.until_on if ended else date.max
    return any(
        _is_same(run, event) and _meets(run, on, last)
        for key, run in pathway.parallel_services.items()
        if key != event.parallel_service_id
    )


def _is_same(run: ParallelRun, event: Named) -> bool:
    names = ("service", "service_note", "service_org_id")
    return all(getattr(run.named.event, name, None) == getattr(event, name, None) for name in names)


def _meets(run: ParallelRun, first: date, last: date) -> bool:
    """`last` is the last possible date while the end of the other one is not known."""
    end = run.stopped.event.until_on if run.stopped else date.max
    if run.started is None:
        return first <= end <= last
    begun = run.started.event.from_on
    if date.max in (end, last):
        return begun <= first <= end or (end == date.max and begun <= last)
    return first <= end and begun <= last


def stop_parallel_service(pathway: Pathway, command: StopParallelService, context: Context) -> list[Draft]:
    """The other service ends; it ends once. source: domain/pathway.md 4.4 row 34"""
    if command.parallel_service_id is None:
        return _stop_before_its_start(pathway, command, context)
    run = known(pathway.parallel_services, command.parallel_service_id, "/parallel_service_id")
    no, on, named = Refusals(), day_of(command, context), run.named
    entitled(of_county(context) or context.caller.org in (named.actor_org, named.event.service_org_id))
    event = e.ParallelServiceStopped(
        case_id=named.event.case_id,
        parallel_service_id=command.parallel_service_id,
        until_on=command.until_on or on,
    )
    for name in NAMING:
        no.when(getattr(command, name) is not None, "E_FIELD_NOT_ALLOWED", f"/{name}")
    if run.stopped and run.stopped.event.until_on == event.until_on:
        no.stop()
        return []
    no.when(run.stopped is not None, "E_ORDER", "/parallel_service_id")
    no.stop()
    judge_stop(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def _stop_before_its_start(pathway: Pathway, command: StopParallelService, context: Context) -> list[Draft]:
    """A service of which nothing was known has ended: its part begins with the end, which names the service."""
    no, on = Refusals(), day_of(command, context)
    # Who says nothing of the service has left out its part.
    unsaid = all(getattr(command, name) is None for name in NAMING)
    for name in ("parallel_service_id",) if unsaid else ("service", "told_by"):
        no.when(getattr(command, name) is None, "E_FIELD_MISSING", f"/{name}")
    no.stop()
    entitled(of_county(context) or command.told_by == "service", "/told_by")
    _judge_ground(no, command.told_by)
    no.stop()
    event = e.ParallelServiceStopped(
        case_id=case_on(pathway, on).opened.event.case_id,
        **said(command)
        | {"until_on": command.until_on or on, "parallel_service_id": context.new_id("parallel_service")},
    )
    ended = event.model_dump(exclude={"parallel_service_id"}).items()
    if any(run.stopped and ended <= dict(run.stopped.event).items() for run in pathway.parallel_services.values()):
        return []
    judge_stop(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def _judge_ground(no: Refusals, told_by: str | None) -> None:
    """An end names no consent: what the service itself tells of one has a ground as soon as a consent is recorded that the
    ledger can take (domain/pathway.md 4.9); there are none yet."""
    no.when(told_by == "service", "E_NO_LEGAL_BASIS", "/told_by")


def judge_stop(no: Refusals, pathway: Pathway, event: e.ParallelServiceStopped, on: date, context: Context) -> None:
    """A service ends on or after the day it began; while its start is not known its end says which service, and who told."""
    case_of(pathway, event.case_id, on)
    run = pathway.parallel_services.get(event.parallel_service_id)
    started = run.started if run else None
    if started:
        _judge_same(no, event, started.event)
        no.when(event.until_on < started.event.from_on, "E_ORDER", "/until_on")
    else:
        only_when(no, True, event, "service", "told_by")
    _judge_ground(no, event.told_by)
    if event.service:
        # An end has no note, so a service off the list begins with its start.
        noteless = code_list("parallel_service")[event.service].needs_note
        no.when(noteless, "E_NOTE_REQUIRED", "/service")
        code_valid(no, "parallel_service", event.service, event.until_on, "/service")
        no.when(not started and _runs_already(pathway, event, event.until_on), "E_NO_CHANGE", "/service")
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
