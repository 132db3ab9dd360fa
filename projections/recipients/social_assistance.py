"""Kela as the office of social assistance: whether a client who lives on it took part in what was arranged for him."""

from __future__ import annotations

from collections.abc import Iterator

from domain.disclosure.kinds import Span, Standing, in_window
from domain.disclosure.payers import referred_by
from domain.disclosure.windows import benefit_spans
from domain.events import Event
from domain.pathway import Fact, Pathway
from projections.kinds import Kind


def assisted(pathway: Pathway) -> Iterator[tuple[None, Span]]:
    """The days on which the client lives on social assistance, for every office of it."""
    for span, held in benefit_spans(pathway):
        if held.event.benefit == "social_assistance":
            yield None, span


def on_its_days(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """Facts of its days alone, notices to it too."""
    return standing.covers(fact.occurred_on) and in_window(fact, pathway, standing)


def _ground(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str] | None:
    return ("LB-SA-PTA", "social_assistance") if form == "assessed" else None


KIND = Kind(
    name="social_assistance",
    title="social assistance",
    task="social_assistance",
    column="KS",
    roles=("kela_clerk",),
    sends=frozenset({"change_benefit_status", "correct_fact"}),
    may_begin=referred_by,
    window=assisted,
    entitled=on_its_days,
    legal_basis="LB-SA-REFUSAL",
    purpose="social_assistance",
    ground=_ground,
)
