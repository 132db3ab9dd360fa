"""Statistics: counts are made for it by a task of their own, it is told no fact one by one."""

from __future__ import annotations

from projections.kinds import Kind

KIND = Kind(
    name="statistics",
    task="statistics",
    column="ST",
)
