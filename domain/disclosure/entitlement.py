"""Whether one fact may be told to one recipient, in which form, and on what ground: a pure policy (design D9).

The policy's cell says the form, the kind of recipient says which facts on which days, the data class of each field says
what is left of it.
source: domain/disclosure.md 5.3 (rules 1-12a), 5.5
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from domain import events as e
from domain.catalogue import moving
from domain.disclosure.forms import Fields, Telling, cut_range, form_fields, picked, week_load
from domain.disclosure.grounds import ground_of
from domain.disclosure.kinds import Standing
from domain.disclosure.policy import Cell, Policy, Profile
from domain.event import Event, Moves
from domain.message_fields import places
from domain.pathway import Fact, Pathway
from domain.vocabulary import data_class_of

OWN_FACT = "own_fact"
CUT = moving(Moves.CUT)
"""Names of the facts whose days are cut to the recipient's."""
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
    return frozenset(name for name, place in places(cls).items() if place.kind in ("part", "event"))


def told_of(
    fact: Fact[Event], pathway: Pathway, standing: Standing, policy: Policy, *, own: bool = False, in_force: bool = False
) -> Told | None:
    """What the recipient is told of the fact, none where it is told nothing.

    `own`: it stated the fact itself (rule 9). `in_force`: the fact holds on the recipient's first day (rule 7). Nobody is
    told by a window that a key was destroyed: `told_of_destruction`.
    """
    kind = standing.kind
    if isinstance(fact.event, e.PayloadKeyDestroyed):
        return None
    if own and kind.own_facts_whole:
        return _own_fact(fact, pathway, standing, policy)
    cell = policy.cell(fact.name, kind.key)
    if cell.shape in "–CS" or not (in_force or kind.entitled(fact, pathway, standing)):
        # C: no fact of today gives a consent. S: travels as a revision of the fact it refers to.
        return None
    profile = policy.profiles[profile_of(fact, pathway, standing)]
    contact = frozenset(policy.blocks[profile.name].contact)
    fields = _cell_fields(cell, Telling(fact, pathway, standing, profile, contact), policy)
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
        staff=_staff_of(fact, standing, cell, profile, policy),
        message_id=fact.command_id if own else kind.answers(fact, pathway) if kind.answers else None,
    )


def told_of_destruction(fact: Fact[e.PayloadKeyDestroyed], standing: Standing, policy: Policy) -> Told | None:
    """What the recipient is told of the end of a matter, none where its column is told nothing. Nothing of it depends on
    what is known of the client: by then nobody may know it any more.

    source: domain/disclosure.md 5.3, form `destroyed`
    """
    kind = standing.kind
    cell = policy.cell(fact.name, kind.key)
    if cell.shape not in "DR" or not kind.told_one_by_one:
        return None
    profile = policy.profiles[kind.profiles[0]]
    fields = picked(fact.event, *type(fact.event).model_fields)
    if cell.form:
        fields = form_fields(cell.form, Telling(fact, Pathway(""), standing, profile)) or {}
    return Told(
        cell=str(cell),
        occurred_on=fact.occurred_on,
        legal_basis=kind.legal_basis,
        purpose=kind.purpose,
        fields=fields,
        classes=classes_of(type(fact.event)),
        profile=profile.name,
    )


def profile_of(fact: Fact[Event], pathway: Pathway, standing: Standing) -> str:
    """The profile of 5.2 that holds for the fact: of most kinds of recipients the only one."""
    kind = standing.kind
    return kind.profile_of(fact, pathway, standing) if kind.profile_of else kind.profiles[0]


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
    if fact.name in CUT and shown.keys() >= set(event.FOUND.ends):
        shown |= _cut(event, telling.standing)
    if "parallel_services" in shown and profile.codes:
        codes = tuple(code for code in shown.pop("parallel_services") if code in profile.codes)
        shown |= {"parallel_services": codes} if codes else {}
    if isinstance(event, e.FactCorrected) and event.new_values is not None:
        shown["new_values"] = _visible(event.new_values, telling)
    return shown


def _cut(event: Event, standing: Standing) -> Fields:
    days = cut_range(event, standing)
    fields: Fields = dict(zip(event.FOUND.ends, days, strict=True)) if days else {}
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
        cell = policy.cell(fact.name, standing.kind.key)
        row = told_of(fact, pathway, standing, policy) if cell.shape in "DR" else None
        if row is None or name not in row.fields:
            fields.pop(name, None)
    return Told(
        cell=OWN_FACT,
        occurred_on=fact.occurred_on,
        legal_basis="LB-OWN-TASK",
        purpose=ground_of(fact, pathway, standing, policy.cell(fact.name, standing.kind.key))[1],
        fields=fields,
        classes=_classes(fact, pathway, Cell("D"), fields, policy),
        profile=profile.name,
        staff=_named_staff(event, standing),
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


def _staff_of(fact: Fact[Event], standing: Standing, cell: Cell, profile: Profile, policy: Policy) -> str | None:
    if not profile.staff_card:
        return None
    if cell.form and policy.forms[cell.form].staff_card:
        return getattr(fact.event, "worker_id", None)
    return _named_staff(fact.event, standing)


def _named_staff(event: Event, standing: Standing) -> str | None:
    field = standing.kind.staff_cards.get(event.NAME)
    return getattr(event, field) if field else None
