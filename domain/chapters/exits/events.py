"""Where the client went, and the end of the case."""

from __future__ import annotations

from datetime import date

from domain.event import (
    BY_DAY,
    BY_TYPES_ALONE,
    CaseEvent,
    Moves,
    begins,
    belongs_to,
    judged_by,
)
from domain.vocabulary import (
    ClosingCode,
    Health,
    HealthExitKind,
    OpenExitKind,
    Ref,
    Routing,
    Service,
)


class ExitRecorded(CaseEvent):
    """Where the client went after the service. An exit that reveals health stands apart, under its own class."""

    NAME = "exit.recorded"
    PART = begins("exit_id", "exits")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_exit")
    FOUND = BY_DAY
    exit_id: Routing[Ref]
    period_id: Routing[Ref | None] = None
    exit_kind: Service[OpenExitKind]
    health_exit_kind: Health[HealthExitKind | None] = None
    from_on: Service[date | None] = None


class CaseClosed(CaseEvent):
    """The case ended; its retention time begins."""

    NAME = "case.closed"
    PART = belongs_to("case_id", "closed")
    MOVES = Moves.WINDOWS
    CORRECTED = BY_TYPES_ALONE
    FOUND = BY_DAY
    closing_code: Service[ClosingCode]
    exit_id: Routing[Ref | None] = None
