"""The own worker: the one named person who sees that services happen as assessed."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.guards import case_of, case_on, day_of, not_ahead, recorded, said
from domain.chapters.own_workers.events import WorkerInCharge
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals


class AssignOwnWorker(WorkerInCharge, ClientCommand):
    """Name the client's own worker, with the registration that was checked. `effective_on` is the first day in charge."""

    NAME = "assign_own_worker"


def assign_own_worker(pathway: Pathway, command: AssignOwnWorker, context: Context) -> list[Draft]:
    """The first own worker of the case; a later one takes over by a transfer. source: domain/pathway.md 4.4 row 8"""
    no, on = Refusals(), day_of(command, context)
    case = case_on(pathway, on)
    case_id = case.opened.event.case_id
    if any(said(command).items() <= dict(worker.event).items() for worker in case.own_workers):
        return []
    event = e.OwnWorkerAssigned(case_id=case_id, assignment_id=context.new_id("assignment"), **said(command))
    judge_own_worker(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_own_worker(no: Refusals, pathway: Pathway, event: e.OwnWorkerAssigned, on: date, context: Context) -> None:
    """What an own worker has to be on the first day in charge. source: domain/privacy.md 3.8, domain/pathway.md 4.5 I4"""
    case = case_of(pathway, event.case_id, on)
    first, until = event.effective_on, event.registration_until_on
    registered = event.registration_from_on <= first and (until is None or first <= until)
    no.when(not registered, "E_NOT_PROFESSIONAL", "/registration_until_on")
    results = [assessment.completed for assessment in pathway.assessments_of(event.case_id) if assessment.completed]
    by_then = [result for result in results if result.occurred_on <= max(on, first)]
    special = bool(by_then) and by_then[-1].event.special_support_need
    no.when(special and event.profession != "social_worker", "E_SOCIAL_WORKER_REQUIRED", "/profession")
    no.when(first < case.opened.occurred_on, "E_ORDER", "/effective_on")
    no.when(bool(case.own_workers), "E_OVERLAP", "/effective_on")
    not_ahead(no, event.registration_checked_on, context, "/registration_checked_on")


COMMANDS = (
    CommandKind(
        AssignOwnWorker,
        assign_own_worker,
        "client",
        path="own-workers",
        roles=frozenset({"team_lead", "social_worker"}),
    ),
)
