"""Whether one fact may be told to one recipient, in which form, and on what ground: a pure policy (design D9).

The policy's cell says the form, the window says the days, the data class of each field says what is left of it.
source: domain/disclosure.md 5.3 (rules 1-12a), 5.5
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from domain import events as e
from domain.disclosure.forms import Fields, Telling, cut_range, form_fields, last_day_paid, picked, week_load
from domain.disclosure.grounds import ground_of
from domain.disclosure.policy import Cell, Policy, Profile
from domain.disclosure.windows import Standing, last_placement, running
from domain.events import Event
from domain.pathway import Fact, Pathway
from domain.vocabulary import data_class_of

OWN_FACT = "own_fact"
HEADER_FIELDS = ("actor_org", "actor_task", "actor_role", "actor_person")
"""Who stated a fact: header fields of class L that travel in the body of a D cell where the profile lists them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one recipient may be told of one fact. `fields` are values as the event holds them, references still raw.

    `staff` is the person whose staff card goes along; `profile` decides about the client block.
    """

    cell: str
    occurred_on: date
    legal_basis: str
    purpose: str
    fields: Fields
    classes: Mapping[str, str]
    profile: str
    staff: str | None = None
    message_id: str | None = None


@cache
def classes_of(cls: type[Event]) -> Mapping[str, str]:
    """The data class of each field of an event; the new values of a correction have those of their target."""
    return {name: data_class_of(found).value for name, found in cls.model_fields.items() if name != "new_values"}


@cache
def references_of(cls: type[Event]) -> frozenset[str]:
    """The fields that refer to a part of the client's stream, or to an event."""
    patterns = {name: str(found.annotation) + str(found.metadata) for name, found in cls.model_fields.items()}
    return frozenset(name for name, text in patterns.items() if "[0-9a-f]{32}" in text)


def told_of(
    fact: Fact[Event], pathway: Pathway, standing: Standing, policy: Policy, *, own: bool = False, in_force: bool = False
) -> Told | None:
    """What the recipient is told of the fact, none where it is told nothing.

    `own`: it stated the fact itself (rule 9). `in_force`: the fact holds on the recipient's first day (rule 7).
    """
    column = standing.column
    if own and column != "county":
        return _own_fact(fact, pathway, standing, policy)
    cell = policy.cell(fact.name, column)
    if cell.shape in "–CS" or not (in_force or _entitled(fact, pathway, standing, cell)):
        # C: no fact of today gives a consent. S: travels as a revision of the fact it refers to.
        return None
    profile = policy.profiles[profile_of(fact, pathway, standing)]
    fields = _cell_fields(cell, Telling(fact, pathway, standing, profile), policy)
    if fields is None:
        return None
    basis, purpose = ground_of(fact, pathway, standing, cell)
    return Told(
        cell=str(cell),
        occurred_on=fact.occurred_on,
        legal_basis=basis,
        purpose=purpose,
        fields=fields,
        classes=_classes(fact, pathway, cell, fields, policy),
        profile=profile.name,
        staff=_staff_of(fact, cell, profile, policy),
        message_id=fact.command_id if own else _message_id(fact, pathway, standing),
    )


def profile_of(fact: Fact[Event], pathway: Pathway, standing: Standing) -> str:
    """The profile of 5.2: the column, for a provider by the role of the placement that the fact falls under."""
    if standing.column != "PR":
        return standing.column
    own = [span.placement_id for span in standing.spans]
    named = getattr(fact.event, "placement_id", None)
    keys = [named] if named in own else [span.placement_id for span in standing.spans if fact.occurred_on in span] or own
    roles = {pathway.placements[key].proposed.event.provision_role for key in keys if key in pathway.placements}
    return "PR-support" if roles == {"support_and_guidance"} else "PR"


def _entitled(fact: Fact[Event], pathway: Pathway, standing: Standing, cell: Cell) -> bool:
    match standing.column:
        case "county":
            return True
        case "RF":
            return _own_referral(fact.event, pathway, standing)
        case "PR":
            return _for_provider(fact, pathway, standing)
        case "KB" | "FU":
            return _for_payer(fact, pathway, standing)
    if isinstance(fact.event, e.NotificationSent):
        named = fact.event.recipient_org_id == standing.recipient.org
        return named and (standing.column != "KS" or standing.covers(fact.occurred_on))
    return standing.covers(fact.occurred_on)


