"""Periods of participation."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.chapters.plans.events import WeekSchedule
from domain.event import CaseEvent, Content, Counts, Moves, Tied, begins, belongs_to, days, judged_by
from domain.vocabulary import Health, Ref, Routing, Schedule, Service, Social, ValidReason


class PeriodTerms(Content):
    """The dates and the week of a period, and the plan that has it."""

    plan_id: Routing[Ref | None] = None
    starts_on: Service[date]
    planned_end_on: Service[date]
    schedule: Schedule[WeekSchedule]
    no_duty_overridden: Social[bool | None] = None


class PeriodPlanned(PeriodTerms, CaseEvent):
    """A period of participation was planned: three to twenty-four months."""

    NAME = "period.planned"
    PART = begins("period_id", "periods")
    MOVES = Moves.IN_FORCE
    CORRECTED = judged_by("judge_period")
    FOUND = days("starts_on", "planned_end_on", counts=Counts.EITHER)
    period_id: Routing[Ref]
    plan_id: Routing[Ref]
    plan_version: Service[Tied[int]]


class PeriodStarted(CaseEvent):
    """The client took up the period."""

    NAME = "period.started"
    PART = belongs_to("period_id", "started")
    MOVES = Moves.WINDOWS | Moves.IN_FORCE
    CORRECTED = judged_by("judge_start")
    FOUND = days("starts_on", "planned_end_on", counts=Counts.FIRST_DAY)
    period_id: Routing[Ref]
    decision_id: Routing[Ref]
    placement_id: Routing[Ref]
    starts_on: Service[date]
    planned_end_on: Service[date]


class PeriodCompleted(CaseEvent):
    """The period ended as planned."""

    NAME = "period.completed"
    PART = belongs_to("period_id", "ended")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_end")
    FOUND = days("ended_on", "ended_on", counts=Counts.FIRST_DAY)
    period_id: Routing[Ref]
    ended_on: Service[date]


EndReason = Literal["work_or_study", "client_choice", "absences", "organiser", "provider_ended", "other"]


class ByDecision(Content):
    """A period, and the decision on which something in it rests."""

    period_id: Routing[Ref]
    decision_id: Routing[Ref | None] = None


class Interruption(ByDecision):
    """How a period ended before its time."""

    ended_on: Service[date | None] = None
    valid_reason: Service[ValidReason]


class PeriodInterrupted(Interruption, CaseEvent):
    """The period ended before its time. A reason of health stands apart, under its own class."""

    NAME = "period.interrupted"
    PART = belongs_to("period_id", "ended")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_interruption")
    FOUND = days("ended_on", "ended_on", counts=Counts.FIRST_DAY)
    ended_on: Service[date]
    end_reason: Service[EndReason]
    health_end: Health[bool]
