"""What several chapters ask in the same words: of the date, the case, the caller, a part, a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from domain.code_lists import code_list
from domain.commands import Command
from domain.context import Context, Draft
from domain.events import CaseEvent, Event, PeriodCompleted, PeriodInterrupted
from domain.message_fields import diagnoses_in, places, texts_of
from domain.pathway import Case, CaseState, Pathway, Period, Placement
from domain.refusals import Refusals, refuse
from domain.rules import NoRule

X = TypeVar("X")
CONSENT = "consent_id"
"""The field that names a consent, in every command."""

Guard: TypeAlias = Callable[[Refusals, Pathway, Any, date, Context], None]
"""Judges an event that somebody wants recorded on a day; a corrected value has to pass the guard of the first one."""


def day_of(command: Command, context: Context) -> date:
    """The day that the command speaks of: its own, else the ledger's today (Europe/Helsinki)."""
    return command.occurred_on or context.today


def said(command: Command, *without: str) -> dict[str, Any]:
    """The command's fields as the event of the same words takes them: all but its day and those named."""
    return {name: value for name, value in command if name not in ("occurred_on", *without)}


def not_ahead(no: Refusals, on: date | None, context: Context, pointer: str = "/occurred_on") -> None:
    """What has happened cannot lie in the future (`E_FUTURE`); a plan may."""
    no.when(on is not None and on > context.today, "E_FUTURE", pointer)


def only_when(no: Refusals, wanted: bool, event: Event, *names: str) -> None:
    """The fields are required exactly then, else forbidden. source: domain/events.md 11.1"""
    for name in names:
        given = getattr(event, name) is not None
        no.when(wanted and not given, "E_FIELD_MISSING", f"/{name}")
        no.when(given and not wanted, "E_FIELD_NOT_ALLOWED", f"/{name}")


def noted(no: Refusals, event: Event, name: str, note: str) -> None:
    """A code of an open list needs its short note, every other code has none. source: domain/vocabulary.md 1"""
    lists = {"source": "referral_source", "service": "parallel_service", "provider_kind": "provider_kind"}
    needed = code_list(lists[name])[getattr(event, name)].needs_note
    no.when(needed and getattr(event, note) is None, "E_NOTE_REQUIRED", f"/{note}")
    no.when(not needed and getattr(event, note) is not None, "E_FIELD_NOT_ALLOWED", f"/{note}")


def code_valid(no: Refusals, list_name: str, code: str, on: date, pointer: str) -> None:
    """The code was in force on the fact's own day."""
    no.when(not code_list(list_name).valid_on(code, on), "E_CODE_NOT_VALID_ON_DATE", pointer)


def known(parts: Mapping[Any, X], key: object, pointer: str) -> X:
    """The part under its reference. Raises Refused (`E_UNKNOWN_REFERENCE`): nothing else can be judged without it."""
    no = Refusals()
    no.when(key not in parts, "E_UNKNOWN_REFERENCE", pointer)
    no.stop()
    return parts[key]


def case_on(pathway: Pathway, on: date) -> Case:
    """The case that takes facts of the day. Raises Refused (`E_CASE_CLOSED` where the last one was closed before it, else
    `E_STATE`): nothing else can be judged without it."""
    case = pathway.case_taking(on)
    over = any(each.is_over(on) for each in pathway.cases.values())
    no = Refusals()
    no.when(case is None, "E_CASE_CLOSED" if over else "E_STATE")
    return no.found(case)


def case_of(pathway: Pathway, case_id: str, on: date) -> Case:
    """The case of a part, which takes facts of the day. Raises Refused (`E_STATE`, `E_CASE_CLOSED`)."""
    no = Refusals()
    in_case(no, pathway, case_id, on)
    no.stop()
    return pathway.cases[case_id]


def in_case(no: Refusals, pathway: Pathway, case_id: str, *days: date) -> bool:
    """The case takes facts of these days: it had been opened (`E_STATE`) and was not closed before them (`E_CASE_CLOSED`).
    Returns whether the rest can be judged. source: domain/pathway.md 4.4 row 40"""
    case = pathway.cases.get(case_id)
    over = case is not None and any(case.is_over(on) for on in days)
    early = case is None or any(on < case.opened.occurred_on for on in days)
    no.when(over, "E_CASE_CLOSED")
    no.when(early and not over, "E_STATE")
    return not (over or early)


