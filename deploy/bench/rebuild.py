"""A recipient's read model from its topic, beside the stock projection runner with a view of one row.

Both run in a process of their own, as a projector does: what else this one holds in memory is nobody's burden there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from consumers.broker import KafkaBroker
from consumers.projector import Projector
from consumers.wire import out_topic
from deploy.bench.figures import Figures, median
from deploy.bench.ground import MODELS, PASSWORD, Servers
from deploy.bench.large import large_ledger, published
from deploy.bench.stock import fill, project, stock_application
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings
from domain.directory import Recipient
from projections.read_models_postgres import PostgresModels, provision_recipient

RECIPIENT = "county"
"""The organiser is told most: with 480 clients along AS-1, more than 50,000 publications."""


class Task(NamedTuple):
    """What the process has to do: into one empty database a round, from the topic's begin to its end; and the stock
    runner's database, with the position of its last event."""

    databases: list[str]
    recipient: tuple[str, str, str, str]
    end: int
    stock_database: str
    stock_last: int


def measure(servers: Servers, quick: bool) -> Figures:
    """Rounds of both in turn, each into an empty model."""
    rounds, events = (2, 1_000) if quick else (7, 5_000)
    parts = large_ledger(servers, quick)
    published(parts)
    end = parts.broker.end_offsets([out_topic(parts.store.ledger, RECIPIENT)]).popitem()[1]
    found = parts.store.directory.recipients[RECIPIENT]
    stock = servers.postgres.fresh_database()
    with stock_application(stock) as application:
        last = fill(application, events)
    databases = [servers.postgres.fresh_database() for _ in range(rounds + 1)]
    task = Task(databases, (RECIPIENT, found.org, found.task, found.from_on.isoformat()), end, stock, last)
    environment = {**os.environ, **parts.settings.environment()}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bench.rebuild"],
        env=environment, input=json.dumps(task), check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ours, theirs = json.loads(done.stdout)
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


def main() -> None:
    """Do the task that comes in, and print the rates of both by round; the first round warms up, and is left out."""
    task = Task(*json.load(sys.stdin))
    look_seldom_for_garbage()
    settings = Settings.from_environment()
    broker = KafkaBroker(settings.connection)
    ours: list[float] = []
    theirs: list[float] = []
    for database in task.databases:
        with _empty_model(broker, settings.ledger, database, task) as projector:
            began = time.perf_counter()
            while not _at(projector, task.end):
                projector.step()
            ours.append(task.end / (time.perf_counter() - began))
        _forget_view(task.stock_database)
        began = time.perf_counter()
        project(task.stock_database, task.stock_last)
        theirs.append(task.stock_last / (time.perf_counter() - began))
    broker.close()
    print(json.dumps([ours[1:], theirs[1:]]))


@contextmanager
def _empty_model(broker: KafkaBroker, ledger: str, database: str, task: Task) -> Iterator[Projector]:
    """A projector of one recipient whose model is provisioned and empty, in a database of its own."""
    provision_recipient(database, ledger, RECIPIENT, [MODELS])
    models = PostgresModels(make_conninfo(database, user=MODELS, password=PASSWORD), ledger)
    short_name, org, held, since = task.recipient
    recipient = Recipient(short_name, org, held, date.fromisoformat(since))
    projector = Projector(broker, ledger, models, lambda: [recipient])
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


if __name__ == "__main__":
    main()
