"""What of each fact stands in each epoch of a recipient: whatever is told of a fact anew takes its place, for the disclosure
policy run again. Where it does not, two things hold at once in the recipient's model."""

from __future__ import annotations

from domain.events import DisclosureMade, DisclosureRevised, DisclosureWithdrawn


class StandingTellings:
    """By epoch, as (recipient, number), and fact: the publication that stands."""

    def __init__(self) -> None:
        self._stands: dict[tuple[str, int], dict[str, str]] = {}

    def take(self, line: tuple[str, int], event: DisclosureMade | DisclosureWithdrawn) -> str:
        """The next telling of an epoch: what is amiss with what it replaces, nothing where that is right."""
        stands, fact, replaces = self._stands.setdefault(line, {}), event.source_event_id, ""
        before = stands.pop(fact, None)
        if isinstance(event, DisclosureMade):
            stands[fact] = event.publication_id
        if isinstance(event, DisclosureWithdrawn):
            replaces = event.withdraws_publication_id
        elif isinstance(event, DisclosureRevised):
            replaces = event.replaces_publication_id
        return "" if before in (None, replaces) else f"replaces {replaces or 'nothing'}, and {before} stands beside it"
