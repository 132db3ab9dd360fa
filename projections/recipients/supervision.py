"""Supervision asks case by case: it is told nothing, and has no column."""

from __future__ import annotations

from projections.kinds import Kind

KIND = Kind(
    name="supervision",
    title="supervision",
    task="supervision",
    told_one_by_one=False,
)
