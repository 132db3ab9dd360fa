"""Those who joined when clients were known already: how far they have been told of these.

One walk goes through the clients for all who wait, in windows, in the order in which the clients were registered. What
happens to a client to whom the walk has not come is not told to them: it comes with the client, as it stands then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.directory import enter
from domain.events import Erased, OrganisationJoined
from domain.store import LedgerReading

AFTER, UPTO, WALKED = (f"disclosure/late/{part}" for part in ("after", "upto", "walked"))
"""Under these names the walk is kept in the store's table of positions, 0 when nobody waits."""
ONCE_MORE = {AFTER: 1, UPTO: 0, WALKED: 0}
"""How it is kept where nobody knows how far it has come: who joined late comes to every client once more, and is told what
he was not."""


@dataclass(slots=True)
class Late:
    """Who waits for the clients that were there before: by short name, at which position each of them joined.

    Who joined by `upto` is in the walk, which has come to the client registered at `walked`; the others wait for the next
    one. `after` is a position behind which all of them joined. `stored` is what the store has of it.
    """

    after: int = 0
    upto: int = 0
    walked: int = 0
    joined: dict[str, int] = field(default_factory=dict)
    stored: tuple[int, int, int] = (0, 0, 0)

    def waits(self, recipient: str, registered_at: int) -> bool:
        """Whether the recipient has still to come to the client that was registered there."""
        joined_at = self.joined.get(recipient)
        if joined_at is None or registered_at > joined_at:
            return False
        return joined_at > self.upto or registered_at > self.walked

    def joins(self, recipients: set[str], position: int) -> None:
        """Recipients that join at a position, behind clients that are known."""
        self.after = self.after or position - 1
        self.joined |= dict.fromkeys(recipients, position)

    def walkers(self) -> set[str]:
        """Who takes part in the walk; one that nobody is on begins with all who wait."""
        if not self.upto and self.joined:
            self.upto, self.walked = max(self.joined.values()), 0
        return {name for name, joined_at in self.joined.items() if joined_at <= self.upto}

    def end(self) -> None:
        """The walk has come to its end."""
        self.joined = {name: joined_at for name, joined_at in self.joined.items() if joined_at > self.upto}
        self.after = min(self.joined.values(), default=1) - 1
        self.upto = self.walked = 0

    def kept(self) -> tuple[int, int, int]:
        """What is kept of it."""
        return self.after, self.upto, self.walked


def late_of(store: LedgerReading, position: int) -> Late:
    """Who waits, as the store has it; `position` is the follower's. Raises `Damaged`."""
    after, upto, walked = (store.tracking(name) for name in (AFTER, UPTO, WALKED))
    late = Late(after, upto, walked)
    late.stored = late.kept()
    if not late.after:
        return late
    directory = store.directory_at(late.after)
    records = [r for r in store.records(late.after, 1_000_000, (OrganisationJoined.NAME,)) if r.position <= position]
    for record, event in zip(records, store.opened_all(records), strict=True):
        if isinstance(event, Erased):
            continue
        known = directory.recipients.keys()
        directory = enter(directory, event, record.position)
        new = directory.recipients.keys() - known
        late.joined |= dict.fromkeys(new, record.position)
    return late
