"""Where measuring happens: real servers started for it, fresh ledgers on them, clients brought to a started period."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from deploy.bench.history import OPENED_ON, Asked, Refs
from deploy.local.parts import Kafka, Parts, Postgres, choose_parts
from deploy.migration import migrate
from deploy.scenario.given import keep_cards, lay_out
from deploy.scenario.reader import read_scenario
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.answers import Answer
from domain.store import ClientRecord, EventStore, Vault

SCENARIO = Path(__file__).parents[1] / "scenarios" / "as-1.yaml"
STORE, MODELS = "kuty_bench_store", "kuty_bench_models"
PASSWORD = "bench"
"""Of logins that are gone with the server."""
AT_ONCE = 64


class Refusal(Exception):
    """A command that was to be measured was refused: what was measured would mean nothing."""


class Servers:
    """Real PostgreSQL (fsync on) and real Kafka, each started when it is first asked for, and stopped at the end."""

    def __init__(self) -> None:
        self.parts: Parts = choose_parts()
        self.folder = Path(tempfile.mkdtemp(prefix="kuty-bench-"))
        self.folder.chmod(0o711)
        self._stack = ExitStack()
        self._postgres: Postgres | None = None
        self._kafka: Kafka | None = None
        self._names = itertools.count(1)
        self.large: Wired | None = None
        """The ledger that several measurements share (`deploy.bench.large`)."""

    @property
    def postgres(self) -> Postgres:
        """The running PostgreSQL."""
        if self._postgres is None:
            self._postgres = self._stack.enter_context(self.parts.postgres(self.folder / "postgres"))
        return self._postgres

    @property
    def kafka(self) -> Kafka:
        """The running Kafka."""
        if self._kafka is None:
            self._kafka = self._stack.enter_context(self.parts.kafka(self.folder / "kafka"))
        return self._kafka

    def settings(self, *, kafka: bool) -> Settings:
        """Settings of a ledger that is not there yet, in a database of its own; its logins own nothing."""
        owner = self.postgres.fresh_database()
        number = next(self._names)
        return Settings(
            ledger=f"bench-{number}",
            home=self.folder / f"home-{number}",
            owner_dsn=owner,
            kafka=self.kafka.bootstrap if kafka else "",
            store_dsn=make_conninfo(owner, user=STORE, password=PASSWORD),
            models_dsn=make_conninfo(owner, user=MODELS, password=PASSWORD),
        )

    def keep_laid_out(self, settings: Settings) -> Wired:
        """A fresh ledger that stays open to the end."""
        return self._stack.enter_context(laid_out(settings))

    def close(self) -> None:
        """Stop what was started and remove what it kept."""
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def laid_out(settings: Settings) -> Iterator[Wired]:
    """The parts of a fresh ledger with its organisations, providers and contracts, those of AS-1."""
    migrate(settings)
    (settings.home / settings.ledger).mkdir(parents=True, exist_ok=True)
    parts = open_ledger_parts(settings)
    try:
        given = read_scenario(SCENARIO).given
        lay_out(parts.store, given, OPENED_ON)
        keep_cards(parts.vault, given)
        parts.provisioner.step()
        yield parts
    finally:
        parts.close()


def bring(
    store: EventStore, vault: Vault, count: int, path: Callable[[int], Iterable[Asked]], *, at_once: int = AT_ONCE
) -> list[Refs]:
    """Take new clients along their paths through the real command path, many at a time; the references of their parts.

    Raises Refusal.
    """
    everybody = [_registered(vault, number) for number in range(count)]

    async def one(waiting: Iterator[tuple[int, Refs]]) -> None:
        for number, refs in waiting:
            for asked in path(number):
                await ask(store, asked, refs)

    async def all_of_them() -> None:
        waiting = iter(list(enumerate(everybody)))
        await asyncio.gather(*(one(waiting) for _ in range(min(at_once, count))))

    asyncio.run(all_of_them())
    return everybody


async def ask(store: EventStore, asked: Asked, refs: Refs) -> Answer:
    """One command about a client, decided and committed; parts that it begins become known. Raises Refusal."""
    command = asked.command(refs)
    answer = await store.execute_async(
        command, asked.by(refs), uuid.uuid4().hex, client=refs["client"], look_ups=asked.look_ups
    )
    accepted(command.NAME, [answer])
    refs.update(answer.references)
    return answer


def accepted(name: str, answers: Sequence[Answer]) -> None:
    """Raises Refusal unless every answer says recorded."""
    for answer in answers:
        if answer.status != "recorded":
            codes = ", ".join(f"{reason.code} {reason.pointer}" for reason in answer.codes)
            raise Refusal(f"{name}: {answer.status} {codes}")


def _registered(vault: Vault, number: int) -> Refs:
    record = ClientRecord(
        family_name=f"Esimerkki-{number}",
        given_names="Aino Synteettinen",
        home_municipality="837",
        language="fi",
        phone="0400000001",
    )
    return {"client": vault.register(uuid.uuid4().hex, record)}
