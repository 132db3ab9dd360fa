"""When a recipient may have everything that it was told sent once more: each time the whole history is recorded anew.

source: design D16, D24
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.refusals import Reason, Refused

MOST_IN_A_DAY = 3
A_DAY = timedelta(hours=24)


class SentOnceMoreOften(Refused):
    """As many redeliveries to the recipient as there may be have begun within 24 hours. `epoch` is the newest: it holds
    everything. Another one may begin in `wait`."""

    def __init__(self, epoch: int, wait: timedelta) -> None:
        super().__init__(Reason("E_TOO_MANY_REDELIVERIES"))
        self.epoch = epoch
        self.wait = wait


class NotAllToldYet(Refused):
    """Disclosure has come to `told_up_to`, and the feed to `head`: what stands between them may take back what would be sent
    once more."""

    def __init__(self, told_up_to: int, head: int) -> None:
        super().__init__(Reason("E_NOT_AT_HEAD"))
        self.told_up_to = told_up_to
        self.head = head


class Allowance(NamedTuple):
    """How many redeliveries to a recipient may begin now, and in what time there is one more; zero where all may."""

    left: int
    more_in: timedelta


def allowance(begun: Sequence[datetime], now: datetime) -> Allowance:
    """What is allowed where these have begun: one counts until it is 24 hours old. Newest first, UTC; three are enough."""
    counted = [at for at in begun[:MOST_IN_A_DAY] if now - at < A_DAY]
    return Allowance(MOST_IN_A_DAY - len(counted), counted[-1] + A_DAY - now if counted else timedelta())
