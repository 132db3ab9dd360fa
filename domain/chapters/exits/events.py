"""Where the client went."""

from __future__ import annotations

from datetime import date

from domain.event import BY_DAY, CaseEvent, Content, Moves, begins, judged_by
from domain.vocabulary import Health, HealthExitKind, OpenExitKind, Ref, Routing, Service


class ExitTerms(Content):
    """Where the client went, when, and from which period."""

    exit_kind: Service[OpenExitKind]
    period_id: Routing[Ref | None] = None
    from_on: Service[date | None] = None


class ExitRecorded(ExitTerms, CaseEvent):
    """Where the client went after the service. An exit that reveals health stands apart, under its own class."""

    NAME = "exit.recorded"
    PART = begins("exit_id", "exits")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_exit")
    FOUND = BY_DAY
    exit_id: Routing[Ref]
    health_exit_kind: Health[HealthExitKind | None] = None
