"""One large ledger, made once in a run: many clients along AS-1, everything that follows from them disclosed."""

from __future__ import annotations

from collections.abc import Sequence

from consumers import relay as relaying
from consumers.log import Entry
from consumers.outgoing import Packing
from deploy.bench.ground import Servers, bring
from deploy.bench.history import as_1
from deploy.wiring import Wired
from domain.record import Record

CLIENTS, FEW_CLIENTS = 480, 48
"""So many give the county more than 50,000 publications; a quick run takes fewer."""
PAGE = 1_000


def large_ledger(servers: Servers, quick: bool) -> Wired:
    """The ledger's parts, on PostgreSQL and Kafka; nothing of it has been published when it is new."""
    if servers.large is None:
        servers.large = parts = servers.keep_laid_out(servers.settings(kafka=True))
        bring(parts.store, parts.vault, FEW_CLIENTS if quick else CLIENTS, as_1)
        while parts.disclosure.step():
            pass
    return servers.large


def published(parts: Wired) -> int:
    """Publish what is not published yet; the position of the last event."""
    while parts.store.tracking(relaying.TRACKING) < parts.store.head():
        parts.relay.step()
    return parts.store.head()


def on_the_wire(parts: Wired, after: int, upto: int) -> list[tuple[str, Entry]]:
    """What the relay sends of the events behind `after` up to `upto`: topics and bytes."""
    packing = Packing(parts.store, parts.pseudonyms, parts.settings.schemas)
    sent: list[tuple[str, Entry]] = []
    while after < upto:
        records: Sequence[Record] = parts.store.records(after, min(PAGE, upto - after))
        sent += [(out.topic, out.entry) for out in packing.pack(records)[0]]
        after = records[-1].position
    return sent