def _for_provider(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """Facts of a placement go to the provider of that placement; of the days only its own account (rule 2)."""
    event, org = fact.event, standing.recipient.org
    if isinstance(event, e.AbsenceReportSent):
        return event.reporting_org_id == org and cut_range(event, standing) is not None
    if isinstance(event, e.AttendanceRecorded) and event.account != "provider":
        return False
    if isinstance(event, e.PeriodCompleted):
        placement = last_placement(pathway, pathway.periods[event.period_id]) if event.period_id in pathway.periods else None
        if placement and placement.proposed.event.provider_org_id == org:
            return True
        return standing.covers(fact.occurred_on)
    named = getattr(event, "placement_id", None)
    if named is None or isinstance(event, e.PeriodStarted):
        return standing.covers(fact.occurred_on)
    placement = pathway.placements.get(named)
    return placement is not None and placement.proposed.event.provider_org_id == org


def _for_payer(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """The payer of the fact's day; a statement, a notice, a report only where it names this payer."""
    event, org = fact.event, standing.recipient.org
    if isinstance(event, e.BenefitStatusChanged):
        # `payer_end`: to the payer whose time ends, once it has got a period.
        return bool(standing.spans) and last_day_paid(fact, pathway, org) is not None  # type: ignore[arg-type]
    if isinstance(event, e.LabourPolicyStatementIssued | e.NotificationSent):
        named = event.payer_org_id if isinstance(event, e.LabourPolicyStatementIssued) else event.recipient_org_id
        period = pathway.periods.get(event.period_id or "")
        run = running(period) if period else None
        day = min(fact.occurred_on, run.last) if run else fact.occurred_on
        return named == org and pathway.payer(day) == org
    if isinstance(event, e.AbsenceReportSent):
        return event.payer_org_id == org and cut_range(event, standing) is not None
    if isinstance(event, e.ServiceDayNotArranged):
        return cut_range(event, standing) is not None
    if isinstance(event, e.PeriodCompleted):
        return standing.covers(min(fact.occurred_on, event.ended_on))
    return standing.covers(fact.occurred_on)


def _own_referral(event: Event, pathway: Pathway, standing: Standing) -> bool:
    referral = pathway.referrals.get(getattr(event, "referral_id", None) or "")
    return referral is not None and referral.submitted.event.sender_org_id == standing.recipient.org


# --- Fields -----------------------------------------------------------------------------------------------------------


def _cell_fields(cell: Cell, telling: Telling, policy: Policy) -> Fields | None:
    """References to parts and what the cell and the profile leave; none when nothing but references is left."""
    event, profile = telling.fact.event, telling.profile
    references = picked(event, *references_of(type(event)))
    if cell.shape == "D":
        content = _whole(telling)
        if not content and references_of(type(event)) != classes_of(type(event)).keys():
            return None
        header = {name: getattr(telling.fact, name) for name in HEADER_FIELDS if profile.shows("L", name)}
        return {**references, **content, **header}
    reduced = form_fields(cell.form, telling)
    if reduced is None:
        return None
    form = policy.forms[cell.form]
    classes = form.classes
    content = {name: value for name, value in reduced.items() if profile.shows(classes[name], name)}
    if not content and not (form.staff_card and profile.staff_card):
        return None
    return {**references, **content}


def _whole(telling: Telling) -> Fields:
    """Every field that the profile shows, references apart; a schedule's load in its place where only that is shown."""
    event, profile, fact = telling.fact.event, telling.profile, telling.fact
    letters, references = classes_of(type(event)), references_of(type(event))
    author = fact.actor_org == telling.standing.recipient.org
    shown = {
        name: value
        for name, letter in letters.items()
        if name not in references
        and (value := getattr(event, name)) is not None
        and (profile.shows(letter, name) or (author and name in profile.never))
    }
    schedule = getattr(event, "schedule", None)
    if schedule and "schedule" not in shown:
        shown |= {name: value for name, value in week_load(schedule).items() if profile.shows("E", name)}
    if "from_on" in shown and "until_on" in shown and isinstance(event, e.ServiceDayNotArranged | e.AbsenceReportSent):
        shown |= _cut(event, telling.standing)
    if "parallel_services" in shown and profile.codes:
        codes = tuple(code for code in shown.pop("parallel_services") if code in profile.codes)
        shown |= {"parallel_services": codes} if codes else {}
    if isinstance(event, e.FactCorrected) and event.new_values is not None:
        shown["new_values"] = _visible(event.new_values, telling)
    return shown


def _cut(event: e.ServiceDayNotArranged | e.AbsenceReportSent, standing: Standing) -> Fields:
    days = cut_range(event, standing)
    fields: Fields = dict(zip(("from_on", "until_on"), days, strict=True)) if days else {}
    if isinstance(event, e.AbsenceReportSent):
        fields["absences"] = tuple(absence for absence in event.absences if standing.covers(absence.day_on))
    return fields


def _visible(new_values: Mapping[str, Any], telling: Telling) -> dict[str, Any]:
    """Of a correction's new values those whose fields the recipient may see in the fact itself."""
    target = telling.pathway.facts.get(getattr(telling.fact.event, "target_event_id", ""))
    letters = classes_of(type(target.event)) if target else {}
    return {name: value for name, value in new_values.items() if telling.profile.shows(letters.get(name, "H"), name)}


def _own_fact(fact: Fact[Event], pathway: Pathway, standing: Standing, policy: Policy) -> Told:
    """The author's own fact in the fields that it sent; of others' corrections only what its row would show (rules 6, 9)."""
    event = fact.event
    profile = policy.profiles[profile_of(fact, pathway, standing)]
    fields = {name: value for name in type(event).model_fields if (value := getattr(event, name)) is not None}
    for name in _corrected_by_others(fact, pathway, standing):
        cell = policy.cell(fact.name, standing.column)
        row = told_of(fact, pathway, standing, policy) if cell.shape in "DR" else None
        if row is None or name not in row.fields:
            fields.pop(name, None)
    return Told(
        cell=OWN_FACT,
        occurred_on=fact.occurred_on,
        legal_basis="LB-OWN-TASK",
        purpose=ground_of(fact, pathway, standing, policy.cell(fact.name, standing.column))[1],
        fields=fields,
        classes=_classes(fact, pathway, Cell("D"), fields, policy),
        profile=profile.name,
        staff=_instructor(event) if standing.column == "PR" else None,
        message_id=fact.command_id,
    )


def _corrected_by_others(fact: Fact[Event], pathway: Pathway, standing: Standing) -> Iterable[str]:
    for correction_id in fact.corrected_by:
        correction = pathway.facts.get(correction_id)
        if correction and (correction.actor_org, correction.actor_task) != (standing.recipient.org, standing.recipient.task):
            yield from getattr(correction.event, "new_values", None) or ()


_MOST_SECRET_FIRST = "GHFKBCJIELDA"
_letters: dict[tuple[type[Event], str, str], Mapping[str, str]] = {}


def _classes(fact: Fact[Event], pathway: Pathway, cell: Cell, fields: Fields, policy: Policy) -> Mapping[str, str]:
    """The class under which each field is sealed; the new values of a correction under the most secret of theirs."""
    key = (type(fact.event), cell.form, policy.hash)
    letters = _letters.get(key)
    if letters is None:
        header = dict.fromkeys(HEADER_FIELDS, "L")
        form = policy.forms[cell.form].classes if cell.form else {}
        letters = {**classes_of(key[0]), **header, "days_per_week": "E", "hours_per_week": "E", **form}
        _letters[key] = letters
    if "new_values" in fields:
        target = pathway.facts.get(getattr(fact.event, "target_event_id", ""))
        own = classes_of(type(target.event)) if target else {}
        used = [own.get(name, "H") for name in fields["new_values"]]
        letters = {**letters, "new_values": min(used, key=_MOST_SECRET_FIRST.index, default="A")}
    return {name: letters[name] for name in fields}


def _staff_of(fact: Fact[Event], cell: Cell, profile: Profile, policy: Policy) -> str | None:
    if not profile.staff_card:
        return None
    if cell.form and policy.forms[cell.form].staff_card:
        return getattr(fact.event, "worker_id", None)
    return _instructor(fact.event) if profile.name.startswith("PR") else None


def _instructor(event: Event) -> str | None:
    return event.instructor_id if isinstance(event, e.InstructorNamed) else None


def _message_id(fact: Fact[Event], pathway: Pathway, standing: Standing) -> str | None:
    """The sender's own message id, on the answers to its referral."""
    if standing.column != "RF":
        return None
    referral = pathway.referrals.get(getattr(fact.event, "referral_id", None) or "")
    return referral.submitted.command_id if referral else None
