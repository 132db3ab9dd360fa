"""A recipient's read model from its topic, beside a bare consumer of the same bytes, and beside the stock projection runner
with a view of one row.

All run in processes of their own, as a projector does: what else this one holds in memory is nobody's burden there. The
stock runner goes at one of two speeds, twofold apart, as long as its process lives: it runs in several, and the fastest one
is what ours is compared with.
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
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from consumers.broker import KafkaBroker
from consumers.projector import Projector
from consumers.wire import out_topic
from deploy.bench.bare_consumer import consume_bare
from deploy.bench.figures import Figures, median
from deploy.bench.ground import MODELS, PASSWORD, Servers
from deploy.bench.large import large_ledger, published
from deploy.bench.stock import fill, project, stock_application
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings
from domain.directory import Recipient
from projections.read_models_postgres import PostgresModels, provision_recipients

RECIPIENT = "county"
"""The organiser is told most: with 480 clients along AS-1, more than 50,000 publications."""


STOCK = "stock"
"""The word that makes this file's process one of the stock runner."""
SAME_SPEED = 0.75
"""Of the fastest: what is slower went at the other speed."""


class Task(NamedTuple):
    """What the process has to do: into one empty database a round, from the topic's begin to its end."""

    databases: list[str]
    recipient: tuple[str, str, str, str]
    end: int


class StockTask(NamedTuple):
    """The stock runner's database, with the position of its last event."""

    database: str
    last: int


def measure(servers: Servers, quick: bool) -> Figures:
    """Rounds of ours and of the bare consumer in turn, each of ours into an empty model; processes of the stock runner."""
    rounds, events, processes = (2, 1_000, 4) if quick else (7, 5_000, 8)
    parts = large_ledger(servers, quick)
    published(parts)
    end = parts.broker.end_offsets([out_topic(parts.store.ledger, RECIPIENT)]).popitem()[1]
    found = parts.store.directory.recipients[RECIPIENT]
    stock = servers.postgres.fresh_database()
    with stock_application(stock) as application:
        last = fill(application, events)
    databases = [servers.postgres.fresh_database() for _ in range(rounds + 1)]
    environment = {**os.environ, **parts.settings.environment()}
    task = Task(databases, (RECIPIENT, found.org, found.task, found.from_on.isoformat()), end)
    ours, bare = _process(environment, task)
    theirs = [_process(environment, StockTask(stock, last), STOCK) for _ in range(processes)]
    figures = Figures()
    figures.keep(
        {
            "rebuild_ratio": median(ours) / max(theirs),
            "rebuild_of_bare": median(one / other for one, other in zip(ours, bare, strict=True)),
        },
        "rebuild",
        {
            "publications": end,
            "publications_per_s": median(ours),
            "publications_per_s_rounds": ours,
            "stock_events": last,
            "bare_per_s": median(bare),
            "bare_per_s_rounds": bare,
            "stock_events_per_s": max(theirs),
            "stock_events_per_s_processes": theirs,
            "stock_processes_at_the_faster_speed": sum(rate >= SAME_SPEED * max(theirs) for rate in theirs),
            "stock_processes": processes,
        },
    )
    return figures


def _process(environment: dict[str, str], task: Task | StockTask, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bench.rebuild", *words],
        env=environment, input=json.dumps(task), check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def stock() -> None:
    """Run the stock runner once, from the beginning, and print its rate."""
    task = StockTask(*json.load(sys.stdin))
    _forget_view(task.database)
    began = time.perf_counter()
    project(task.database, task.last)
    print(json.dumps(task.last / (time.perf_counter() - began)))


def main() -> None:
    """Do the task that comes in, and print the rates of ours and of the bare consumer by round; the first round warms up,
    and is left out."""
    task = Task(*json.load(sys.stdin))
    look_seldom_for_garbage()
    settings = Settings.from_environment()
    broker = KafkaBroker(settings.connection)
    ours: list[float] = []
    bare: list[float] = []
    for database in task.databases:
        with _empty_model(broker, settings.ledger, database, task) as projector:
            began = time.perf_counter()
            while not _at(projector, task.end):
                projector.step()
            ours.append(task.end / (time.perf_counter() - began))
        bare.append(consume_bare(settings.kafka, out_topic(settings.ledger, RECIPIENT), task.end))
    broker.close()
    print(json.dumps([ours[1:], bare[1:]]))


@contextmanager
def _empty_model(broker: KafkaBroker, ledger: str, database: str, task: Task) -> Iterator[Projector]:
    """A projector of one recipient whose model is provisioned and empty, in a database of its own."""
    provision_recipients(database, ledger, [RECIPIENT], [MODELS])
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
    stock() if sys.argv[1:] == [STOCK] else main()
