"""Statistics: counts are made for it by a task of their own, it is told no fact one by one."""

from __future__ import annotations

from projections.kinds import Kind

KIND = Kind(
    name="statistics",
    title="statistics",
    task="statistics",
    column="ST",
    told_one_by_one=False,
    legal_basis="LB-STAT",
    purpose="statistics",
)
