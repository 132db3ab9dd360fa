"""Other services that run beside this one."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import CaseEvent, Content, Counts, Moves, days, joins, judged_by
from domain.vocabulary import OrgId, Parallel, ParallelService, Ref, Routing, Text80

ToldBy = Literal["client", "own_worker", "service"]


class ServiceBeside(Content):
    """Another service, and who told of it."""

    service: Parallel[ParallelService]
    service_note: Parallel[Text80 | None] = None
    service_org_id: Parallel[OrgId | None] = None
    told_by: Parallel[ToldBy]
    consent_id: Routing[Ref | None] = None


class ParallelServiceStarted(ServiceBeside, CaseEvent):
    """Another service runs beside this one. Its part is there already where its end was told first."""

    NAME = "parallel_service.started"
    PART = joins("parallel_service_id", "parallel_services", "started")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_service")
    FOUND = days("from_on", counts=Counts.FIRST_DAY)
    parallel_service_id: Routing[Ref]
    from_on: Parallel[date]


class ServiceEnded(Content):
    """Which service ended and who told of it, while its start is not known; nothing where that is."""

    service: Parallel[ParallelService | None] = None
    service_org_id: Parallel[OrgId | None] = None
    told_by: Parallel[ToldBy | None] = None


class ParallelServiceStopped(ServiceEnded, CaseEvent):
    """The other service ended. While its start is not known the part begins with its end, which names the service."""

    NAME = "parallel_service.stopped"
    PART = joins("parallel_service_id", "parallel_services", "stopped", begun_with="service")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_stop")
    FOUND = days("until_on", "until_on", counts=Counts.FIRST_DAY)
    parallel_service_id: Routing[Ref]
    until_on: Parallel[date]