def ends_what_was_left_open(pathway: Pathway, event: Event) -> bool:
    """Whether the event ends a period over which an older version of the product let its case close: the way out of such a
    history, whatever its date. source: domain/pathway.md 4.4 row 40"""
    if not isinstance(event, PeriodCompleted | PeriodInterrupted):
        return False
    period, case = pathway.periods.get(event.period_id), pathway.cases.get(event.case_id)
    return bool(case and case.closed and period and period.started and not period.ended)


def in_state(no: Refusals, pathway: Pathway, case_id: str, on: date, *states: CaseState) -> None:
    """The case is in one of the states on the day (`E_STATE`). source: domain/pathway.md 4.3"""
    no.when(pathway.stage(case_id, on) not in states, "E_STATE")


def is_client(context: Context) -> bool:
    """Whether the client asks, under the own reference."""
    return context.caller.role == "client"


def of_county(context: Context) -> bool:
    """Whether a worker of the county asks."""
    return context.directory.is_county(*context.caller.sender) and not is_client(context)


def holds(context: Context, org_id: str | None, task: str, on: date) -> bool:
    """Whether the organisation holds the task on the day."""
    return context.directory.holds(org_id, task, on)


def employment_authority(pathway: Pathway, on: date, context: Context) -> str | None:
    """The client's employment authority of the day: the one named last, while it is one; nobody after its end, until
    somebody else is named. source: domain/vocabulary.md 1.12, domain/disclosure.md 5.3, column EA"""
    named = pathway.employment_authority(on)
    return named if holds(context, named, "employment_authority", on) else None


def in_authoritys_case(pathway: Pathway, on: date, context: Context) -> None:
    """Raises Refused where an employment authority speaks of what belongs to a case and is not the client's own
    (`E_NOT_ENTITLED`), or was so until its case closed (`E_CASE_CLOSED`): that is all it knows, whether another case has
    begun since or not. It begins there only as the one that answers for the home municipality.

    source: domain/disclosure.md 5.3, column EA, domain/pathway.md 4.9
    """
    org = context.caller.org
    if context.caller.task == "employment_authority" and org not in context.look_ups.get("answered_for_by", ()):
        mine = [naming.case_id for naming in pathway.authorities_named() if naming.org == org and naming.on <= on]
        case = pathway.cases.get(mine[-1] or "") if mine else None
        if case and case.closed and case.is_over(on) and pathway.employment_authority(case.closed.occurred_on) == org:
            raise refuse("E_CASE_CLOSED")
    entitled(by_own_authority(pathway, on, context))


def by_own_authority(pathway: Pathway, on: date, context: Context) -> bool:
    """Whether an employment authority that asks is the client's own. While there is none, the one may begin that answers for
    the home municipality, where that and its area are known. source: domain/pathway.md 4.9 (Who may begin)"""
    caller = context.caller
    if caller.task != "employment_authority":
        return True
    own = employment_authority(pathway, on, context)
    return own == caller.org or (own is None and _answers_for_home(context))


def is_still_authority(pathway: Pathway, context: Context) -> bool:
    """Whether an employment authority that asks is the client's own today: nobody else lays a version before the parties, or
    puts one into force, also not with an earlier date."""
    caller = context.caller
    return caller.task != "employment_authority" or employment_authority(pathway, context.today, context) == caller.org


def as_known_to_authority(pathway: Pathway, on: date, context: Context) -> Pathway:
    """The pathway by which a caller's word of the day is judged: an employment authority's whose time is over by what is
    dated up to its last day, everybody else's by all of it. What it says late is taken, and answered by what it was told.
    source: domain/disclosure.md 5.3, column EA (design D22)"""
    caller = context.caller
    if caller.task != "employment_authority":
        return pathway
    own = [(first, last) for org, first, last in pathway.authority_days() if org == caller.org]
    held = [(days.first, days.last) for days in context.directory.days(*caller.sender)]
    if all(_ends(times, context.today) for times in (own, held)):
        return pathway  # its time may have been over in between
    ends = [_ends(times, on) for times in (own, held)]
    return pathway.on(min(map(max, ends))) if all(ends) else pathway


def _ends(times: Iterable[tuple[date, date]], on: date) -> list[date]:
    """The last days of those of the times that the day lies in."""
    return [last for first, last in times if first <= on <= last]


def _answers_for_home(context: Context) -> bool:
    """`answered_for_by` is what the vault and the directory say of the home municipality."""
    entry = context.directory.organisation(context.caller.org)
    there = context.look_ups.get("answered_for_by")
    return there is None or entry is None or not entry.joined.municipalities or context.caller.org in there


