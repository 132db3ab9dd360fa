"""A stored decision: the accepted command and its circumstances, as sealed in its first event (design D3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.context import Caller
from domain.record import Record


@dataclass(frozen=True, slots=True)
class Decision:
    """Enough to run the decision again. The state is the stream before `version` (a client's), or the register before
    `position`; the directory is that of `directory_version`, a position of the feed. `recorded_at` is UTC."""

    decision_id: str
    command: str
    body: Mapping[str, Any]
    client: str | None
    caller: Caller
    look_ups: Mapping[str, Any]
    recorded_at: datetime
    ruleset_version: str
    directory_version: str
    position: int
    version: int
    command_id: str


def decision_of(record: Record, content: Mapping[str, Any] | None) -> Decision | None:
    """The decision from the opened section of its first event."""
    if content is None:
        return None
    header = record.header
    return Decision(
        content["decision_id"], content["command"], content["body"], content["client"], Caller(**content["caller"]),
        content["look_ups"], header.recorded_at, header.ruleset_version, header.directory_version, record.position,
        header.stream_version, header.command_id,
    )  # fmt: skip
