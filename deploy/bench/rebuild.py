"""A recipient's read model from its topic, beside the stock projection runner with a view of one row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from consumers.projector import Projector
from consumers.wire import out_topic
from deploy.bench.figures import Figures, median
from deploy.bench.ground import MODELS, PASSWORD, Servers
from deploy.bench.large import large_ledger, published
from deploy.bench.stock import fill, project, stock_application
from deploy.wiring import Wired
from projections.read_models_postgres import PostgresModels, provision_recipient

RECIPIENT = "county"
"""The organiser is told most: with 480 clients along AS-1, more than 50,000 publications."""


def measure(servers: Servers, quick: bool) -> Figures:
    """Rounds of both in turn, each into an empty model."""
    rounds, events = (2, 1_000) if quick else (5, 5_000)
    parts = large_ledger(servers, quick)
    published(parts)
    end = parts.broker.end_offsets([out_topic(parts.store.ledger, RECIPIENT)]).popitem()[1]
    database = servers.postgres.fresh_database()
    ours: list[float] = []
    theirs: list[float] = []
    with stock_application(database) as application:
        last = fill(application, events)
    for _ in range(rounds):
        with _empty_model(servers, parts) as projector:
            began = time.perf_counter()
            while not _at(projector, end):
                projector.step()
            ours.append(end / (time.perf_counter() - began))
        _forget_view(database)
        began = time.perf_counter()
        project(database, last)
        theirs.append(last / (time.perf_counter() - began))
    figures = Figures()
    figures.keep(
        {"rebuild_ratio": median(one / other for one, other in zip(ours, theirs, strict=True))},
        "rebuild",
        {
            "publications": end,
            "publications_per_s": median(ours),
            "publications_per_s_rounds": ours,
            "stock_events": last,
            "stock_events_per_s": median(theirs),
            "stock_events_per_s_rounds": theirs,
        },
    )
    return figures


@contextmanager
def _empty_model(servers: Servers, parts: Wired) -> Iterator[Projector]:
    """A projector of one recipient whose model is provisioned and empty, in a database of its own."""
    owner = servers.postgres.fresh_database()
    ledger = parts.store.ledger
    provision_recipient(owner, ledger, RECIPIENT, [MODELS])
    models = PostgresModels(make_conninfo(owner, user=MODELS, password=PASSWORD), ledger)
    recipient = parts.store.directory.recipients[RECIPIENT]
    projector = Projector(parts.broker, ledger, models, lambda: [recipient])
    try:
        yield projector
    finally:
        projector.close()
        models.close()


def _at(projector: Projector, end: int) -> bool:
    return any(feed.next_offset >= end for feed in projector.states().values())


def _forget_view(database: str) -> None:
    with psycopg.connect(database) as connection:
        for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'latest%'").fetchall():
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
