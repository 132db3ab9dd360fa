"""Kela's team as a party to a multi-sectoral plan: the joint plan, and the dates of what follows from it."""

from __future__ import annotations

from projections.kinds import Kind

KIND = Kind(
    name="multi_sectoral_team",
    task="multi_sectoral_team",
    column="KM",
    roles=("kela_clerk",),
    sends=frozenset({"draft_plan", "accept_plan", "agree_plan", "correct_fact"}),
)
