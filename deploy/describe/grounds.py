"""On what grounds a kind of recipient may be told a kind of fact: the policy's own function, asked for every case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

from deploy.describe.publication_schemas import COLUMNS, POLICY, Telling, tellings
from deploy.describe.schemas import told_before
from domain import events as e
from domain.catalogue import REGISTER_FACTS, type_of, types_of
from domain.code_lists import code_list
from domain.directory import Recipient
from domain.disclosure.entitlement import OWN_FACT
from domain.disclosure.grounds import ADMINISTRATION, ground_of
from domain.disclosure.kinds import Standing
from domain.events import DisclosureWithdrawn, Event
from domain.pathway import Fact, Pathway, Plan

E = TypeVar("E", bound=Event)
_ANY = "0" * 32
_DAY = date(2025, 1, 1)


def grounds_of(told: Telling) -> list[tuple[str, str]]:
    """(legal basis, purpose), each pair once, in alphabetical order. A referrer is answered on its referral's own basis."""
    if told.event.NAME in REGISTER_FACTS:
        return [("LB-OWN-TASK", ADMINISTRATION)]
    kind, cell = POLICY.kinds[told.column], POLICY.cell(told.event.NAME, told.column)
    standing = Standing(Recipient("any", "any", kind.task, _DAY), kind)
    asked = [ground_of(_fact(told.event), pathway, standing, cell) for pathway in _pathways()]
    pairs = {pair for pair in asked if told.forms != (OWN_FACT,)}
    if kind.any_legal_basis:
        pairs |= {(basis, purpose) for _, purpose in pairs for basis in code_list("legal_basis").codes}
    if OWN_FACT in told.forms:
        pairs |= {("LB-OWN-TASK", purpose) for _, purpose in asked}
    return sorted(pairs)


@cache
def grounds_by_type(column: str) -> Mapping[str, Sequence[tuple[str, str]]]:
    """By type of publication, those of older versions too, on what grounds a column may be told, on none what it is told no
    more and may be taken back; and of the withdrawal that says nothing, of what was erased before it was sent."""
    before: dict[str, Sequence[tuple[str, str]]] = dict.fromkeys(told_before(column), ())
    found = {name: grounds_of(told) for told in tellings()[column] for name in types_of([told.event.NAME])}
    purposes = {purpose for grounds in found.values() for _, purpose in grounds} | {ADMINISTRATION}
    return {**before, **found, type_of(DisclosureWithdrawn): [("LB-OWN-TASK", purpose) for purpose in sorted(purposes)]}


def bases_of(columns: tuple[str, ...] = COLUMNS) -> dict[str, tuple[str, ...]]:
    """By type, every legal basis on which these columns may be told of it."""
    found: dict[str, set[str]] = {}
    for column in columns:
        for told in tellings()[column]:
            found.setdefault(told.type, set()).update(basis for basis, _ in grounds_of(told))
    return {type_name: tuple(sorted(bases)) for type_name, bases in found.items()}


def _fact(cls: type[Event]) -> Fact[Event]:
    fields: dict[str, Any] = {name: _ANY if name == "referral_id" else None for name in cls.model_fields}
    return _stated(cls.model_construct(None, **fields))


def _stated(event: E) -> Fact[E]:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    return Fact(_ANY, event, _DAY, at, 1, 1, _ANY, "any", "any", "any", "any", "any")


def _pathways() -> tuple[Pathway, Pathway]:
    """A client whose plan is the county's and the employment authority's, and one with a multi-sectoral plan."""
    started = e.PlanDraftingStarted(
        case_id=_ANY, plan_id=_ANY, plan_kind="multi_sectoral_employment_plan", initiator="organiser", parties=()
    )
    return Pathway(_ANY), Pathway(_ANY, plans={_ANY: Plan(_stated(started))})
