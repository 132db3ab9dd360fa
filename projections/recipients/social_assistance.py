"""Kela as the office of social assistance: what it has to know of a client who lives on it."""

from __future__ import annotations

from projections.kinds import Kind

KIND = Kind(
    name="social_assistance",
    task="social_assistance",
    column="KS",
    roles=("kela_clerk",),
    sends=frozenset({"change_benefit_status", "correct_fact"}),
)
