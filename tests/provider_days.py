"""A provider that tells its days: AS-1 until the first absence, in the week after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from house import House, house_after
from stories import KELA, last

SENDER = "provider-s01"
BENEFIT = {"benefit": "labour_market_subsidy", "payer_org_id": KELA, "from_on": "2025-03-01"}
"""What an employment authority's system says of somebody; it waits where the authority may not know him."""
DAYS = [date(2025, 3, 24) + timedelta(days=n) for n in (0, 1, 3)]


@contextmanager
def week_after(folder: Path) -> Iterator[House]:
    """Thursday of the week whose days nobody has told yet."""
    with house_after("13 first", folder) as home:
        home.on(DAYS[-1])
        home.settle()
        yield home


def attendance(home: House, on: date = DAYS[0], **changes: Any) -> dict[str, Any]:
    """A present day as the provider's system sends it; `...` leaves a field out."""
    body = {
        "client": home.name(SENDER),
        "period_id": home.name(SENDER, last(home.pathway.periods)),
        "day_status": "present",
        "hours": 5,
        "occurred_on": on.isoformat(),
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def statuses(home: House, short_name: str = SENDER) -> list[str]:
    """The status of every receipt on the recipient's topic."""
    return [receipt["status"] for receipt in home.receipts(short_name)]
