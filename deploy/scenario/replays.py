"""Questions that are answered from the full feed and not from a read model: what was recorded, told and decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.routes.replay import WHOLE

TO_TASK = "organiser"
"""Only the county replays."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One of them. `path` is its address below the client's; `parameters` those that it takes, all of them texts."""

    id: str
    path: str
    title: str
    parameters: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    who: frozenset[str] = WHOLE


REPLAYS: Mapping[str, Replay] = {
    replay.id: replay
    for replay in (
        Replay("CW8", "told", "What has each agency been told, and on what ground?", figures=("tellings",)),
        Replay(
            "DP1",
            "history",
            "Everything recorded, `order: recorded` or `order: occurrence`",
            ("order",),
            figures=("facts",),
        ),
        Replay(
            "DP2",
            "told/{recipient}",
            "What had one agency been told by a time?",
            ("recipient", "by"),
            ("recipient",),
            ("time_used", "tellings"),
        ),
        Replay("DP12", "decisions", "Every decision run again", figures=("decisions",)),
    )
}
"""By id (domain/questions.md 6.1, 6.6)."""
