"""Kela's team as a party to a multi-sectoral plan: the joint plan, and the dates of what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

from domain.dates import A_DAY
from domain.disclosure.grounds import of_joint_plan
from domain.disclosure.kinds import EVER, Span
from domain.disclosure.windows import closing
from domain.pathway import Pathway
from projections.kinds import Kind


def joint(pathway: Pathway) -> Iterator[tuple[None, Span]]:
    """The days of a multi-sectoral plan to which Kela is a party, until another plan begins or the case closes."""
    starts = sorted((plan.started for plan in pathway.plans.values()), key=lambda s: (s.occurred_on, s.version))
    for index, started in enumerate(starts):
        event = started.event
        if event.plan_kind == "multi_sectoral_employment_plan":
            successor = starts[index + 1].occurred_on - A_DAY if index + 1 < len(starts) else EVER
            end = min(closing(pathway, event.case_id), successor)
            for first, last in pathway.plans[event.plan_id].days_of("kela"):
                if first <= min(end, last or EVER):
                    yield None, Span(first, min(end, last or EVER))


KIND = Kind(
    name="multi_sectoral_team",
    title="multi-sectoral team (Kela)",
    task="multi_sectoral_team",
    column="KM",
    roles=("kela_clerk",),
    sends=frozenset({"draft_plan", "accept_plan", "agree_plan", "correct_fact"}),
    window=joint,
    legal_basis="LB-189-PLAN",
    purpose="plan_making",
    ground=of_joint_plan,
    replaced=True,
)