def by_right(command: Command, context: Context) -> None:
    """Raises Refused (`E_NOT_ENTITLED`) where an agency asks in a task about a day on which it does not hold it: before it
    joined, or after bodies of its kind ended. What it says late about a day of its own is taken.

    The organiser's own workers, the client and the clock ask in no task of an agency; who speaks of a fact that is recorded
    is judged by that fact. source: domain/vocabulary.md 1.15-1.17
    """
    if not command.OF_RECORDED:
        entitled(in_its_task(context, day_of(command, context)))


def in_its_task(context: Context, on: date) -> bool:
    """Whether the caller's organisation holds the task on the day in which it asks; at home none is asked for."""
    caller = context.caller
    at_home = caller.role in ("client", "system") or context.directory.is_county(*caller.sender)
    return at_home or holds(context, caller.org, caller.task, on)


def no_diagnosis(command: Command) -> None:
    """Raises Refused (`E_HEALTH_CONTENT`) where a text about a client looks like a diagnosis. Which fields are texts is read
    from the types; a door has looked at the same ones, to say it beside all else that is wrong with a body."""
    if texts_of(type(command)):
        no = Refusals()
        for pointer in diagnoses_in(type(command), command.model_dump(mode="json")):
            no.when(True, "E_HEALTH_CONTENT", pointer)
        no.stop()


def parts_there(pathway: Pathway, command: BaseModel) -> None:
    """Raises Refused (`E_UNKNOWN_REFERENCE`) where a field names a part that this client has none of: of somebody else, of
    another kind, or none at all. Which fields do is read from the types. A consent is judged by the row that asks for it."""
    no = Refusals()
    for name in _parts_in(type(command)):
        named = getattr(command, name)
        no.when(named is not None and not pathway.has_part(name, named), "E_UNKNOWN_REFERENCE", f"/{name}")
    no.stop()


@cache
def _parts_in(command: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name, place in places(command).items() if place.kind == "part" and name != CONSENT)


def consented(pathway: Pathway, consent_id: str | None) -> bool:
    """Whether the reference is a consent of this client. No fact gives a consent as yet: what rests on one is refused.

    source: domain/pathway.md 4.4 row 34, 4.9
    """
    return consent_id is not None and pathway.has_part(CONSENT, consent_id)


def entitled(may: bool, pointer: str = "") -> None:
    """Raises Refused (`E_NOT_ENTITLED`) at once: who may not ask is told nothing more."""
    if not may:
        raise refuse("E_NOT_ENTITLED", pointer)


def own_placements(pathway: Pathway, case_id: str, context: Context) -> list[Placement]:
    """The confirmed placements of the case with the provider that asks."""
    return [
        placement
        for placement in pathway.placements.values()
        if placement.confirmed
        and placement.proposed.event.case_id == case_id
        and placement.proposed.event.provider_org_id == context.caller.org
    ]


def placement_of_period(pathway: Pathway, period: Period, on: date) -> Placement | None:
    """The confirmed placement of the period's case that covers the day."""
    placement = pathway.placement_on(on)
    same = placement and placement.proposed.event.case_id == period.planned.event.case_id
    return placement if same else None


def rule(context: Context, key: str, on: date) -> Any:
    """The value of a rule on the day, none where no row holds on it. source: domain/law.md 2.6"""
    try:
        return context.rules.value(key, on)
    except NoRule:
        return None


def recorded(
    pathway: Pathway,
    event: Event,
    on: date,
    context: Context,
    *,
    matter: str | None = None,
    flags: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    causation: str | None = None,
    corrects: str | None = None,
) -> Draft:
    """The event under its matter; `late_recorded` when it comes later than a rule allows (domain/pathway.md 4.4 row 47).

    Raises Refused (`E_CASE_CLOSED`) for a fact dated after its case was closed, whichever command it comes from, unless the
    event says that it may be (row 40). Decisions that can say more have refused it before.
    """
    if isinstance(event, CaseEvent) and not event.AFTER_CLOSING and not ends_what_was_left_open(pathway, event):
        case = pathway.cases.get(event.case_id)
        if case is not None and case.is_over(on):
            raise refuse("E_CASE_CLOSED")
    patience = rule(context, "late_recorded.limit_days", on)
    if patience is not None and (context.today - on).days > patience:
        flags = (*flags, "late_recorded")
    return context.draft(
        event,
        on,
        matter if matter is not None else pathway.matter_of(event),
        flags=flags,
        warnings=warnings,
        causation=causation,
        corrects=corrects,
    )
