"""Parameters that several routes have: what they are called, and their bounds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from api.problems import LONGEST_WAIT_S

PAGE = 500
USUAL = 100
"""Entries of an answer, unless another number is asked for."""
LARGEST = 2**63 - 1
"""The highest number that a line can come to."""

ShortName = Annotated[str, Path(max_length=40, description="Your recipient's short name.")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description=f"Entries at most: 1 to {PAGE}, else {USUAL}.")]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_WAIT_S,
        description=f"Seconds to wait for the first one: 0 to {LONGEST_WAIT_S:.0f}, else {LONGEST_WAIT_S:.0f}.",
    ),
]
