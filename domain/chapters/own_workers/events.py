"""The client's own worker."""

from __future__ import annotations

from datetime import date

from domain.event import CaseEvent, Content, Counts, Moves, belongs_to, days, judged_by
from domain.vocabulary import Actor, PersonId, Profession, Ref, RegisterNumber, Routing, Service


class WorkerInCharge(Content):
    """The worker, with the registration that was checked."""

    worker_id: Actor[PersonId]
    effective_on: Service[date]
    profession: Actor[Profession]
    registration_number: Actor[RegisterNumber]
    registration_from_on: Actor[date]
    registration_until_on: Actor[date | None] = None
    registration_checked_on: Actor[date]


class OwnWorkerAssigned(WorkerInCharge, CaseEvent):
    """The client got a named own worker, a registered professional of social welfare."""

    NAME = "own_worker.assigned"
    PART = belongs_to("case_id", "own_workers", begun="assignment_id")
    MOVES = Moves.IN_FORCE
    CORRECTED = judged_by("judge_own_worker")
    FOUND = days("effective_on", counts=Counts.FIRST_DAY)
    assignment_id: Routing[Ref]
