"""What is limited, and how much of it is left: the headers `RateLimit-Policy` and `RateLimit`.

They are those of draft-ietf-httpapi-ratelimit-headers-10, and their values lists of structured fields. source: RFC 9651 3.1
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from domain.disclosure.once_more import A_DAY, MOST_IN_A_DAY


@dataclass(frozen=True, slots=True)
class Quota:
    """So many of something: within a window of time, or at a time where it has none. `unit` is a word of the draft's
    registry, none for requests."""

    name: str
    quota: int
    window: timedelta | None = None
    unit: str = ""

    @property
    def policy(self) -> str:
        """The value of `RateLimit-Policy`."""
        unit = f';qu="{self.unit}"' if self.unit else ""
        window = f";w={self.window.total_seconds():.0f}" if self.window else ""
        return f'"{self.name}";q={self.quota}{unit}{window}'

    def headers(self, left: int, more_in: timedelta | None = None) -> dict[str, str]:
        """Both headers, where so many are left and one more is there in some time; none where all are, or nobody knows."""
        reset = f";t={ceil(more_in.total_seconds())}" if more_in else ""
        return {"RateLimit-Policy": self.policy, "RateLimit": f'"{self.name}";r={max(0, left)}{reset}'}


REDELIVERIES = Quota("redeliveries", MOST_IN_A_DAY, A_DAY)
"""To one recipient of a live ledger. See docs/decisions/0022."""
WAITING_READERS = Quota("waiting-readers", 8, unit="concurrent-requests")
"""Of one recipient at one process of the API: some of its own system, as many while that is replaced. Each of them reads
when something was told."""
