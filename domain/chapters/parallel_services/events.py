"""Other services that run beside this one."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import CaseEvent, Content, Moves, begins, belongs_to, days, judged_by
from domain.vocabulary import OrgId, Parallel, ParallelService, Ref, Routing, Text80


class ServiceBeside(Content):
    """Another service, and who told of it."""

    service: Parallel[ParallelService]
    service_note: Parallel[Text80 | None] = None
    service_org_id: Parallel[OrgId | None] = None
    told_by: Parallel[Literal["client", "own_worker", "service"]]
    consent_id: Routing[Ref | None] = None


class ParallelServiceStarted(ServiceBeside, CaseEvent):
    """Another service runs beside this one."""

    NAME = "parallel_service.started"
    PART = begins("parallel_service_id", "parallel_services")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_service")
    FOUND = days("from_on")
    parallel_service_id: Routing[Ref]
    from_on: Parallel[date]


class ParallelServiceStopped(CaseEvent):
    """The other service ended."""

    NAME = "parallel_service.stopped"
    PART = belongs_to("parallel_service_id", "stopped")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_stop")
    FOUND = days("until_on", "until_on")
    parallel_service_id: Routing[Ref]
    until_on: Parallel[date]
