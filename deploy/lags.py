"""How far each role, and each recipient's model, is behind: a thousand recipients are no thousand questions.

Everything is read from what is stored and from the broker, so that any process can ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from consumers import relay as relaying
from consumers import wire
from consumers.clerk import Clerk
from consumers.disclosed import NAME as DISCLOSURE
from consumers.intake import Intake
from consumers.lost_ends import note_of
from consumers.projector import place_of
from domain.directory import Recipient
from domain.store import EventStore
from projections.kinds import model_of
from projections.read_models import NotProvisioned, ReadModels, answers_nobody

ASKED_EACH = 20
"""So many models are asked themselves where they stand, when what was noted of them is behind."""


class Lags:
    """How many records behind; 0 for whoever is at the head. Raises `StoreUnavailable`, `BrokerUnavailable`."""

    def __init__(
        self, store: EventStore, models: ReadModels, intake: Callable[[], Intake], clerk: Callable[[], Clerk]
    ) -> None:
        self._store, self._models, self._intake, self._clerk = store, models, intake, clerk

    def of_roles(self) -> dict[str, int]:
        """For each role, in the order in which a command flows through them, each asked about what those before it had done
        when they were asked: where nobody is behind, nothing was on its way between two of them."""
        store = self._store
        intake, clerk = self._intake().behind(), 0 if self._clerk().is_at_head else 1
        disclosure = max(0, store.head() - store.tracking(DISCLOSURE))
        relay = max(0, store.head() - store.tracking(relaying.TRACKING))
        models = self.of_models(store.directory.recipients.values())
        return {
            "intake": intake, "clerk": clerk, "disclosure": disclosure, "relay": relay, "projector": sum(models.values())
        }  # fmt: skip

    def of_models(self, recipients: Iterable[Recipient]) -> Mapping[str, int]:
        """By short name, how many records that the broker has taken are not in the recipient's model yet, and how many
        events have come since its topic was left out. Where many are behind, some may be so by less: what the projector
        notes is a moment old."""
        store = self._store
        topics = {r.short_name: wire.out_topic(store.ledger, r.short_name) for r in recipients if model_of(r)}
        left = {topic: note_of(relaying.TRACKING, topic) for topic in topics.values()}
        ends, noted = store.acknowledged_ends(), store.trackings([*map(place_of, topics.values()), *left.values()])
        behind: dict[str, int] = {}
        for name, topic in topics.items():
            if topic in ends:
                behind[name] = max(0, ends[topic].offset + 1 - noted.get(place_of(topic), 0))
        late = [name for name, records in behind.items() if records]
        for name in late[:ASKED_EACH]:
            try:
                feed = self._models.of(name).feed()
            except NotProvisioned:
                if place_of(topics[name]) not in noted:
                    behind[name] = 0  # nobody is to have a model here
            except Exception as error:
                # One that cannot be asked is behind by what was noted of it, and its projector says why.
                if answers_nobody(self._models, error):
                    raise
            else:
                behind[name] = max(0, ends[topics[name]].offset + 1 - feed.next_offset)
        for name in [name for name, topic in topics.items() if noted.get(left[topic])]:
            behind[name] = behind.get(name, 0) + store.head() + 1 - noted[left[topics[name]]]
        return behind
